//! The file thread's work on real files.

use std::path::Path;
use std::time::Duration;

use chatshelf_common::id::{Digest, ItemId, UnixMillis};
use chatshelf_common::text::Nick;
use tempfile::TempDir;

use super::*;

const T: TransferHandle = TransferHandle(1);
const U: TransferHandle = TransferHandle(2);

/// A folder for files and another for what survives.
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

    /// A run that finds these requests waiting when it starts.
    fn run_with(&self, waiting: Vec<Request>) -> Run {
        let (requests, inbox) = channel();
        waiting.into_iter().for_each(|request| requests.send(request).unwrap());
        let (outbox, replies) = channel();
        let state = State::open(Some(self.state.path().into()), "a:1".into());
        let reply = move |reply| drop(outbox.send(reply));
        let thread = std::thread::spawn(move || worker::run(&inbox, &reply, state));
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

    fn target(&self) -> Target {
        Target::Directory(self.dir.path().into())
    }
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

impl Run {
    fn send(&self, request: Request) {
        self.requests.as_ref().unwrap().send(request).unwrap();
    }

    fn ask(&self, request: FileRequest) {
        self.send(Request::Session(request));
    }

    fn next(&self) -> Reply {
        loop {
            let reply = self.replies.recv_timeout(Duration::from_secs(20)).expect("a reply");
            if !matches!(reply, Reply::Survives { .. }) {
                return reply;
            }
        }
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

    /// Ends; the replies that were not taken.
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
        let (item, target) = (item(content), rig.target());
        self.send(Request::Create { transfer, item, held: 0, target, part: None });
    }

    /// Takes a download up again if there is something of it; its size.
    fn take_up(&self, transfer: TransferHandle, rig: &Rig, content: &[u8]) -> Option<u64> {
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
    Item {
        id: ItemId(7),
        name: FileName::new("a.txt").unwrap(),
        size: content.len() as u64,
        digest: digest(content),
        nick: Nick::new("ada").unwrap(),
        at: UnixMillis(0),
    }
}

fn digest(content: &[u8]) -> Digest {
    blake3::hash(content).into()
}

fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|i| (i % 251) as u8).collect()
}

// Uploads.

#[test]
fn an_upload_is_read_and_hashed_whole_wherever_it_begins() {
    let rig = Rig::new();
    // More than a slice, and no multiple of one.
    let content = pattern(5_000_001);
    let path = rig.write("up", &content);
    let run = rig.run();
    run.upload(T, &path);
    for (number, offset) in [0, 1, 600_000, 5_000_001, 4_999_999, 0].into_iter().enumerate() {
        let (number, before) = (number as u32, digest(&content[..offset]));
        let expected = (offset > 0).then_some(before);
        let reply = run.begin(number, offset as u64, expected);
        assert_eq!(reply, FileReply::Begun { transfer: T, run: number });
        let length = (content.len() - offset).min(1000);
        run.read(offset as u64, length);
        let FileReply::Block { block, .. } = run.reply() else { panic!() };
        assert!(block == content[offset..offset + length]);
    }
    run.begin(9, 4_000_000, Some(digest(&content[..4_000_000])));
    run.read(4_000_000, 1_000_001);
    run.reply();
    assert_eq!(run.digest(T), digest(&content));
}

#[test]
fn another_beginning_is_told_with_a_fresh_key_that_survives_instead_of_the_old() {
    let rig = Rig::new();
    let path = rig.write("up", b"content");
    let run = rig.run();
    let old = run.upload(T, &path);
    let FileReply::Differs { run: 3, key: Some(fresh), .. } =
        run.begin(3, 4, Some(digest(b"other")))
    else {
        panic!()
    };
    assert_ne!(fresh, old);
    run.end();
    assert_eq!(rig.run().open(&path).unwrap().key(), Some(fresh));
}

#[test]
fn a_later_beginning_takes_the_place_of_one_that_is_being_gone_to() {
    let rig = Rig::new();
    let content = pattern(6_000_000);
    let file = rig.run().open(&rig.write("up", &content)).unwrap();
    let begin = |run, offset| {
        Request::Session(FileRequest::Begin { transfer: T, run, offset, digest: None })
    };
    let waiting = vec![Request::Upload { transfer: T, file }, begin(1, 6_000_000), begin(2, 0)];
    let run = rig.run_with(waiting);
    assert_eq!(run.reply(), FileReply::Begun { transfer: T, run: 2 });
    run.read(0, 10);
    assert!(matches!(run.reply(), FileReply::Block { .. }));
    assert!(run.end().is_empty());
}

