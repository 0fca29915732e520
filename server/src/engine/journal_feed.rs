//! The log's path to the journal and to the members: new events are taken for the journal, and
//! events the journal has stored may be sent (docs/OPERATIONS.md, "When a line counts as safe").
//!
//! Owns how far each of these has advanced, and how long a reply is waited for. The log itself
//! belongs to the room; this only decides what happens with it.

use super::limits::{JOURNAL_WAIT_MS, UNRELEASED_BYTES_MAX};
use crate::disk::{Durability, KeptBans};
use crate::room::log::RoomLog;

/// New events, for the journal.
#[derive(Debug)]
pub struct JournalBatch {
    /// The bans, if these events change them. They are kept before the events are, so that nobody
    /// hears of a ban that a restart would forget.
    pub bans: Option<KeptBans>,
    /// The events, as whole frames.
    pub frames: Vec<u8>,
    /// The log offset where they end; [`Reply::Journaled`](crate::disk::Reply::Journaled) names it.
    pub to: u64,
}

/// The link between the log and the journal.
///
/// Invariant: `flushed_to <= log.released() <= taken_to <= log.end()`.
#[derive(Debug)]
pub(super) struct JournalFeed {
    durability: Durability,
    /// The offset up to which the log was taken for the journal.
    taken_to: u64,
    /// Bytes that were taken and not yet handed over.
    waiting: Vec<u8>,
    /// The bans after them, if they have changed.
    bans: Option<KeptBans>,
    /// The offset up to which the log was released when all members were last flushed.
    flushed_to: u64,
    /// When events are sent even if the journal has not stored them.
    release_by_ms: Option<u64>,
    /// True if events could not be stored as safely as required.
    has_failed: bool,
}

impl JournalFeed {
    /// Creates the feed of a log that is journaled and released up to `journaled_to`.
    pub(super) fn new(durability: Durability, journaled_to: u64) -> Self {
        Self {
            durability,
            taken_to: journaled_to,
            waiting: Vec::new(),
            bans: None,
            flushed_to: journaled_to,
            release_by_ms: None,
            has_failed: false,
        }
    }

    /// Takes the new events in the log.
    pub(super) fn take(&mut self, log: &RoomLog) {
        self.check(log);
        if self.taken_to < log.end() {
            self.waiting.extend_from_slice(log.between(self.taken_to, log.end()));
            self.taken_to = log.end();
        }
    }

    /// Returns the events taken, for the journal.
    pub(super) fn poll(&mut self) -> Option<JournalBatch> {
        let frames = std::mem::take(&mut self.waiting);
        if frames.is_empty() {
            return None;
        }
        Some(JournalBatch { bans: self.bans.take(), frames, to: self.taken_to })
    }

    /// Notes the bans after an event that was proposed in this turn.
    pub(super) fn keep_bans(&mut self, bans: KeptBans) {
        self.bans = Some(bans);
    }

    /// Returns the offset up to which the log may be released without the journal's reply, because
    /// none is needed or the wait has been long enough: a hanging disk does not stop the
    /// conversation, unless the operator asked for that.
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
                    log::warn!("the disk is slow: a crash now would lose lines already shown");
                    self.release_by_ms = None;
                    self.taken_to
                })
            }
        }
    }

    /// Notes that the journal has stored the events up to `to`, which may now be released.
    pub(super) fn note_journaled(&mut self, to: u64) {
        debug_assert!(to <= self.taken_to, "{to} was never handed over");
        self.release_by_ms = None;
    }

    /// Notes that the journal could not store events. Returns true if they must be safe before
    /// anyone sees them, so that the server must stop. Otherwise the room continues without a
    /// journal, and the log has a hole at the next startup.
    pub(super) fn note_failed(&mut self) -> bool {
        self.has_failed |= self.durability == Durability::Always;
        self.has_failed
    }

    pub(super) fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// Returns where the log ends for a connection that is closing: events that cannot be made safe
    /// are not sent.
    pub(super) fn last_sent(&self, log: &RoomLog) -> u64 {
        if self.has_failed { log.released() } else { log.end() }
    }

    /// Returns true while the journal is so far behind that no connection is read.
    pub(super) fn is_behind(&self, log: &RoomLog) -> bool {
        log.unreleased_bytes() > UNRELEASED_BYTES_MAX
    }

    /// Returns true if events were released since the members were last flushed.
    pub(super) fn has_news(&self, log: &RoomLog) -> bool {
        self.flushed_to < log.released()
    }

    /// Notes that all members are flushed up to what is released now; returns true if that is news.
    pub(super) fn take_news(&mut self, log: &RoomLog) -> bool {
        self.check(log);
        let has_news = self.has_news(log);
        self.flushed_to = log.released();
        has_news
    }

    /// Returns when [`Self::release_due`] has something to do.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.release_by_ms
    }

    /// Returns the bytes held.
    pub(super) fn held_bytes(&self) -> usize {
        self.waiting.capacity()
    }

    /// Checks that the journal misses nothing: for tests.
    ///
    /// # Panics
    /// If it misses some.
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
    use chatshelf_common::id::Seq;
    use chatshelf_testkit::samples::said;

    use super::*;

    const NOW_MS: u64 = 500;

    fn say(log: &mut RoomLog) {
        log.append(&said(log.next_seq(), "hello").into());
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
    fn a_reply_restarts_the_wait() {
        let (mut feed, mut log) = fed(Durability::Interval);
        assert_eq!(feed.release_due(&log, NOW_MS), None);
        assert_eq!(feed.next_deadline(), Some(NOW_MS + JOURNAL_WAIT_MS));
        log.release(log.end());
        feed.note_journaled(log.end());
        assert_eq!((feed.release_due(&log, NOW_MS), feed.next_deadline()), (None, None));
    }

    #[test]
    fn a_failed_journal_ends_the_server_only_if_lines_must_be_safe() {
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
    fn too_many_waiting_bytes_are_a_backlog() {
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
    fn a_reply_for_events_never_handed_over_is_noticed() {
        let (mut feed, log) = fed(Durability::Always);
        feed.note_journaled(log.end() + 1);
    }
}
