//! Where a connection is in its life (PROTOCOL.md, "Phases and deadlines"; docs/ARCHITECTURE.md,
//! "The life of a connection"), and which step may follow which.

use chatshelf_common::text::Nick;

use crate::token::Token;

/// A phase, with what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing heard yet.
    Greeting { since_ms: u64 },
    /// `Hello` answered, not joined.
    Greeted(Guest),
    /// Its `Join` waits for a sign of life of whoever has the nick. Nothing is read meanwhile.
    Contending(Guest),
    /// In the room since this turn, and not welcomed yet: what follows the `Join` is understood
    /// after the welcome.
    Entering(Membership),
    /// In the room.
    Joined(Membership),
    /// The farewell is queued; what comes in is discarded.
    Closing { since_ms: u64 },
    /// The farewell is sent and our side shut; the peer may still read it.
    Lingering { since_ms: u64 },
    /// To be reaped.
    Dead,
}

/// Someone who has not joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Guest {
    /// When `Hello` came.
    pub(super) since_ms: u64,
    /// `Join`s that were refused for their nick.
    pub(super) refusals: u8,
}

/// Someone in the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Membership {
    pub(super) nick: Nick,
    /// It began on the connection of that name, perhaps this one.
    pub(super) session: Token,
    /// `Join`s and `Rename`s that were refused for their nick, as far as it matters.
    pub(super) refusals: u8,
}

/// A phase without what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Greeting,
    Greeted,
    Contending,
    Entering,
    Joined,
    Closing,
    Lingering,
    Dead,
}

impl Step {
    /// What may follow each step; nothing else may.
    pub(super) const TRANSITIONS: [(Self, &[Self]); 8] = {
        use Step::{Closing, Contending, Dead, Entering, Greeted, Greeting, Joined, Lingering};
        [
            (Greeting, &[Greeted, Closing, Dead]),
            (Greeted, &[Contending, Entering, Closing, Dead]),
            (Contending, &[Greeted, Closing, Dead]),
            (Entering, &[Joined, Closing, Dead]),
            (Joined, &[Closing, Dead]),
            (Closing, &[Lingering, Dead]),
            (Lingering, &[Dead]),
            (Dead, &[]),
        ]
    };

    /// True if a connection may go from this step to that one.
    pub(super) fn may_become(self, next: Self) -> bool {
        let (step, follow) = Self::TRANSITIONS[self as usize];
        debug_assert_eq!(step, self, "the table is in the order of the steps");
        follow.contains(&next)
    }
}

impl Phase {
    /// Which it is.
    pub(super) fn step(&self) -> Step {
        match self {
            Self::Greeting { .. } => Step::Greeting,
            Self::Greeted(_) => Step::Greeted,
            Self::Contending(_) => Step::Contending,
            Self::Entering(_) => Step::Entering,
            Self::Joined(_) => Step::Joined,
            Self::Closing { .. } => Step::Closing,
            Self::Lingering { .. } => Step::Lingering,
            Self::Dead => Step::Dead,
        }
    }

    /// Goes on to the next phase, which must be one that may follow.
    pub(super) fn become_phase(&mut self, next: Self) {
        let (step, next_step) = (self.step(), next.step());
        debug_assert!(step.may_become(next_step), "{step:?} to {next_step:?}");
        *self = next;
    }

    /// Who is in the room on this connection, if anyone.
    pub(super) fn member(&self) -> Option<&Membership> {
        match self {
            Self::Entering(member) | Self::Joined(member) => Some(member),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub(super) fn member_mut(&mut self) -> Option<&mut Membership> {
        match self {
            Self::Entering(member) | Self::Joined(member) => Some(member),
            _ => None,
        }
    }

    /// True while what the peer sends has a meaning.
    pub(super) fn is_listening(&self) -> bool {
        !matches!(self, Self::Closing { .. } | Self::Lingering { .. } | Self::Dead)
    }

    /// True while the farewell is on its way or was sent.
    pub(super) fn is_leaving(&self) -> bool {
        matches!(self, Self::Closing { .. } | Self::Lingering { .. })
    }

    /// True while a `Join` waits for its answer: what follows it means one thing or another.
    pub(super) fn awaits_answer(&self) -> bool {
        matches!(self, Self::Contending(_) | Self::Entering(_))
    }

    /// Counts a nick that is refused, and says which it is of this connection.
    pub(super) fn count_refusal(&mut self) -> Option<u8> {
        let refusals = match self {
            Self::Greeted(guest) | Self::Contending(guest) => &mut guest.refusals,
            Self::Entering(member) | Self::Joined(member) => &mut member.refusals,
            _ => return None,
        };
        *refusals = refusals.saturating_add(1);
        Some(*refusals)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The transitions that a page draws, apart from those to the same phase.
    fn drawn(page: &str) -> BTreeSet<String> {
        let start = page.find("stateDiagram-v2\n  [*] --> Greeting").unwrap();
        let diagram = page[start..].split("```").next().unwrap();
        let arrows = diagram.lines().filter_map(|line| {
            let (arrow, _) = line.trim().split_once(':').unwrap_or((line.trim(), ""));
            let (from, to) = arrow.split_once(" --> ")?;
            (from != to && from != "[*]" && to != "[*]").then(|| format!("{from} to {to}"))
        });
        arrows.collect()
    }

    #[test]
    fn the_documents_draw_the_transitions_that_there_are() {
        let table: BTreeSet<String> = Step::TRANSITIONS
            .iter()
            .flat_map(|(from, follow)| follow.iter().map(move |to| format!("{from:?} to {to:?}")))
            .collect();
        assert_eq!(drawn(include_str!("../../../docs/ARCHITECTURE.md")), table);
        assert_eq!(drawn(include_str!("../../../docs/REPORT.md")), table);
    }

    #[test]
    fn each_way_through_the_phases_ends_at_the_reaper() {
        for (place, (from, follow)) in Step::TRANSITIONS.into_iter().enumerate() {
            assert_eq!(from as usize, place);
            assert!(from == Step::Dead || from.may_become(Step::Dead), "{from:?}");
            assert!(!follow.contains(&Step::Greeting) && !follow.contains(&from), "{from:?}");
        }
    }

    #[test]
    #[should_panic(expected = "Greeting to Joined")]
    fn nobody_is_in_the_room_without_a_join() {
        let member =
            Membership { nick: Nick::new("ada").unwrap(), session: Token::new(1, 1), refusals: 0 };
        Phase::Greeting { since_ms: 0 }.become_phase(Phase::Joined(member));
    }

    #[test]
    #[should_panic(expected = "Dead to Closing")]
    fn the_dead_do_not_return() {
        Phase::Dead.become_phase(Phase::Closing { since_ms: 0 });
    }

    #[test]
    fn refusals_are_counted_as_long_as_there_is_someone_to_refuse() {
        let mut phase = Phase::Greeted(Guest { since_ms: 0, refusals: u8::MAX - 1 });
        assert_eq!(phase.count_refusal(), Some(u8::MAX));
        assert_eq!(phase.count_refusal(), Some(u8::MAX));
        assert_eq!(Phase::Closing { since_ms: 0 }.count_refusal(), None);
    }
}
