//! Partials: what is kept of interrupted uploads, for how long, and how much of it.

use std::cmp::Reverse;
use std::io;
use std::path::{Path, PathBuf};

use chatshelf_common::id::UnixMillis;

use super::meta::{self, Offer, UploadId};
use super::upload::Upload;
use super::{Store, StoreSettings, bad_data};
use crate::disk::Uploader;
use crate::disk::files::{Files, StoredFile};

/// Most interrupted uploads kept.
pub const PARTIALS_MAX: usize = 64;

/// Least that is worth keeping of an interrupted upload: less is soon sent again.
pub const PARTIAL_BYTES_MIN: u64 = 64 * 1024;

/// An interrupted upload: its folder holds the beginning of its content.
#[derive(Debug)]
pub(super) struct Partial {
    pub(super) offer: Offer,
    /// Length of its content.
    pub(super) bytes: u64,
    /// When it was interrupted.
    pub(super) at: UnixMillis,
}

/// What a folder in `uploads` is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UploadName {
    /// An upload without a key, or something being removed.
    Number(u64),
    /// An upload with a key: by its id or, as earlier versions had it, by the key.
    Key,
}

impl UploadName {
    /// Digits of a key.
    const KEY_DIGITS: usize = 32;

    /// None for a name that we do not give.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_hex = name.bytes().all(is_digit);
        if is_hex && [Self::KEY_DIGITS, UploadId::DIGITS].contains(&name.len()) {
            return Some(Self::Key);
        }
        let number: u32 = name.parse().ok()?;
        (number.to_string() == name).then_some(Self::Number(number.into()))
    }
}

impl<F: Files> Store<F> {
    /// Finds what can be gone on with, and removes what else of ours is in `uploads`. What is not
    /// ours is left alone.
    pub(super) fn load_partials(&mut self, at: UnixMillis) -> io::Result<()> {
        for path in self.files.list(&self.uploads_dir)? {
            let Some(name) = UploadName::of(&path) else {
                log::warn!(
                    "{} does not belong to chatshelf-server and stays as it is",
                    path.display()
                );
                continue;
            };
            if let UploadName::Number(number) = name {
                self.last_dir = self.last_dir.max(number);
                self.remove_dir(&path);
                continue;
            }
            match self.load_partial(&path, at) {
                Ok(partial) if partial.bytes < self.settings.partial_bytes_min => {
                    self.remove_dir(&path);
                }
                Ok(partial) => self.kept.push(partial),
                Err(why) => {
                    log::warn!("cannot resume {}: {why}", path.display());
                    self.remove_dir(&path);
                }
            }
        }
        self.expire(at);
        self.keep_within_bounds();
        Ok(())
    }

    fn load_partial(&self, dir: &Path, now: UnixMillis) -> io::Result<Partial> {
        let meta = meta::read(&self.files, dir)?;
        let (offer, interrupted) = match Offer::decode(&meta) {
            Ok((offer, _)) if *dir != self.partial_dir(offer.id) => {
                return Err(bad_data("its meta file is another upload's"));
            }
            Ok(read) => read,
            Err(why) => self.adopt_partial(dir, &meta)?.ok_or_else(|| bad_data(why))?,
        };
        let bytes = self.content_bytes(&offer)?;
        if interrupted.is_none()
            && let Err(why) = self.note(&offer, Some(now))
        {
            log::error!("the meta file of {} is out of date: {why}", dir.display());
        }
        // A time that is yet to come is that of a clock which was wrong.
        let at = interrupted.map_or(now, |at| at.min(now));
        Ok(Partial { offer, bytes, at })
    }

    /// Gives what was kept under its key, as earlier versions did, its name and its meta file of
    /// today; none if the meta file is not one of theirs.
    fn adopt_partial(
        &self,
        dir: &Path,
        meta: &[u8],
    ) -> io::Result<Option<(Offer, Option<UnixMillis>)>> {
        let Ok((key, offer, interrupted)) = Offer::decode_old(meta) else { return Ok(None) };
        let new = self.partial_dir(offer.id);
        // The server before may have been killed between the two steps.
        if *dir != new {
            if *dir != self.uploads_dir.join(key.to_string()) {
                return Ok(None);
            }
            self.files.rename(dir, &new)?;
        }
        self.note(&offer, interrupted)?;
        Ok(Some((offer, interrupted)))
    }

    /// Length of what has come of an upload; it is an error if that is nothing, or too much.
    fn content_bytes(&self, offer: &Offer) -> io::Result<u64> {
        let bytes = self.files.size(&self.partial_dir(offer.id).join("content"))?;
        let is_good = (1..=offer.size).contains(&bytes);
        if is_good { Ok(bytes) } else { Err(bad_data("its content has no length it could have")) }
    }

    /// Where the files of an upload with a key are.
    pub(super) fn partial_dir(&self, id: UploadId) -> PathBuf {
        self.uploads_dir.join(id.to_string())
    }

