//! The files of the shelf, and of uploads that are not on it yet.
//!
//! ```text
//! DATA/uploads/<n>/content        an upload without a key (or something being removed)
//! DATA/uploads/<id>/content       an upload with a key, running or interrupted; 64 digits, made of
//!                                 the key by a hash
//! DATA/uploads/<id>/meta          what was offered, and when it was interrupted
//! DATA/shelf/<item>/content,meta  the same folder, renamed: from then on it is an item; its meta
//!                                 has the item's fields, and the upload's id if there was one
//! DATA/shelf/<item>/dropped       it is being removed where it is; of the newest item this stays, as
//!                                 its number is not to be used again, until there is a newer one
//! DATA/shelf/<item>.bad           a damaged item that was set aside; nobody removes it
//! ```
//!
//! Names that are not ours are left alone, and so is what stands beside our files.
//!
//! When all content is there and verified, `meta` becomes that of the item, and durable; then the
//! folder is renamed. The rename is the one step that makes an item: before it nothing is visible,
//! after it everything is. So a folder on the shelf always has an item's meta, and one in
//! `uploads` is never an item, whatever its meta says. This module alone opens, writes, renames
//! and removes them, always on the disk thread.

mod meta;
mod partials;
mod shelf;
mod space;
mod upload;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};

use chatshelf_common::id::{ItemId, UnixMillis};
use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::Item;

use super::block::Block;
use super::files::Files;
use super::{Reply, Request, TransferKey};
use meta::Offer;
use partials::Partial;
use upload::{Check, Upload};

pub use meta::UploadId;
pub use partials::{PARTIAL_BYTES_MIN, PARTIALS_MAX};
pub use space::default_reserve;

/// The name of a meta file in a folder that is being removed.
const DROPPED: &str = "dropped";

/// What an operator sets of the store.
#[derive(Clone, Copy, Debug)]
pub struct StoreSettings {
    /// Bytes of the disk that uploads leave free.
    pub min_free_bytes: u64,
    /// How long an interrupted upload is kept, in milliseconds; 0 is not at all.
    pub keep_partial_ms: u64,
    /// Most bytes kept of interrupted uploads, of all together.
    pub partial_bytes_max: u64,
    /// Fewest bytes of one that are kept.
    pub partial_bytes_min: u64,
}

/// The files of all transfers, and what is kept of interrupted uploads.
#[derive(Debug)]
pub struct Store<F: Files> {
    files: F,
    settings: StoreSettings,
    uploads_dir: PathBuf,
    shelf_dir: PathBuf,
    /// Those that may be written to.
    uploads: HashMap<TransferKey, Upload<F::File>>,
    /// Those whose kept content is being read back.
    checks: VecDeque<Check<F::File>>,
    /// What is kept of interrupted uploads; none of these is open.
    kept: Vec<Partial>,
    /// What was offered of the items on the shelf that came with a key.
    stored: BTreeMap<ItemId, Offer>,
    /// The highest number of an item that was on the shelf; 0 before the first.
    newest: ItemId,
    /// That item was dropped, and its folder is there for its number alone.
    newest_is_dropped: bool,
    downloads: HashMap<TransferKey, F::File>,
    /// Folders of dropped items that could not be removed: on Windows, while a download has one
    /// open.
    doomed: Vec<PathBuf>,
    /// The highest number of a folder in `uploads_dir`.
    last_dir: u64,
    /// That the system can't tell how much space is free has been said.
    blindness_is_said: bool,
    /// The bytes that were wanted when it was said that uploads are refused.
    refused_for: Option<u64>,
}

impl<F: Files> Store<F> {
    /// Opens the folders below `data_dir`, clears what can't be gone on with, and says which whole
    /// items are there, oldest first. A first [`Request::Expire`] tells when the kept uploads end.
    ///
    /// # Errors
    /// When a folder can't be made, listed or synced.
    pub fn open(
        files: F,
        data_dir: &Path,
        settings: StoreSettings,
        at: UnixMillis,
    ) -> io::Result<(Self, Vec<Item>)> {
        let (uploads_dir, shelf_dir) = (data_dir.join("uploads"), data_dir.join("shelf"));
        files.create_dir(&uploads_dir)?;
        files.create_dir(&shelf_dir)?;
        // The server before this one may have been killed between a rename and its sync.
        [data_dir, &uploads_dir, &shelf_dir].into_iter().try_for_each(|dir| files.sync_dir(dir))?;
        let mut store = Self {
            files,
            settings,
            uploads_dir,
            shelf_dir,
            uploads: HashMap::new(),
            checks: VecDeque::new(),
            kept: Vec::new(),
            stored: BTreeMap::new(),
            newest: ItemId(0),
            newest_is_dropped: false,
            downloads: HashMap::new(),
            doomed: Vec::new(),
            last_dir: 0,
            blindness_is_said: false,
            refused_for: None,
        };
        store.load_partials(at)?;
        let items = store.load_items()?;
        Ok((store, items))
    }

