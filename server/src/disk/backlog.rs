//! Events on their way from the reactor to the journal thread.
//!
//! A channel would do the same, but it wakes the thread while it holds a lock that the thread then
//! needs. On a busy core that costs two more context switches for each batch.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::KeptBans;

/// Bytes of events that may wait. A batch beyond this is not written, as if the disk had failed.
pub(super) const BACKLOG_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Bytes of events that are written to the journal at once, about.
const BATCH_BYTES: usize = 1024 * 1024;

/// What the reactor hands over, in the order of events. `to` is the offset in the room log after
/// it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct QueuedBatch {
    /// The bans to keep before the events, if they change them.
    pub(super) bans: Option<KeptBans>,
    pub(super) events: QueuedEvents,
    pub(super) to: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum QueuedEvents {
    /// Whole frames.
    Frames(Vec<u8>),
    /// Not accepted, because too many were waiting.
    Lost,
}

/// What [`Backlog::take`] brings.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Batch(QueuedBatch),
    /// None came in time.
    Nothing,
    /// None will come any more.
    Closed,
}

/// The waiting batches, and the means to wake the thread.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    waiting: Mutex<Waiting>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    batches: VecDeque<QueuedBatch>,
    /// Their total size in bytes.
    bytes: usize,
    /// No more will come.
    is_closed: bool,
}

impl Backlog {
    /// Adds whole event frames that end at `to`, with the bans after them if they change these.
    /// Joins them to frames that already wait, so that all are written and synced together.
    pub(super) fn push(&self, bans: Option<KeptBans>, frames: Vec<u8>, to: u64) {
        let mut waiting = self.lock();
        let events = if waiting.bytes + frames.len() > BACKLOG_BYTES_MAX {
            QueuedEvents::Lost
        } else {
            waiting.bytes += frames.len();
            QueuedEvents::Frames(frames)
        };
        waiting.push(QueuedBatch { bans, events, to });
        drop(waiting);
        self.news.notify_one();
    }

    /// Says that no more will come.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.news.notify_one();
    }

    /// Waits for the next batch, at most for `timeout`.
    pub(super) fn take(&self, timeout: Option<Duration>) -> Taken {
        let mut waiting = self.lock();
        let is_idle = |waiting: &mut Waiting| waiting.batches.is_empty() && !waiting.is_closed;
        // A panic elsewhere cannot leave the queue half changed.
        waiting = match timeout {
            None => self.news.wait_while(waiting, is_idle).unwrap_or_else(PoisonError::into_inner),
            Some(timeout) => {
                let waited = self.news.wait_timeout_while(waiting, timeout, is_idle);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
        };
        let Some(batch) = waiting.batches.pop_front() else {
            return if waiting.is_closed { Taken::Closed } else { Taken::Nothing };
        };
        if let QueuedEvents::Frames(frames) = &batch.events {
            waiting.bytes -= frames.len();
        }
        Taken::Batch(batch)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Adds a batch, as a part of the last one if that is possible.
    fn push(&mut self, batch: QueuedBatch) {
        use QueuedEvents::{Frames, Lost};
        let Some(last) = self.batches.back_mut() else { return self.batches.push_back(batch) };
        match (&mut last.events, &batch.events) {
            (Frames(before), Frames(frames)) if before.len() < BATCH_BYTES => {
                before.extend_from_slice(frames);
            }
            (Lost, Lost) => {}
            _ => return self.batches.push_back(batch),
        }
        last.to = batch.to;
        last.bans = batch.bans.or(last.bans.take());
    }
}

#[cfg(test)]
mod tests {
    use chatshelf_common::id::BanId;

    use super::*;

    const AT_ONCE: Option<Duration> = Some(Duration::ZERO);

    fn frames(frames: &[u8], to: u64) -> Taken {
        Taken::Batch(QueuedBatch { bans: None, events: QueuedEvents::Frames(frames.into()), to })
    }

    /// Where the frames that wait first end.
    fn end_of(backlog: &Backlog) -> u64 {
        match backlog.take(AT_ONCE) {
            Taken::Batch(QueuedBatch { events: QueuedEvents::Frames(_), to, .. }) => to,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn waiting_frames_become_one_batch_and_losses_keep_their_place() {
        let backlog = Backlog::default();
        assert_eq!(backlog.take(AT_ONCE), Taken::Nothing);
        backlog.push(None, b"one".into(), 3);
        backlog.push(None, b"two".into(), 6);
        let large = BACKLOG_BYTES_MAX - 5;
        backlog.push(None, vec![0; large], 7);
        backlog.push(None, vec![0; large], 8);
        backlog.push(None, b"three".into(), 9);
        backlog.close();
        assert_eq!(backlog.take(None), frames(b"onetwo", 6));
        let lost = QueuedBatch { bans: None, events: QueuedEvents::Lost, to: 8 };
        assert_eq!(backlog.take(None), Taken::Batch(lost));
        assert_eq!(backlog.take(None), frames(b"three", 9));
        assert_eq!(backlog.take(None), Taken::Closed);
    }

    #[test]
    fn the_newest_bans_come_with_the_first_frames_that_they_were_joined_to() {
        let bans = |next| Some(KeptBans { next: BanId(next), ..KeptBans::default() });
        let backlog = Backlog::default();
        backlog.push(bans(2), b"one".into(), 3);
        backlog.push(None, b"two".into(), 6);
        backlog.push(bans(3), b"three".into(), 11);
        let events = QueuedEvents::Frames(b"onetwothree".into());
        let expected = QueuedBatch { bans: bans(3), events, to: 11 };
        assert_eq!(backlog.take(AT_ONCE), Taken::Batch(expected));
    }

    #[test]
    fn a_full_backlog_is_taken_and_then_has_room_again() {
        let backlog = Backlog::default();
        for to in 1..=2 {
            backlog.push(None, vec![0; BACKLOG_BYTES_MAX], to);
            assert_eq!(end_of(&backlog), to);
        }
    }

    #[test]
    fn batches_do_not_grow_without_end() {
        let backlog = Backlog::default();
        (1..=3).for_each(|to| backlog.push(None, vec![0; BATCH_BYTES], to));
        for expected in 1..=3 {
            assert_eq!(end_of(&backlog), expected);
        }
    }

    #[test]
    fn a_waiting_thread_is_woken() {
        let backlog = Backlog::default();
        std::thread::scope(|scope| {
            let taken = scope.spawn(|| backlog.take(None));
            backlog.push(None, b"news".into(), 4);
            assert_eq!(taken.join().unwrap(), frames(b"news", 4));
            let taken = scope.spawn(|| backlog.take(None));
            backlog.close();
            assert_eq!(taken.join().unwrap(), Taken::Closed);
        });
    }
}
