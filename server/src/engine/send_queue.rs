//! What must still be sent to one connection, in three lanes: control, the room log, file data.
//!
//! The lanes are drained in that order and switched only at frame boundaries, so chat waits for at
//! most one data frame of a file, and for what the kernel holds unsent. Both are bounded by time:
//! see `chatshelf_common::unsent`. The log lane holds nothing: it is a cursor into the room's one
//! log.

mod writing;

use std::collections::VecDeque;
use std::rc::Rc;

use chatshelf_common::id::{Seq, TransferId};
use chatshelf_common::lazy_box::{Empty, LazyBox};
use chatshelf_common::unsent::{UnsentLimit, WriteEnd};
use chatshelf_common::wire::Frame;

use super::transport::Transport;
use crate::disk::readahead::{Extent, Rest};
use crate::room::Snapshot;
use crate::room::log::RoomLog;
use crate::work;

/// Bytes of replies after which a new piece begins: a piece is kept until it is sent completely.
const PIECE_BYTES: usize = 8 * 1024;
/// Approximate bytes of a snapshot gathered for one write.
const GATHER_BYTES: usize = 64 * 1024;

/// The lanes of one connection.
///
/// Invariant: at most one lane is inside a frame: the front piece of `control` if `sent > 0`, the
/// log if its cursor says `mid_frame`, the front of `data` if it is `is_mid_frame()`.
#[derive(Debug, Default)]
pub(super) struct SendQueue {
    control: LazyBox<Control>,
    log: Cursor,
    /// The control lane waits until the log is released up to here, because a snapshot must not
    /// show what a crash could still undo.
    gate: u64,
    bulk: LazyBox<Bulk>,
    ending: LazyBox<Ending>,
}

/// The lane of replies and other frames for this connection alone.
#[derive(Debug, Default)]
struct Control {
    pieces: VecDeque<Piece>,
    /// Bytes of the front piece already sent.
    sent: usize,
}

/// The lane of file data.
#[derive(Debug, Default)]
struct Bulk {
    data: VecDeque<(TransferId, Extent)>,
    /// Extents that were sent or given up, for their owner to take back.
    spent: Vec<(TransferId, Extent)>,
    /// Bytes sent since this was last asked for.
    sent: u64,
    /// How many of them may be ahead of a line.
    limit: UnsentLimit,
    /// True if some were sent since this was last checked.
    has_sent: bool,
}

/// How the conversation ends, when it does.
#[derive(Debug, Default)]
struct Ending {
    /// Where the log lane ends.
    log_stop: Option<u64>,
    /// The last frame, sent when the lanes are empty.
    farewell: Option<Vec<u8>>,
}

impl Bulk {
    /// Flushes without file data do not count: they say little about the peer's speed.
    fn note_flushed(&mut self, flush: Flush, now_us: u64) -> Option<u32> {
        if !std::mem::take(&mut self.has_sent) && self.data.is_empty() {
            return None;
        }
        let end = if flush.end == Flushed::Blocked { WriteEnd::Blocked } else { WriteEnd::Paused };
        let has_changed = self.limit.note_written(flush.accepted, end, now_us);
        has_changed.then(|| self.limit.unsent_bytes())
    }
}

impl Empty for Control {
    const EMPTY: &'static Self = &Self { pieces: VecDeque::new(), sent: 0 };
}

impl Empty for Bulk {
    const EMPTY: &'static Self = &Self {
        data: VecDeque::new(),
        spent: Vec::new(),
        sent: 0,
        limit: UnsentLimit::START,
        has_sent: false,
    };
}

impl Empty for Ending {
    const EMPTY: &'static Self = &Self { log_stop: None, farewell: None };
}

/// A sequence of whole frames.
#[derive(Debug)]
enum Piece {
    Own(Vec<u8>),
    Snapshot(Rc<Snapshot>),
    /// The place of a welcome that is built at the end of the turn (see [`SendQueue::welcome`]).
    Reserved,
}

/// The position up to which a connection was sent the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Cursor {
    /// Not in the room.
    #[default]
    Outside,
    /// Sent up to `offset`.
    At { offset: u64, mid_frame: bool },
    /// The log was trimmed beyond the cursor; `from` is the first event not sent.
    Lost { from: Seq },
}

/// The result of a flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flush {
    /// Bytes of the lanes that the transport accepted.
    pub(super) accepted: usize,
    /// True if something went to the peer, or into a transport that held nothing.
    pub(super) has_progress: bool,
    pub(super) end: Flushed,
}

/// Why a flush ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flushed {
    /// There is nothing left to send.
    Drained,
    /// The transport accepts no more for now.
    Blocked,
    /// The budget is used up.
    Budget,
    /// The cursor is lost; the peer must be told of a gap (see [`SendQueue::tell_gap`]) before the
    /// log can continue.
    Lost {
        /// The first event not sent.
        from: Seq,
    },
}

