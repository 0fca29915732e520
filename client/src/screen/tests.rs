//! The screen as text: every state, drawn to a backend in memory, and what keys do to it.
//!
//! This file has what the tests share; `rooms` tests what happens in the room, `frames` everything
//! around it, `answers` what keys, clicks and pastes do.

mod answers;
mod frames;
mod rooms;

use std::sync::Arc;
use std::time::{Duration, Instant};

use chatshelf_common::id::{Digest, ItemId, MessageId, Seq, UnixMillis};
use chatshelf_common::text::{FileName, Message, Nick};
use chatshelf_common::wire::frame::{Item, Joined, Left, Said, Shelved, Style, Told};
use chatshelf_common::wire::{Code, Event};
use ratatui_core::backend::TestBackend;
use ratatui_core::buffer::Buffer;
use ratatui_crossterm::crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyModifiers};

use super::areas::Areas;
use super::draw;
use super::links::Links;
use super::state::{Action, State};
use super::theme::Theme;
use super::view_model::{Bar, Connection, ShelfItem, ViewModel};
use crate::app::{Clock, News};
use crate::link::Encryption;

/// 2026-11-22T17:00:00Z.
const AT: UnixMillis = UnixMillis(1_795_366_800_000);
const MINUTE: u64 = 60_000;

fn nick(name: &str) -> Nick {
    Nick::new(name).unwrap()
}

/// A screen of somebody called ada.
struct Rig {
    state: State,
    links: Links,
    now: Instant,
    at: UnixMillis,
}

impl Rig {
    fn new() -> Self {
        Self::with(Theme { colour: true, ascii: false })
    }

    fn with(theme: Theme) -> Self {
        let now = Instant::now();
        let mut state = State::new(theme, Clock::utc(), now, AT);
        state.learn(ViewModel {
            nick: "ada".into(),
            place: "lab:9000".into(),
            connection: Connection::Joined,
            encryption: Some(Encryption::Verified),
            members: Arc::new(vec!["ada".into(), "bob".into(), "grace".into()]),
            shelf: vec![shelf_item(7, "notes.pdf"), shelf_item(3, "photo of us.jpg")],
            shelf_max: 5,
            ..ViewModel::default()
        });
        Self { state, links: Links::default(), now, at: AT }
    }

    fn facts(&mut self, change: impl FnOnce(&mut ViewModel)) {
        let mut facts = self.state.facts.clone();
        change(&mut facts);
        self.state.learn(facts);
    }

    fn happens(&mut self, event: impl Into<Event>) {
        self.state.show(News::Room(event.into()), self.now, self.at);
    }

    fn says(&mut self, who: &str, text: &str) {
        let text = Message::new(text).unwrap();
        let style = (text.as_str() == "waves").then_some(Style::ACTION);
        let id = MessageId(1);
        self.happens(Said { seq: Seq(1), at: self.at, nick: nick(who), id, text, style });
    }

    fn joins(&mut self, who: &str) {
        self.happens(Joined { seq: Seq(1), at: self.at, nick: nick(who), quiet: None });
    }

    fn leaves(&mut self, who: &str) {
        self.happens(Left {
            seq: Seq(1),
            at: self.at,
            nick: nick(who),
            code: Code::LEFT,
            quiet: None,
        });
    }

    fn told(&mut self, from: &str, to: &str, text: &str) {
        let (from, to) = (nick(from), nick(to));
        let text = Message::new(text).unwrap();
        let told = Told { at: self.at, from, to, id: MessageId(1), text };
        self.state.show(News::Told(told), self.now, self.at);
    }

    fn shelves(&mut self, name: &str) {
        let name = FileName::new(name).unwrap();
        let item = Item::new(ItemId(9), name, 5_000_000, Digest([0; 32]), nick("grace"), self.at);
        self.happens(Shelved { seq: Seq(1), at: self.at, item });
    }

    fn press(&mut self, code: KeyCode, modifiers: KeyModifiers) -> Vec<Action> {
        self.state.handle(Input::Key(KeyEvent::new(code, modifiers)), self.now)
    }

    fn key(&mut self, code: KeyCode) -> Vec<Action> {
        self.press(code, KeyModifiers::NONE)
    }

    fn control(&mut self, c: char) -> Vec<Action> {
        self.press(KeyCode::Char(c), KeyModifiers::CONTROL)
    }

    fn types(&mut self, text: &str) {
        text.chars().for_each(|c| drop(self.key(KeyCode::Char(c))));
    }

    fn pastes(&mut self, text: &str) {
        self.state.handle(Input::Paste(text.into()), self.now);
    }

    fn draw(&mut self, columns: u16, rows: u16) -> Buffer {
        let mut terminal =
            ratatui_core::terminal::Terminal::new(TestBackend::new(columns, rows)).unwrap();
        let mut areas = Areas::default();
        let links = &mut self.links;
        terminal.draw(|frame| areas = draw::draw(&self.state, frame.buffer_mut(), links)).unwrap();
        self.state.areas = areas;
        terminal.backend().buffer().clone()
    }

    /// The screen as lines, without blanks at their ends.
    fn screen(&mut self, columns: u16, rows: u16) -> Vec<String> {
        let buffer = self.draw(columns, rows);
        let row = |y| {
            let mut line = String::new();
            let mut x = 0;
            while x < columns {
                let symbol = buffer[(x, y)].symbol();
                line.push_str(symbol);
                x += super::wrap::width(symbol).max(1) as u16;
            }
            line.trim_end().to_owned()
        };
        (0..rows).map(row).collect()
    }

    /// The same as one text.
    fn text(&mut self, columns: u16, rows: u16) -> String {
        self.screen(columns, rows).join("\n")
    }
}

fn shelf_item(id: u64, name: &str) -> ShelfItem {
    ShelfItem {
        id: ItemId(id),
        name: name.into(),
        size: "5.0 MB".into(),
        who: "grace".into(),
        age: "3 min".into(),
    }
}

fn bar(name: &str) -> Bar {
    Bar {
        is_upload: true,
        name: name.into(),
        percent: 61,
        part: "239.0/388.0 MB".into(),
        text: "24.0 MB/s, ETA 0:06".into(),
        is_stalled: false,
    }
}

/// The colour of the first cell of this text, which must be on the screen.
fn colour_of(buffer: &Buffer, text: &str) -> ratatui_core::style::Color {
    let columns = buffer.area.width;
    for y in 0..buffer.area.height {
        let row: Vec<&str> = (0..columns).map(|x| buffer[(x, y)].symbol()).collect();
        for x in 0..row.len() {
            if row[x..].concat().starts_with(text) {
                return buffer[(x as u16, y)].fg;
            }
        }
    }
    panic!("{text:?} is not on the screen");
}
