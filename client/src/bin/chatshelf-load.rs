//! `chatshelf-load`: opens hundreds of clients, lets them talk and share files, and checks that
//! nothing is lost. `make load-test` runs it.

use std::io::{self, Write};
use std::process::ExitCode;

use chatshelf_client::load::{self, options};
use chatshelf_common::cli::Parsed;

fn main() -> ExitCode {
    env_logger::init();
    match options::parse(std::env::args_os().skip(1)) {
        Ok(Parsed::Print(text)) => {
            // Nobody reads it any more, so nothing is lost.
            let _ = io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Ok(Parsed::Run(plan)) => match load::run(&plan) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                eprintln!("chatshelf-load: {why}");
                ExitCode::FAILURE
            }
        },
        Err(why) => {
            eprintln!("chatshelf-load: {why}");
            ExitCode::from(2)
        }
    }
}
