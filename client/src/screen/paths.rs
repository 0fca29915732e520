//! Local paths, as they are completed, and as files are dropped onto the window. Looks at
//! directories and at kinds of files, but opens nothing.

use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

use crate::lang::tr;
use crate::options::expanded;

/// Directory entries that a completion looks at.
const ENTRIES_MAX: usize = 10_000;
/// Paths that are looked at in one paste.
const DROPPED_MAX: usize = 1000;

/// A file that was dropped onto the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dropped {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
}

/// What was dropped onto the window, as terminals paste it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Drop {
    /// These files.
    Files(Vec<Dropped>),
    /// Existing paths of which some cannot be uploaded: the first of those, and why.
    Unfit(PathBuf, String),
}

impl Drop {
    /// The path, if it is only one.
    pub(super) fn only(&self) -> Option<&Path> {
        match self {
            Self::Files(files) if files.len() == 1 => Some(&files[0].path),
            Self::Files(_) => None,
            Self::Unfit(path, _) => Some(path),
        }
    }
}

/// The files that a pasted text names, if it consists of absolute paths that exist: bare, quoted,
/// escaped or as `file://`, on one line or one per line.
pub(super) fn dropped(text: &str) -> Option<Drop> {
    let text = text.trim();
    let paths = paths_of(text)?;
    let (seen, more) = paths.split_at(paths.len().min(DROPPED_MAX));
    let mut files = Vec::new();
    let mut unfit = None;
    for path in seen {
        let metadata = Some(path).filter(|path| path.is_absolute())?.metadata().ok()?;
        let why = if metadata.is_dir() {
            crate::files::pack_first(path)
        } else if !metadata.is_file() {
            tr!("it is not a regular file").to_owned()
        } else {
            files.push(Dropped { path: path.clone(), bytes: metadata.len() });
            continue;
        };
        unfit.get_or_insert(Drop::Unfit(path.clone(), why));
    }
    if let Some(next) = more.first() {
        let why = tr!("at most {max} files can be dropped at once", max = DROPPED_MAX);
        unfit.get_or_insert(Drop::Unfit(next.clone(), why));
    }
    Some(unfit.unwrap_or(Drop::Files(files)))
}

/// The paths that a text consists of, whether they exist or not.
fn paths_of(text: &str) -> Option<Vec<PathBuf>> {
    let is_there = |line: &str| Path::new(line).is_absolute() && Path::new(line).exists();
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.len() <= DROPPED_MAX && lines.iter().all(|line| is_there(line)) {
        return Some(lines.into_iter().map(PathBuf::from).collect())
            .filter(|all: &Vec<_>| !all.is_empty());
    }
    let words = crate::quoting::split(text)?;
    Some(words.iter().map(|word| from_uri(word)).collect()).filter(|all: &Vec<_>| !all.is_empty())
}

/// The path in a `file://` address; any other text is a path already.
fn from_uri(text: &str) -> PathBuf {
    let Some(rest) = text.strip_prefix("file://") else { return PathBuf::from(text) };
    let rest = rest.strip_prefix("localhost").unwrap_or(rest);
    path_of(percent_decode_str(rest).collect())
}

/// The path of these bytes. On Unix a path is bytes, whether they are text or not.
#[cfg(unix)]
fn path_of(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(<std::ffi::OsString as std::os::unix::ffi::OsStringExt>::from_vec(bytes))
}

#[cfg(not(unix))]
fn path_of(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(windows_path(&String::from_utf8_lossy(&bytes)))
}

/// What follows `file://` as Windows writes it: `/C:/a` is `C:\a`, and `server/share/a` is
/// `\\server\share\a`.
#[cfg(any(not(unix), test))]
fn windows_path(rest: &str) -> String {
    let path = match rest.strip_prefix('/') {
        Some(path) if path.as_bytes().get(1) == Some(&b':') => path.to_owned(),
        Some(_) => rest.to_owned(),
        None => format!("//{rest}"),
    };
    path.replace('/', "\\")
}

/// Whether this system's names usually differ by more than case.
const IGNORES_CASE: bool = cfg!(any(windows, target_os = "macos"));

/// True if a name begins like this.
fn begins(name: &str, begun: &str, ignores_case: bool) -> bool {
    if ignores_case {
        name.to_lowercase().starts_with(&begun.to_lowercase())
    } else {
        name.starts_with(begun)
    }
}

