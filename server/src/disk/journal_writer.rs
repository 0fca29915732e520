//! The journal writer: writes events as safely as the durability level requires, decides when to
//! sync, and reports progress and failures. The journal thread drives it; it reads no clock.

use std::fmt::Display;
use std::io;
use std::time::{Duration, Instant};

use super::files::Files;
use super::journal::{Journal, Unsynced};
use super::{Durability, Reply};

/// At [`Durability::Interval`], how long written events wait to be synced, in milliseconds.
pub const SYNC_INTERVAL_MS: u64 = 1000;

/// The journal, and the state of writing it.
#[derive(Debug)]
pub struct JournalWriter<F: Files> {
    journal: Journal<F>,
    durability: Durability,
    /// When to sync next, if anything is not durable.
    sync_by: Option<Instant>,
    /// The end of the last batch.
    to: u64,
    /// A failure was logged, and no recovery since.
    is_failing: bool,
    /// Something was written since the last failure.
    has_written: bool,
    /// A sync is running that covers what was written since the last failure, so that its success
    /// proves that the disk works.
    is_proof: bool,
    /// At [`Durability::None`], where no sync would notice: when to check that the files still are
    /// where they were created.
    look_at: Option<Instant>,
}

impl<F: Files> JournalWriter<F> {
    /// A writer that has written nothing yet.
    #[must_use]
    pub fn new(journal: Journal<F>, durability: Durability) -> Self {
        Self {
            journal,
            durability,
            sync_by: None,
            to: 0,
            is_failing: false,
            has_written: false,
            is_proof: false,
            look_at: None,
        }
    }

    /// Writes frames that end at `to`.
    pub fn keep(&mut self, frames: &[u8], to: u64, now: Instant) -> Option<Reply> {
        self.to = to;
        let kept = match self.durability {
            Durability::Always => self.journal.append(frames).and_then(|()| self.journal.sync()),
            Durability::Interval => self.write(frames, now),
            Durability::None => self.look(now).and_then(|()| self.write(frames, now)),
        };
        match kept {
            Ok(()) => {
                self.has_written = true;
                // At intervals, only the sync that follows shows whether the disk works.
                if self.durability != Durability::Interval {
                    self.recover();
                }
                self.acknowledge()
            }
            Err(why) => self.fail(&why),
        }
    }

    fn write(&mut self, frames: &[u8], now: Instant) -> io::Result<()> {
        self.journal.append(frames)?;
        self.plan_sync(now);
        Ok(())
    }

    /// Checks, once per interval, that the journal's file still has its name.
    fn look(&mut self, now: Instant) -> io::Result<()> {
        if self.look_at.is_some_and(|at| at > now) {
            return Ok(());
        }
        self.look_at = Some(now + Duration::from_millis(SYNC_INTERVAL_MS));
        self.journal.check_place()
    }

    /// Syncs a full segment at once, at every level: only then are older ones removed.
    fn plan_sync(&mut self, now: Instant) {
        if self.journal.is_rotating() {
            self.sync_by = Some(now);
        } else if self.durability == Durability::Interval {
            self.sync_by.get_or_insert(now + Duration::from_millis(SYNC_INTERVAL_MS));
        }
    }

    /// Records that frames that end at `to` were lost on the way.
    pub fn lose(&mut self, to: u64) -> Option<Reply> {
        self.to = to;
        self.fail(&"too much is waiting for the disk")
    }

    /// Syncs everything at shutdown. Reports a failure only: what was written is already
    /// acknowledged.
    pub fn sync(&mut self) -> Option<Reply> {
        self.sync_by = None;
        self.is_proof = self.has_written;
        let synced = self.journal.sync();
        self.answer_sync(synced)
    }

    /// What must be synced now, if a sync is due, for another thread to sync: meanwhile batches are
    /// written as before. [`Self::end_sync`] takes the result, before the next call of this.
    pub fn begin_sync(&mut self, now: Instant) -> Option<Unsynced<F>> {
        self.sync_by.take_if(|by| *by <= now)?;
        self.is_proof = self.has_written;
        match self.journal.begin_sync() {
            Ok(unsynced) => unsynced,
            Err(why) => {
                // The next write tries again.
                log::error!("cannot sync the log: {why}");
                None
            }
        }
    }

    /// Takes the result of a sync. Reports a failure only.
    pub fn end_sync(&mut self, synced: io::Result<()>) -> Option<Reply> {
        self.journal.end_sync(&synced);
        self.answer_sync(synced)
    }

