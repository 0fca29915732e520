//! The `chatshelf` program: options in, exit code out.

use std::process::ExitCode;

use chatshelf_client::lang::{self, Language};
use chatshelf_client::options::{self, Options};
use chatshelf_client::terminal_env::TerminalEnv;
use chatshelf_client::{app, oneshot, plain, screen};
use chatshelf_common::cli::Parsed;

fn main() -> ExitCode {
    env_logger::init();
    let code = match options::parse(std::env::args_os().skip(1)) {
        Ok(Parsed::Run(options)) => run(options),
        Ok(Parsed::Print(text)) => app::show(&text),
        Err(error) => app::fail(&error.to_string(), app::EXIT_USAGE),
    };
    ExitCode::from(code)
}

/// One task if the command line names one; some need no server. Otherwise the full screen on a
/// terminal that can show it, and lines elsewhere or with `--plain`. Whoever named no server and
/// has none on this machine is offered those of the local network.
fn run(mut options: Options) -> u8 {
    lang::speak(options.lang.unwrap_or_else(Language::of_environment));
    if !options.forget.is_empty() {
        return oneshot::forget(&options.forget);
    }
    if let Some(search) = options.find {
        return oneshot::find(search.time, search.json);
    }
    if let Some(task) = options.task.take() {
        return oneshot::run(options, task);
    }
    let surroundings = TerminalEnv::look();
    if surroundings.input_is_terminal && options.names_no_host() {
        match oneshot::offer(&options.server) {
            Ok(Some(server)) => options.server = server,
            Ok(None) => {}
            Err(code) => return code,
        }
    }
    if surroundings.input_has_keys && surroundings.escapes && !options.plain {
        screen::run(options, surroundings)
    } else {
        plain::run(options, surroundings)
    }
}
