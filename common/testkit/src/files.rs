//! Folders, as a test looks at them.

use std::fs;
use std::io;
use std::path::Path;

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
