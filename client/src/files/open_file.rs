//! The open file of one transfer: read or written in order, and hashed on the way. Owns the open
//! file; knows no other transfer.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use chatshelf_common::id::{Attributes, Digest, UploadKey};

use super::stamp::Stamp;
use super::state::Entry;
use super::{FileError, attributes, destination};

/// The file of an upload.
#[derive(Debug)]
pub(super) struct Source {
    file: File,
    path: PathBuf,
    /// What the file was like when it was opened, before anything was read.
    stamp: Stamp,
    hasher: blake3::Hasher,
    /// Bytes read since the start.
    at: u64,
    /// Bytes that were read before a change would show in the file's times, and their digest;
    /// `None` as long as it would not, because the file was written just before.
    unproven: Option<(u64, Digest)>,
    entry: Option<Entry>,
}

/// The file of an incomplete download. It stays on the disk unless it is discarded.
#[derive(Debug)]
pub(super) struct Part {
    file: File,
    hasher: blake3::Hasher,
    path: PathBuf,
    wanted: PathBuf,
    /// What it gets when it is complete.
    attributes: Attributes,
    entry: Option<Entry>,
}

impl Source {
    pub(super) fn new(file: File, path: PathBuf, stamp: Stamp, entry: Option<Entry>) -> Self {
        Self { file, path, stamp, hasher: blake3::Hasher::new(), at: 0, unproven: None, entry }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Goes back to the start of the file, which must be as it was when it was opened.
    pub(super) fn begin(&mut self) -> Result<(), FileError> {
        self.rewind()?;
        self.unproven = None;
        self.look()
    }

    /// Goes back to the start.
    pub(super) fn rewind(&mut self) -> Result<(), FileError> {
        self.hasher.reset();
        self.at = 0;
        Ok(self.file.rewind()?)
    }

    /// Reads the next `length` bytes into the buffer, in place of what it held. Fails when the file
    /// system shows that the content has changed since the file was opened.
    pub(super) fn read(&mut self, length: usize, buffer: &mut Vec<u8>) -> Result<(), FileError> {
        self.read_again(length, buffer)?;
        self.look()
    }

    /// The same for a file that may have changed.
    pub(super) fn read_again(
        &mut self,
        length: usize,
        buffer: &mut Vec<u8>,
    ) -> Result<(), FileError> {
        fill(&mut self.file, length, buffer)?;
        self.hasher.update(buffer);
        self.at += length as u64;
        Ok(())
    }

    /// Fails when the file has changed; notes from where on a change would show.
    fn look(&mut self) -> Result<(), FileError> {
        let now = Stamp::of(&self.file.metadata()?);
        if self.stamp.has_new_content(&now) {
            return Err(FileError::Changed);
        }
        if self.unproven.is_none() && now.is_settled && self.stamp.is_of_same_state(&now) {
            (self.stamp, self.unproven) = (now, Some((self.at, self.digest())));
        }
        Ok(())
    }

    /// Everything is read: how many bytes from the start must be read again to prove that it is one
    /// state of the file, and the digest they must have. None where the file's times prove it.
    pub(super) fn unproven(&self) -> Result<(u64, Digest), FileError> {
        let now = Stamp::of(&self.file.metadata()?);
        let proven = self.unproven.filter(|_| self.stamp.is_of_same_state(&now));
        Ok(proven.unwrap_or_else(|| (self.at, self.digest())))
    }

    /// The digest of what has been read.
    pub(super) fn digest(&self) -> Digest {
        self.hasher.finalize().into()
    }

    /// The upload continues under another key; without one, no later run can resume it.
    pub(super) fn change_key(&mut self, key: Option<UploadKey>) {
        match (key, self.entry.take()) {
            (Some(key), Some(entry)) => self.entry = entry.with_key(key),
            (None, Some(entry)) => entry.remove(),
            (_, None) => {}
        }
    }

    /// True when a later run can resume the upload.
    pub(super) fn survives(&self) -> bool {
        self.entry.is_some()
    }

    /// The upload is over: forgets its key.
    pub(super) fn discard(self) {
        if let Some(entry) = self.entry {
            entry.remove();
        }
    }

    /// Fails if the file has more than what was read.
    pub(super) fn expect_end(&mut self) -> Result<(), FileError> {
        if self.file.read(&mut [0])? == 0 { Ok(()) } else { Err(FileError::Changed) }
    }
}

impl Part {
    pub(super) fn new(file: File, path: PathBuf, wanted: PathBuf, entry: Option<Entry>) -> Self {
        let (hasher, attributes) = (blake3::Hasher::new(), Attributes::default());
        Self { file, hasher, path, wanted, attributes, entry }
    }

    /// The same, to get these attributes when it is complete.
    pub(super) fn with_attributes(self, attributes: Attributes) -> Self {
        Self { attributes, ..self }
    }

    /// Goes to the start, and cuts off what follows the first `length` bytes.
    pub(super) fn rewind(&mut self, length: u64) -> Result<(), FileError> {
        self.hasher.reset();
        self.file.set_len(length)?;
        Ok(self.file.rewind()?)
    }

    /// Reads the next `length` bytes of what was written before.
    pub(super) fn read(&mut self, length: usize, buffer: &mut Vec<u8>) -> Result<(), FileError> {
        fill(&mut self.file, length, buffer)?;
        self.hasher.update(buffer);
        Ok(())
    }

    pub(super) fn write(&mut self, block: &[u8]) -> Result<(), FileError> {
        self.file.write_all(block)?;
        self.hasher.update(block);
        Ok(())
    }

    pub(super) fn digest(&self) -> Digest {
        self.hasher.finalize().into()
    }

    /// Gives the complete file the attributes of the uploaded one.
    pub(super) fn preserve(&self) -> Result<(), FileError> {
        Ok(attributes::apply(&self.file, self.attributes)?)
    }

    /// Makes the content durable, closes the file (Windows renames no open file) and gives it its
    /// name. If it cannot have one it stays, and a later run can find it if one can. Content that
    /// may not be on the disk stays only for such a run.
    pub(super) fn keep(self) -> Result<PathBuf, FileError> {
        let synced = self.file.sync_all();
        drop(self.file);
        if let Err(error) = synced {
            if self.entry.is_none() {
                destination::remove(&self.path);
            }
            return Err(error.into());
        }
        let kept = destination::keep(&self.path, &self.wanted)?;
        if let Some(entry) = self.entry {
            entry.remove();
        }
        Ok(kept)
    }

    /// Removes it.
    pub(super) fn discard(self) {
        drop(self.file);
        destination::remove(&self.path);
        if let Some(entry) = self.entry {
            entry.remove();
        }
    }

    /// True when it has content and a later run can find it.
    pub(super) fn survives(&self) -> bool {
        let is_empty = self.file.metadata().is_ok_and(|metadata| metadata.len() == 0);
        !is_empty && self.entry.is_some()
    }

    /// Leaves it to a later run, or removes it if none could find it. True if one can.
    pub(super) fn suspend(self) -> bool {
        let survives = self.survives();
        if !survives {
            self.discard();
        }
        survives
    }
}

/// Reads exactly `length` bytes into the buffer, in place of what it held.
fn fill(file: &mut File, length: usize, buffer: &mut Vec<u8>) -> Result<(), FileError> {
    buffer.clear();
    buffer.reserve_exact(length);
    file.take(length as u64).read_to_end(buffer)?;
    if buffer.len() < length { Err(FileError::Shrank) } else { Ok(()) }
}
