//! The phase of a connection (PROTOCOL.md, "Phases and deadlines"; docs/ARCHITECTURE.md, "The life
//! of a connection"), and which transitions are allowed.

use chatshelf_common::text::Nick;

use crate::token::Token;

/// A phase, with its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Accepted, or a visitor until now; nothing of the protocol received yet.
    Greeting { since_ms: u64 },
    /// A visitor: it has asked for what is on the shelf instead of joining, and may ask again. It
    /// asked or was answered at `since_ms`.
    Visiting { since_ms: u64, awaits_verdict: bool },
    /// `Hello` answered, not joined.
    Greeted(Guest),
    /// Its `Join` waits until the holder of the nick gives a sign of life, or until its password
    /// is verified. Nothing is read meanwhile.
    Contending(Guest),
    /// Joined in this turn and not welcomed yet: frames after the `Join` are handled after the
    /// welcome.
    Entering(Membership),
    /// A member, and welcomed.
    Joined(Membership),
    /// The goodbye is queued; input is discarded.
    Closing { since_ms: u64 },
    /// The goodbye is sent and our side is shut down; the peer may still be reading.
    Lingering { since_ms: u64 },
    /// Will be reaped at the end of the turn.
    Dead,
}

/// A peer that has not joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Guest {
    /// From when on its time to join counts: since `Hello` arrived, or since its password was
    /// looked at, which may be yet to come.
    pub(super) since_ms: u64,
    /// `Join`s that were refused for their nick or password.
    pub(super) refusals: u8,
    /// What is known of its password.
    pub(super) pass: Pass,
}

/// What is known of a guest's password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    /// Its client does not support passwords.
    Impossible,
    /// It has not shown the right one yet.
    Missing,
    /// It has shown the right one.
    Shown,
}

/// A member's connection to the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Membership {
    pub(super) nick: Nick,
    /// The session; named after its first connection, which may be this one.
    pub(super) session: Token,
    /// `Join`s and `Rename`s that were refused for their nick; the count saturates.
    pub(super) refusals: u8,
    /// The second in which statistics were last given, from 1 on; 0 if none were.
    pub(super) stats_second: u32,
}

impl Membership {
    /// Creates the membership of a connection that has had this many requests for a nick refused.
    pub(super) fn new(nick: Nick, session: Token, refusals: u8) -> Self {
        Self { nick, session, refusals, stats_second: 0 }
    }
}

/// A phase without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Greeting,
    Visiting,
    Greeted,
    Contending,
    Entering,
    Joined,
    Closing,
    Lingering,
    Dead,
}

impl Step {
    /// The steps that may follow each step; there are no others.
    pub(super) const TRANSITIONS: [(Self, &[Self]); 9] = {
        use Step::{
            Closing, Contending, Dead, Entering, Greeted, Greeting, Joined, Lingering, Visiting,
        };
        [
            (Greeting, &[Visiting, Greeted, Closing, Dead]),
            (Visiting, &[Greeting, Closing, Dead]),
            (Greeted, &[Contending, Entering, Closing, Dead]),
            (Contending, &[Greeted, Closing, Dead]),
            (Entering, &[Joined, Closing, Dead]),
            (Joined, &[Closing, Dead]),
            (Closing, &[Lingering, Dead]),
            (Lingering, &[Dead]),
            (Dead, &[]),
        ]
    };

    /// Returns true if that step may follow this one.
    pub(super) fn may_become(self, next: Self) -> bool {
        let (step, follow) = Self::TRANSITIONS[self as usize];
        debug_assert_eq!(step, self, "the table is ordered by step");
        follow.contains(&next)
    }
}

impl Phase {
    /// Returns the phase's step.
    pub(super) fn step(&self) -> Step {
        match self {
            Self::Greeting { .. } => Step::Greeting,
            Self::Visiting { .. } => Step::Visiting,
            Self::Greeted(_) => Step::Greeted,
            Self::Contending(_) => Step::Contending,
            Self::Entering(_) => Step::Entering,
            Self::Joined(_) => Step::Joined,
            Self::Closing { .. } => Step::Closing,
            Self::Lingering { .. } => Step::Lingering,
            Self::Dead => Step::Dead,
        }
    }

    /// Enters the next phase, which must be allowed to follow.
    pub(super) fn become_phase(&mut self, next: Self) {
        let (step, next_step) = (self.step(), next.step());
        debug_assert!(step.may_become(next_step), "{step:?} to {next_step:?}");
        *self = next;
    }

    /// Notes that a visitor has asked, or has been answered. Does nothing for any other peer that
    /// has said something already.
    pub(super) fn note_visit(&mut self, now_ms: u64) {
        let visiting = Self::Visiting { since_ms: now_ms, awaits_verdict: false };
        match self {
            Self::Greeting { .. } => self.become_phase(visiting),
            Self::Visiting { .. } => *self = visiting,
            _ => {}
        }
    }

    /// Notes that a visitor waits until its password is verified.
    pub(super) fn await_visit_verdict(&mut self, now_ms: u64) {
        if let Self::Visiting { .. } = self {
            *self = Self::Visiting { since_ms: now_ms, awaits_verdict: true };
        }
    }

