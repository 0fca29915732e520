//! The file thread's work: reads and hashes uploads; writes, hashes and keeps downloads.
//!
//! Owns the open files. It serves one request after the other; a transfer that fails is reported
//! and forgotten. To continue a file at an offset, everything before it has to be hashed: that is
//! done in slices between requests, so that other transfers keep moving. `transfer` is one of them;
//! `changes` handles files that change while they are uploaded.

mod changes;
mod transfer;

use std::collections::{HashMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Instant;

use chatshelf_common::id::Attributes;
use chatshelf_common::text::FileName;
use chatshelf_common::wire::frame::Item;

use super::keys::Keys;
use super::open_file::{Part, Source};
use super::stamp::Stamp;
use super::state::{State, UploadOrigin, fresh_key};
use super::{
    FileError, HeldPart, OpenFile, Reply, Request, Target, attributes, destination, space,
};
use crate::lang::tr;
use crate::session::{FileReply, FileRequest, TransferHandle};
use transfer::{Content, Then, Transfer};

/// Works until the other end of `inbox` is gone. Incomplete downloads are then left to a later run.
pub(super) fn run(inbox: &Receiver<Request>, reply: &dyn Fn(Reply), state: State, preserve: bool) {
    let (open, hashing, settling) = (HashMap::new(), VecDeque::new(), Vec::new());
    let keys = Keys::default();
    let mut worker = Worker { state, keys, preserve, open, hashing, settling, reply };
    loop {
        let request = if !worker.hashing.is_empty() {
            inbox.try_recv()
        } else if let Some(wait) = worker.settles_in() {
            inbox.recv_timeout(wait).map_err(|error| match error {
                RecvTimeoutError::Timeout => TryRecvError::Empty,
                RecvTimeoutError::Disconnected => TryRecvError::Disconnected,
            })
        } else {
            inbox.recv().map_err(|_| TryRecvError::Disconnected)
        };
        match request {
            Ok(request) => worker.serve(request),
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return worker.close(),
        }
        worker.hash_next();
        worker.open_settled();
        worker.check();
    }
}

struct Worker<'a> {
    state: State,
    keys: Keys,
    /// Downloads get the mode and the modification time of the uploaded file.
    preserve: bool,
    open: HashMap<TransferHandle, Transfer>,
    /// Transfers that are being rehashed, the next one first.
    hashing: VecDeque<TransferHandle>,
    /// Uploads whose file has changed, and when to open it again.
    settling: Vec<(Instant, TransferHandle)>,
    reply: &'a dyn Fn(Reply),
}

