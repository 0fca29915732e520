//! Keys, clicks and pastes: how each changes the state, and what it asks the front end to do. Reads
//! no terminal.

use std::time::Instant;

use chatshelf_common::id::ItemId;
use chatshelf_common::limits::MESSAGE_BYTES_MAX;
use chatshelf_common::text::Nick;
use ratatui_crossterm::crossterm::event::{
    Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};

use super::dialog::{Dialog, NameQuestion};
use super::editing::edit;
use super::paths::{self, Drop};
use super::state::{Action, State};
use super::theme::Ink;
use crate::app::Clock;
use crate::command::{self, Command, CommandError};
use crate::text::cleaned;

/// A paste of this many lines is sent only after a question.
const PASTE_LINES_ASKED: usize = 5;
/// Rows per step of the wheel.
const WHEEL_ROWS: usize = 3;

impl State {
    /// Handles input from the terminal.
    pub(super) fn handle(&mut self, event: Event, now: Instant) -> Vec<Action> {
        match event {
            Event::FocusGained => self.attention.focus(true),
            Event::FocusLost => self.attention.focus(false),
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                self.attention.key(now);
                let actions = self.key(key);
                self.look(now);
                return actions;
            }
            Event::Mouse(mouse) => {
                self.attention.key(now);
                let actions = self.mouse(mouse);
                self.look(now);
                return actions;
            }
            Event::Paste(text) => self.paste(&text),
            Event::Key(_) | Event::Resize(..) => {}
        }
        self.look(now);
        Vec::new()
    }

    fn key(&mut self, key: KeyEvent) -> Vec<Action> {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        if !matches!(key.code, KeyCode::Tab | KeyCode::BackTab) {
            self.completion = None;
        }
        if is_control && key.code == KeyCode::Char('l') {
            return vec![Action::Redraw];
        }
        if is_control && key.code == KeyCode::Char('z') {
            return vec![Action::Stop];
        }
        if let Some(dialog) = self.dialog.take() {
            return self.dialog_key(dialog, key);
        }
        match key.code {
            KeyCode::Char('c') if is_control => self.dialog = Some(Dialog::Quit),
            KeyCode::Char('d') if is_control && self.editor.is_empty() => {
                self.dialog = Some(Dialog::Quit);
            }
            KeyCode::F(1) => self.dialog = Some(Dialog::Help(0)),
            KeyCode::Char('f') if is_control => self.toggle_shelf(),
            KeyCode::PageUp => self.scrollback.scroll_up(self.page(), self.frame()),
            KeyCode::PageDown => self.scrollback.scroll_down(self.page(), self.frame()),
            _ if self.chosen.is_some() => return self.shelf_key(key),
            KeyCode::Esc => self.scrollback.follow(),
            KeyCode::Enter
                if !key.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::SHIFT) =>
            {
                return self.enter();
            }
            _ => self.edit(key),
        }
        Vec::new()
    }

    /// A screenful, less one row that stays visible.
    fn page(&self) -> usize {
        usize::from(self.areas.chat.height).saturating_sub(1).max(1)
    }

    /// Enters the input.
    fn enter(&mut self) -> Vec<Action> {
        let line = self.editor.take();
        if line.trim().is_empty() {
            return Vec::new();
        }
        self.scrollback.follow();
        self.scrollback.unmark();
        self.ask(command::parse(&line))
    }

    /// What was typed or pasted, to be done; tells what is wrong with it.
    fn ask(&mut self, command: Result<Option<Command>, CommandError>) -> Vec<Action> {
        match command {
            Ok(command) => command.map(Action::Do).into_iter().collect(),
            Err(error) => {
                self.say(&error.to_string(), Ink::Failure, Clock::now());
                Vec::new()
            }
        }
    }

    /// Fetches the item that is chosen.
    fn fetch_chosen(&mut self) -> Vec<Action> {
        self.chosen.take().map(|item| Action::Do(Command::fetch(item))).into_iter().collect()
    }

    fn edit(&mut self, key: KeyEvent) {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Enter => drop(self.editor.insert("\n")),
            KeyCode::Char('j') if is_control => drop(self.editor.insert("\n")),
            KeyCode::Tab => self.complete(false),
            KeyCode::BackTab => self.complete(true),
            _ => edit(&mut self.editor, key),
        }
    }

    // The shelf.

    fn toggle_shelf(&mut self) {
        self.chosen = match self.chosen {
            Some(_) => None,
            None => self.facts.shelf.first().map(|item| item.id),
        };
        if self.facts.shelf.is_empty() {
            self.notice("the shelf is empty; drop a file here, or type /upload PATH", Clock::now());
        }
    }

    fn shelf_key(&mut self, key: KeyEvent) -> Vec<Action> {
        match key.code {
            KeyCode::Up => self.choose(-1),
            KeyCode::Down => self.choose(1),
            KeyCode::Enter => return self.fetch_chosen(),
            KeyCode::Esc => self.chosen = None,
            // Typing means talking.
            KeyCode::Char(_) => {
                self.chosen = None;
                self.edit(key);
            }
            _ => {}
        }
        Vec::new()
    }

    fn choose(&mut self, step: isize) {
        let shelf = &self.facts.shelf;
        let at = shelf.iter().position(|item| Some(item.id) == self.chosen).unwrap_or(0);
        let at = at.saturating_add_signed(step).min(shelf.len().saturating_sub(1));
        self.chosen = shelf.get(at).map(|item| item.id);
    }

    fn mouse(&mut self, mouse: MouseEvent) -> Vec<Action> {
        match mouse.kind {
            MouseEventKind::ScrollUp => self.scrollback.scroll_up(WHEEL_ROWS, self.frame()),
            MouseEventKind::ScrollDown => self.scrollback.scroll_down(WHEEL_ROWS, self.frame()),
            MouseEventKind::Down(MouseButton::Left) if self.dialog.is_none() => {
                return self.click(self.areas.item_at(mouse.column, mouse.row));
            }
            _ => {}
        }
        Vec::new()
    }

    /// A click chooses an item; a click on the chosen one fetches it.
    fn click(&mut self, item: Option<ItemId>) -> Vec<Action> {
        if item.is_some() && item == self.chosen {
            return self.fetch_chosen();
        }
        self.chosen = item;
        Vec::new()
    }

    // Pastes.

    fn paste(&mut self, text: &str) {
        self.completion = None;
        let text = cleaned(&text.replace("\r\n", "\n").replace('\r', "\n"));
        let text = text.trim_end_matches('\n');
        match &mut self.dialog {
            Some(Dialog::Name(question)) => {
                question.editor.insert(&text.replace('\n', " "));
                return;
            }
            Some(_) => return,
            None => {}
        }
        self.chosen = None;
        match paths::dropped(text) {
            // A command is already typed: only the path is missing.
            Some(drop) if self.editor.text().starts_with('/') => {
                let path = drop.only().map(|path| path.display().to_string());
                self.editor.insert(path.as_deref().unwrap_or(text));
            }
            Some(drop) => self.dialog = Some(self.drop_question(drop, text)),
            // The input would hold only a part, and nobody would notice.
            None if text.len() > MESSAGE_BYTES_MAX => self.refuse_paste(text.len()),
            None if text.lines().count() >= PASTE_LINES_ASKED => {
                self.dialog = Some(Dialog::Paste(text.to_owned()));
            }
            None => drop(self.editor.insert(text)),
        }
    }

    /// Asks what to do with what was dropped. It never goes to the room unasked.
    fn drop_question(&self, drop: Drop, text: &str) -> Dialog {
        let kept = self.facts.shelf_max;
        let why = match drop {
            Drop::Files(files) if files.len() <= kept => {
                return Dialog::Upload(files, text.to_owned());
            }
            Drop::Files(files) => format!(
                "{} files are too many: the shelf keeps {kept}. Pack them into one, or drop fewer.",
                files.len()
            ),
            Drop::Unfit(path, why) => {
                let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
                format!("{name} cannot go on the shelf: {why}")
            }
        };
        Dialog::NoUpload(why, text.to_owned())
    }

    /// Inserts what was dropped, as text.
    fn insert_text(&mut self, text: &str) -> Vec<Action> {
        if text.len() > MESSAGE_BYTES_MAX {
            self.refuse_paste(text.len());
        } else {
            self.editor.insert(text);
        }
        Vec::new()
    }

    fn refuse_paste(&mut self, bytes: usize) {
        let text = format!(
            "not pasted: a message holds {MESSAGE_BYTES_MAX} bytes, and this has {bytes}; save it \
             to a file and put that on the shelf"
        );
        self.say(&text, Ink::Failure, Clock::now());
    }

    // Dialogs: one that is not put back is closed.

    fn dialog_key(&mut self, dialog: Dialog, key: KeyEvent) -> Vec<Action> {
        let is_ctrl_c =
            key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
        match dialog {
            Dialog::Name(question) => self.name_key(question, key, is_ctrl_c),
            Dialog::Help(from) => {
                self.help_key(from, key, is_ctrl_c);
                Vec::new()
            }
            Dialog::Quit => match key.code {
                // Twice means yes.
                _ if is_ctrl_c => vec![Action::Quit],
                KeyCode::Enter | KeyCode::Char('y' | 'Y') => vec![Action::Quit],
                KeyCode::Esc | KeyCode::Char('n' | 'N') => Vec::new(),
                _ => self.keep(Dialog::Quit),
            },
            Dialog::Paste(text) => match key.code {
                KeyCode::Enter => self.send_paste(&text),
                KeyCode::Char('e' | 'E') => {
                    self.editor.insert(&text);
                    Vec::new()
                }
                _ if is_ctrl_c || key.code == KeyCode::Esc => Vec::new(),
                _ => self.keep(Dialog::Paste(text)),
            },
            Dialog::Upload(files, text) => match key.code {
                KeyCode::Enter | KeyCode::Char('y' | 'Y') => {
                    let paths = files.into_iter().map(|file| file.path).collect();
                    vec![Action::Do(Command::upload(paths))]
                }
                KeyCode::Char('t' | 'T') => self.insert_text(&text),
                KeyCode::Esc | KeyCode::Char('n' | 'N') => Vec::new(),
                _ if is_ctrl_c => Vec::new(),
                _ => self.keep(Dialog::Upload(files, text)),
            },
            Dialog::NoUpload(why, text) => match key.code {
                KeyCode::Char('t' | 'T') => self.insert_text(&text),
                KeyCode::Esc | KeyCode::Enter => Vec::new(),
                _ if is_ctrl_c => Vec::new(),
                _ => self.keep(Dialog::NoUpload(why, text)),
            },
        }
    }

    fn keep(&mut self, dialog: Dialog) -> Vec<Action> {
        self.dialog = Some(dialog);
        Vec::new()
    }

    /// Sends what was pasted, with what was typed around it, as one message.
    fn send_paste(&mut self, text: &str) -> Vec<Action> {
        let is_alone = self.editor.is_empty();
        self.editor.insert(text);
        let line = self.editor.take();
        self.scrollback.follow();
        self.ask(if is_alone { command::say(&line) } else { command::parse(&line) })
    }

    fn help_key(&mut self, from: usize, key: KeyEvent, is_ctrl_c: bool) {
        let page = usize::from(self.areas.screen.height).saturating_sub(3).max(1);
        let from = match key.code {
            KeyCode::Up => from.saturating_sub(1),
            KeyCode::Down => from + 1,
            KeyCode::PageUp => from.saturating_sub(page),
            KeyCode::PageDown | KeyCode::Char(' ') => from + page,
            _ => {
                self.dialog = is_ctrl_c.then_some(Dialog::Quit);
                return;
            }
        };
        let dialog = Dialog::Help(from);
        let last = dialog.lines(0).len().saturating_sub(page);
        self.dialog = Some(Dialog::Help(from.min(last)));
    }

    fn name_key(&mut self, mut asked: NameQuestion, key: KeyEvent, is_ctrl_c: bool) -> Vec<Action> {
        if is_ctrl_c
            || (key.code == KeyCode::Char('d')
                && asked.editor.is_empty()
                && key.modifiers.contains(KeyModifiers::CONTROL))
        {
            return vec![Action::Quit];
        }
        if key.code != KeyCode::Enter {
            std::mem::swap(&mut self.editor, &mut asked.editor);
            if !matches!(key.code, KeyCode::Tab | KeyCode::BackTab) {
                self.edit(key);
            }
            std::mem::swap(&mut self.editor, &mut asked.editor);
            return self.keep(Dialog::Name(asked));
        }
        let text = asked.editor.text().trim().to_owned();
        match (asked.suggestion.take(), Nick::new(&text)) {
            (Some(free), _) if text.is_empty() => vec![Action::Name(free)],
            (_, Ok(nick)) => vec![Action::Name(nick)],
            (suggestion, Err(why)) => {
                asked.why =
                    (!text.is_empty()).then(|| format!("'{text}' cannot be a name: {why}."));
                asked.suggestion = suggestion;
                self.keep(Dialog::Name(asked))
            }
        }
    }
}
