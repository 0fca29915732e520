//! One direction of a wire: what was written and is under way, and what has arrived.

use std::collections::VecDeque;
use std::io::Read;

/// What a broken network or system does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// Changes a byte.
    Flip,
    /// Loses one.
    Drop,
    /// Interrupts each write of the server, again and again.
    Interrupt,
}

/// Bytes from one end to the other.
#[derive(Debug, Default)]
pub(crate) struct Pipe {
    under_way: VecDeque<u8>,
    arrived: VecDeque<u8>,
    end: Ending,
    /// Bytes that have arrived in all.
    moved: u64,
    /// No byte from here on arrives.
    pub(crate) cut_at: Option<u64>,
    /// Nothing arrives any more.
    pub(crate) is_silent: bool,
    /// When something arrives.
    pub(crate) due_ms: Option<u64>,
    pub(crate) stalled_until_ms: u64,
    /// The writer has met the end of the room, and is owed an edge.
    pub(crate) is_writer_blocked: bool,
}

/// How far the end of the stream has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Ending {
    #[default]
    Open,
    /// The writer has shut its side.
    Shut,
    Arrived,
}

impl Pipe {
    /// Bytes that can be written, of `capacity` on each side.
    pub(crate) fn room(&self, capacity: usize) -> usize {
        capacity.saturating_sub(self.under_way.len())
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.under_way.extend(bytes);
    }

    pub(crate) fn shut(&mut self) {
        if self.end == Ending::Open {
            self.end = Ending::Shut;
        }
    }

    pub(crate) fn is_shut(&self) -> bool {
        self.end != Ending::Open
    }

    /// True when nothing is under way, not even the end.
    pub(crate) fn is_empty(&self) -> bool {
        self.under_way.is_empty() && self.end != Ending::Shut
    }

    /// True when something can arrive.
    pub(crate) fn can_move(&self, capacity: usize) -> bool {
        !self.is_silent && !self.is_empty() && self.arrived.len() < capacity
    }

    pub(crate) fn has_bytes_under_way(&self) -> bool {
        !self.under_way.is_empty()
    }

    /// True when the reader has left something lying.
    pub(crate) fn has_arrived_bytes(&self) -> bool {
        !self.arrived.is_empty()
    }

    /// Brings at most `most` bytes to the reader, whose side holds `capacity`.
    pub(crate) fn deliver(&mut self, most: usize, capacity: usize) -> usize {
        let allowed = self.cut_at.map_or(u64::MAX, |cut| cut.saturating_sub(self.moved));
        let room = capacity.saturating_sub(self.arrived.len());
        let most = most.min(room).min(usize::try_from(allowed).unwrap_or(usize::MAX));
        let moved = if self.is_silent { 0 } else { most.min(self.under_way.len()) };
        let (first, second) = self.under_way.as_slices();
        let from_first = moved.min(first.len());
        self.arrived.extend(&first[..from_first]);
        self.arrived.extend(&second[..moved - from_first]);
        self.under_way.drain(..moved);
        self.moved += moved as u64;
        moved
    }

    /// True once, when the end has come to the reader.
    pub(crate) fn take_end(&mut self) -> bool {
        let has_come = self.end == Ending::Shut && self.under_way.is_empty() && !self.is_silent;
        if has_come {
            self.end = Ending::Arrived;
        }
        has_come
    }

    /// True when the place has come where the stream is cut.
    pub(crate) fn is_cut(&mut self) -> bool {
        self.cut_at.take_if(|cut| *cut <= self.moved).is_some()
    }

    pub(crate) fn take(&mut self, buffer: &mut [u8]) -> usize {
        self.arrived.read(buffer).expect("memory can be read")
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.end == Ending::Arrived
    }

    /// Nothing more arrives; what has arrived may be lost as well.
    pub(crate) fn end(&mut self, discards: bool) {
        self.under_way.clear();
        self.due_ms = None;
        if discards {
            self.arrived.clear();
        }
    }

    /// Of what is under way, so many bytes may still arrive.
    pub(crate) fn keep(&mut self, bytes: usize) {
        self.under_way.truncate(bytes);
    }

    /// Changes or loses one of the `moved` bytes that came last.
    pub(crate) fn spoil(&mut self, how: Option<Sabotage>, moved: usize) -> bool {
        let place = self.arrived.len() - moved.div_ceil(2);
        match how {
            Some(Sabotage::Flip) => self.arrived[place] ^= 1,
            Some(Sabotage::Drop) => drop(self.arrived.remove(place)),
            Some(Sabotage::Interrupt) | None => return false,
        }
        true
    }
}
