//! The command line: what `chatshelf` is told when it starts. Pure but for the look whether the
//! download directory is one.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use chatshelf_common::limits::{HISTORY_ALL, PORT_DEFAULT};
use chatshelf_common::text::Nick;

const HOST_DEFAULT: &str = "127.0.0.1";

/// What the program is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Name or address of the server's machine.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The nick; asked for when absent.
    pub name: Option<Nick>,
    /// No prompt, no colours, no escapes.
    pub plain: bool,
    /// The full screen is drawn with ASCII alone.
    pub ascii: bool,
    /// Lines of history; absent leaves it to the server.
    pub history: Option<u32>,
    /// Where downloads go.
    pub download_dir: PathBuf,
    /// Seconds for which it is tried to come back after a lost connection, 0 for not at all;
    /// absent leaves it to the front.
    pub reconnect: Option<u32>,
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// Join the room.
    Run(Options),
    /// Print this and be done: help or version.
    Show(String),
}

/// What is wrong with the command line, as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionsError(String);

impl fmt::Display for OptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (chatshelf --help lists the options)", self.0)
    }
}

impl std::error::Error for OptionsError {}

fn table() -> getopts::Options {
    let mut table = getopts::Options::new();
    table
        .optopt("H", "host", "the server's name or address [127.0.0.1]", "HOST")
        .optopt("p", "port", "its TCP port [9000]", "PORT")
        .optopt("n", "name", "your name in the room [asked for]", "NAME")
        .optflag("", "plain", "lines instead of the full screen; no prompt, no colours, no escapes")
        .optflag("", "ascii", "draw the full screen with ASCII alone")
        .optopt("", "history", "lines to see of what was said before [50]", "N|none|all")
        .optopt("d", "download-dir", "where downloads go [the current directory]", "DIR")
        .optopt(
            "",
            "reconnect",
            "how long to try to come back when the connection is lost, 0 for not at all \
             [on a terminal for ever, else 30]",
            "SECONDS",
        )
        .optflag("h", "help", "show this and exit")
        .optflag("V", "version", "show the version and exit");
    table
}

/// Understands the command line, without the program's name.
///
/// # Errors
/// What is wrong, as one line.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Parsed, OptionsError> {
    let found = table().parse(args).map_err(|error| OptionsError(one_line(&error.to_string())))?;
    if found.opt_present("help") {
        return Ok(Parsed::Show(help()));
    }
    if found.opt_present("version") {
        return Ok(Parsed::Show(concat!("chatshelf ", env!("CARGO_PKG_VERSION"), "\n").into()));
    }
    if let Some(extra) = found.free.first() {
        return Err(OptionsError(one_line(&format!("unexpected argument '{extra}'"))));
    }
    let option = |name, parse: fn(&str) -> Result<u32, String>| match found.opt_str(name) {
        Some(value) => parse(&value)
            .map(Some)
            .map_err(|why| OptionsError(one_line(&format!("--{name} '{value}': {why}")))),
        None => Ok(None),
    };
    let port = option("port", |value| match value.parse::<u16>() {
        Ok(port) if port > 0 => Ok(port.into()),
        _ => Err("not a port, 1 to 65535".into()),
    })?;
    let name = found.opt_str("name").map(|name| {
        Nick::new(&name).map_err(|why| OptionsError(one_line(&format!("--name '{name}': {why}"))))
    });
    let download_dir = PathBuf::from(found.opt_str("download-dir").unwrap_or_else(|| ".".into()));
    if !download_dir.is_dir() {
        let text = format!("--download-dir '{}': no such directory", download_dir.display());
        return Err(OptionsError(one_line(&text)));
    }
    Ok(Parsed::Run(Options {
        host: found.opt_str("host").unwrap_or_else(|| HOST_DEFAULT.into()),
        // In range: it was parsed as a u16.
        port: port.map_or(PORT_DEFAULT, |port| port as u16),
        name: name.transpose()?,
        plain: found.opt_present("plain"),
        ascii: found.opt_present("ascii"),
        history: option("history", history)?,
        reconnect: option("reconnect", |seconds| {
            seconds.parse().map_err(|_| "not a number of seconds".into())
        })?,
        download_dir,
    }))
}

