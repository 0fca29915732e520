//! Folders, as a test looks at them, and files that only their owner may read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Names in a folder, sorted.
///
/// # Panics
/// When it cannot be read.
#[track_caller]
pub fn names(dir: &Path) -> Vec<String> {
    let name = |entry: io::Result<fs::DirEntry>| {
        entry.expect("a readable folder").file_name().to_string_lossy().into_owned()
    };
    let mut names: Vec<String> = fs::read_dir(dir).expect("a folder").map(name).collect();
    names.sort();
    names
}

/// Writes a file that only its owner may read, as a key or a password must be.
///
/// # Panics
/// When it cannot be written.
#[track_caller]
pub fn write_secret(path: &Path, content: &str) {
    fs::write(path, content).expect("a file");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("a file of our own");
    }
}

/// A file below a folder that has these bytes in its path or content, if there is one. A file that
/// goes away meanwhile has none.
///
/// # Panics
/// When a folder cannot be read.
#[track_caller]
pub fn holding(dir: &Path, bytes: &[u8]) -> Option<PathBuf> {
    let is_in = |all: &[u8]| all.windows(bytes.len()).any(|some| some == bytes);
    names(dir).iter().map(|name| dir.join(name)).find_map(|path| {
        if path.is_dir() {
            return holding(&path, bytes);
        }
        let is_there = is_in(path.as_os_str().as_encoded_bytes())
            || is_in(&fs::read(&path).unwrap_or_default());
        is_there.then_some(path)
    })
}
