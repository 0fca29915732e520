//! The store: the files of the shelf, and of uploads that are not on it yet.
//!
//! ```text
//! DATA/uploads/<n>/content        an upload without a key (or something being removed)
//! DATA/uploads/<id>/content       an upload with a key, running or interrupted; the id, 64 digits,
//!                                 is a hash of the key
//! DATA/uploads/<id>/meta          what was offered, and when it was interrupted
//! DATA/shelf/<item>/content,meta  the same folder, renamed: from then on it is an item; its meta
//!                                 has the item's fields, and the upload's id if there was one
//! DATA/shelf/<item>/dropped       the item is being removed; for the newest item this file stays
//!                                 until there is a newer one, so that its number is not used again
//! DATA/shelf/<item>.bad           a damaged item that was set aside; nobody removes it
//! ```
//!
//! Names that are not ours stay as they are, and so does anything next to our files.
//!
//! When all content has arrived and is verified, the item's `meta` is written and made durable;
//! then the folder is renamed. The rename is the one step that makes an item: before it nothing is
//! visible, after it everything is. So a folder on the shelf always has an item's meta, and one in
//! `uploads` is never an item, whatever its meta says. Only this module opens, writes, renames and
//! removes these files, always on the disk thread.

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
use shelf::Doomed;
use upload::{Check, Upload};

pub use meta::UploadId;
pub use partials::{PARTIAL_BYTES_MIN, PARTIALS_MAX};
pub use space::default_reserve;

/// The name of a meta file in a folder that is being removed.
const DROPPED: &str = "dropped";

/// The operator's settings of the store.
#[derive(Clone, Copy, Debug)]
pub struct StoreSettings {
    /// Bytes of the disk that uploads leave free.
    pub min_free_bytes: u64,
    /// How long an interrupted upload is kept, in milliseconds; 0 keeps none.
    pub keep_partial_ms: u64,
    /// Largest total size of kept uploads, in bytes.
    pub partial_bytes_max: u64,
    /// Smallest upload that is kept, in bytes.
    pub partial_bytes_min: u64,
}

/// The files of all transfers, and kept uploads.
#[derive(Debug)]
pub struct Store<F: Files> {
    files: F,
    settings: StoreSettings,
    uploads_dir: PathBuf,
    shelf_dir: PathBuf,
    /// Uploads that can be written to.
    uploads: HashMap<TransferKey, Upload<F::File>>,
    /// Uploads whose kept content is being read back.
    checks: VecDeque<Check<F::File>>,
    /// Kept uploads; none of them is open.
    kept: Vec<Partial>,
    /// The offers of the items on the shelf that were uploaded with a key.
    stored: BTreeMap<ItemId, Offer>,
    /// The highest item number so far; 0 before the first.
    newest: ItemId,
    /// That item was dropped, and its folder only keeps its number.
    newest_is_dropped: bool,
    downloads: HashMap<TransferKey, F::File>,
    /// Folders of dropped items, and of items that did not get onto the shelf, that could not be
    /// removed yet.
    doomed: Vec<Doomed>,
    /// The highest number of a folder in `uploads_dir`.
    last_dir: u64,
    /// It was logged that the system does not say how much space is free.
    blindness_is_said: bool,
    /// The size of the upload for which it was logged that uploads are refused.
    refused_for: Option<u64>,
}

