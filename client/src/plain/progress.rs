//! When to report the progress of a transfer: often on a terminal, seldom elsewhere. Owns when each
//! was last reported; how fast it moves is the matter of its rate.

use std::time::{Duration, Instant};

use crate::app::Rate;
use crate::app::rate::percent;
use crate::session::{Stage, TransferStatus};

/// The time between two lines: on a terminal; elsewhere; and elsewhere after a large step.
const TERMINAL_EVERY: Duration = Duration::from_secs(1);
const PLAIN_EVERY: Duration = Duration::from_secs(5);
const PLAIN_STEP_EVERY: Duration = Duration::from_secs(1);
/// Such a step, in percent.
const PLAIN_STEP_PERCENT: u64 = 10;

/// What was reported about one transfer.
#[derive(Debug)]
pub(super) struct Progress {
    said_at: Instant,
    said_percent: u64,
    /// It was reported that it waits for the connection.
    waiting_said: bool,
}

impl Progress {
    pub(super) fn new(now: Instant) -> Self {
        Self { said_at: now, said_percent: 0, waiting_said: false }
    }

    /// The line of its rate, if one is due.
    pub(super) fn line(
        &mut self,
        status: &TransferStatus,
        pace: &Rate,
        now: Instant,
        terminal: bool,
    ) -> Option<String> {
        let is_waiting = status.stage == Stage::Waiting;
        let was_waiting = std::mem::replace(&mut self.waiting_said, is_waiting);
        if (is_waiting && was_waiting) || (!is_waiting && !self.is_due(status, pace, now, terminal))
        {
            return None;
        }
        if !is_waiting {
            (self.said_at, self.said_percent) = (now, percent(status));
        }
        Some(pace.line(status, now))
    }

    fn is_due(&self, status: &TransferStatus, pace: &Rate, now: Instant, terminal: bool) -> bool {
        let waited = now.duration_since(self.said_at);
        let step = percent(status) / PLAIN_STEP_PERCENT > self.said_percent / PLAIN_STEP_PERCENT;
        let busy = matches!(status.stage, Stage::Verifying | Stage::Comparing);
        match (terminal, busy || pace.stalled(now).is_some()) {
            _ if matches!(status.stage, Stage::Queued | Stage::Held { .. } | Stage::Asked) => false,
            (true, false) => waited >= TERMINAL_EVERY,
            (false, false) => waited >= PLAIN_EVERY || (step && waited >= PLAIN_STEP_EVERY),
            (_, true) => waited >= PLAIN_EVERY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    /// A transfer as the front end sees it.
    struct Watched(Rate, Progress);

    impl Watched {
        fn line(&mut self, status: &TransferStatus, now: Instant, tty: bool) -> Option<String> {
            self.0.note(status, now);
            self.1.line(status, &self.0, now, tty)
        }
    }

    /// The lines of a transfer that moves `step` bytes every 100 ms for `ticks` ticks.
    fn lines(step: u64, ticks: u32, total: u64, terminal: bool) -> Vec<String> {
        let start = Instant::now();
        let mut watched = Watched(Rate::new(start), Progress::new(start));
        let tick = |i: u32| {
            let now = start + Duration::from_millis(100) * i;
            watched.line(
                &TransferStatus::underway((step * u64::from(i)).min(total), total),
                now,
                terminal,
            )
        };
        (1..=ticks).filter_map(tick).collect()
    }

    #[test]
    fn a_line_says_part_rate_and_eta() {
        let lines = lines(2_400_000, 100, 388 * MB, true);
        assert_eq!(lines.len(), 10, "one a second on a terminal");
        assert_eq!(lines[9], "notes.iso  61% | 240.0/388.0 MB, 24.0 MB/s, ETA 0:07");
    }

    #[test]
    fn elsewhere_lines_are_few() {
        assert_eq!(lines(MB / 10, 100, 100 * MB, false).len(), 2, "slow: every 5 s");
        assert_eq!(lines(MB, 100, 100 * MB, false).len(), 10, "quick: every tenth");
        assert_eq!(lines(MB, 9, 10 * MB, false).len(), 0, "done within a second: none");
    }

    #[test]
    fn a_stall_is_reported_with_what_has_moved() {
        let start = Instant::now();
        let mut watched = Watched(Rate::new(start), Progress::new(start));
        watched.line(&TransferStatus::underway(MB, 10 * MB), start, true);
        let line = watched.line(
            &TransferStatus::underway(MB, 10 * MB),
            start + Duration::from_secs(7),
            true,
        );
        assert_eq!(line.unwrap(), "notes.iso  10% | 1.0/10.0 MB, stalled for 7 s");
    }

    #[test]
    fn a_transfer_that_waits_is_reported_once() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut watched = Watched(Rate::new(start), Progress::new(start));
        watched.line(&TransferStatus::underway(MB, 10 * MB), after(1), true);
        let waiting =
            TransferStatus { stage: Stage::Waiting, ..TransferStatus::underway(MB, 10 * MB) };
        let line = watched.line(&waiting, after(2), true);
        assert_eq!(line.unwrap(), "notes.iso  10% | 1.0/10.0 MB, waiting for the connection");
        assert_eq!(watched.line(&waiting, after(60), true), None);
        assert!(watched.line(&TransferStatus::underway(MB, 10 * MB), after(100), true).is_some());
    }
}
