//! The log on its way to the journal and to the members: what is new is taken for the journal, and
//! what the journal has answered for may be sent (docs/OPERATIONS.md, "When a line counts as
//! safe").
//!
//! Owns how far each of these has come, and how long an answer is waited for. The log itself is the
//! room's: this only says what is to be done with it.

use super::limits::{JOURNAL_WAIT_MS, UNRELEASED_BYTES_MAX};
use crate::disk::Durability;
use crate::room::log::RoomLog;

/// New events, for the journal.
#[derive(Debug)]
pub struct JournalBatch {
    /// They, as whole frames.
    pub frames: Vec<u8>,
    /// Where in the room log they end; [`Reply::Journaled`](crate::disk::Reply::Journaled) names
    /// it.
    pub to: u64,
}

/// Between the log and the journal.
///
/// Invariant: `flushed_to <= log.released() <= taken_to <= log.end()`.
#[derive(Debug)]
pub(super) struct JournalFeed {
    durability: Durability,
    /// How far the log was taken for the journal.
    taken_to: u64,
    /// What of it is to be handed over.
    waiting: Vec<u8>,
    /// How far the log was released when all members were last flushed.
    flushed_to: u64,
    /// When events that the journal has not answered for are sent all the same.
    release_by_ms: Option<u64>,
    /// Events could not be made as safe as they must be.
    has_failed: bool,
}

impl JournalFeed {
    /// For a log that the journal has up to `journaled_to`, and that is released as far.
    pub(super) fn new(durability: Durability, journaled_to: u64) -> Self {
        Self {
            durability,
            taken_to: journaled_to,
            waiting: Vec::new(),
            flushed_to: journaled_to,
            release_by_ms: None,
            has_failed: false,
        }
    }

    /// Takes what is new in the log.
    pub(super) fn take(&mut self, log: &RoomLog) {
        self.check(log);
        if self.taken_to < log.end() {
            self.waiting.extend_from_slice(log.between(self.taken_to, log.end()));
            self.taken_to = log.end();
        }
    }

    /// What was taken, for the journal.
    pub(super) fn poll(&mut self) -> Option<JournalBatch> {
        let frames = std::mem::take(&mut self.waiting);
        (!frames.is_empty()).then_some(JournalBatch { frames, to: self.taken_to })
    }

    /// How far the log may be released that need not wait for the journal, or has waited long
    /// enough: a disk that hangs does not stop the talk, unless that is what was asked for.
    pub(super) fn release_due(&mut self, log: &RoomLog, now_ms: u64) -> Option<u64> {
        self.check(log);
        if log.unreleased_bytes() == 0 {
            self.release_by_ms = None;
            return None;
        }
        match self.durability {
            Durability::None => Some(self.taken_to),
            Durability::Always => None,
            Durability::Interval => {
                let by_ms = *self.release_by_ms.get_or_insert(now_ms + JOURNAL_WAIT_MS);
                (by_ms <= now_ms).then(|| {
                    log::warn!("the disk is slow: lines are shown that a crash can take back");
                    self.release_by_ms = None;
                    self.taken_to
                })
            }
        }
    }

    /// The journal has events up to `to` as safe as they must be: they may be released.
    pub(super) fn note_journaled(&mut self, to: u64) {
        debug_assert!(to <= self.taken_to, "{to} was never handed over");
        self.release_by_ms = None;
    }

    /// The journal could not take events. Where they must be safe before anyone sees them, the
    /// server has to end, and this says so; else the room goes on without, and the log has a hole
    /// at the next start.
    pub(super) fn note_failed(&mut self) -> bool {
        self.has_failed |= self.durability == Durability::Always;
        self.has_failed
    }

    pub(super) fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// Where the log ends for whoever is to be sent no more: what cannot be made safe is not sent.
    pub(super) fn last_sent(&self, log: &RoomLog) -> u64 {
        if self.has_failed { log.released() } else { log.end() }
    }

    /// True while so much waits for the journal that nothing more is taken in.
    pub(super) fn is_behind(&self, log: &RoomLog) -> bool {
        log.unreleased_bytes() > UNRELEASED_BYTES_MAX
    }

    /// True if more of the log is released than members were flushed.
    pub(super) fn has_news(&self, log: &RoomLog) -> bool {
        self.flushed_to < log.released()
    }

    /// All members are flushed what is released now; true if that is news.
    pub(super) fn take_news(&mut self, log: &RoomLog) -> bool {
        self.check(log);
        let has_news = self.has_news(log);
        self.flushed_to = log.released();
        has_news
    }

