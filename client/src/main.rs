//! The `chatshelf` program: options in, exit code out.

use std::process::ExitCode;

use chatshelf_client::surroundings::Surroundings;
use chatshelf_client::{front, once, options, plain};
use chatshelf_common::cli::Parsed;

fn main() -> ExitCode {
    env_logger::init();
    let code = match options::parse(std::env::args_os().skip(1)) {
        Ok(Parsed::Run(mut options)) => match options.task.take() {
            Some(task) => once::run(options, task),
            None => plain::run(options, Surroundings::look()),
        },
        Ok(Parsed::Print(text)) => front::show(&text),
        Err(error) => front::fail(&error.to_string(), front::EXIT_USAGE),
    };
    ExitCode::from(code)
}
