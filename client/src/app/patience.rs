//! How long a script waits for a server that is there and does not do what was asked for: nobody
//! sits beside it to end it. Owns what was last seen to move, and when; people decide themselves.

use std::time::{Duration, Instant};

use chatshelf_common::id::Seq;

use super::state::Desk;
use super::{EXIT_FAILED, Failure};

/// How long an answer may take, a loss of the connection meanwhile included.
const ANSWER_MAX: Duration = Duration::from_secs(60);
/// The same while files are under way: a server may have to read gigabytes back, or to sync them.
const TRANSFER_MAX: Duration = Duration::from_secs(600);

/// What changes when something that was asked for gets on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    /// Commands and transfers that are not done.
    left: usize,
    /// How far the room log was seen.
    position: Seq,
    /// Bytes of files that have moved.
    moved: u64,
}

/// What was last seen to move, and when; none while nothing is awaited.
#[derive(Debug, Default)]
pub(super) struct Patience {
    last: Option<(Mark, Instant)>,
}

impl Desk {
    /// When a script gives up, unless something moves.
    pub(super) fn patience_deadline(&self) -> Option<Instant> {
        let (_, since) = self.patience.last?;
        Some(since + self.patience_max())
    }

    /// Ends a script for which the server has done nothing for too long.
    pub(super) fn lose_patience(&mut self, now: Instant) {
        let mark = self.mark();
        let last = self.patience.last.filter(|(last, _)| Some(*last) == mark);
        self.patience.last = last.or(mark.map(|mark| (mark, now)));
        if self.patience_deadline().is_some_and(|deadline| now >= deadline) {
            let (place, seconds) = (&self.place, self.patience_max().as_secs());
            let text = format!("{place} has not done what was asked within {seconds} s");
            self.finish(Err(Failure::new(text, EXIT_FAILED)));
        }
    }

    /// Whoever gave a connection longer than this to come back is as patient with the rest.
    fn patience_max(&self) -> Duration {
        let least = if self.transfers_running() > 0 { TRANSFER_MAX } else { ANSWER_MAX };
        let given = self.manner.reconnect.and_then(|reconnect| reconnect.give_up_after);
        given.map_or(least, |time| time.max(least))
    }

    /// How far everything is, while a script waits for the server. Being let in has a limit of its
    /// own, and so has leaving.
    fn mark(&self) -> Option<Mark> {
        let session = self.session();
        let awaits = self.has_work() || !session.room().is_caught_up();
        let is_waiting = self.manner.script && self.arrived && self.leaving.is_none() && awaits;
        is_waiting.then(|| Mark {
            left: session.outstanding() + self.transfers_running(),
            position: session.position(),
            moved: session.transfers().map(|status| status.moved).sum(),
        })
    }
}
