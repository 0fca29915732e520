//! The `chatshelf` program: options in, exit code out.

use std::process::ExitCode;

use chatshelf_client::options::{self, Options};
use chatshelf_client::surroundings::Surroundings;
use chatshelf_client::{front, once, plain, screen};
use chatshelf_common::cli::Parsed;

fn main() -> ExitCode {
    env_logger::init();
    let code = match options::parse(std::env::args_os().skip(1)) {
        Ok(Parsed::Run(options)) => run(options),
        Ok(Parsed::Print(text)) => front::show(&text),
        Err(error) => front::fail(&error.to_string(), front::EXIT_USAGE),
    };
    ExitCode::from(code)
}

/// The one thing that was asked for; else on a terminal the full screen, elsewhere (and if it is wished) lines.
fn run(mut options: Options) -> u8 {
    if let Some(task) = options.task.take() {
        return once::run(options, task);
    }
    let surroundings = Surroundings::look();
    if surroundings.input_is_terminal && surroundings.escapes && !options.plain {
        screen::run(options, surroundings)
    } else {
        plain::run(options, surroundings)
    }
}
