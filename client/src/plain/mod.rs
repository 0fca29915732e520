//! The line front end: a room as lines on standard output, commands as lines on standard input.
//!
//! Owns what is remembered of these lines: a day that was shown, a question that is open. On a
//! terminal the line that is being typed has a row of its own below them (`prompt`). `name` asks
//! for a name before there is a connection, `questions` are what the way into the room asks;
//! `render` and `progress` make the text.

mod name;
mod progress;
mod prompt;
mod questions;
pub(crate) mod render;

use std::collections::HashMap;
use std::io::{self, Stdout};
use std::time::Instant;

use chatshelf_common::id::UnixMillis;
use chatshelf_common::text::Nick;

use crate::app::{
    Answer, App, Clock, EXIT_USAGE, Failure, Ground, Manner, Mode, News, Plan, View, exit_code,
    format, moderation, no_start, stats,
};
use crate::command::{self, Command};
use crate::default_nick;
use crate::input::{Input, LINE_BYTES_MAX, Line};
use crate::lang::tr;
use crate::options::Options;
use crate::output::Output;
use crate::screen::terminal;
use crate::session::TransferHandle;
use crate::terminal_env::{TerminalEnv, TerminalSize};
use crate::text::shown;
use progress::Progress;
use prompt::{Prompt, Typed, in_one_row};
use questions::Secret;
use render::Look;

/// What a line means.
type Parsed = Result<Option<Command>, command::CommandError>;

/// Lines taken in one turn, so that a long script does not hold up the socket.
const LINES_PER_TURN: usize = 64;

/// Joins the room and stays until the end; returns the exit code.
#[must_use]
pub fn run(options: Options, surroundings: TerminalEnv) -> u8 {
    exit_code(try_run(options, surroundings))
}

fn try_run(options: Options, surroundings: TerminalEnv) -> Result<u8, Failure> {
    let mut ground = Ground::new()?;
    let source = Source::start(&mut ground, surroundings)?;
    let mut front = Lines::new(source, &options, surroundings);
    let script = !surroundings.input_is_terminal;
    let name = match options.name.clone() {
        Some(name) => name,
        // Lines from a pipe are to be sent: none of them answers a question.
        None if script => default_nick::find(),
        None => name::ask(&mut front, &mut ground, surroundings)?,
    };
    let any_nick = script && options.name.is_none();
    let mode = if script { Mode::Script } else { Mode::Interactive };
    let manner = Manner { any_nick, ..Manner::new(mode, options.reconnect) };
    ground.run(front, Plan::new(options, name, manner))
}

/// Where lines come from.
enum Source {
    /// Standard input. If it is a terminal, that edits and echoes the line itself.
    Input(Input),
    /// The keys of a terminal.
    Keys(Box<Prompt>),
}

impl Source {
    fn start(ground: &mut Ground, surroundings: TerminalEnv) -> Result<Self, Failure> {
        Ok(if surroundings.input_has_keys && surroundings.output_is_terminal {
            // Before the terminal leaves the mode that the shell expects.
            ground.watch_signals::<Lines>()?;
            Self::Keys(Box::new(Prompt::start(ground.waker()).map_err(no_start)?))
        } else {
            Self::Input(Input::start(ground.waker()).map_err(no_start)?)
        })
    }

    fn poll_typed(&mut self) -> Option<Typed> {
        match self {
            Self::Input(input) => input.poll_line().map(Typed::Line),
            Self::Keys(prompt) => prompt.poll_typed(),
        }
    }
}

/// The line front end.
struct Lines {
    source: Source,
    /// Lines are left, and no event will announce them.
    more_input: bool,
    /// Standard output is a terminal.
    terminal: bool,
    output: Output<Stdout>,
    look: Look,
    /// The day of the last line shown, as text.
    day: String,
    progress: HashMap<TransferHandle, Progress>,
    /// The nick that is suggested while we ask for another one.
    asking: Option<Nick>,
    /// A password is typed where the terminal itself shows what is typed.
    secret: Option<Secret>,
}

