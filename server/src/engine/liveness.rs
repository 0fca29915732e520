//! Whether a peer is alive: how long it has been silent, and whether it was asked for a sign of
//! life.

use super::Deadlines;
use super::deadlines::{Due, Look};
use super::limits::{HEARD_LATELY_MS, PROBE_MS};
use chatshelf_common::wire::Code;

/// What is known about a peer's liveness.
#[derive(Clone, Copy, Debug)]
pub(super) struct Liveness {
    /// When the peer was last heard from or, after that, asked.
    since_ms: u64,
    asked: Asked,
}

/// Whether a silent peer was asked for a sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    No,
    /// Asked because it was silent for long.
    ForSilence,
    /// Asked because someone requests its nick.
    ForName,
}

impl Liveness {
    pub(super) fn new(now_ms: u64) -> Self {
        Self { since_ms: now_ms, asked: Asked::No }
    }

    /// Notes that the peer was heard from. Returns true if that answers a question: the next
    /// question may then be due sooner than the deadline for this answer was.
    pub(super) fn note_heard(&mut self, now_ms: u64) -> bool {
        debug_assert!(self.since_ms <= now_ms);
        let was_asked = self.asked != Asked::No;
        *self = Self::new(now_ms);
        was_asked
    }

    /// Restarts the silence, because the peer was not read until now.
    pub(super) fn forgive(&mut self, now_ms: u64) {
        self.since_ms = now_ms;
    }

    /// Notes that the peer reads again. While its nick is contested, that is a sign of life,
    /// because the question may still be queued behind what it reads so slowly.
    pub(super) fn note_taken(&mut self, now_ms: u64) {
        if self.asked == Asked::ForName {
            *self = Self::new(now_ms);
        }
    }

    /// Returns true if the peer was heard from a moment ago.
    pub(super) fn was_heard_lately(&self, now_ms: u64) -> bool {
        self.asked == Asked::No && now_ms < self.since_ms + HEARD_LATELY_MS
    }

    /// Notes that the peer was asked because of its silence.
    pub(super) fn ask_for_silence(&mut self, now_ms: u64) {
        debug_assert_eq!(self.asked, Asked::No, "a peer is asked once at a time");
        *self = Self { since_ms: now_ms, asked: Asked::ForSilence };
    }

    /// Notes that the peer is asked because someone requests its nick. Returns false if it was
    /// already asked for that.
    pub(super) fn ask_for_name(&mut self, now_ms: u64) -> bool {
        let is_new = self.asked != Asked::ForName;
        if is_new {
            *self = Self { since_ms: now_ms, asked: Asked::ForName };
        }
        is_new
    }

    /// Returns what is due: a question after some silence, the end if no answer comes.
    pub(super) fn due(&self, look: &mut Look, deadlines: &Deadlines) -> Option<Due> {
        let (allowed_ms, due) = match self.asked {
            Asked::No => (deadlines.keepalive_ms, Due::Ping),
            Asked::ForSilence => (deadlines.pong_ms, Due::Close(Code::TIMED_OUT)),
            Asked::ForName => (PROBE_MS, Due::Close(Code::TIMED_OUT)),
        };
        look.has_passed(self.since_ms, allowed_ms).then_some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::limits::{KEEPALIVE_MS, PONG_MS};

    fn due(liveness: Liveness, now_ms: u64) -> (Option<Due>, Option<u64>) {
        let mut look = Look::at(now_ms);
        (liveness.due(&mut look, &Deadlines::DEFAULT), look.next_ms())
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
    fn the_holder_of_a_contested_nick_has_less_time_and_is_asked_once() {
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
