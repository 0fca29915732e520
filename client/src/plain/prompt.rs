//! The line that is being typed on a terminal: read key by key, and drawn below everything else, so
//! that the two never mix. Owns the keys, the text and the row, and the question about a paste.
//! Uses no escapes but carriage return, spaces and backspaces, which every terminal and screen
//! reader understands.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use mio::Waker;
use ratatui_crossterm::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use unicode_segmentation::UnicodeSegmentation;

use crate::app::{interrupt_job, stop_job};
use crate::input::Line;
use crate::screen::editing::edit;
use crate::screen::editor::Editor;
use crate::screen::events::Events;
use crate::screen::paste::{Answer, Pasted, Question, one_line};
use crate::screen::terminal::Raw;
use crate::screen::wrap::{cut, width};
use crate::terminal_env::TerminalSize;
use crate::text::shown;

/// Lines that were entered and wait to be taken; further keys wait behind them.
const LINES_WAITING_MAX: usize = 64;

/// What the user has entered, pasted or dropped.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// A line was entered.
    Line(Line),
    /// These files are to go on the shelf.
    Upload(Vec<PathBuf>),
    /// A question, whose answers are in the row.
    Asked(Vec<String>),
    /// Why nothing was pasted.
    Refused(String),
}

pub(super) struct Prompt {
    raw: Raw,
    events: Events,
    editor: Editor,
    typed: VecDeque<Typed>,
    /// What stands before the text.
    question: String,
    /// What is typed is a secret: it has an editor of its own, and is not shown.
    secret: Option<Editor>,
    /// After a secret is entered, what is typed is ignored until [`Self::end_secret`]: it may be
    /// meant as another.
    holds: bool,
    /// What is asked about a paste; the next key answers.
    asked: Option<Question>,
    /// A line that was entered. It stays visible until the room has it, or another is typed.
    on_its_way: Option<String>,
    columns: usize,
    /// Columns of the row that are drawn.
    drawn: usize,
    /// The row must be drawn again.
    is_changed: bool,
    /// The input has ended.
    is_over: bool,
}

impl Prompt {
    /// Reads the terminal key by key from now on.
    ///
    /// # Errors
    /// When the terminal cannot do that.
    pub(super) fn start(waker: Arc<Waker>) -> io::Result<Self> {
        Ok(Self::new(Raw::enter()?, Events::start(waker)?, TerminalSize::now().columns))
    }

    fn new(raw: Raw, events: Events, columns: usize) -> Self {
        Self {
            raw,
            events,
            editor: Editor::default(),
            typed: VecDeque::new(),
            question: String::new(),
            secret: None,
            holds: false,
            asked: None,
            on_its_way: None,
            columns,
            drawn: 0,
            is_changed: false,
            is_over: false,
        }
    }

    /// Shows this before the text.
    pub(super) fn ask(&mut self, question: &str) {
        question.clone_into(&mut self.question);
        self.is_changed = true;
    }

    /// Asks for a line that is neither shown nor remembered; with `holds` nothing else is taken
    /// until [`Self::end_secret`].
    pub(super) fn ask_secret(&mut self, question: &str, holds: bool) {
        (self.secret, self.holds) = (Some(Editor::default()), holds);
        self.asked = None;
        self.ask(question);
    }

    /// A secret that was entered is the right one.
    pub(super) fn end_secret(&mut self) {
        (self.secret, self.holds) = (None, false);
        self.is_changed = true;
    }

    /// Handles the keys that were pressed, for a shelf that keeps so many items; false after
    /// Ctrl-C, where no signal can be sent.
    pub(super) fn take_keys(&mut self, kept: usize) -> bool {
        while !self.is_over && self.typed.len() < LINES_WAITING_MAX {
            match self.events.poll() {
                Ok(Some(Event::Key(key))) if key.kind != KeyEventKind::Release => {
                    self.is_changed = true;
                    match self.asked.take() {
                        Some(question) => self.answer(question, key),
                        None if !self.key(key) => return false,
                        None => {}
                    }
                }
                Ok(Some(Event::Paste(text))) => {
                    self.is_changed = true;
                    self.paste(&text, kept);
                }
                Ok(Some(Event::Resize(columns, _))) => {
                    self.columns = columns.into();
                    self.is_changed = true;
                }
                Ok(Some(_)) => {}
                Ok(None) => return true,
                Err(_) => self.end(),
            }
        }
        true
    }

