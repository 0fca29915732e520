//! What is to be made durable of the journal, and what may go once it is. All of it can be done
//! on another thread, while more is appended.

use std::io;
use std::path::{Path, PathBuf};

use crate::disk::files::{Files, StoredFile};

/// All that was not durable when it was asked for ([`super::Journal::begin_sync`]).
#[derive(Debug)]
pub struct Unsynced<F: Files> {
    pub(super) changeover: Option<Rotation<F>>,
    /// The segment being written, and where it is.
    pub(super) open: Option<(F::File, PathBuf)>,
}

impl<F: Files> Unsynced<F> {
    /// Makes it durable. Where a part of it fails, the rest is tried all the same. Older segments go
    /// last, and only once all that takes their place is durable: that is also the topic, which the
    /// new segment repeats.
    ///
    /// # Errors
    /// When the disk can't say so, or the segment is not where it was made any more.
    pub fn sync(self) -> io::Result<()> {
        let Self { mut changeover, open } = self;
        let left = changeover.as_mut().map_or(Ok(()), Rotation::settle);
        let has_open = open.is_some();
        let open = open.map_or(Ok(()), |(mut file, path)| sync_in_place(&mut file, &path));
        left.and(open)?;
        changeover.filter(|_| has_open).iter().for_each(Rotation::remove_surplus);
        Ok(())
    }
}

/// Makes a file durable, and makes sure that it is still there: a sync succeeds for a file that
/// somebody has removed, too.
pub(super) fn sync_in_place(file: &mut impl StoredFile, path: &Path) -> io::Result<()> {
    file.sync()?;
    if file.is_at(path)? {
        Ok(())
    } else {
        let why = format!("{} was removed or moved away", path.display());
        Err(io::Error::new(io::ErrorKind::NotFound, why))
    }
}

/// A segment was left for the next: what remains to be done about it.
#[derive(Debug)]
pub(super) struct Rotation<F: Files> {
    pub(super) files: F,
    pub(super) dir: PathBuf,
    pub(super) segment_bytes: u64,
    /// The one that was left, unless it is durable already.
    pub(super) left: Option<F::File>,
    /// All before the new one, oldest first.
    pub(super) older: Vec<PathBuf>,
}

impl<F: Files> Rotation<F> {
    /// Makes the segment that was left durable, and the name of the new one.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        self.left.take().map_or(Ok(()), |mut left| left.sync())?;
        self.files.sync_dir(&self.dir)
    }

    /// Removes the older segments that are not needed any more.
    pub(super) fn remove_surplus(&self) {
        remove_surplus(&self.files, self.segment_bytes, &self.older);
    }
}

/// Removes those of the older segments that are not needed any more. Where that fails, the next
/// changeover tries again.
fn remove_surplus<F: Files>(files: &F, segment_bytes: u64, older: &[PathBuf]) {
    let mut held = 0;
    for path in older.iter().rev() {
        if held < segment_bytes {
            held += files.size(path).unwrap_or(0);
        } else {
            remove(files, path);
        }
    }
}

/// Removes a segment, if that can be done.
pub(super) fn remove<F: Files>(files: &F, path: &Path) {
    if let Err(why) = files.remove_file(path) {
        log::warn!("cannot remove {}: {why}", path.display());
    }
}
