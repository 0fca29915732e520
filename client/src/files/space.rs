//! How much space a disk has left. Looks, but writes nothing.

use std::path::Path;

use super::FileError;

/// Bytes that the file system of a directory has free for us. `None` where it does not say: some
/// network file systems claim to have no size at all.
pub(crate) fn free_bytes(dir: &Path) -> Option<u64> {
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    let total = fs4::total_space(dir).ok()?;
    fs4::available_space(dir).ok().filter(|_| total > 0)
}

/// Checks before a download that `bytes` more fit beside `path`.
///
/// # Errors
/// [`FileError::NoRoom`] when the disk says that they do not.
pub(super) fn expect_room(path: &Path, bytes: u64) -> Result<(), FileError> {
    let dir = path.parent().unwrap_or(path);
    match free_bytes(dir) {
        Some(free) if free < bytes => {
            Err(FileError::NoRoom { needed: bytes, free, dir: dir.to_owned() })
        }
        _ => Ok(()),
    }
}
