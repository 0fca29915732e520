//! The mark: a small file that identifies a data directory of chatshelf-server, names its format,
//! and which version has written it.
//!
//! The server writes nothing to a directory, and removes nothing from it, before it knows that the
//! directory is ours: marked, or empty and then marked, or laid out as by versions that knew no
//! mark. The mark is durable before anything else is created.

use std::ffi::OsStr;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::files::{self, Files, Kind, is_set_aside};
use super::{journal, store};

/// The format that this version writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// The file that is locked while a server runs.
pub(super) const LOCK: &str = "lock";

/// The file name of the mark.
pub(super) const MARK: &str = "chatshelf.format";

/// The name of the mark while it is written; a crash can leave this file.
const MARK_NEW: &str = "chatshelf.format.new";

/// The text of the mark, before the number.
const WORDS: &str = "chatshelf data directory, format ";

/// The text of its second line, before the version that has written the directory. Marks of early
/// versions have no second line.
const WRITER: &str = "written by chatshelf-server ";

/// The version of this program.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// How much of the mark is read, in bytes.
const MARK_BYTES_MAX: u64 = 256;

/// The folders in a data directory.
const FOLDERS: [&str; 3] = ["log", "shelf", "uploads"];

/// Whose a directory is. Someone else's is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Nobody,
    /// Ours by its layout, from a version that knew no mark.
    Unmarked,
    /// Marked by this version.
    Marked,
    /// Marked by another version, in a format that this one reads.
    MarkedByOther,
}

/// Checks that a directory is ours or empty. Writes nothing.
///
/// # Errors
/// When it is neither, when its format is unknown to this version, or when it cannot be read.
pub fn check<F: Files>(files: &F, data_dir: &Path) -> io::Result<()> {
    owner(files, data_dir).map(drop)
}

/// Checks the same, and marks the directory with this version if it has no such mark.
///
/// # Errors
/// Those of [`check`], and when a first mark cannot be written and made durable.
pub fn claim<F: Files>(files: &F, data_dir: &Path) -> io::Result<()> {
    match owner(files, data_dir)? {
        Owner::Marked => Ok(()),
        Owner::Nobody | Owner::Unmarked => write(files, data_dir),
        Owner::MarkedByOther => {
            // It is ours all the same; a disk may be full.
            if let Err(why) = write(files, data_dir) {
                log::warn!("cannot note this version in {MARK}: {why}");
            }
            Ok(())
        }
    }
}

fn write<F: Files>(files: &F, data_dir: &Path) -> io::Result<()> {
    let text = format!("{WORDS}{FORMAT}\n{WRITER}{VERSION}\n");
    files::replace(files, &data_dir.join(MARK), text.as_bytes())
}

fn owner<F: Files>(files: &F, data_dir: &Path) -> io::Result<Owner> {
    let mut paths = files.list(data_dir)?;
    if paths.iter().any(|path| is_called(path, MARK)) {
        return read(files, &data_dir.join(MARK));
    }
    // Some file systems begin with a lost+found.
    paths.retain(|path| !is_called(path, MARK_NEW) && !is_called(path, "lost+found"));
    paths.sort();
    if paths.is_empty() {
        return Ok(Owner::Nobody);
    }
    match stranger(files, &paths)? {
        None => Ok(Owner::Unmarked),
        Some(path) => Err(refusal(data_dir, &path)),
    }
}

/// Whose a directory with this mark is.
fn read<F: Files>(files: &F, mark: &Path) -> io::Result<Owner> {
    let mut text = Vec::new();
    files.open(mark)?.take(MARK_BYTES_MAX).read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    let mut lines = text.lines();
    let number = lines.next().and_then(|line| line.strip_prefix(WORDS)?.parse::<u32>().ok());
    let writer = lines.next().and_then(|line| line.strip_prefix(WRITER));
    match number {
        Some(1..=FORMAT) if writer == Some(VERSION) => Ok(Owner::Marked),
        Some(1..=FORMAT) => Ok(Owner::MarkedByOther),
        Some(newer) if newer > FORMAT => Err(refusal_of_newer(newer, writer)),
        _ => Err(io::Error::new(
            ErrorKind::InvalidData,
            format!("its file {MARK} does not name a format; choose another --data-dir"),
        )),
    }
}

fn refusal_of_newer(format: u32, writer: Option<&str>) -> io::Error {
    let (who, run) = match writer {
        // Whoever can write to the directory can write anything there.
        Some(version) if version.bytes().all(|byte| byte.is_ascii_graphic()) => {
            (format!("chatshelf-server {version}"), format!("{version} or later"))
        }
        _ => ("a newer chatshelf-server".into(), "the newer one".into()),
    };
    let why = format!(
        "{who} has written it, in format {format}, and this is {VERSION}, which reads formats up \
         to {FORMAT}; run {run}, or restore a backup from before the upgrade"
    );
    io::Error::new(ErrorKind::Unsupported, why)
}