    fn key(&mut self, key: KeyEvent) -> bool {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c') if is_control => return interrupt_job(),
            KeyCode::Char('z') if is_control => drop(stop_job()),
            KeyCode::Char('d') if is_control && self.editor.is_empty() => self.end(),
            // Programs that type for a person end lines with one or the other.
            KeyCode::Enter => self.enter(),
            KeyCode::Char('j') if is_control => self.enter(),
            KeyCode::Tab if self.secret.is_none() => drop(self.editor.insert("\t")),
            _ => edit(self.secret.as_mut().unwrap_or(&mut self.editor), key),
        }
        true
    }

    fn enter(&mut self) {
        if let Some(secret) = &mut self.secret {
            let text = std::mem::take(secret).text().to_owned();
            // A second one waits for the question.
            if !self.question.is_empty() {
                self.question.clear();
                self.typed.push_back(Typed::Line(Line::Text(text)));
            }
            if !self.holds {
                self.end_secret();
            }
            return;
        }
        let text = self.editor.take();
        self.typed.push_back(Typed::Line(Line::Text(text)));
    }

    fn end(&mut self) {
        self.is_over = true;
        self.typed.push_back(Typed::Line(Line::End));
    }

    fn paste(&mut self, text: &str, kept: usize) {
        if self.asked.is_some() {
            return;
        }
        if let Some(secret) = &mut self.secret {
            secret.insert(&one_line(text));
            return;
        }
        self.take_paste(match self.question.is_empty() {
            true => Pasted::new(text, self.editor.text(), kept),
            false => Pasted::Text(one_line(text)),
        });
    }

    fn take_paste(&mut self, pasted: Pasted) {
        match pasted {
            Pasted::Text(text) => drop(self.editor.insert(&text)),
            Pasted::Refused(why) => self.typed.push_back(Typed::Refused(why)),
            Pasted::Asked(question) => {
                self.typed.push_back(Typed::Asked(question.lines()));
                self.asked = Some(question);
            }
        }
    }

    fn answer(&mut self, question: Question, key: KeyEvent) {
        match question.answer(key) {
            Ok(Answer::Send(text)) => {
                // Alone it is talk, whatever it begins with.
                let is_talk = self.editor.is_empty() && text.starts_with('/');
                self.editor.insert(if is_talk { "/" } else { "" });
                self.editor.insert(&text);
                self.enter();
            }
            Ok(Answer::Upload(paths)) => self.typed.push_back(Typed::Upload(paths)),
            Ok(Answer::Insert(text)) => self.take_paste(Pasted::text(text)),
            Ok(Answer::Discard) => {}
            Err(question) => self.asked = Some(question),
        }
    }

    /// The next of these, oldest first.
    pub(super) fn poll_typed(&mut self) -> Option<Typed> {
        self.typed.pop_front()
    }

    /// Keeps a line visible until the room has it.
    pub(super) fn keep_in_sight(&mut self, text: &str) {
        self.on_its_way = Some(text.to_owned());
    }

    /// Nothing that was entered is on its way any more.
    pub(super) fn all_is_said(&mut self) {
        self.is_changed |= self.on_its_way.take().is_some();
    }

    /// What stands before the text, to repeat a line that was entered.
    pub(super) fn question(&self) -> &str {
        &self.question
    }

    pub(super) fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// Erases the row, so that something else can be written there.
    pub(super) fn erased(&mut self) -> String {
        let blanks = std::mem::take(&mut self.drawn);
        self.is_changed = true;
        if blanks == 0 { String::new() } else { format!("\r{}\r", " ".repeat(blanks)) }
    }

    /// Draws the row, from the start of the row that the cursor is on.
    pub(super) fn drawn(&mut self) -> String {
        self.is_changed = false;
        if !self.editor.is_empty() {
            self.on_its_way = None;
        }
        let (before, behind) = match (&self.asked, &self.on_its_way) {
            (Some(question), _) => (question.answers(), ""),
            (None, _) if self.secret.is_some() => ("", ""),
            (None, Some(text)) => (text.as_str(), ""),
            (None, None) => self.editor.text().split_at(self.editor.before_cursor().len()),
        };
        let row = Row::fit(&self.question, before, behind, self.columns);
        self.drawn = width(&row.before) + width(&row.behind);
        let back = "\u{8}".repeat(width(&row.behind));
        format!("{}{}{back}", row.before, row.behind)
    }

    /// Gives the terminal back for a while; returns what to write first.
    pub(super) fn suspend(&mut self) -> String {
        let erased = self.erased();
        self.raw.leave();
        erased
    }

    /// Takes the terminal again.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub(super) fn resume(&mut self) -> io::Result<()> {
        self.drawn = 0;
        self.is_changed = true;
        self.raw.enter_again()
    }
}

