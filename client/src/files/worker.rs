//! The file thread's work: reads and hashes uploads, writes, hashes and keeps downloads.
//!
//! Owns the open files. One request after the other; whatever fails is told and forgotten, and
//! what is not kept is removed.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;

use chatshelf_common::id::TransferId;
use chatshelf_common::text::FileName;
use chatshelf_common::wire::frame::Item;

use super::{FileError, OpenFile, Reply, Request, Target, place};
use crate::session::{BLOCK_BYTES, FileReply, FileRequest};

/// Works until the other end of `inbox` is gone.
pub(super) fn run(inbox: &Receiver<Request>, reply: &dyn Fn(Reply)) {
    let mut worker = Worker { open: HashMap::new(), reply };
    while let Ok(request) = inbox.recv() {
        worker.serve(request);
    }
}

struct Worker<'a> {
    open: HashMap<TransferId, Local>,
    reply: &'a dyn Fn(Reply),
}

/// One transfer's file.
enum Local {
    Upload { file: File, hasher: blake3::Hasher, at: u64 },
    Download(Part),
}

/// A download that is not whole. Removed when dropped.
struct Part {
    file: Option<File>,
    hasher: blake3::Hasher,
    part: PathBuf,
    wanted: PathBuf,
}

impl Drop for Part {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            place::remove(&self.part);
        }
    }
}

impl Worker<'_> {
    fn serve(&mut self, request: Request) {
        match request {
            Request::Open { ticket, path } => {
                (self.reply)(Reply::Opened { ticket, result: open(&path) });
            }
            Request::Upload { transfer, file } => {
                let hasher = blake3::Hasher::new();
                let upload = Local::Upload { file: file.file, hasher, at: 0 };
                self.open.insert(transfer, upload);
            }
            Request::Create { transfer, item, target } => match create(&item, &target) {
                Ok(part) => {
                    self.open.insert(transfer, Local::Download(part));
                }
                Err(error) => self.failed(transfer, &error),
            },
            Request::Session(FileRequest::Discard { transfer }) => {
                self.open.remove(&transfer);
            }
            Request::Session(FileRequest::Keep { transfer }) => self.keep(transfer),
            Request::Session(request) => self.go_on(request),
        }
    }

    /// Reads, writes or hashes. Requests for what has failed before are passed over.
    fn go_on(&mut self, request: FileRequest) {
        let transfer = transfer_of(&request);
        let Some(local) = self.open.get_mut(&transfer) else { return };
        let done = match request {
            FileRequest::Read { offset, length, buffer, .. } => {
                local.read(offset, length, buffer).map(|block| FileReply::Block { transfer, block })
            }
            FileRequest::Write { block, .. } => {
                local.write(&block).map(|()| FileReply::Written { transfer, buffer: block })
            }
            FileRequest::Hash { .. } => {
                local.hash().map(|hash| FileReply::Hashed { transfer, digest: hash.into() })
            }
            FileRequest::Create { .. } | FileRequest::Keep { .. } | FileRequest::Discard { .. } => {
                return;
            }
        };
        match done {
            Ok(reply) => (self.reply)(Reply::Session(reply)),
            Err(error) => self.failed(transfer, &error),
        }
    }

    fn keep(&mut self, transfer: TransferId) {
        let Some(Local::Download(mut part)) = self.open.remove(&transfer) else { return };
        match part.keep() {
            Ok(path) => {
                (self.reply)(Reply::KeptAt { transfer, path });
                (self.reply)(Reply::Session(FileReply::Kept { transfer }));
            }
            Err(error) => self.failed(transfer, &error),
        }
    }

    fn failed(&mut self, transfer: TransferId, error: &FileError) {
        self.open.remove(&transfer);
        let why = error.to_string();
        (self.reply)(Reply::Session(FileReply::Failed { transfer, why }));
    }
}

fn transfer_of(request: &FileRequest) -> TransferId {
    match request {
        FileRequest::Read { transfer, .. }
        | FileRequest::Create { transfer, .. }
        | FileRequest::Write { transfer, .. }
        | FileRequest::Hash { transfer }
        | FileRequest::Keep { transfer }
        | FileRequest::Discard { transfer } => *transfer,
    }
}