    /// True between [`Self::begin_sync`] and [`Self::end_sync`], if there was something to sync.
    #[must_use]
    pub fn is_syncing(&self) -> bool {
        self.journal.is_syncing()
    }

    /// True if the current sync must end before more is written.
    #[must_use]
    pub fn must_wait(&self) -> bool {
        self.journal.must_wait()
    }

    fn answer_sync(&mut self, synced: io::Result<()>) -> Option<Reply> {
        match synced {
            Ok(()) => {
                if std::mem::take(&mut self.is_proof) {
                    self.recover();
                }
                None
            }
            Err(why) => self.fail(&why),
        }
    }

    /// How long from `now` until a sync is due; none while nothing needs one.
    #[must_use]
    pub fn timeout(&self, now: Instant) -> Option<Duration> {
        self.sync_by.map(|by| by.saturating_duration_since(now))
    }

    /// True if each batch is synced as it is written.
    #[must_use]
    pub fn syncs_each_batch(&self) -> bool {
        self.durability == Durability::Always
    }

    /// True from a failure on, until it is known that the journal works again.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.is_failing
    }

    fn acknowledge(&self) -> Option<Reply> {
        self.durability.is_acknowledged().then_some(Reply::Journaled { to: self.to })
    }

    fn fail(&mut self, why: &dyn Display) -> Option<Reply> {
        (self.has_written, self.is_proof) = (false, false);
        if !std::mem::replace(&mut self.is_failing, true) {
            log::error!("cannot write the log to disk: {why}");
        }
        self.durability.is_acknowledged().then_some(Reply::JournalFailed { to: self.to })
    }

    fn recover(&mut self) {
        // At `always` the server ends at the first failure, so there is no recovery to report.
        if std::mem::take(&mut self.is_failing) && self.durability != Durability::Always {
            log::error!(
                "the log is written to disk again; what happened in between is missing there"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use chatshelf_common::id::{Seq, UnixMillis};
    use chatshelf_common::text::Nick;
    use chatshelf_common::wire::Frame;
    use chatshelf_common::wire::frame::Joined;

    use super::*;
    use crate::disk::fault_injection::{Fault, FaultyFiles};

    const LATER: Duration = Duration::from_millis(SYNC_INTERVAL_MS);

    fn joined(seq: u64) -> Vec<u8> {
        let nick = Nick::new("ada").unwrap();
        Joined { seq: Seq(seq), at: UnixMillis(1), nick, quiet: None }.to_bytes()
    }

    fn keeper(durability: Durability) -> (FaultyFiles, JournalWriter<FaultyFiles>, Instant) {
        let files = FaultyFiles::new();
        let (journal, _) = Journal::open(files.clone(), files.path(), 1 << 20).unwrap();
        let mut keeper = JournalWriter::new(journal, durability);
        // The first of all begins a segment.
        keeper.keep(&joined(1), 1, Instant::now());
        keeper.sync();
        (files, keeper, Instant::now())
    }

    fn sync_if_due(keeper: &mut JournalWriter<FaultyFiles>, now: Instant) -> Option<Reply> {
        let synced = keeper.begin_sync(now)?.sync();
        keeper.end_sync(synced)
    }

    fn fail_next(files: &FaultyFiles) {
        files.fail(Fault::Once(files.done()), ErrorKind::Other);
    }

    /// What a full segment of 1 MiB and one line more take, which begins the next.
    fn change_over(keeper: &mut JournalWriter<FaultyFiles>, now: Instant) {
        keeper.keep(&joined(2).repeat((1 << 20) / joined(2).len()), 20, now);
        keeper.keep(&joined(3), 30, now);
    }

    /// Operations that this takes.
    fn operations(files: &FaultyFiles, work: impl FnOnce()) -> usize {
        let before = files.done();
        work();
        files.done() - before
    }

    fn kept(files: &FaultyFiles) -> Vec<u64> {
        let (_, events) = Journal::open(files.clone(), files.path(), 1 << 20).unwrap();
        events.iter().map(|event| event.seq().0).collect()
    }

    #[test]
    fn without_durability_nothing_is_synced_or_answered() {
        let (files, mut keeper, now) = keeper(Durability::None);
        let done = operations(&files, || assert!(keeper.keep(&joined(2), 20, now).is_none()));
        assert_eq!((done, keeper.timeout(now)), (1, None), "one write");
        fail_next(&files);
        assert!(keeper.keep(&joined(3), 30, now).is_none());
        assert!(keeper.is_failing);
        assert!(keeper.keep(&joined(4), 40, now).is_none());
        assert!(!keeper.is_failing);
        assert_eq!(kept(&files), [1, 2, 4]);
    }

    #[test]
    fn at_an_interval_the_first_unsynced_write_sets_when_to_sync() {
        let (files, mut keeper, now) = keeper(Durability::Interval);
        assert_eq!(keeper.timeout(now), None);
        for (seq, ms) in [(2, 0), (3, 400), (4, 900)] {
            let now = now + Duration::from_millis(ms);
            let reply = keeper.keep(&joined(seq), 10 * seq, now);
            assert!(matches!(reply, Some(Reply::Journaled { to }) if to == 10 * seq));
            assert_eq!(keeper.timeout(now), Some(LATER - Duration::from_millis(ms)));
            assert!(sync_if_due(&mut keeper, now).is_none());
        }
        let done = operations(&files, || drop(sync_if_due(&mut keeper, now + LATER)));
        assert_eq!(done, 1, "one sync");
        assert_eq!(keeper.timeout(now + LATER), None);
        let done = operations(&files, || drop(sync_if_due(&mut keeper, now + 9 * LATER)));
        assert_eq!(done, 0);
    }

    #[test]
    fn at_an_interval_a_failure_is_answered_and_the_next_batch_tried() {
        let (files, mut keeper, now) = keeper(Durability::Interval);
        fail_next(&files);
        let reply = keeper.keep(&joined(2), 20, now);
        assert!(matches!(reply, Some(Reply::JournalFailed { to: 20 })));
        let reply = keeper.keep(&joined(3), 30, now);
        assert!(matches!(reply, Some(Reply::Journaled { to: 30 })));
        fail_next(&files);
        let reply = sync_if_due(&mut keeper, now + LATER);
        assert!(matches!(reply, Some(Reply::JournalFailed { to: 30 })));
        assert!(keeper.is_failing && keeper.timeout(now).is_none());
        let reply = keeper.keep(&joined(4), 40, now);
        assert!(matches!(reply, Some(Reply::Journaled { to: 40 })));
        assert!(keeper.is_failing, "a write alone does not prove that it works again");
        assert!(sync_if_due(&mut keeper, now + LATER).is_none() && !keeper.is_failing);
        assert_eq!(kept(&files), [1, 3, 4]);
    }

    #[test]
    fn that_it_works_again_is_only_said_of_what_was_written_after_the_failure() {
        for durability in [Durability::Interval, Durability::None] {
            let (files, mut keeper, now) = keeper(durability);
            keeper.keep(&joined(2), 20, now);
            // A sync of what came before succeeds, while nothing more can be written.
            files.fail(Fault::Once(files.done()), ErrorKind::StorageFull);
            keeper.keep(&joined(3), 30, now);
            assert!(keeper.is_failing);
            assert!(sync_if_due(&mut keeper, now + LATER).is_none());
            keeper.sync();
            assert!(keeper.is_failing, "{durability}: nothing was written");
            // One that was begun before the failure proves nothing either.
            keeper.keep(&joined(4), 40, now);
            assert_eq!(keeper.is_failing, durability == Durability::Interval);
            let unsynced = keeper.begin_sync(now + 2 * LATER);
            files.fail(Fault::Once(files.done()), ErrorKind::StorageFull);
            keeper.keep(&joined(5), 50, now);
            unsynced.into_iter().for_each(|it| drop(keeper.end_sync(it.sync())));
            assert!(keeper.is_failing, "{durability}: the newest could not be written");
            keeper.keep(&joined(6), 60, now);
            keeper.sync();
            assert!(!keeper.is_failing, "{durability}");
        }
    }

    #[test]
    fn a_full_segment_is_synced_whatever_failed_when_the_next_one_began() {
        for durability in [Durability::None, Durability::Interval] {
            for operation in 0..8 {
                let (files, mut keeper, now) = keeper(durability);
                keeper.keep(&joined(2).repeat((1 << 20) / joined(2).len()), 20, now);
                files.fail(Fault::Once(files.done() + operation), ErrorKind::Other);
                keeper.keep(&joined(3), 30, now);
                let _ = sync_if_due(&mut keeper, now);
                keeper.keep(&joined(4), 40, now);
                let _ = sync_if_due(&mut keeper, now);
                assert!(!keeper.journal.is_rotating(), "{durability}, operation {operation}");
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn files_that_were_removed_under_it_are_missed_at_every_level() {
        for durability in [Durability::None, Durability::Interval, Durability::Always] {
            for moved in [false, true] {
                let (files, mut keeper, now) = keeper(durability);
                keeper.keep(&joined(2), 20, now);
                let (log, away) = (files.path().join("log"), files.path().join("away"));
                if moved {
                    std::fs::rename(&log, away).unwrap();
                } else {
                    std::fs::remove_dir_all(&log).unwrap();
                }
                let later = now + 2 * LATER;
                let reply = keeper.keep(&joined(3), 30, later);
                let reply = sync_if_due(&mut keeper, later + LATER).or(reply);
                let failed = matches!(reply, Some(Reply::JournalFailed { to: 30 }));
                assert_eq!(failed, durability != Durability::None, "{durability}");
                assert!(keeper.is_failing, "{durability}");
                keeper.keep(&joined(4), 40, later);
                assert!(keeper.is_failing, "{durability}: there is no place to write to");
                std::fs::create_dir(&log).unwrap();
                keeper.keep(&joined(5), 50, later);
                keeper.sync();
                assert_eq!(kept(&files), [5], "{durability}");
            }
        }
    }

    #[test]
    fn always_means_that_a_batch_is_synced_before_it_is_acknowledged() {
        let (files, mut keeper, now) = keeper(Durability::Always);
        let batch = [joined(2), joined(3)].concat();
        let done = operations(&files, || {
            let reply = keeper.keep(&batch, 30, now);
            assert!(matches!(reply, Some(Reply::Journaled { to: 30 })));
        });
        assert_eq!((done, keeper.timeout(now)), (2, None), "one write, one sync");
        for (operation, to) in [(0, 40), (1, 50)] {
            files.fail(Fault::Once(files.done() + operation), ErrorKind::Other);
            match keeper.keep(&joined(to / 10), to, now) {
                Some(Reply::JournalFailed { to: failed }) => assert_eq!(failed, to),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_full_segment_is_synced_at_once_and_beside() {
        for durability in [Durability::None, Durability::Interval] {
            let (files, mut keeper, now) = keeper(durability);
            let start = files.done();
            change_over(&mut keeper, now);
            let expected = ["write", "list", "create", "write"];
            assert_eq!(files.done_since(start), expected, "{durability}");
            assert_eq!(keeper.timeout(now), Some(Duration::ZERO));
            let unsynced = keeper.begin_sync(now).expect("a sync is due");
            assert!(keeper.is_syncing() && keeper.timeout(now).is_none());
            assert!(keeper.end_sync(unsynced.sync()).is_none() && !keeper.is_syncing());
        }
    }

    #[test]
    fn that_a_full_segment_could_not_be_synced_is_answered() {
        let (files, mut keeper, now) = keeper(Durability::Interval);
        change_over(&mut keeper, now);
        fail_next(&files);
        let reply = sync_if_due(&mut keeper, now);
        assert!(matches!(reply, Some(Reply::JournalFailed { to: 30 })));
        keeper.keep(&joined(4), 40, now);
        assert!(sync_if_due(&mut keeper, now).is_none() && !keeper.is_failing);
        assert_eq!(kept(&files), [1, 2, 3, 4]);
    }

    #[test]
    fn at_always_a_new_segment_has_its_name_on_the_disk_before_anything_is_acknowledged() {
        let (files, mut keeper, now) = keeper(Durability::Always);
        let start = files.done();
        change_over(&mut keeper, now);
        let full = ["write", "sync"];
        let next = ["list", "create", "write", "sync_dir", "sync", "size"];
        assert_eq!(files.done_since(start), [&full[..], &next[..]].concat());
        assert!(keeper.begin_sync(now + LATER).is_none(), "nothing is left for anyone else");
    }

    #[test]
    fn batches_are_kept_while_a_sync_is_under_way() {
        let (files, mut keeper, now) = keeper(Durability::Interval);
        keeper.keep(&joined(2), 20, now);
        let file = keeper.begin_sync(now + LATER).expect("a sync is due");
        let reply = keeper.keep(&joined(3), 30, now + LATER);
        assert!(matches!(reply, Some(Reply::Journaled { to: 30 })));
        assert_eq!(keeper.timeout(now + LATER), Some(LATER), "what came since is synced later");
        drop(file);
        assert!(keeper.end_sync(Err(ErrorKind::Other.into())).is_some());
        // Nothing more is written behind what may be lost.
        keeper.keep(&joined(4), 40, now);
        keeper.sync();
        let log = files.path().join("log");
        assert!(log.join(format!("{:020}.log", 4)).exists());
        assert_eq!(kept(&files), [1, 2, 3, 4]);
    }
}
