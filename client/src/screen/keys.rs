//! Keys, clicks and pastes: how each changes the state, and what it asks the front end to do. Reads
//! no terminal.

use std::time::Instant;

use chatshelf_common::id::ItemId;
use chatshelf_common::text::Nick;
use ratatui_crossterm::crossterm::event::{
    Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};

use super::dialog::{Dialog, KeyQuestion, NameQuestion, PasswordQuestion};
use super::editing::edit;
use super::paste::{self, Answer, Pasted};
use super::state::{Action, State};
use super::theme::Ink;
use crate::app::Clock;
use crate::command::{self, Command, CommandError};
use crate::lang::{text_error, tr};

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
            let text = tr!("the shelf is empty; drop a file here, or type /upload PATH");
            self.notice(text, Clock::now());
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
        match &mut self.dialog {
            Some(Dialog::Name(question)) => {
                question.editor.insert(&paste::one_line(text));
                return;
            }
            Some(Dialog::Password(question)) if !question.is_sent => {
                question.editor.insert(&paste::one_line(text));
                return;
            }
            Some(_) => return,
            None => {}
        }
        self.chosen = None;
        self.take_paste(Pasted::new(text, self.editor.text(), self.facts.shelf_max));
    }

    fn take_paste(&mut self, pasted: Pasted) {
        match pasted {
            Pasted::Text(text) => drop(self.editor.insert(&text)),
            Pasted::Refused(why) => self.say(&why, Ink::Failure, Clock::now()),
            Pasted::Asked(question) => self.dialog = Some(Dialog::Pasted(question)),
        }
    }

    // Dialogs: one that is not put back is closed.

    fn dialog_key(&mut self, dialog: Dialog, key: KeyEvent) -> Vec<Action> {
        let is_ctrl_c =
            key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
        match dialog {
            Dialog::Name(question) => self.name_key(question, key, is_ctrl_c),
            Dialog::Password(question) => self.password_key(question, key, is_ctrl_c),
            Dialog::Help(from) => {
                self.help_key(from, key, is_ctrl_c);
                Vec::new()
            }
            Dialog::Key(question) => self.key_key(question, key, is_ctrl_c),
            Dialog::Quit => match key.code {
                // Twice means yes.
                _ if is_ctrl_c => vec![Action::Quit],
                KeyCode::Enter | KeyCode::Char('y' | 'Y') => vec![Action::Quit],
                KeyCode::Esc | KeyCode::Char('n' | 'N') => Vec::new(),
                _ => self.keep(Dialog::Quit),
            },
            Dialog::Pasted(question) => match question.answer(key) {
                Ok(Answer::Send(text)) => self.send_paste(&text),
                Ok(Answer::Upload(paths)) => vec![Action::Do(Command::upload(paths))],
                Ok(Answer::Insert(text)) => {
                    self.take_paste(Pasted::text(text));
                    Vec::new()
                }
                Ok(Answer::Discard) => Vec::new(),
                Err(question) => self.keep(Dialog::Pasted(question)),
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
        let last = dialog.lines("", 0).len().saturating_sub(page);
        self.dialog = Some(Dialog::Help(from.min(last)));
    }

    /// No single key trusts a server: whoever was typing when the question came has not read it.
    fn key_key(&mut self, mut asked: KeyQuestion, key: KeyEvent, is_ctrl_c: bool) -> Vec<Action> {
        match key.code {
            KeyCode::Esc => return vec![Action::RefuseKey],
            _ if is_ctrl_c => return vec![Action::RefuseKey],
            KeyCode::Enter => match command::yes_or_no(&asked.editor.take()) {
                Some(true) => return vec![Action::AcceptKey],
                Some(false) => return vec![Action::RefuseKey],
                None => {}
            },
            KeyCode::Tab | KeyCode::BackTab => {}
            _ => edit(&mut asked.editor, key),
        }
        self.keep(Dialog::Key(asked))
    }

    /// What is typed goes to an editor of its own, so that it is not among the lines before.
    fn password_key(
        &mut self,
        mut asked: PasswordQuestion,
        key: KeyEvent,
        is_ctrl_c: bool,
    ) -> Vec<Action> {
        match key.code {
            KeyCode::Esc if asked.is_sent => vec![Action::Quit],
            _ if is_ctrl_c && asked.is_sent => vec![Action::Quit],
            _ if is_ctrl_c => vec![Action::Password(String::new())],
            KeyCode::Esc => vec![Action::Password(String::new())],
            KeyCode::Enter if !asked.is_sent => {
                let password = asked.editor.take();
                if asked.is_rooms && !password.is_empty() {
                    self.keep(Dialog::Password(PasswordQuestion { is_sent: true, ..asked }));
                }
                vec![Action::Password(password)]
            }
            _ if asked.is_sent => self.keep(Dialog::Password(asked)),
            KeyCode::Tab | KeyCode::BackTab => self.keep(Dialog::Password(asked)),
            _ => {
                edit(&mut asked.editor, key);
                self.keep(Dialog::Password(asked))
            }
        }
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
                let no_name =
                    || tr!("'{text}' cannot be a name: {why}", text, why = text_error(&why));
                asked.why = (!text.is_empty()).then(|| tr!("{sentence}.", sentence = no_name()));
                asked.suggestion = suggestion;
                self.keep(Dialog::Name(asked))
            }
        }
    }
}
