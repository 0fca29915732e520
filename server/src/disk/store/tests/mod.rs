//! The store over real files, some of which fail.

mod faults;
mod items;
mod partial_limits;
mod partials;
mod space;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use chatshelf_common::id::{Digest, ItemId, TransferId, UnixMillis, UploadKey};
use chatshelf_common::text::{FileName, Nick};
use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::Item;
use chatshelf_testkit::files::names;
use chatshelf_testkit::samples::{content, digest};

use super::meta::UploadId;
use super::{Store, StoreSettings};
use crate::disk::block::Block;
use crate::disk::fault_injection::FaultyFiles;
use crate::disk::readahead::{Extent, Framing};
use crate::disk::{NewItem, Reply, Request, TransferKey, Uploader};
use crate::token::Token;

/// Who uploads, unless a test says otherwise.
const UPLOADER: Uploader = Uploader(1);

const SETTINGS: StoreSettings = StoreSettings {
    min_free_bytes: 0,
    keep_partial_ms: 1000,
    partial_bytes_max: 1 << 30,
    partial_bytes_min: 1,
};

/// A store, and what it has answered.
struct Bench {
    files: FaultyFiles,
    settings: StoreSettings,
    store: Store<FaultyFiles>,
    items: Vec<Item>,
    now: UnixMillis,
}

impl Bench {
    fn new() -> Self {
        Self::with(SETTINGS)
    }

    fn with(settings: StoreSettings) -> Self {
        Self::over(FaultyFiles::new(), settings, UnixMillis(1000))
    }

    fn over(files: FaultyFiles, settings: StoreSettings, now: UnixMillis) -> Self {
        let (store, items) = Store::open(files.clone(), files.path(), settings, now).unwrap();
        Self { files, settings, store, items, now }
    }

    /// So many bytes of a download's file, which stands at `offset`.
    fn read(&mut self, download: TransferKey, offset: u64, bytes: usize) -> Vec<u8> {
        let extent = Extent::in_memory();
        match self.ask_one(Request::Read {
            download,
            offset,
            bytes,
            framing: Framing::frames(65_536),
            extent,
        }) {
            Reply::Read { mut extent, .. } => extent.take_file_bytes(),
            other => panic!("{other:?}"),
        }
    }

    /// As the next start finds it, on a disk without faults.
    fn reopen(self) -> Self {
        self.reopen_after(0)
    }

    fn reopen_after(self, ms: u64) -> Self {
        let Self { files, settings, store, now, .. } = self;
        drop(store);
        files.heal();
        Self::over(files, settings, UnixMillis(now.0 + ms))
    }

    /// What a request is answered at once.
    fn ask(&mut self, request: Request) -> Vec<Reply> {
        let mut replies = Vec::new();
        self.store.handle(request, &mut |reply| replies.push(reply));
        replies
    }

    fn ask_one(&mut self, request: Request) -> Reply {
        let mut replies = self.ask(request);
        assert_eq!(replies.len(), 1, "{replies:?}");
        replies.remove(0)
    }

    /// Does the background work, and takes its one answer.
    fn work(&mut self) -> Reply {
        let mut replies = Vec::new();
        while self.store.has_work() {
            self.store.step(&mut |reply| replies.push(reply));
        }
        assert_eq!(replies.len(), 1, "{replies:?}");
        replies.remove(0)
    }

    fn create(&mut self, number: u32, key: Option<UploadKey>, size: u64) -> Vec<Reply> {
        let request = create(number, key, size, self.now);
        self.ask(request)
    }

    /// Begins an upload from nothing.
    fn begin(&mut self, number: u32, key: Option<UploadKey>, size: u64) {
        let replies = self.create(number, key, size);
        assert!(matches!(replies[..], [Reply::Created { offset: 0, digest: None, .. }]));
    }

