//! The file thread's work: reads and hashes uploads, writes, hashes and keeps downloads.
//!
//! Owns the open files. One request after the other; whatever fails is told and forgotten. Going to
//! a place far into a file takes the hashing of all that is before it: that is done a slice at a
//! time between requests, so that the other transfers go on. `changes` sees to files that change
//! meanwhile.

mod changes;

use std::collections::{HashMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Instant;

use chatshelf_common::id::{Attributes, Digest};
use chatshelf_common::text::FileName;
use chatshelf_common::wire::frame::Item;

use super::keys::Keys;
use super::open_file::{Part, Source};
use super::stamp::Stamp;
use super::state::{State, UploadOrigin, fresh_key};
use super::{
    FileError, HeldPart, OpenFile, Reply, Request, Target, attributes, destination, space,
};
use crate::session::{FileReply, FileRequest, TransferHandle};

/// Bytes hashed before the next request is looked at.
const SLICE_BYTES: u64 = 2 * 1024 * 1024;

/// Works until the other end of `inbox` is gone. What is not whole then stays for a later run.
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
        worker.hash_on();
        worker.open_settled();
    }
}

struct Worker<'a> {
    state: State,
    keys: Keys,
    /// Downloads are to have the mode and time that their items had where they came from.
    preserve: bool,
    open: HashMap<TransferHandle, Local>,
    /// Transfers whose place is being gone to, the next one first.
    hashing: VecDeque<TransferHandle>,
    /// Uploads whose file has changed, and when it is to be opened again.
    settling: Vec<(Instant, TransferHandle)>,
    reply: &'a dyn Fn(Reply),
}

/// One transfer's file.
struct Local {
    content: Content,
    /// The place that is being gone to.
    going: Option<Going>,
    /// Requests that wait until it is reached.
    waiting: VecDeque<FileRequest>,
    /// The file has changed: what is asked of it means nothing until an upload starts over.
    ignores: bool,
    /// How often it has.
    restarts: u32,
}

enum Content {
    Upload(Source),
    Download(Part),
}

/// From the start to a place in a file.
struct Going {
    at: u64,
    to: u64,
    then: Then,
}