fn refusal(data_dir: &Path, stranger: &Path) -> io::Error {
    let name = stranger.strip_prefix(data_dir).unwrap_or(stranger);
    let why = format!(
        "it contains {name:?}, so it is not a data directory of chatshelf-server; choose \
         another --data-dir, or an empty one"
    );
    io::Error::new(ErrorKind::AlreadyExists, why)
}

/// The first entry that shows that a directory without a mark is not ours. Next to a complete
/// layout of ours any other entry may exist, since the server does not touch it.
fn stranger<F: Files>(files: &F, paths: &[PathBuf]) -> io::Result<Option<PathBuf>> {
    let has = |name: &str| paths.iter().any(|path| is_called(path, name));
    let is_whole = has(LOCK) && FOLDERS.into_iter().all(has);
    let mut is_proven = has(LOCK);
    for path in paths {
        let kind = files.kind(path)?;
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or("");
        if name == LOCK {
            if kind != Kind::File || files.size(path)? > 0 {
                return Ok(Some(path.clone()));
            }
        } else if FOLDERS.contains(&name) {
            if kind != Kind::Folder {
                return Ok(Some(path.clone()));
            }
            if let Some(stranger) = stranger_in(files, path, name, &mut is_proven)? {
                return Ok(Some(stranger));
            }
        } else if !is_whole {
            return Ok(Some(path.clone()));
        }
    }
    Ok(paths.first().filter(|_| !is_proven).cloned())
}

/// The first entry of one of our folders that is not ours. Sets `is_proven` on an entry that only
/// this program can have written.
fn stranger_in<F: Files>(
    files: &F,
    dir: &Path,
    name: &str,
    is_proven: &mut bool,
) -> io::Result<Option<PathBuf>> {
    for path in files.list(dir)? {
        let kind = files.kind(&path)?;
        let is_ours = match name {
            "log" => {
                *is_proven |= journal::is_segment(&path);
                kind == Kind::File && (journal::is_segment(&path) || is_set_aside(&path))
            }
            "shelf" => {
                *is_proven |= store::is_item(files, &path);
                kind == Kind::Folder && store::has_item_name(&path)
            }
            _ => kind == Kind::Folder && store::has_upload_name(&path),
        };
        if !is_ours {
            return Ok(Some(path));
        }
        if kind == Kind::Folder
            && let Some(other) =
                files.list(&path)?.into_iter().find(|path| !store::has_our_name(path))
        {
            return Ok(Some(other));
        }
    }
    Ok(None)
}