impl SendQueue {
    /// Queues a control frame.
    pub(super) fn push(&mut self, frame: &impl Frame) {
        match self.control.pieces.back_mut() {
            Some(Piece::Own(bytes)) if bytes.len() < PIECE_BYTES => frame.encode(bytes),
            _ => self.control.pieces.push_back(Piece::Own(frame.to_bytes())),
        }
        work::spend(1);
    }

    /// Returns the bytes of queued control frames, without snapshots.
    pub(super) fn control_bytes(&self) -> usize {
        let own = |piece: &Piece| match piece {
            Piece::Own(bytes) => bytes.len(),
            Piece::Snapshot(_) | Piece::Reserved => 0,
        };
        work::spend(self.control.pieces.len());
        let total: usize = self.control.pieces.iter().map(own).sum();
        let sent = match self.control.pieces.front() {
            Some(Piece::Own(_)) => self.control.sent,
            _ => 0,
        };
        total - sent
    }

    /// Returns the bytes the control lane holds, except snapshots; a piece counts until it is sent
    /// completely.
    pub(super) fn held_bytes(&self) -> usize {
        let own = |piece: &Piece| match piece {
            Piece::Own(bytes) => bytes.capacity(),
            Piece::Snapshot(_) | Piece::Reserved => 0,
        };
        self.control.pieces.iter().map(own).sum::<usize>()
            + self.control.pieces.capacity() * size_of::<Piece>()
    }

    /// Returns the seq of the oldest snapshot in the queue.
    pub(super) fn oldest_snapshot(&self) -> Option<Seq> {
        self.control.pieces.iter().find_map(|piece| match piece {
            Piece::Snapshot(snapshot) => Some(snapshot.seq()),
            Piece::Own(_) | Piece::Reserved => None,
        })
    }

    /// Drops all replies and snapshots, because nobody will receive them.
    pub(super) fn drop_control(&mut self) {
        self.control = LazyBox::default();
    }

    /// Returns the bytes of released events not sent yet.
    pub(super) fn bytes_behind(&self, log: &RoomLog) -> u64 {
        match self.log {
            Cursor::Outside => 0,
            Cursor::At { offset, .. } => self.log_end(log).saturating_sub(offset),
            Cursor::Lost { .. } => log.released() - log.start(),
        }
    }

    /// Returns the number of extents waiting to be sent or taken back.
    pub(super) fn extents(&self) -> usize {
        self.bulk.data.len() + self.bulk.spent.len()
    }

    /// Reserves the welcome's place in the control lane: frames queued later are sent later.
    pub(super) fn reserve_welcome(&mut self) {
        self.control.pieces.push_back(Piece::Reserved);
    }

    /// Fills the reserved place with the welcome and the snapshot, which covers the log up to
    /// `end`, and begins sending the log at `start`.
    pub(super) fn welcome(
        &mut self,
        welcome: &impl Frame,
        snapshot: Rc<Snapshot>,
        start: u64,
        end: u64,
    ) {
        let is_reserved = |piece: &Piece| matches!(piece, Piece::Reserved);
        let Some(place) = self.control.pieces.iter().position(is_reserved) else { return };
        self.control.pieces[place] = Piece::Own(welcome.to_bytes());
        self.control.pieces.insert(place + 1, Piece::Snapshot(snapshot));
        self.log = Cursor::At { offset: start, mid_frame: false };
        self.gate = end;
    }

    /// Queues a gap and the state after it, and continues at `end`, the end of the log.
    pub(super) fn tell_gap(&mut self, gap: &impl Frame, snapshot: Rc<Snapshot>, end: u64) {
        debug_assert!(matches!(self.log, Cursor::Lost { .. }));
        self.push(gap);
        self.control.pieces.push_back(Piece::Snapshot(snapshot));
        self.log = Cursor::At { offset: end, mid_frame: false };
        self.gate = end;
    }

    /// Prepares for file data. The first time, returns how many bytes may be unsent from now on.
    pub(super) fn begin_data(&mut self) -> Option<u32> {
        let is_first = self.bulk.made().is_none();
        is_first.then(|| {
            self.bulk = LazyBox::new(Bulk::default());
            self.bulk.limit.unsent_bytes()
        })
    }

    /// Returns the file bytes that a data frame built now should have, unless it is the last, where
    /// the peer takes `most`.
    pub(super) fn frame_bytes(&self, most: u32) -> usize {
        self.bulk.limit.frame_bytes(most)
    }

    /// Returns true if file data should be in memory, where it can be cut into pieces.
    pub(super) fn is_narrow(&self) -> bool {
        self.bulk.limit.is_narrow()
    }

    /// Notes the result of a flush. Returns how many bytes may be unsent from now on, if that has
    /// changed.
    #[inline] // Called in each flush; few connections have file data.
    pub(super) fn note_flushed(&mut self, flush: Flush, now_us: u64) -> Option<u32> {
        self.bulk.made()?.note_flushed(flush, now_us)
    }

