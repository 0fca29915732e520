//! Events on their way from the reactor to the journal thread.
//!
//! A channel would do the same, but wakes the thread while it holds a lock that the thread then
//! needs: on a busy core, two more switches between them for each batch.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes of events that may wait; beyond it a batch is lost to the disk, as if it could not have
/// been written.
pub(super) const BACKLOG_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Bytes of events, about, that are written to the journal at once.
const BATCH_BYTES: usize = 1024 * 1024;

/// What the reactor hands over, in the order in which it happened. `to` is the offset in the room
/// log after it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum QueuedBatch {
    /// Whole event frames.
    Frames { frames: Vec<u8>, to: u64 },
    /// There were too many waiting for these to be taken.
    Lost { to: u64 },
}

/// What waits, and how the thread hears of it.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    waiting: Mutex<Waiting>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    batches: VecDeque<QueuedBatch>,
    /// Bytes of them all.
    bytes: usize,
    /// No more can come.
    is_closed: bool,
}

impl Backlog {
    /// Adds whole event frames that end at `to`. What waits already is made one with them, so that
    /// it is written and synced at once.
    pub(super) fn push(&self, frames: Vec<u8>, to: u64) {
        let mut waiting = self.lock();
        if waiting.bytes + frames.len() > BACKLOG_BYTES_MAX {
            waiting.lose(to);
        } else {
            waiting.bytes += frames.len();
            waiting.keep(frames, to);
        }
        drop(waiting);
        self.news.notify_one();
    }

    /// Says that no more will come.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.news.notify_one();
    }

    /// Waits for the next batch, for so long at the most: `Some(None)` when none came, `None` at the
    /// end of all.
    pub(super) fn take(&self, timeout: Option<Duration>) -> Option<Option<QueuedBatch>> {
        let mut waiting = self.lock();
        let is_idle = |waiting: &mut Waiting| waiting.batches.is_empty() && !waiting.is_closed;
        // A panic elsewhere leaves what waits as whole as it was.
        waiting = match timeout {
            None => self.news.wait_while(waiting, is_idle).unwrap_or_else(PoisonError::into_inner),
            Some(timeout) => {
                let waited = self.news.wait_timeout_while(waiting, timeout, is_idle);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        let batch = waiting.batches.pop_front();
        if let Some(QueuedBatch::Frames { frames, .. }) = &batch {
            waiting.bytes -= frames.len();
        }
        if batch.is_none() && waiting.is_closed { None } else { Some(batch) }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn keep(&mut self, frames: Vec<u8>, to: u64) {
        match self.batches.back_mut() {
            Some(QueuedBatch::Frames { frames: before, to: end }) if before.len() < BATCH_BYTES => {
                before.extend_from_slice(&frames);
                *end = to;
            }
            _ => self.batches.push_back(QueuedBatch::Frames { frames, to }),
        }
    }

    fn lose(&mut self, to: u64) {
        match self.batches.back_mut() {
            Some(QueuedBatch::Lost { to: end }) => *end = to,
            _ => self.batches.push_back(QueuedBatch::Lost { to }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_ONCE: Option<Duration> = Some(Duration::ZERO);

    fn frames(frames: &[u8], to: u64) -> Option<Option<QueuedBatch>> {
        Some(Some(QueuedBatch::Frames { frames: frames.into(), to }))
    }

    #[test]
    fn what_waits_becomes_one_batch_and_what_is_lost_stays_in_its_place() {
        let backlog = Backlog::default();
        assert_eq!(backlog.take(AT_ONCE), Some(None));
        backlog.push(b"one".into(), 3);
        backlog.push(b"two".into(), 6);
        let large = BACKLOG_BYTES_MAX - 5;
        backlog.push(vec![0; large], 7);
        backlog.push(vec![0; large], 8);
        backlog.push(b"three".into(), 9);
        backlog.close();
        assert_eq!(backlog.take(None), frames(b"onetwo", 6));
        assert_eq!(backlog.take(None), Some(Some(QueuedBatch::Lost { to: 8 })));
        assert_eq!(backlog.take(None), frames(b"three", 9));
        assert_eq!(backlog.take(None), None);
    }

    #[test]
    fn just_as_much_as_may_wait_is_taken_and_then_there_is_room_again() {
        let backlog = Backlog::default();
        for to in 1..=2 {
            backlog.push(vec![0; BACKLOG_BYTES_MAX], to);
            let batch = backlog.take(AT_ONCE).flatten();
            assert!(matches!(batch, Some(QueuedBatch::Frames { to: end, .. }) if end == to));
        }
    }

    #[test]
    fn batches_do_not_grow_for_ever() {
        let backlog = Backlog::default();
        (1..=3).for_each(|to| backlog.push(vec![0; BATCH_BYTES], to));
        for expected in 1..=3 {
            let batch = backlog.take(AT_ONCE).flatten();
            assert!(matches!(batch, Some(QueuedBatch::Frames { to, .. }) if to == expected));
        }
    }

    #[test]
    fn who_waits_hears_of_it() {
        let backlog = Backlog::default();
        std::thread::scope(|scope| {
            let taken = scope.spawn(|| backlog.take(None));
            backlog.push(b"news".into(), 4);
            assert_eq!(taken.join().unwrap(), frames(b"news", 4));
            let taken = scope.spawn(|| backlog.take(None));
            backlog.close();
            assert_eq!(taken.join().unwrap(), None);
        });
    }
}
