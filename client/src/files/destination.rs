//! Names for downloads that overwrite nothing: free names, claimed by creating them. Never looks at
//! what files hold.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use chatshelf_common::text::FileName;

use super::{FileError, Target, retry};
use crate::raw_text;

/// Longest file name that file systems take, in bytes.
const NAME_BYTES_MAX: usize = 255;
/// Names that are tried before giving up.
const TRIES_MAX: u32 = 1000;
/// Suffix of an incomplete download.
const PART: &str = ".part";

/// The item's name, made safe for a file whose name the user did not choose: one that this platform
/// can store, that is not hidden, and that no command takes for an option or a home directory.
#[must_use]
pub fn local_name(name: &FileName) -> String {
    let name = name.as_str();
    let name = if cfg!(windows) { windows_name(name) } else { name.to_owned() };
    if name.starts_with(['.', '-', '~']) { format!("_{name}") } else { name }
}

/// A name that Windows accepts: no reserved characters or device names, no dot or space at the end.
fn windows_name(name: &str) -> String {
    let reserved = |c| matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*');
    let mut clean = name.replace(reserved, "_");
    let kept = clean.trim_end_matches(['.', ' ']).len();
    let tail = "_".repeat(clean[kept..].len());
    clean.replace_range(kept.., &tail);
    let stem = clean.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let numbered = |device: &str| {
        let digit = stem.strip_prefix(device).map(|rest| rest.chars().collect::<Vec<_>>());
        matches!(digit.as_deref(), Some(['1'..='9' | '¹' | '²' | '³']))
    };
    let device = matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$");
    if device || numbered("COM") || numbered("LPT") { format!("_{clean}") } else { clean }
}

/// Where a download is to end.
pub(super) fn wanted_path(target: &Target, name: &FileName) -> PathBuf {
    match target {
        Target::Directory(directory) | Target::Scratch(directory) => {
            directory.join(local_name(name))
        }
        Target::File(path) => path.clone(),
    }
}

/// Creates the file that holds a download until it is complete.
pub(super) fn create_part(wanted: &Path) -> Result<(File, PathBuf), FileError> {
    claim(wanted, PART)
}

/// Gives a complete download its name: claims a free one, then renames the part over the claim. If
/// that fails the part stays as it is.
pub(super) fn keep(part: &Path, wanted: &Path) -> Result<PathBuf, FileError> {
    let (claimed, path) = claim(wanted, "")?;
    drop(claimed);
    match retry::rename(part, &path) {
        Ok(()) => Ok(path),
        Err(error) => {
            remove(&path);
            Err(FileError::Rename(part.to_owned(), error))
        }
    }
}

/// Removes a file of ours that is no longer needed.
pub(super) fn remove(path: &Path) {
    if let Err(error) = retry::remove(path) {
        log::warn!("{}: {error}", path.display());
    }
}

/// Creates `wanted` with `suffix`, or the first free one of its numbered names.
fn claim(wanted: &Path, suffix: &str) -> Result<(File, PathBuf), FileError> {
    let name = wanted.file_name().ok_or(FileError::NoName)?;
    let name = raw_text::from_os(name);
    for number in 0..TRIES_MAX {
        let path = wanted.with_file_name(raw_text::to_path(&numbered(&name, number, suffix)));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((file, path)),
            Err(error) if is_taken(&error, &path) => {}
            Err(error) => return Err(FileError::Create(path, error)),
        }
    }
    Err(FileError::NoFreeName)
}

/// Windows says "access denied" where a directory has the name.
fn is_taken(error: &io::Error, path: &Path) -> bool {
    error.kind() == ErrorKind::AlreadyExists
        || (error.kind() == ErrorKind::PermissionDenied && path.is_dir())
}

