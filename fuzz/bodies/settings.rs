//! The server's options, from arguments and a configuration file: they are read, or refused in one
//! line that says why.

use chatshelf_common::cli::config::File;
use chatshelf_common::cli::{Error, Sources};
use chatshelf_server::config;

/// The file, and behind each zero an argument.
pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut parts = text.split('\0');
    let file = parts.next().unwrap_or_default();
    let sources = Sources {
        variable: &|_| None,
        config: &|_| File::parse("/etc/server.conf".into(), file).map(Some),
        warn: &|_| (),
    };
    match config::parse(parts.map(Into::into), &sources) {
        Ok(_) => {}
        Err(Error::Setting(why) | Error::Usage { why, .. }) => assert!(!why.is_empty()),
    }
}
