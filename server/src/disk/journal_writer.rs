//! The journal writer: writes events as safely as the durability level requires, decides when to
//! sync, and reports progress and failures. The journal thread drives it; it reads no clock.

use std::fmt::Display;
use std::io;
use std::time::{Duration, Instant};

use super::files::Files;
use super::journal::{Journal, Unsynced};
use super::{Durability, KeptBans, Reply};

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

    /// Keeps the bans, instead of those before, or logs why it cannot.
    pub fn keep_bans(&self, bans: &KeptBans) {
        self.journal.keep_bans(bans);
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
mod tests;
