//! Values that only operators' frames need (PROTOCOL.md, "Operators").

use std::net::Ipv6Addr;

use crate::id::{BanId, UnixMillis};
use crate::text::{Nick, Note};
use crate::wire::field::{DecodeError, FieldValue, Tag};
use crate::wire::numbers::numbers;

/// What an operator does, in `Moderate` and `Moderated`.
///
/// Not an enum: a newer peer may send an action that this version does not know.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Action(pub u8);

numbers! {
    Action, "action", ACTIONS;
    /// Has become an operator. Only told, never asked for by `Moderate`.
    OP = 1
    /// Puts a member out of the room.
    KICK = 2
    /// Keeps a nick or an address out of the room.
    BAN = 3
    /// Ends a ban.
    UNBAN = 4
    /// Takes the text of a line away.
    REDACT = 5
    /// Reserves the topic to operators.
    LOCK_TOPIC = 6
    /// Gives the topic back to everyone.
    UNLOCK_TOPIC = 7
}

nested! {
    /// One ban, as operators are told of it.
    BanEntry {
        /// Its number.
        req BAN ban: BanId,
        /// The nick that is banned.
        opt TO to: Nick,
        /// The address that is banned; an IPv6 address stands for its network of 64 bits.
        opt ADDRESS address: Ipv6Addr,
        /// When it ends; absent if it does not.
        opt UNTIL until: UnixMillis,
        /// The operator who made it.
        req NICK nick: Nick,
        /// When it was made.
        req AT at: UnixMillis,
        /// Why.
        opt REASON reason: Note,
    }
}

impl FieldValue for Action {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(self.0);
    }

    fn take(tag: Tag, bytes: &[u8]) -> Result<Self, DecodeError> {
        u8::take(tag, bytes).map(Action)
    }
}

/// An IPv4 address is written as IPv6 does it, `::ffff:192.0.2.1`.
impl FieldValue for Ipv6Addr {
    fn put(&self, out: &mut Vec<u8>) {
        self.octets().put(out);
    }

    fn take(tag: Tag, bytes: &[u8]) -> Result<Self, DecodeError> {
        <[u8; 16]>::take(tag, bytes).map(Ipv6Addr::from)
    }
}
