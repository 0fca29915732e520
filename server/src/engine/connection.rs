//! One connection: its phase, what it has been sent of, and when it must be looked at again.
//!
//! The reading half is a [`Deframer`] (header → fields, or header → chunks of a file's body);
//! the writing half an [`SendQueue`]. What the frames mean is the engine's matter.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use chatshelf_common::id::{Attributes, TransferId};
use chatshelf_common::text::{FileName, Nick};
use chatshelf_common::wire::frame::Item;
use chatshelf_common::wire::{Code, Deframer};

use super::lazy_box::{Empty, LazyBox};
use super::limits::{
    CLOSE_MS, CONTROL_BYTES_MAX, HELLO_MS, JOIN_MS, LINGER_MS, PONG_MS, PROBE_MS, RATE_STEP_MS,
    UPLOAD_BLOCKS_IN_FLIGHT, UPLOAD_STALL_MS, WRITE_STALL_MS,
};
use super::pace::Pace;
use super::send_queue::SendQueue;
use crate::disk::block::Block;
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
    pub(super) transfers: LazyBox<Transfers>,
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

/// The uploads and downloads of a connection, by the client's number.
#[derive(Debug, Default)]
pub(super) struct Transfers {
    /// The highest number the client has used.
    pub(super) last: Option<TransferId>,
    pub(super) uploads: BTreeMap<TransferId, Upload>,
    pub(super) downloads: BTreeMap<TransferId, Download>,
    pub(super) pace: Pace,
}

impl Transfers {
    /// How many have not ended.
    pub(super) fn running(&self) -> usize {
        self.uploads.len() + self.downloads.len()
    }
}

impl Empty for Transfers {
    const EMPTY: &'static Self =
        &Self { last: None, uploads: BTreeMap::new(), downloads: BTreeMap::new(), pace: Pace::NEW };
}

#[derive(Debug)]
pub(super) struct Upload {
    pub(super) name: FileName,
    pub(super) size: u64,
    /// What the item is to have of them.
    pub(super) attributes: Attributes,
    pub(super) received: u64,
    pub(super) stage: UploadStage,
    /// The block being filled.
    pub(super) block: Option<Block>,
    /// Blocks at the disk thread.
    pub(super) in_flight: usize,
    /// When it was offered.
    pub(super) since_ms: u64,
    /// When it last got on, by either side.
    pub(super) progress_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UploadStage {
    /// Its file is being made; the client may not send yet.
    Creating,
    /// The client sends.
    Receiving,
    /// Everything has come and is being verified.
    Publishing,
}

#[derive(Debug)]
pub(super) struct Download {
    pub(super) item: Item,
    /// When it was asked for.
    pub(super) since_ms: u64,
    /// Next byte to ask the disk thread for.
    pub(super) next_ask: u64,
    /// Extents at the disk thread or waiting to be sent.
    pub(super) in_flight: usize,
}

/// What a look at a connection's deadlines calls for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Say farewell with this code.
    Close(Code),
    /// Drop it; there is nobody to tell.
    Drop,
    /// Ask for a sign of life.
    Ping,
    /// End this upload.
    Stalled(TransferId),
    /// See whether its transfers get on.
    Pace,
    /// Nothing yet; look again then, if ever.
    Nothing(Option<u64>),
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
            transfers: LazyBox::default(),
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

    /// True before the welcome, while its nick is contested, while the disk has enough of one of this connection's uploads, and
    /// while the peer leaves its replies lying: nothing is read then, and TCP holds the peer back.
    pub(super) fn is_paused(&self) -> bool {
        self.is_listening()
            && (self.awaits_welcome
                || self.awaits_nick
                || self
                    .transfers
                    .uploads
                    .values()
                    .any(|up| up.in_flight >= UPLOAD_BLOCKS_IN_FLIGHT)
                || self.send_queue.control_bytes() > CONTROL_BYTES_MAX)
    }

    /// The peer has taken something again: where somebody wants its name, that is a sign of life,
    /// for the question may still be on its way behind what it takes so slowly.
    pub(super) fn note_progress(&mut self, now_ms: u64) {
        if self.asked == Asked::ForName {
            (self.silent_since_ms, self.asked) = (now_ms, Asked::No);
        }
    }

    /// Takes a transfer number that the client wants to use; false if it may not.
    pub(super) fn accept_transfer_number(&mut self, transfer: TransferId) -> bool {
        let is_higher = self.transfers.last.is_none_or(|last| last < transfer);
        if is_higher {
            self.transfers.last = Some(transfer);
        }
        is_higher
    }

    /// What is due at `now_ms`, or when to look again. A member that is silent for `keepalive_ms` is
    /// asked for a sign of life.
    pub(super) fn due(&self, now_ms: u64, keepalive_ms: u64) -> Due {
        let mut next: Option<u64> = None;
        let mut passed = |since_ms: u64, allowed_ms: u64| {
            let at_ms = since_ms + allowed_ms;
            if at_ms > now_ms {
                next = Some(next.map_or(at_ms, |earliest| earliest.min(at_ms)));
            }
            at_ms <= now_ms
        };
        match self.phase {
            Phase::Greeting { since_ms } if passed(since_ms, HELLO_MS) => {
                return Due::Close(Code::NOT_JOINED_IN_TIME);
            }
            Phase::Greeted { since_ms } if passed(since_ms, JOIN_MS) => {
                return Due::Close(Code::NOT_JOINED_IN_TIME);
            }
            Phase::Closing { since_ms } if passed(since_ms, CLOSE_MS) => return Due::Drop,
            Phase::Lingering { since_ms } if passed(since_ms, LINGER_MS) => return Due::Drop,
            Phase::Dead => return Due::Drop,
            _ => {}
        }
        if !self.is_listening() {
            return Due::Nothing(next);
        }
        if self.blocked_ms.is_some_and(|since_ms| passed(since_ms, WRITE_STALL_MS)) {
            return Due::Close(Code::TOO_SLOW);
        }
        // While the server does not listen, the peer is neither silent nor slow.
        if self.is_paused() {
            passed(now_ms, keepalive_ms);
            return Due::Nothing(next);
        }
        for (&transfer, upload) in &self.transfers.uploads {
            if upload.stage == UploadStage::Receiving && passed(upload.progress_ms, UPLOAD_STALL_MS)
            {
                return Due::Stalled(transfer);
            }
        }
        if self.transfers.running() > 0 && passed(self.transfers.pace.stepped_ms(), RATE_STEP_MS) {
            return Due::Pace;
        }
        if self.nick().is_some() {
            let allowed_ms = match self.asked {
                Asked::No => keepalive_ms,
                Asked::ForSilence => PONG_MS,
                Asked::ForName => PROBE_MS,
            };
            // What has come and was not read yet is a sign of life.
            let since_ms = if self.readable { now_ms } else { self.silent_since_ms };
            if passed(since_ms, allowed_ms) {
                let is_asked = self.asked != Asked::No;
                return if is_asked { Due::Close(Code::TIMED_OUT) } else { Due::Ping };
            }
        }
        Due::Nothing(next)
    }
}
