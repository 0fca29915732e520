//! Items: how an upload becomes an item, how an item is read, and how it is removed.

use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use chatshelf_common::id::ItemId;
use chatshelf_common::wire::frame::Item;

use super::meta::Offer;
use super::upload::Upload;
use super::{DROPPED, Store, bad_data, failed, meta};
use crate::disk::files::{Files, StoredFile, is_set_aside, set_aside};
use crate::disk::readahead::{Extent, Framing};
use crate::disk::{Reply, TransferKey};
use crate::room::shelf::is_item_id;

/// A folder that is to be removed, and could not be yet.
#[derive(Debug)]
pub(super) struct Doomed {
    dir: PathBuf,
    /// It was logged that it cannot be removed.
    pub(super) is_told: bool,
}

impl<F: Files> Store<F> {
    /// The whole items on the shelf, oldest first. Sets aside folders of ours that are damaged, and
    /// leaves what is not ours as it is.
    pub(super) fn load_items(&mut self) -> io::Result<Vec<Item>> {
        let (mut items, mut dropped) = (Vec::new(), Vec::new());
        for dir in self.files.list(&self.shelf_dir)? {
            // A damaged item that was set aside used its number, too.
            self.newest = self.newest.max(number_of(&dir).unwrap_or(self.newest));
            let Some(id) = item_of(&dir) else {
                if !is_set_aside(&dir) {
                    log::warn!(
                        "{} does not belong to chatshelf-server and stays as it is",
                        dir.display()
                    );
                }
                continue;
            };
            let fault = match self.load_item(&dir) {
                Ok(item) => {
                    items.push(item);
                    continue;
                }
                Err(why) => why,
            };
            let unreadable =
                |why: io::Error| io::Error::new(why.kind(), format!("{}: {why}", dir.display()));
            match self.files.size(&dir.join(DROPPED)) {
                // A dropped item that could not be removed entirely, or was the newest.
                Ok(_) => dropped.push(id),
                Err(why) if !is_damage(&why) => return Err(unreadable(why)),
                Err(_) if self.files.remove_empty_dir(&dir).is_ok() => {}
                Err(_) if !is_damage(&fault) => return Err(unreadable(fault)),
                Err(_) => self.set_item_aside(&dir, &fault),
            }
        }
        self.newest_is_dropped = dropped.contains(&self.newest);
        for id in dropped {
            if let Err(why) = self.remove_item_dir(id) {
                log::error!("cannot remove the rest of item {id}: {why}");
            }
        }
        items.sort_by_key(|item| item.id);
        Ok(items)
    }

    /// Removes the folder of a dropped item. Of the newest item, the note stays.
    fn remove_item_dir(&self, item: ItemId) -> io::Result<()> {
        let dir = self.item_dir(item);
        if self.newest_is_dropped && item == self.newest {
            self.note_removal(&dir)?;
            self.files.sync_dir(&dir)?;
            return self.remove_content(&dir);
        }
        self.try_remove_dir(&dir)
    }

    /// Reads an item's meta file and checks it against the folder that holds it.
    fn load_item(&mut self, dir: &Path) -> io::Result<Item> {
        let (item, id) = meta::decode_item(&meta::read(&self.files, dir)?).map_err(bad_data)?;
        if item_of(dir) != Some(item.id) {
            return Err(bad_data("its meta file belongs to another item"));
        }
        if self.files.size(&dir.join("content"))? != item.size {
            return Err(bad_data("the size of its content differs from its meta file"));
        }
        if let Some(id) = id {
            let (name, size) = (item.name.clone(), item.size);
            self.stored.insert(item.id, Offer { id, name, size, uploader: None });
        }
        Ok(item)
    }

    /// Sets a damaged item aside instead of removing it: its bytes may be worth something to the
    /// operator.
    fn set_item_aside(&self, dir: &Path, why: &io::Error) {
        match set_aside(&self.files, dir) {
            Ok(place) => log::error!(
                "{} is damaged ({why}) and was set aside as {}",
                dir.display(),
                place.display()
            ),
            Err(why) => log::error!("{} is damaged and cannot be set aside: {why}", dir.display()),
        }
    }

    /// The item that this offer has already become.
    pub(super) fn stored_as(&self, offer: &Offer) -> Option<ItemId> {
        self.stored
            .iter()
            .find(|(_, stored)| stored.is_of_same_upload(offer))
            .map(|(&item, _)| item)
    }