impl Worker<'_> {
    fn serve(&mut self, request: Request) {
        match request {
            Request::Open { ticket, path } => {
                let result = self.open_upload(&path);
                (self.reply)(Reply::Opened { ticket, result });
            }
            Request::Find { ticket, item, target } => {
                let part = self.find_part(&item, &target);
                (self.reply)(Reply::Found { ticket, part });
            }
            Request::Upload { transfer, file } => {
                let source = source_of(file);
                self.open.insert(transfer, Transfer::new(Content::Upload(source)));
            }
            Request::Create { transfer, item, held, target, part } => {
                if let Err(error) = self.create(transfer, &item, held, &target, part) {
                    self.fail(transfer, &error);
                }
            }
            Request::KeepKey { item, key, name } => {
                self.keys.keep(&self.state, item, key, &name);
            }
            Request::FindKey { ticket, item, name } => {
                let key = self.keys.find(&self.state, item, &name);
                (self.reply)(Reply::KeyFound { ticket, key });
            }
            Request::ForgetKey(item) => self.keys.forget(&self.state, item),
            Request::Drop(HeldPart { file, path, entry, .. }) => {
                Part::new(file, path.clone(), path, Some(entry)).discard();
            }
            Request::Session(FileRequest::Discard { transfer }) => match self.remove(transfer) {
                Some(Content::Upload(source)) => source.discard(),
                Some(Content::Download(part)) => part.discard(),
                None => {}
            },
            Request::Session(FileRequest::Suspend { transfer }) => {
                let survives = match self.remove(transfer) {
                    Some(Content::Upload(source)) => source.survives(),
                    Some(Content::Download(part)) => part.suspend(),
                    None => false,
                };
                (self.reply)(Reply::Suspended { transfer, survives });
            }
            Request::Session(request) => self.handle(request),
        }
    }

    fn remove(&mut self, transfer: TransferHandle) -> Option<Content> {
        self.hashing.retain(|hashing| *hashing != transfer);
        self.open.remove(&transfer).map(Transfer::into_content)
    }

    /// Opens a regular file. Looks before it opens: opening a pipe would wait for its other end.
    fn open_upload(&self, path: &Path) -> Result<OpenFile, FileError> {
        let kind = std::fs::metadata(path)?;
        if kind.is_dir() {
            return Err(FileError::Folder(path.to_owned()));
        }
        if !kind.is_file() {
            return Err(FileError::NotAFile);
        }
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(FileError::NotAFile);
        }
        let name = path.file_name().ok_or(FileError::NoName)?;
        // Bytes that are not UTF-8 are replaced like characters that a name may not hold.
        let name = match name.to_str() {
            Some(name) => FileName::lossy(name),
            None => FileName::lossy(&name.to_string_lossy().replace('\u{fffd}', "_")),
        };
        let name = name.map_err(|_| FileError::NoName)?;
        let (stamp, attributes) = (Stamp::of(&metadata), attributes::of(&metadata));
        let origin = self.state.upload(path, &stamp);
        let (path, size) = (path.to_owned(), metadata.len());
        Ok(OpenFile { file, path, stamp, name, size, attributes, origin })
    }

    /// Finds what an earlier run has left of a download.
    fn find_part(&self, item: &Item, target: &Target) -> Option<HeldPart> {
        let wanted = destination::wanted_path(target, &item.name);
        let (path, entry) = self.state.find_part(&wanted, item)?;
        let file = OpenOptions::new().read(true).write(true).open(&path).ok()?;
        let bytes = file.metadata().ok()?.len();
        Some(HeldPart { file, path, bytes, entry })
    }

    /// Prepares the file of a download: the part that was found, or a new one.
    fn create(
        &mut self,
        transfer: TransferHandle,
        item: &Item,
        held: u64,
        target: &Target,
        found: Option<HeldPart>,
    ) -> Result<(), FileError> {
        if let Some(Content::Download(part)) = self.remove(transfer) {
            part.discard();
        }
        let wanted = destination::wanted_path(target, &item.name);
        let attributes = if self.preserve { item.attributes() } else { Attributes::default() };
        if let Some(HeldPart { file, path, bytes, entry }) = found {
            let part = Part::new(file, path, wanted.clone(), Some(entry));
            let mut part = part.with_attributes(attributes);
            if (1..=bytes).contains(&held) {
                space::expect_room(&wanted, item.size.saturating_sub(held))?;
                part.rewind(held)?;
                self.open.insert(transfer, Transfer::new(Content::Download(part)));
                self.rehash(transfer, held, Then::Serve);
                return Ok(());
            }
            part.discard();
        }
        space::expect_room(&wanted, item.size)?;
        let (file, path) = destination::create_part(&wanted)?;
        let entry = match target {
            Target::Scratch(_) => None,
            Target::Directory(_) | Target::File(_) => self.state.note_part(&wanted, item, &path),
        };
        let part = Part::new(file, path, wanted, entry).with_attributes(attributes);
        self.open.insert(transfer, Transfer::new(Content::Download(part)));
        Ok(())
    }

    /// Begins to hash everything before `to`.
    fn rehash(&mut self, transfer: TransferHandle, to: u64, then: Then) {
        if let Some(open) = self.open.get_mut(&transfer) {
            open.begin_rehash(to, then);
            self.hashing.retain(|hashing| *hashing != transfer);
            self.hashing.push_back(transfer);
        }
    }

    /// Hashes a slice of the transfer whose turn it is.
    fn hash_next(&mut self) {
        let Some(transfer) = self.hashing.pop_front() else { return };
        match self.open.get_mut(&transfer).map(Transfer::hash_slice) {
            Some(Ok(true)) => self.rehashed(transfer),
            Some(Ok(false)) => self.hashing.push_back(transfer),
            Some(Err(error)) => self.stop(transfer, &error),
            None => {}
        }
    }

    /// Everything before the offset is hashed: reports it, and serves what has waited.
    fn rehashed(&mut self, transfer: TransferHandle) {
        let Some(open) = self.open.get_mut(&transfer) else { return };
        let then = open.end_rehash();
        let waiting = open.take_waiting();
        if let (Some(source), Some(then)) = (open.source_mut(), then) {
            match then {
                Then::Serve => {}
                Then::Compare { run, expected } => {
                    let reply = if expected.is_none_or(|expected| expected == source.digest()) {
                        FileReply::Begun { transfer, run }
                    } else {
                        let key = fresh_key();
                        source.change_key(key);
                        FileReply::Differs { transfer, run, key }
                    };
                    (self.reply)(Reply::Session(reply));
                }
                Then::Prove { read, whole } if read == source.digest() => {
                    (self.reply)(Reply::Session(FileReply::Hashed { transfer, digest: whole }));
                }
                Then::Prove { .. } => return self.handle_change(transfer),
            }
        }
        for request in waiting {
            self.handle(request);
        }
    }

    /// Reads, writes, hashes or keeps. Requests for a transfer that has failed are ignored.
    fn handle(&mut self, request: FileRequest) {
        let transfer = request.transfer();
        let Some(open) = self.open.get_mut(&transfer) else { return };
        if let FileRequest::Begin { run, offset, digest: expected, .. } = request {
            if self.settling.iter().any(|(_, settling)| *settling == transfer) {
                return;
            }
            return match open.start_over() {
                Ok(()) => self.rehash(transfer, offset, Then::Compare { run, expected }),
                Err(error) => self.stop(transfer, &error),
            };
        }
        let Some(request) = open.admit(request) else { return };
        if matches!(request, FileRequest::Keep { .. }) {
            return self.keep(transfer);
        }
        match open.serve(transfer, request) {
            Ok(Some(reply)) => (self.reply)(Reply::Session(reply)),
            Ok(None) => self.prove(transfer),
            Err(error) => self.stop(transfer, &error),
        }
    }

    /// A request cannot be served: for now, because the file of an upload has changed, or ever.
    fn stop(&mut self, transfer: TransferHandle, error: &FileError) {
        let is_upload = self.open.get(&transfer).is_some_and(Transfer::is_upload);
        match error {
            FileError::Changed | FileError::Shrank if is_upload => self.handle_change(transfer),
            _ => self.fail(transfer, error),
        }
    }

    fn keep(&mut self, transfer: TransferHandle) {
        let Some(Content::Download(part)) = self.remove(transfer) else { return };
        let (preserved, survives) = (part.preserve(), part.survives());
        match part.keep() {
            Ok(path) => {
                if let Err(error) = preserved {
                    (self.reply)(Reply::NotPreserved { transfer, why: error.to_string() });
                }
                (self.reply)(Reply::KeptAt { transfer, path });
                (self.reply)(Reply::Session(FileReply::Kept { transfer }));
            }
            Err(error) => self.reply_failed(transfer, &error, survives),
        }
    }

    /// A transfer has failed. What has arrived of a download is kept: a full disk or a cable that
    /// was pulled is no reason to throw it away. What cannot be read back is of no use.
    fn fail(&mut self, transfer: TransferHandle, error: &FileError) {
        let is_unreadable = self.open.get(&transfer).is_some_and(Transfer::is_rehashing);
        let survives = match self.remove(transfer) {
            Some(Content::Download(part)) if !is_unreadable => part.suspend(),
            Some(Content::Download(part)) => {
                part.discard();
                false
            }
            Some(Content::Upload(source)) => {
                source.discard();
                false
            }
            None => false,
        };
        self.reply_failed(transfer, error, survives);
    }

    fn reply_failed(&self, transfer: TransferHandle, error: &FileError, survives: bool) {
        let why = match survives {
            true => tr!(
                "{why}; what has arrived is kept; repeat the download to resume it",
                why = error,
            ),
            false => error.to_string(),
        };
        (self.reply)(Reply::Session(FileReply::Failed { transfer, why }));
    }

    /// Nobody will ask for anything more.
    fn close(self) {
        for open in self.open.into_values() {
            if let Content::Download(part) = open.into_content() {
                part.suspend();
            }
        }
    }

    fn check(&self) {
        debug_assert!(
            self.hashing.len() <= self.open.len()
                && self
                    .hashing
                    .iter()
                    .all(|it| self.open.get(it).is_some_and(Transfer::is_rehashing)),
            "only open transfers are rehashed, each once"
        );
    }
}

/// Makes an opened file the source of an upload, whose key a later run finds.
fn source_of(file: OpenFile) -> Source {
    let OpenFile { file, path, stamp, origin, .. } = file;
    Source::new(file, path, stamp, origin.and_then(UploadOrigin::keep))
}
