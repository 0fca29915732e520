//! What a paste is (text, many lines, files that were dropped), and the question that some of it
//! raises. The same for both front ends. Looks at which paths exist, and changes nothing.

use std::path::PathBuf;

use chatshelf_common::limits::MESSAGE_BYTES_MAX;
use ratatui_crossterm::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::paths::{self, Drop, Dropped};
use crate::lang::tr;
use crate::text::{cleaned, shown};
use crate::units::size;

/// A paste of this many lines is sent only after a question.
const LINES_ASKED: usize = 5;
/// Dropped files that are named: the question must fit on the smallest screen.
const FILES_SHOWN_MAX: usize = 3;

/// What is to become of a paste.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pasted {
    /// This goes into the input.
    Text(String),
    /// Nothing, and why.
    Refused(String),
    /// What the user says.
    Asked(Question),
}

/// What is asked about a paste. It never goes to the room unasked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// Send all these lines?
    Lines(String),
    /// Put these on the shelf? The pasted text follows: it may have been meant as text.
    Upload(Vec<Dropped>, String),
    /// Why what was dropped cannot be put on the shelf; the text follows likewise.
    NoUpload(String, String),
}

/// What the user wants.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// This goes to the room as one message, with what was typed around it.
    Send(String),
    /// These go on the shelf.
    Upload(Vec<PathBuf>),
    /// This goes into the input.
    Insert(String),
    /// Nothing happens.
    Discard,
}

impl Pasted {
    /// Looks at a paste behind what is `typed` already, for a shelf that keeps so many items.
    pub(crate) fn new(text: &str, typed: &str, kept: usize) -> Self {
        let text = with_line_ends(text);
        let text = text.trim_end_matches('\n');
        match paths::dropped(text) {
            // A command is already typed: only the path is missing.
            Some(drop) if typed.starts_with('/') => {
                let path = drop.only().map(|path| path.display().to_string());
                Self::Text(path.unwrap_or_else(|| text.to_owned()))
            }
            Some(drop) => Self::Asked(Question::about(drop, text, kept)),
            None if text.lines().count() >= LINES_ASKED && text.len() <= MESSAGE_BYTES_MAX => {
                Self::Asked(Question::Lines(text.to_owned()))
            }
            None => Self::text(text.to_owned()),
        }
    }

    /// A text for the input. Of a longer one the input would hold only a part, and nobody would
    /// notice.
    pub(crate) fn text(text: String) -> Self {
        if text.len() <= MESSAGE_BYTES_MAX {
            return Self::Text(text);
        }
        Self::Refused(tr!(
            "not pasted: a message holds at most {limit} bytes, and this has {bytes}; save it to a \
             file and put that on the shelf",
            limit = MESSAGE_BYTES_MAX,
            bytes = text.len(),
        ))
    }
}

/// A paste as one line.
pub(crate) fn one_line(text: &str) -> String {
    with_line_ends(text).trim_end_matches('\n').replace('\n', " ")
}

/// A paste without what could act on a terminal, and with `\n` as the end of a line.
fn with_line_ends(text: &str) -> String {
    cleaned(&text.replace("\r\n", "\n").replace('\r', "\n"))
}

impl Question {
    fn about(drop: Drop, text: &str, kept: usize) -> Self {
        let why = match drop {
            Drop::Files(files) if files.len() <= kept => {
                return Self::Upload(files, text.to_owned());
            }
            Drop::Files(files) => tr!(
                "{files} files are too many: the shelf keeps {kept}. Pack them into one, or drop \
                 fewer.",
                files = files.len(),
                kept,
            ),
            Drop::Unfit(path, why) => {
                let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
                tr!("{name} cannot go on the shelf: {why}", name, why)
            }
        };
        Self::NoUpload(why, text.to_owned())
    }

    pub(super) fn title(&self) -> &'static str {
        match self {
            Self::Lines(_) => tr!("Pasted"),
            Self::Upload(..) | Self::NoUpload(..) => tr!("Dropped"),
        }
    }

    /// Its text.
    pub(crate) fn lines(&self) -> Vec<String> {
        match self {
            Self::Lines(text) => {
                let (lines, size) = (text.lines().count(), size(text.len() as u64));
                vec![tr!("Send {lines} lines ({size}) as one message?", lines, size)]
            }
            Self::Upload(files, _) => upload_lines(files),
            Self::NoUpload(why, _) => vec![shown(why)],
        }
    }

    /// The keys that answer it.
    pub(crate) fn answers(&self) -> &'static str {
        match self {
            Self::Lines(_) => tr!("Enter: send   e: edit   Esc: discard"),
            Self::Upload(..) => tr!("Enter: upload   t: use as text   Esc: no"),
            Self::NoUpload(..) => tr!("t: use as text   Esc: close"),
        }
    }

    /// What a key means.
    ///
    /// # Errors
    /// The question again, if the key is no answer.
    pub(crate) fn answer(self, key: KeyEvent) -> Result<Answer, Self> {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        Ok(match (self, key.code) {
            (_, KeyCode::Esc) => Answer::Discard,
            (_, KeyCode::Char('c')) if is_control => Answer::Discard,
            (Self::Lines(text), KeyCode::Enter) => Answer::Send(text),
            (Self::Lines(text), KeyCode::Char('e' | 'E')) => Answer::Insert(text),
            (Self::Upload(files, _), KeyCode::Enter | KeyCode::Char('y' | 'Y')) => {
                Answer::Upload(files.into_iter().map(|file| file.path).collect())
            }
            (Self::Upload(..), KeyCode::Char('n' | 'N')) => Answer::Discard,
            (Self::NoUpload(..), KeyCode::Enter) => Answer::Discard,
            (Self::Upload(_, text) | Self::NoUpload(_, text), KeyCode::Char('t' | 'T')) => {
                Answer::Insert(text)
            }
            (question, _) => return Err(question),
        })
    }
}

fn upload_lines(files: &[Dropped]) -> Vec<String> {
    let mut lines = vec![match files.len() {
        1 => tr!("Put on the shelf?").to_owned(),
        files => tr!("Put {files} files on the shelf?", files),
    }];
    lines.extend(files.iter().take(FILES_SHOWN_MAX).map(|file| {
        let name = file.path.file_name().unwrap_or_default().to_string_lossy();
        format!("  {}  {}", shown(&name), size(file.bytes))
    }));
    let rest = files.get(FILES_SHOWN_MAX..).unwrap_or_default();
    if !rest.is_empty() {
        let bytes = rest.iter().map(|file| file.bytes).sum();
        let more = tr!("and {more} more", more = rest.len());
        lines.push(format!("  {more}  {}", size(bytes)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_dropped_files_are_asked_about_in_few_lines() {
        let file = |number| Dropped { path: format!("/f{number}").into(), bytes: 1_000_000 };
        let lines = Question::Upload((1..=20).map(file).collect(), String::new()).lines();
        assert_eq!(lines.len(), 5);
        assert_eq!(lines[3..], ["  f3  1.0 MB", "  and 17 more  17.0 MB"]);
    }

    #[test]
    fn a_file_is_recognised_as_this_system_writes_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("up.bin");
        std::fs::write(&path, "12345").unwrap();
        let pasted = format!("\"{}\"", path.display());
        let asked = Pasted::new(&pasted, "", 5);
        let file = Dropped { path: path.clone(), bytes: 5 };
        assert_eq!(asked, Pasted::Asked(Question::Upload(vec![file], pasted.clone())));
        let behind_command = Pasted::new(&pasted, "/upload ", 5);
        assert_eq!(behind_command, Pasted::Text(path.display().to_string()));
    }
}
