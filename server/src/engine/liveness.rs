//! Whether a peer lives: how long it has been silent, and whether it was asked for a sign of life.

use super::deadlines::{Due, Look};
use super::limits::{HEARD_LATELY_MS, PONG_MS, PROBE_MS};
use chatshelf_common::wire::Code;

/// What is known of a peer's life.
#[derive(Clone, Copy, Debug)]
pub(super) struct Liveness {
    /// When the peer was last heard or, since then, asked.
    since_ms: u64,
    asked: Asked,
}

/// Whether a silent peer was asked for a sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    No,
    /// It has been silent for long.
    ForSilence,
    /// Somebody wants its name.
    ForName,
}

impl Liveness {
    pub(super) fn new(now_ms: u64) -> Self {
        Self { since_ms: now_ms, asked: Asked::No }
    }

    /// The peer was heard. Says whether that answers a question: then the next one may be due
    /// sooner than the end of this one was.
    pub(super) fn note_heard(&mut self, now_ms: u64) -> bool {
        debug_assert!(self.since_ms <= now_ms);
        let was_asked = self.asked != Asked::No;
        *self = Self::new(now_ms);
        was_asked
    }

    /// The peer could not be heard up to now: it was not silent.
    pub(super) fn forgive(&mut self, now_ms: u64) {
        self.since_ms = now_ms;
    }

    /// The peer takes something again. Where somebody wants its name, that is a sign of life, for
    /// the question may still be on its way behind what it takes so slowly.
    pub(super) fn note_taken(&mut self, now_ms: u64) {
        if self.asked == Asked::ForName {
            *self = Self::new(now_ms);
        }
    }

    /// True if the peer was heard a moment ago.
    pub(super) fn was_heard_lately(&self, now_ms: u64) -> bool {
        self.asked == Asked::No && now_ms < self.since_ms + HEARD_LATELY_MS
    }

    /// The peer has been silent for long and is asked.
    pub(super) fn ask_for_silence(&mut self, now_ms: u64) {
        debug_assert_eq!(self.asked, Asked::No, "it is asked once at a time");
        *self = Self { since_ms: now_ms, asked: Asked::ForSilence };
    }

    /// Somebody wants the peer's name. False if it was asked for that already.
    pub(super) fn ask_for_name(&mut self, now_ms: u64) -> bool {
        let is_new = self.asked != Asked::ForName;
        if is_new {
            *self = Self { since_ms: now_ms, asked: Asked::ForName };
        }
        is_new
    }

    /// What is due: a question after silence of `keepalive_ms`, the end when no answer comes.
    pub(super) fn due(&self, look: &mut Look, keepalive_ms: u64) -> Option<Due> {
        let (allowed_ms, due) = match self.asked {
            Asked::No => (keepalive_ms, Due::Ping),
            Asked::ForSilence => (PONG_MS, Due::Close(Code::TIMED_OUT)),
            Asked::ForName => (PROBE_MS, Due::Close(Code::TIMED_OUT)),
        };
        look.has_passed(self.since_ms, allowed_ms).then_some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEPALIVE_MS: u64 = 20_000;

    fn due(liveness: Liveness, now_ms: u64) -> (Option<Due>, Option<u64>) {
        let mut look = Look::at(now_ms);
        (liveness.due(&mut look, KEEPALIVE_MS), look.next_ms())
    }

    #[test]
    fn a_silent_peer_is_asked_and_given_up() {
        let mut liveness = Liveness::new(100);
        assert_eq!(due(liveness, 100), (None, Some(100 + KEEPALIVE_MS)));
        let asked_ms = 100 + KEEPALIVE_MS;
        assert_eq!(due(liveness, asked_ms).0, Some(Due::Ping));
        liveness.ask_for_silence(asked_ms);
        assert_eq!(due(liveness, asked_ms + PONG_MS - 1), (None, Some(asked_ms + PONG_MS)));
        assert_eq!(due(liveness, asked_ms + PONG_MS).0, Some(Due::Close(Code::TIMED_OUT)));
        assert!(liveness.note_heard(asked_ms + 5) && !liveness.note_heard(asked_ms + 6));
        assert_eq!(due(liveness, asked_ms + 6).1, Some(asked_ms + 6 + KEEPALIVE_MS));
    }

    #[test]
    fn whoever_has_a_name_that_is_wanted_has_less_time_and_is_asked_once() {
        let mut liveness = Liveness::new(0);
        liveness.ask_for_silence(10);
        assert!(liveness.ask_for_name(20) && !liveness.ask_for_name(30));
        assert_eq!(due(liveness, 20 + PROBE_MS).0, Some(Due::Close(Code::TIMED_OUT)));
        liveness.note_taken(40);
        assert!(liveness.was_heard_lately(40 + HEARD_LATELY_MS - 1));
        assert!(!liveness.was_heard_lately(40 + HEARD_LATELY_MS));
    }

    #[test]
    fn taking_bytes_is_no_answer_to_a_question_after_silence() {
        let mut liveness = Liveness::new(0);
        liveness.ask_for_silence(10);
        liveness.note_taken(20);
        liveness.forgive(30);
        assert!(!liveness.was_heard_lately(30));
        assert_eq!(due(liveness, 30).1, Some(30 + PONG_MS));
    }

    #[test]
    #[should_panic(expected = "once at a time")]
    fn nobody_is_asked_twice_for_the_same_silence() {
        let mut liveness = Liveness::new(0);
        liveness.ask_for_silence(10);
        liveness.ask_for_silence(20);
    }
}
