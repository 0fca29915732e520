//! Asking for a name before there is a room. Owns nothing; shows a question and reads lines.

use std::io::{self, Write};

use chatshelf_common::text::Nick;

use crate::front::{EXIT_USAGE, Failure, fail};
use crate::input::{Input, Line};
use crate::surroundings::Surroundings;

/// Asks on a terminal for a name, until it is one.
pub(super) fn ask(input: &Input, surroundings: Surroundings) -> Result<Nick, Failure> {
    loop {
        let question = b"Your name: ";
        let asked = if surroundings.output_is_terminal {
            io::stdout().write_all(question).and_then(|()| io::stdout().flush())
        } else {
            io::stderr().write_all(question)
        };
        if let Err(error) = asked {
            log::info!("the name could not be asked for: {error}");
        }
        let why = match input.wait_line() {
            Line::End => {
                let _ = writeln!(io::stderr());
                return Err(Failure::new("no name was given; try --name NAME", EXIT_USAGE));
            }
            Line::TooLong => "it is too long".to_owned(),
            Line::Text(text) => match Nick::new(text.trim()) {
                Ok(nick) => return Ok(nick),
                Err(why) => format!("'{}' can't be a name: {why}", text.trim()),
            },
        };
        let _ = fail(&why, EXIT_USAGE);
    }
}