/// What follows when a place is reached.
enum Then {
    /// Nothing but what has waited for it.
    Serve,
    /// An upload's beginning is compared with this, if with anything; of this run of it.
    Begin(u32, Option<Digest>),
    /// What was read again of an upload must have this digest; then it is one state of the file,
    /// whose digest is the other.
    Prove { digest: Digest, whole: Digest },
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
                self.upload(transfer, file, 0);
            }
            Request::Create { transfer, item, held, target, part } => {
                if let Err(error) = self.create(transfer, &item, held, &target, part) {
                    self.failed(transfer, &error);
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
                if let Some(Content::Download(part)) = self.remove(transfer) {
                    part.suspend();
                }
            }
            Request::Session(request) => self.go_on(request),
        }
    }

    fn insert(&mut self, transfer: TransferHandle, content: Content) -> &mut Local {
        let (going, waiting) = (None, VecDeque::new());
        let local = Local { content, going, waiting, ignores: false, restarts: 0 };
        self.open.entry(transfer).insert_entry(local).into_mut()
    }

    /// The file is what is uploaded from now on; a later run finds its key.
    fn upload(&mut self, transfer: TransferHandle, file: OpenFile, restarts: u32) -> &mut Local {
        let OpenFile { file, path, stamp, origin, .. } = file;
        let entry = origin.and_then(UploadOrigin::keep);
        self.tell_if_survives(transfer, entry.is_some());
        let local = self.insert(transfer, Content::Upload(Source::new(file, path, stamp, entry)));
        local.restarts = restarts;
        local
    }

    fn remove(&mut self, transfer: TransferHandle) -> Option<Content> {
        self.hashing.retain(|hashing| *hashing != transfer);
        self.open.remove(&transfer).map(|local| local.content)
    }

    /// Opens a regular file. Looks before it opens, for opening a pipe would wait for its other
    /// end.
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
        // What is no text in a name is replaced as what may not travel is.
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

    /// What an earlier run has left of a download.
    fn find_part(&self, item: &Item, target: &Target) -> Option<HeldPart> {
        let wanted = destination::wanted_path(target, &item.name);
        let (path, entry) = self.state.find_part(&wanted, item)?;
        let file = OpenOptions::new().read(true).write(true).open(&path).ok()?;
        let bytes = file.metadata().ok()?.len();
        Some(HeldPart { file, path, bytes, entry })
    }

    /// Makes a download ready: its part found before, or a new one.
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
        let wished = if self.preserve { item.attributes() } else { Attributes::default() };
        if let Some(HeldPart { file, path, bytes, entry }) = found {
            let mut part = Part::new(file, path, wanted.clone(), Some(entry)).with(wished);
            if (1..=bytes).contains(&held) {
                space::expect_room(&wanted, item.size.saturating_sub(held))?;
                part.rewind(held)?;
                self.tell_if_survives(transfer, true);
                self.insert(transfer, Content::Download(part));
                self.go(transfer, Going { at: 0, to: held, then: Then::Serve });
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
        self.tell_if_survives(transfer, entry.is_some());
        let part = Part::new(file, path, wanted, entry).with(wished);
        self.insert(transfer, Content::Download(part));
        Ok(())
    }

    fn tell_if_survives(&self, transfer: TransferHandle, survives: bool) {
        if survives {
            (self.reply)(Reply::Survives { transfer });
        }
    }

    /// Begins to go to a place, from the start.
    fn go(&mut self, transfer: TransferHandle, going: Going) {
        if let Some(local) = self.open.get_mut(&transfer) {
            local.going = Some(going);
            self.hashing.retain(|hashing| *hashing != transfer);
            self.hashing.push_back(transfer);
        }
    }

    /// Goes a slice further with the transfer whose turn it is.
    fn hash_on(&mut self) {
        let Some(transfer) = self.hashing.pop_front() else { return };
        match self.open.get_mut(&transfer).map(Local::hash_on) {
            Some(Ok(true)) => self.arrived(transfer),
            Some(Ok(false)) => self.hashing.push_back(transfer),
            Some(Err(error)) => self.stopped(transfer, &error),
            None => {}
        }
    }

    /// The place is reached: says so, and does what has waited for it.
    fn arrived(&mut self, transfer: TransferHandle) {
        let Some(local) = self.open.get_mut(&transfer) else { return };
        let then = local.going.take().map(|going| going.then);
        let waiting = std::mem::take(&mut local.waiting);
        if let (Content::Upload(source), Some(then)) = (&mut local.content, then) {
            match then {
                Then::Serve => {}
                Then::Begin(run, digest) => {
                    let reply = if digest.is_none_or(|digest| digest == source.digest()) {
                        FileReply::Begun { transfer, run }
                    } else {
                        let key = fresh_key();
                        source.change_key(key);
                        FileReply::Differs { transfer, run, key }
                    };
                    (self.reply)(Reply::Session(reply));
                }
                Then::Prove { digest, whole } if digest == source.digest() => {
                    (self.reply)(Reply::Session(FileReply::Hashed { transfer, digest: whole }));
                }
                Then::Prove { .. } => return self.changed(transfer),
            }
        }
        for request in waiting {
            self.go_on(request);
        }
    }

    /// Reads, writes, hashes or keeps. Requests for what has failed before are passed over.
    fn go_on(&mut self, request: FileRequest) {
        let transfer = transfer_of(&request);
        let Some(local) = self.open.get_mut(&transfer) else { return };
        if let FileRequest::Begin { run, offset, digest, .. } = request {
            if self.settling.iter().any(|(_, settling)| *settling == transfer) {
                return;
            }
            local.ignores = false;
            return match local.rewind() {
                Ok(()) => {
                    let then = Then::Begin(run, digest);
                    self.go(transfer, Going { at: 0, to: offset, then });
                }
                Err(error) => self.stopped(transfer, &error),
            };
        }
        if local.ignores {
            return;
        }
        if local.going.is_some() {
            local.waiting.push_back(request);
            return;
        }
        if matches!(request, FileRequest::Keep { .. }) {
            return self.keep(transfer);
        }
        match local.serve(transfer, request) {
            Ok(Some(reply)) => (self.reply)(Reply::Session(reply)),
            Ok(None) => self.prove(transfer),
            Err(error) => self.stopped(transfer, &error),
        }
    }

    /// It can't be done: because the file of an upload has changed, or for good.
    fn stopped(&mut self, transfer: TransferHandle, error: &FileError) {
        let content = self.open.get(&transfer).map(|local| &local.content);
        match (content, error) {
            (Some(Content::Upload(_)), FileError::Changed | FileError::Shrank) => {
                self.changed(transfer);
            }
            _ => self.failed(transfer, error),
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
            Err(error) => self.tell_failed(transfer, &error, survives),
        }
    }

    /// A transfer has failed. What has come of a download is kept: a full disk or a cable that was
    /// pulled is no reason to throw it away. What can't be read back is of no use.
    fn failed(&mut self, transfer: TransferHandle, error: &FileError) {
        let is_unreadable = self.open.get(&transfer).is_some_and(|local| local.going.is_some());
        let survives = match self.remove(transfer) {
            Some(Content::Download(part)) if !is_unreadable => {
                let survives = part.survives();
                part.suspend();
                survives
            }
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
        self.tell_failed(transfer, error, survives);
    }

    fn tell_failed(&self, transfer: TransferHandle, error: &FileError, survives: bool) {
        let rest =
            if survives { "; what has come is kept for the same download again" } else { "" };
        let why = format!("{error}{rest}");
        (self.reply)(Reply::Session(FileReply::Failed { transfer, why }));
    }

    /// Nobody wants anything any more.
    fn close(self) {
        for local in self.open.into_values() {
            if let Content::Download(part) = local.content {
                part.suspend();
            }
        }
    }
}

fn transfer_of(request: &FileRequest) -> TransferHandle {
    match request {
        FileRequest::Begin { transfer, .. }
        | FileRequest::Read { transfer, .. }
        | FileRequest::Create { transfer, .. }
        | FileRequest::Write { transfer, .. }
        | FileRequest::Hash { transfer }
        | FileRequest::Keep { transfer }
        | FileRequest::Discard { transfer }
        | FileRequest::Suspend { transfer } => *transfer,
    }
}

impl Local {
    fn rewind(&mut self) -> Result<(), FileError> {
        match &mut self.content {
            Content::Upload(source) => source.begin(),
            Content::Download(_) => Err(FileError::unsupported()),
        }
    }

    /// Hashes the next slice; true when the place is reached.
    fn hash_on(&mut self) -> Result<bool, FileError> {
        let Some(going) = &mut self.going else { return Ok(true) };
        let length = (going.to - going.at).min(SLICE_BYTES);
        let mut buffer = Vec::new();
        match &mut self.content {
            // Whether it has changed is told by the digest.
            Content::Upload(source) if matches!(going.then, Then::Prove { .. }) => {
                source.read_again(length as usize, &mut buffer)?;
            }
            Content::Upload(source) => source.read(length as usize, &mut buffer)?,
            Content::Download(part) => part.read(length as usize, &mut buffer)?,
        }
        going.at += length;
        Ok(going.at == going.to)
    }

    /// The answer to a request; none to whoever wants to know the digest of an upload, which takes
    /// a look at the file.
    fn serve(
        &mut self,
        transfer: TransferHandle,
        request: FileRequest,
    ) -> Result<Option<FileReply>, FileError> {
        match (&mut self.content, request) {
            (Content::Upload(source), FileRequest::Read { length, mut buffer, .. }) => {
                source.read(length, &mut buffer)?;
                Ok(Some(FileReply::Block { transfer, block: buffer }))
            }
            (Content::Upload(source), FileRequest::Hash { .. }) => {
                source.expect_end()?;
                Ok(None)
            }
            (Content::Download(part), FileRequest::Write { block, .. }) => {
                part.write(&block)?;
                Ok(Some(FileReply::Written { transfer, buffer: block }))
            }
            (Content::Download(part), FileRequest::Hash { .. }) => {
                Ok(Some(FileReply::Hashed { transfer, digest: part.digest() }))
            }
            _ => Err(FileError::unsupported()),
        }
    }
}
