//! The full-screen front end: a view over the loop that all front ends share.
//!
//! The state (`state`, and its parts: `scrollback` of `entry`s, `editor` with its `kill_ring`,
//! `complete`, `notify`, `dialog`, the `view_model` of the session) is plain data. `keys` and
//! `paste` change it, `draw` shows it, [`terminal`] is the only part that knows the terminal, and
//! `events` reads from it on a thread of its own (`console` makes sense of what Windows reports).
//! This file puts them together: what to ask the app for, and when to draw.

mod areas;
mod complete;
mod console;
mod dialog;
mod draw;
pub(crate) mod editing;
pub(crate) mod editor;
mod entry;
pub(crate) mod events;
mod keys;
mod kill_ring;
pub mod links;
mod notify;
pub(crate) mod paste;
mod paths;
mod scrollback;
mod state;
pub mod terminal;
#[cfg(test)]
mod tests;
mod theme;
mod view_model;
pub(crate) mod wrap;

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chatshelf_common::text::Nick;

use crate::app::{
    Answer, App, Clock, EXIT_USAGE, Failure, Ground, Manner, Mode, News, Plan, View, exit_code,
    format, moderation, no_start, stats, stop_job,
};
use crate::command::Copied;
use crate::lang::tr;
use crate::options::Options;
use crate::terminal_env::TerminalEnv;
use crate::text::shown;
use dialog::{Dialog, NameQuestion};
use events::Events;
use state::{Action, State};
use terminal::Terminal;
use theme::{Ink, Theme};
use view_model::{Connection, ViewModel};

/// The least time between two frames: at most 60 a second.
const FRAME_EVERY: Duration = Duration::from_micros(16_667);
/// How often to redraw what only time changes: countdowns, and ages in minutes.
const COUNTDOWN_EVERY: Duration = Duration::from_millis(250);
const AGES_EVERY: Duration = Duration::from_secs(20);
/// How often the round-trip time is measured.
const PROBE_EVERY: Duration = Duration::from_secs(10);

/// Joins the room and stays until the end; returns the exit code.
#[must_use]
pub fn run(options: Options, surroundings: TerminalEnv) -> u8 {
    exit_code(try_run(options, surroundings))
}

fn try_run(options: Options, surroundings: TerminalEnv) -> Result<u8, Failure> {
    let mut ground = Ground::new()?;
    ground.watch_signals::<Screen>()?;
    let theme = Theme { colour: surroundings.colour, ascii: options.ascii };
    let mut screen = Screen::start(&ground, theme, options.mouse)?;
    let name = match options.name.clone() {
        Some(name) => Some(name),
        None => screen.ask_name(&mut ground)?,
    };
    let Some(name) = name else {
        return Err(Failure::new(tr!("no name was given; try --name NAME"), EXIT_USAGE));
    };
    let manner = Manner::new(Mode::Interactive, options.reconnect);
    ground.run(screen, Plan::new(options, name, manner))
}

/// The full-screen front end.
struct Screen {
    terminal: Terminal,
    events: Events,
    state: State,
    /// What to do, in this order.
    actions: VecDeque<Action>,
    /// The state has changed since it was drawn.
    is_changed: bool,
    /// A frame is due, but it was too early to draw it.
    is_waiting: bool,
    /// Members may have joined or left since the view model was made.
    are_members_new: bool,
    drawn_at: Instant,
    probed_at: Option<Instant>,
    /// The terminal is gone.
    is_broken: bool,
    /// Lines to print after leaving: on the screen they would vanish.
    parting: Vec<String>,
}

impl Screen {
    fn start(ground: &Ground, theme: Theme, has_mouse: bool) -> Result<Self, Failure> {
        let now = Instant::now();
        Ok(Self {
            terminal: Terminal::enter(has_mouse).map_err(no_start)?,
            events: Events::start(ground.waker()).map_err(no_start)?,
            state: State::new(theme, Clock::local(), now, Clock::now()),
            actions: VecDeque::new(),
            is_changed: true,
            is_waiting: false,
            are_members_new: true,
            drawn_at: now,
            probed_at: None,
            is_broken: false,
            parting: Vec::new(),
        })
    }

