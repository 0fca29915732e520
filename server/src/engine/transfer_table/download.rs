//! One download: how much of its item was requested, and how much of that is on its way.

use std::ops::Range;

use chatshelf_common::wire::frame::Item;

use crate::disk::readahead::Framing;
use crate::engine::limits::DOWNLOAD_EXTENTS_IN_FLIGHT;

/// Which part of an item is downloaded, and how.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Part {
    pub(in crate::engine) item: Item,
    /// Which bytes.
    pub(in crate::engine) range: Range<u64>,
    /// As they are, and not in data frames.
    pub(in crate::engine) is_bare: bool,
}

/// Invariants: `next_ask <= end <= item.size`; `in_flight` extents, within the limit, are at the
/// disk thread or waiting to be sent.
#[derive(Debug)]
pub(super) struct Download {
    part: Part,
    /// When it was requested.
    since_ms: u64,
    /// The next byte to request from the disk thread.
    next_ask: u64,
    in_flight: usize,
}

impl Download {
    pub(super) fn new(part: Part, now_ms: u64) -> Self {
        let next_ask = part.range.start;
        let download = Self { part, since_ms: now_ms, next_ask, in_flight: 0 };
        download.check();
        download
    }

    /// Returns the item, and the offset of the next byte to request.
    pub(super) fn item(&self) -> (&Item, u64) {
        (&self.part.item, self.next_ask)
    }

    /// Returns when it was requested.
    pub(super) fn since_ms(&self) -> u64 {
        self.since_ms
    }

    /// Returns the number of bytes not requested yet.
    pub(super) fn left(&self) -> u64 {
        self.part.range.end - self.next_ask
    }

    /// Returns how its content travels, if pieces of this many file bytes suit the connection.
    pub(super) fn framing(&self, file_bytes: usize) -> Framing {
        if self.part.is_bare { Framing::bare(file_bytes) } else { Framing::frames(file_bytes) }
    }

    /// Requests this many more bytes; returns their offset.
    pub(super) fn ask(&mut self, bytes: u64) -> u64 {
        let offset = self.next_ask;
        self.next_ask += bytes;
        self.in_flight += 1;
        self.check();
        offset
    }

    /// Notes that an extent has been sent.
    pub(super) fn note_sent(&mut self) {
        debug_assert!(self.in_flight > 0);
        self.in_flight -= 1;
    }

    /// Returns true if every byte was requested and sent.
    pub(super) fn is_over(&self) -> bool {
        self.left() == 0 && self.in_flight == 0
    }

    /// Asserts the invariants.
    pub(super) fn check(&self) {
        let end = self.part.range.end;
        debug_assert!(self.next_ask <= end && end <= self.part.item.size);
        debug_assert!(self.in_flight <= DOWNLOAD_EXTENTS_IN_FLIGHT);
    }
}

#[cfg(test)]
mod tests {
    use chatshelf_testkit::samples;

    use super::*;

    fn download(size: u64, offset: u64) -> Download {
        let item = samples::item(1, "f", size, samples::digest(b""));
        Download::new(Part { item, range: offset..size, is_bare: false }, 5)
    }

    #[test]
    fn a_download_is_over_when_what_was_asked_for_is_sent() {
        let mut download = download(10, 4);
        assert_eq!((download.ask(5), download.left(), download.is_over()), (4, 1, false));
        assert_eq!((download.ask(1), download.left(), download.is_over()), (9, 0, false));
        download.note_sent();
        assert!(!download.is_over());
        download.note_sent();
        assert!(download.is_over());
        assert!(self::download(3, 3).is_over());
    }

    #[test]
    #[should_panic(expected = "next_ask <= end")]
    fn no_more_than_the_file_can_be_requested() {
        download(3, 2).ask(2);
    }

    #[test]
    #[should_panic(expected = "in_flight <=")]
    fn no_more_than_the_connection_may_hold_can_be_requested() {
        let mut download = download(100, 0);
        (0..=DOWNLOAD_EXTENTS_IN_FLIGHT).for_each(|_| {
            download.ask(1);
        });
    }
}
