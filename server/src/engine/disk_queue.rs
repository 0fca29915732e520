//! The queue of requests to the disk thread, in order.
//!
//! Owns the queue, and the time at which the next interrupted upload expires.

use std::collections::VecDeque;

use chatshelf_common::id::UnixMillis;

use super::Now;
use crate::disk::Request;

/// Requests for the disk thread.
#[derive(Debug, Default)]
pub(super) struct DiskQueue {
    requests: VecDeque<Request>,
    /// When the next interrupted upload expires.
    expire_by_ms: Option<u64>,
}

impl DiskQueue {
    pub(super) fn push(&mut self, request: Request) {
        self.requests.push_back(request);
    }

    /// Takes the next request.
    pub(super) fn pop(&mut self) -> Option<Request> {
        self.requests.pop_front()
    }

    /// Notes when the next interrupted upload expires, if there is one.
    pub(super) fn expire_at(&mut self, at: Option<UnixMillis>, now: Now) {
        self.expire_by_ms = at.map(|at| now.mono_ms() + at.0.saturating_sub(now.at.0));
    }

    /// Asks the disk thread to remove expired uploads, if any are due.
    pub(super) fn expire_if_due(&mut self, now: Now) {
        if self.expire_by_ms.take_if(|by_ms| *by_ms <= now.mono_ms()).is_some() {
            self.push(Request::Expire { at: now.at });
        }
    }

    /// Returns when [`Self::expire_if_due`] has something to do.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.expire_by_ms
    }

    /// Returns the number of blocks and extents in the queue.
    pub(super) fn blocks(&self) -> usize {
        let has_block =
            |request: &&Request| matches!(request, Request::Write { .. } | Request::Read { .. });
        self.requests.iter().filter(has_block).count()
    }

    /// Returns the bytes of the queue itself.
    pub(super) fn table_bytes(&self) -> usize {
        self.requests.capacity() * size_of::<Request>()
    }

    /// Frees the memory that a crowd needed.
    pub(super) fn shrink(&mut self) {
        self.requests.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use chatshelf_common::id::TransferId;

    use super::*;
    use crate::disk::TransferKey;
    use crate::disk::readahead::{Extent, Framing};
    use crate::token::Token;

    #[test]
    fn only_what_is_to_be_written_or_read_has_a_block() {
        let mut queue = DiskQueue::default();
        let key = TransferKey { connection: Token::new(1, 1), transfer: TransferId(1) };
        queue.push(Request::Close { download: key });
        assert_eq!(queue.blocks(), 0);
        queue.push(Request::Write { upload: key, block: vec![1] });
        let extent = Extent::in_memory();
        let framing = Framing::frames(1);
        queue.push(Request::Read { download: key, offset: 0, bytes: 1, framing, extent });
        assert_eq!(queue.blocks(), 2);
        queue.pop();
        queue.pop();
        assert_eq!(queue.blocks(), 1);
    }

    #[test]
    fn an_upload_expires_once_by_the_monotonic_clock() {
        let mut queue = DiskQueue::default();
        let now = |ms: u64| Now { mono_us: (7 + ms) * 1000, at: UnixMillis(1_000 + ms) };
        queue.expire_at(Some(UnixMillis(1_500)), now(0));
        assert_eq!(queue.next_deadline(), Some(507));
        queue.expire_if_due(now(499));
        assert!(queue.pop().is_none());
        queue.expire_if_due(now(500));
        assert!(matches!(queue.pop(), Some(Request::Expire { at: UnixMillis(1_500) })));
        assert_eq!(queue.next_deadline(), None);
    }

    #[test]
    fn an_upload_that_expired_long_ago_or_never_does_sets_no_deadline() {
        let mut queue = DiskQueue::default();
        let now = Now { mono_us: 7_000, at: UnixMillis(1_000) };
        queue.expire_at(Some(UnixMillis(1)), now);
        assert_eq!(queue.next_deadline(), Some(7));
        queue.expire_at(None, now);
        assert_eq!(queue.next_deadline(), None);
    }
}
