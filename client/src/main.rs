//! The `chatshelf` program: options in, exit code out.

use std::process::ExitCode;

use chatshelf_client::options::{self, Options, Parsed};
use chatshelf_client::surroundings::Surroundings;
use chatshelf_client::{front, plain, screen};

fn main() -> ExitCode {
    env_logger::init();
    let code = match options::parse(std::env::args_os().skip(1)) {
        Ok(Parsed::Run(options)) => run(options),
        Ok(Parsed::Show(text)) => front::show(&text),
        Err(error) => front::fail(&error.to_string(), front::EXIT_USAGE),
    };
    ExitCode::from(code)
}

/// On a terminal the full screen, elsewhere (and if it is wished) lines.
fn run(options: Options) -> u8 {
    let surroundings = Surroundings::look();
    if surroundings.input_is_terminal && surroundings.escapes && !options.plain {
        screen::run(options, surroundings)
    } else {
        plain::run(options, surroundings)
    }
}
