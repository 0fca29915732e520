//! How long a script waits for a server that is there and does not do what was asked for: nobody
//! sits beside it to end it. Owns what was last seen to move, and when.

use std::time::{Duration, Instant};

use chatshelf_common::id::Seq;

/// How long an answer may take, a loss of the connection meanwhile included.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// The same while files are under way: a server may have to read gigabytes back, or to sync them.
const TRANSFER_MAX: Duration = Duration::from_secs(600);

/// What changes when something that was asked for makes progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// Commands that are not answered.
    pub(super) commands: usize,
    /// Transfers that are not over.
    pub(super) transfers: usize,
    /// How far the room log was seen.
    pub(super) position: Seq,
    /// Bytes of files that have moved.
    pub(super) moved: u64,
    /// There are transfers, or a password waits for its turn.
    pub(super) is_long: bool,
}

/// How things stood, and since when.
#[derive(Clone, Copy, Debug)]
struct Standstill {
    mark: Mark,
    since: Instant,
}

/// What was last seen to move.
#[derive(Debug)]
pub(super) struct Patience {
    /// None while nothing is awaited.
    last: Option<Standstill>,
    /// Whoever gave a connection this long to come back is as patient with the rest.
    at_least: Duration,
}

impl Patience {
    pub(super) fn new(at_least: Duration) -> Self {
        Self { last: None, at_least }
    }

    /// Looks how things stand; `None` while nothing is awaited. Returns how long nothing has moved,
    /// once that is too long.
    pub(super) fn watch(&mut self, mark: Option<Mark>, now: Instant) -> Option<Duration> {
        self.last = mark.map(|mark| match self.last {
            Some(last) if last.mark == mark => last,
            _ => Standstill { mark, since: now },
        });
        debug_assert!(self.last.is_none_or(|last| last.since <= now));
        (self.deadline()? <= now).then(|| self.most())
    }

    /// When it ends, unless something moves.
    pub(super) fn deadline(&self) -> Option<Instant> {
        Some(self.last?.since + self.most())
    }

    /// How long files may stand still.
    pub(super) fn for_transfers(&self) -> Duration {
        self.at_least.max(TRANSFER_MAX)
    }

    fn most(&self) -> Duration {
        match self.last {
            Some(last) if last.mark.is_long => self.for_transfers(),
            _ => self.at_least.max(ANSWER_MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn mark(commands: usize, transfers: usize, moved: u64) -> Option<Mark> {
        Some(Mark { commands, transfers, position: Seq(1), moved, is_long: transfers > 0 })
    }

    #[test]
    fn patience_lasts_from_the_last_thing_that_moved() {
        let start = Instant::now();
        let mut patience = Patience::new(Duration::ZERO);
        assert_eq!(patience.watch(None, start), None);
        assert_eq!(patience.deadline(), None);
        assert_eq!(patience.watch(mark(2, 0, 0), start), None);
        let later = start + ANSWER_MAX - SECOND;
        assert_eq!(patience.watch(mark(1, 0, 0), later), None);
        assert_eq!(patience.deadline(), Some(later + ANSWER_MAX));
        assert_eq!(patience.watch(mark(1, 0, 0), later + ANSWER_MAX), Some(ANSWER_MAX));
        assert_eq!(patience.watch(None, later + ANSWER_MAX), None, "all is done");
    }

    #[test]
    fn a_transfer_and_a_patient_caller_are_given_longer() {
        let start = Instant::now();
        let mut patience = Patience::new(Duration::ZERO);
        patience.watch(mark(0, 1, 5), start);
        assert_eq!(patience.deadline(), Some(start + TRANSFER_MAX));
        let mut patience = Patience::new(2 * TRANSFER_MAX);
        patience.watch(mark(1, 0, 0), start);
        assert_eq!(patience.deadline(), Some(start + 2 * TRANSFER_MAX));
    }
}