    /// Makes content and meta durable, then the item visible, then that durable too. If any step
    /// fails, removes everything.
    pub(super) fn put_on_shelf(&mut self, upload: Upload<F::File>, item: &Item) -> io::Result<()> {
        let place = self.item_dir(item.id);
        let Upload { dir, mut content, offer, .. } = upload;
        let bytes = meta::encode_item(item, offer.as_ref().map(|offer| offer.id));
        let sealed = content.sync().and_then(|()| meta::replace(&self.files, &dir, &bytes));
        // Windows does not rename a folder that contains an open file.
        drop(content);
        if let Err(why) = sealed.and_then(|()| self.files.rename(&dir, &place)) {
            self.clear(&dir);
            return Err(why);
        }
        let shown = self.files.sync_dir(&self.shelf_dir);
        if shown.is_err() {
            let dir = self.take_away(&place);
            self.doom(dir);
            self.remove_doomed();
            return shown;
        }
        if let Some(offer) = offer {
            self.stored.insert(item.id, offer);
        }
        self.note_newest(item.id);
        self.remove_doomed();
        Ok(())
    }

    /// Notes the newest item. If the previous one was dropped, its folder is no longer needed to
    /// keep its number.
    fn note_newest(&mut self, item: ItemId) {
        let before = std::mem::replace(&mut self.newest, item);
        if std::mem::take(&mut self.newest_is_dropped) {
            self.doom(self.item_dir(before));
        }
    }

    /// Takes an item off the shelf by one rename, so that a crash leaves it whole or gone, then
    /// removes its files. If the rename is not allowed (on Windows, while a download has the
    /// content open), removes them in place. Does the same for the newest item, whose number would
    /// be used again after a restart if nothing of it were left.
    pub(super) fn remove_item(&mut self, item: ItemId) {
        self.stored.remove(&item);
        let mut dir = self.item_dir(item);
        if item == self.newest {
            self.newest_is_dropped = true;
        } else {
            dir = self.take_away(&dir);
        }
        self.doom(dir);
        self.remove_doomed();
    }

    /// Has a folder removed: by [`Self::remove_doomed`], as soon as that is possible.
    fn doom(&mut self, dir: PathBuf) {
        if self.doomed.iter().all(|doomed| doomed.dir != dir) {
            self.doomed.push(Doomed { dir, is_told: false });
        }
    }

    /// Removes what it can. The rest stays for the next time: until no download reads from it, or
    /// the disk works again. Forgotten here, a folder would be an item again after a start whose
    /// log does not know that it is none.
    pub(super) fn remove_doomed(&mut self) {
        let mut doomed = std::mem::take(&mut self.doomed);
        doomed.retain_mut(|Doomed { dir, is_told }| {
            let Err(why) = self.try_remove_doomed(dir) else { return false };
            // Windows removes nothing that a download has open, and that is no fault.
            if self.downloads.is_empty() && !std::mem::replace(is_told, true) {
                log::error!("cannot remove {}: {why}", dir.display());
            }
            true
        });
        self.doomed = doomed;
    }

    fn try_remove_doomed(&self, dir: &Path) -> io::Result<()> {
        match item_of(dir) {
            Some(item) if dir == self.item_dir(item) => self.remove_item_dir(item),
            _ => self.try_remove_dir(dir),
        }
    }

    pub(super) fn open_item(
        &mut self,
        download: TransferKey,
        item: ItemId,
        offset: u64,
    ) -> io::Result<()> {
        let mut file = self.files.open(&self.item_dir(item).join("content"))?;
        if offset > 0 {
            file.seek(SeekFrom::Start(offset))?;
        }
        self.downloads.insert(download, file);
        Ok(())
    }

    /// Closes a download's file, and removes dropped items that no download has open any more.
    pub(super) fn close(&mut self, download: TransferKey) {
        self.downloads.remove(&download);
        self.remove_doomed();
    }

    pub(super) fn read(
        &mut self,
        key: TransferKey,
        offset: u64,
        bytes: usize,
        framing: Framing,
        mut extent: Extent,
    ) -> Reply {
        // After a download was closed, its last extents return empty.
        let Some(file) = self.downloads.get_mut(&key) else {
            return Reply::Read { download: key, extent };
        };
        match extent.fill(file, key.transfer, offset, bytes, framing) {
            Ok(()) => Reply::Read { download: key, extent },
            Err(why) => {
                self.close(key);
                failed(key, &why, None)
            }
        }
    }

    fn item_dir(&self, item: ItemId) -> PathBuf {
        self.shelf_dir.join(item.to_string())
    }
}

/// True for an error that shows damage on the disk, and not that the disk could not be read. The
/// latter may pass, but an item that once counts as lost stays lost.
fn is_damage(why: &io::Error) -> bool {
    matches!(
        why.kind(),
        io::ErrorKind::InvalidData
            | io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::UnexpectedEof
    )
}

/// The item that this folder belongs to, or belonged to before it was set aside.
fn number_of(dir: &Path) -> Option<ItemId> {
    let name = dir.file_name()?.to_str()?;
    item_of(Path::new(name.split('.').next()?))
}

/// The item that a folder of this name belongs to, if it is the name of one.
pub(super) fn item_of(dir: &Path) -> Option<ItemId> {
    let name = dir.file_name()?.to_str()?;
    let id = ItemId(name.parse().ok()?);
    (id.to_string() == name && is_item_id(id)).then_some(id)
}