    /// Writes the meta file of an upload that is there, and makes its folder durable.
    pub(super) fn note(&self, offer: &Offer, interrupted: Option<UnixMillis>) -> io::Result<()> {
        let dir = self.partial_dir(offer.id);
        meta::replace(&self.files, &dir, &offer.encode(interrupted))?;
        self.files.sync_dir(&self.uploads_dir)
    }

    /// Closes an upload of which `bytes` have come, and keeps them; true if so. Without a key,
    /// when too little has come or nothing may be kept, it is removed.
    pub(super) fn keep(&mut self, upload: Upload<F::File>, bytes: u64, at: UnixMillis) -> bool {
        let Upload { dir, mut content, offer, .. } = upload;
        let StoreSettings { partial_bytes_min, partial_bytes_max, keep_partial_ms, .. } =
            self.settings;
        let is_worth_it = (partial_bytes_min.max(1)..=partial_bytes_max).contains(&bytes);
        let may_be_kept = keep_partial_ms > 0 && is_worth_it;
        let Some(offer) = offer.filter(|_| may_be_kept) else {
            drop(content);
            self.clear(&dir);
            return false;
        };
        let synced = content.sync();
        drop(content);
        match synced.and_then(|()| self.note(&offer, Some(at))) {
            Ok(()) => self.kept.push(Partial { offer, bytes, at }),
            Err(why) => {
                log::error!("cannot keep the upload in {}: {why}", dir.display());
                self.clear(&dir);
                return false;
            }
        }
        true
    }

    /// Takes out what is kept of exactly this upload. What has its key but is another file, or is
    /// damaged, goes.
    pub(super) fn take_kept(&mut self, offer: &Offer) -> Option<Partial> {
        let place = self.kept.iter().position(|partial| partial.offer.id == offer.id)?;
        let mut partial = self.kept.swap_remove(place);
        match self.content_bytes(&partial.offer) {
            Ok(bytes) if partial.offer.is_of_same_upload(offer) => {
                partial.bytes = bytes;
                partial.offer.uploader = offer.uploader;
                return Some(partial);
            }
            Ok(_) => {}
            Err(why) => log::warn!("a kept upload of {} is lost: {why}", offer.name.as_str()),
        }
        self.clear(&self.partial_dir(offer.id));
        None
    }

    /// Puts back what was taken out.
    pub(super) fn put_back(&mut self, partial: Partial) {
        self.kept.push(partial);
        self.keep_within_bounds();
    }

    /// Bytes of all that is kept.
    pub(super) fn kept_bytes(&self) -> u64 {
        self.kept.iter().map(|partial| partial.bytes).fold(0, u64::saturating_add)
    }

    /// Removes what there is too much of. Who has most is the one to lose: of too many, the
    /// smallest of those whose uploader has most of them; of too many bytes, see
    /// [`Self::remove_for_room`].
    pub(super) fn keep_within_bounds(&mut self) {
        while self.kept.len() > PARTIALS_MAX {
            let smallest = |partial: &Partial| (partial.bytes, partial.at);
            self.remove_of_greediest(|_| 1, smallest);
        }
        while self.kept_bytes() > self.settings.partial_bytes_max {
            self.remove_for_room();
        }
    }

    /// Removes the oldest kept of the uploader of whom most bytes are kept; false if nothing is.
    pub(super) fn remove_for_room(&mut self) -> bool {
        self.remove_of_greediest(|partial| partial.bytes, |partial| partial.at)
    }

    /// Of the uploaders who have most, by `weight`, removes what comes first by `order`; false if
    /// nothing is kept. What an earlier version has kept counts as one uploader's.
    fn remove_of_greediest<T: Ord>(
        &mut self,
        weight: impl Fn(&Partial) -> u64,
        order: impl Fn(&Partial) -> T,
    ) -> bool {
        let share = |uploader: Option<Uploader>| {
            let own = self.kept.iter().filter(|partial| partial.offer.uploader == uploader);
            own.map(&weight).fold(0, u64::saturating_add)
        };
        let first =
            self.kept.iter().enumerate().min_by_key(|(_, partial)| {
                (Reverse(share(partial.offer.uploader)), order(partial))
            });
        let Some((place, _)) = first else { return false };
        self.remove_kept(place);
        true
    }

    /// Removes one that is kept. It counts as gone even where the disk does not let go of it.
    fn remove_kept(&mut self, place: usize) {
        let Partial { offer, bytes, .. } = self.kept.swap_remove(place);
        log::info!("the {bytes} bytes kept of {} are removed", offer.name.as_str());
        self.clear(&self.partial_dir(offer.id));
    }

    /// Removes what has been kept for long enough.
    pub(super) fn expire(&mut self, now: UnixMillis) {
        let kept_ms = self.settings.keep_partial_ms;
        let is_over = |partial: &Partial| partial.at.0.saturating_add(kept_ms) <= now.0;
        while let Some(place) = self.kept.iter().position(is_over) {
            self.remove_kept(place);
        }
    }

    /// When the next of those that are kept ends.
    pub(super) fn next_expiry(&self) -> Option<UnixMillis> {
        let oldest = self.kept.iter().map(|partial| partial.at).min()?;
        Some(UnixMillis(oldest.0.saturating_add(self.settings.keep_partial_ms)))
    }
}
