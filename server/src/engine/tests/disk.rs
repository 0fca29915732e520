//! The disk of a test: the real store, which can be told to wait or to fail.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;

use chatshelf_common::id::{ItemId, UnixMillis};
use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::Item;
use tempfile::TempDir;

use crate::disk::files::SystemFiles;
use crate::disk::store::{Store, StoreSettings};
use crate::disk::{KeptBans, Reply, Request, TransferKey, UploadId, keep_bans, read_bans};

/// How long an interrupted upload is kept.
pub(super) const KEEP_PARTIAL_MS: u64 = 40_000;

/// Executes the engine's file requests in order.
pub(super) struct FakeDisk {
    store: Store<SystemFiles>,
    dir: TempDir,
    /// While set, requests wait.
    pub(super) is_held: bool,
    pub(super) waiting: VecDeque<Request>,
    /// Kinds of all requests so far, with the transfer's or item's number.
    pub(super) asked: Vec<(&'static str, u64)>,
    /// The next request of this kind fails with this error.
    pub(super) failure: Option<(&'static str, Code)>,
    /// Transfers whose file is open.
    pub(super) open: BTreeSet<(&'static str, usize, u32)>,
}

impl FakeDisk {
    pub(super) fn new(at: UnixMillis) -> (Self, Vec<Item>) {
        // In memory where possible: thousands of syncs would take most of the time.
        let memory = Path::new("/dev/shm");
        let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        Self::open(dir.unwrap(), at)
    }

    /// The bans that are kept.
    pub(super) fn bans(&self) -> KeptBans {
        read_bans(&SystemFiles, self.dir.path()).unwrap()
    }

    pub(super) fn keep_bans(&self, bans: &KeptBans) {
        keep_bans(&SystemFiles, self.dir.path(), bans);
    }

    fn open(dir: TempDir, at: UnixMillis) -> (Self, Vec<Item>) {
        let settings = StoreSettings {
            min_free_bytes: 0,
            keep_partial_ms: KEEP_PARTIAL_MS,
            partial_bytes_max: 1 << 30,
            partial_bytes_min: 1,
        };
        let (store, items) = Store::open(SystemFiles, dir.path(), settings, at).unwrap();
        let disk = Self {
            store,
            dir,
            is_held: false,
            waiting: VecDeque::new(),
            asked: Vec::new(),
            failure: None,
            open: BTreeSet::new(),
        };
        (disk, items)
    }

    /// Returns what the next startup of the server would find.
    pub(super) fn reopen(self, at: UnixMillis) -> (Self, Vec<Item>) {
        drop(self.store);
        Self::open(self.dir, at)
    }

    pub(super) fn upload_ids(&self) -> Vec<(ItemId, UploadId)> {
        self.store.upload_ids().collect()
    }

    pub(super) fn newest_item(&self) -> ItemId {
        self.store.newest_item()
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn submit(&mut self, request: Request) {
        self.asked.push(name(&request));
        self.waiting.push_back(request);
    }

    /// Returns how often this kind was requested, of any number.
    pub(super) fn count(&self, kind: &str) -> usize {
        self.asked.iter().filter(|(asked, _)| *asked == kind).count()
    }

    /// Executes waiting requests, unless it is held.
    pub(super) fn work(&mut self) -> Vec<Reply> {
        if self.is_held { Vec::new() } else { self.work_some(usize::MAX) }
    }

    /// Executes at most this many requests, held or not.
    pub(super) fn work_some(&mut self, most: usize) -> Vec<Reply> {
        let now = self.waiting.len().min(most);
        let requests: Vec<Request> = self.waiting.drain(..now).collect();
        requests.into_iter().flat_map(|request| self.handle(request)).collect()
    }

    fn handle(&mut self, request: Request) -> Vec<Reply> {
        let (kind, _) = name(&request);
        if self.failure.is_some_and(|(failing, _)| failing == kind) {
            let (_, code) = self.failure.take().unwrap();
            return vec![self.fail(request, code)];
        }
        match &request {
            Request::Discard { upload } | Request::Suspend { upload, .. } => {
                self.open.remove(&entry("upload", *upload));
            }
            Request::Close { download } => {
                self.open.remove(&entry("download", *download));
            }
            _ => {}
        }
        let replies = self.ask(request);
        for reply in &replies {
            match reply {
                Reply::Created { upload, .. } => drop(self.open.insert(entry("upload", *upload))),
                Reply::Opened { download } => {
                    self.open.insert(entry("download", *download));
                }
                Reply::Published { upload, .. } => {
                    self.open.remove(&entry("upload", *upload));
                }
                Reply::Failed { transfer, .. } => self.forget(*transfer),
                _ => {}
            }
        }
        replies
    }

    /// Makes the store complete a request.
    fn ask(&mut self, request: Request) -> Vec<Reply> {
        let mut replies = Vec::new();
        self.store.handle(request, &mut |reply| replies.push(reply));
        while self.store.has_work() {
            self.store.step(&mut |reply| replies.push(reply));
        }
        replies
    }

    fn fail(&mut self, request: Request, code: Code) -> Reply {
        let (transfer, block) = match request {
            Request::Create { upload, .. } | Request::Publish { upload, .. } => (upload, None),
            Request::Write { upload, block } => (upload, Some(block)),
            Request::Open { download, .. } => (download, None),
            Request::Read { download, .. } => (download, None),
            other => panic!("{other:?} is not answered"),
        };
        self.ask(Request::Discard { upload: transfer });
        self.ask(Request::Close { download: transfer });
        self.forget(transfer);
        Reply::Failed { transfer, code, detail: Some("the disk of a test".into()), block }
    }

    fn forget(&mut self, transfer: TransferKey) {
        self.open.remove(&entry("upload", transfer));
        self.open.remove(&entry("download", transfer));
    }

    /// Checks that no file is open and no upload has left anything.
    pub(super) fn assert_idle(&self) {
        assert!(self.waiting.is_empty());
        assert_eq!(self.open, BTreeSet::new());
        assert_eq!(self.folders_of_uploads(), 0, "folders of uploads are left");
    }

    pub(super) fn folders_of_uploads(&self) -> usize {
        std::fs::read_dir(self.path().join("uploads")).unwrap().count()
    }
}

fn entry(kind: &'static str, key: TransferKey) -> (&'static str, usize, u32) {
    (kind, key.connection.to_mio(), key.transfer.0)
}

fn name(request: &Request) -> (&'static str, u64) {
    let of = |key: &TransferKey| u64::from(key.transfer.0);
    match request {
        Request::Create { upload, .. } => ("Create", of(upload)),
        Request::Write { upload, .. } => ("Write", of(upload)),
        Request::Publish { upload, .. } => ("Publish", of(upload)),
        Request::Discard { upload } => ("Discard", of(upload)),
        Request::Suspend { upload, .. } => ("Suspend", of(upload)),
        Request::Expire { at } => ("Expire", at.0),
        Request::Open { download, .. } => ("Open", of(download)),
        Request::Read { download, .. } => ("Read", of(download)),
        Request::Release { .. } => ("Release", 0),
        Request::Close { download } => ("Close", of(download)),
        Request::Configure(_) => ("Configure", 0),
        Request::Remove { item } => ("Remove", item.0),
    }
}
