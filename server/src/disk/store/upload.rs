//! Uploads: begun or resumed, written, verified, interrupted.

use std::io::{self, Read, SeekFrom};
use std::path::{Path, PathBuf};

use chatshelf_common::id::{Digest, UnixMillis};
use chatshelf_common::wire::Code;

use super::meta::{self, Offer, UploadId};
use super::partials::Partial;
use super::{Store, StoreSettings, failed, is_full};
use crate::checksum::{Checksum, Verifier};
use crate::disk::block::Block;
use crate::disk::files::{Files, StoredFile};
use crate::disk::{NewItem, Reply, TransferKey};

/// Bytes of an upload after which it is synced for the first time: from then on it can be resumed
/// after a power failure, too.
const FIRST_SYNC_BYTES: u64 = 8 * 1024 * 1024;

/// Bytes after which it is synced again. With a single sync at the end, a gigabyte would keep the
/// system busy for so long that people notice talk waiting.
const SYNC_BYTES: u64 = 32 * 1024 * 1024;

/// Bytes of an upload after which the system is told to start writing them, so that the sync has
/// less to wait for.
const BEGIN_SYNC_BYTES: u64 = 1024 * 1024;

/// Bytes of kept content that one step reads back. Other transfers wait no longer than that.
const STEP_BYTES: u64 = 4 * 1024 * 1024;

/// An upload's open file.
#[derive(Debug)]
pub(super) struct Upload<T> {
    pub(super) dir: PathBuf,
    pub(super) content: T,
    /// The offer, if it has a key.
    pub(super) offer: Option<Offer>,
    /// Has hashed all bytes that are written.
    hasher: blake3::Hasher,
    /// So has this, if its sender has told another checksum.
    check: Option<Verifier>,
    unsynced: u64,
    /// The last of those, which the system was not yet told to write.
    unbegun: u64,
    /// Its meta file, if any, and the names in its folder are durable.
    is_noted: bool,
}

/// An upload whose kept content is being read back. Until that ends it takes no blocks.
#[derive(Debug)]
pub(super) struct Check<T> {
    transfer: TransferKey,
    pub(super) upload: Upload<T>,
    /// Length of the kept content.
    pub(super) bytes: u64,
}

impl<T: StoredFile> Upload<T> {
    fn new(dir: PathBuf, content: T, offer: Option<Offer>) -> Self {
        let hasher = blake3::Hasher::new();
        let check = None;
        Self { dir, content, offer, hasher, check, unsynced: 0, unbegun: 0, is_noted: false }
    }

    /// Has it meet a checksum, too. Nothing of it has come.
    pub(super) fn verify(&mut self, checksum: Checksum) {
        debug_assert_eq!(self.written(), 0);
        self.check = Some(checksum.begin());
    }

    /// Bytes written so far.
    pub(super) fn written(&self) -> u64 {
        self.hasher.count()
    }

    fn write(&mut self, block: &[u8]) -> io::Result<()> {
        self.content.write_all(block)?;
        self.hasher.update(block);
        if let Some(check) = &mut self.check {
            check.update(block);
        }
        self.unsynced += block.len() as u64;
        self.unbegun += block.len() as u64;
        Ok(())
    }

    fn begin_sync_if_due(&mut self) {
        if self.unbegun >= BEGIN_SYNC_BYTES {
            self.content.begin_sync(self.written() - self.unbegun, self.unbegun);
            self.unbegun = 0;
        }
    }

    /// Returns to the end of the last whole block.
    fn rewind(&mut self) -> io::Result<()> {
        self.content.seek(SeekFrom::Start(self.written())).map(drop)
    }
}

impl<T: StoredFile> Check<T> {
    /// Reads the next part; true at the end.
    fn step(&mut self) -> io::Result<bool> {
        let Upload { content, hasher, .. } = &mut self.upload;
        let end = self.bytes.min(hasher.count() + STEP_BYTES);
        hasher.update_reader(content.take(end - hasher.count()))?;
        if hasher.count() < end {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(end == self.bytes)
    }
}

impl<F: Files> Store<F> {
    /// Begins an upload, or resumes a kept one, whose content is read back first.
    pub(super) fn create(
        &mut self,
        transfer: TransferKey,
        offer: Option<Offer>,
        size: u64,
        at: UnixMillis,
        answer: &mut impl FnMut(Reply),
    ) {
        if let Some(offer) = &offer {
            if let Some(item) = self.stored_as(offer) {
                return answer(Reply::Stored { upload: transfer, item });
            }
            self.take_over(offer.id, at, answer);
        }
        let kept = offer.as_ref().and_then(|offer| self.take_kept(offer));
        let to_come = size - kept.as_ref().map_or(0, |partial| partial.bytes);
        if !self.may_fit(to_come) {
            if let Some(partial) = kept {
                self.put_back(partial);
                answer(Reply::Expires { at: self.next_expiry() });
            }
            return answer(failed(transfer, &self.no_room(), None));
        }
        match kept {
            Some(partial) => self.resume(transfer, partial, answer),
            None => answer(self.begin(transfer, offer)),
        }
    }

