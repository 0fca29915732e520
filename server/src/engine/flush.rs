//! Sending: welcoming who joined, and flushing what waits at the end of a turn.

use chatshelf_common::id::{Seq, UnixMillis};
use chatshelf_common::wire::Frame;
use chatshelf_common::wire::frame::{Gap, Refused, Welcome};

use super::Engine;
use super::connection::Lingers;
use super::limits::{LINGER_MS, WRITE_STALL_MS};
use super::phase::Step;
use super::resume::Session;
use super::send_queue::Flushed;
use super::transport::Transport;
use crate::token::Token;
use crate::work;

/// Who has joined and is to be welcomed, and what they want of the past.
#[derive(Clone, Copy, Debug)]
pub(super) struct Joiner {
    pub(super) token: Token,
    /// The session that goes on, if one does: what it missed is its to see.
    pub(super) earlier: Option<Session>,
    /// Lines at most, of a past that they are not known to have been here for.
    pub(super) lines: u32,
    /// The newest event that they have, and its time.
    pub(super) since: Option<(Seq, Option<UnixMillis>)>,
}

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

    /// Welcomes all who joined in this turn, with one snapshot for them all, and starts them on
    /// the log where the history they want begins.
    pub(super) fn welcome_joiners(&mut self) {
        for joiner in std::mem::take(&mut self.joiners) {
            let token = joiner.token;
            let start = self.history_start(joiner);
            let (from, end) = (self.room.log().seq_from(start), self.room.log().end());
            let snapshot = self.room.snapshot();
            let session = joiner.earlier.unwrap_or(Session { name: token, first: from });
            let resume = self.secret.token(session);
            let Some(connection) = self.connections.get_mut(token) else { continue };
            let Some(nick) = connection.nick().cloned() else { continue };
            if !connection.note_welcomed() {
                continue;
            }
            let welcome = Welcome { nick, seq: snapshot.seq(), from, resume };
            connection.send_queue_mut().welcome(&welcome, snapshot, start, end);
            self.connections.mark_dirty(token);
            // What came with the join is understood now.
            self.connections.enqueue(token);
        }
    }

    /// Where in the log a joiner begins (PROTOCOL.md, "Coming back").
    fn history_start(&self, joiner: Joiner) -> u64 {
        let log = self.room.log();
        let lines = log.history_start(joiner.lines);
        let Some((since, at)) = joiner.since else { return lines };
        // Another event than theirs has this number: a crash took theirs, at the earliest the one
        // after those that this start of the server found.
        let is_theirs = since <= log.last_seq()
            && at.is_none_or(|at| log.time_of(since).is_none_or(|time| time == at));
        let next = if is_theirs { since.next() } else { self.started_at.next() };
        // A session sees no further back than its first join let it.
        let earliest = match joiner.earlier {
            Some(session) if session.first > log.seq_from(log.start()) => {
                log.offset_of(session.first)
            }
            Some(_) => log.start(),
            None => lines,
        };
        if log.seq_from(earliest) >= next { earliest } else { log.offset_of(next) }
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

    /// Notes whether output waits for the peer, refills downloads, resumes reading where output held
    /// it up, and shuts the writing side of a connection whose farewell is sent.
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