fn is_called(path: &Path, name: &str) -> bool {
    path.file_name() == Some(OsStr::new(name))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::disk::fault_injection::{Fault, FaultyFiles};
    use crate::disk::files::SystemFiles;

    const SEGMENT: &str = "log/00000000000000000001.log";
    const KEY: &str = "uploads/0123456789abcdef0123456789abcdef/content";

    /// A directory with these files, or with these folders where a name ends with a slash.
    fn dir(names: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in names {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            if name.ends_with('/') {
                fs::create_dir_all(path).unwrap();
            } else {
                fs::write(path, if *name == "lock" { "" } else { "precious" }).unwrap();
            }
        }
        dir
    }

    fn owner_of(names: &[&str]) -> Result<Owner, String> {
        owner(&SystemFiles, dir(names).path()).map_err(|why| why.to_string())
    }

    #[test]
    fn an_empty_directory_is_marked_and_recognised() {
        for names in [&[][..], &["lost+found/"], &[MARK_NEW], &["lock"]] {
            let dir = dir(names);
            claim(&SystemFiles, dir.path()).unwrap();
            assert_eq!(owner(&SystemFiles, dir.path()).unwrap(), Owner::Marked, "{names:?}");
            // Later, other entries do not matter.
            fs::write(dir.path().join("notes.txt"), "mine").unwrap();
            claim(&SystemFiles, dir.path()).unwrap();
        }
    }

    #[test]
    fn a_directory_of_an_earlier_version_is_adopted() {
        let whole = ["lock", "log/", "shelf/", "uploads/"];
        for more in [
            &[][..],
            &[SEGMENT, "log/00000000000000000001.bad", "log/00000000000000000001.2.bad"],
            &["shelf/12/content", "shelf/12/meta", "uploads/3/content"],
            &[KEY, "uploads/0123456789abcdef0123456789abcdef/meta.new"],
            &["notes.txt", "copy/of/something"],
        ] {
            assert_eq!(owner_of(&[&whole, more].concat()), Ok(Owner::Unmarked), "{more:?}");
        }
        // Killed during its first start; a restored log; a restored log and shelf.
        for names in [&["lock", "uploads/"][..], &[SEGMENT], &[SEGMENT, "shelf/1/meta"]] {
            assert_eq!(owner_of(names), Ok(Owner::Unmarked), "{names:?}");
        }
    }

    #[test]
    fn a_directory_of_someone_else_is_refused_and_not_changed() {
        let whole = ["lock", "log/", "shelf/", "uploads/"];
        for (names, told) in [
            (&["notes.txt"][..], "notes.txt"),
            (&["uploads/2024/photo.jpg"], "uploads/2024/photo.jpg"),
            (&["uploads/3/content"], "uploads"),
            (&["shelf/1/content", "shelf/1/meta"], "shelf"),
            (&["shelf/1/book.txt"], "shelf/1/book.txt"),
            (&["uploads/"], "uploads"),
            (&["log/access.log"], "log/access.log"),
            (&["lock", "notes.txt"], "notes.txt"),
            (&["lock/", "log/", "shelf/", "uploads/"], "lock"),
            (&["lock", "log", "shelf/", "uploads/"], "log"),
            (&[".hidden"], ".hidden"),
        ] {
            let dir = dir(names);
            let before = tree(dir.path());
            let why = claim(&SystemFiles, dir.path()).unwrap_err().to_string();
            // In quotes a backslash is two.
            let why = why.replace(r"\\", "/");
            assert!(why.contains(&format!("{told:?}")) && why.contains("--data-dir"), "{why}");
            assert_eq!(tree(dir.path()), before, "{names:?}");
        }
        for more in ["uploads/2024/photo.jpg", "shelf/books/1", "log/x.log", "shelf/3/thesis"] {
            let why = owner_of(&[&whole[..], &[more]].concat()).unwrap_err();
            assert!(why.contains("--data-dir"), "{more}: {why}");
        }
        let dir = dir(&whole);
        fs::write(dir.path().join("lock"), "4711").unwrap();
        assert!(owner(&SystemFiles, dir.path()).is_err(), "our lock is empty");
    }

    fn tree(dir: &Path) -> Vec<PathBuf> {
        let mut paths = SystemFiles.list(dir).unwrap();
        for path in paths.clone() {
            if path.is_dir() {
                paths.extend(tree(&path));
            }
        }
        paths.sort();
        paths
    }

    #[test]
    fn another_format_is_refused() {
        let newer = FORMAT + 1;
        for (text, told) in [
            (format!("{WORDS}{newer}\n"), "a newer chatshelf-server"),
            (format!("{WORDS}{newer}\n{WRITER}9.1.0\nand more\n"), "chatshelf-server 9.1.0 has"),
            (format!("{WORDS}{newer}\n{WRITER}9\u{1b}[2J\n"), "a newer chatshelf-server"),
            (format!("{WORDS}0\n"), "does not name"),
            (String::new(), "does not name"),
            ("my own notes".into(), "does not name"),
        ] {
            let dir = dir(&[]);
            fs::write(dir.path().join(MARK), text).unwrap();
            let why = claim(&SystemFiles, dir.path()).unwrap_err().to_string();
            assert!(why.contains(told), "{why}");
        }
    }

    #[test]
    fn a_mark_of_another_version_is_renewed_if_it_can_be() {
        for other in ["", "written by chatshelf-server 0.0.1\n", "written by someone else\n"] {
            let mut kept = 0;
            for step in 0..16 {
                let files = FaultyFiles::new();
                let mark = files.path().join(MARK);
                let text = format!("{WORDS}{FORMAT}\n{other}");
                fs::write(&mark, &text).unwrap();
                files.fail(Fault::From(files.done() + step), ErrorKind::StorageFull);
                let claimed = claim(&files, files.path());
                files.heal();
                kept += u32::from(claimed.is_ok() && fs::read_to_string(&mark).unwrap() == text);
                claim(&files, files.path()).unwrap();
                assert_eq!(owner(&files, files.path()).unwrap(), Owner::Marked);
            }
            assert!(kept > 0, "a full disk keeps no server from starting");
        }
    }

    #[test]
    fn after_a_crash_at_any_step_the_directory_is_accepted() {
        for step in 0..10 {
            let files = FaultyFiles::new();
            files.fail(Fault::From(files.done() + step), ErrorKind::Other);
            let claimed = claim(&files, files.path());
            files.heal();
            claim(&files, files.path()).unwrap();
            assert_eq!(owner(&files, files.path()).unwrap(), Owner::Marked);
            if claimed.is_ok() {
                return assert!(step > 5);
            }
        }
        panic!("it takes more steps than that");
    }

    #[test]
    fn the_mark_is_durable_before_it_counts() {
        let files = FaultyFiles::new();
        let start = files.done();
        claim(&files, files.path()).unwrap();
        let expected = ["list", "remove_file", "create", "write", "sync", "rename", "sync_dir"];
        assert_eq!(files.done_since(start), expected);
    }
}
