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
    pub fn sync(mut self) -> io::Result<()> {
        let open = self.open.as_mut().map(|(file, path)| (file, path.as_path()));
        sync(self.rotation, open)
    }
}

/// Does what [`Unsynced::sync`] says, for the current segment in its place.
pub(super) fn sync<F: Files>(
    mut rotation: Option<Rotation<F>>,
    open: Option<(&mut F::File, &Path)>,
) -> io::Result<()> {
    let has_open = open.is_some();
    let left = rotation.as_mut().map_or(Ok(()), Rotation::settle);
    let open = open.map_or(Ok(()), |(file, path)| file.sync().and_then(|()| check_at(file, path)));
    left.and(open)?;
    rotation.filter(|_| has_open).iter().for_each(Rotation::remove_surplus);
    Ok(())
}

/// Checks that a file still has its path: a sync also succeeds for a file that was removed.
pub(super) fn check_at(file: &impl StoredFile, path: &Path) -> io::Result<()> {
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
    fn settle(&mut self) -> io::Result<()> {
        self.left.take().map_or(Ok(()), |mut left| left.sync())?;
        self.files.sync_dir(&self.dir)
    }

    /// Removes older segments that are no longer needed. If that fails, the next rotation tries
    /// again.
    fn remove_surplus(&self) {
        let mut held = 0;
        for path in self.older.iter().rev() {
            if held < self.segment_bytes {
                held += self.files.size(path).unwrap_or(0);
            } else {
                remove(&self.files, path);
            }
        }
    }
}

/// Removes a segment, or logs why it cannot.
pub(super) fn remove<F: Files>(files: &F, path: &Path) {
    if let Err(why) = files.remove_file(path) {
        log::warn!("cannot remove {}: {why}", path.display());
    }
}