impl<F: Files> Store<F> {
    /// Opens the folders below `data_dir`, removes what cannot be resumed, and returns the whole
    /// items, oldest first. A first [`Request::Expire`] tells when kept uploads expire.
    ///
    /// # Errors
    /// When a folder cannot be created, listed or synced.
    pub fn open(
        files: F,
        data_dir: &Path,
        settings: StoreSettings,
        at: UnixMillis,
    ) -> io::Result<(Self, Vec<Item>)> {
        let (uploads_dir, shelf_dir) = (data_dir.join("uploads"), data_dir.join("shelf"));
        files.create_dir(&uploads_dir)?;
        files.create_dir(&shelf_dir)?;
        // The previous server may have been killed between a rename and its sync.
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

    /// Ends in good order: what could not be removed before is tried once more.
    pub fn finish(mut self) {
        self.downloads.clear();
        self.remove_doomed();
    }

    /// Handles a request, or begins to, and answers if someone waits for that: with one reply or
    /// several, or with later ones from [`Self::step`].
    pub fn handle(&mut self, request: Request, answer: &mut impl FnMut(Reply)) {
        match request {
            Request::Create { upload, name, size, key, uploader, checksum, at } => {
                let offer = key.map(|key| Offer::new(&key, name, size, uploader));
                self.create(upload, offer, size, at, answer);
                if let (Some(checksum), Some(upload)) = (checksum, self.uploads.get_mut(&upload)) {
                    upload.verify(checksum);
                }
            }
            Request::Write { upload, block } => answer(self.write(upload, block)),
            Request::Publish { upload, item, digest } => {
                if let Some(reply) = self.publish(upload, item, digest) {
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
            Request::Read { download, offset, bytes, framing, extent } => {
                answer(self.read(download, offset, bytes, framing, extent));
            }
            Request::Release { extent } => drop(extent),
            Request::Close { download } => {
                self.close(download);
                answer(Reply::Ended { transfer: download });
            }
            Request::Configure(settings) => {
                self.settings = settings;
                self.keep_within_bounds();
            }
            Request::Remove { item } => self.remove_item(item),
        }
    }

    /// True if [`Self::step`] has something to do.
    #[must_use]
    pub fn has_work(&self) -> bool {
        !self.checks.is_empty()
    }

    /// The highest item number so far, as far as the shelf's folder tells; 0 for none.
    #[must_use]
    pub fn newest_item(&self) -> ItemId {
        self.newest
    }

    /// The upload ids of the items on the shelf that were uploaded with a key.
    pub fn upload_ids(&self) -> impl Iterator<Item = (ItemId, UploadId)> {
        self.stored.iter().map(|(item, offer)| (*item, offer.id))
    }

    /// An unused name in `uploads`.
    fn new_dir(&mut self) -> PathBuf {
        self.last_dir += 1;
        self.uploads_dir.join(self.last_dir.to_string())
    }

    /// Moves a folder, atomically, to where a restart would remove it, and returns its new path, or
    /// the old one if it cannot be moved.
    fn take_away(&mut self, dir: &Path) -> PathBuf {
        let away = self.new_dir();
        if self.files.rename(dir, &away).is_ok() { away } else { dir.into() }
    }

    /// Removes a folder that nobody has open. If that fails, the next startup tries again.
    fn clear(&mut self, dir: &Path) {
        let dir = self.take_away(dir);
        self.remove_dir(&dir);
    }

    fn remove_dir(&self, dir: &Path) {
        if let Err(why) = self.try_remove_dir(dir) {
            log::error!("cannot remove {}: {why}", dir.display());
        }
    }

    /// Removes a folder of an upload or an item, but nothing in it that is not ours. First notes
    /// that the removal has begun: an item without its meta would otherwise count as damaged.
    fn try_remove_dir(&self, dir: &Path) -> io::Result<()> {
        self.note_removal(dir)?;
        self.remove_content(dir)?;
        if_there(self.files.remove_file(&dir.join(DROPPED)))?;
        if_there(self.files.remove_empty_dir(dir))
    }

    fn note_removal(&self, dir: &Path) -> io::Result<()> {
        if_there(self.files.rename(&dir.join("meta"), &dir.join(DROPPED)))
    }

    fn remove_content(&self, dir: &Path) -> io::Result<()> {
        ["content", "meta.new"]
            .into_iter()
            .try_for_each(|name| if_there(self.files.remove_file(&dir.join(name))))
    }
}

/// What came of moving or removing something, which is no error if there was nothing.
fn if_there(done: io::Result<()>) -> io::Result<()> {
    done.or_else(|why| if why.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(why) })
}

/// True for the name of a folder in `uploads`.
pub(super) fn has_upload_name(path: &Path) -> bool {
    partials::UploadName::of(path).is_some()
}

/// True for the name of a folder on the shelf.
pub(super) fn has_item_name(path: &Path) -> bool {
    shelf::item_of(path).is_some()
}

/// True for an item's folder with a readable meta file.
pub(super) fn is_item(files: &impl Files, dir: &Path) -> bool {
    has_item_name(dir) && meta::read(files, dir).is_ok_and(|meta| meta::decode_item(&meta).is_ok())
}

/// The number of the format of a folder's meta file, if a later version has written it.
pub(super) fn newer_format(files: &impl Files, dir: &Path) -> Option<u8> {
    meta::newer_format(&meta::read(files, dir).ok()?)
}

/// True for the name of a file in such folders.
pub(super) fn has_our_name(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| ["content", "meta", "meta.new", DROPPED].contains(&name))
}

fn failed(transfer: TransferKey, why: &io::Error, block: Option<Block>) -> Reply {
    // Any guest can cause this, as often as they like: the engine logs it, within bounds.
    let code = if is_full(why) { Code::STORAGE_FULL } else { Code::STORAGE_FAILED };
    Reply::Failed { transfer, code, detail: Some(why.to_string()), block }
}

/// True for an error that means that there is no space left.
fn is_full(why: &io::Error) -> bool {
    matches!(why.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn bad_data(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests;