impl Lines {
    fn new(source: Source, options: &Options, surroundings: TerminalEnv) -> Self {
        let clock = Clock::local();
        let escapes = surroundings.escapes && !options.plain;
        let output = match source {
            Source::Input(_) => Output::new(io::stdout()),
            Source::Keys(_) => Output::raw(io::stdout()),
        };
        Self {
            source,
            more_input: false,
            terminal: surroundings.output_is_terminal,
            output,
            // Today needs no line of its own.
            day: clock.day(Clock::now()),
            look: Look {
                colour: escapes && surroundings.colour,
                whole_digests: !surroundings.output_is_terminal,
                clock,
            },
            progress: HashMap::new(),
            asking: None,
            secret: None,
        }
    }

    fn take(&mut self, typed: Typed, app: &mut App, now: Instant) {
        match typed {
            Typed::Line(line) => self.take_line(line, app, now),
            Typed::Upload(paths) if app.takes_commands() => {
                app.carry_out(Command::upload(paths), now);
            }
            Typed::Upload(_) => self.notice(tr!("not uploaded: answer the question first")),
            Typed::Asked(lines) => lines.iter().for_each(|line| self.notice(line)),
            Typed::Refused(why) => {
                let line = self.look.failure(&why);
                self.output.line(&line);
            }
        }
    }

    fn take_line(&mut self, line: Line, app: &mut App, now: Instant) {
        match line {
            Line::End if app.wants_key() => app.refuse_key(),
            Line::Text(text) if app.wants_key() => {
                self.repeat(&text);
                self.answer_key(text.trim(), app, now);
            }
            Line::End if app.wants_password() => app.give_password(""),
            Line::Text(text) if app.wants_password() => {
                self.secret.take_if(|secret| !secret.is_rooms);
                app.give_password(&text);
            }
            Line::Text(_) if self.secret.is_some() => {}
            Line::End if app.wants_nick() => {
                app.give_up(Failure::new(tr!("no name was given"), EXIT_USAGE));
            }
            Line::End => app.end_of_input(),
            Line::TooLong => {
                let max = LINE_BYTES_MAX;
                app.fail(tr!("a line was skipped: it is longer than {max} bytes", max), now);
            }
            Line::Text(text) if app.wants_nick() => {
                self.repeat(&text);
                self.answer_name(text.trim(), app);
            }
            Line::Text(text) => {
                let command = command::parse(&text);
                self.note_entered(&text, &command, app);
                match command {
                    Ok(None) => {}
                    Ok(Some(command)) => app.carry_out(command, now),
                    Err(error) => app.fail(error.to_string(), now),
                }
            }
        }
    }

    /// A line was entered. Talk stays in its row until the room has it; everything else moves up at
    /// once.
    fn note_entered(&mut self, text: &str, command: &Parsed, app: &App) {
        let is_talk =
            matches!(command, Ok(Some(Command::Say(_) | Command::Act(_) | Command::Tell { .. })));
        match &mut self.source {
            Source::Keys(prompt) if is_talk && app.session().is_joined() => {
                prompt.keep_in_sight(text);
            }
            _ => self.repeat(text),
        }
    }

    /// Shows a line that was entered, unless the terminal has done that.
    fn repeat(&mut self, text: &str) {
        if let Source::Keys(prompt) = &self.source {
            let line = format!("{}{}", shown(prompt.question()), shown(&in_one_row(text)));
            self.output.line(&line);
        }
    }

    /// Writes what is to be shown, above the line that is being typed.
    fn flush(&mut self) {
        if let Source::Keys(prompt) = &mut self.source
            && (prompt.is_changed() || !self.output.is_empty())
        {
            self.output.put_before(&prompt.erased());
            self.output.put_after(&prompt.drawn());
        }
        self.output.flush();
    }

    fn joined(&mut self, nick: &Nick, app: &App) {
        self.end_secret();
        let Some(limits) = app.session().limits() else { return };
        let lines = self.look.welcome(nick, app.session().room(), limits);
        lines.iter().for_each(|line| self.output.line(line));
    }

    fn answer(&mut self, answer: Answer, app: &App) {
        let room = app.session().room();
        let lines = match answer {
            Answer::Members => vec![self.look.members(room, usize::MAX)],
            Answer::Shelf => self.look.shelf(room.shelf()),
            Answer::Topic => vec![self.look.topic(room)],
            Answer::Bans => {
                let lines = moderation::bans(app.session().bans(), Clock::now());
                lines.iter().map(|line| self.look.notice(line)).collect()
            }
            Answer::Waiting => {
                let lines = format::waiting(app.session());
                lines.iter().map(|line| self.look.notice(line)).collect()
            }
            Answer::Stats => {
                let lines = stats::lines(app.session(), app.encryption());
                lines.iter().map(|line| self.look.notice(line)).collect()
            }
            Answer::Help => self.look.help(),
            Answer::Clear | Answer::Notify(_) | Answer::Mouse(_) | Answer::Copy(_) => {
                vec![self.look.notice(tr!("that works on the full screen only"))]
            }
        };
        lines.iter().for_each(|line| self.output.line(line));
    }