    /// Queues an extent of a download.
    pub(super) fn push_data(&mut self, transfer: TransferId, extent: Extent) {
        if extent.is_taken() {
            self.bulk.spent.push((transfer, extent));
        } else {
            self.bulk.data.push_back((transfer, extent));
        }
    }

    /// Drops the queued data of one download, except the rest of a frame that has begun.
    pub(super) fn cancel_data(&mut self, transfer: TransferId) {
        self.cancel_data_if(|of| of == transfer);
    }

    fn cancel_data_if(&mut self, is_cancelled: impl Fn(TransferId) -> bool) {
        let Some(bulk) = self.bulk.made() else { return };
        for (transfer, mut extent) in std::mem::take(&mut bulk.data) {
            if is_cancelled(transfer) {
                extent.cut();
            }
            self.push_data(transfer, extent);
        }
    }

    /// Drops all queued data, except the rest of a frame that has begun.
    pub(super) fn drop_data(&mut self) {
        self.cancel_data_if(|_| true);
    }

    /// Ends the conversation: no more file data, the log up to `log_end`, then `farewell`.
    pub(super) fn finish(&mut self, farewell: &impl Frame, log_end: u64) {
        self.drop_data();
        // A welcome that has not been built yet never will be.
        self.control.pieces.retain(|piece| !matches!(piece, Piece::Reserved));
        self.ending.log_stop = Some(log_end);
        if let Cursor::Lost { .. } = self.log {
            self.log = Cursor::Outside;
        }
        self.ending.farewell = Some(farewell.to_bytes());
    }

    /// Returns true if data of this download is queued.
    pub(super) fn has_data(&self, of: TransferId) -> bool {
        self.bulk.data.iter().any(|&(transfer, _)| transfer == of)
    }

    /// Returns the bytes of the data lane sent since the last call.
    pub(super) fn take_data_sent(&mut self) -> u64 {
        self.bulk.made().map_or(0, |bulk| std::mem::take(&mut bulk.sent))
    }

    /// Returns true if there are extents that were sent or given up.
    pub(super) fn has_spent(&self) -> bool {
        !self.bulk.spent.is_empty()
    }

    /// Takes the next extent that was sent or given up, with its transfer.
    pub(super) fn pop_spent(&mut self) -> Option<(TransferId, Extent)> {
        self.bulk.made()?.spent.pop()
    }

    /// Returns true if [`Self::flush`] would try to send something.
    #[inline] // Called in each flush, as are the three below.
    pub(super) fn has_output(&self, log: &RoomLog) -> bool {
        !self.control.pieces.is_empty()
            || !self.bulk.data.is_empty()
            || self.ending.farewell.is_some()
            || self.is_behind(log)
    }

    /// Returns true if the log lane has something to send.
    #[inline]
    fn is_behind(&self, log: &RoomLog) -> bool {
        match self.log {
            Cursor::Outside => false,
            Cursor::At { offset, .. } => offset < self.log_end(log),
            Cursor::Lost { .. } => true,
        }
    }

    /// Returns where the log lane ends for now.
    #[inline]
    fn log_end(&self, log: &RoomLog) -> u64 {
        self.ending.log_stop.map_or(log.released(), |stop| stop.min(log.released()))
    }

    /// Prepares for a trim of the log's front at `point`: a cursor below it is lost, and the rest
    /// of an event that it was inside of moves to the control lane, so that the frame is completed.
    pub(super) fn prepare_trim(&mut self, log: &RoomLog, point: u64) {
        work::spend(1);
        let Cursor::At { offset, mid_frame } = self.log else { return };
        if offset >= point {
            return;
        }
        if mid_frame {
            debug_assert_eq!(self.control.sent, 0);
            let rest = log.between(offset, log.boundary_from(offset));
            self.control.pieces.push_front(Piece::Own(rest.to_vec()));
        }
        self.log = match self.ending.log_stop {
            Some(_) => Cursor::Outside,
            None => Cursor::Lost { from: log.seq_from(offset) },
        };
    }

    /// If the cursor is inside the frame from `start` to `end`, makes the rest of it a piece of its
    /// own, so that the log's bytes may change.
    pub(super) fn finish_frame(&mut self, log: &RoomLog, start: u64, end: u64) {
        work::spend(1);
        let Cursor::At { offset, mid_frame: true } = self.log else { return };
        if start < offset && offset < end {
            debug_assert_eq!(self.control.sent, 0);
            self.control.pieces.push_front(Piece::Own(log.between(offset, end).to_vec()));
            self.log = Cursor::At { offset: end, mid_frame: false };
        }
    }

    /// Returns true if the log's front can be trimmed at `point`: nothing before it is still needed
    /// from there.
    pub(super) fn is_clear_of(&self, point: u64) -> bool {
        match self.log {
            Cursor::At { offset, .. } => point <= offset,
            Cursor::Outside | Cursor::Lost { .. } => true,
        }
    }
}

#[cfg(test)]
mod tests;
