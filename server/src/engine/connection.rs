//! One connection: its phase, what it has been sent of, and when it must be looked at again.
//!
//! The reading half is a [`Deframer`] (header → fields, or header → chunks of a file's body);
//! the writing half an [`SendQueue`]. What the frames mean is the engine's matter.

use std::net::SocketAddr;

use chatshelf_common::text::Nick;
use chatshelf_common::wire::{Code, Deframer};

use super::deadlines::{Due, Look};
use super::lazy_box::LazyBox;
use super::limits::{
    CLOSE_MS, CONTROL_BYTES_MAX, HELLO_MS, JOIN_MS, LINGER_MS, PONG_MS, PROBE_MS, WRITE_STALL_MS,
};
use super::send_queue::SendQueue;
use crate::token::Token;

/// A peer, from accept to reap.
#[derive(Debug)]
pub(super) struct Connection<T> {
    pub(super) transport: T,
    pub(super) peer: SocketAddr,
    pub(super) phase: Phase,
    pub(super) deframer: Deframer,
    /// Joined in this turn and not welcomed yet: what follows is understood after the welcome.
    pub(super) awaits_welcome: bool,
    /// Its join waits for a sign of life of whoever has the nick.
    pub(super) awaits_nick: bool,
    /// What came in one piece with the join.
    pub(super) held: LazyBox<Vec<u8>>,
    /// `Join`s and `Rename`s that were refused for their nick, as far as it matters.
    pub(super) refusals: u8,
    pub(super) send_queue: SendQueue,
    /// Latched: the transport may have something to read, or room to write.
    pub(super) readable: bool,
    pub(super) writable: bool,
    /// Latched: the peer has shut its side; reading goes on to the end.
    pub(super) read_closed: bool,
    /// The end has been read.
    pub(super) read_ended: bool,
    /// When the peer was last heard or, since then, asked for a sign of life.
    pub(super) silent_since_ms: u64,
    pub(super) asked: Asked,
    /// Since when output waits and the peer takes none.
    pub(super) blocked_ms: Option<u64>,
}

/// Where a connection is in its life (PROTOCOL.md, "Phases and deadlines").
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing heard yet.
    Greeting { since_ms: u64 },
    /// `Hello` answered, not joined.
    Greeted { since_ms: u64 },
    /// In the room; the session began on the connection of that name, perhaps this one.
    Joined { nick: Nick, session: Token },
    /// The farewell is queued; what comes in is discarded.
    Closing { since_ms: u64 },
    /// The farewell is sent and our side shut; the peer may still read it.
    Lingering { since_ms: u64 },
    /// To be reaped.
    Dead,
}

/// Whether a silent peer was asked for a sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    No,
    /// It has been silent for long.
    ForSilence,
    /// Somebody wants its name.
    ForName,
}

impl<T> Connection<T> {
    pub(super) fn new(transport: T, peer: SocketAddr, now_ms: u64) -> Self {
        Self {
            transport,
            peer,
            phase: Phase::Greeting { since_ms: now_ms },
            deframer: Deframer::before_join(),
            awaits_welcome: false,
            awaits_nick: false,
            held: LazyBox::default(),
            refusals: 0,
            send_queue: SendQueue::default(),
            readable: false,
            writable: false,
            read_closed: false,
            read_ended: false,
            silent_since_ms: now_ms,
            asked: Asked::No,
            blocked_ms: None,
        }
    }

    pub(super) fn nick(&self) -> Option<&Nick> {
        match &self.phase {
            Phase::Joined { nick, .. } => Some(nick),
            _ => None,
        }
    }

    /// True while what the peer sends has a meaning.
    pub(super) fn is_listening(&self) -> bool {
        matches!(self.phase, Phase::Greeting { .. } | Phase::Greeted { .. } | Phase::Joined { .. })
    }

    /// True before the welcome, while its nick is contested, while the disk thread has enough of
    /// its uploads (`is_held_back`), and while the peer leaves its replies lying: nothing is read
    /// then, and TCP holds the peer back.
    pub(super) fn is_paused(&self, is_held_back: bool) -> bool {
        self.is_listening()
            && (self.awaits_welcome
                || self.awaits_nick
                || is_held_back
                || self.send_queue.control_bytes() > CONTROL_BYTES_MAX)
    }

    /// The peer has been silent for long, and is asked for a sign of life.
    pub(super) fn note_asked(&mut self, now_ms: u64) {
        (self.silent_since_ms, self.asked) = (now_ms, Asked::ForSilence);
    }

    /// The peer has taken something again: where somebody wants its name, that is a sign of life,
    /// for the question may still be on its way behind what it takes so slowly.
    pub(super) fn note_progress(&mut self, now_ms: u64) {
        if self.asked == Asked::ForName {
            (self.silent_since_ms, self.asked) = (now_ms, Asked::No);
        }
    }

    /// What is due of its phase, and of output that waits.
    pub(super) fn output_due(&self, look: &mut Look) -> Option<Due> {
        match self.phase {
            Phase::Greeting { since_ms } if look.has_passed(since_ms, HELLO_MS) => {
                return Some(Due::Close(Code::NOT_JOINED_IN_TIME));
            }
            Phase::Greeted { since_ms } if look.has_passed(since_ms, JOIN_MS) => {
                return Some(Due::Close(Code::NOT_JOINED_IN_TIME));
            }
            Phase::Closing { since_ms } if look.has_passed(since_ms, CLOSE_MS) => {
                return Some(Due::Drop);
            }
            Phase::Lingering { since_ms } if look.has_passed(since_ms, LINGER_MS) => {
                return Some(Due::Drop);
            }
            _ => {}
        }
        let is_stalled =
            |since_ms| self.is_listening() && look.has_passed(since_ms, WRITE_STALL_MS);
        self.blocked_ms.is_some_and(is_stalled).then_some(Due::Close(Code::TOO_SLOW))
    }

    /// What is due because the peer is silent. A member that is for `keepalive_ms` is asked for a
    /// sign of life.
    pub(super) fn silence_due(&self, look: &mut Look, keepalive_ms: u64) -> Option<Due> {
        self.nick()?;
        let allowed_ms = match self.asked {
            Asked::No => keepalive_ms,
            Asked::ForSilence => PONG_MS,
            Asked::ForName => PROBE_MS,
        };
        // What has come and was not read yet is a sign of life.
        let since_ms = if self.readable { look.now_ms() } else { self.silent_since_ms };
        let is_asked = self.asked != Asked::No;
        look.has_passed(since_ms, allowed_ms).then_some(if is_asked {
            Due::Close(Code::TIMED_OUT)
        } else {
            Due::Ping
        })
    }
}
