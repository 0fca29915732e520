//! A place with a configuration file, for servers that are run with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use chatshelf_testkit::programs::command_of;
use tempfile::TempDir;

use super::binary;

/// A directory with a configuration file in it, and beside that room for data.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn with(text: impl AsRef<[u8]>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("room.conf"), text).unwrap();
        Self(dir)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes other settings into the file.
    #[cfg(unix)]
    pub(crate) fn write(&self, text: &str) {
        fs::write(self.file(), text).unwrap();
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.path().join("room.conf")
    }

    /// The server, to be run in the directory with this file.
    pub(crate) fn server(&self, options: &[&str]) -> Command {
        let mut command = command_of(binary());
        command.current_dir(self.0.path()).arg("--config").arg(self.file()).args(options);
        command
    }

    /// The file's path, as messages show it.
    pub(crate) fn shown(&self) -> String {
        self.file().display().to_string()
    }
}
