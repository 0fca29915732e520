//! What the server tells of itself when it is asked. Owns the questions that are not answered and
//! the last answer on this connection.

use std::time::Duration;

use chatshelf_common::wire::frame::{Refused, Stats, StatsRequest};
use chatshelf_common::wire::{Code, Frame};

use super::Session;
use super::event::{CommandError, SessionError, SessionEvent, Unanswered};
use super::phase::Phase;

/// Questions and the answer.
#[derive(Debug, Default)]
pub(super) struct StatsQuery {
    /// Questions without an answer.
    asked: u32,
    answer: Option<Stats>,
}

impl Session {
    /// Asks what the server has done; answered by [`SessionEvent::Stats`].
    ///
    /// # Errors
    /// When not in the room, or the server is too old to know the question.
    pub fn ask_stats(&mut self) -> Result<(), CommandError> {
        if self.phase != Phase::Joined {
            return Err(CommandError::NotJoined);
        }
        if !self.limits().is_some_and(|limits| limits.tells_stats) {
            return Err(CommandError::NoStats);
        }
        self.stats.asked += 1;
        self.out.control(&StatsRequest {});
        Ok(())
    }

    /// The server's last answer on this connection.
    #[must_use]
    pub fn stats(&self) -> Option<&Stats> {
        self.stats.answer.as_ref()
    }

    /// True while an answer is awaited.
    #[must_use]
    pub fn awaits_stats(&self) -> bool {
        self.stats.asked > 0
    }

    /// For how long the room has been reached on this connection, when the server was last heard.
    #[must_use]
    pub fn joined_for(&self) -> Option<Duration> {
        let heard_at = self.heartbeat.heard_at();
        self.joined_at.map(|at| heard_at.saturating_duration_since(at))
    }

    /// How often it has come back on another connection.
    #[must_use]
    pub fn returns(&self) -> u32 {
        self.returns
    }

    /// The server's answer has come.
    pub(super) fn handle_stats(&mut self, stats: Stats) -> Result<(), SessionError> {
        if !self.awaits_stats() {
            return Err(SessionError::Unexpected("statistics that were not asked for"));
        }
        self.stats.asked -= 1;
        self.stats.answer = Some(stats);
        self.events.push_back(SessionEvent::Stats);
        Ok(())
    }

    /// True for a refusal because the last answer is not a second old: it serves again.
    pub(super) fn is_told_already(&mut self, refused: &Refused) -> bool {
        if refused.about != StatsRequest::KIND || !self.awaits_stats() {
            return false;
        }
        self.stats.asked -= 1;
        let serves = refused.code == Code::TOO_SOON && self.stats.answer.is_some();
        if serves {
            self.events.push_back(SessionEvent::Stats);
        }
        serves
    }

    /// The connection is gone, and with it what was asked on it.
    pub(super) fn lose_stats(&mut self) {
        if std::mem::take(&mut self.stats).asked > 0 {
            self.events.push_back(SessionEvent::Unanswered(Unanswered::Stats));
        }
    }
}
