//! Pace: how many bytes of files a connection has moved of late, both ways together, and how many
//! transfers that is enough for.
//!
//! Together, for only the client knows in which order it sends its files, and the lane of file data
//! serves one download after the other.

use crate::engine::limits::{RATE_STEP_MS, RATE_WINDOW_MS, TRANSFER_RATE_MIN_BYTES_PER_S};

/// Steps that make up the window.
const STEPS: usize = (RATE_WINDOW_MS / RATE_STEP_MS) as usize;

/// Bytes that a transfer must move within the window.
const WINDOW_BYTES_MIN: u64 = TRANSFER_RATE_MIN_BYTES_PER_S * RATE_WINDOW_MS / 1000;

/// What was moved in the window before now, step by step.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The step that runs comes first, the oldest last.
    moved: [u64; STEPS],
    stepped_ms: u64,
}

impl Pace {
    /// The first transfer begins. What was moved before stays to its credit.
    pub(super) fn begin(&mut self, now_ms: u64) {
        self.stepped_ms = now_ms;
    }

    /// Counts bytes of files.
    pub(super) fn add(&mut self, bytes: u64) {
        self.moved[0] = self.moved[0].saturating_add(bytes);
    }

    /// When the step began that runs.
    pub(super) fn stepped_ms(&self) -> u64 {
        self.stepped_ms
    }

    /// Ends a step, and says for how many transfers what was moved in the window is enough.
    pub(super) fn step(&mut self, now_ms: u64) -> usize {
        let moved = self.moved.iter().fold(0, |sum: u64, bytes| sum.saturating_add(*bytes));
        self.moved.rotate_right(1);
        self.moved[0] = 0;
        self.stepped_ms = now_ms;
        usize::try_from(moved / WINDOW_BYTES_MIN).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_moved_counts_for_a_window() {
        let mut pace = Pace::default();
        pace.begin(5);
        pace.add(3 * WINDOW_BYTES_MIN - 1);
        pace.add(1);
        let enough: Vec<usize> = (1..=5).map(|now_ms| pace.step(now_ms)).collect();
        assert_eq!(enough, [3, 3, 3, 3, 0]);
        assert_eq!(pace.stepped_ms(), 5);
    }

    #[test]
    fn a_byte_less_than_the_least_is_not_enough() {
        let mut pace = Pace::default();
        for _ in 0..STEPS {
            pace.add(WINDOW_BYTES_MIN / STEPS as u64);
            pace.step(0);
        }
        pace.add(WINDOW_BYTES_MIN / STEPS as u64 - 1);
        assert_eq!(pace.step(0), 0);
    }
}
