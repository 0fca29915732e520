//! Passwords (PROTOCOL.md, "Passwords"): guesses on their way to being verified, and what follows
//! from the verdicts. Compares nothing itself.

use chatshelf_common::password::Password;
use chatshelf_common::text::Note;
use chatshelf_common::wire::frame::{Goodbye, Join, Op, Refused};
use chatshelf_common::wire::{Code, Frame};

use super::Engine;
use super::connection::Connection;
use super::connections::Connections;
use super::guesses::Asker;
use super::limits::GUESS_WAIT_MS;
use super::origin::Origin;
use super::phase::{Pass, Phase, Step};
use super::transport::Transport;
use crate::passwords::{Guess, Realm, Verdict};
use crate::token::Token;

impl<T: Transport> Engine<T> {
    /// Returns a `Join` that needs no password, or whose client has shown the right one. Any other
    /// is refused, or waits until its password is verified.
    pub(super) fn show_password(&mut self, token: Token, join: Join) -> Option<Join> {
        if !self.settings.asks_password {
            return Some(join);
        }
        let connection = self.connections.get(token)?;
        match (connection.phase().pass()?, join.password.clone()) {
            (Pass::Shown, _) => return Some(join),
            (_, Some(password)) => self.guess_room(token, join, password),
            (Pass::Missing, None) => self.refuse_password(token, Code::PASSWORD_NEEDED),
            // Such a client would take the refusal for one of its nick.
            (Pass::Impossible, None) => {
                let detail = Note::new("this room needs a password; use a newer client").ok();
                let farewell = Goodbye { detail, ..Goodbye::new(Code::PASSWORD_NEEDED) };
                self.close_with(token, farewell);
            }
        }
        None
    }

    fn guess_room(&mut self, token: Token, join: Join, password: Password) {
        let Some(peer) = self.connections.get(token).map(Connection::peer) else { return };
        let asker = Asker::Joiner { token, join: Box::new(join) };
        match self.add_guess((Realm::Room, peer.into()), asker, password) {
            Ok(()) => {
                let since_ms = self.now.mono_ms() + GUESS_WAIT_MS;
                if let Some(connection) = self.connections.get_mut(token) {
                    connection.phase_mut().await_verdict(since_ms);
                }
            }
            Err(wait_ms) => {
                let retry_ms = Some(wait_ms as u32);
                let farewell = Goodbye { retry_ms, ..Goodbye::new(Code::TOO_MANY_GUESSES) };
                self.close_with(token, farewell);
            }
        }
    }

    /// Takes what a member believes to be the operators' password.
    pub(super) fn guess_op(&mut self, token: Token, session: Token, password: Password) {
        let Some(peer) = self.connections.get(token).map(Connection::peer) else { return };
        let key = (Realm::Operators, peer.into());
        let asker = Asker::Member { token, session };
        if let Err(wait_ms) = self.add_guess(key, asker, password) {
            let refused = Refused::new(Code::TOO_MANY_GUESSES, Op::KIND);
            self.refuse(token, &Refused { retry_ms: Some(wait_ms as u32), ..refused });
        }
    }

    fn refuse_password(&mut self, token: Token, code: Code) {
        if self.count_refusal(token, Join::KIND).is_some() {
            self.refuse(token, &Refused::new(code, Join::KIND));
        }
    }

    /// Adds a guess to those that wait.
    ///
    /// # Errors
    /// As [`super::guesses::Guesses::add`].
    pub(super) fn add_guess(
        &mut self,
        key: (Realm, Origin),
        asker: Asker,
        password: Password,
    ) -> Result<(), u64> {
        let (connections, now_ms) = (&self.connections, self.now.mono_ms());
        self.guesses.add(key, asker, password, now_ms, |asker| is_there(connections, asker))
    }

    /// Returns the next guess to be verified.
    pub(super) fn poll_guess(&mut self) -> Option<Guess> {
        let connections = &self.connections;
        self.guesses.take(self.now.mono_ms(), |asker| is_there(connections, asker))
    }

    /// Acts on the verdict on a guess.
    pub(super) fn handle_verdict(&mut self, Verdict { number, is_right }: Verdict) {
        let now_ms = self.now.mono_ms();
        match self.guesses.settle(number, is_right, now_ms) {
            Some(Asker::Joiner { token, join }) => self.settle_guess(token, *join, is_right),
            Some(Asker::Visitor { token, wanted }) => self.settle_visit(token, wanted, is_right),
            Some(Asker::Member { token, session }) if self.session_of(token) == Some(session) => {
                self.settle_op(token, session, is_right);
            }
            Some(Asker::Member { .. }) | None => {}
        }
    }

    fn settle_guess(&mut self, token: Token, join: Join, is_right: bool) {
        let now_ms = self.now.mono_ms();
        let Some(connection) = self.connections.get_mut(token) else { return };
        if !connection.phase_mut().take_verdict(is_right, now_ms) {
            return;
        }
        self.connections.arm(token, now_ms + self.settings.deadlines.join_ms);
        if is_right {
            self.join(token, join);
        } else {
            self.refuse_password(token, Code::PASSWORD_WRONG);
        }
        self.resume_reading(token);
    }

    /// Reads what follows a `Join`, unless that still waits for something.
    pub(super) fn resume_reading(&mut self, token: Token) {
        if self.connections.get(token).is_some_and(|it| !it.phase().awaits_answer()) {
            self.connections.enqueue(token);
        }
    }
}

/// Returns true while somebody waits for the verdict on a guess.
fn is_there<T: Transport>(connections: &Connections<Connection<T>>, asker: &Asker) -> bool {
    match asker {
        Asker::Joiner { token, .. } => connections
            .get(*token)
            .is_some_and(|it| matches!(it.phase(), Phase::Contending(_)) && !it.is_read_closed()),
        Asker::Visitor { token, .. } => {
            connections.get(*token).is_some_and(|it| it.phase().step() == Step::Visiting)
        }
        Asker::Member { token, session } => {
            connections.get(*token).is_some_and(|it| it.session() == Some(*session))
        }
    }
}
