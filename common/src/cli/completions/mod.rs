//! Completion scripts for the shells that people use. Each is one function of the table; they share
//! what a shell must know of an option.

mod bash;
mod fish;
mod zsh;

use super::Opt;

/// An option's names as they are typed.
fn typed<T>(option: &Opt<T>, short: Option<char>) -> Vec<String> {
    let short = short.map(|short| format!("-{short}"));
    short.into_iter().chain([format!("--{}", option.long)]).collect()
}

impl<T> Opt<T> {
    /// What it does, without the words that would be too long for a list.
    fn brief(&self) -> &'static str {
        self.does.split([';', ':']).next().unwrap_or_default()
    }
}

/// The name of a program as part of a function's name.
fn identifier(name: &str) -> String {
    name.replace('-', "_")
}

/// Between single quotes, for a POSIX shell.
fn single_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
