//! The room's password: shown when the server asks for it, and only where nobody else can read it.
//! Owns the password, and what is known of the connection.

use std::time::{Duration, Instant};

use chatshelf_common::password::Password;
use chatshelf_common::wire::Code;

use super::Session;
use super::event::SessionEvent;
use super::phase::Phase;
use super::privacy::Privacy;

/// How long a server may take to answer a `Join` with a password, which may have to wait for its
/// turn behind wrong ones of the same address. The server reads nothing meanwhile, so it is silent.
pub(super) const PASSWORD_ENTRY_MAX: Duration = Duration::from_secs(660);
/// An answer that takes longer than this has to wait.
const VERDICT_LATE: Duration = Duration::from_secs(5);

/// The password, and whether it may be shown.
#[derive(Debug, Default)]
pub(super) struct Passwords {
    room: Option<Password>,
    privacy: Privacy,
    /// The server has asked for the password on this connection.
    is_asked: bool,
    /// That its answer takes long has been told.
    is_late_told: bool,
}

impl Passwords {
    /// A connection stands on which nothing was asked yet.
    pub(super) fn begin(&mut self) {
        (self.is_asked, self.is_late_told) = (false, false);
    }

    /// What goes into a `Join`.
    pub(super) fn shown(&self) -> Option<Password> {
        self.room.clone().filter(|_| self.is_asked && self.privacy == Privacy::Private)
    }

    /// Who could read a password that is sent.
    pub(super) fn privacy(&self) -> Privacy {
        self.privacy
    }
}

impl Session {
    /// The password to show if the room asks for one.
    pub fn set_password(&mut self, password: Password) {
        self.passwords.room = Some(password);
    }

    /// Says who can read what is sent from now on. Until this is said, passwords stay here.
    pub fn note_privacy(&mut self, privacy: Privacy) {
        self.passwords.privacy = privacy;
    }

    /// Shows this password, after [`SessionEvent::PasswordWanted`]; otherwise does nothing.
    pub fn give_password(&mut self, password: Password) {
        if self.phase == Phase::Choosing {
            self.passwords.room = Some(password);
            self.passwords.is_late_told = false;
            self.entry_by = None;
            self.join();
            self.go(Phase::Joining);
        }
    }

    /// True while the server verifies our password, or others' before it.
    pub(super) fn awaits_verdict(&self) -> bool {
        self.phase == Phase::Joining && self.passwords.shown().is_some()
    }

    /// When to tell that this takes long, if that is not told yet.
    pub(super) fn verdict_late_at(&self) -> Option<Instant> {
        let is_news = self.awaits_verdict() && !self.passwords.is_late_told;
        let since = self.entry_by.filter(|_| is_news)?.checked_sub(PASSWORD_ENTRY_MAX)?;
        Some(since + VERDICT_LATE)
    }

    /// Tells that the verdict takes long, once it does.
    pub(super) fn watch_verdict(&mut self, now: Instant) {
        if self.verdict_late_at().is_some_and(|at| now >= at) {
            self.passwords.is_late_told = true;
            self.events.push_back(SessionEvent::PasswordWaits);
        }
    }

    /// The room asks for its password, or says that this is not it.
    pub(super) fn handle_password_refused(&mut self, code: Code) {
        if self.passwords.privacy != Privacy::Private {
            self.events.push_back(SessionEvent::PasswordWithheld(self.passwords.privacy));
            return self.end();
        }
        let is_first = !std::mem::replace(&mut self.passwords.is_asked, true);
        if is_first && code == Code::PASSWORD_NEEDED && self.passwords.room.is_some() {
            // Its answer may have to wait for its turn.
            self.entry_by = None;
            return self.join();
        }
        self.passwords.room = None;
        self.go(Phase::Choosing);
        self.events.push_back(SessionEvent::PasswordWanted { code });
    }
}
