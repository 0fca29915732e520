//! Local paths as they are typed, completed and dropped onto the window. Looks at directories and
//! at what kind a file is; opens nothing.

use std::path::{Path, PathBuf};

use crate::options::expanded;

/// Entries of a directory that are looked at for a completion.
const ENTRIES_MAX: usize = 10_000;
/// Files taken from one drop.
const DROPPED_MAX: usize = 20;

/// A file that was dropped onto the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dropped {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
}

/// Files that a pasted text names, if it is nothing but names of files: absolute ones, as
/// terminals paste what is dropped onto them, bare, quoted, escaped or as `file://`.
pub(super) fn dropped(text: &str) -> Option<Vec<Dropped>> {
    let text = text.trim();
    if text.is_empty() || text.contains('\n') {
        return None;
    }
    if let Some(file) = file_at(Path::new(text)) {
        return Some(vec![file]);
    }
    let words = crate::command::words(text)?;
    if words.is_empty() || words.len() > DROPPED_MAX {
        return None;
    }
    words.iter().map(|word| file_at(&from_uri(word))).collect()
}

fn file_at(path: &Path) -> Option<Dropped> {
    if !path.is_absolute() {
        return None;
    }
    let metadata = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
    Some(Dropped { path: path.to_owned(), bytes: metadata.len() })
}

/// The path of a `file://` address; another text is a path already.
fn from_uri(text: &str) -> PathBuf {
    let Some(rest) = text.strip_prefix("file://") else { return PathBuf::from(text) };
    let rest = rest.strip_prefix("localhost").unwrap_or(rest).as_bytes();
    let mut bytes = Vec::with_capacity(rest.len());
    let mut at = 0;
    while let Some(byte) = rest.get(at) {
        let hex = rest.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.filter(|_| *byte == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded) => {
                bytes.push(decoded);
                at += 3;
            }
            None => {
                bytes.push(*byte);
                at += 1;
            }
        }
    }
    PathBuf::from(String::from_utf8_lossy(&bytes).into_owned())
}

/// What a path that is begun may become: directories end in a separator. Hidden ones only if asked
/// for.
pub(super) fn completions(begun: &str) -> Vec<String> {
    let split = begun.rfind(std::path::is_separator).map_or(0, |at| at + 1);
    let (directory, name) = begun.split_at(split);
    let place = if directory.is_empty() { PathBuf::from(".") } else { expanded(directory) };
    let Ok(entries) = std::fs::read_dir(place) else { return Vec::new() };
    let fits = |entry: std::fs::DirEntry| {
        let found = entry.file_name().into_string().ok()?;
        let is_shown = name.starts_with('.') || !found.starts_with('.');
        // A name that would do something to the screen is not put into the input.
        if !is_shown || !found.starts_with(name) || crate::text::shown(&found) != found {
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
    fn a_dropped_file_is_known_however_its_path_is_pasted() {
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
            assert_eq!(dropped(&pasted), Some(vec![file.clone()]), "{pasted}");
        }
        assert_eq!(dropped(&format!("'{bare}' '{bare}'")).map(|files| files.len()), Some(2));
    }

    #[test]
    fn what_is_no_file_is_just_text() {
        let dir = tempfile::tempdir().unwrap();
        let directory = dir.path().to_str().unwrap();
        for text in ["", "hello", "notes.txt", "/no/such/file", directory, "it's", "/a\n/b"] {
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