    /// Asks for a name before there is a room; `None` if the user gives none.
    fn ask_name(&mut self, ground: &mut Ground) -> Result<Option<Nick>, Failure> {
        self.state.dialog = Some(Dialog::Name(NameQuestion::default()));
        loop {
            self.draw().map_err(no_start)?;
            if !ground.wait(self) {
                return Ok(None);
            }
            self.take_events(Instant::now());
            if self.is_broken {
                return Ok(None);
            }
            while let Some(action) = self.actions.pop_front() {
                match action {
                    Action::Name(nick) => return Ok(Some(nick)),
                    Action::Quit => return Ok(None),
                    Action::Redraw => self.redraw(),
                    Action::Stop => self.stop(),
                    _ => {}
                }
            }
        }
    }

    fn take_events(&mut self, now: Instant) {
        loop {
            match self.events.poll() {
                Ok(Some(event)) => {
                    let actions = self.state.handle(event, now);
                    self.actions.extend(actions);
                    self.is_changed = true;
                }
                Ok(None) => return,
                Err(events::Gone) => {
                    self.is_broken = true;
                    return;
                }
            }
        }
    }

    /// Does what was asked for. Commands wait, in order, until the app takes them.
    fn act(&mut self, app: &mut App, now: Instant) {
        let mut waiting = VecDeque::new();
        for action in std::mem::take(&mut self.actions) {
            match action {
                Action::Redraw => self.redraw(),
                Action::Stop => self.stop(),
                Action::Quit => app.quit_now(now),
                Action::Name(nick) => app.rejoin(nick),
                Action::AcceptKey => app.accept_key(now),
                Action::RefuseKey => app.refuse_key(),
                Action::Password(text) => app.give_password(&text),
                Action::Do(command) if waiting.is_empty() && app.takes_commands() => {
                    app.carry_out(command, now);
                }
                Action::Do(command) => waiting.push_back(Action::Do(command)),
            }
        }
        self.actions = waiting;
    }

    fn answer(&mut self, answer: Answer, app: &App) {
        let (room, at) = (app.session().room(), Clock::now());
        match answer {
            Answer::Help => self.state.dialog = Some(Dialog::Help(0)),
            Answer::Clear => self.state.scrollback.clear(),
            Answer::Members => self.state.notice(&format::members(room, usize::MAX), at),
            Answer::Topic => self.state.notice(&format::topic(room), at),
            Answer::Shelf => self.state.notices(&format::shelf(room), at),
            Answer::Bans => {
                self.state.notices(&moderation::bans(app.session().bans(), at), at);
            }
            Answer::Waiting => self.state.notices(&format::waiting(app.session()), at),
            Answer::Stats => {
                self.state.notices(&stats::lines(app.session(), app.encryption()), at);
            }
            Answer::Mouse(on) => self.mouse(on),
            Answer::Copy(wanted) => self.copy(wanted),
            Answer::Notify(level) => {
                if let Some(level) = level {
                    self.state.attention.notify = level;
                }
                self.state.notice(self.state.attention.notify.told(), at);
            }
        }
    }

    /// Makes the view model again, and notes whether it differs.
    fn learn(&mut self, app: &App, now: Instant) {
        let known = (!std::mem::take(&mut self.are_members_new))
            .then(|| Arc::clone(&self.state.facts.members));
        let facts = ViewModel::of(app, known, now, Clock::now());
        if facts != self.state.facts {
            self.state.learn(facts);
            self.is_changed = true;
        }
    }

    fn draw(&mut self) -> io::Result<()> {
        let state = &mut self.state;
        self.terminal.draw(|buffer, links| {
            state.areas = draw::draw(state, buffer, links);
            state.areas.cursor
        })?;
        self.terminal.set_title(&self.state.title())
    }

    fn redraw(&mut self) {
        self.is_changed = true;
        self.terminal.redraw();
    }