fn history(value: &str) -> Result<u32, String> {
    match value {
        "none" => Ok(0),
        "all" => Ok(HISTORY_ALL),
        lines => lines.parse().map_err(|_| "not a number of lines, none or all".into()),
    }
}

fn one_line(text: &str) -> String {
    crate::text::shown(text)
}

fn help() -> String {
    let brief = "Usage: chatshelf [OPTIONS]\n\n\
        Joins the room of a chatshelf server: talk with everyone there, put files on the shelf,\n\
        fetch files from it. On a terminal the room has the whole screen, elsewhere it is lines;\n\
        /help inside the room lists the commands.";
    format!(
        "{}
Examples:
    chatshelf --host lab.local --name ada
    chatshelf --history none --download-dir ~/Downloads
    printf 'hello\\n/upload notes.txt\\n/quit\\n' | chatshelf --name bot --plain

When standard input is not a terminal, its lines are carried out in order; at its end (or /quit)
chatshelf waits for every receipt and transfer, then leaves.

When the connection is lost, chatshelf comes back by itself: what was said meanwhile is shown, what
was typed meanwhile is sent, and transfers go on where they were. A transfer that is interrupted by
the end of the program goes on with the same /upload or /download; what that takes is kept in
$CHATSHELF_STATE_DIR or the user's state directory.

Exit codes:
    0  all was done
    1  something asked for failed, or the connection was lost for good or refused by the server
    2  a mistake on the command line, or no usable name
    3  no connection to the server

RUST_LOG=debug logs to standard error; NO_COLOR turns colours off.
",
        table().usage(brief)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(args: &[&str]) -> Result<Options, String> {
        match parse(args.iter().map(OsString::from)) {
            Ok(Parsed::Run(options)) => Ok(options),
            Ok(Parsed::Show(text)) => panic!("{text}"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn the_defaults_need_no_options() {
        let options = run(&[]).unwrap();
        assert_eq!((options.host.as_str(), options.port), ("127.0.0.1", 9000));
        assert_eq!((options.name, options.history, options.plain), (None, None, false));
        assert_eq!(options.download_dir, PathBuf::from("."));
    }

    #[test]
    fn options_are_understood() {
        let options = run(&["--host", "h", "--port", "1", "--name=ada", "--history", "none"]);
        let options = options.unwrap();
        assert_eq!((options.host.as_str(), options.port, options.history), ("h", 1, Some(0)));
        assert_eq!(options.name, Nick::new("ada").ok());
        assert_eq!(run(&["--history", "all"]).unwrap().history, Some(HISTORY_ALL));
        assert_eq!(run(&["--history", "7"]).unwrap().history, Some(7));
        assert_eq!(run(&["--reconnect", "0"]).unwrap().reconnect, Some(0));
    }

    #[test]
    fn a_mistake_is_one_line_that_names_it() {
        for (args, named) in [
            (&["--port", "0"][..], "--port '0'"),
            (&["--port", "65536"], "65536"),
            (&["--port"], "port"),
            (&["--bogus"], "bogus"),
            (&["--name", "a b"], "--name 'a b'"),
            (&["--name", "a\nb"], "--name"),
            (&["--history", "-1"], "history"),
            (&["--history", "some"], "some"),
            (&["--reconnect", "1.5"], "--reconnect '1.5'"),
            (&["--download-dir", "/no/such"], "/no/such"),
            (&["extra"], "extra"),
            (&["--host", "a", "--host", "b"], "host"),
        ] {
            let error = run(args).unwrap_err();
            assert!(error.contains(named) && !error.contains('\n'), "{args:?}: {error}");
        }
    }

    #[test]
    fn help_names_every_option_and_exit_code() {
        let Ok(Parsed::Show(text)) = parse(["--help".into()]) else { panic!() };
        for word in [
            "--host",
            "--port",
            "--name",
            "--plain",
            "--ascii",
            "--history",
            "--download-dir",
            "--reconnect",
            "CHATSHELF_STATE_DIR",
            "current directory",
        ] {
            assert!(text.contains(word), "{word}");
        }
        assert!(matches!(parse(["-V".into()]), Ok(Parsed::Show(text)) if text.contains("0.1.0")));
    }
}
