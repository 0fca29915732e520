//! The files of the shelf, and of uploads that are not on it yet.
//!
//! ```text
//! DATA/uploads/<n>/content        an upload in progress (or an item being removed)
//! DATA/uploads/<n>/meta           written when all content is there and verified
//! DATA/shelf/<item>/content,meta  the same folder, renamed: from then on it is an item
//! ```
//!
//! The rename is the one step that makes an item. Before it nothing is visible; after it
//! everything is, and durable. This file alone opens, writes, renames and removes them, always on
//! the disk thread.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use chatshelf_common::id::{Digest, ItemId};
use chatshelf_common::wire::Code;
use chatshelf_common::wire::field::{DecodeError, FieldValue, Tag};
use chatshelf_common::wire::frame::Item;

use super::block::{BLOCK_BYTES, Block};
use super::{Reply, Request, TransferKey};

/// Longest meta file that is believed, in bytes.
const META_BYTES_MAX: u64 = 4096;

/// Bytes of an upload after which it is synced. All at once at the end, the system would be busy
/// with a gigabyte for so long that talk is felt to wait.
const SYNC_BYTES: u64 = 8 * 1024 * 1024;

/// The open files of all transfers.
#[derive(Debug)]
pub struct Store {
    uploads_dir: PathBuf,
    shelf_dir: PathBuf,
    uploads: HashMap<TransferKey, Upload>,
    downloads: HashMap<TransferKey, File>,
    /// Folders of dropped items that could not be removed: on Windows, while a download has one
    /// open.
    doomed: Vec<PathBuf>,
    /// Number of the newest folder in `uploads_dir`.
    next_upload: u64,
}

#[derive(Debug)]
struct Upload {
    dir: PathBuf,
    content: File,
    hasher: blake3::Hasher,
    written: u64,
    unsynced: u64,
}

impl Upload {
    fn append(&mut self, block: &[u8]) -> io::Result<()> {
        self.content.write_all(block)?;
        self.hasher.update(block);
        self.written += block.len() as u64;
        self.unsynced += block.len() as u64;
        if self.unsynced >= SYNC_BYTES {
            self.unsynced = 0;
            self.content.sync_data()?;
        }
        Ok(())
    }
}

impl Store {
    /// Opens the folders below `data_dir`, clears what unfinished uploads left, and says which
    /// whole items are there, oldest first.
    ///
    /// # Errors
    /// When a folder can't be made, listed or cleared.
    pub fn open(data_dir: &Path) -> io::Result<(Self, Vec<Item>)> {
        let (uploads_dir, shelf_dir) = (data_dir.join("uploads"), data_dir.join("shelf"));
        if uploads_dir.exists() {
            fs::remove_dir_all(&uploads_dir)?;
        }
        fs::create_dir_all(&uploads_dir)?;
        fs::create_dir_all(&shelf_dir)?;
        sync_dir(data_dir)?;
        let mut items = Vec::new();
        for entry in fs::read_dir(&shelf_dir)? {
            let dir = entry?.path();
            match load_item(&dir) {
                Ok(item) => items.push(item),
                // What is left of a dropped item; only an empty folder can go this way.
                Err(_) if is_item_dir(&dir) && fs::remove_dir(&dir).is_ok() => {}
                Err(why) => log::error!("{} is no item of the shelf: {why}", dir.display()),
            }
        }
        items.sort_by_key(|item| item.id);
        let (uploads, downloads) = (HashMap::new(), HashMap::new());
        let doomed = Vec::new();
        Ok((Self { uploads_dir, shelf_dir, uploads, downloads, doomed, next_upload: 0 }, items))
    }

    /// Does one piece of work, and says what came of it where someone waits for the answer.
    pub fn handle(&mut self, request: Request) -> Option<Reply> {
        match request {
            Request::Create { upload } => match self.create() {
                Ok(file) => {
                    self.uploads.insert(upload, file);
                    Some(Reply::Created { upload })
                }
                Err(why) => Some(failed(upload, &why, None)),
            },
            Request::Write { upload, block } => Some(self.write(upload, block)),
            Request::Publish { upload, item } => self.publish(upload, item),
            Request::Discard { upload } => {
                if let Some(file) = self.uploads.remove(&upload) {
                    discard(file);
                }
                Some(Reply::Ended)
            }
            Request::Open { download, item, offset } => match self.open_item(item, offset) {
                Ok(file) => {
                    self.downloads.insert(download, file);
                    Some(Reply::Opened { download })
                }
                Err(why) => Some(failed(download, &why, None)),
            },
            Request::Read { download, bytes, block } => Some(self.read(download, bytes, block)),
            Request::Close { download } => {
                self.close(download);
                Some(Reply::Ended)
            }
            Request::Remove { item } => {
                if let Err(why) = self.remove_item(item) {
                    log::error!("can't remove item {item}: {why}");
                }
                None
            }
        }
    }

