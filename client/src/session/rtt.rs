//! How long the server takes to answer: one `Ping` at a time, when a front asks for it. Owns the
//! measure of this connection.

use std::time::{Duration, Instant};

use super::Session;

/// What was measured.
#[derive(Debug, Default)]
pub(super) struct Rtt {
    last: Option<Duration>,
    /// The number of a `Ping` that is not answered, and when it was asked.
    asked: Option<(u64, Instant)>,
}

impl Rtt {
    /// The `Pong` of this number has come: they come in the order of the `Ping`s.
    pub(super) fn pong(&mut self, number: u64, now: Instant) {
        if let Some((asked, at)) = self.asked
            && number >= asked
        {
            self.last = Some(now.saturating_duration_since(at));
            self.asked = None;
        }
    }
}

impl Session {
    /// True while the answer to a [`Session::probe`] is awaited.
    pub(super) fn is_probing(&self) -> bool {
        self.rtt.asked.is_some()
    }

    /// Asks the server for a sign of life in order to measure [`Session::rtt`]. Does nothing while
    /// one is awaited, or outside the room.
    pub fn probe(&mut self, now: Instant) {
        if self.is_joined() && self.rtt.asked.is_none() {
            self.rtt.asked = Some((self.ping(), now));
        }
    }

    /// The time from a question to its answer, as last measured on this connection.
    #[must_use]
    pub fn last_rtt(&self) -> Option<Duration> {
        self.rtt.last
    }

    /// The time from a question to its answer: the last one measured on this connection, or that
    /// of the one awaited if it is longer already.
    #[must_use]
    pub fn rtt(&self, now: Instant) -> Option<Duration> {
        let waited = self.rtt.asked.map(|(_, at)| now.saturating_duration_since(at));
        self.rtt.last.map(|last| waited.map_or(last, |waited| waited.max(last)))
    }
}
