//! Files that change while they are uploaded. What was sent of such a file is worthless: the upload
//! starts over with the file as it is then, unless it never stays the same for long enough.

use std::time::{Duration, Instant};

use super::{Content, Then, Transfer, Worker, source_of};
use crate::files::{FileError, OpenFile, Reply};
use crate::session::{FileReply, TransferHandle};

/// How often an upload starts over because its file has changed.
const RESTARTS_MAX: u32 = 3;
/// How long a changed file is left alone before it is opened again; twice as long the second time,
/// and so on. Whoever writes it may need a while.
const SETTLE: Duration = Duration::from_millis(500);

impl Worker<'_> {
    /// The file of an upload has changed: schedules opening it again.
    pub(super) fn handle_change(&mut self, transfer: TransferHandle) {
        let Some(open) = self.open.get_mut(&transfer) else { return };
        let restarts = open.handle_change();
        if restarts > RESTARTS_MAX {
            return self.fail(transfer, &FileError::KeepsChanging);
        }
        self.hashing.retain(|hashing| *hashing != transfer);
        self.settling.push((Instant::now() + SETTLE * restarts, transfer));
    }

    /// How long until the next changed file is to be opened again.
    pub(super) fn settles_in(&self) -> Option<Duration> {
        let due = self.settling.iter().map(|(due, _)| *due).min();
        due.map(|due| due.saturating_duration_since(Instant::now()))
    }

    /// Opens again the changed files that are due.
    pub(super) fn open_settled(&mut self) {
        let now = Instant::now();
        while let Some(at) = self.settling.iter().position(|(due, _)| *due <= now) {
            let (_, transfer) = self.settling.swap_remove(at);
            self.open_again(transfer);
        }
    }

    fn open_again(&mut self, transfer: TransferHandle) {
        let Some(open) = self.open.remove(&transfer) else { return };
        let restarts = open.restarts();
        let Content::Upload(source) = open.into_content() else { return };
        let path = source.path().to_owned();
        source.discard();
        match self.open_upload(&path) {
            Ok(file) => {
                let OpenFile { size, attributes, .. } = file;
                let key = file.key();
                let source = source_of(file);
                self.open.insert(transfer, Transfer::restarted(source, restarts));
                let changed = FileReply::Changed { transfer, size, attributes, key };
                (self.reply)(Reply::Session(changed));
            }
            Err(error) => self.reply_failed(transfer, &error, false),
        }
    }

    /// Reports the digest of what was sent, if that is one state of the file: the file's times say
    /// so, or what they cannot prove is read once more. They may have been set, or be too coarse.
    pub(super) fn prove(&mut self, transfer: TransferHandle) {
        let Some(source) = self.open.get_mut(&transfer).and_then(Transfer::source_mut) else {
            return;
        };
        let whole = source.digest();
        let unproven = source.unproven().and_then(|unproven| source.rewind().map(|()| unproven));
        match unproven {
            Ok((0, _)) => {
                (self.reply)(Reply::Session(FileReply::Hashed { transfer, digest: whole }));
            }
            Ok((to, read)) => self.rehash(transfer, to, Then::Prove { read, whole }),
            Err(error) => self.fail(transfer, &error),
        }
    }
}
