//! Asks for a name before there is a room. Owns nothing: shows a question and reads lines.

use std::io::{self, Write};

use chatshelf_common::text::Nick;

use super::prompt::Typed;
use super::{Lines, Source};
use crate::app::{EXIT_USAGE, Failure, Ground, fail};
use crate::input::Line;
use crate::lang::{text_error, tr};
use crate::raw_text;
use crate::terminal_env::TerminalEnv;

/// The question, as it stands before the answer.
fn asking() -> String {
    format!("{} ", tr!("Your name:"))
}

/// Asks on a terminal until the answer is a valid name.
pub(super) fn ask(
    front: &mut Lines,
    ground: &mut Ground,
    surroundings: TerminalEnv,
) -> Result<Nick, Failure> {
    loop {
        let line = match &mut front.source {
            Source::Keys(_) => typed(front, ground),
            Source::Input(input) => {
                question(surroundings);
                input.wait_line()
            }
        };
        let why = match line {
            Line::End => {
                if matches!(front.source, Source::Input(_)) {
                    let _ = writeln!(io::stderr());
                }
                return Err(Failure::new(tr!("no name was given; try --name NAME"), EXIT_USAGE));
            }
            Line::TooLong => tr!("that is too long for a name").to_owned(),
            Line::Text(text) => match Nick::new(text.trim()) {
                Ok(nick) => return Ok(nick),
                Err(why) => {
                    let (text, why) = (raw_text::lossy(text.trim()), text_error(&why));
                    tr!("'{text}' cannot be a name: {why}", text, why)
                }
            },
        };
        match &front.source {
            Source::Keys(_) => front.notice(&why),
            Source::Input(_) => drop(fail(&why, EXIT_USAGE)),
        }
    }
}

/// The line that is typed after the question.
fn typed(front: &mut Lines, ground: &mut Ground) -> Line {
    loop {
        let Source::Keys(prompt) = &mut front.source else { return Line::End };
        prompt.ask(&asking());
        if !prompt.take_keys(usize::MAX) {
            return Line::End;
        }
        if let Some(Typed::Line(line)) = prompt.poll_typed() {
            let text = if let Line::Text(text) = &line { text.as_str() } else { "" };
            front.repeat(text);
            if let Source::Keys(prompt) = &mut front.source {
                prompt.ask("");
            }
            return line;
        }
        front.flush();
        if !ground.wait(front) {
            return Line::End;
        }
    }
}

fn question(surroundings: TerminalEnv) {
    let asked = if surroundings.output_is_terminal {
        io::stdout().write_all(asking().as_bytes()).and_then(|()| io::stdout().flush())
    } else {
        io::stderr().write_all(asking().as_bytes())
    };
    if let Err(error) = asked {
        log::info!("cannot ask for a name: {error}");
    }
}