/// Opens a regular file. Looks before it opens, for opening a pipe would wait for its other end.
fn open(path: &Path) -> Result<OpenFile, FileError> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(FileError::NotAFile);
    }
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(FileError::NotAFile);
    }
    let name = path.file_name().ok_or(FileError::NoName)?.to_string_lossy();
    let name = FileName::lossy(&name).map_err(|_| FileError::NoName)?;
    Ok(OpenFile { file, name, size: metadata.len() })
}

fn create(item: &Item, target: &Target) -> Result<Part, FileError> {
    let wanted = place::wanted_path(target, &item.name);
    let (file, part) = place::create_part(&wanted)?;
    Ok(Part { file: Some(file), hasher: blake3::Hasher::new(), part, wanted })
}

impl Local {
    fn read(
        &mut self,
        offset: u64,
        length: usize,
        mut buffer: Vec<u8>,
    ) -> Result<Vec<u8>, FileError> {
        let Self::Upload { file, hasher, at } = self else {
            return Err(io::Error::from(io::ErrorKind::Unsupported).into());
        };
        // The digest is of the whole file, also when the server has its beginning already.
        while *at < offset {
            let skip = (offset - *at).min(BLOCK_BYTES as u64);
            fill(file, skip as usize, &mut buffer)?;
            hasher.update(&buffer);
            *at += skip;
        }
        fill(file, length, &mut buffer)?;
        hasher.update(&buffer);
        *at += length as u64;
        Ok(buffer)
    }

    fn write(&mut self, block: &[u8]) -> Result<(), FileError> {
        if let Self::Download(Part { file: Some(file), hasher, .. }) = self {
            file.write_all(block)?;
            hasher.update(block);
        }
        Ok(())
    }

    /// The digest of what was read or written; an upload must be at its end.
    fn hash(&mut self) -> Result<blake3::Hash, FileError> {
        match self {
            Self::Download(part) => Ok(part.hasher.finalize()),
            Self::Upload { file, hasher, .. } => match file.read(&mut [0])? {
                0 => Ok(hasher.finalize()),
                _ => Err(FileError::Grew),
            },
        }
    }
}

/// Reads exactly `length` bytes into the buffer, whatever it held.
fn fill(file: &mut File, length: usize, buffer: &mut Vec<u8>) -> Result<(), FileError> {
    buffer.clear();
    buffer.reserve_exact(length);
    file.take(length as u64).read_to_end(buffer)?;
    if buffer.len() < length { Err(FileError::Shrank) } else { Ok(()) }
}

