//! What the disk threads report for statistics: how long the journal's syncs take, how much work
//! waits, whether the journal fails. The threads write it, the reactor reads it; neither waits for
//! the other for longer than it takes to copy a few numbers.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::histogram::Histogram;

/// A snapshot of the disk threads' statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskStats {
    /// Requests that the disk thread has not finished.
    pub requests: usize,
    /// The journal's syncs, and how long each took.
    pub syncs: Histogram,
    /// True from the first event that could not be written to the journal until it is known to
    /// work again.
    pub is_journal_failing: bool,
}

/// The shared numbers behind [`DiskStats`].
#[derive(Debug, Default)]
pub(super) struct Reports {
    requests: AtomicUsize,
    syncs: Mutex<Histogram>,
    is_journal_failing: AtomicBool,
}

impl Reports {
    pub(super) fn note_requested(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn note_finished(&self) {
        self.requests.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn note_sync(&self, time: Duration) {
        let mut syncs = self.syncs.lock().unwrap_or_else(PoisonError::into_inner);
        syncs.note(time.as_micros() as u64);
    }

    pub(super) fn note_journal(&self, is_failing: bool) {
        self.is_journal_failing.store(is_failing, Ordering::Relaxed);
    }

    pub(super) fn snapshot(&self) -> DiskStats {
        DiskStats {
            requests: self.requests.load(Ordering::Relaxed),
            syncs: *self.syncs.lock().unwrap_or_else(PoisonError::into_inner),
            is_journal_failing: self.is_journal_failing.load(Ordering::Relaxed),
        }
    }
}
