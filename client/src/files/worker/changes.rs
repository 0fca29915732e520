//! Files that change while they are uploaded. What was sent of one is worth nothing: the upload
//! begins again with the file as it is then, unless it never stays the same for long enough.

use std::time::{Duration, Instant};

use super::{Content, Going, Then, Worker};
use crate::files::{FileError, OpenFile, Reply};
use crate::session::{FileReply, TransferHandle};

/// How often an upload begins again because its file has changed.
const RESTARTS_MAX: u32 = 3;
/// How long a changed file is left alone before it is opened again; the second time twice as long,
/// and so on. Whoever writes it may need a while.
const SETTLE: Duration = Duration::from_millis(500);

impl Worker<'_> {
    /// The file of an upload has changed: it is opened again in a while.
    pub(super) fn changed(&mut self, transfer: TransferHandle) {
        let Some(local) = self.open.get_mut(&transfer) else { return };
        local.restarts += 1;
        if local.restarts > RESTARTS_MAX {
            return self.failed(transfer, &FileError::KeepsChanging);
        }
        (local.going, local.ignores) = (None, true);
        local.waiting.clear();
        self.hashing.retain(|hashing| *hashing != transfer);
        self.settling.push((Instant::now() + SETTLE * local.restarts, transfer));
    }

    /// How long until a changed file is to be opened again.
    pub(super) fn settles_in(&self) -> Option<Duration> {
        let due = self.settling.iter().map(|(due, _)| *due).min();
        due.map(|due| due.saturating_duration_since(Instant::now()))
    }

    /// Opens the changed files again whose time has come.
    pub(super) fn open_settled(&mut self) {
        let now = Instant::now();
        while let Some(at) = self.settling.iter().position(|(due, _)| *due <= now) {
            let (_, transfer) = self.settling.swap_remove(at);
            self.open_again(transfer);
        }
    }

    fn open_again(&mut self, transfer: TransferHandle) {
        let Some(local) = self.open.remove(&transfer) else { return };
        let Content::Upload(source) = local.content else { return };
        let path = source.path().to_owned();
        source.discard();
        match self.open_upload(&path) {
            Ok(file) => {
                let OpenFile { size, attributes, .. } = file;
                let key = file.key();
                let local = self.upload(transfer, file, local.restarts);
                // What was asked of the file as it was; the session starts over when it hears.
                local.ignores = true;
                let changed = FileReply::Changed { transfer, size, attributes, key };
                (self.reply)(Reply::Session(changed));
            }
            Err(error) => self.tell_failed(transfer, &error, false),
        }
    }

    /// Says the digest of what was sent, if that is one state of the file: by its times, or by
    /// reading once more what they can't prove, for they may have been set, or be too coarse.
    pub(super) fn prove(&mut self, transfer: TransferHandle) {
        let Some(local) = self.open.get_mut(&transfer) else { return };
        let Content::Upload(source) = &mut local.content else { return };
        let whole = source.digest();
        let again = source.unproven().and_then(|again| source.rewind().map(|()| again));
        match again {
            Ok((0, _)) => {
                (self.reply)(Reply::Session(FileReply::Hashed { transfer, digest: whole }));
            }
            Ok((to, digest)) => {
                let then = Then::Prove { digest, whole };
                self.go(transfer, Going { at: 0, to, then });
            }
            Err(error) => self.failed(transfer, &error),
        }
    }
}
