//! The program's environment: whether it talks to terminals, and what they can do. On Windows it
//! asks the console, which then turns escapes on.

use std::io::{self, IsTerminal};

use ratatui_crossterm::crossterm::terminal;

/// What was found when the program started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalEnv {
    /// Standard input is a terminal; else commands come from a pipe or a file.
    pub input_is_terminal: bool,
    /// Standard input is a terminal whose keys can be read one by one.
    pub input_has_keys: bool,
    /// Standard output is a terminal.
    pub output_is_terminal: bool,
    /// Standard output is a terminal that understands escapes.
    pub escapes: bool,
    /// Colours may be used where escapes may.
    pub colour: bool,
}

impl TerminalEnv {
    /// Looks at the environment.
    #[must_use]
    pub fn look() -> Self {
        let input_is_terminal = io::stdin().is_terminal();
        let output_is_terminal = io::stdout().is_terminal();
        Self {
            input_is_terminal,
            input_has_keys: input_is_terminal && !is_dumb() && system::has_keys(),
            output_is_terminal,
            escapes: takes_escapes(&io::stdout()),
            colour: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        }
    }
}

/// How much a terminal shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TerminalSize {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

impl TerminalSize {
    /// The size now, or a usual one if the terminal does not tell.
    pub(crate) fn now() -> Self {
        let (columns, rows) = terminal::size().unwrap_or((80, 24));
        Self { columns: columns.into(), rows: rows.into() }
    }
}

/// True if an output is a terminal that understands escapes. Where a console must be asked, it is,
/// and understands them from then on.
pub(crate) fn takes_escapes(output: &impl IsTerminal) -> bool {
    output.is_terminal() && !is_dumb() && system::takes_escapes()
}

/// True if the terminal says that it understands lines only.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

#[cfg(not(windows))]
mod system {
    pub(super) fn has_keys() -> bool {
        true
    }

    pub(super) fn takes_escapes() -> bool {
        true
    }
}

#[cfg(windows)]
mod system {
    use crossterm_winapi::{ConsoleMode, Handle, HandleType};
    use ratatui_crossterm::crossterm::ansi_support::supports_ansi;

    /// Standard input is a console. Otherwise it is a pipe that Cygwin's programs, such as the
    /// window of Git Bash, treat as a terminal: lines come through it, but keys do not.
    pub(super) fn has_keys() -> bool {
        Handle::new(HandleType::InputHandle)
            .is_ok_and(|input| ConsoleMode::from(input).mode().is_ok())
    }

    pub(super) fn takes_escapes() -> bool {
        supports_ansi()
    }
}
