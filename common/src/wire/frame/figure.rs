//! Numbers that a server tells of itself (PROTOCOL.md, "Statistics").

use crate::wire::field::{DecodeError, FieldValue, Tag};
use crate::wire::numbers::numbers;

/// What a [`Figure`] is.
///
/// Not an enum: a newer server may give figures that this version does not know.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FigureKind(pub u16);

numbers! {
    FigureKind, "figure", FIGURES;
    /// Milliseconds since the server started.
    UPTIME_MS = 1
    /// Members now.
    MEMBERS = 2
    /// Transfers that run now.
    TRANSFERS = 3
    /// Connections accepted since the start.
    CONNECTIONS = 4
    /// Members who joined without resuming.
    JOINS = 5
    /// Members who resumed on another connection.
    RETURNS = 6
    /// Lines said to everyone.
    LINES = 7
    /// Bytes received from connections.
    BYTES_IN = 8
    /// Bytes sent to connections.
    BYTES_OUT = 9
    /// Uploads that became items.
    UPLOADS = 10
    /// Downloads sent whole.
    DOWNLOADS = 11
    /// `Refused` frames.
    REFUSALS = 12
    /// Connections that ended.
    CLOSES = 13
    /// Those that ended with LEFT.
    CLOSES_LEFT = 14
    /// Those that ended with CONNECTION_LOST.
    CLOSES_LOST = 15
    /// Those that ended with TIMED_OUT.
    CLOSES_TIMED_OUT = 16
    /// Those that ended with TOO_SLOW.
    CLOSES_TOO_SLOW = 17
}

/// One number of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// What it is.
    pub kind: FigureKind,
    /// Its value; the kind says the unit.
    pub value: u64,
}

impl FieldValue for Figure {
    fn put(&self, out: &mut Vec<u8>) {
        self.kind.0.put(out);
        self.value.put(out);
    }

    fn take(tag: Tag, bytes: &[u8]) -> Result<Self, DecodeError> {
        let (kind, value) = bytes.split_at_checked(2).ok_or(DecodeError::Length(tag))?;
        Ok(Self { kind: FigureKind(u16::take(tag, kind)?), value: u64::take(tag, value)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_its_kind_and_a_value() {
        let figure = Figure { kind: FigureKind::LINES, value: 0x0102_0304_0506_0708 };
        let mut out = Vec::new();
        figure.put(&mut out);
        assert_eq!(out, [0, 7, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(Figure::take(Tag::FIGURE, &out), Ok(figure));
        assert_eq!(Figure::take(Tag::FIGURE, &out[1..]), Err(DecodeError::Length(Tag::FIGURE)));
    }
}
