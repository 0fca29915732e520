//! What this process has been told: reads its arguments, its environment, and the configuration
//! file that one of them names.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io;

use chatshelf_common::cli::{Error, Parsed, Setting, Sources, config};

use super::{Config, PROGRAM};

/// What this process has been told, with each setting that holds, in the order of the help.
#[derive(Debug)]
pub struct Told {
    /// What to do.
    pub parsed: Parsed<Config>,
    /// The settings, if there is something to run.
    pub settings: Vec<Setting>,
    /// Variables that were ignored, one line for each.
    pub warnings: Vec<String>,
}

impl Told {
    /// Reads this process's arguments, environment and configuration file.
    ///
    /// # Errors
    /// One line that says which setting is wrong, where, and what it accepts.
    pub fn read() -> Result<Self, Error> {
        let warnings = RefCell::new(Vec::new());
        let sources = Sources {
            variable: &|name| std::env::var_os(name),
            config: &|path| path.map(read).transpose(),
            warn: &|text| warnings.borrow_mut().push(text.to_owned()),
        };
        let arguments = std::env::args_os().skip(1);
        let told = PROGRAM.parse_explained(arguments, &sources, Config::default());
        let (parsed, settings) = told?;
        Ok(Self { parsed, settings, warnings: warnings.take() })
    }
}

/// Reads the file at `path`. It must exist, since somebody has named it.
///
/// # Errors
/// Its path, and why it cannot be read or understood.
fn read(path: &str) -> Result<config::File, Error> {
    let opened = open(path);
    let file = opened.map_err(|why| Error::Setting(format!("cannot read {path}: {why}")))?;
    config::File::read(path.to_owned(), file)
}

/// Never waits, since a running server reads the file again: a pipe would block.
fn open(path: &str) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    File::open(path)
}