    fn create(&mut self) -> io::Result<Upload> {
        let dir = self.new_upload_dir();
        fs::create_dir(&dir)?;
        let content = File::create_new(dir.join("content"))?;
        Ok(Upload { dir, content, hasher: blake3::Hasher::new(), written: 0, unsynced: 0 })
    }

    fn write(&mut self, key: TransferKey, block: Block) -> Reply {
        // An upload that failed is gone; the blocks that were already on their way come back.
        let Some(upload) = self.uploads.get_mut(&key) else {
            return Reply::Wrote { upload: key, block };
        };
        match upload.append(&block) {
            Ok(()) => Reply::Wrote { upload: key, block },
            Err(why) => {
                if let Some(upload) = self.uploads.remove(&key) {
                    discard(upload);
                }
                failed(key, &why, Some(block))
            }
        }
    }

    fn publish(&mut self, key: TransferKey, item: Item) -> Option<Reply> {
        let upload = self.uploads.remove(&key)?;
        let code = if upload.written != item.size {
            Code::SIZE_MISMATCH
        } else if Digest::from(upload.hasher.finalize()) != item.digest {
            Code::DIGEST_MISMATCH
        } else {
            return Some(match self.put_on_shelf(upload, &item) {
                Ok(()) => Reply::Published { upload: key, item },
                Err(why) => failed(key, &why, None),
            });
        };
        discard(upload);
        Some(Reply::Failed { transfer: key, code, detail: None, block: None })
    }

    /// Makes content and meta durable, then the item visible, then its being visible durable. If
    /// any of this fails, nothing is left.
    fn put_on_shelf(&self, upload: Upload, item: &Item) -> io::Result<()> {
        let place = self.shelf_dir.join(item.id.to_string());
        let Upload { dir, content, .. } = upload;
        let seal = || {
            content.sync_all()?;
            let mut bytes = Vec::new();
            item.put(&mut bytes);
            let mut meta = File::create_new(dir.join("meta"))?;
            meta.write_all(&bytes)?;
            meta.sync_all()?;
            sync_dir(&dir)
        };
        let sealed = seal();
        // Windows renames no folder that has an open file in it.
        drop(content);
        sealed
            .and_then(|()| fs::rename(&dir, &place))
            .inspect_err(|_| remove_dir(&dir))
            .and_then(|()| sync_dir(&self.shelf_dir).inspect_err(|_| remove_dir(&place)))
    }

    /// Takes an item off the shelf by one rename, so that a crash leaves it whole or gone, then
    /// removes its files. Where the rename is not allowed (on Windows, while a download has the
    /// content open), they are removed in place.
    fn remove_item(&mut self, item: ItemId) -> io::Result<()> {
        let (dir, away) = (self.shelf_dir.join(item.to_string()), self.new_upload_dir());
        let dir = if fs::rename(&dir, &away).is_ok() { away } else { dir };
        let removed = fs::remove_dir_all(&dir);
        if removed.is_err() && !self.downloads.is_empty() {
            self.doomed.push(dir);
            return Ok(());
        }
        removed
    }

    /// Closes a download's file, and removes the dropped items that nobody has open any more.
    fn close(&mut self, download: TransferKey) {
        self.downloads.remove(&download);
        let nobody_reads = self.downloads.is_empty();
        self.doomed.retain(|dir| match fs::remove_dir_all(dir) {
            Ok(()) => false,
            Err(why) if nobody_reads => {
                log::error!("can't remove {}: {why}", dir.display());
                false
            }
            Err(_) => true,
        });
    }

    fn new_upload_dir(&mut self) -> PathBuf {
        self.next_upload += 1;
        self.uploads_dir.join(self.next_upload.to_string())
    }

    fn open_item(&self, item: ItemId, offset: u64) -> io::Result<File> {
        let mut file = File::open(self.shelf_dir.join(item.to_string()).join("content"))?;
        if offset > 0 {
            file.seek(SeekFrom::Start(offset))?;
        }
        Ok(file)
    }

