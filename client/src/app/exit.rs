//! How a run ends: exit codes, and the sentence that says why it ended badly. Writes to standard
//! output and standard error, and nothing else.

use std::fmt::Display;
use std::io::{self, Write};

use super::format;
use crate::lang::{because, tr};
use crate::link::LinkError;
use crate::plain_error::{is_reader_gone, plain_error};

/// All was done.
pub const EXIT_DONE: u8 = 0;
/// Something asked for failed, or the connection was lost.
pub const EXIT_FAILED: u8 = 1;
/// A mistake on the command line, or no usable name.
pub const EXIT_USAGE: u8 = 2;
/// No connection to the server, or none that can be trusted.
pub const EXIT_UNREACHABLE: u8 = 3;
/// The server said no: to letting us in, or to the one thing that was asked for.
pub const EXIT_REFUSED: u8 = 4;

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

    /// There is no connection to the server, or none any more.
    pub(super) fn no_link(server: &str, why: &LinkError) -> Self {
        match why {
            LinkError::Connect(_) => {
                Self::new(tr!("cannot connect to {server}: {why}", server, why), EXIT_UNREACHABLE)
            }
            LinkError::TurnedAway(goodbye) => {
                let why = format::turned_away(goodbye);
                Self::new(tr!("cannot connect to {server}: {why}", server, why), EXIT_UNREACHABLE)
            }
            LinkError::Untrusted(_) => Self::new(why.to_string(), EXIT_UNREACHABLE),
            LinkError::Lost(_) | LinkError::Session(_) => Self::lost_link(server, why),
        }
    }

    /// There was a connection to the server, and will be none again.
    pub(super) fn lost_link(server: &str, why: impl Display) -> Self {
        Self::new(tr!("lost the connection to {server}: {why}", server, why), EXIT_FAILED)
    }

    /// Standard output did not get what was asked for.
    pub(crate) fn unwritten(error: &io::Error) -> Self {
        Self::new(because(tr!("standard output"), plain_error(error)), EXIT_FAILED)
    }
}

/// Prints a text that was asked for, such as the help.
#[must_use]
pub fn show(text: &str) -> u8 {
    match io::stdout().lock().write_all(text.as_bytes()) {
        // Whoever closed the output has seen enough.
        Err(error) if !is_reader_gone(&error) => exit_code(Err(Failure::unwritten(&error))),
        _ => EXIT_DONE,
    }
}

/// Says on standard error why the program ends, or why it asks again; returns `code`.
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
