//! The data directory as a whole: created, checked, locked against a second server.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

use bytesize::ByteSize;

use super::files::SystemFiles;
use super::{formats, mark};

/// Checks whether a server could use this data directory. Creates and changes nothing, and does not
/// mind that another server uses it.
///
/// # Errors
/// Why it could not.
pub fn check(data_dir: &Path) -> io::Result<()> {
    // Missing directories would be created in the nearest one that exists.
    let path = std::path::absolute(data_dir)?;
    let existing = path.ancestors().find(|path| fs::symlink_metadata(path).is_ok());
    let existing = existing.unwrap_or(&path);
    if !fs::metadata(existing)?.is_dir() {
        return Err(not_a_directory(io::ErrorKind::NotADirectory));
    }
    if existing == path {
        mark::check(&SystemFiles, data_dir)?;
        formats::check(&SystemFiles, data_dir)?;
    }
    check_access(existing)
}

/// Checks whether this user may create files there.
#[cfg(unix)]
fn check_access(dir: &Path) -> io::Result<()> {
    use rustix::fs::Access;
    let needed = Access::WRITE_OK | Access::EXEC_OK;
    rustix::fs::access(dir, needed).map_err(|why| {
        let why = io::Error::from(why);
        io::Error::new(why.kind(), format!("this user may not write to {}: {why}", dir.display()))
    })
}

/// Windows says so only when something is created.
#[cfg(not(unix))]
fn check_access(_dir: &Path) -> io::Result<()> {
    Ok(())
}

fn not_a_directory(kind: io::ErrorKind) -> io::Error {
    io::Error::new(kind, "it is not a directory; choose another --data-dir")
}

/// Creates a data directory and missing directories above it.
pub(super) fn create(data_dir: &Path) -> io::Result<()> {
    let made = fs::create_dir_all(data_dir);
    made.map_err(|why| match why.kind() {
        kind @ (io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory) => {
            not_a_directory(kind)
        }
        _ => why,
    })
}

pub(super) fn lock(data_dir: &Path) -> io::Result<File> {
    // Keep its content: the file may not be ours.
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(data_dir.join(mark::LOCK))
        .map_err(|why| io::Error::new(why.kind(), format!("its file {}: {why}", mark::LOCK)))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "another chatshelf-server is using it; choose another --data-dir",
        )),
        Err(TryLockError::Error(why)) => Err(why),
    }
}

/// Warns at startup if there is no room for any upload.
pub(super) fn warn_if_full(data_dir: &Path, min_free_bytes: u64) {
    if let Ok(free) = fs4::available_space(data_dir)
        && free <= min_free_bytes
    {
        log::warn!(
            "every upload will be refused: {} are free in {}, and {} must stay free (--min-free)",
            ByteSize(free),
            data_dir.display(),
            ByteSize(min_free_bytes)
        );
    }
}
