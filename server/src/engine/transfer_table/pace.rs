//! Pace: how many file bytes a connection has moved recently, in both directions together, and for
//! how many transfers that is enough.
//!
//! The directions and transfers count together, because only the client knows in which order it
//! sends its files, and the file data lane serves one download after another.

use crate::engine::limits::{RATE_STEP_MS, RATE_WINDOW_MS, TRANSFER_RATE_MIN_BYTES_PER_S};

/// The number of steps in the window.
const STEPS: usize = (RATE_WINDOW_MS / RATE_STEP_MS) as usize;

/// Bytes that a transfer must move within the window.
const WINDOW_BYTES_MIN: u64 = TRANSFER_RATE_MIN_BYTES_PER_S * RATE_WINDOW_MS / 1000;

/// The bytes moved in the current window, step by step.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// The current step first, the oldest last.
    moved: [u64; STEPS],
    stepped_ms: u64,
}

impl Pace {
    /// Starts with the first transfer. Bytes moved before count in its favour.
    pub(super) fn begin(&mut self, now_ms: u64) {
        self.stepped_ms = now_ms;
    }

    /// Counts file bytes.
    pub(super) fn add(&mut self, bytes: u64) {
        self.moved[0] = self.moved[0].saturating_add(bytes);
    }

    /// Returns when the current step began.
    pub(super) fn stepped_ms(&self) -> u64 {
        self.stepped_ms
    }

    /// Ends a step, and returns the number of transfers for which the bytes moved in the window are
    /// enough.
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
    fn moved_bytes_count_for_one_window() {
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