    /// When [`Self::release_due`] has something to do.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.release_by_ms
    }

    /// Bytes that are held.
    pub(super) fn held_bytes(&self) -> usize {
        self.waiting.capacity()
    }

    /// Checks that the journal misses nothing: for tests.
    ///
    /// # Panics
    /// If it does.
    pub(super) fn assert_taken(&self, log: &RoomLog) {
        assert_eq!(self.taken_to, log.end());
        self.check(log);
    }

    fn check(&self, log: &RoomLog) {
        debug_assert!(self.flushed_to <= log.released());
        debug_assert!(log.released() <= self.taken_to && self.taken_to <= log.end());
        debug_assert!(self.waiting.len() as u64 <= self.taken_to);
    }
}

#[cfg(test)]
mod tests {
    use chatshelf_common::id::{MessageId, Seq, UnixMillis};
    use chatshelf_common::text::{Message, Nick};
    use chatshelf_common::wire::frame::Said;

    use super::*;

    const NOW_MS: u64 = 500;

    fn say(log: &mut RoomLog) {
        let (seq, at) = (log.next_seq(), UnixMillis(1));
        let (nick, text) = (Nick::new("ada").unwrap(), Message::new("hello").unwrap());
        log.append(&Said { seq, at, nick, id: MessageId(seq.0), text, style: None }.into());
    }

    fn fed(durability: Durability) -> (JournalFeed, RoomLog) {
        let mut log = RoomLog::new(Seq(1), 1 << 20);
        let mut feed = JournalFeed::new(durability, 0);
        say(&mut log);
        feed.take(&log);
        (feed, log)
    }

    #[test]
    fn the_journal_gets_each_byte_of_the_log_once() {
        let (mut feed, mut log) = fed(Durability::Interval);
        let first = feed.poll().unwrap();
        assert_eq!((&first.frames[..], first.to), (log.between(0, log.end()), log.end()));
        feed.take(&log);
        assert!(feed.poll().is_none());
        say(&mut log);
        say(&mut log);
        feed.take(&log);
        let more = feed.poll().unwrap();
        assert_eq!((&more.frames[..], more.to), (log.between(first.to, log.end()), log.end()));
    }

    #[test]
    fn each_level_of_durability_waits_as_long_as_it_should() {
        let due = |durability| {
            let (mut feed, log) = fed(durability);
            let at = |ms| NOW_MS + ms;
            [0, JOURNAL_WAIT_MS - 1, JOURNAL_WAIT_MS]
                .map(|ms| feed.release_due(&log, at(ms)).is_some_and(|to| to == log.end()))
        };
        assert_eq!(due(Durability::None), [true, true, true]);
        assert_eq!(due(Durability::Interval), [false, false, true]);
        assert_eq!(due(Durability::Always), [false, false, false]);
    }

    #[test]
    fn an_answer_begins_the_wait_again() {
        let (mut feed, mut log) = fed(Durability::Interval);
        assert_eq!(feed.release_due(&log, NOW_MS), None);
        assert_eq!(feed.next_deadline(), Some(NOW_MS + JOURNAL_WAIT_MS));
        log.release(log.end());
        feed.note_journaled(log.end());
        assert_eq!((feed.release_due(&log, NOW_MS), feed.next_deadline()), (None, None));
    }

    #[test]
    fn only_what_must_be_safe_ends_the_server_if_it_cannot_be() {
        for durability in [Durability::None, Durability::Interval, Durability::Always] {
            let (mut feed, log) = fed(durability);
            let is_fatal = durability == Durability::Always;
            assert_eq!((feed.note_failed(), feed.has_failed()), (is_fatal, is_fatal));
            assert_eq!(feed.last_sent(&log) == log.end(), !is_fatal);
        }
    }

    #[test]
    fn what_is_released_is_news_once() {
        let (mut feed, mut log) = fed(Durability::None);
        assert!(!feed.has_news(&log) && !feed.take_news(&log));
        log.release(log.end());
        assert!(feed.has_news(&log) && feed.take_news(&log));
        assert!(!feed.has_news(&log) && !feed.take_news(&log));
    }

    #[test]
    fn too_much_that_waits_is_a_backlog() {
        let (feed, mut log) = fed(Durability::Always);
        assert!(!feed.is_behind(&log));
        while log.unreleased_bytes() <= UNRELEASED_BYTES_MAX {
            say(&mut log);
        }
        assert!(feed.is_behind(&log));
    }

    #[test]
    #[should_panic(expected = "released")]
    fn a_log_released_beyond_what_was_taken_is_noticed() {
        let (mut feed, mut log) = fed(Durability::None);
        say(&mut log);
        log.release(log.end());
        feed.take(&log);
    }

    #[test]
    #[should_panic(expected = "never handed over")]
    fn an_answer_for_what_was_never_asked_is_noticed() {
        let (mut feed, log) = fed(Durability::Always);
        feed.note_journaled(log.end() + 1);
    }
}