#[test]
fn other_transfers_go_on_while_a_beginning_is_hashed() {
    let rig = Rig::new();
    let run = rig.run();
    let large = run.open(&rig.write("large", &pattern(20_000_000))).unwrap();
    let small = run.open(&rig.write("small", b"small")).unwrap();
    let begin = |transfer, offset| {
        Request::Session(FileRequest::Begin { transfer, run: 1, offset, digest: None })
    };
    let read = FileRequest::Read { transfer: U, offset: 0, length: 5, buffer: Vec::new() };
    let run = rig.run_with(vec![
        Request::Upload { transfer: T, file: large },
        Request::Upload { transfer: U, file: small },
        begin(T, 20_000_000),
        begin(U, 0),
        Request::Session(read),
    ]);
    let first: Vec<FileReply> = (0..2).map(|_| run.reply()).collect();
    let transfers = first.iter().map(|reply| match reply {
        FileReply::Begun { transfer, .. } | FileReply::Block { transfer, .. } => *transfer,
        other => panic!("{other:?}"),
    });
    assert!(transfers.eq([U, U]));
    assert_eq!(run.reply(), FileReply::Begun { transfer: T, run: 1 });
}

#[test]
fn a_file_that_changes_its_size_meanwhile_is_not_sent() {
    let rig = Rig::new();
    let path = rig.write("up", b"hello");
    let run = rig.run();
    run.upload(T, &path);
    run.begin(1, 0, None);
    run.read(0, 6);
    assert!(run.failure().contains("shorter"));
    run.upload(T, &path);
    run.begin(1, 0, None);
    run.read(0, 4);
    run.reply();
    run.ask(FileRequest::Hash { transfer: T });
    assert!(run.failure().contains("longer"));
    run.upload(T, &path);
    run.ask(FileRequest::Begin { transfer: T, run: 1, offset: 6, digest: None });
    assert!(run.failure().contains("shorter"));
}

#[test]
fn the_key_of_an_upload_survives_until_that_is_over() {
    let rig = Rig::new();
    let path = rig.write("up", b"hello");
    let run = rig.run();
    let key = run.upload(T, &path);
    run.ask(FileRequest::Suspend { transfer: T });
    run.end();
    let run = rig.run();
    assert_eq!(run.upload(T, &path), key, "suspended");
    run.end();
    let run = rig.run();
    assert_eq!(run.upload(T, &path), key, "ended in the middle");
    run.ask(FileRequest::Discard { transfer: T });
    assert_ne!(run.upload(T, &path), key, "over");
}

#[test]
fn only_regular_files_are_opened() {
    let rig = Rig::new();
    let run = rig.run();
    assert!(matches!(run.open(rig.dir.path()), Err(FileError::NotAFile)));
    assert!(matches!(run.open(&rig.path("no")), Err(FileError::Io(_))));
    #[cfg(unix)]
    assert!(matches!(run.open(Path::new("/dev/null")), Err(FileError::NotAFile)));
}

// Downloads.

#[test]
fn two_downloads_of_one_name_are_both_kept() {
    let rig = Rig::new();
    let run = rig.run();
    for transfer in [T, U] {
        run.create(transfer, &rig, b"hello");
        run.write(transfer, b"hello");
    }
    assert_eq!(run.keep(U), rig.path("a.txt"));
    assert_eq!(run.keep(T), rig.path("a (1).txt"));
    assert_eq!(rig.names(), ["a (1).txt", "a.txt"]);
    assert_eq!(names(rig.state.path()).len(), 0);
}

#[test]
fn a_download_that_is_discarded_leaves_nothing() {
    let rig = Rig::new();
    let run = rig.run();
    run.create(T, &rig, b"hello");
    run.write(T, b"he");
    assert_eq!(rig.names(), ["a.txt.part"]);
    assert_eq!(names(rig.state.path()).len(), 1);
    run.ask(FileRequest::Discard { transfer: T });
    run.end();
    assert_eq!((rig.names().len(), names(rig.state.path()).len()), (0, 0));
}

