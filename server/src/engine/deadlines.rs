//! Deadlines: what is due for a connection and its transfers, and what follows.

use chatshelf_common::id::TransferId;
use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::ServerPing;

use super::Engine;
use super::transport::Transport;
use crate::token::Token;

/// The action that a check of a connection's deadlines requires.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Say goodbye with this code.
    Close(Code),
    /// Drop it without a goodbye.
    Drop,
    /// Ask for a sign of life.
    Ping,
    /// End this upload.
    Stalled(TransferId),
    /// Check whether its transfers make progress.
    Pace,
}

/// A check of several deadlines at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    now_ms: u64,
    next_ms: Option<u64>,
}

impl Look {
    pub(super) fn at(now_ms: u64) -> Self {
        Self { now_ms, next_ms: None }
    }

    pub(super) fn now_ms(self) -> u64 {
        self.now_ms
    }

    /// Returns true if `allowed_ms` have passed since `since_ms`; otherwise counts it among the
    /// deadlines to come.
    pub(super) fn has_passed(&mut self, since_ms: u64, allowed_ms: u64) -> bool {
        let at_ms = since_ms + allowed_ms;
        if at_ms > self.now_ms {
            self.next_ms = Some(self.next_ms.map_or(at_ms, |next_ms| next_ms.min(at_ms)));
        }
        at_ms <= self.now_ms
    }

    /// Returns the earliest deadline to come.
    pub(super) fn next_ms(self) -> Option<u64> {
        self.next_ms
    }
}

impl<T: Transport> Engine<T> {
    /// Does what is due, connection by connection, until nothing is left.
    pub(super) fn look_at_deadlines(&mut self) {
        self.disk.expire_if_due(self.now);
        self.give_up_absentees();
        while let Some(token) = self.connections.pop_due(self.now.mono_ms()) {
            while let Some(due) = self.due(token) {
                self.meet(token, due);
            }
        }
    }

    /// Returns what is due for a connection. If nothing is, sets its timer for the next deadline.
    fn due(&mut self, token: Token) -> Option<Due> {
        let is_busy = self.is_visit_busy(token);
        let connection = self.connections.get(token)?;
        let (now_ms, deadlines) = (self.now.mono_ms(), &self.settings.deadlines);
        let mut look = Look::at(now_ms);
        let mut due = connection.output_due(&mut look, deadlines, is_busy);
        if due.is_none() && connection.is_listening() {
            if connection.is_paused(self.transfers.hold_back(token)) {
                // While the server does not read, the peer is neither silent nor slow.
                look.has_passed(now_ms, deadlines.keepalive_ms);
            } else {
                due = self.transfers.due(token, &mut look, deadlines.upload_ms);
                due = due.or_else(|| connection.silence_due(&mut look, deadlines));
            }
        }
        if due.is_none()
            && let Some(at_ms) = look.next_ms()
        {
            self.connections.arm(token, at_ms);
        }
        due
    }

    fn meet(&mut self, token: Token, due: Due) {
        match due {
            Due::Close(code) => {
                if let Some(connection) = self.connections.get_mut(token) {
                    connection.time_out();
                }
                self.close(token, code);
            }
            Due::Drop => self.kill(token),
            Due::Ping => {
                if let Some(connection) = self.connections.get_mut(token) {
                    connection.liveness_mut().ask_for_silence(self.now.mono_ms());
                }
                self.send(token, &ServerPing {});
            }
            Due::Stalled(transfer) => self.end_transfer(token, transfer, Code::STALLED, None),
            Due::Pace => self.look_at_pace(token),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_returns_what_has_passed_and_the_next_deadline() {
        let mut look = Look::at(100);
        assert!(look.has_passed(0, 100) && !look.has_passed(1, 100));
        assert_eq!(look.next_ms(), Some(101));
        assert!(!look.has_passed(90, 20) && !look.has_passed(100, 1));
        assert_eq!(look.next_ms(), Some(101));
    }
}