    /// Interrupts a running upload with this key, and reports that.
    fn take_over(&mut self, id: UploadId, at: UnixMillis, answer: &mut impl FnMut(Reply)) {
        let has_key =
            |upload: &Upload<F::File>| upload.offer.as_ref().is_some_and(|offer| offer.id == id);
        let running = self.uploads.iter().find(|(_, upload)| has_key(upload));
        let checked = self.checks.iter().find(|check| has_key(&check.upload));
        let old = running.map(|(transfer, _)| *transfer).or(checked.map(|check| check.transfer));
        let Some(transfer) = old else { return };
        self.suspend(transfer, at);
        answer(Reply::Failed { transfer, code: Code::REPLACED, detail: None, block: None });
    }

    /// Opens a kept upload, to read it back step by step.
    fn resume(&mut self, transfer: TransferKey, partial: Partial, answer: &mut impl FnMut(Reply)) {
        let Partial { offer, bytes, .. } = partial;
        let dir = self.partial_dir(offer.id);
        match self.files.edit(&dir.join("content")) {
            Ok(content) => {
                let upload = Upload::new(dir, content, Some(offer));
                self.checks.push_back(Check { transfer, upload, bytes });
            }
            Err(why) => answer(self.restart(transfer, offer, &why)),
        }
    }

    /// Does one slice of background work: reads the next part of one of the kept uploads that are
    /// being resumed. They take turns.
    pub fn step(&mut self, answer: &mut impl FnMut(Reply)) {
        let Some(mut check) = self.checks.pop_front() else { return };
        match check.step() {
            Ok(false) => self.checks.push_back(check),
            Ok(true) => answer(self.finish_check(check)),
            Err(why) => {
                let Check { transfer, upload, .. } = check;
                drop(upload.content);
                if let Some(offer) = upload.offer {
                    answer(self.restart(transfer, offer, &why));
                }
            }
        }
    }

    fn finish_check(&mut self, check: Check<F::File>) -> Reply {
        let Check { transfer, mut upload, bytes } = check;
        if let Some(offer) = &upload.offer {
            // It runs now: if the server dies, the next startup counts as the interruption.
            match self.note(offer, None) {
                Ok(()) => upload.is_noted = true,
                Err(why) => {
                    log::error!("the meta file of {} is out of date: {why}", upload.dir.display());
                }
            }
        }
        let digest = Some(Digest::from(upload.hasher.finalize()));
        self.uploads.insert(transfer, upload);
        Reply::Created { upload: transfer, offset: bytes, digest }
    }

    /// Removes a kept upload that cannot be read, and begins the upload from the start.
    fn restart(&mut self, transfer: TransferKey, offer: Offer, why: &io::Error) -> Reply {
        log::error!("cannot read a kept upload of {}: {why}", offer.name.as_str());
        self.clear(&self.partial_dir(offer.id));
        self.begin(transfer, Some(offer))
    }

    fn begin(&mut self, transfer: TransferKey, offer: Option<Offer>) -> Reply {
        let dir = match &offer {
            Some(offer) => self.partial_dir(offer.id),
            None => self.new_dir(),
        };
        loop {
            match self.make_files(&dir, offer.as_ref()) {
                Ok(content) => {
                    self.uploads.insert(transfer, Upload::new(dir, content, offer));
                    return Reply::Created { upload: transfer, offset: 0, digest: None };
                }
                Err(why) => {
                    self.clear(&dir);
                    if !is_full(&why) || !self.remove_for_room() {
                        return failed(transfer, &gone(why), None);
                    }
                }
            }
        }
    }

    fn make_files(&self, dir: &Path, offer: Option<&Offer>) -> io::Result<F::File> {
        self.files.create_dir(dir)?;
        let content = self.files.create(&dir.join("content"))?;
        if let Some(offer) = offer {
            meta::create(&self.files, dir, &offer.encode(None))?;
        }
        Ok(content)
    }

    pub(super) fn write(&mut self, transfer: TransferKey, block: Block) -> Reply {
        // After an upload failed, blocks that were already on their way return unused.
        if !self.uploads.contains_key(&transfer) {
            return Reply::Wrote { upload: transfer, block };
        }
        match self.try_write(transfer, &block) {
            Ok(()) => Reply::Wrote { upload: transfer, block },
            Err(why) => {
                self.discard(transfer);
                failed(transfer, &why, Some(block))
            }
        }
    }