/// The completions of a path; directories end in a separator. Hidden files need a dot.
pub(super) fn completions(begun: &str) -> Vec<String> {
    let split = begun.rfind(std::path::is_separator).map_or(0, |at| at + 1);
    let (directory, name) = begun.split_at(split);
    let place = if directory.is_empty() { PathBuf::from(".") } else { expanded(directory) };
    let Ok(entries) = std::fs::read_dir(place) else { return Vec::new() };
    let fits = |entry: std::fs::DirEntry| {
        let found = entry.file_name().into_string().ok()?;
        let is_shown = name.starts_with('.') || !found.starts_with('.');
        // A name that could act on the screen is not offered.
        if !is_shown || !begins(&found, name, IGNORES_CASE) || crate::text::shown(&found) != found {
            return None;
        }
        let is_directory = std::fs::metadata(entry.path()).is_ok_and(|found| found.is_dir());
        let end = if is_directory { std::path::MAIN_SEPARATOR_STR } else { "" };
        Some(format!("{directory}{found}{end}"))
    };
    let mut found: Vec<String> =
        entries.take(ENTRIES_MAX).filter_map(Result::ok).filter_map(fits).collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_dropped_file_is_recognised_however_its_path_is_pasted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("my notes.txt");
        std::fs::write(&path, "hello").unwrap();
        let bare = path.to_str().unwrap();
        let file = Dropped { path: path.clone(), bytes: 5 };
        for pasted in [
            bare.to_owned(),
            format!("{bare} "),
            format!("'{bare}'"),
            format!("\"{bare}\""),
            bare.replace(' ', "\\ "),
            format!("file://{}", bare.replace(' ', "%20")),
        ] {
            assert_eq!(dropped(&pasted), Some(Drop::Files(vec![file.clone()])), "{pasted}");
        }
        for several in ["'{bare}' '{bare}'", "'{bare}'\n'{bare}'\n", "{bare}\n{bare}"] {
            let pasted = several.replace("{bare}", bare);
            let expected = Drop::Files(vec![file.clone(), file.clone()]);
            assert_eq!(dropped(&pasted), Some(expected), "{pasted}");
        }
        let many = format!("'{bare}' ").repeat(DROPPED_MAX);
        assert!(matches!(dropped(&many), Some(Drop::Files(files)) if files.len() == DROPPED_MAX));
        let why = match dropped(&format!("{many}'{bare}'")) {
            Some(Drop::Unfit(_, why)) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(why, "at most 1000 files can be dropped at once");
    }

    /// Other systems take no such names.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_dropped_file_keeps_a_name_that_is_not_utf_8() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(path_of(b"caf\xe9.txt".to_vec()));
        std::fs::write(&path, "hello").unwrap();
        let file = Dropped { path, bytes: 5 };
        let pasted = format!("file://{}/caf%E9.txt", dir.path().display());
        assert_eq!(dropped(&pasted), Some(Drop::Files(vec![file])));
    }

    #[cfg(unix)]
    #[test]
    fn a_dropped_folder_or_device_is_reported_and_not_taken_for_text() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, file) = (dir.path().join("my photos"), dir.path().join("a"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(&file, "").unwrap();
        for pasted in [
            folder.display().to_string(),
            format!("'{}'", folder.display()),
            format!("'{}' '{}'", file.display(), folder.display()),
        ] {
            let Some(Drop::Unfit(path, why)) = dropped(&pasted) else { panic!("{pasted}") };
            assert_eq!(path, folder);
            let expected = format!("tar czf 'my photos.tar.gz' '{}'", folder.display());
            assert!(why.ends_with(&expected), "{why}");
        }
        assert!(matches!(dropped("/dev/null"), Some(Drop::Unfit(..))));
    }

    #[test]
    fn an_address_of_a_file_becomes_a_windows_path() {
        for (rest, path) in [
            ("/C:/My files/a.txt", r"C:\My files\a.txt"),
            ("/d:/", r"d:\"),
            ("server/share/a.txt", r"\\server\share\a.txt"),
            ("/no-drive", r"\no-drive"),
        ] {
            assert_eq!(windows_path(rest), path);
        }
    }

    #[test]
    fn a_name_is_completed_in_any_case_where_the_system_knows_none() {
        assert!(begins("Notes.txt", "notes", true) && begins("ŻÓŁW", "żó", true));
        assert!(!begins("Notes.txt", "notes", false) && begins("Notes.txt", "Notes", false));
        assert!(!begins("Notes.txt", "other", true));
    }

    #[test]
    fn what_is_not_a_file_is_just_text() {
        let dir = tempfile::tempdir().unwrap();
        let half = format!("{} and more", dir.path().display());
        for text in ["", "hello", "notes.txt", "/no/such/file", &half, "it's", "/a\n/b", "/who"] {
            assert_eq!(dropped(text), None, "{text}");
        }
    }

    #[test]
    fn a_path_is_completed_from_its_directory() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["notes.txt", "notes.pdf", ".hidden", "other"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        std::fs::create_dir(dir.path().join("nova")).unwrap();
        let begun = |name: &str| format!("{}/{name}", dir.path().display());
        let separator = std::path::MAIN_SEPARATOR;
        let found = completions(&begun("no"));
        assert_eq!(
            found,
            [begun("notes.pdf"), begun("notes.txt"), begun(&format!("nova{separator}"))]
        );
        assert_eq!(completions(&begun(".h")), [begun(".hidden")]);
        assert_eq!(completions(&begun("")).len(), 4);
        assert_eq!(completions("/no/such/place/x"), [""; 0]);
    }
}