#[test]
fn a_download_that_is_interrupted_is_gone_on_with_by_the_next_run() {
    // More than a slice.
    let content = pattern(3_000_000);
    for suspends in [false, true] {
        let rig = Rig::new();
        let run = rig.run();
        run.create(T, &rig, &content);
        run.write(T, &content[..2_500_000]);
        if suspends {
            run.ask(FileRequest::Suspend { transfer: T });
        }
        run.end();
        assert_eq!(rig.names(), ["a.txt.part"]);
        let run = rig.run();
        assert_eq!(run.take_up(U, &rig, &content), Some(2_500_000));
        run.write(U, &content[2_500_000..]);
        assert_eq!(run.digest(U), digest(&content));
        run.keep(U);
        assert!(rig.read("a.txt") == content);
        assert_eq!((rig.names(), names(rig.state.path()).len()), (vec!["a.txt".into()], 0));
    }
}

#[test]
fn of_a_part_no_more_is_taken_than_the_session_asked_behind() {
    let rig = Rig::new();
    let run = rig.run();
    run.create(T, &rig, b"hello");
    run.write(T, b"hell");
    run.end();
    let run = rig.run();
    run.send(Request::Find { ticket: 2, item: item(b"hello"), target: rig.target() });
    let Reply::Found { part, .. } = run.next() else { panic!() };
    let (item, target) = (item(b"hello"), rig.target());
    run.send(Request::Create { transfer: T, item, held: 2, target, part });
    run.write(T, b"llo");
    assert_eq!(run.digest(T), digest(b"hello"));
}

#[test]
fn another_item_is_not_gone_on_with() {
    let rig = Rig::new();
    let run = rig.run();
    run.create(T, &rig, b"hello");
    run.write(T, b"he");
    run.end();
    let run = rig.run();
    assert_eq!(run.take_up(T, &rig, b"help!"), None);
    run.write(T, b"help!");
    assert_eq!(run.keep(T), rig.path("a.txt"));
    assert_eq!(rig.names(), ["a.txt", "a.txt.part"]);
}

#[test]
fn a_download_that_starts_over_takes_its_own_place() {
    let rig = Rig::new();
    let run = rig.run();
    run.create(T, &rig, b"hello");
    run.write(T, b"he");
    run.create(T, &rig, b"other");
    run.write(T, b"other");
    assert_eq!(run.digest(T), digest(b"other"));
    assert_eq!(rig.names(), ["a.txt.part"]);
}

#[test]
fn a_part_in_use_is_left_to_its_download() {
    let rig = Rig::new();
    let run = rig.run();
    run.create(T, &rig, b"hello");
    run.write(T, b"he");
    assert_eq!(run.take_up(U, &rig, b"hello"), None);
    run.write(U, b"hello");
    run.write(T, b"llo");
    assert_eq!((run.digest(T), run.digest(U)), (digest(b"hello"), digest(b"hello")));
}

#[test]
fn a_part_file_of_someone_else_is_left_alone() {
    let rig = Rig::new();
    rig.write("a.txt.part", b"other");
    let run = rig.run();
    assert_eq!(run.take_up(T, &rig, b"hello"), None);
    run.write(T, b"hello");
    run.keep(T);
    assert_eq!(rig.names(), ["a.txt", "a.txt.part"]);
    assert_eq!((rig.read("a.txt.part"), rig.read("a.txt")), (b"other".into(), b"hello".into()));
}

#[test]
fn nothing_is_left_of_a_download_that_had_not_got_a_byte() {
    let rig = Rig::new();
    let run = rig.run();
    run.create(T, &rig, b"hello");
    run.end();
    assert_eq!((rig.names().len(), names(rig.state.path()).len()), (0, 0));
}

#[test]
fn a_download_into_a_missing_directory_fails() {
    let rig = Rig::new();
    let run = rig.run();
    let (item, target) = (item(b"hello"), Target::Directory(rig.path("no")));
    run.send(Request::Create { transfer: T, item, held: 0, target, part: None });
    assert!(run.failure().contains("no such file"));
    run.ask(FileRequest::Write { transfer: T, block: b"hello".to_vec() });
    assert!(run.end().is_empty(), "what follows is passed over");
}
