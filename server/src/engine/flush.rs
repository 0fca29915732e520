//! Sending: queueing frames, and flushing what waits at the end of a turn.

use chatshelf_common::wire::Frame;
use chatshelf_common::wire::frame::{Gap, Refused};

use super::Engine;
use super::connection::Lingers;
use super::limits::{LINGER_MS, WRITE_STALL_MS};
use super::phase::Step;
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
        self.send(token, refused);
    }

    /// Sends what waits: to every member when the log has grown, else to the dirty ones.
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

    pub(super) fn flush(&mut self, token: Token) {
        work::spend(1);
        let now_ms = self.now.mono_ms;
        let Some(connection) = self.connections.get_mut(token) else { return };
        loop {
            let Ok(flush) = connection.flush(self.room.log(), now_ms) else {
                return self.lose(token);
            };
            self.counters.bytes_out += flush.accepted as u64;
            match flush.end {
                Flushed::Drained | Flushed::Blocked => break,
                Flushed::Budget => {
                    self.connections.mark_dirty(token);
                    break;
                }
                Flushed::Lost { from } => {
                    let snapshot = self.room.snapshot();
                    let to = snapshot.seq();
                    let end = self.room.log().end();
                    // Closing, a cursor is never lost: only a member's can be.
                    let Some(nick) = connection.nick().cloned() else { break };
                    let gap = Gap { from, to, nick };
                    connection.send_queue_mut().tell_gap(&gap, snapshot, end);
                }
            }
        }
        self.after_flush(token);
    }

    /// Notes whether output waits for the peer, refills downloads, resumes reading where output
    /// held it up, and shuts the writing side of a connection whose farewell is sent.
    fn after_flush(&mut self, token: Token) {
        self.refill_downloads(token);
        let now_ms = self.now.mono_ms;
        let Some(connection) = self.connections.get_mut(token) else { return };
        let resumes_reading =
            connection.note_buffered() && !connection.is_paused(self.transfers.hold_back(token));
        if connection.has_output(self.room.log()) {
            if connection.note_blocked(now_ms) {
                self.connections.arm(token, now_ms + WRITE_STALL_MS);
            }
        } else if connection.phase().step() == Step::Closing {
            match connection.linger(now_ms) {
                Lingers::Now => {
                    self.connections.arm(token, now_ms + LINGER_MS);
                    self.connections.enqueue(token);
                }
                Lingers::Later => self.connections.mark_dirty(token),
                Lingers::Never => return self.kill(token),
            }
        }
        if resumes_reading {
            self.connections.enqueue(token);
        }
    }
}