    /// Takes or gives up the mouse; `None` asks whose it is.
    fn mouse(&mut self, on: Option<bool>) {
        if let Some(on) = on {
            self.is_broken |= self.terminal.set_mouse(on).is_err();
        }
        let text = if self.terminal.has_mouse() {
            tr!("the mouse scrolls and clicks here; hold Shift to select text, or /mouse off")
        } else {
            tr!("the mouse selects text, as elsewhere in the terminal; /mouse on takes it back")
        };
        self.state.notice(text, Clock::now());
    }

    /// Copies a line or a link to the clipboard.
    fn copy(&mut self, wanted: Copied) {
        let Some(text) = self.state.scrollback.copied(wanted) else {
            return self.state.say(tr!("there is nothing to copy"), Ink::Failure, Clock::now());
        };
        self.is_broken |= self.terminal.copy(&text).is_err();
        let text = format::shortened(&text);
        let text = tr!("copied to the terminal's clipboard: {text}", text);
        self.state.notice(&text, Clock::now());
    }

    /// Suspends the program, if there is a shell to return to.
    fn stop(&mut self) {
        if !stop_job() {
            let text = tr!("cannot suspend: there is no shell to return to");
            self.state.notice(text, Clock::now());
        }
    }

    /// When to redraw what only time changes.
    fn tick(&self) -> Duration {
        match self.state.facts.connection {
            Connection::Joined
                if self.state.facts.bars.is_empty() && self.state.facts.undelivered == 0 =>
            {
                AGES_EVERY
            }
            _ => COUNTDOWN_EVERY,
        }
    }
}

impl View for Screen {
    const TAKES_TERMINAL: bool = true;

    fn take_input(&mut self, app: &mut App, now: Instant) {
        self.take_events(now);
        self.act(app, now);
    }

    fn show(&mut self, news: News, app: &App, now: Instant) {
        self.is_changed = true;
        self.are_members_new |=
            !matches!(&news, News::Room(chatshelf_common::wire::Event::Said(_)));
        match news {
            News::Answer(answer) => self.answer(answer, app),
            News::Notice(text) | News::Failure(text) if app.is_leaving() => {
                self.parting.push(text);
            }
            news => self.state.show(news, now, Clock::now()),
        }
    }

    fn end_turn(&mut self, app: &mut App, now: Instant) {
        self.is_waiting = now < self.drawn_at + FRAME_EVERY;
        if self.is_broken || self.is_waiting {
            return;
        }
        if app.session().is_joined() && self.probed_at.is_none_or(|at| now >= at + PROBE_EVERY) {
            self.probed_at = Some(now);
            app.probe(now);
        }
        self.learn(app, now);
        self.state.welcome(Clock::now());
        if !std::mem::take(&mut self.is_changed) {
            return;
        }
        let drawn = self.draw();
        let rung = match self.state.attention.take_bell(now) {
            true => self.terminal.ring(),
            false => Ok(()),
        };
        if let Err(error) = drawn.and(rung) {
            log::info!("the terminal: {error}");
            self.is_broken = true;
        }
        // Drawing may have taken a while; the next frame must leave time for the room.
        self.drawn_at = Instant::now();
    }

    fn poll_timeout(&self, app: &App) -> Option<Instant> {
        let frame = self.is_waiting.then(|| self.drawn_at + FRAME_EVERY);
        let tick = Instant::now() + self.tick();
        let probe = app
            .session()
            .is_joined()
            .then(|| self.probed_at.map_or(self.drawn_at + FRAME_EVERY, |at| at + PROBE_EVERY));
        [frame, Some(tick), probe].into_iter().flatten().min()
    }

    fn is_broken(&self) -> bool {
        self.is_broken
    }

    fn close(&mut self) -> io::Result<()> {
        terminal::restore();
        let mut out = io::stdout();
        for text in &self.parting {
            // If nobody reads it any more, nothing is lost.
            let _ = writeln!(out, "{}", shown(text));
        }
        Ok(())
    }

    fn suspend(&mut self) {
        terminal::restore();
    }

    fn resume(&mut self) {
        self.is_changed = true;
        self.is_broken |= self.terminal.resume().is_err();
    }

    fn abandon() {
        terminal::restore();
    }
}
