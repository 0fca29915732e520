//! What the load test is asked to do.

use std::ffi::OsString;
use std::str::FromStr;

use bytesize::ByteSize;
use chatshelf_common::limits::{MESSAGE_BYTES_MAX, PORT_DEFAULT};
use getopts::{Matches, Options};

use super::crowd::STAMP_BYTES;

const BRIEF: &str = "\
Usage: chatshelf-load [OPTIONS]

Opens many clients from one process, lets them talk and share files, checks that every client
got every line in the same order and that every download is byte-identical, and prints what it
measured. Starts a server of its own unless --host is given. Exit code 1 on any loss.
With --slow, --deaf and --garbage all that happens beside peers that mean no good.";

/// What the command line asks for.
#[derive(Clone, Debug)]
pub enum Command {
    /// Run the test.
    Run(Plan),
    /// Print this text and end.
    Print(String),
}

/// The work of one run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Clients in the room, at least one.
    pub clients: usize,
    /// Lines said with [`IN_FLIGHT`] of them on their way; a tenth of them are said singly too.
    pub messages: usize,
    /// Length of a line, in bytes.
    pub message_bytes: usize,
    /// Files uploaded while the room talks.
    pub uploads: usize,
    /// Downloads of them while the room talks.
    pub downloads: usize,
    /// Size of each file, in bytes.
    pub file_bytes: u64,
    /// Who else connects, and means no good.
    pub attack: Attack,
    /// The server to load: host and port; one of its own when absent.
    pub server: Option<(String, u16)>,
}

/// Attackers beside the clients, from the end of the joining on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attack {
    /// Say nothing, or their greeting so slowly that it never ends.
    pub slow: usize,
    /// Join and never read.
    pub deaf: usize,
    /// Send garbage, and again as soon as they have been thrown out.
    pub garbage: usize,
}

impl Attack {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slow + self.deaf + self.garbage
    }

    /// True when there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Lines on their way at once while the room is busy.
pub const IN_FLIGHT: usize = 64;

impl Command {
    /// Reads the arguments, without the program's name.
    ///
    /// # Errors
    /// One line that says which option is wrong and what it should be.
    pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        let options = options();
        let matches = options.parse(arguments).map_err(|why| why.to_string())?;
        if matches.opt_present("help") {
            return Ok(Self::Print(options.usage(BRIEF)));
        }
        if matches.opt_present("version") {
            return Ok(Self::Print(
                concat!("chatshelf-load ", env!("CARGO_PKG_VERSION"), "\n").into(),
            ));
        }
        if let Some(stray) = matches.free.first() {
            return Err(format!("'{stray}' is not an option"));
        }
        Plan::from_matches(&matches).map(Self::Run)
    }
}

impl Plan {
    fn from_matches(matches: &Matches) -> Result<Self, String> {
        let number = |name, default, min, max| within(matches, name, default, min, max);
        let file_bytes: ByteSize =
            value(matches, "file-size", "a size such as 4MiB")?.unwrap_or(ByteSize::mib(4));
        let port = value(matches, "port", "a number from 1 to 65535")?.unwrap_or(PORT_DEFAULT);
        if matches.opt_present("port") && !matches.opt_present("host") {
            return Err("--port goes with --host".into());
        }
        let uploads = number("uploads", 6, 0, 1000)?;
        Ok(Self {
            clients: number("clients", 500, 1, 50_000)?,
            messages: number("messages", 2000, 0, 10_000_000)?,
            message_bytes: number("size", 100, STAMP_BYTES, MESSAGE_BYTES_MAX)?,
            uploads,
            downloads: number("downloads", if uploads == 0 { 0 } else { 20 }, 0, 10_000)?,
            file_bytes: file_bytes.as_u64(),
            attack: Attack {
                slow: number("slow", 0, 0, 10_000)?,
                deaf: number("deaf", 0, 0, 10_000)?,
                garbage: number("garbage", 0, 0, 10_000)?,
            },
            server: matches.opt_str("host").map(|host| (host, port)),
        })
    }
}

fn options() -> Options {
    let mut options = Options::new();
    options
        .optopt("c", "clients", "clients in the room (500)", "N")
        .optopt("m", "messages", "lines said (2000)", "N")
        .optopt("s", "size", "length of a line in bytes (100)", "N")
        .optopt("u", "uploads", "files uploaded while the room talks (6)", "N")
        .optopt("d", "downloads", "downloads while the room talks (20)", "N")
        .optopt("f", "file-size", "size of each file (4MiB)", "SIZE")
        .optopt("", "slow", "connections that say next to nothing (0)", "N")
        .optopt("", "deaf", "members that never read (0)", "N")
        .optopt("", "garbage", "connections that send garbage, 10 times a second each (0)", "N")
        .optopt("", "host", "load the server on this host, not one of its own", "HOST")
        .optopt("p", "port", "its port (9000)", "N")
        .optflag("h", "help", "print this help")
        .optflag("V", "version", "print the version");
    options
}

fn value<T: FromStr>(matches: &Matches, name: &str, expected: &str) -> Result<Option<T>, String> {
    let Some(text) = matches.opt_str(name) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| format!("--{name} must be {expected}, not '{text}'"))
}

fn within(
    matches: &Matches,
    name: &str,
    default: usize,
    min: usize,
    max: usize,
) -> Result<usize, String> {
    let expected = format!("a number from {min} to {max}");
    let number = value(matches, name, &expected)?.unwrap_or(default);
    if (min..=max).contains(&number) {
        Ok(number)
    } else {
        Err(format!("--{name} must be {expected}, not '{number}'"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        Command::parse(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn the_defaults_are_those_of_the_help() {
        let Ok(Command::Run(plan)) = parse("") else { panic!("no plan") };
        assert_eq!((plan.clients, plan.messages, plan.message_bytes), (500, 2000, 100));
        assert_eq!((plan.uploads, plan.downloads, plan.file_bytes), (6, 20, 4 << 20));
        assert!(plan.server.is_none() && plan.attack.is_empty());
    }

    #[test]
    fn attackers_come_in_three_kinds() {
        let Ok(Command::Run(plan)) = parse("--slow 1000 --deaf 100 --garbage 10") else {
            panic!("no plan")
        };
        assert_eq!(plan.attack, Attack { slow: 1000, deaf: 100, garbage: 10 });
        assert_eq!(plan.attack.len(), 1110);
    }

    #[test]
    fn a_host_means_no_server_of_its_own() {
        let Ok(Command::Run(plan)) = parse("--host ::1 --port 9100") else { panic!("no plan") };
        assert_eq!(plan.server, Some(("::1".into(), 9100)));
    }

    #[test]
    fn what_makes_no_sense_is_said_in_one_line() {
        for line in
            ["--clients 0", "--size 5", "--size 9000", "--file-size much", "--port 9000", "stray"]
        {
            let error = parse(line).unwrap_err();
            assert!(!error.contains('\n'), "{line}: {error}");
        }
    }
}
