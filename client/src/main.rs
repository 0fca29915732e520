//! The `chatshelf` program: options in, exit code out.

use std::process::ExitCode;

use chatshelf_client::{options, plain};
use chatshelf_common::cli::Parsed;

fn main() -> ExitCode {
    env_logger::init();
    let code = match options::parse(std::env::args_os().skip(1)) {
        Ok(Parsed::Run(options)) => plain::run(options),
        Ok(Parsed::Print(text)) => plain::show(&text),
        Err(error) => plain::fail(&error.to_string(), plain::EXIT_USAGE),
    };
    ExitCode::from(code)
}
