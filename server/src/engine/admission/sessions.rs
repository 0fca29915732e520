//! Sessions: memberships across all their connections, and which connection carries each.
//!
//! A session is named after its first connection. Who its member is, and whether they are
//! connected, is not known here.

use std::collections::HashMap;

use crate::token::Token;

/// The sessions of one run of the server.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    /// The connection of each session that is not on its first one.
    moved: HashMap<Token, Token>,
}

impl Sessions {
    /// Moves a session to this connection.
    pub(super) fn move_to(&mut self, session: Token, connection: Token) {
        if session != connection {
            self.moved.insert(session, connection);
        }
        debug_assert_eq!(self.connection(session), connection);
    }

    /// Returns the connection that carries a session, if its member is connected.
    pub(super) fn connection(&self, session: Token) -> Token {
        self.moved.get(&session).copied().unwrap_or(session)
    }

    /// Notes that a session's member is no longer connected.
    pub(super) fn leave(&mut self, session: Token) {
        self.moved.remove(&session);
    }

    /// Returns how many are not on their first connection.
    pub(super) fn moved(&self) -> usize {
        self.moved.len()
    }

    /// Returns the bytes of the table.
    pub(super) fn table_bytes(&self) -> usize {
        self.moved.capacity() * 2 * size_of::<Token>()
    }

    /// Frees the memory that a crowd needed.
    pub(super) fn shrink(&mut self) {
        self.moved.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_on_its_members_latest_connection() {
        let mut sessions = Sessions::default();
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
}
