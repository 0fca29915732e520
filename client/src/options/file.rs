//! The configuration file: finds and reads it. The table of options gives its content a meaning.

use std::fs::{File, FileType};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use chatshelf_common::cli::{Error, config};
use etcetera::base_strategy::{BaseStrategy, choose_base_strategy};

use crate::plain_error::plain_error;

/// Where it is, for help texts.
pub(super) const PLACE: &str = if cfg!(windows) {
    "%APPDATA%\\chatshelf\\config"
} else {
    "~/.config/chatshelf/config (or $XDG_CONFIG_HOME/chatshelf/config)"
};

/// Reads the file at `path`, if there is one.
///
/// # Errors
/// Its path, and why it cannot be read or understood.
pub(super) fn read(path: &Path) -> Result<Option<config::File>, Error> {
    let shown = path.display().to_string();
    match open(path) {
        Ok(file) => config::File::read(shown, file).map(Some),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(Error::Setting(format!("{shown}: {}", plain_error(&error)))),
    }
}

/// A device such as /dev/null is as good as a file; a pipe would block.
fn open(path: &Path) -> std::io::Result<File> {
    let kind = std::fs::metadata(path)?.file_type();
    if !kind.is_file() && !is_device(kind) {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    File::open(path)
}

#[cfg(unix)]
fn is_device(kind: FileType) -> bool {
    std::os::unix::fs::FileTypeExt::is_char_device(&kind)
}

#[cfg(not(unix))]
fn is_device(_: FileType) -> bool {
    false
}

/// Its path: in the directory that this platform has for configuration; on macOS as on Linux.
pub(super) fn path() -> Option<PathBuf> {
    let base = choose_base_strategy().ok()?;
    Some(base.config_dir().join("chatshelf").join("config"))
}

/// The path with a leading `~/` (or `~\` on Windows) replaced by the home directory: outside a
/// command line no shell does that. `~` alone is a name.
pub(crate) fn expanded(path: impl AsRef<Path>) -> PathBuf {
    let path = path.as_ref();
    let home = std::env::home_dir().filter(|home| !home.as_os_str().is_empty());
    match (path.strip_prefix("~"), home) {
        (Ok(rest), Some(home)) if path.as_os_str() != "~" => home.join(rest),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_fine_and_an_unreadable_one_is_a_mistake() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("config");
        assert_eq!(read(&place), Ok(None));
        assert_eq!(read(&place.join("below-what-is-not-there")), Ok(None));
        let complaint = || read(&place).unwrap_err().to_string();
        std::fs::write(&place, b"name = \xff").unwrap();
        assert_eq!(complaint(), format!("{}: it is not UTF-8", place.display()));
        std::fs::write(&place, "host lab").unwrap();
        assert!(complaint().starts_with(&format!("{}:1: ", place.display())), "{}", complaint());
        std::fs::write(&place, "host = lab").unwrap();
        assert_eq!(read(&place).unwrap().unwrap().entries[0].value, "lab");
        std::fs::remove_file(&place).unwrap();
        std::fs::create_dir(&place).unwrap();
        assert!(complaint().starts_with(&format!("{}: ", place.display())), "{}", complaint());
    }

    #[cfg(unix)]
    #[test]
    fn what_is_not_a_file_does_not_block() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("config");
        let made = std::process::Command::new("mkfifo").arg(&place).status().unwrap();
        assert!(made.success());
        let why = read(&place).unwrap_err().to_string();
        assert_eq!(why, format!("{}: it is not a regular file", place.display()));
        std::fs::remove_file(&place).unwrap();
        let socket = std::os::unix::net::UnixListener::bind(&place).unwrap();
        assert!(read(&place).unwrap_err().to_string().contains("not a regular file"));
        drop(socket);
        std::fs::remove_file(&place).unwrap();
        std::os::unix::fs::symlink("/dev/null", &place).unwrap();
        assert_eq!(read(&place).unwrap().unwrap().entries, []);
    }

    #[test]
    fn only_a_leading_tilde_is_expanded() {
        assert_eq!(expanded("a/~/b"), PathBuf::from("a/~/b"));
        assert_eq!(expanded("~bob/x"), PathBuf::from("~bob/x"));
        let home = std::env::home_dir().unwrap();
        assert_eq!(expanded("~/x"), home.join("x"));
        assert_eq!(expanded("~/"), home);
        assert_eq!(expanded("~"), PathBuf::from("~"));
        if cfg!(windows) {
            assert_eq!(expanded(r"~\x"), home.join("x"));
            assert_eq!(expanded(r"~\"), home);
        }
    }
}