    /// Does one piece of work, or the beginning of it, and says what came of it where someone
    /// waits for that: with one answer, or several, or later ones from [`Self::step`].
    pub fn handle(&mut self, request: Request, answer: &mut impl FnMut(Reply)) {
        match request {
            Request::Create { upload, name, size, key, uploader, at } => {
                let offer = key.map(|key| Offer::new(&key, name, size, uploader));
                self.create(upload, offer, size, at, answer);
            }
            Request::Write { upload, block } => answer(self.write(upload, block)),
            Request::Publish { upload, item } => {
                if let Some(reply) = self.publish(upload, item) {
                    answer(reply);
                }
            }
            Request::Discard { upload } => {
                self.discard(upload);
                answer(Reply::Ended { transfer: upload });
            }
            Request::Suspend { upload, at } => {
                let is_kept = self.suspend(upload, at);
                self.keep_within_bounds();
                answer(Reply::Ended { transfer: upload });
                if is_kept {
                    answer(Reply::Expires { at: self.next_expiry() });
                }
            }
            Request::Expire { at } => {
                self.expire(at);
                answer(Reply::Expires { at: self.next_expiry() });
            }
            Request::Open { download, item, offset } => {
                answer(match self.open_item(download, item, offset) {
                    Ok(()) => Reply::Opened { download },
                    Err(why) => failed(download, &why, None),
                });
            }
            Request::Read { download, offset, bytes, frame_bytes, extent } => {
                answer(self.read(download, offset, bytes, frame_bytes, extent));
            }
            Request::Close { download } => {
                self.close(download);
                answer(Reply::Ended { transfer: download });
            }
            Request::Remove { item } => self.remove_item(item),
        }
    }

    /// True while [`Self::step`] has something to do.
    #[must_use]
    pub fn has_work(&self) -> bool {
        !self.checks.is_empty()
    }

    /// The highest number of an item that was ever on the shelf, as far as the shelf's folder tells;
    /// 0 for none.
    #[must_use]
    pub fn newest_item(&self) -> ItemId {
        self.newest
    }

    /// The ids of the uploads that became the items on the shelf, of those that had a key.
    pub fn upload_ids(&self) -> impl Iterator<Item = (ItemId, UploadId)> {
        self.stored.iter().map(|(item, offer)| (*item, offer.id))
    }

    /// A name in `uploads` that nothing has.
    fn new_dir(&mut self) -> PathBuf {
        self.last_dir += 1;
        self.uploads_dir.join(self.last_dir.to_string())
    }

    /// Moves a folder, in one step, to where a restart would clear it; says where it is then. If
    /// it can't be moved, it is where it was.
    fn take_away(&mut self, dir: &Path) -> PathBuf {
        let away = self.new_dir();
        if self.files.rename(dir, &away).is_ok() { away } else { dir.into() }
    }

    /// Removes a folder that nobody has open. Should that fail nothing waits for it: the next
    /// start tries again.
    fn clear(&mut self, dir: &Path) {
        let dir = self.take_away(dir);
        self.remove_dir(&dir);
    }

    fn remove_dir(&self, dir: &Path) {
        match self.try_remove_dir(dir) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => {
                log::error!("cannot remove {}: {why}", dir.display());
            }
            _ => {}
        }
    }

    /// Removes a folder of an upload or an item, but nothing in it that is not ours. That it has
    /// begun is noted first: an item without its meta would else be taken for a damaged one.
    fn try_remove_dir(&self, dir: &Path) -> io::Result<()> {
        self.note_removal(dir)?;
        self.remove_content(dir)?;
        remove_if_there(&self.files, &dir.join(DROPPED))?;
        self.files.remove_empty_dir(dir)
    }

    fn note_removal(&self, dir: &Path) -> io::Result<()> {
        match self.files.rename(&dir.join("meta"), &dir.join(DROPPED)) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
            _ => Ok(()),
        }
    }

    fn remove_content(&self, dir: &Path) -> io::Result<()> {
        ["content", "meta.new"]
            .into_iter()
            .try_for_each(|name| remove_if_there(&self.files, &dir.join(name)))
    }
}

fn remove_if_there(files: &impl Files, path: &Path) -> io::Result<()> {
    match files.remove_file(path) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
        _ => Ok(()),
    }
}

/// True for the name of a folder in `uploads`.
pub(super) fn has_upload_name(path: &Path) -> bool {
    partials::UploadName::of(path).is_some()
}

/// True for the name of a folder on the shelf.
pub(super) fn has_item_name(path: &Path) -> bool {
    shelf::item_of(path).is_some()
}

/// True for an item's folder whose meta file can be read.
pub(super) fn is_item(files: &impl Files, dir: &Path) -> bool {
    has_item_name(dir) && meta::read(files, dir).is_ok_and(|meta| meta::decode_item(&meta).is_ok())
}

/// True for the name of a file in such folders.
pub(super) fn has_name_of_ours(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| ["content", "meta", "meta.new", DROPPED].contains(&name))
}

fn failed(transfer: TransferKey, why: &io::Error, block: Option<Block>) -> Reply {
    if is_full(why) {
        // Any guest can bring this about, as often as they like.
        log::info!("a transfer ends for want of space: {why}");
    } else {
        log::error!("a transfer failed: {why}");
    }
    let code = if is_full(why) { Code::STORAGE_FULL } else { Code::STORAGE_FAILED };
    Reply::Failed { transfer, code, detail: Some(why.to_string()), block }
}

/// True when an error says that there is no space left.
fn is_full(why: &io::Error) -> bool {
    matches!(why.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn bad_data(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests;
