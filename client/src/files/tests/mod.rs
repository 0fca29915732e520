//! The file thread's work on real files.

mod attributes;
mod changes;
mod downloads;
mod uploads;

use std::path::Path;
use std::time::Duration;

use chatshelf_common::id::{Digest, UnixMillis};
use chatshelf_testkit::files::names;
use chatshelf_testkit::samples::{self, digest};
use tempfile::TempDir;

use super::*;

const T: TransferHandle = TransferHandle(1);
const U: TransferHandle = TransferHandle(2);

/// A folder for files, and one for what survives a run.
struct Rig {
    dir: TempDir,
    state: TempDir,
}

/// One run of the program.
struct Run {
    requests: Option<Sender<Request>>,
    replies: Receiver<Reply>,
    thread: Option<JoinHandle<()>>,
}

impl Rig {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), state: tempfile::tempdir().unwrap() }
    }

    fn run(&self) -> Run {
        self.run_with(Vec::new())
    }

    /// A run that finds these requests when it starts.
    fn run_with(&self, waiting: Vec<Request>) -> Run {
        self.run_to(waiting, false)
    }

    /// A run whose downloads get the attributes of their items.
    fn run_and_preserve(&self) -> Run {
        self.run_to(Vec::new(), true)
    }

    fn run_to(&self, waiting: Vec<Request>, preserve: bool) -> Run {
        let (requests, inbox) = channel();
        waiting.into_iter().for_each(|request| requests.send(request).unwrap());
        let (outbox, replies) = channel();
        let state = State::open(Some(self.state.path().into()), "a:1".into());
        let reply = move |reply| drop(outbox.send(reply));
        let thread = std::thread::spawn(move || worker::run(&inbox, &reply, state, preserve));
        Run { requests: Some(requests), replies, thread: Some(thread) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        std::fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    fn names(&self) -> Vec<String> {
        names(self.dir.path())
    }

    /// Neither a file nor a memory of one is left.
    #[track_caller]
    fn assert_empty(&self) {
        assert_eq!((self.names().len(), names(self.state.path()).len()), (0, 0));
    }

    fn target(&self) -> Target {
        Target::Directory(self.dir.path().into())
    }
}

impl Run {
    fn send(&self, request: Request) {
        self.requests.as_ref().unwrap().send(request).unwrap();
    }

    fn ask(&self, request: FileRequest) {
        self.send(Request::Session(request));
    }

    fn next(&self) -> Reply {
        self.replies.recv_timeout(Duration::from_secs(20)).expect("a reply")
    }

    fn reply(&self) -> FileReply {
        match self.next() {
            Reply::Session(reply) => reply,
            other => panic!("{other:?}"),
        }
    }

    fn failure(&self) -> String {
        match self.reply() {
            FileReply::Failed { why, .. } => why,
            other => panic!("{other:?}"),
        }
    }

    /// Ends the run; returns the replies that were not taken.
    fn end(mut self) -> Vec<Reply> {
        self.requests = None;
        self.thread.take().unwrap().join().unwrap();
        self.replies.try_iter().collect()
    }

    fn open(&self, path: &Path) -> Result<OpenFile, FileError> {
        self.send(Request::Open { ticket: 1, path: path.into() });
        match self.next() {
            Reply::Opened { ticket: 1, result } => result,
            other => panic!("{other:?}"),
        }
    }

    fn upload(&self, transfer: TransferHandle, path: &Path) -> UploadKey {
        let file = self.open(path).unwrap();
        let key = file.key().unwrap();
        self.send(Request::Upload { transfer, file });
        key
    }

    fn begin(&self, run: u32, offset: u64, digest: Option<Digest>) -> FileReply {
        self.ask(FileRequest::Begin { transfer: T, run, offset, digest });
        self.reply()
    }

    fn read(&self, offset: u64, length: usize) {
        let buffer = b"left over".to_vec();
        self.ask(FileRequest::Read { transfer: T, offset, length, buffer });
    }

    fn create(&self, transfer: TransferHandle, rig: &Rig, content: &[u8]) {
        self.create_item(transfer, rig, item(content));
    }

    fn create_item(&self, transfer: TransferHandle, rig: &Rig, item: Item) {
        let target = rig.target();
        self.send(Request::Create { transfer, item, held: 0, target, part: None });
    }

    /// Resumes a download if a part of it is left; returns the size of that.
    fn resume(&self, transfer: TransferHandle, rig: &Rig, content: &[u8]) -> Option<u64> {
        self.send(Request::Find { ticket: 2, item: item(content), target: rig.target() });
        let Reply::Found { ticket: 2, part } = self.next() else { panic!() };
        let held = part.as_ref().map(|part| part.bytes);
        let (item, target) = (item(content), rig.target());
        self.send(Request::Create { transfer, item, held: held.unwrap_or(0), target, part });
        held
    }

    fn write(&self, transfer: TransferHandle, block: &[u8]) {
        self.ask(FileRequest::Write { transfer, block: block.to_vec() });
        assert!(matches!(self.reply(), FileReply::Written { .. }));
    }

    /// Suspends a transfer; true if a later run can resume it.
    fn suspend(&self, transfer: TransferHandle) -> bool {
        self.ask(FileRequest::Suspend { transfer });
        match self.next() {
            Reply::Suspended { transfer: of, survives } if of == transfer => survives,
            other => panic!("{other:?}"),
        }
    }

    fn keep(&self, transfer: TransferHandle) -> PathBuf {
        self.ask(FileRequest::Keep { transfer });
        let Reply::KeptAt { path, .. } = self.next() else { panic!() };
        assert_eq!(self.reply(), FileReply::Kept { transfer });
        path
    }

    fn digest(&self, transfer: TransferHandle) -> Digest {
        self.ask(FileRequest::Hash { transfer });
        match self.reply() {
            FileReply::Hashed { digest, .. } => digest,
            other => panic!("{other:?}"),
        }
    }
}

fn item(content: &[u8]) -> Item {
    samples::item(7, "a.txt", content.len() as u64, digest(content))
}

fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|i| (i % 251) as u8).collect()
}
