//! The program's environment: whether it talks to terminals, and what they can do.

use std::io::{self, IsTerminal};

/// What was found when the program started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalEnv {
    /// Standard input is a terminal; else commands come from a pipe or a file.
    pub input_is_terminal: bool,
    /// Standard output is a terminal.
    pub output_is_terminal: bool,
    /// Standard output is a terminal that understands escapes.
    pub escapes: bool,
    /// `TERM=dumb`: the terminal understands lines only.
    pub is_dumb: bool,
    /// Colours may be used where escapes may.
    pub colour: bool,
}

impl TerminalEnv {
    /// Looks at the environment.
    #[must_use]
    pub fn look() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        // Not every Windows console understands escapes; Windows Terminal does, and says so.
        let knows_escapes = cfg!(not(windows)) || set("WT_SESSION") || set("TERM");
        let output_is_terminal = io::stdout().is_terminal();
        Self {
            input_is_terminal: io::stdin().is_terminal(),
            output_is_terminal,
            escapes: output_is_terminal && !is_dumb && knows_escapes,
            is_dumb,
            colour: !set("NO_COLOR"),
        }
    }
}
