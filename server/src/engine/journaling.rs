//! The log on its way to the journal and back: what is new is handed over, and what the journal
//! answers for is released to the members (docs/OPERATIONS.md, "When a line counts as safe").

use chatshelf_common::wire::Code;

use super::Engine;
use super::limits::{JOURNAL_WAIT_MS, UNRELEASED_BYTES_MAX};
use crate::disk::Durability;
use crate::net::transport::Transport;

impl<T: Transport> Engine<T> {
    /// True when events could not be made as safe as they must be, and the server has to end.
    #[must_use]
    pub fn has_journal_failed(&self) -> bool {
        self.journal_failed
    }

    /// Takes what is new in the log for the journal.
    pub(super) fn take_for_journal(&mut self) {
        let log = self.room.log();
        if self.journaled_to < log.end() {
            self.journal.extend_from_slice(log.between(self.journaled_to, log.end()));
            self.journaled_to = log.end();
        }
    }

    /// Releases events that need not wait for the journal, or have waited long enough: a disk that
    /// hangs is not to stop the talk, unless that is what was asked for.
    pub(super) fn release_if_due(&mut self) {
        let end = self.room.log().end();
        if self.room.log().unreleased_bytes() == 0 {
            self.release_by_ms = None;
            return;
        }
        match self.settings.durability {
            Durability::None => self.room.release_log(end),
            Durability::Always => {}
            Durability::Interval => {
                let now_ms = self.now.mono_ms;
                let by_ms = *self.release_by_ms.get_or_insert(now_ms + JOURNAL_WAIT_MS);
                if by_ms <= now_ms {
                    log::warn!("the disk is slow: lines are sent that a crash could take back");
                    self.room.release_log(end);
                    self.release_by_ms = None;
                }
            }
        }
    }

    /// The journal has events up to here as safe as they must be.
    pub(super) fn journaled(&mut self, to: u64) {
        self.room.release_log(to);
        self.release_by_ms = None;
    }

    /// The journal could not take events. Where they must be safe before anyone sees them, the
    /// server ends; else the room goes on, and the log has a hole at the next start.
    pub(super) fn journal_failed(&mut self, to: u64) {
        if self.settings.durability != Durability::Always {
            return self.journaled(to);
        }
        if !self.journal_failed {
            self.journal_failed = true;
            self.shut_down_for(Code::STORAGE_FAILED);
        }
    }

    /// True while so much waits for the journal that nothing more is taken in.
    pub(super) fn awaits_journal(&self) -> bool {
        self.room.log().unreleased_bytes() > UNRELEASED_BYTES_MAX
    }
}
