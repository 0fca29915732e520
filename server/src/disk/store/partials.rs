//! Partials, the kept parts of interrupted uploads: how many, how much and how long.

use std::cmp::Reverse;
use std::io;
use std::path::{Path, PathBuf};

use chatshelf_common::id::UnixMillis;

use super::meta::{self, Offer, OldOffer, UploadId};
use super::{Store, bad_data};
use crate::disk::Uploader;
use crate::disk::files::Files;

/// Most interrupted uploads kept.
pub const PARTIALS_MAX: usize = 64;

/// Smallest part that is kept, in bytes: less is quickly sent again.
pub const PARTIAL_BYTES_MIN: u64 = 64 * 1024;

/// An interrupted upload: its folder holds the beginning of its content.
#[derive(Debug)]
pub(super) struct Partial {
    pub(super) offer: Offer,
    /// Length of the content.
    pub(super) bytes: u64,
    /// When it was interrupted.
    pub(super) at: UnixMillis,
}

/// What the name of a folder in `uploads` says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UploadName {
    /// An upload without a key, or something being removed.
    Number(u64),
    /// An upload with a key, named by its id or, in earlier versions, by the key itself.
    Key,
}

impl UploadName {
    /// Digits of a key.
    const KEY_DIGITS: usize = 32;

    /// None for a name that is not ours.
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
    /// Finds what can be resumed, and removes everything else of ours from `uploads`. Leaves what
    /// is not ours as it is.
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
                return Err(bad_data("its meta file belongs to another upload"));
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
        // A time in the future comes from a clock that was wrong.
        let at = interrupted.map_or(now, |at| at.min(now));
        Ok(Partial { offer, bytes, at })
    }

    /// Gives an upload that an earlier version has kept, under its key, today's name and meta file.
    /// None if the meta file is not of that kind.
    fn adopt_partial(
        &self,
        dir: &Path,
        meta: &[u8],
    ) -> io::Result<Option<(Offer, Option<UnixMillis>)>> {
        let Ok(OldOffer { key, offer, interrupted }) = Offer::decode_old(meta) else {
            return Ok(None);
        };
        let new = self.partial_dir(offer.id);
        // The previous server may have been killed between the two steps.
        if *dir != new {
            if *dir != self.uploads_dir.join(key.to_string()) {
                return Ok(None);
            }
            self.files.rename(dir, &new)?;
        }
        self.note(&offer, interrupted)?;
        Ok(Some((offer, interrupted)))
    }

    /// How much of an upload has arrived. It is an error if that is nothing, or too much.
    fn content_bytes(&self, offer: &Offer) -> io::Result<u64> {
        let bytes = self.files.size(&self.partial_dir(offer.id).join("content"))?;
        let is_good = (1..=offer.size).contains(&bytes);
        if is_good { Ok(bytes) } else { Err(bad_data("its content is empty or too long")) }
    }

    /// The folder of an upload with a key.
    pub(super) fn partial_dir(&self, id: UploadId) -> PathBuf {
        self.uploads_dir.join(id.to_string())
    }

    /// Replaces the meta file of an upload, and makes its folder durable.
    pub(super) fn note(&self, offer: &Offer, interrupted: Option<UnixMillis>) -> io::Result<()> {
        let dir = self.partial_dir(offer.id);
        meta::replace(&self.files, &dir, &offer.encode(interrupted))?;
        self.files.sync_dir(&self.uploads_dir)
    }

    /// Takes out what is kept of this upload. If the key is the same but the file is another one,
    /// or if the content is damaged, removes it.
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

    /// Puts back what [`Self::take_kept`] took out.
    pub(super) fn put_back(&mut self, partial: Partial) {
        self.kept.push(partial);
        self.keep_within_bounds();
    }

    /// The total size of all kept uploads, in bytes.
    pub(super) fn kept_bytes(&self) -> u64 {
        self.kept.iter().map(|partial| partial.bytes).fold(0, u64::saturating_add)
    }

    /// Removes kept uploads until there are neither too many nor too many bytes. The uploader who
    /// has most loses: of too many uploads, the smallest; of too many bytes, see
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

    /// Removes the oldest upload of the uploader whose kept bytes are most; false if nothing is
    /// kept.
    pub(super) fn remove_for_room(&mut self) -> bool {
        self.remove_of_greediest(|partial| partial.bytes, |partial| partial.at)
    }

    /// Of the uploader who has most by `weight`, removes the first upload by `order`; false if
    /// nothing is kept. Uploads that an earlier version has kept count as those of one uploader.
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

    /// Removes a kept upload. It counts as removed even if the disk fails to remove it.
    fn remove_kept(&mut self, place: usize) {
        let Partial { offer, bytes, .. } = self.kept.swap_remove(place);
        log::debug!("removed the {bytes} bytes that were kept of {}", offer.name.as_str());
        self.clear(&self.partial_dir(offer.id));
    }

    /// Removes uploads that have been kept for long enough.
    pub(super) fn expire(&mut self, now: UnixMillis) {
        let kept_ms = self.settings.keep_partial_ms;
        let is_over = |partial: &Partial| partial.at.0.saturating_add(kept_ms) <= now.0;
        while let Some(place) = self.kept.iter().position(is_over) {
            self.remove_kept(place);
        }
    }

    /// When the next kept upload expires.
    pub(super) fn next_expiry(&self) -> Option<UnixMillis> {
        let oldest = self.kept.iter().map(|partial| partial.at).min()?;
        Some(UnixMillis(oldest.0.saturating_add(self.settings.keep_partial_ms)))
    }
}
