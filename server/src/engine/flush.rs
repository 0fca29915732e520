//! Sending: queues frames, and flushes queued output at the end of a turn.

use chatshelf_common::wire::Frame;
use chatshelf_common::wire::frame::{Gap, Refused};

use super::Engine;
use super::connection::Lingers;
use super::limits::LINGER_MS;
use super::send_queue::Flushed;
use super::transport::Transport;
use crate::token::Token;
use crate::work;

impl<T: Transport> Engine<T> {
    /// Queues a control frame.
    pub(super) fn send(&mut self, token: Token, frame: &impl Frame) {
        let Some(connection) = self.connections.get_mut(token) else { return };
        if !connection.is_listening() {
            return;
        }
        connection.send_queue_mut().push(frame);
        self.connections.mark_dirty(token);
    }

    /// Queues a refusal.
    pub(super) fn refuse(&mut self, token: Token, refused: &Refused) {
        self.counters.refusals.count(refused.code);
        if let Some(connection) = self.connections.get(token) {
            let (peer, nick) = (connection.peer(), connection.nick());
            self.peer_log.refused(self.now.mono_ms(), peer, nick, refused);
        }
        self.send(token, refused);
    }

    /// Flushes every member if the log has grown, otherwise only the connections marked dirty.
    pub(super) fn flush_all(&mut self) {
        let dirty = self.connections.take_dirty();
        if self.journal.take_news(self.room.log()) {
            for slot in 0..self.connections.slots() {
                if let Some(token) = self.connections.at_slot(slot) {
                    self.flush(token);
                }
            }
        } else {
            for &token in &dirty {
                self.flush(token);
            }
        }
    }

    /// Flushes one connection and does what follows: refills its downloads, notes that the peer
    /// accepts nothing, shuts down our side once the goodbye is sent, and resumes reading that
    /// output had paused.
    pub(super) fn flush(&mut self, token: Token) {
        work::spend(1);
        let now_ms = self.now.mono_ms();
        let budget = self.transfers.write_budget();
        let Some(connection) = self.connections.get_mut(token) else { return };
        let end = loop {
            let Ok(flush) = connection.flush(self.room.log(), budget, self.now) else {
                return self.lose(token);
            };
            self.counters.bytes_out += flush.accepted as u64;
            let Flushed::Lost { from } = flush.end else { break flush.end };
            let snapshot = self.room.snapshot();
            let (to, end) = (snapshot.seq(), self.room.log().end());
            // A closing connection never loses its cursor: only a member's can be lost.
            let Some(nick) = connection.nick().cloned() else { break flush.end };
            let bytes = snapshot.length() as u64;
            let (peer, allowances) = (connection.peer(), &self.settings.allowances);
            self.limiter.charge_replies(allowances, peer, bytes, now_ms);
            connection.send_queue_mut().tell_gap(&Gap { from, to, nick }, snapshot, end);
        };
        // Everything is asked of the connection while it is at hand; mostly, nothing follows.
        let has_spent = connection.send_queue().has_spent();
        let is_blocked = connection.note_blocked(self.room.log(), now_ms);
        let lingers = connection.linger(self.room.log(), now_ms);
        let resumes_reading =
            connection.note_buffered() && !connection.is_paused(self.transfers.hold_back(token));
        if end == Flushed::Budget || lingers == Some(Lingers::Later) {
            self.connections.mark_dirty(token);
        }
        if has_spent {
            self.refill_downloads(token);
        }
        if is_blocked {
            self.connections.arm(token, now_ms + self.settings.deadlines.output_ms);
        }
        match lingers {
            Some(Lingers::Now) => {
                self.connections.arm(token, now_ms + LINGER_MS);
                self.connections.enqueue(token);
            }
            Some(Lingers::Never) => return self.kill(token),
            Some(Lingers::Later) | None => {}
        }
        if resumes_reading {
            self.connections.enqueue(token);
        }
    }
}
