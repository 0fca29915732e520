//! Segment rotation: what must become durable after a new segment begins, and which older segments
//! can then be removed. Another thread can do all of it while more is appended.

use std::io;
use std::path::{Path, PathBuf};

use crate::disk::files::{Files, StoredFile};

/// Everything that was not durable at [`super::Journal::begin_sync`].
#[derive(Debug)]
pub struct Unsynced<F: Files> {
    pub(super) rotation: Option<Rotation<F>>,
    /// The current segment, and its path.
    pub(super) open: Option<(F::File, PathBuf)>,
}

impl<F: Files> Unsynced<F> {
    /// Makes it durable. If one part fails, tries the rest anyway. Removes older segments last, and
    /// only after everything that replaces them is durable, including the topic, which the new
    /// segment repeats.
    ///
    /// # Errors
    /// When the disk does not confirm it, or the segment is no longer where it was created.
    pub fn sync(self) -> io::Result<()> {
        let Self { mut rotation, open } = self;
        let left = rotation.as_mut().map_or(Ok(()), Rotation::settle);
        let has_open = open.is_some();
        let open = open.map_or(Ok(()), |(mut file, path)| sync_in_place(&mut file, &path));
        left.and(open)?;
        rotation.filter(|_| has_open).iter().for_each(Rotation::remove_surplus);
        Ok(())
    }
}

/// Makes a file durable, and checks that it still has its path: a sync also succeeds for a file
/// that was removed.
pub(super) fn sync_in_place(file: &mut impl StoredFile, path: &Path) -> io::Result<()> {
    file.sync()?;
    if file.is_at(path)? {
        Ok(())
    } else {
        let why = format!("{} was removed or moved away", path.display());
        Err(io::Error::new(io::ErrorKind::NotFound, why))
    }
}

/// What is left to do after one segment has given way to the next.
#[derive(Debug)]
pub(super) struct Rotation<F: Files> {
    pub(super) files: F,
    pub(super) dir: PathBuf,
    pub(super) segment_bytes: u64,
    /// The full segment, unless it is already durable.
    pub(super) left: Option<F::File>,
    /// All segments before the new one, oldest first.
    pub(super) older: Vec<PathBuf>,
}

impl<F: Files> Rotation<F> {
    /// Makes the full segment durable, and the name of the new one.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        self.left.take().map_or(Ok(()), |mut left| left.sync())?;
        self.files.sync_dir(&self.dir)
    }

    /// Removes older segments that are no longer needed.
    pub(super) fn remove_surplus(&self) {
        remove_surplus(&self.files, self.segment_bytes, &self.older);
    }
}

/// Removes older segments that are no longer needed. If that fails, the next rotation tries again.
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

/// Removes a segment, or logs why it cannot.
pub(super) fn remove<F: Files>(files: &F, path: &Path) {
    if let Err(why) = files.remove_file(path) {
        log::warn!("cannot remove {}: {why}", path.display());
    }
}
