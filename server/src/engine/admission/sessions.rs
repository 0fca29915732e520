//! Sessions: memberships over all their connections, and on which of these each goes on.
//!
//! A session has the name of the connection that it began on. Who its member is, and whether they
//! are here, is not known here.

use std::collections::HashMap;

use chatshelf_common::id::ResumeToken;

use super::resume::{Secret, Session};
use crate::token::Token;

/// The sessions of one start of the server.
#[derive(Debug)]
pub(super) struct Sessions {
    secret: Secret,
    /// The connection of each session that goes on on another than it began on.
    moved: HashMap<Token, Token>,
}

impl Sessions {
    pub(super) fn new(secret: Secret) -> Self {
        Self { secret, moved: HashMap::new() }
    }

    /// The token by which a session can be resumed.
    pub(super) fn resume_token(&self, session: Session) -> ResumeToken {
        self.secret.token(session)
    }

    /// The session that a token was made for; none if it was not made by this start of the server.
    pub(super) fn resumed(&self, token: ResumeToken) -> Option<Session> {
        self.secret.session(token)
    }

    /// A session goes on on this connection.
    pub(super) fn move_to(&mut self, session: Token, connection: Token) {
        if session != connection {
            self.moved.insert(session, connection);
        }
        debug_assert_eq!(self.connection(session), connection);
    }

    /// The connection that a session goes on on, if its member is here.
    pub(super) fn connection(&self, session: Token) -> Token {
        self.moved.get(&session).copied().unwrap_or(session)
    }

    /// A session's member is not on a connection any more.
    pub(super) fn leave(&mut self, session: Token) {
        self.moved.remove(&session);
    }

    /// How many go on on another connection.
    pub(super) fn moved(&self) -> usize {
        self.moved.len()
    }

    /// Bytes of the table.
    pub(super) fn table_bytes(&self) -> usize {
        self.moved.capacity() * 2 * size_of::<Token>()
    }

    /// Gives back what a crowd took.
    pub(super) fn shrink(&mut self) {
        self.moved.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use chatshelf_common::id::Seq;

    use super::*;

    #[test]
    fn a_session_goes_on_where_its_member_was_last() {
        let mut sessions = Sessions::new(Secret::new([7; 32]));
        let [first, second, third] = [1, 2, 3].map(|slot| Token::new(slot, slot));
        sessions.move_to(first, first);
        assert_eq!((sessions.connection(first), sessions.moved()), (first, 0));
        sessions.move_to(first, second);
        sessions.move_to(first, third);
        assert_eq!((sessions.connection(first), sessions.moved()), (third, 1));
        assert_eq!(sessions.connection(second), second);
        sessions.leave(first);
        assert_eq!((sessions.connection(first), sessions.moved()), (first, 0));
    }

    #[test]
    fn a_session_is_resumed_by_its_token() {
        let sessions = Sessions::new(Secret::new([7; 32]));
        let session = Session { name: Token::new(1, 1), first: Seq(5) };
        assert_eq!(sessions.resumed(sessions.resume_token(session)), Some(session));
    }
}
