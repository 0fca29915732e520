//! The state of the screen: everything that drawing and keys need, and nothing of terminal or
//! session. Takes in what happens; `keys` has the keys, `draw` how it looks.

use std::collections::VecDeque;
use std::time::Instant;

use chatshelf_common::id::{ItemId, UnixMillis};
use chatshelf_common::qr;
use chatshelf_common::text::Nick;
use chatshelf_common::wire::frame::{self, Said, Told};
use chatshelf_common::wire::{Code, Event};

use super::areas::Areas;
use super::complete::{Completion, Known};
use super::dialog::{Dialog, KeyQuestion, NameQuestion, PasswordQuestion};
use super::editor::Editor;
use super::entry::{Entry, Frame, lines};
use super::notify::{Call, Notifier, mentions};
use super::scrollback::Scrollback;
use super::theme::{Ink, Theme};
use super::view_model::{ShelfItem, ViewModel};
use crate::app::{Clock, News, format};
use crate::command::Command;
use crate::item::Shelf;
use crate::lang::tr;
use crate::session::When;
use crate::text::shown;

/// Recent speakers that are remembered.
const SPEAKERS_MAX: usize = 50;

/// Something for the front end to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Have this done.
    Do(Command),
    /// Use this name.
    Name(Nick),
    /// The server's key is the right one.
    AcceptKey,
    /// It is not, or nobody says so.
    RefuseKey,
    /// Show this password; none was given if it is empty.
    Password(String),
    /// Leave.
    Quit,
    /// Redraw everything.
    Redraw,
    /// Suspend the program.
    Stop,
}

/// The state of the screen.
#[derive(Debug)]
pub(super) struct State {
    pub(super) theme: Theme,
    pub(super) clock: Clock,
    pub(super) facts: ViewModel,
    pub(super) scrollback: Scrollback,
    pub(super) editor: Editor,
    pub(super) completion: Option<Completion>,
    pub(super) attention: Notifier,
    pub(super) dialog: Option<Dialog>,
    /// The item that is chosen, while the keys go to the shelf.
    pub(super) chosen: Option<ItemId>,
    /// Where things were last drawn.
    pub(super) areas: Areas,
    /// Recent speakers, the latest first.
    speakers: VecDeque<String>,
    /// The day of the last line, as text.
    day: String,
    /// Events now come from before we joined.
    is_history: bool,
    /// The welcome is to be shown, after the history.
    is_welcome_due: bool,
}

impl State {
    pub(super) fn new(theme: Theme, clock: Clock, now: Instant, at: UnixMillis) -> Self {
        Self {
            theme,
            facts: ViewModel::default(),
            scrollback: Scrollback::default(),
            editor: Editor::default(),
            completion: None,
            attention: Notifier::new(now),
            dialog: None,
            chosen: None,
            areas: Areas::default(),
            speakers: VecDeque::new(),
            day: clock.day(at),
            clock,
            is_history: false,
            is_welcome_due: false,
        }
    }

    /// Takes a new view model. The item that is chosen may be gone.
    pub(super) fn learn(&mut self, facts: ViewModel) {
        self.facts = facts;
        let is_there = |id| self.facts.shelf.iter().any(|item| item.id == id);
        if self.chosen.is_some_and(|id| !is_there(id)) {
            self.chosen = self.facts.shelf.first().map(|item| item.id);
        }
    }

    /// Takes in some news.
    pub(super) fn show(&mut self, news: News, now: Instant, at: UnixMillis) {
        match news {
            News::Joined(nick) => {
                self.dialog = None;
                self.facts.nick = shown(nick.as_str());
                self.is_welcome_due = true;
            }
            News::NickRefused { text, suggestion } => {
                let why = Some(tr!("{sentence}.", sentence = text));
                let question = NameQuestion { why, suggestion, ..NameQuestion::default() };
                self.dialog = Some(Dialog::Name(question));
            }
            News::KeyUnknown(key) => {
                self.dialog = Some(Dialog::Key(KeyQuestion { key, editor: Editor::default() }));
            }
            News::PasswordWanted { text, is_rooms } => {
                let editor = Editor::default();
                let question = PasswordQuestion { editor, why: text, is_rooms, is_sent: false };
                self.dialog = Some(Dialog::Password(question));
            }
            News::Room(event) => self.event(event, now),
            News::Told(told) => self.told(&told, now),
            News::Before(text, when) => {
                self.is_history = when == When::History;
                self.scrollback.push(Entry::Rule(text));
            }
            News::Now => {
                self.is_history = false;
                self.scrollback.push(Entry::Rule(tr!("now").to_owned()));
            }
            News::Link { link, .. } => {
                let code = if self.theme.ascii { None } else { qr::draw(&link.short) };
                let code = code.iter().flat_map(|code| code.lines()).map(str::to_owned).collect();
                self.scrollback.push(Entry::Link { time: self.clock.time(at), link, code });
            }
            News::Notice(text) | News::Waits(text) => self.notice(&text, at),
            News::Failure(text) => self.say(&text, Ink::Failure, at),
            // The progress bars show these.
            News::Underway(_) | News::Quietly | News::Answer(_) => {}
        }
    }

    /// A line about the room or ourselves.
    pub(super) fn notice(&mut self, text: &str, at: UnixMillis) {
        self.say(text, Ink::Dim, at);
    }

    pub(super) fn notices(&mut self, lines: &[String], at: UnixMillis) {
        lines.iter().for_each(|line| self.notice(line, at));
    }

    pub(super) fn say(&mut self, text: &str, ink: Ink, at: UnixMillis) {
        let time = self.clock.time(at);
        self.scrollback.push(Entry::Notice { time, text: shown(text), ink });
    }

