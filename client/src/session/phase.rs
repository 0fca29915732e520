//! Where a session is on its way into the room and out of it, and which step may follow which.

use std::time::Instant;

use chatshelf_common::id::ResumeToken;

/// Where the session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// There is no connection; the next is due at this moment.
    Offline { retry_at: Instant },
    /// A connection is being made.
    Connecting,
    /// `Hello` and `Join` are sent.
    Greeting,
    /// `HelloAck` has come; `Join` is not answered.
    Joining,
    /// The nick was refused; another is awaited from the front.
    Choosing,
    /// `Welcome` has come; the snapshot is not whole.
    Arriving,
    /// Back in the room, but not all that happened meanwhile has been seen.
    CatchingUp,
    /// In the room.
    Joined,
    /// `Leave` is sent.
    Leaving,
    /// Nothing more will come.
    Over,
}

impl Phase {
    /// The table of transitions.
    pub(super) fn may_become(self, next: Self) -> bool {
        match (self, next) {
            // A connection can break, and a server can break the protocol, at any time.
            (Self::Over, _) => false,
            (_, Self::Over) => true,
            // Who leaves does not come back.
            (Self::Leaving, _) => false,
            (_, Self::Offline { .. }) => true,
            (Self::Offline { .. }, Self::Connecting | Self::Greeting)
            | (Self::Connecting, Self::Greeting)
            | (Self::Greeting, Self::Joining)
            | (Self::Joining, Self::Choosing | Self::Arriving | Self::Leaving)
            | (Self::Choosing, Self::Joining | Self::Leaving)
            | (Self::Arriving, Self::CatchingUp | Self::Joined | Self::Leaving)
            | (Self::CatchingUp, Self::Joined | Self::Leaving)
            | (Self::Joined, Self::Leaving) => true,
            _ => false,
        }
    }

    /// True while there is no connection, though one is wanted.
    pub(super) fn is_offline(self) -> bool {
        matches!(self, Self::Offline { .. } | Self::Connecting)
    }

    /// True in the room.
    pub(super) fn is_in_room(self) -> bool {
        matches!(self, Self::CatchingUp | Self::Joined)
    }

    /// True while the next step towards the room is the server's.
    pub(super) fn is_entering(self) -> bool {
        matches!(self, Self::Greeting | Self::Joining | Self::Arriving)
    }

    /// True once the session accepts nothing more.
    pub(super) fn is_ending(self) -> bool {
        matches!(self, Self::Leaving | Self::Over)
    }
}

/// What the server has given us to come back with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Membership {
    /// Nothing: we were never let in.
    #[default]
    None,
    /// A place in the room, but we have not seen the room yet.
    Welcomed(ResumeToken),
    /// The same, and the front was told that we are in the room.
    Held(ResumeToken),
}

impl Membership {
    /// A `Welcome` has come, with a token for the next return.
    pub(super) fn welcome(&mut self, resume: ResumeToken) {
        *self = match self {
            Self::None | Self::Welcomed(_) => Self::Welcomed(resume),
            Self::Held(_) => Self::Held(resume),
        };
    }

    /// The room is seen. False when it was seen before, and we are back.
    pub(super) fn hold(&mut self) -> bool {
        debug_assert!(*self != Self::None, "a snapshot follows a welcome");
        let is_first = !self.is_held();
        if let Some(resume) = self.resume() {
            *self = Self::Held(resume);
        }
        is_first
    }

    pub(super) fn is_held(self) -> bool {
        matches!(self, Self::Held(_))
    }

    /// The token to come back with.
    pub(super) fn resume(self) -> Option<ResumeToken> {
        match self {
            Self::None => None,
            Self::Welcomed(resume) | Self::Held(resume) => Some(resume),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chatshelf_testkit::figure;

    use super::*;

    fn all() -> [Phase; 10] {
        [
            Phase::Offline { retry_at: Instant::now() },
            Phase::Connecting,
            Phase::Greeting,
            Phase::Joining,
            Phase::Choosing,
            Phase::Arriving,
            Phase::CatchingUp,
            Phase::Joined,
            Phase::Leaving,
            Phase::Over,
        ]
    }

    fn name(phase: Phase) -> String {
        let debug = format!("{phase:?}");
        debug.split(' ').next().unwrap_or_default().to_owned()
    }

    #[test]
    fn the_figure_draws_exactly_these_transitions() {
        let pairs = all().into_iter().flat_map(|from| all().map(|to| (from, to)));
        let allowed = pairs.filter(|(from, to)| from.may_become(*to) && name(*from) != name(*to));
        let table: BTreeSet<String> =
            allowed.map(|(from, to)| format!("{} to {}", name(from), name(to))).collect();
        let drawn = figure::transitions(include_str!("../../../docs/figures/session.svg"));
        assert_eq!(drawn, table);
    }

    #[test]
    fn the_room_is_reached_by_a_welcome_alone_and_left_for_good() {
        for phase in all() {
            let enters = phase.may_become(Phase::Joined);
            assert_eq!(enters, matches!(phase, Phase::Arriving | Phase::CatchingUp), "{phase:?}");
            assert!(!Phase::Over.may_become(phase));
            assert_eq!(Phase::Leaving.may_become(phase), phase == Phase::Over, "{phase:?}");
            assert_eq!(phase.may_become(Phase::Over), phase != Phase::Over);
            let breaks = phase.may_become(Phase::Offline { retry_at: Instant::now() });
            assert_eq!(breaks, !phase.is_ending(), "{phase:?}");
        }
    }

    #[test]
    fn a_membership_is_told_once_and_its_token_is_the_last() {
        let (one, two) = (ResumeToken([1; 24]), ResumeToken([2; 24]));
        let mut membership = Membership::default();
        assert_eq!(membership.resume(), None);
        membership.welcome(one);
        membership.welcome(two);
        assert!(!membership.is_held() && membership.hold());
        membership.welcome(one);
        assert_eq!(membership, Membership::Held(one));
        assert!(!membership.hold(), "we are back");
    }
}
