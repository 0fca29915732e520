//! What all fronts share: the event loop, and everything between what a person or a script wants
//! and what the session, the socket and the files do.
//!
//! A front is a `View` over this one loop: it says where commands come from and how what happens
//! is shown. `reactor` is the loop, `Desk` what it works on: `commands` carries out what is
//! wanted, `transfers` and `shutdown` keep the books, `patience` ends what a server lets hang, `session_events` and `reconnect` make `News` of what the
//! session tells. `format`, `rate` and `transfer_summary` say it in sentences, the same in every front.
//! Nothing here writes to a terminal or knows what one is.

mod clock;
mod commands;
pub(crate) mod format;
mod ignoring;
mod patience;
pub(crate) mod rate;
mod reactor;
mod reconnect;
mod session_events;
mod shutdown;
mod signals;
mod startup;
mod state;
mod transcript;
mod transfer_summary;
mod transfers;

use std::io::{self, ErrorKind, Write};
use std::time::Instant;

use chatshelf_common::text::Nick;
use chatshelf_common::wire::Event;
use chatshelf_common::wire::frame::Told;

pub(crate) use clock::{Clock, age};
pub(crate) use rate::Rate;
pub(crate) use signals::{interrupt_job, stop_job};
pub(crate) use startup::{Ground, Plan, no_start};
pub(crate) use state::{Desk, Manner};

use crate::command::{Copied, Notify};
use crate::link::plain_error;
use crate::session::When;

/// All was done.
pub const EXIT_DONE: u8 = 0;
/// Something asked for failed, or the connection was lost.
pub const EXIT_FAILED: u8 = 1;
/// A mistake on the command line, or no usable name.
pub const EXIT_USAGE: u8 = 2;
/// No connection to the server.
pub const EXIT_UNREACHABLE: u8 = 3;
/// The server said no: to letting us in, or to the one thing that was asked for.
pub const EXIT_REFUSED: u8 = 4;

/// What a front has of its own. The loop calls it in this order, turn by turn.
pub(crate) trait View {
    /// It changes how the terminal works, so must give it back before the program is stopped.
    const TAKES_TERMINAL: bool = false;

    /// Takes what was typed since the last turn, as far as the desk takes commands, and has it
    /// carried out.
    fn take_input(&mut self, desk: &mut Desk, now: Instant);

    /// True when input is left that no event will announce.
    fn has_more_input(&self) -> bool {
        false
    }

    /// True while it has something to ask for that it could not hand to the desk yet: an end that
    /// comes now leaves it undone.
    fn is_unfinished(&self) -> bool {
        false
    }

    /// Shows something that has happened.
    fn show(&mut self, news: News, desk: &Desk, now: Instant);

    /// The turn is over: what is to be seen is written.
    fn end_turn(&mut self, desk: &mut Desk, now: Instant);

    /// When it wants a turn at the latest, though nothing happens.
    fn poll_timeout(&self, _desk: &Desk) -> Option<Instant> {
        None
    }

    /// True once nothing of what is shown reaches anyone.
    fn is_broken(&self) -> bool {
        false
    }

    /// The run is over, and all of it was shown.
    ///
    /// # Errors
    /// When what was asked for could not be shown.
    fn close(&mut self) -> io::Result<()>;

    /// The program is about to be stopped: leaves the terminal as it was.
    fn suspend(&mut self) {}

    /// The program goes on, and the terminal may have been another's: takes it again.
    fn resume(&mut self) {}

    /// The program ends this instant, on another thread: leaves the terminal as it was.
    fn abandon() {}
}

/// Something to be shown, in the order in which it happened. Text is not yet made harmless for a
/// terminal: some of it came from others.
#[derive(Debug)]
pub(crate) enum News {
    /// We are in the room, under this nick, for the first time.
    Joined(Nick),
    /// The nick can't be had; another is to be given to [`Desk::rejoin`].
    NickRefused {
        /// A sentence that says so.
        text: String,
        /// A nick that was free a moment ago.
        suggestion: Option<Nick>,
    },
    /// Something happened in the room.
    Room(Event),
    /// Somebody came or went of whom no line is to tell.
    Quietly,
    /// A private message, to us or from us.
    Told(Told),
    /// What follows, up to [`News::Now`], happened before; in words, and when.
    Before(String, When),
    /// What follows is live again.
    Now,
    /// A line about the room or ourselves.
    Notice(String),
    /// A transfer begins, waits or goes on: a line for who sees no bars.
    Underway(String),
    /// Something that was asked for did not work.
    Failure(String),
    /// A command asked to see this.
    Answer(Answer),
}

/// What a view shows of its own knowledge, or of the session's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Who is here.
    Members,
    /// The topic.
    Topic,
    /// What is on the shelf.
    Shelf,
    /// What of ours is not delivered yet.
    Waiting,
    /// The commands.
    Help,
    /// Nothing of what was shown before.
    Clear,
    /// Whose the mouse is from now on; `None` asks.
    Mouse(Option<bool>),
    /// That this is on the clipboard.
    Copy(Copied),
    /// What rings the bell from now on; `None` asks.
    Notify(Option<Notify>),
}

/// Why a run ends badly: a sentence for standard error, and the exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The sentence.
    pub(crate) text: String,
    /// The exit code.
    pub(crate) code: u8,
}

impl Failure {
    pub(crate) fn new(text: impl Into<String>, code: u8) -> Self {
        Self { text: text.into(), code }
    }

    /// Standard output did not get what was asked for.
    pub(crate) fn unwritten(error: &io::Error) -> Self {
        Self::new(format!("standard output: {}", plain_error(error)), EXIT_FAILED)
    }
}

/// Prints a text that was asked for, such as the help.
#[must_use]
pub fn show(text: &str) -> u8 {
    match io::stdout().lock().write_all(text.as_bytes()) {
        // Whoever closed the output has seen enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            exit_code(Err(Failure::unwritten(&error)))
        }
        _ => EXIT_DONE,
    }
}

/// Says on standard error why the program ends, or why something is asked again; `code` again.
#[must_use]
pub fn fail(text: &str, code: u8) -> u8 {
    let _ = writeln!(io::stderr().lock(), "chatshelf: {}", crate::text::shown(text));
    code
}

/// The exit code of a run, after saying why it ended badly.
pub(crate) fn exit_code(end: Result<u8, Failure>) -> u8 {
    match end {
        Ok(code) => code,
        Err(Failure { text, code }) => fail(&text, code),
    }
}
