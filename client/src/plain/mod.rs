//! The line front: a room as lines on standard output, commands as lines on standard input.
//!
//! Owns what is remembered of these lines: a day that was shown, a question that is open. `name`
//! asks for a name before there is a room, `render` and `progress` make the text.

mod name;
mod progress;
pub(crate) mod render;

use std::collections::HashMap;
use std::io::{self, Stdout};
use std::time::Instant;

use chatshelf_common::id::UnixMillis;
use chatshelf_common::text::Nick;

use crate::command;
use crate::default_nick;
use crate::front::{
    Answer, Clock, Desk, EXIT_USAGE, Failure, Ground, Manner, News, Plan, View, exit_code,
    no_start, words,
};
use crate::input::{Input, LINE_BYTES_MAX, Line};
use crate::options::Options;
use crate::output::Output;
use crate::session::TransferHandle;
use crate::surroundings::Surroundings;
use progress::Progress;
use render::Look;

/// Lines taken in one turn, so that a long script does not keep the loop from the socket.
const LINES_PER_TURN: usize = 64;

/// Joins the room and stays until the end; the exit code.
#[must_use]
pub fn run(options: Options, surroundings: Surroundings) -> u8 {
    exit_code(try_run(options, surroundings))
}

fn try_run(options: Options, surroundings: Surroundings) -> Result<u8, Failure> {
    let ground = Ground::new()?;
    let input = Input::start(ground.waker()).map_err(no_start)?;
    let script = !surroundings.input_is_terminal;
    let name = match options.name.clone() {
        Some(name) => name,
        // What comes from a pipe is to be said: no line of it answers a question.
        None if script => default_nick::find(),
        None => name::ask(&input, surroundings)?,
    };
    let escapes = surroundings.escapes && !options.plain;
    let any_nick = script && options.name.is_none();
    let manner = Manner { any_nick, ..Manner::new(script, options.reconnect) };
    let front = Lines {
        input,
        more_input: false,
        terminal: surroundings.output_is_terminal,
        output: Output::new(io::stdout()),
        look: Look {
            colour: escapes && surroundings.colour,
            whole_digests: !surroundings.output_is_terminal,
            clock: Clock::local(),
        },
        day: String::new(),
        progress: HashMap::new(),
        asking: None,
    };
    ground.run(front.starting_today(), Plan::new(options, name, manner))
}

/// The line front.
struct Lines {
    input: Input,
    /// Lines are left that no event will announce.
    more_input: bool,
    /// Standard output is a terminal.
    terminal: bool,
    output: Output<Stdout>,
    look: Look,
    /// The day of the last line shown, as text.
    day: String,
    progress: HashMap<TransferHandle, Progress>,
    /// The nick that is suggested while another one is asked for.
    asking: Option<Nick>,
}

impl Lines {
    /// A line of today needs no day before it.
    fn starting_today(mut self) -> Self {
        self.day = self.look.clock.day(Clock::now());
        self
    }

    fn take_line(&mut self, line: Line, desk: &mut Desk, now: Instant) {
        match line {
            Line::End if desk.wants_nick() => {
                desk.give_up(Failure::new("no name was given", EXIT_USAGE));
            }
            Line::End => desk.end_of_input(),
            Line::TooLong => {
                desk.fail(format!("a line over {LINE_BYTES_MAX} bytes was passed over"), now);
            }
            Line::Text(text) if desk.wants_nick() => self.answer_name(text.trim(), desk),
            Line::Text(text) => match command::parse(&text) {
                Ok(None) => {}
                Ok(Some(command)) => desk.carry_out(command, now),
                Err(error) => desk.fail(error.to_string(), now),
            },
        }
    }

    fn answer_name(&mut self, text: &str, desk: &mut Desk) {
        match (self.asking.take(), Nick::new(text)) {
            (Some(free), _) if text.is_empty() => desk.rejoin(free),
            (_, Ok(nick)) => desk.rejoin(nick),
            (suggestion, Err(why)) => {
                self.notice(&format!("that can't be a name: {why}"));
                self.asking = suggestion;
            }
        }
    }

    fn nick_refused(&mut self, text: &str, suggestion: Option<Nick>) {
        self.notice(text);
        let question = match &suggestion {
            Some(free) => format!("Your name [{free}]: "),
            None => "Your name: ".into(),
        };
        self.notice(&question);
        self.asking = suggestion;
    }

    fn joined(&mut self, nick: &Nick, desk: &Desk) {
        let Some(limits) = desk.session().limits() else { return };
        let lines = self.look.welcome(nick, desk.session().room(), limits);
        lines.iter().for_each(|line| self.output.line(line));
    }

    fn answer(&mut self, answer: Answer, desk: &Desk) {
        let room = desk.session().room();
        let lines = match answer {
            Answer::Members => vec![self.look.members(room, usize::MAX)],
            Answer::Shelf => self.look.shelf(room.shelf()),
            Answer::Topic => vec![self.look.topic(room)],
            Answer::Waiting => {
                let lines = words::waiting(desk.session());
                lines.iter().map(|line| self.look.notice(line)).collect()
            }
            Answer::Help => self.look.help(),
            Answer::Clear | Answer::Notify(_) => {
                vec![self.look.notice("that is for the full screen only")]
            }
        };
        lines.iter().for_each(|line| self.output.line(line));
    }

    /// A line of another day than the one before is preceded by that day.
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

    fn show_progress(&mut self, desk: &Desk, now: Instant) {
        let mut lines = Vec::new();
        let mut current = HashMap::new();
        for (status, pace) in desk.transfers() {
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
    fn take_input(&mut self, desk: &mut Desk, now: Instant) {
        self.more_input = false;
        for _ in 0..LINES_PER_TURN {
            if !desk.wants_nick() && !desk.takes_commands() {
                return;
            }
            let Some(line) = self.input.poll_line() else { return };
            self.take_line(line, desk, now);
        }
        self.more_input = true;
    }

    fn has_more_input(&self) -> bool {
        self.more_input
    }

    fn show(&mut self, news: News, desk: &Desk, _now: Instant) {
        match news {
            News::Joined(nick) => self.joined(&nick, desk),
            News::NickRefused { text, suggestion } => self.nick_refused(&text, suggestion),
            News::Room(event) => {
                self.mark_day(event.at());
                let line = self.look.event(&event);
                self.output.line(&line);
            }
            News::Told(told) => {
                self.mark_day(told.at);
                let line = self.look.told(&told, desk.session().nick());
                self.output.line(&line);
            }
            News::Before(text, _) | News::Notice(text) | News::Underway(text) => {
                self.notice(&text);
            }
            News::Quietly => {}
            News::Now => self.notice("now"),
            News::Failure(text) => {
                let line = self.look.failure(&text);
                self.output.line(&line);
            }
            News::Answer(answer) => self.answer(answer, desk),
        }
    }

    fn end_turn(&mut self, desk: &mut Desk, now: Instant) {
        self.show_progress(desk, now);
        self.output.flush();
    }

    fn is_broken(&self) -> bool {
        self.output.is_broken()
    }

    fn close(&mut self) -> io::Result<()> {
        self.output.close()
    }
}