    /// Shows the welcome, once.
    pub(super) fn welcome(&mut self, at: UnixMillis) {
        if self.is_history || !std::mem::take(&mut self.is_welcome_due) {
            return;
        }
        let text = tr!(
            "welcome, {nick}. Type to talk; drop a file here to put it on the shelf; Ctrl-F \
             chooses one to fetch; F1 shows the rest",
            nick = self.facts.nick,
        );
        self.say(&text, Ink::Accent, at);
    }

    fn event(&mut self, event: Event, now: Instant) {
        let at = event.at();
        self.mark_day(at);
        let time = self.clock.time(at);
        match event {
            Event::Said(said) => self.said(&said, time, now),
            Event::Joined(joined) => {
                self.scrollback.fold(&time, |who| who.join(joined.nick.as_str()));
            }
            Event::Left(left) if matches!(left.code, Code::LEFT | Code::CONNECTION_LOST) => {
                self.scrollback.fold(&time, |who| who.leave(left.nick.as_str()));
            }
            Event::Shelved(_) => {
                self.arrives(None, now);
                self.say(&format::event(&event), Ink::Text, at);
            }
            other => {
                if let Event::Renamed(renamed) = &other
                    && shown(renamed.nick.as_str()) == self.facts.nick
                {
                    self.facts.nick = shown(renamed.to.as_str());
                }
                if let Event::Moderated(it) = &other
                    && let (frame::Action::REDACT, Some(line)) = (it.action, it.line)
                {
                    self.scrollback.redact(line);
                }
                self.notice(&format::event(&other), at);
            }
        }
    }

    fn said(&mut self, said: &Said, time: String, now: Instant) {
        let is_me = shown(said.nick.as_str()) == self.facts.nick;
        let is_mention = !is_me && mentions(said.text.as_str(), &self.facts.nick);
        if !is_me {
            self.spoke(&said.nick);
            self.arrives(Some(if is_mention { Call::Personal } else { Call::Talk }), now);
        }
        let ink = if is_mention { Ink::Mention } else { Ink::Text };
        self.scrollback.push_line(said.seq, Entry::said(time, said, is_me, ink));
    }

    fn told(&mut self, told: &Told, now: Instant) {
        self.mark_day(told.at);
        let time = self.clock.time(told.at);
        let is_me = shown(told.from.as_str()) == self.facts.nick;
        if !is_me {
            self.spoke(&told.from);
            self.arrives(Some(Call::Personal), now);
        }
        let to = if is_me { &told.to } else { &told.from };
        let arrow = self.theme.signs().right_arrow;
        let name =
            |nick: &Nick| if nick == to { shown(nick.as_str()) } else { tr!("you").to_owned() };
        let who = format!("[{} {arrow} {}]", name(&told.from), name(&told.to));
        let (who_ink, ink) = (Ink::Private, Ink::Private);
        self.scrollback.push(Entry::Said { time, who, who_ink, lines: lines(&told.text), ink });
    }

    /// Something new is to be read; `call` if it is talk.
    fn arrives(&mut self, call: Option<Call>, now: Instant) {
        if self.is_history {
            return;
        }
        let is_seen = self.attention.is_looking(self.scrollback.is_scrolled(), now);
        if !is_seen {
            if self.attention.unread() == 0 {
                self.scrollback.unmark();
            }
            self.scrollback.mark_unread();
        }
        self.attention.line(call, is_seen);
    }

    /// If somebody is looking, everything is read.
    pub(super) fn look(&mut self, now: Instant) {
        if self.attention.is_looking(self.scrollback.is_scrolled(), now) {
            self.attention.saw();
        }
    }

    /// Shows the day before the first line of that day.
    fn mark_day(&mut self, at: UnixMillis) {
        let day = self.clock.day(at);
        if day != self.day {
            self.scrollback.push(Entry::Rule(self.clock.long_day(at)));
            self.day = day;
        }
    }

    fn spoke(&mut self, nick: &Nick) {
        let nick = shown(nick.as_str());
        if self.speakers.front() == Some(&nick) {
            return;
        }
        self.speakers.retain(|other| *other != nick);
        self.speakers.push_front(nick);
        self.speakers.truncate(SPEAKERS_MAX);
    }

    /// Completes the word before the cursor, or shows the next candidate.
    pub(super) fn complete(&mut self, backwards: bool) {
        let completion = self.completion.take().filter(|completion| !completion.is_only_one());
        self.completion = match completion {
            Some(mut completion) => {
                completion.step(&mut self.editor, backwards);
                Some(completion)
            }
            None => {
                let ViewModel { members, shelf, nick, .. } = &self.facts;
                let is_here = |nick: &&String| members.contains(nick);
                let spoke = self.speakers.iter().filter(is_here);
                let silent = members.iter().filter(|member| !self.speakers.contains(member));
                let others = spoke.chain(silent).filter(|member| *member != nick);
                let oldest_first = shelf.iter().rev().map(|item| (item.id, item.name.as_str()));
                let on_shelf = Shelf::new(oldest_first);
                let reference = |item: &ShelfItem| on_shelf.reference(item.id, &item.name);
                let known = Known {
                    nicks: others.map(String::as_str).collect(),
                    items: shelf.iter().map(|it| (it.name.as_str(), reference(it))).collect(),
                };
                Completion::begin(&mut self.editor, &known, backwards)
            }
        };
    }

    /// The area that is scrolled.
    pub(super) fn frame(&self) -> Frame<'static> {
        let chat = self.areas.chat;
        Frame { columns: chat.width.into(), rows: chat.height.into(), signs: self.theme.signs() }
    }

    /// The terminal's title.
    pub(super) fn title(&self) -> String {
        let unread = match self.attention.unread() {
            0 => String::new(),
            unread => format!("({unread}) "),
        };
        format!("{unread}chatshelf {}", self.facts.place)
    }
}
