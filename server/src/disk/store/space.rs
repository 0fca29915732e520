//! Free space: what uploads must leave free, and what is removed to make room for them.

use std::io;

use bytesize::ByteSize;

use super::Store;
use crate::disk::files::Files;

/// What uploads leave free by default: so many bytes, but at most so many per cent of a small disk.
const RESERVE_BYTES: u64 = 512 * 1024 * 1024;
const RESERVE_PERCENT: u64 = 5;

/// What uploads leave free by default on a disk of so many bytes.
#[must_use]
pub fn default_reserve(disk_bytes: u64) -> u64 {
    RESERVE_BYTES.min(disk_bytes / 100 * RESERVE_PERCENT)
}

impl<F: Files> Store<F> {
    /// True if so many bytes fit on the disk, with all kept uploads removed. Reserves nothing and
    /// removes nothing: an offer costs its sender nothing.
    pub(super) fn may_fit(&mut self, bytes: u64) -> bool {
        let needed = self.settings.min_free_bytes.saturating_add(bytes);
        let Some(available) = self.available() else { return true };
        let fits = available.saturating_add(self.kept_bytes()) >= needed;
        if !fits {
            self.tell_of_refusal(available, needed);
        }
        fits
    }

    /// True if so many bytes can be written and the operator's reserve stays free. Removes kept
    /// uploads for that, unless even all of them would not be enough.
    pub(super) fn make_room(&mut self, bytes: u64) -> bool {
        let needed = self.settings.min_free_bytes.saturating_add(bytes);
        loop {
            let Some(available) = self.available() else { return true };
            // No guest can free that much: the next refusal is worth a warning again.
            self.refused_for.take_if(|needed| available / 2 >= *needed);
            if available >= needed {
                return true;
            }
            if available.saturating_add(self.kept_bytes()) < needed || !self.remove_for_room() {
                self.tell_of_refusal(available, needed);
                return false;
            }
        }
    }

    /// Bytes that can be written; none if the system does not say, which is logged once.
    fn available(&mut self) -> Option<u64> {
        match self.files.available(&self.uploads_dir) {
            Ok(bytes) => {
                self.blindness_is_said = false;
                Some(bytes)
            }
            Err(why) => {
                if !std::mem::replace(&mut self.blindness_is_said, true) {
                    log::error!(
                        "cannot tell how much space is free, so --min-free has no effect: {why}"
                    );
                }
                None
            }
        }
    }

    /// Warns the operator which setting is the reason, but not at each refusal.
    fn tell_of_refusal(&mut self, available: u64, needed: u64) {
        if self.refused_for.replace(needed).is_none() {
            log::warn!(
                "uploads are refused: {} of the disk are free, and {} must stay free (--min-free)",
                ByteSize(available),
                ByteSize(self.settings.min_free_bytes)
            );
        }
    }

    /// The error for an upload that does not fit. Guests see its text.
    pub(super) fn no_room(&self) -> io::Error {
        let why = match self.settings.min_free_bytes {
            0 => "too little space is left on the disk".into(),
            bytes => format!("uploads must leave {} of the disk free", ByteSize(bytes)),
        };
        io::Error::new(io::ErrorKind::StorageFull, why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_follows_the_size_of_a_small_disk() {
        const GIB: u64 = 1 << 30;
        for (disk, reserve) in [(0, 0), (200 << 20, 10 << 20), (GIB, GIB / 20), (10 * GIB, GIB / 2)]
        {
            let found = default_reserve(disk);
            assert!(found <= reserve && reserve - found < 100, "{disk}: {found}");
        }
        assert_eq!(default_reserve(u64::MAX), 512 << 20);
    }
}
