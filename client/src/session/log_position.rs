//! How far the room log has been seen, over all connections: what a returning client asks for, and
//! what it makes of the answer (PROTOCOL.md, "Coming back"). Knows nothing of what events hold.

use chatshelf_common::id::{Seq, UnixMillis};
use chatshelf_common::limits::HISTORY_ALL;
use chatshelf_common::wire::frame::Welcome;

use super::event::When;

/// The place in the log that was reached.
#[derive(Debug, Default)]
pub(super) struct LogPosition {
    /// There was a `Welcome`.
    welcomed: bool,
    /// The newest event that was taken in, with its time.
    newest: Option<(Seq, UnixMillis)>,
    /// Every event up to this one was taken in, was said to be missed, or was not wanted.
    told_until: Seq,
    /// Events before this one are not shown: more history than was wanted.
    wanted_from: Seq,
    /// Events up to this one are from before the first join.
    history_until: Seq,
}

/// How what follows a `Welcome` fits to what was seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Continuity {
    Exact,
    /// These will not come.
    Missed {
        from: Seq,
        to: Seq,
    },
    /// From here on, other events than those seen have the numbers.
    Rewound {
        from: Seq,
    },
}

impl LogPosition {
    /// True before the first `Welcome`.
    pub(super) fn is_blank(&self) -> bool {
        !self.welcomed
    }

    /// The newest event, by which the server can tell what is new to us.
    pub(super) fn newest(&self) -> Option<(Seq, UnixMillis)> {
        self.newest
    }

    /// Up to which event the log was taken in, or is known to be missing.
    pub(super) fn position(&self) -> Seq {
        self.told_until
    }

    /// How many lines of history to ask for when the front wants to show `wanted`.
    ///
    /// One that is to come back needs an event to come back to, and without it all that is held.
    pub(super) fn history(&self, wanted: Option<u32>, comes_back: bool) -> Option<u32> {
        match (self.welcomed, self.newest) {
            (false, _) if comes_back => wanted.map(|lines| lines.max(1)),
            (false, _) => wanted,
            (true, None) => Some(HISTORY_ALL),
            (true, Some(_)) => None,
        }
    }

    /// A `Welcome` has come. `wants_history` is false when what was before is not to be shown.
    pub(super) fn welcome(&mut self, welcome: &Welcome, wants_history: bool) -> Continuity {
        let from = welcome.from;
        let is_first = !std::mem::replace(&mut self.welcomed, true);
        let lost_all = self.newest.is_none() && welcome.seq < self.history_until;
        if is_first || lost_all {
            self.wanted_from = if wants_history { from } else { welcome.seq.next() };
            self.told_until = Seq(self.wanted_from.0.saturating_sub(1));
            self.history_until = welcome.seq;
            return Continuity::Exact;
        }
        // Once told, it is not told again, though no event may have come since then.
        if from <= self.told_until && self.newest.is_some_and(|(newest, _)| from <= newest) {
            self.wanted_from = from;
            self.told_until = Seq(from.0.saturating_sub(1));
            self.history_until = Seq(0);
            return Continuity::Rewound { from };
        }
        let expected = self.told_until.next();
        if from <= expected {
            return Continuity::Exact;
        }
        self.told_until = Seq(from.0 - 1);
        Continuity::Missed { from: expected, to: self.told_until }
    }

    /// An event is taken in; `at` is missing if it is of a type this version does not know.
    pub(super) fn event(&mut self, seq: Seq, at: Option<UnixMillis>) {
        if let Some(at) = at {
            self.newest = Some((seq, at));
        }
        self.told_until = self.told_until.max(seq);
    }

    /// Events up to this one were said to be missed.
    pub(super) fn gap(&mut self, to: Seq) {
        self.told_until = self.told_until.max(to);
    }

    /// When an event was, given the newest one that the snapshot holds; none for one that is not
    /// to be shown.
    pub(super) fn when(&self, seq: Seq, snapshot: Seq) -> Option<When> {
        if seq > snapshot {
            Some(When::Live)
        } else if seq < self.wanted_from {
            None
        } else if seq <= self.history_until {
            Some(When::History)
        } else {
            Some(When::Away)
        }
    }
}

