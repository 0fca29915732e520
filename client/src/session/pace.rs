//! How fast our commands may go: no faster than the server has said that it takes them. Owns the
//! count; knows neither what is sent nor a clock.
//!
//! A command counts from when it is answered, which is after the server has counted it, and until
//! then as one more. So the server never has more counted than is counted here, however long
//! anything was on its way: it refuses none, and they arrive in their order.

use chatshelf_common::rate::{Meter, Rate};

/// What is counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pacing {
    /// Messages, to everyone or to one.
    Line,
    /// Another nick, another topic.
    Change,
    /// What the server does not limit.
    Free,
}

/// What the server takes, and how much of that is used. It outlives a connection, as the server's
/// own count does.
#[derive(Debug, Default)]
pub(super) struct Pace {
    lines: Gauge,
    changes: Gauge,
    /// Something waits, and that was told.
    is_told: bool,
}

#[derive(Debug, Default)]
struct Gauge {
    /// No limit, if there is none.
    rate: Option<Rate>,
    /// Those that were answered.
    used: Meter,
    /// Those that were sent and not answered.
    in_flight: u64,
}

impl Gauge {
    /// How long the next one has to wait, in milliseconds; none while that is not known, because
    /// it depends on an answer.
    fn wait_ms(&self, now_ms: u64) -> Option<u64> {
        let Some(rate) = self.rate else { return Some(0) };
        let with_next = self.in_flight + 1;
        let is_possible = with_next <= rate.at_once();
        is_possible.then(|| self.used.wait_ms(rate, with_next, now_ms).unwrap_or(0))
    }

    /// So many are in flight now: the others were answered.
    fn settle(&mut self, in_flight: u64, now_ms: u64) {
        let answered = self.in_flight.saturating_sub(in_flight);
        self.in_flight = in_flight;
        if let Some(rate) = self.rate {
            self.used.charge(rate, answered, now_ms);
        }
    }
}

impl Pace {
    /// The server has said what it takes.
    pub(super) fn set(&mut self, lines: Option<Rate>, changes: Option<Rate>) {
        (self.lines.rate, self.changes.rate) = (lines, changes);
    }

    /// So many lines and changes are in flight now.
    pub(super) fn settle(&mut self, lines: u64, changes: u64, now_ms: u64) {
        self.lines.settle(lines, now_ms);
        self.changes.settle(changes, now_ms);
    }

    /// Counts one more, if it may be sent now.
    pub(super) fn take(&mut self, pacing: Pacing, now_ms: u64) -> bool {
        let Some(gauge) = self.gauge_mut(pacing) else { return true };
        let may_go = gauge.wait_ms(now_ms) == Some(0);
        gauge.in_flight += u64::from(may_go);
        may_go
    }

    /// Something of this kind has to wait, or nothing has. Returns what the server takes when that
    /// is to be told, which is once until nothing waits.
    pub(super) fn note_waiting(&mut self, waits: Option<Pacing>) -> Option<Rate> {
        let was_told = std::mem::replace(&mut self.is_told, waits.is_some());
        let gauge = waits.filter(|_| !was_told).and_then(|pacing| self.gauge_mut(pacing));
        gauge.and_then(|gauge| gauge.rate)
    }

    /// How long the next one has to wait, in milliseconds; none if for an answer.
    pub(super) fn wait_ms(&self, pacing: Pacing, now_ms: u64) -> Option<u64> {
        match pacing {
            Pacing::Line => self.lines.wait_ms(now_ms),
            Pacing::Change => self.changes.wait_ms(now_ms),
            Pacing::Free => Some(0),
        }
    }

    /// The server has refused one, and takes the next after this long. If it had not said what it
    /// takes, one at a time is a safe guess.
    pub(super) fn refused(&mut self, pacing: Pacing, retry_ms: u64, now_ms: u64) {
        let Some(Gauge { rate, used, in_flight }) = self.gauge_mut(pacing) else { return };
        let period_ms = u32::try_from(retry_ms).unwrap_or(u32::MAX).max(1);
        *in_flight = in_flight.saturating_sub(1);
        *rate = rate.or(Rate::new(1, 1, period_ms));
        if let Some(rate) = *rate {
            used.exhaust(rate, retry_ms, now_ms);
        }
    }

    fn gauge_mut(&mut self, pacing: Pacing) -> Option<&mut Gauge> {
        match pacing {
            Pacing::Line => Some(&mut self.lines),
            Pacing::Change => Some(&mut self.changes),
            Pacing::Free => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_answered_counts_until_it_is() {
        let mut pace = Pace::default();
        assert!((0..1000).all(|_| pace.take(Pacing::Line, 0)), "nothing is limited");
        pace.settle(0, 0, 0);
        pace.set(Rate::new(20, 5, 1000), None);
        assert_eq!((0..100).filter(|_| pace.take(Pacing::Line, 0)).count(), 20);
        assert_eq!(pace.wait_ms(Pacing::Line, 60_000), None, "however late the answers are");
        pace.settle(0, 0, 60_000);
        assert_eq!(pace.wait_ms(Pacing::Line, 60_000), Some(200));
        assert!((0..1000).all(|_| pace.take(Pacing::Change, 0) && pace.take(Pacing::Free, 0)));
    }

    #[test]
    fn after_a_refusal_one_goes_when_the_server_has_said() {
        for rate in [None, Rate::new(20, 5, 1000)] {
            let mut pace = Pace::default();
            pace.set(rate, None);
            assert!(pace.take(Pacing::Line, 50));
            pace.refused(Pacing::Line, 700, 50);
            assert_eq!(pace.wait_ms(Pacing::Line, 50), Some(700));
            assert!(!pace.take(Pacing::Line, 749) && pace.take(Pacing::Line, 750));
            assert!(!pace.take(Pacing::Line, 750));
        }
    }
}
