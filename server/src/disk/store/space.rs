//! Free space: what uploads must leave of the disk, and what goes to make room for them.

use std::io;

use super::Store;
use crate::disk::files::Files;

impl<F: Files> Store<F> {
    /// True when the rest of an upload, of so many bytes, fits beside what all others still have
    /// to come; what is kept makes room for it.
    pub(super) fn has_room_for_upload(&mut self, bytes: u64) -> bool {
        let running =
            self.uploads.values().map(|upload| upload.size.saturating_sub(upload.written()));
        let checked = self.checks.iter().map(|check| check.upload.size - check.bytes);
        let to_come = running.chain(checked).fold(bytes, u64::saturating_add);
        self.make_room(to_come)
    }

    /// True when a block of so many bytes may be written; what is kept makes room for it.
    pub(super) fn has_room_for_block(&mut self, bytes: usize) -> bool {
        self.make_room(bytes as u64)
    }

    /// True when so many bytes can be written and the operator's reserve is still free. As far as
    /// that helps, kept uploads are removed for it, the oldest first; none if it would not.
    fn make_room(&mut self, bytes: u64) -> bool {
        let needed = self.settings.min_free_bytes.saturating_add(bytes);
        loop {
            let Some(available) = self.available() else { return true };
            if available >= needed {
                return true;
            }
            if available.saturating_add(self.kept_bytes()) < needed || !self.remove_oldest_kept() {
                return false;
            }
        }
    }

    /// Bytes that can be written; none if the system can't tell, which is said once.
    fn available(&mut self) -> Option<u64> {
        match self.files.available(&self.uploads_dir) {
            Ok(bytes) => {
                self.blindness_is_said = false;
                Some(bytes)
            }
            Err(why) => {
                if !std::mem::replace(&mut self.blindness_is_said, true) {
                    log::error!("can't tell how much space is free, and go on: {why}");
                }
                None
            }
        }
    }
}

/// The error of an upload for which there is no room.
pub(super) fn no_room() -> io::Error {
    io::Error::new(io::ErrorKind::StorageFull, "too little space is left on the disk")
}
