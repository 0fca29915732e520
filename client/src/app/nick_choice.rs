//! Which nick we go by: asked for, refused, chosen again, until the room has let us in. Owns where
//! that conversation is; what people see of it is the view's.

use chatshelf_common::text::Nick;

/// Refusals after which no further nick is tried without asking.
const REFUSALS_MAX: u32 = 5;

/// Where the conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The server has been asked, or will be.
    Asked,
    /// It was refused; somebody is to choose another.
    Choosing,
    /// We are in the room, or were.
    Held,
}

impl Stage {
    fn may_become(self, next: Self) -> bool {
        match self {
            Self::Asked => true,
            Self::Choosing => next == Self::Asked,
            // A session that comes back finds its own nick.
            Self::Held => next == Self::Held,
        }
    }
}

/// What to do about a nick that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Ask for this one.
    Try(Nick),
    /// Let somebody choose.
    Choose,
}

/// The conversation about our nick.
#[derive(Debug)]
pub(super) struct NickChoice {
    stage: Stage,
    /// The nick that somebody chose. That of a one-shot command may differ, if it was taken.
    chosen: Nick,
    /// Nobody chose it: another will do.
    is_any_good: bool,
    refusals: u32,
}

impl NickChoice {
    pub(super) fn new(chosen: Nick, is_any_good: bool) -> Self {
        Self { stage: Stage::Asked, chosen, is_any_good, refusals: 0 }
    }

    /// The nick was refused; this other one may be free.
    pub(super) fn refused(&mut self, other: Option<&Nick>) -> Remedy {
        self.refusals += 1;
        match other {
            Some(other) if self.is_any_good && self.refusals < REFUSALS_MAX => {
                Remedy::Try(other.clone())
            }
            _ => {
                self.go(Stage::Choosing);
                Remedy::Choose
            }
        }
    }

    /// Somebody has chosen another nick. False when nobody was asked.
    pub(super) fn choose(&mut self) -> bool {
        let is_asked = self.is_choosing();
        if is_asked {
            self.go(Stage::Asked);
        }
        is_asked
    }

    /// We are in the room, under this nick.
    pub(super) fn joined(&mut self, nick: &Nick) {
        self.go(Stage::Held);
        if !self.is_any_good {
            self.chosen = nick.clone();
        }
    }

    fn go(&mut self, next: Stage) {
        debug_assert!(self.stage.may_become(next), "{:?} to {next:?}", self.stage);
        self.stage = next;
    }

    /// True while somebody is to choose another nick.
    pub(super) fn is_choosing(&self) -> bool {
        self.stage == Stage::Choosing
    }

    /// True from the first time in the room.
    pub(super) fn is_held(&self) -> bool {
        self.stage == Stage::Held
    }

    /// The nick that somebody chose.
    pub(super) fn chosen(&self) -> &Nick {
        &self.chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nick(name: &str) -> Nick {
        Nick::new(name).unwrap()
    }

    #[test]
    fn a_nick_that_somebody_chose_is_replaced_by_them_alone() {
        let mut choice = NickChoice::new(nick("ada"), false);
        assert!(!choice.choose(), "nobody was asked");
        assert_eq!(choice.refused(Some(&nick("ada2"))), Remedy::Choose);
        assert!(choice.is_choosing() && choice.choose() && !choice.is_choosing());
        choice.joined(&nick("grace"));
        assert!(choice.is_held());
        assert_eq!(choice.chosen(), &nick("grace"));
    }

    #[test]
    fn where_any_nick_will_do_a_few_are_tried_and_the_first_is_what_was_chosen() {
        let mut choice = NickChoice::new(nick("ada"), true);
        for _ in 1..REFUSALS_MAX {
            assert_eq!(choice.refused(Some(&nick("ada2"))), Remedy::Try(nick("ada2")));
        }
        let mut other = NickChoice::new(nick("ada"), true);
        assert_eq!(other.refused(None), Remedy::Choose, "there is no other");
        choice.joined(&nick("ada2"));
        assert_eq!(choice.chosen(), &nick("ada"));
        assert_eq!(NickChoice { stage: Stage::Asked, ..choice }.refused(Some(&nick("x"))), {
            Remedy::Choose
        });
    }

    #[test]
    #[should_panic(expected = "Held to Choosing")]
    #[cfg(debug_assertions)]
    fn who_is_in_the_room_is_not_refused() {
        let mut choice = NickChoice::new(nick("ada"), false);
        choice.joined(&nick("ada"));
        choice.refused(None);
    }
}