    /// Returns the membership, if this is a member's connection.
    pub(super) fn member(&self) -> Option<&Membership> {
        match self {
            Self::Entering(member) | Self::Joined(member) => Some(member),
            _ => None,
        }
    }

    /// Returns the membership mutably, if this is a member's connection.
    pub(super) fn member_mut(&mut self) -> Option<&mut Membership> {
        match self {
            Self::Entering(member) | Self::Joined(member) => Some(member),
            _ => None,
        }
    }

    /// Returns true while frames from the peer are executed.
    pub(super) fn is_listening(&self) -> bool {
        !matches!(self, Self::Closing { .. } | Self::Lingering { .. } | Self::Dead)
    }

    /// Returns true once the goodbye is queued or sent.
    pub(super) fn is_leaving(&self) -> bool {
        matches!(self, Self::Closing { .. } | Self::Lingering { .. })
    }

    /// Returns true while a `Join` waits for its outcome, which decides what the frames after it
    /// mean.
    pub(super) fn awaits_answer(&self) -> bool {
        matches!(self, Self::Contending(_) | Self::Entering(_))
    }

    /// Makes a `Join` wait until the holder of the nick gives a sign of life, or fails to.
    pub(super) fn contend(&mut self) {
        if let Self::Greeted(guest) = *self {
            self.become_phase(Self::Contending(guest));
        }
    }

    /// Ends that wait, whatever its outcome.
    pub(super) fn contend_no_more(&mut self) {
        if let Self::Contending(guest) = *self {
            self.become_phase(Self::Greeted(guest));
        }
    }

    /// Returns what is known of a guest's password.
    pub(super) fn pass(&self) -> Option<Pass> {
        match self {
            Self::Greeted(guest) | Self::Contending(guest) => Some(guest.pass),
            _ => None,
        }
    }

    /// Makes a `Join` wait until its password is verified. The deadline to join stands still
    /// meanwhile: it begins again at `since_ms`.
    pub(super) fn await_verdict(&mut self, since_ms: u64) {
        if let Self::Greeted(guest) = *self {
            self.become_phase(Self::Contending(Guest { since_ms, ..guest }));
        }
    }

    /// Ends that wait. Returns false if nobody is waiting any more.
    pub(super) fn take_verdict(&mut self, is_right: bool, now_ms: u64) -> bool {
        let Self::Contending(guest) = *self else { return false };
        let pass = if is_right { Pass::Shown } else { guest.pass };
        self.become_phase(Self::Greeted(Guest { since_ms: now_ms, pass, ..guest }));
        true
    }

    /// Counts a refused nick, and returns the number of refusals on this connection.
    pub(super) fn count_refusal(&mut self) -> Option<u8> {
        let refusals = match self {
            Self::Greeted(guest) | Self::Contending(guest) => &mut guest.refusals,
            Self::Entering(member) | Self::Joined(member) => &mut member.refusals,
            _ => return None,
        };
        *refusals = refusals.saturating_add(1);
        Some(*refusals)
    }

    /// Returns true for a member who may have statistics in this second of the monotonic clock, and
    /// notes that it is given some.
    pub(super) fn take_stats_turn(&mut self, second: u32) -> bool {
        let Self::Joined(member) = self else { return false };
        std::mem::replace(&mut member.stats_second, second + 1) != second + 1
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chatshelf_testkit::figure;
    use chatshelf_testkit::samples::nick;

    use super::*;

    #[test]
    fn the_figure_draws_exactly_these_transitions() {
        let table: BTreeSet<String> = Step::TRANSITIONS
            .iter()
            .flat_map(|(from, follow)| follow.iter().map(move |to| format!("{from:?} to {to:?}")))
            .collect();
        assert_eq!(
            figure::transitions(include_str!("../../../docs/figures/connection.svg")),
            table
        );
    }

    #[test]
    fn each_way_through_the_phases_ends_at_the_reaper() {
        for (place, (from, follow)) in Step::TRANSITIONS.into_iter().enumerate() {
            assert_eq!(from as usize, place);
            assert!(from == Step::Dead || from.may_become(Step::Dead), "{from:?}");
            assert!(!follow.contains(&from), "{from:?}");
            assert!(!follow.contains(&Step::Greeting) || from == Step::Visiting, "{from:?}");
        }
    }

    #[test]
    #[should_panic(expected = "Greeting to Joined")]
    fn nobody_is_in_the_room_without_a_join() {
        let member = Membership::new(nick("ada"), Token::new(1, 1), 0);
        Phase::Greeting { since_ms: 0 }.become_phase(Phase::Joined(member));
    }

    #[test]
    #[should_panic(expected = "Dead to Closing")]
    fn the_dead_do_not_return() {
        Phase::Dead.become_phase(Phase::Closing { since_ms: 0 });
    }

    #[test]
    fn refusals_are_counted_as_long_as_there_is_someone_to_refuse() {
        let mut phase =
            Phase::Greeted(Guest { since_ms: 0, refusals: u8::MAX - 1, pass: Pass::Missing });
        assert_eq!(phase.count_refusal(), Some(u8::MAX));
        assert_eq!(phase.count_refusal(), Some(u8::MAX));
        assert_eq!(Phase::Closing { since_ms: 0 }.count_refusal(), None);
    }
}