impl Part {
    /// Makes the content durable, closes it (Windows renames no open file) and names it.
    fn keep(&mut self) -> Result<PathBuf, FileError> {
        if let Some(file) = &self.file {
            file.sync_all()?;
        }
        self.file = None;
        place::keep(&self.part, &self.wanted).inspect_err(|_| place::remove(&self.part))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use chatshelf_common::id::{ItemId, UnixMillis};
    use chatshelf_common::text::Nick;
    use tempfile::TempDir;

    use super::*;

    const T: TransferId = TransferId(1);

    /// Serves the requests in order and returns the replies; then the worker is dropped.
    fn serve(requests: impl IntoIterator<Item = Request>) -> Vec<Reply> {
        let replies = RefCell::new(Vec::new());
        let reply = |reply| replies.borrow_mut().push(reply);
        let mut worker = Worker { open: HashMap::new(), reply: &reply };
        requests.into_iter().for_each(|request| worker.serve(request));
        drop(worker);
        replies.into_inner()
    }

    fn create_in(dir: &TempDir, transfer: TransferId) -> Request {
        let item = Item {
            id: ItemId(7),
            name: FileName::new("a.txt").unwrap(),
            size: 5,
            digest: blake3::hash(b"hello").into(),
            nick: Nick::new("ada").unwrap(),
            at: UnixMillis(0),
        };
        Request::Create { transfer, item, target: Target::Directory(dir.path().into()) }
    }

    fn write(transfer: TransferId) -> Request {
        Request::Session(FileRequest::Write { transfer, block: b"hello".to_vec() })
    }

    fn keep(transfer: TransferId) -> Request {
        Request::Session(FileRequest::Keep { transfer })
    }

    fn names(dir: &TempDir) -> Vec<String> {
        let entries = std::fs::read_dir(dir.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn upload(path: &Path) -> Request {
        Request::Upload { transfer: T, file: open(path).unwrap() }
    }

    fn read(offset: u64, length: usize) -> Request {
        let buffer = b"left over".to_vec();
        Request::Session(FileRequest::Read { transfer: T, offset, length, buffer })
    }

    fn hash() -> Request {
        Request::Session(FileRequest::Hash { transfer: T })
    }

    fn failure(reply: Option<&Reply>) -> &str {
        match reply {
            Some(Reply::Session(FileReply::Failed { why, .. })) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn two_downloads_of_one_name_are_both_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (TransferId(1), TransferId(2));
        let replies =
            serve([create_in(&dir, a), create_in(&dir, b), write(a), write(b), keep(b), keep(a)]);
        let kept = |reply: &&Reply| matches!(reply, Reply::Session(FileReply::Kept { .. }));
        assert_eq!(replies.iter().filter(kept).count(), 2);
        assert_eq!(names(&dir), ["a (1).txt", "a.txt"]);
    }

    #[test]
    fn a_download_that_is_not_kept_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let during = RefCell::new(Vec::new());
        let look = [create_in(&dir, T), write(T)].into_iter().inspect(|_| {
            during.borrow_mut().extend(names(&dir));
        });
        serve(look);
        assert_eq!(*during.borrow(), ["a.txt.part"], "the worker's end removes it");
        assert_eq!(names(&dir).len(), 0);
        let discard = Request::Session(FileRequest::Discard { transfer: T });
        serve([create_in(&dir, T), write(T), discard]);
        assert_eq!(names(&dir).len(), 0);
    }

    #[test]
    fn a_part_file_of_someone_else_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.txt.part"), "other").unwrap();
        serve([create_in(&dir, T), write(T), keep(T)]);
        assert_eq!(names(&dir), ["a.txt", "a.txt.part"]);
        assert_eq!(std::fs::read(dir.path().join("a.txt.part")).unwrap(), b"other");
        assert_eq!(std::fs::read(dir.path().join("a.txt")).unwrap(), b"hello");
    }

    #[test]
    fn a_download_into_a_missing_directory_fails() {
        let dir = tempfile::tempdir().unwrap();
        let Request::Create { transfer, item, .. } = create_in(&dir, T) else { panic!() };
        let target = Target::Directory(dir.path().join("no"));
        let replies = serve([Request::Create { transfer, item, target }, write(T)]);
        assert_eq!(replies.len(), 1, "what follows is passed over");
        assert!(failure(replies.first()).contains("no such file"));
    }

    #[test]
    fn an_upload_is_read_and_hashed_whole_wherever_it_begins() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("up");
        let content: Vec<u8> = (0..600_000).map(|i| (i % 251) as u8).collect();
        std::fs::write(&path, &content).unwrap();
        for offset in [0, 1, 599_999] {
            let length = 600_000 - offset;
            let replies = serve([upload(&path), read(offset as u64, length), hash()]);
            let Reply::Session(FileReply::Block { block, .. }) = &replies[0] else { panic!() };
            assert!(*block == content[offset..]);
            let Reply::Session(FileReply::Hashed { digest, .. }) = &replies[1] else { panic!() };
            assert_eq!(*digest, blake3::hash(&content).into());
        }
    }

    #[test]
    fn a_file_that_changes_its_size_meanwhile_is_not_sent() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("up");
        std::fs::write(&path, "hello").unwrap();
        assert!(failure(serve([upload(&path), read(0, 6)]).first()).contains("shorter"));
        assert!(failure(serve([upload(&path), read(0, 4), hash()]).get(1)).contains("longer"));
    }

    #[test]
    fn only_regular_files_are_opened() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(open(dir.path()), Err(FileError::NotAFile)));
        assert!(matches!(open(&dir.path().join("no")), Err(FileError::Io(_))));
        #[cfg(unix)]
        assert!(matches!(open(Path::new("/dev/null")), Err(FileError::NotAFile)));
    }
}