    fn read(&mut self, key: TransferKey, bytes: usize, mut block: Block) -> Reply {
        debug_assert!(bytes <= BLOCK_BYTES);
        block.clear();
        // A download that was closed is gone; its last blocks come back empty.
        let Some(file) = self.downloads.get_mut(&key) else {
            return Reply::Read { download: key, block };
        };
        let why = match file.take(bytes as u64).read_to_end(&mut block) {
            Ok(read) if read == bytes => return Reply::Read { download: key, block },
            Ok(_) => {
                io::Error::new(io::ErrorKind::UnexpectedEof, "the file is shorter than it was")
            }
            Err(why) => why,
        };
        self.close(key);
        failed(key, &why, Some(block))
    }
}

fn failed(transfer: TransferKey, why: &io::Error, block: Option<Block>) -> Reply {
    log::error!("transfer {transfer:?}: {why}");
    let code = match why.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Code::STORAGE_FULL,
        _ => Code::STORAGE_FAILED,
    };
    Reply::Failed { transfer, code, detail: Some(why.to_string()), block }
}

/// True for the name of an item's folder: its number.
fn is_item_dir(dir: &Path) -> bool {
    dir.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.parse::<u64>().is_ok())
}

fn discard(upload: Upload) {
    drop(upload.content);
    remove_dir(&upload.dir);
}

fn remove_dir(dir: &Path) {
    if let Err(why) = fs::remove_dir_all(dir) {
        log::error!("can't remove {}: {why}", dir.display());
    }
}

/// Reads an item's meta file and checks it against the folder that holds it.
fn load_item(dir: &Path) -> io::Result<Item> {
    let mut bytes = Vec::new();
    File::open(dir.join("meta"))?.take(META_BYTES_MAX).read_to_end(&mut bytes)?;
    let bad = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why);
    let item = Item::take(Tag::SHELF_ITEM, &bytes)
        .map_err(|why: DecodeError| io::Error::new(io::ErrorKind::InvalidData, why))?;
    if dir.file_name().and_then(|name| name.to_str()) != Some(&item.id.to_string()) {
        return Err(bad("its meta file is another item's"));
    }
    if fs::metadata(dir.join("content"))?.len() != item.size {
        return Err(bad("its content has another size than its meta file says"));
    }
    Ok(item)
}

