//! What operators do: becoming one, what is asked for then, and the bans that the server tells.
//! Owns the questions for bans that are not answered, and the last answer.

use chatshelf_common::password::Password;
use chatshelf_common::wire::Frame;
use chatshelf_common::wire::frame::{
    Action, BanEntry, Bans, BansRequest, Moderate, Moderated, Op, Refused,
};

use super::Session;
use super::event::{CommandError, PendingCommand, SessionError, SessionEvent, Unanswered};
use super::phase::Phase;
use super::privacy::Privacy;

/// Bans that a server may tell.
const BANS_MAX: usize = 10_000;

/// Questions for bans, and the answer.
#[derive(Debug, Default)]
pub(super) struct BansQuery {
    asked: u32,
    answer: Vec<BanEntry>,
}

impl Session {
    /// Asks to be an operator; answered by `Moderated` or `Refused`.
    ///
    /// # Errors
    /// When not connected to a room that has operators, or others could read the password.
    pub fn op(&mut self, password: Password) -> Result<(), CommandError> {
        self.may_op()?;
        self.ask(PendingCommand::Op(password)).map(drop)
    }

    /// Says whether [`Self::op`] would send a password.
    ///
    /// # Errors
    /// As [`Self::op`].
    pub fn may_op(&self) -> Result<(), CommandError> {
        self.may_moderate()?;
        match self.passwords.privacy() {
            Privacy::Private => Ok(()),
            privacy => Err(CommandError::NotPrivate(privacy)),
        }
    }

    /// Has something done that only operators may; answered by `Moderated` or `Refused`.
    ///
    /// # Errors
    /// When not connected to a room that has operators.
    pub fn moderate(&mut self, order: Moderate) -> Result<(), CommandError> {
        self.may_moderate()?;
        self.ask(PendingCommand::Moderate(order)).map(drop)
    }

    /// Asks for the bans; answered by [`SessionEvent::Bans`] or `Refused`.
    ///
    /// # Errors
    /// When not connected to a room that has operators.
    pub fn ask_bans(&mut self) -> Result<(), CommandError> {
        self.may_moderate()?;
        self.bans.asked += 1;
        self.out.control(&BansRequest {});
        Ok(())
    }

    /// The bans, as the server told them last.
    #[must_use]
    pub fn bans(&self) -> &[BanEntry] {
        &self.bans.answer
    }

    /// True while the server owes us the bans.
    #[must_use]
    pub fn awaits_bans(&self) -> bool {
        self.bans.asked > 0
    }

    /// None of it is kept for a later connection: what was meant may be another by then.
    fn may_moderate(&self) -> Result<(), CommandError> {
        if self.phase != Phase::Joined {
            return Err(CommandError::NotJoined);
        }
        let has_operators = self.limits().is_some_and(|limits| limits.has_operators);
        if has_operators { Ok(()) } else { Err(CommandError::NoOperators) }
    }

    /// Some of the bans have come.
    pub(super) fn handle_bans(&mut self, Bans { part, bans }: Bans) -> Result<(), SessionError> {
        if !self.awaits_bans() {
            return Err(SessionError::Unexpected("bans that were not asked for"));
        }
        if part.first {
            self.bans.answer.clear();
        }
        self.bans.answer.extend(bans);
        if self.bans.answer.len() > BANS_MAX {
            return Err(SessionError::Unexpected("more bans than there can be"));
        }
        if part.last {
            self.bans.asked -= 1;
            self.events.push_back(SessionEvent::Bans);
        }
        Ok(())
    }

    /// An operator did something: it may be what we asked for.
    pub(super) fn note_moderated(&mut self, it: &Moderated) {
        if it.nick == self.nick {
            let kind = if it.action == Action::OP { Op::KIND } else { Moderate::KIND };
            self.pending.answered(kind);
        }
    }

    /// Something that only operators may do was refused.
    pub(super) fn note_bans_refused(&mut self, refused: &Refused) {
        if refused.about == BansRequest::KIND {
            self.bans.asked = self.bans.asked.saturating_sub(1);
        }
    }

    /// The connection is gone, and with it what was asked on it.
    pub(super) fn lose_bans(&mut self) {
        if std::mem::take(&mut self.bans.asked) > 0 {
            self.events.push_back(SessionEvent::Unanswered(Unanswered::Moderation));
        }
    }
}