    /// Shows the day before the first line of that day.
    fn mark_day(&mut self, at: UnixMillis) {
        let day = self.look.clock.day(at);
        if day != self.day {
            self.notice(&day);
            self.day = day;
        }
    }

    fn notice(&mut self, text: &str) {
        let line = self.look.notice(text);
        self.output.line(&line);
    }

    fn show_progress(&mut self, app: &App, now: Instant) {
        let mut lines = Vec::new();
        let mut current = HashMap::new();
        for (status, pace) in app.transfers() {
            let Some(pace) = pace else { continue };
            let progress = self.progress.remove(&status.transfer);
            let mut progress = progress.unwrap_or_else(|| Progress::new(now));
            lines.extend(progress.line(&status, pace, now, self.terminal));
            current.insert(status.transfer, progress);
        }
        self.progress = current;
        lines.iter().for_each(|line| self.notice(line));
    }
}

impl View for Lines {
    const TAKES_TERMINAL: bool = true;

    fn take_input(&mut self, app: &mut App, now: Instant) {
        self.more_input = false;
        if let Source::Keys(prompt) = &mut self.source
            && !prompt.take_keys(app.items_kept())
        {
            return app.quit_now(now);
        }
        for _ in 0..LINES_PER_TURN {
            let is_asked = app.wants_key() || app.wants_password() || app.wants_nick();
            // What waits longer than the secret would be said.
            if !is_asked && self.secret.is_none() && !app.takes_commands() {
                return;
            }
            let Some(typed) = self.source.poll_typed() else { return };
            self.take(typed, app, now);
        }
        self.more_input = true;
    }

    fn has_more_input(&self) -> bool {
        self.more_input
    }

    fn show(&mut self, news: News, app: &App, _now: Instant) {
        match news {
            News::Joined(nick) => self.joined(&nick, app),
            News::NickRefused { text, suggestion } => self.nick_refused(&text, suggestion),
            News::KeyUnknown(key) => self.key_unknown(key, app),
            News::PasswordWanted { text, is_rooms } => self.ask_password(&text, is_rooms),
            News::Room(event) => {
                self.mark_day(event.at());
                let line = self.look.event(&event);
                self.output.line(&line);
            }
            News::Told(told) => {
                self.mark_day(told.at);
                let line = self.look.told(&told, app.session().nick());
                self.output.line(&line);
            }
            News::Before(text, _)
            | News::Notice(text)
            | News::Waits(text)
            | News::Underway(text) => self.notice(&text),
            News::Quietly => {}
            News::Now => self.notice(tr!("now")),
            News::Failure(text) => {
                let line = self.look.failure(&text);
                self.output.line(&line);
            }
            News::Link { link, .. } => {
                let terminal = self.terminal.then(TerminalSize::now);
                render::link(&link, terminal).iter().for_each(|line| self.output.line(line));
            }
            News::Answer(answer) => self.answer(answer, app),
        }
    }

    fn end_turn(&mut self, app: &mut App, now: Instant) {
        self.show_progress(app, now);
        if let Source::Keys(prompt) = &mut self.source
            && app.session().outstanding() == 0
        {
            prompt.all_is_said();
        }
        self.flush();
    }

    fn is_broken(&self) -> bool {
        self.output.is_broken()
    }

    fn close(&mut self) -> io::Result<()> {
        if let Source::Keys(prompt) = &mut self.source {
            self.output.put_before(&prompt.erased());
        }
        let closed = self.output.close();
        terminal::restore();
        closed
    }

    fn suspend(&mut self) {
        if let Source::Keys(prompt) = &mut self.source {
            let erased = prompt.suspend();
            self.output.put_before(&erased);
            self.output.flush();
        }
    }

    fn resume(&mut self) {
        if let Source::Keys(prompt) = &mut self.source
            && let Err(error) = prompt.resume()
        {
            log::info!("the terminal: {error}");
        }
    }

    fn abandon() {
        terminal::restore();
    }
}
