//! Permissions and modification time of a local file: read for an upload, and applied to a download
//! whose user asked for that. Owns no file.

use std::fs::{File, Metadata};
use std::io;
use std::time::{Duration, SystemTime};

use chatshelf_common::id::{Attributes, Mode, UnixMillis};

/// The attributes that a file's metadata has. The protocol has no times before 1970.
pub(super) fn of(metadata: &Metadata) -> Attributes {
    let since = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).ok();
    let modified = metadata.modified().ok().and_then(since);
    let millis = modified.and_then(|time| u64::try_from(time.as_millis()).ok());
    Attributes { mode: mode_of(metadata), modified: millis.map(UnixMillis) }
}

/// Applies those that are known to a file, each even if the other fails.
///
/// # Errors
/// When the system refuses one of them, or cannot represent the time.
pub(super) fn apply(file: &File, Attributes { mode, modified }: Attributes) -> io::Result<()> {
    let mode = mode.map_or(Ok(()), |mode| set_mode(file, mode));
    let modified = modified.map_or(Ok(()), |UnixMillis(millis)| {
        let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis));
        file.set_modified(time.ok_or(io::ErrorKind::InvalidInput)?)
    });
    mode.and(modified)
}

#[cfg(unix)]
fn mode_of(metadata: &Metadata) -> Option<Mode> {
    Some(Mode::of(std::os::unix::fs::PermissionsExt::mode(&metadata.permissions())))
}

#[cfg(unix)]
fn set_mode(file: &File, mode: Mode) -> io::Result<()> {
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode.bits().into());
    file.set_permissions(permissions)
}

/// Other systems have permissions of another kind, which mean nothing elsewhere.
#[cfg(not(unix))]
fn mode_of(_metadata: &Metadata) -> Option<Mode> {
    None
}

#[cfg(not(unix))]
fn set_mode(_file: &File, _mode: Mode) -> io::Result<()> {
    Ok(())
}