    fn try_write(&mut self, transfer: TransferKey, block: &[u8]) -> io::Result<()> {
        if !self.make_room(block.len() as u64) {
            return Err(self.no_room());
        }
        while let Some(upload) = self.uploads.get_mut(&transfer) {
            match upload.write(block) {
                Ok(()) => break,
                // A quota, for one, does not show before the write.
                Err(why) if is_full(&why) => {
                    upload.rewind()?;
                    if !self.remove_for_room() {
                        return Err(why);
                    }
                }
                Err(why) => return Err(why),
            }
        }
        self.sync_if_due(transfer)
    }

    fn sync_if_due(&mut self, transfer: TransferKey) -> io::Result<()> {
        let Some(upload) = self.uploads.get_mut(&transfer) else { return Ok(()) };
        let due_bytes = if upload.is_noted { SYNC_BYTES } else { FIRST_SYNC_BYTES };
        if upload.unsynced < due_bytes {
            upload.begin_sync_if_due();
            return Ok(());
        }
        (upload.unsynced, upload.unbegun) = (0, 0);
        upload.content.sync()?;
        // The first sync makes the upload worth resuming; a smaller file is on the shelf before it.
        if std::mem::replace(&mut upload.is_noted, true) {
            return Ok(());
        }
        match upload.offer.clone() {
            Some(offer) => self.note(&offer, None),
            None => Ok(()),
        }
    }

    pub(super) fn publish(
        &mut self,
        transfer: TransferKey,
        item: NewItem,
        told: Option<Digest>,
    ) -> Option<Reply> {
        let mut upload = self.uploads.remove(&transfer)?;
        let digest = Digest::from(upload.hasher.finalize());
        let code = if upload.written() != item.size {
            Code::SIZE_MISMATCH
        } else if told.is_some_and(|told| told != digest)
            || upload.check.take().is_some_and(|check| !check.is_met())
        {
            Code::DIGEST_MISMATCH
        } else {
            let (id, item) = (upload.offer.as_ref().map(|offer| offer.id), item.with(digest));
            return Some(match self.put_on_shelf(upload, &item) {
                Ok(()) => Reply::Published { upload: transfer, item, id },
                Err(why) => failed(transfer, &why, None),
            });
        };
        self.remove(upload);
        Some(Reply::Failed { transfer, code, detail: None, block: None })
    }

    /// Forgets an upload and removes its files.
    pub(super) fn discard(&mut self, transfer: TransferKey) {
        if let Some((upload, _)) = self.take(transfer) {
            self.remove(upload);
        }
    }

    /// Forgets an upload; true if what has arrived is kept.
    pub(super) fn suspend(&mut self, transfer: TransferKey, at: UnixMillis) -> bool {
        self.take(transfer).is_some_and(|(upload, bytes)| self.keep(upload, bytes, at))
    }

    /// Closes an upload of which `bytes` have arrived, and keeps them; returns whether it did.
    /// Removes an upload without a key, one that is too small, and any if nothing may be kept.
    fn keep(&mut self, upload: Upload<F::File>, bytes: u64, at: UnixMillis) -> bool {
        let Upload { dir, mut content, offer, .. } = upload;
        let StoreSettings { partial_bytes_min, partial_bytes_max, keep_partial_ms, .. } =
            self.settings;
        let is_worth_it = (partial_bytes_min.max(1)..=partial_bytes_max).contains(&bytes);
        let may_be_kept = keep_partial_ms > 0 && is_worth_it;
        let Some(offer) = offer.filter(|_| may_be_kept) else {
            drop(content);
            self.clear(&dir);
            return false;
        };
        let synced = content.sync();
        drop(content);
        match synced.and_then(|()| self.note(&offer, Some(at))) {
            Ok(()) => self.kept.push(Partial { offer, bytes, at }),
            Err(why) => {
                log::error!("cannot keep the upload in {}: {why}", dir.display());
                self.clear(&dir);
                return false;
            }
        }
        true
    }

    /// Takes out an upload, running or being read back, with the length of its content.
    fn take(&mut self, transfer: TransferKey) -> Option<(Upload<F::File>, u64)> {
        if let Some(upload) = self.uploads.remove(&transfer) {
            let bytes = upload.written();
            return Some((upload, bytes));
        }
        let place = self.checks.iter().position(|check| check.transfer == transfer)?;
        self.checks.remove(place).map(|check| (check.upload, check.bytes))
    }

    fn remove(&mut self, upload: Upload<F::File>) {
        drop(upload.content);
        self.clear(&upload.dir);
    }
}

/// Explains an upload's files that have no folder: someone has removed the data directory.
fn gone(why: io::Error) -> io::Error {
    if why.kind() == io::ErrorKind::NotFound {
        io::Error::new(why.kind(), "the data directory was removed or moved away")
    } else {
        why
    }
}
