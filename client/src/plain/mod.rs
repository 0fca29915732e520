//! The line front: a room as lines on standard output, commands as lines on standard input.
//!
//! Owns the program's run from options to exit code. `front` is the event loop, `events`,
//! `transfers` and `away` show what happens, `commands` carries out what is typed, `render` and
//! `progress` make the text, `screen` writes it.

mod away;
mod commands;
mod events;
mod front;
mod progress;
mod render;
mod screen;
mod transfers;

use std::io::{self, IsTerminal, Write};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chatshelf_common::text::Nick;
use mio::{Poll, Token, Waker};

use crate::files::Files;
use crate::input::{Input, Line};
use crate::link::{Link, LinkError, plain_error};
use crate::options::Options;
use crate::session::{Config, Reconnect, Session};

/// All was done.
pub const EXIT_DONE: u8 = 0;
/// Something asked for failed, or the connection was lost or refused.
pub const EXIT_FAILED: u8 = 1;
/// A mistake on the command line, or no usable name.
pub const EXIT_USAGE: u8 = 2;
/// No connection to the server.
pub const EXIT_UNREACHABLE: u8 = 3;

/// How long a script tries to come back, unless it is told otherwise.
const SCRIPT_RECONNECT: Duration = Duration::from_secs(30);

const WAKE: Token = Token(0);
const LINK: Token = Token(1);

/// What the program's surroundings are.
#[derive(Clone, Copy, Debug)]
struct Surroundings {
    /// Commands come from a pipe or a file: carry them out in order, then leave.
    script: bool,
    /// A prompt may be shown and erased again.
    prompt: bool,
    colour: bool,
    /// Standard output is a terminal.
    terminal: bool,
    /// A connection that is lost is made again.
    comes_back: bool,
}

impl Surroundings {
    fn look(plain: bool, comes_back: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        let script = !io::stdin().is_terminal();
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        // Not every Windows console knows escapes; Windows Terminal does, and says who it is.
        let knows_escapes = cfg!(not(windows)) || set("WT_SESSION") || set("TERM");
        let escapes = terminal && !plain && !dumb && knows_escapes;
        let (prompt, colour) = (escapes && !script, escapes && !set("NO_COLOR"));
        Self { script, prompt, colour, terminal, comes_back }
    }
}

/// Joins the room and stays until the end; the exit code.
#[must_use]
pub fn run(options: Options) -> u8 {
    match try_run(options) {
        Ok(code) => code,
        Err((text, code)) => fail(&text, code),
    }
}

/// Prints a text that was asked for, such as the help.
#[must_use]
pub fn show(text: &str) -> u8 {
    // Whoever closed the output has seen enough.
    let _ = io::stdout().lock().write_all(text.as_bytes());
    EXIT_DONE
}

/// Says on standard error why the program ends; `code` again.
#[must_use]
pub fn fail(text: &str, code: u8) -> u8 {
    let _ = writeln!(io::stderr().lock(), "chatshelf: {}", crate::text::shown(text));
    code
}

/// A sentence for standard error, and the exit code.
type End = (String, u8);

fn try_run(options: Options) -> Result<u8, End> {
    let surroundings = Surroundings::look(options.plain, options.reconnect != Some(0));
    let no_start = |error: io::Error| (plain_error(&error), EXIT_FAILED);
    let poll = Poll::new().map_err(no_start)?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKE).map_err(no_start)?);
    let input = Input::start(Arc::clone(&waker)).map_err(no_start)?;
    let name = match options.name.clone() {
        Some(name) => name,
        None => ask_name(&input, surroundings)?,
    };
    let place = place(&options.host, options.port);
    let files = Files::start(Arc::clone(&waker), place.clone()).map_err(no_start)?;
    let unreachable = |why: String| (format!("cannot connect to {place}: {why}"), EXIT_UNREACHABLE);
    let addresses = resolve(&options).map_err(|error| unreachable(plain_error(&error)))?;
    let signals = watch_signals(waker)?;
    let now = Instant::now();
    let config = Config {
        nick: name,
        history: options.history,
        seed: seed()?,
        reconnect: reconnect(options.reconnect, surroundings),
    };
    let session = Session::new(config, now);
    let link = Link::connect(addresses, session, poll.registry(), LINK, now)
        .map_err(|error| unreachable(error.to_string()))?;
    let parts = front::Parts { poll, link, files, input, signals, place: place.clone() };
    let end = front::Front::new(parts, surroundings, options.download_dir).run();
    end.map_err(|error| match error {
        front::Failure::Said(text, code) => (text, code),
        front::Failure::Link(error @ LinkError::Connect(_)) => unreachable(error.to_string()),
        front::Failure::Link(error) => {
            (format!("lost the connection to {place}: {error}"), EXIT_FAILED)
        }
    })
}

/// How a session comes back: on a terminal for ever, in a script for a while, or as it was asked.
fn reconnect(seconds: Option<u32>, surroundings: Surroundings) -> Option<Reconnect> {
    let give_up_after = match seconds {
        Some(0) => return None,
        Some(seconds) => Some(Duration::from_secs(seconds.into())),
        None if surroundings.script => Some(SCRIPT_RECONNECT),
        None => None,
    };
    Some(Reconnect { give_up_after })
}

/// A number that no other client has.
fn seed() -> Result<u64, End> {
    getrandom::u64().map_err(|error| (format!("no randomness: {error}"), EXIT_FAILED))
}

/// `HOST:PORT`, with brackets around an IPv6 address.
fn place(host: &str, port: u16) -> String {
    let host = host.trim_matches(['[', ']']);
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn resolve(options: &Options) -> io::Result<Vec<SocketAddr>> {
    let host = options.host.trim_matches(['[', ']']);
    Ok((host, options.port).to_socket_addrs()?.collect())
}

/// Asks for a name: on a terminal until it is one, elsewhere once.
fn ask_name(input: &Input, surroundings: Surroundings) -> Result<Nick, End> {
    loop {
        let question = b"Your name: ";
        let asked = if surroundings.terminal {
            io::stdout().write_all(question).and_then(|()| io::stdout().flush())
        } else {
            io::stderr().write_all(question)
        };
        if let Err(error) = asked {
            log::info!("the name could not be asked for: {error}");
        }
        let no_name = || ("no name was given; try --name NAME".to_owned(), EXIT_USAGE);
        let why = match input.wait_line() {
            Line::End => {
                let _ = writeln!(io::stderr());
                return Err(no_name());
            }
            Line::TooLong => "it is too long".to_owned(),
            Line::Text(text) => match Nick::new(text.trim()) {
                Ok(nick) => return Ok(nick),
                Err(_) if text.trim().is_empty() && surroundings.script => return Err(no_name()),
                Err(why) => format!("'{}' can't be a name: {why}", text.trim()),
            },
        };
        if surroundings.script {
            return Err((why, EXIT_USAGE));
        }
        let _ = fail(&why, EXIT_USAGE);
    }
}

/// Counts the signals that ask for an end. The second one ends the program at once.
fn watch_signals(waker: Arc<Waker>) -> Result<Arc<AtomicUsize>, End> {
    let signals = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&signals);
    ctrlc::set_handler(move || {
        if count.fetch_add(1, Ordering::SeqCst) > 0 {
            std::process::exit(EXIT_FAILED.into());
        }
        let _ = waker.wake();
    })
    .map_err(|error| (format!("signals can't be watched: {error}"), EXIT_FAILED))?;
    Ok(signals)
}
