//! File work on its way to the disk thread, in the order in which it was asked for.
//!
//! Owns the queue, and the moment at which what is kept of interrupted uploads has been kept long
//! enough.

use std::collections::VecDeque;

use chatshelf_common::id::UnixMillis;

use super::Now;
use crate::disk::Request;

/// What the disk thread is to do.
#[derive(Debug, Default)]
pub(super) struct DiskQueue {
    requests: VecDeque<Request>,
    /// When something that is kept of an interrupted upload expires.
    expire_by_ms: Option<u64>,
}

impl DiskQueue {
    pub(super) fn push(&mut self, request: Request) {
        self.requests.push_back(request);
    }

    /// The next piece of work.
    pub(super) fn pop(&mut self) -> Option<Request> {
        self.requests.pop_front()
    }

    /// Takes note of when something expires, if anything does.
    pub(super) fn expire_at(&mut self, at: Option<UnixMillis>, now: Now) {
        self.expire_by_ms = at.map(|at| now.mono_ms + at.0.saturating_sub(now.at.0));
    }

    /// Has the disk thread remove what has expired.
    pub(super) fn expire_if_due(&mut self, now: Now) {
        if self.expire_by_ms.take_if(|by_ms| *by_ms <= now.mono_ms).is_some() {
            self.push(Request::Expire { at: now.at });
        }
    }

    /// When [`Self::expire_if_due`] has something to do.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.expire_by_ms
    }

    /// Blocks and extents in the queue.
    pub(super) fn blocks(&self) -> usize {
        let has_block =
            |request: &&Request| matches!(request, Request::Write { .. } | Request::Read { .. });
        self.requests.iter().filter(has_block).count()
    }

    /// Bytes of the queue itself.
    pub(super) fn table_bytes(&self) -> usize {
        self.requests.capacity() * size_of::<Request>()
    }

    /// Gives back what a crowd took.
    pub(super) fn shrink(&mut self) {
        self.requests.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_expires_once_by_the_steady_clock() {
        let mut queue = DiskQueue::default();
        let now = |ms: u64| Now { mono_ms: 7 + ms, at: UnixMillis(1_000 + ms) };
        queue.expire_at(Some(UnixMillis(1_500)), now(0));
        assert_eq!(queue.next_deadline(), Some(507));
        queue.expire_if_due(now(499));
        assert!(queue.pop().is_none());
        queue.expire_if_due(now(500));
        assert!(matches!(queue.pop(), Some(Request::Expire { at: UnixMillis(1_500) })));
        assert_eq!(queue.next_deadline(), None);
    }

    #[test]
    fn what_has_expired_long_ago_or_never_does_is_no_deadline_of_its_own() {
        let mut queue = DiskQueue::default();
        let now = Now { mono_ms: 7, at: UnixMillis(1_000) };
        queue.expire_at(Some(UnixMillis(1)), now);
        assert_eq!(queue.next_deadline(), Some(7));
        queue.expire_at(None, now);
        assert_eq!(queue.next_deadline(), None);
    }
}
