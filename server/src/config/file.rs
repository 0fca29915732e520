//! The configuration file: opens the one that `--config` names.

use std::fs::{self, File};
use std::io;

use chatshelf_common::cli::{Error, config};

/// Reads the file at `path`. It must exist, since somebody has named it.
///
/// # Errors
/// Its path, and why it cannot be read or understood.
pub(super) fn read(path: &str) -> Result<config::File, Error> {
    let opened = open(path);
    let file = opened.map_err(|why| Error::Setting(format!("cannot read {path}: {why}")))?;
    config::File::read(path.to_owned(), file)
}

/// Never waits, since a running server reads the file again: a pipe would block.
fn open(path: &str) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    File::open(path)
}