/// `name.ext`, `name (1).ext`, `name (2).ext`, …, each followed by `suffix`, and short enough for
/// file systems.
fn numbered(name: &str, number: u32, suffix: &str) -> String {
    let (stem, extension) = match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= 32 => name.split_at(dot),
        _ => (name, ""),
    };
    let mark = if number == 0 { String::new() } else { format!(" ({number})") };
    let rest = extension.len() + mark.len() + suffix.len();
    let end = stem.floor_char_boundary(NAME_BYTES_MAX.saturating_sub(rest));
    format!("{}{mark}{extension}{suffix}", &stem[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_before_the_extension() {
        assert_eq!(numbered("notes.txt", 0, ""), "notes.txt");
        assert_eq!(numbered("notes.txt", 2, ""), "notes (2).txt");
        assert_eq!(numbered("notes.txt", 1, PART), "notes (1).txt.part");
        assert_eq!(numbered(".profile", 1, ""), ".profile (1)");
        assert_eq!(numbered("Makefile", 1, ""), "Makefile (1)");
    }

    #[test]
    fn a_name_at_the_limit_stays_within_it() {
        for name in ["x".repeat(255), format!("{}.tar", "é".repeat(125)), "ż".repeat(127)] {
            for (number, suffix) in [(0, ""), (0, PART), (999, PART)] {
                let long = numbered(&name, number, suffix);
                assert!(long.len() <= 255 && long.ends_with(suffix), "{long}");
            }
        }
        assert!(numbered(&format!("{}.tar", "é".repeat(125)), 3, "").ends_with(" (3).tar"));
    }

    #[test]
    fn windows_gets_no_devices_and_no_characters_it_reserves() {
        for (name, local) in [
            ("con", "_con"),
            ("Com1.txt", "_Com1.txt"),
            ("NUL.tar.gz", "_NUL.tar.gz"),
            ("com¹", "_com¹"),
            ("com10", "com10"),
            ("console", "console"),
            ("a:b?.txt", "a_b_.txt"),
            ("ends. .", "ends___"),
            ("…", "…"),
        ] {
            assert_eq!(windows_name(name), local);
        }
    }

    #[test]
    fn a_name_that_would_be_hidden_or_an_option_gets_another_first_character() {
        for (name, local) in [
            (".bashrc", "_.bashrc"),
            ("...", "_..."),
            ("-rf", "_-rf"),
            ("~", "_~"),
            ("~root", "_~root"),
            ("a.-~", "a.-~"),
            ("_", "_"),
        ] {
            let name = FileName::new(name).unwrap();
            if cfg!(unix) {
                assert_eq!(local_name(&name), local);
            }
            let asked = Target::File(PathBuf::from(".bashrc"));
            assert_eq!(wanted_path(&asked, &name), Path::new(".bashrc"), "asked for");
        }
    }

    #[test]
    fn an_existing_file_is_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let wanted = dir.path().join("a.txt");
        std::fs::write(&wanted, "old").unwrap();
        std::fs::create_dir(dir.path().join("a (1).txt")).unwrap();
        let (file, part) = create_part(&wanted).unwrap();
        drop(file);
        let path = keep(&part, &wanted).unwrap();
        assert_eq!(path, dir.path().join("a (2).txt"));
        assert_eq!(std::fs::read(&wanted).unwrap(), b"old");
        assert!(!part.exists());
    }

    #[test]
    fn a_rename_that_fails_leaves_no_claim() {
        let dir = tempfile::tempdir().unwrap();
        let wanted = dir.path().join("a.txt");
        assert!(keep(&dir.path().join("no.part"), &wanted).is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    /// On Windows, `tests/downloads.rs` holds the part instead.
    #[cfg(unix)]
    #[test]
    fn a_part_that_cannot_be_renamed_stays_and_is_named() {
        let dir = tempfile::tempdir().unwrap();
        // No folder is renamed over a file.
        let part = dir.path().join("a.txt.part");
        std::fs::create_dir(&part).unwrap();
        let why = keep(&part, &dir.path().join("a.txt")).unwrap_err().to_string();
        assert!(why.starts_with(&format!("cannot rename {}", part.display())), "{why}");
        assert_eq!(chatshelf_testkit::files::names(dir.path()), ["a.txt.part"]);
    }
}
