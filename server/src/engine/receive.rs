//! Reading: from ready connections to frames and file chunks, within a budget for each connection.

use chatshelf_common::wire::frame::{Goodbye, Hello};
use chatshelf_common::wire::{Code, Frame, FrameError, Unit};

use super::Engine;
use super::connection::{Connection, Got};
use super::limits::{READ_BUDGET_BYTES, VISIT_GONE_MS};
use super::phase::Step;
use super::transport::Transport;
use crate::token::Token;

impl<T: Transport> Engine<T> {
    /// Serves once every connection that is in the run queue when the turn begins.
    pub(super) fn serve_ready(&mut self) {
        for _ in 0..self.connections.ready_len() {
            if self.journal.is_behind(self.room.log()) {
                return;
            }
            let Some(token) = self.connections.pop_ready() else { return };
            self.serve(token);
            self.trim_log_if_overfull();
        }
    }

    /// Reads one connection until it has nothing more, may not be read, or has used up its budget.
    fn serve(&mut self, token: Token) {
        if let Some(held) = self.connections.get_mut(token).and_then(Connection::take_held) {
            self.feed(token, &held);
        }
        let mut buffer = std::mem::take(&mut self.read_buffer);
        let mut budget = READ_BUDGET_BYTES;
        loop {
            match self.read(token, &mut buffer) {
                Got::Bytes(bytes) => {
                    let overhead = self.connections.get(token).map_or(0, Connection::read_overhead);
                    self.feed(token, &buffer[..bytes]);
                    budget = budget.saturating_sub(bytes.saturating_add(overhead));
                    if budget == 0 {
                        self.connections.enqueue(token);
                        break;
                    }
                }
                Got::Last(bytes) => {
                    self.feed(token, &buffer[..bytes]);
                    break;
                }
                Got::Nothing => break,
                Got::End => {
                    self.handle_end(token);
                    break;
                }
                Got::Refused(code) => {
                    self.close(token, code);
                    break;
                }
                Got::Broken => {
                    self.lose(token);
                    break;
                }
            }
        }
        self.read_buffer = buffer;
        self.serve_visit(token);
        if self.connections.get(token).is_some_and(Connection::is_read_closed) {
            self.look_whether_gone(token);
        }
        // The transport may have answers of its own to send.
        if self.connections.get(token).is_some_and(Connection::has_pending) {
            self.connections.mark_dirty(token);
        }
    }

    /// Looks whether a peer that has closed its side still waits for something. A client does not;
    /// a visitor may, for a moment.
    fn look_whether_gone(&mut self, token: Token) {
        match self.connections.get(token).map(|it| it.phase().step()) {
            Some(Step::Contending) => self.close(token, Code::CONNECTION_LOST),
            Some(Step::Visiting) => {
                self.connections.arm(token, self.now.mono_ms() + VISIT_GONE_MS);
            }
            _ => {}
        }
    }

    fn read(&mut self, token: Token, buffer: &mut [u8]) -> Got {
        let now_ms = self.now.mono_ms();
        let Some(connection) = self.connections.get_mut(token) else { return Got::Nothing };
        // While it is paused, the readiness stays latched: the event will not come again.
        if !connection.is_readable() || connection.is_paused(self.transfers.hold_back(token)) {
            return Got::Nothing;
        }
        let got = connection.read(buffer);
        let has_turned = connection.note_protocol(now_ms);
        if let Got::Bytes(bytes @ 1..) | Got::Last(bytes) = got {
            self.counters.bytes_in += bytes as u64;
            if connection.liveness_mut().note_heard(now_ms) {
                // The next question may be due sooner than the deadline for this answer was.
                self.connections.arm(token, now_ms + self.settings.deadlines.keepalive_ms);
            }
        }
        if has_turned {
            // What it has asked for before is answered.
            self.transfers.forget_member(token);
            self.connections.arm(token, now_ms + self.settings.deadlines.hello_ms);
        }
        got
    }

    /// Handles the end of the peer's stream. A half-closed peer still gets its output and a
    /// goodbye.
    fn handle_end(&mut self, token: Token) {
        let Some(connection) = self.connections.get_mut(token) else { return };
        match connection.note_read_end() {
            Step::Lingering => self.kill(token),
            _ => self.close(token, Code::CONNECTION_LOST),
        }
    }

    /// Decodes bytes into frames and executes them.
    fn feed(&mut self, token: Token, bytes: &[u8]) {
        let Some(connection) = self.connections.get_mut(token) else { return };
        if connection.phase().step() == Step::Visiting {
            return self.receive_content(token, bytes);
        }
        let mut deframer = connection.lend_deframer();
        let mut input = bytes;
        loop {
            // On a closing connection, input is discarded.
            if !self.connections.get(token).is_some_and(Connection::is_listening) {
                return;
            }
            match deframer.next(&mut input) {
                Ok(Some(Unit::Control { header, value })) => {
                    self.handle_control(token, header, value);
                }
                Ok(Some(Unit::Chunk { transfer, offset, bytes })) => {
                    self.handle_chunk(token, transfer, offset, bytes);
                }
                Ok(None) => break,
                Err(why) => return self.handle_frame_error(token, why),
            }
            if let Some(connection) = self.connections.get_mut(token)
                && connection.phase().awaits_answer()
            {
                connection.hold(input);
                break;
            }
        }
        if let Some(connection) = self.connections.get_mut(token) {
            connection.return_deframer(deframer);
        }
    }

    fn handle_frame_error(&mut self, token: Token, why: FrameError) {
        let Some(connection) = self.connections.get_mut(token) else { return };
        log::debug!("{}: {why}", connection.peer());
        let is_greeting = connection.phase().step() == Step::Greeting;
        let farewell = match why {
            FrameError::TooLong { kind, .. } if is_greeting && kind != Hello::KIND => {
                Goodbye::new(Code::NOT_CHATSHELF)
            }
            FrameError::TooLong { limit, .. } => {
                Goodbye { limit: Some(u64::from(limit)), ..Goodbye::new(Code::FRAME_TOO_LONG) }
            }
            FrameError::EmptyData => Goodbye::new(Code::MALFORMED),
        };
        self.close_with(token, farewell);
    }
}