/// Makes the names in a folder durable. Windows offers no such call; there, a name is as durable as
/// the file system makes it.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::Token;
    use chatshelf_common::id::{TransferId, UnixMillis};
    use chatshelf_common::text::{FileName, Nick};

    fn key(transfer: u32) -> TransferKey {
        TransferKey { connection: Token::new(1, 1), transfer: TransferId(transfer) }
    }

    fn item(id: u64, content: &[u8]) -> Item {
        Item {
            id: ItemId(id),
            name: FileName::new("f.txt").unwrap(),
            size: content.len() as u64,
            digest: blake3::hash(content).into(),
            nick: Nick::new("ada").unwrap(),
            at: UnixMillis(5),
        }
    }

    fn upload(store: &mut Store, id: u64, content: &[u8]) -> Option<Reply> {
        let upload = key(id as u32);
        assert!(matches!(store.handle(Request::Create { upload }), Some(Reply::Created { .. })));
        for block in content.chunks(1000) {
            let reply = store.handle(Request::Write { upload, block: block.to_vec() });
            assert!(matches!(reply, Some(Reply::Wrote { .. })));
        }
        store.handle(Request::Publish { upload, item: item(id, content) })
    }

    fn count(dir: PathBuf) -> usize {
        fs::read_dir(dir).unwrap().count()
    }

    #[test]
    fn an_upload_becomes_an_item_that_reads_back_and_survives_a_restart() {
        let data = tempfile::tempdir().unwrap();
        let content = vec![7; 300_000];
        let (mut store, items) = Store::open(data.path()).unwrap();
        assert!(items.is_empty());
        let reply = upload(&mut store, 1, &content);
        assert!(matches!(reply, Some(Reply::Published { .. })), "{reply:?}");
        let (download, mut got) = (key(9), Vec::new());
        store.handle(Request::Open { download, item: ItemId(1), offset: 0 });
        for bytes in [BLOCK_BYTES, 300_000 - BLOCK_BYTES] {
            match store.handle(Request::Read { download, bytes, block: Vec::new() }) {
                Some(Reply::Read { block, .. }) => got.extend(block),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(got, content);
        drop(store);
        assert_eq!(Store::open(data.path()).unwrap().1, [item(1, &content)]);
    }

    #[test]
    fn what_is_not_published_is_never_an_item_and_is_cleared_at_the_next_start() {
        let data = tempfile::tempdir().unwrap();
        let (mut store, _) = Store::open(data.path()).unwrap();
        store.handle(Request::Create { upload: key(1) });
        store.handle(Request::Write { upload: key(1), block: vec![1; 10] });
        drop(store);
        assert_eq!(count(data.path().join("uploads")), 1);
        let (_, items) = Store::open(data.path()).unwrap();
        assert!(items.is_empty());
        assert_eq!(count(data.path().join("uploads")), 0);
    }

    #[test]
    fn wrong_content_is_refused_and_leaves_nothing() {
        let data = tempfile::tempdir().unwrap();
        let (mut store, _) = Store::open(data.path()).unwrap();
        for (transfer, item, expected) in [
            (1, item(1, b"other content"), Code::SIZE_MISMATCH),
            (2, item(2, b"contenT"), Code::DIGEST_MISMATCH),
        ] {
            let upload = key(transfer);
            store.handle(Request::Create { upload });
            store.handle(Request::Write { upload, block: b"content".to_vec() });
            match store.handle(Request::Publish { upload, item }) {
                Some(Reply::Failed { code, .. }) => assert_eq!(code, expected),
                other => panic!("{other:?}"),
            }
        }
        store.handle(Request::Create { upload: key(3) });
        store.handle(Request::Discard { upload: key(3) });
        assert_eq!(count(data.path().join("uploads")) + count(data.path().join("shelf")), 0);
    }

    #[test]
    fn a_removed_item_can_still_be_read_by_who_has_it_open() {
        let data = tempfile::tempdir().unwrap();
        let (mut store, _) = Store::open(data.path()).unwrap();
        upload(&mut store, 1, b"0123456789");
        let download = key(2);
        store.handle(Request::Open { download, item: ItemId(1), offset: 4 });
        store.handle(Request::Remove { item: ItemId(1) });
        match store.handle(Request::Read { download, bytes: 6, block: Vec::new() }) {
            Some(Reply::Read { block, .. }) => assert_eq!(block, b"456789"),
            other => panic!("{other:?}"),
        }
        let reply = store.handle(Request::Open { download: key(3), item: ItemId(1), offset: 0 });
        assert!(matches!(reply, Some(Reply::Failed { code: Code::STORAGE_FAILED, .. })));
        store.handle(Request::Close { download });
        assert!(store.downloads.is_empty());
    }

    #[test]
    fn a_file_that_shrank_is_an_error_not_a_short_download() {
        let data = tempfile::tempdir().unwrap();
        let (mut store, _) = Store::open(data.path()).unwrap();
        upload(&mut store, 1, b"0123456789");
        let content = data.path().join("shelf/1/content");
        File::options().write(true).open(content).unwrap().set_len(3).unwrap();
        let download = key(2);
        store.handle(Request::Open { download, item: ItemId(1), offset: 0 });
        let reply = store.handle(Request::Read { download, bytes: 10, block: Vec::new() });
        assert!(matches!(reply, Some(Reply::Failed { code: Code::STORAGE_FAILED, .. })));
        drop(store);
        assert!(Store::open(data.path()).unwrap().1.is_empty());
    }

    #[test]
    fn late_work_for_a_transfer_that_is_gone_gives_the_block_back() {
        let data = tempfile::tempdir().unwrap();
        let (mut store, _) = Store::open(data.path()).unwrap();
        let reply = store.handle(Request::Write { upload: key(1), block: vec![1] });
        assert!(matches!(reply, Some(Reply::Wrote { block, .. }) if block == [1]));
        let reply = store.handle(Request::Read { download: key(1), bytes: 5, block: vec![1] });
        assert!(matches!(reply, Some(Reply::Read { block, .. }) if block.is_empty()));
        assert!(store.handle(Request::Publish { upload: key(1), item: item(1, b"") }).is_none());
    }

    #[test]
    fn a_damaged_folder_on_the_shelf_is_left_aside() {
        let data = tempfile::tempdir().unwrap();
        let (mut store, _) = Store::open(data.path()).unwrap();
        upload(&mut store, 1, b"good");
        upload(&mut store, 2, b"meta will be cut");
        let meta = data.path().join("shelf/2/meta");
        File::options().write(true).open(meta).unwrap().set_len(5).unwrap();
        fs::create_dir(data.path().join("shelf/lost+found")).unwrap();
        fs::create_dir(data.path().join("shelf/7")).unwrap();
        let (_, items) = Store::open(data.path()).unwrap();
        assert_eq!(items, [item(1, b"good")]);
        assert!(data.path().join("shelf/2").exists() && !data.path().join("shelf/7").exists());
    }
}