    /// Offers what may be kept, and says how much of it is, and its digest.
    fn go_on(&mut self, number: u32, key: UploadKey, size: u64) -> (u64, Option<Digest>) {
        let reply = match self.create(number, Some(key), size).pop() {
            Some(reply) => reply,
            None => self.work(),
        };
        match reply {
            Reply::Created { upload, offset, digest } if upload == transfer(number) => {
                (offset, digest)
            }
            other => panic!("{other:?}"),
        }
    }

    fn write(&mut self, number: u32, content: &[u8]) {
        let request = Request::Write { upload: transfer(number), block: content.to_vec() };
        let reply = self.ask_one(request);
        assert!(matches!(reply, Reply::Wrote { .. }), "{reply:?}");
    }

    fn publish(&mut self, number: u32, item: Item) -> Reply {
        self.ask_one(publish(number, item))
    }

    fn suspend(&mut self, number: u32) -> Vec<Reply> {
        let at = self.now;
        self.ask(Request::Suspend { upload: transfer(number), at })
    }

    /// Has so many bytes come of an upload that somebody has begun, and be kept.
    fn interrupt_of(&mut self, uploader: u64, number: u8, bytes: usize) {
        let (upload, key, at) = (transfer(number.into()), Some(key(number)), self.now);
        let (name, size, uploader) = (name(), 1 << 20, Uploader(uploader));
        self.ask(Request::Create { upload, name, size, key, uploader, checksum: None, at });
        self.write(number.into(), &vec![1; bytes]);
        self.suspend(number.into());
    }

    /// Has `content` come of an upload with this key, and be kept.
    fn interrupt(&mut self, number: u32, key: UploadKey, size: u64, content: &[u8]) {
        self.begin(number, Some(key), size);
        self.write(number, content);
        let replies = self.suspend(number);
        assert!(matches!(replies[..], [Reply::Ended { .. }, Reply::Expires { at: Some(_) }]));
    }

    /// Puts an item on the shelf.
    fn shelve(&mut self, id: u64, content: &[u8]) {
        let number = 1_000_000 + id as u32;
        self.begin(number, None, content.len() as u64);
        content.chunks(1000).for_each(|block| self.write(number, block));
        let reply = self.publish(number, item(id, content));
        assert!(matches!(reply, Reply::Published { .. }), "{reply:?}");
    }

    fn path(&self, path: &str) -> PathBuf {
        self.files.path().join(path)
    }

    /// The folder of an upload with a key.
    fn dir(&self, number: u8) -> PathBuf {
        self.store.partial_dir(UploadId::of(&key(number)))
    }

    fn names(&self, dir: &str) -> Vec<String> {
        names(&self.path(dir))
    }
}

fn create(number: u32, key: Option<UploadKey>, size: u64, at: UnixMillis) -> Request {
    let (upload, name, uploader, checksum) = (transfer(number), name(), UPLOADER, None);
    Request::Create { upload, name, size, key, uploader, checksum, at }
}

/// Its content is told to be that of the item.
fn publish(number: u32, item: Item) -> Request {
    let attributes = item.attributes();
    let Item { id, name, size, digest, nick, at, link, .. } = item;
    let item = NewItem { id, name, size, attributes, nick, at, link };
    Request::Publish { upload: transfer(number), item, digest: Some(digest) }
}

fn name() -> FileName {
    FileName::new("f.txt").unwrap()
}

fn transfer(number: u32) -> TransferKey {
    TransferKey { connection: Token::new(1, 1), transfer: TransferId(number) }
}

fn key(number: u8) -> UploadKey {
    UploadKey([number; 16])
}

fn item(id: u64, content: &[u8]) -> Item {
    let (size, nick) = (content.len() as u64, Nick::new("ada").unwrap());
    Item::new(ItemId(id), name(), size, digest(content), nick, UnixMillis(5))
}

/// Names of the folders of uploads with these keys, sorted.
fn dirs<const N: usize>(numbers: [u8; N]) -> [String; N] {
    let mut names = numbers.map(|number| UploadId::of(&key(number)).to_string());
    names.sort();
    names
}

fn code(reply: &Reply) -> Option<Code> {
    match reply {
        Reply::Failed { code, .. } => Some(*code),
        _ => None,
    }
}