/// A text that may have several lines, as one.
pub(super) fn in_one_row(text: &str) -> String {
    text.replace('\t', " ").replace('\n', " / ")
}

/// The part of the text around the cursor that fits on the row.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    before: String,
    behind: String,
}

impl Row {
    /// The last column stays free: after it, the terminal would start a new row.
    fn fit(question: &str, before: &str, behind: &str, columns: usize) -> Self {
        let plain = |text: &str| shown(&in_one_row(text));
        let room = columns.saturating_sub(1);
        let mut before = format!("{}{}", plain(question), plain(before));
        if width(&before) > room {
            let mut kept = width(&before);
            let start = before.grapheme_indices(true).find_map(|(at, cluster)| {
                let fits = kept < room;
                kept -= width(cluster);
                fits.then_some(at)
            });
            before = format!("<{}", &before[start.unwrap_or(before.len())..]);
        }
        let behind = cut(&plain(behind), room.saturating_sub(width(&before)), "");
        Self { before, behind }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(before: &str, behind: &str, columns: usize) -> (String, String) {
        let row = Row::fit("", before, behind, columns);
        (row.before, row.behind)
    }

    #[test]
    fn a_long_line_shows_the_part_around_the_cursor() {
        assert_eq!(row("hello", " all", 80), ("hello".into(), " all".into()));
        assert_eq!(row("hello", " all", 8), ("hello".into(), " a".into()));
        assert_eq!(row("hello all", "", 8), ("<lo all".into(), String::new()));
        assert_eq!(row("a\tb", "\u{200b}c", 80), ("a b".into(), "c".into()));
        let asked = Row::fit("Your name: ", "ada", "", 80);
        assert_eq!(asked.before, "Your name: ada");
    }

    /// What comes of these events, before they end.
    fn typed(events: &[Event]) -> Vec<Typed> {
        let mut prompt = Prompt::new(Raw::none(), Events::of(events.to_vec()), 80);
        assert!(prompt.take_keys(5));
        let mut typed: Vec<Typed> = std::iter::from_fn(|| prompt.poll_typed()).collect();
        assert_eq!(typed.pop(), Some(Typed::Line(Line::End)));
        typed
    }

    fn key(code: KeyCode) -> Event {
        Event::Key(KeyEvent::new(code, KeyModifiers::NONE))
    }

    fn line(text: &str) -> Typed {
        Typed::Line(Line::Text(text.into()))
    }

    fn asked(text: &str) -> Typed {
        Typed::Asked(vec![text.into()])
    }

    const ENTER: KeyCode = KeyCode::Enter;

    #[test]
    fn a_few_pasted_lines_are_one_message_once_enter_is_pressed() {
        let pasted = Event::Paste("one\rtwo\r".into());
        assert_eq!(typed(std::slice::from_ref(&pasted)), []);
        assert_eq!(typed(&[key(KeyCode::Char('>')), pasted, key(ENTER)]), [line(">one\ntwo")]);
    }

    #[test]
    fn many_pasted_lines_are_sent_only_if_the_next_key_says_so() {
        let pasted = Event::Paste("/1\n2\n3\n4\n5\n6".into());
        let question = || asked("Send 6 lines (12 B) as one message?");
        let sent = typed(&[pasted.clone(), pasted.clone(), key(KeyCode::Char('x')), key(ENTER)]);
        assert_eq!(sent, [question(), line("//1\n2\n3\n4\n5\n6")]);
        assert_eq!(typed(&[pasted.clone(), key(KeyCode::Esc), key(ENTER)]), [question(), line("")]);
        let edited = typed(&[pasted, key(KeyCode::Char('e')), key(ENTER)]);
        assert_eq!(edited, [question(), line("/1\n2\n3\n4\n5\n6")]);
        let long = typed(&[Event::Paste("x\n".repeat(5000)), key(ENTER)]);
        assert!(matches!(&long[..], [Typed::Refused(_), Typed::Line(_)]), "{long:?}");
    }

    #[test]
    fn a_secret_is_neither_shown_nor_remembered_and_a_second_one_waits() {
        let of = |text: &str| text.chars().map(|c| key(KeyCode::Char(c))).collect::<Vec<_>>();
        let events = [of("a secret"), vec![key(ENTER)], of("another"), vec![key(ENTER)]].concat();
        let mut prompt = Prompt::new(Raw::none(), Events::of(of("draft")), 80);
        prompt.take_keys(5);
        prompt.ask_secret("Password: ", true);
        assert_eq!(prompt.drawn(), "Password: ");
        (prompt.events, prompt.is_over) = (Events::of(events), false);
        prompt.typed.clear();
        prompt.take_keys(5);
        assert_eq!(prompt.poll_typed(), Some(line("a secret")));
        assert_eq!(prompt.poll_typed(), Some(Typed::Line(Line::End)), "the other one is dropped");
        assert_eq!(prompt.drawn(), "");
        prompt.end_secret();
        assert_eq!(prompt.drawn(), "draft");
    }

    #[test]
    fn a_file_that_is_dropped_is_offered_for_upload_and_never_said_unasked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("up.bin");
        std::fs::write(&path, "12345").unwrap();
        let pasted = Event::Paste(format!("\"{}\"", path.display()));
        let asked = || Typed::Asked(vec!["Put on the shelf?".into(), "  up.bin  5 B".into()]);
        let uploaded = typed(&[pasted.clone(), key(ENTER)]);
        assert_eq!(uploaded, [asked(), Typed::Upload(vec![path])]);
        let refused = typed(&[pasted, key(KeyCode::Char('n')), key(ENTER)]);
        assert_eq!(refused, [asked(), line("")]);
    }

    #[test]
    fn the_row_shows_the_answers_and_then_the_draft_again() {
        let pasted = Event::Paste("1\n2\n3\n4\n5".into());
        let events = vec![key(KeyCode::Char('a')), pasted];
        let mut prompt = Prompt::new(Raw::none(), Events::of(events), 80);
        prompt.take_keys(5);
        assert_eq!(prompt.drawn(), "Enter: send   e: edit   Esc: discard");
        prompt.events = Events::of(vec![key(KeyCode::Esc)]);
        prompt.is_over = false;
        prompt.take_keys(5);
        assert_eq!(prompt.drawn(), "a");
    }

    proptest! {
        #[test]
        fn a_row_never_reaches_the_last_column(
            before in "[a-c 李é\u{301}👩]{0,40}",
            behind in "[a-c 李é\u{301}👩]{0,40}",
            columns in 2..30usize,
        ) {
            let row = Row::fit("? ", &before, &behind, columns);
            prop_assert!(width(&row.before) + width(&row.behind) < columns, "{row:?}");
        }
    }
}
