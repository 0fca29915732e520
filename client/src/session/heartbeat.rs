//! Signs of life on one connection: when either side was last heard, and the `Ping`s that are
//! asked. Owns these times and counts; sends nothing.

use std::time::{Duration, Instant};

/// What was heard and asked.
#[derive(Debug)]
pub(super) struct Heartbeat {
    /// When the server last sent something, or could not be heard because we did not read.
    heard_at: Instant,
    /// When we last sent something.
    sent_at: Instant,
    /// It is silent, and was asked for a sign of life.
    is_asked: bool,
    /// `Ping`s sent, and `Pong`s that have come.
    pings: u64,
    pongs: u64,
    /// The `Pong` that says that the server has handled all that was sent ahead of the last gap.
    barrier: Option<u64>,
}

impl Heartbeat {
    /// Of a connection that is made now.
    pub(super) fn new(now: Instant) -> Self {
        Self { heard_at: now, sent_at: now, is_asked: false, pings: 0, pongs: 0, barrier: None }
    }

    /// The server has sent something.
    pub(super) fn heard(&mut self, now: Instant) {
        self.excuse(now);
        self.is_asked = false;
    }

    /// The server cannot be heard now: its silence does not count.
    pub(super) fn excuse(&mut self, now: Instant) {
        debug_assert!(now >= self.heard_at);
        self.heard_at = now;
    }

    /// We have sent something.
    pub(super) fn sent(&mut self, now: Instant) {
        self.sent_at = now;
    }

    pub(super) fn heard_at(&self) -> Instant {
        self.heard_at
    }

    /// For how long the server has been silent.
    pub(super) fn silence(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.heard_at)
    }

    /// Since when one of the two directions carries nothing. While something `has_output`, waits to
    /// be sent, only the server's counts: a question would wait behind it.
    pub(super) fn idle_since(&self, has_output: bool) -> Instant {
        if has_output { self.heard_at } else { self.heard_at.min(self.sent_at) }
    }

    /// True once a silent server was asked for a sign of life, until one comes.
    pub(super) fn is_asked(&self) -> bool {
        self.is_asked
    }

    /// The server is asked for a sign of life, because it is silent.
    pub(super) fn ask(&mut self) {
        self.is_asked = true;
    }

    /// A `Ping` is sent; its number.
    pub(super) fn ping(&mut self) -> u64 {
        self.pings += 1;
        self.pings
    }

    /// A `Pong` has come; its number. They come in the order of the `Ping`s.
    pub(super) fn pong(&mut self) -> u64 {
        self.pongs += 1;
        self.pongs
    }

    /// A `Ping` was sent behind all that a gap may hide the answers to.
    pub(super) fn set_barrier(&mut self, ping: u64) {
        debug_assert!(ping <= self.pings, "it was sent");
        self.barrier = Some(ping);
    }

    /// True, once, when that one is answered.
    pub(super) fn passes_barrier(&mut self) -> bool {
        let pongs = self.pongs;
        self.barrier.take_if(|ping| pongs >= *ping).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_direction_that_is_silent_for_longer_counts_unless_something_waits() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut beat = Heartbeat::new(start);
        beat.heard(after(5));
        assert_eq!((beat.idle_since(false), beat.idle_since(true)), (start, after(5)));
        beat.sent(after(9));
        assert_eq!(beat.idle_since(false), after(5));
        assert_eq!(beat.silence(after(8)), Duration::from_secs(3));
    }

    #[test]
    fn a_question_stands_until_something_is_heard() {
        let start = Instant::now();
        let mut beat = Heartbeat::new(start);
        beat.ask();
        beat.excuse(start);
        assert!(beat.is_asked());
        beat.heard(start);
        assert!(!beat.is_asked());
    }

    #[test]
    fn a_barrier_is_passed_by_its_own_pong() {
        let mut beat = Heartbeat::new(Instant::now());
        beat.ping();
        let second = beat.ping();
        beat.set_barrier(second);
        assert_eq!((beat.pong(), beat.passes_barrier()), (1, false));
        assert_eq!((beat.pong(), beat.passes_barrier(), beat.passes_barrier()), (2, true, false));
    }
}
