//! The `chatshelf` program: options in, exit code out.

use std::process::ExitCode;

use chatshelf_client::options::{self, Parsed};
use chatshelf_client::surroundings::Surroundings;
use chatshelf_client::{front, plain};

fn main() -> ExitCode {
    env_logger::init();
    let code = match options::parse(std::env::args_os().skip(1)) {
        Ok(Parsed::Run(options)) => plain::run(options, Surroundings::look()),
        Ok(Parsed::Show(text)) => front::show(&text),
        Err(error) => front::fail(&error.to_string(), front::EXIT_USAGE),
    };
    ExitCode::from(code)
}
