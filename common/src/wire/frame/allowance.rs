//! What a server allows each client in a time, and how long it waits (PROTOCOL.md, "Rates").

use byteorder::{BigEndian, ByteOrder};

use crate::rate::Rate;
use crate::wire::field::{DecodeError, FieldValue, Tag};
use crate::wire::numbers::numbers;

/// Bytes of an allowance: of what (2), at once (8), in each period (8), the period (4).
const ALLOWANCE_BYTES: usize = 22;

/// What an [`Allowance`] is of.
///
/// Not an enum: a newer server may have allowances that this version does not know.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AllowanceKind(pub u16);

numbers! {
    AllowanceKind, "allowance", ALLOWANCES;
    /// `Say`s and `Tell`s of a member.
    LINES = 1
    /// `Rename`s and `SetTopic`s of a member.
    CHANGES = 2
    /// File bytes that a member uploads.
    UPLOADS = 3
    /// File bytes that all members of an address upload.
    ADDRESS_UPLOADS = 4
    /// Connections from an address.
    CONNECTIONS = 5
    /// `Join`s from an address that resume no membership.
    JOINS = 6
    /// Bytes of snapshots and history to an address.
    REPLIES = 7
}

/// What a server allows of something. Where it names none, there is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Of what.
    pub kind: AllowanceKind,
    /// How much; the kind says the unit.
    pub rate: Rate,
}

impl FieldValue for Allowance {
    fn put(&self, out: &mut Vec<u8>) {
        self.kind.0.put(out);
        self.rate.at_once().put(out);
        self.rate.refill().put(out);
        self.rate.period_ms().put(out);
    }

    fn take(tag: Tag, bytes: &[u8]) -> Result<Self, DecodeError> {
        let bytes = <[u8; ALLOWANCE_BYTES]>::take(tag, bytes)?;
        let (at_once, refill) =
            (BigEndian::read_u64(&bytes[2..]), BigEndian::read_u64(&bytes[10..]));
        let rate = Rate::new(at_once, refill, BigEndian::read_u32(&bytes[18..]));
        let kind = AllowanceKind(BigEndian::read_u16(&bytes));
        Ok(Self { kind, rate: rate.ok_or(DecodeError::Value(tag))? })
    }
}

/// Which time a [`Deadline`] is.
///
/// Not an enum: a newer server may have deadlines that this version does not know.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeadlineKind(pub u16);

numbers! {
    DeadlineKind, "deadline", DEADLINES;
    /// From accepting a connection to its `Hello`.
    HELLO = 1
    /// From `Hello` to a `Join` that is accepted.
    JOIN = 2
    /// Silence of a member before `Ping`.
    KEEPALIVE = 3
    /// From that `Ping` to TIMED_OUT.
    PONG = 4
    /// Output that the client does not take, until TOO_SLOW.
    OUTPUT = 5
    /// An upload that waits for its client, until STALLED.
    UPLOAD = 6
}

/// How long a server waits for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// For what.
    pub kind: DeadlineKind,
    /// How long, in milliseconds.
    pub ms: u32,
}

impl FieldValue for Deadline {
    fn put(&self, out: &mut Vec<u8>) {
        self.kind.0.put(out);
        self.ms.put(out);
    }

    fn take(tag: Tag, bytes: &[u8]) -> Result<Self, DecodeError> {
        let (kind, ms) = bytes.split_at_checked(2).ok_or(DecodeError::Length(tag))?;
        Ok(Self { kind: DeadlineKind(u16::take(tag, kind)?), ms: u32::take(tag, ms)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_is_its_kind_and_a_rate() {
        let allowance =
            Allowance { kind: AllowanceKind::LINES, rate: Rate::new(20, 5, 1000).unwrap() };
        let mut out = Vec::new();
        allowance.put(&mut out);
        let bytes = [0, 1, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 3, 0xe8];
        assert_eq!(out, bytes);
        let take = |bytes: &[u8]| Allowance::take(Tag::ALLOWANCE, bytes);
        assert_eq!(take(&out), Ok(allowance));
        assert_eq!(take(&out[1..]), Err(DecodeError::Length(Tag::ALLOWANCE)));
        assert_eq!(take(&[0; 22]), Err(DecodeError::Value(Tag::ALLOWANCE)));
    }

    #[test]
    fn a_deadline_is_its_kind_and_a_time() {
        let deadline = Deadline { kind: DeadlineKind::PONG, ms: 60_000 };
        let mut out = Vec::new();
        deadline.put(&mut out);
        assert_eq!(out, [0, 4, 0, 0, 0xea, 0x60]);
        assert_eq!(Deadline::take(Tag::DEADLINE, &out), Ok(deadline));
        let short = Deadline::take(Tag::DEADLINE, &out[1..]);
        assert_eq!(short, Err(DecodeError::Length(Tag::DEADLINE)));
    }
}
