//! The end of a connection: the goodbye, leaving the room, and the reaper.
//!
//! A connection is never removed inside a handler: it is marked, and reaped at the end of the turn.

use chatshelf_common::text::Nick;
use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::Goodbye;

use super::Engine;
use super::limits::CLOSE_MS;
use super::phase::Membership;
use super::transport::Transport;
use crate::token::Token;
use crate::work;

impl<T: Transport> Engine<T> {
    /// Says goodbye to everyone and accepts no new connections.
    pub(super) fn shut_down(&mut self) {
        self.shut_down_for(Code::SHUTTING_DOWN);
    }

    pub(super) fn shut_down_for(&mut self, code: Code) {
        self.shutting_down = true;
        self.peer_log.sum_up();
        let tokens: Vec<Token> = self.connections.iter().map(|(token, _)| token).collect();
        for token in tokens {
            work::spend(1);
            self.close(token, code);
        }
    }

    /// Closes a connection gracefully: it gets the log up to now, then `Goodbye`. The room learns
    /// that the member left.
    pub(super) fn close(&mut self, token: Token, code: Code) {
        self.close_with(token, Goodbye::new(code));
    }

    pub(super) fn close_with(&mut self, token: Token, farewell: Goodbye) {
        let Some(connection) = self.connections.get_mut(token) else { return };
        if !connection.is_listening() {
            return;
        }
        let (peer, nick) = (connection.peer(), connection.nick());
        self.peer_log.closed(self.now.mono_ms(), peer, nick, farewell.code);
        self.leave_room(token, farewell.code);
        self.part(token, &farewell);
    }

    /// Replaces this connection by another, which carries on its membership, so the room learns
    /// nothing. Returns the member's nick, if this is a member's connection.
    pub(super) fn replace(&mut self, token: Token) -> Option<Nick> {
        let nick = self.connections.get_mut(token)?.nick()?.clone();
        self.abandon_transfers(token);
        self.part(token, &Goodbye::new(Code::REPLACED));
        Some(nick)
    }

    /// Queues the goodbye after the log up to now, and stops executing the peer's frames.
    fn part(&mut self, token: Token, farewell: &Goodbye) {
        let since_ms = self.now.mono_ms();
        let log_end = self.journal.last_sent(self.room.log());
        if let Some(connection) = self.connections.get_mut(token) {
            connection.part(farewell, log_end, since_ms);
            self.counters.closes.count(farewell.code);
            self.admission.forget_unjoined(connection.peer(), token);
            self.note_leaving(token);
        }
        self.connections.mark_dirty(token);
        self.connections.arm(token, since_ms + CLOSE_MS);
    }

    /// Ends a broken connection: there is nobody to say goodbye to.
    pub(super) fn lose(&mut self, token: Token) {
        self.drop_for(token, Code::CONNECTION_LOST);
    }

    /// Drops a connection without a goodbye. The room learns the reason unless the member returns
    /// in time.
    pub(super) fn drop_for(&mut self, token: Token, code: Code) {
        if let Some(connection) = self.connections.get(token).filter(|it| it.is_listening()) {
            self.counters.closes.count(code);
            let (peer, nick) = (connection.peer(), connection.nick());
            self.peer_log.closed(self.now.mono_ms(), peer, nick, code);
        }
        self.leave_room(token, code);
        self.kill(token);
    }

    /// Ends a connection's transfers and, if it is a member's, the membership: at once, or unless
    /// they return within the grace period.
    pub(super) fn leave_room(&mut self, token: Token, code: Code) {
        self.abandon_transfers(token);
        let member = self.connections.get(token).and_then(|it| it.phase().member()).cloned();
        if let Some(Membership { nick, session, .. }) = member {
            self.end_membership(session, nick, code);
        }
    }

    /// Marks a connection for the reaper.
    pub(super) fn kill(&mut self, token: Token) {
        self.abandon_transfers(token);
        if let Some(connection) = self.connections.get_mut(token)
            && connection.die()
        {
            self.admission.forget_unjoined(connection.peer(), token);
            self.connections.close(token);
        }
    }

    /// Removes the dead connections.
    pub(super) fn reap(&mut self) {
        let before = self.connections.len();
        while let Some(mut connection) = self.connections.reap_one() {
            self.limiter.closed(connection.peer().into());
            while let Some((_, extent)) = connection.send_queue_mut().pop_spent() {
                self.transfers.give_extent(extent, &mut self.disk);
            }
        }
        if self.connections.len() == before {
            return;
        }
        self.forget_gone();
        if self.connections.shrink_after_crowd() {
            self.admission.shrink();
            self.limiter.shrink();
            self.disk.shrink();
        }
    }
}