#[cfg(test)]
mod tests {
    use chatshelf_common::id::ResumeToken;
    use chatshelf_common::text::Nick;

    use super::*;

    fn welcome(from: u64, seq: u64) -> Welcome {
        let (nick, resume) = (Nick::new("ada").unwrap(), ResumeToken([0; 24]));
        Welcome { nick, seq: Seq(seq), from: Seq(from), resume }
    }

    /// Joined at 42 with history from 40 on, and seen up to here.
    fn seen(until: u64) -> LogPosition {
        let mut seen = LogPosition::default();
        assert_eq!(seen.welcome(&welcome(40, 42), true), Continuity::Exact);
        (40..=until).for_each(|seq| seen.event(Seq(seq), Some(UnixMillis(seq))));
        seen
    }

    #[test]
    fn from_seq_tells_exact_missed_and_rewound_apart() {
        assert_eq!(seen(50).welcome(&welcome(51, 60), true), Continuity::Exact);
        let missed = Continuity::Missed { from: Seq(51), to: Seq(57) };
        assert_eq!(seen(50).welcome(&welcome(58, 60), true), missed);
        for from in [1, 45, 50] {
            let rewound = Continuity::Rewound { from: Seq(from) };
            assert_eq!(seen(50).welcome(&welcome(from, 50), true), rewound);
        }
    }

    #[test]
    fn what_was_interrupted_in_history_is_still_history_and_the_rest_is_news() {
        let mut seen = seen(41);
        seen.welcome(&welcome(42, 44), true);
        let whens: Vec<_> = (42..=45).map(|seq| seen.when(Seq(seq), Seq(44)).unwrap()).collect();
        assert_eq!(whens, [When::History, When::Away, When::Away, When::Live]);
    }

    #[test]
    fn without_a_single_event_all_is_asked_for_and_only_what_was_wanted_shown() {
        let mut seen = seen(0);
        assert_eq!((seen.newest(), seen.history(Some(2), true)), (None, Some(HISTORY_ALL)));
        assert_eq!(seen.welcome(&welcome(1, 50), true), Continuity::Exact);
        assert_eq!(seen.when(Seq(39), Seq(50)), None);
        assert_eq!(seen.when(Seq(40), Seq(50)), Some(When::History));
        assert_eq!(seen.when(Seq(43), Seq(50)), Some(When::Away));
    }

    #[test]
    fn a_client_without_history_asks_for_one_line_to_resume_from() {
        let mut seen = LogPosition::default();
        assert_eq!(seen.history(Some(0), false), Some(0));
        assert_eq!(seen.history(Some(0), true), Some(1));
        assert_eq!(seen.history(None, true), None);
        seen.welcome(&welcome(40, 42), false);
        assert_eq!(seen.when(Seq(42), Seq(42)), None);
        seen.event(Seq(42), Some(UnixMillis(1)));
        assert_eq!(seen.history(Some(0), true), None);
        assert_eq!(seen.when(Seq(43), Seq(44)), Some(When::Away));
    }

    #[test]
    fn what_a_gap_announced_is_not_reported_again() {
        let mut seen = seen(50);
        seen.gap(Seq(70));
        assert_eq!(seen.newest(), Some((Seq(50), UnixMillis(50))));
        let missed = Continuity::Missed { from: Seq(71), to: Seq(79) };
        assert_eq!(seen.welcome(&welcome(80, 90), true), missed);
    }

    #[test]
    fn after_a_rewind_every_number_is_news() {
        let mut seen = seen(50);
        seen.welcome(&welcome(41, 45), true);
        assert_eq!(seen.when(Seq(41), Seq(45)), Some(When::Away));
    }

    #[test]
    fn a_rewind_is_reported_once() {
        let mut seen = seen(50);
        assert_eq!(seen.welcome(&welcome(41, 45), true), Continuity::Rewound { from: Seq(41) });
        assert_eq!(seen.welcome(&welcome(41, 46), true), Continuity::Exact);
        assert_eq!(seen.welcome(&welcome(31, 35), true), Continuity::Rewound { from: Seq(31) });
    }
}
