//! What stands behind a command, read into the types that the room takes. Pure: whether a file or
//! an item is there is looked at when the command is carried out.

use std::path::{Path, PathBuf};
use std::slice;

use chatshelf_common::text::{Message, Nick, Topic};

use super::{CommandError, Copied};
use crate::quoting;
use crate::raw_text;
use crate::text::cleaned;

/// A line that names files: one path as it stands, or several as a shell would split it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathLine {
    whole: PathBuf,
    /// Empty when it cannot be split.
    words: Vec<PathBuf>,
}

impl PathLine {
    /// Reads a line; `~/` is not expanded.
    #[must_use]
    pub fn new(line: &str) -> Self {
        let words = quoting::split(line).unwrap_or_default();
        let words = words.iter().map(|word| raw_text::to_path(word)).collect();
        Self { whole: raw_text::to_path(line), words }
    }

    /// The paths that it means, given what exists.
    ///
    /// The whole line is a path if there is such a file. Otherwise it is split, and may be several:
    /// `My\ photo.jpg`, `'My photo.jpg'`, `a.txt b.txt`. If none of these exists either, the whole
    /// line is what was not found.
    pub fn resolve(&self, exists: impl Fn(&Path) -> bool) -> &[PathBuf] {
        let is_split = self.words.len() == 1 || self.words.iter().any(|word| exists(word));
        if is_split && !exists(&self.whole) { &self.words } else { slice::from_ref(&self.whole) }
    }
}

/// A message, of what was typed or piped in.
///
/// # Errors
/// When it is no message: too long, or nothing that can be seen.
pub fn message(text: &str) -> Result<Message, CommandError> {
    let text = cleaned(text);
    Message::new(&text).map_err(|why| CommandError::Message { why, bytes: text.len() })
}

/// A name to go by.
pub(super) fn nick(name: &str) -> Result<Nick, CommandError> {
    Nick::new(name).map_err(CommandError::Nick)
}

/// The name of somebody who may be here, whatever names are given today.
pub(super) fn member(name: &str) -> Result<Nick, CommandError> {
    Nick::from_bytes(name.as_bytes()).map_err(CommandError::Nick)
}

pub(super) fn topic(text: &str) -> Result<Topic, CommandError> {
    Topic::new(&cleaned(text).replace('\t', " ")).map_err(CommandError::Topic)
}

/// `[link] [N]`.
pub(super) fn copied(text: &str) -> Option<Copied> {
    let mut words = text.split_whitespace().peekable();
    let is_link = words.next_if(|word| matches!(*word, "link" | "links")).is_some();
    let nth = words.next().map_or(Ok(std::num::NonZeroUsize::MIN), str::parse).ok()?;
    words.next().is_none().then_some(Copied { is_link, nth })
}

/// One of these words, as what it stands for.
pub(super) fn word<T: Copy>(text: &str, known: &[(&str, T)]) -> Option<T> {
    known.iter().find(|(name, _)| *name == text).map(|(_, meant)| *meant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_is_a_path_as_it_stands_or_what_a_shell_would_make_of_it() {
        let resolve = |text: &str, there: &[&str]| -> Vec<String> {
            let line = PathLine::new(text);
            let found = line.resolve(|path| there.iter().any(|it| path.as_os_str() == *it));
            found.iter().map(|path| path.to_str().unwrap().to_owned()).collect()
        };
        let photo = "My photo.jpg";
        for text in [photo, "My\\ photo.jpg", "'My photo.jpg'", "\"My photo.jpg\""] {
            if cfg!(unix) || !text.contains('\\') {
                assert_eq!(resolve(text, &[photo]), [photo], "{text}");
            }
        }
        assert_eq!(resolve("a.txt 'b c'", &["a.txt", "b c"]), ["a.txt", "b c"]);
        assert_eq!(resolve("a.txt missing", &["a.txt"]), ["a.txt", "missing"]);
        assert_eq!(resolve("it's", &["it's"]), ["it's"], "a path before a quote");
        assert_eq!(resolve("'a b'", &["'a b'", "a b"]), ["'a b'"]);
        assert_eq!(resolve("no such file", &[]), ["no such file"], "is what was not found");
        assert_eq!(resolve("'open", &["open"]), ["'open"]);
        assert_eq!(resolve("~/'a b'", &[]), ["~/a b"]);
    }
}
