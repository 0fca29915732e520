//! The command line: what may be set, and what each setting must be.

use std::ffi::OsString;
use std::fmt::Display;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use bytesize::ByteSize;
use chatshelf_common::limits::PORT_DEFAULT;
use getopts::{Matches, Options};
use jiff::{Span, SpanRelativeTo};

use crate::disk::{DiskSettings, Durability};
use crate::engine::{LOG_WINDOW_BYTES, Settings};

const BRIEF: &str = "\
Usage: chatshelf-server [OPTIONS]

Opens a chat room with a shelf that keeps the newest files. Join it with:
chatshelf --host HOST --port PORT";

/// `--keep-partial` when it is not given, in milliseconds: a day.
const KEEP_PARTIAL_MS: u64 = 24 * 60 * 60 * 1000;
/// Largest `--keep`.
const KEEP_MAX: usize = 1000;
/// Largest `--history`, in lines.
const HISTORY_MAX: u32 = 100_000;
/// Largest `--max-members`.
const MEMBERS_MAX: usize = 1_000_000;

/// What the command line asks for.
#[derive(Clone, Debug)]
pub enum Command {
    /// Run the server.
    Run(Config),
    /// Print this text and end.
    Print(String),
}

/// How to run the server.
#[derive(Clone, Debug)]
pub struct Config {
    /// The address to listen on; all of the machine's when absent.
    pub bind: Option<IpAddr>,
    /// The port to listen on; 0 lets the system pick one.
    pub port: u16,
    /// Where the shelf and the log live.
    pub data_dir: PathBuf,
    /// The room's settings.
    pub settings: Settings,
    /// The data directory's settings.
    pub disk: DiskSettings,
}

impl Command {
    /// Reads the arguments, without the program's name.
    ///
    /// ```
    /// use chatshelf_server::config::Command;
    ///
    /// let Ok(Command::Run(config)) = Command::parse(["--max-file-size=2GiB".into()]) else { panic!() };
    /// assert_eq!(config.settings.file_bytes_max, 2 << 30);
    /// assert!(Command::parse(["--port=many".into()]).is_err());
    /// ```
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
            let version = concat!("chatshelf-server ", env!("CARGO_PKG_VERSION"), "\n");
            return Ok(Self::Print(version.into()));
        }
        if let Some(stray) = matches.free.first() {
            return Err(format!("'{stray}' is not an option"));
        }
        Config::from_matches(&matches).map(Self::Run)
    }
}

impl Config {
    fn from_matches(matches: &Matches) -> Result<Self, String> {
        let one_to = |max: usize| format!("a number from 1 to {max}");
        let size = "a size such as 500MB or 1GiB";
        let file_size: Option<ByteSize> = value(matches, "max-file-size", size)?;
        let file_bytes_max = file_size.unwrap_or(ByteSize::gib(1)).as_u64();
        let min_free: Option<ByteSize> = value(matches, "min-free", size)?;
        let keep_partial: Option<Time> =
            value(matches, "keep-partial", "0 or a time such as 90s, 30m, 24h or 7d")?;
        let durability = value(matches, "durability", "none, interval or always")?;
        let durability = durability.unwrap_or(Durability::Interval);
        let keep = value(matches, "keep", &one_to(KEEP_MAX))?.unwrap_or(5);
        let history_range = format!("a number from 0 to {HISTORY_MAX}");
        let history_max = value(matches, "history", &history_range)?.unwrap_or(1000);
        let members_max = value(matches, "max-members", &one_to(MEMBERS_MAX))?.unwrap_or(10_000);
        within("keep", keep, 1, KEEP_MAX)?;
        within("history", history_max, 0, HISTORY_MAX)?;
        within("max-members", members_max, 1, MEMBERS_MAX)?;
        Ok(Self {
            bind: value(matches, "bind", "an IPv4 or IPv6 address")?,
            port: value(matches, "port", "a number from 0 to 65535")?.unwrap_or(PORT_DEFAULT),
            data_dir: matches.opt_str("data-dir").unwrap_or_else(|| "chatshelf-data".into()).into(),
            settings: Settings { file_bytes_max, keep, history_max, members_max, durability },
            disk: DiskSettings {
                segment_bytes: LOG_WINDOW_BYTES as u64,
                durability,
                min_free_bytes: min_free.unwrap_or(ByteSize::mib(512)).as_u64(),
                keep_partial_ms: keep_partial.map_or(KEEP_PARTIAL_MS, |time| time.0),
                partial_bytes_max: file_bytes_max.saturating_mul(2),
            },
        })
    }
}

fn options() -> Options {
    let mut options = Options::new();
    options
        .optopt("p", "port", "port to listen on; 0 lets the system pick (9000)", "N")
        .optopt("b", "bind", "address to listen on, IPv4 or IPv6 (all of them)", "ADDR")
        .optopt("d", "data-dir", "where files and messages are kept (chatshelf-data)", "DIR")
        .optopt("k", "keep", "files on the shelf; the oldest makes room (5)", "N")
        .optopt("s", "max-file-size", "largest file taken, such as 500MB or 2GiB (1GiB)", "SIZE")
        .optopt("", "history", "most lines shown to who joins (1000)", "N")
        .optopt("", "max-members", "most connections at once (10000)", "N")
        .optopt("", "min-free", "disk space that uploads leave free (512MiB)", "SIZE")
        .optopt("", "keep-partial", "how long to keep interrupted uploads, 0 for not (24h)", "TIME")
        .optopt(
            "",
            "durability",
            "how safe a message is before it is shown: none, interval (synced within a second), \
             always (interval)",
            "LEVEL",
        )
        .optflag("h", "help", "print this help")
        .optflag("V", "version", "print the version");
    options
}

/// A length of time, in milliseconds. A day has 24 hours; months and years have no length.
#[derive(Clone, Copy)]
struct Time(u64);

impl FromStr for Time {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "0" {
            return Ok(Self(0));
        }
        let span: Span = text.parse().map_err(drop)?;
        let time = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(drop)?;
        u64::try_from(time.as_millis()).map(Self).map_err(drop)
    }
}

fn value<T: FromStr>(matches: &Matches, name: &str, expected: &str) -> Result<Option<T>, String> {
    let Some(text) = matches.opt_str(name) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| format!("--{name} must be {expected}, not '{text}'"))
}

fn within<T: PartialOrd + Display>(name: &str, value: T, min: T, max: T) -> Result<(), String> {
    if min <= value && value <= max {
        Ok(())
    } else {
        Err(format!("--{name} must be a number from {min} to {max}, not '{value}'"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        Command::parse(line.split_whitespace().map(OsString::from))
    }

    fn config(line: &str) -> Config {
        match parse(line) {
            Ok(Command::Run(config)) => config,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn without_options_it_runs_with_the_documented_defaults() {
        let Config { bind, port, data_dir, settings, disk } = config("");
        assert_eq!((bind, port, data_dir), (None, 9000, "chatshelf-data".into()));
        assert_eq!((settings.file_bytes_max, settings.keep), (1 << 30, 5));
        assert_eq!((settings.history_max, settings.members_max), (1000, 10_000));
        assert_eq!((disk.min_free_bytes, disk.partial_bytes_max), (512 << 20, 2 << 30));
        assert_eq!((disk.keep_partial_ms, disk.durability), (86_400_000, Durability::Interval));
    }

    #[test]
    fn sizes_take_suffixes() {
        for (text, bytes) in
            [("1GiB", 1 << 30), ("500MB", 500_000_000), ("1k", 1000), ("64KiB", 65536), ("7", 7)]
        {
            let config = config(&format!("--max-file-size {text}"));
            assert_eq!(config.settings.file_bytes_max, bytes, "{text}");
        }
    }

    #[test]
    fn twice_the_largest_file_is_kept_of_interrupted_uploads() {
        assert_eq!(config("--max-file-size 3GB").disk.partial_bytes_max, 6_000_000_000);
        let largest = config(&format!("--max-file-size {}", u64::MAX));
        assert_eq!(largest.disk.partial_bytes_max, u64::MAX);
    }

    #[test]
    fn times_take_units() {
        for (text, seconds) in
            [("0", 0), ("0s", 0), ("90s", 90), ("30m", 1800), ("24h", 86_400), ("7d", 604_800)]
        {
            let config = config(&format!("--keep-partial {text}"));
            assert_eq!(config.disk.keep_partial_ms, seconds * 1000, "{text}");
        }
    }

    #[test]
    fn every_durability_can_be_chosen() {
        for level in [Durability::None, Durability::Interval, Durability::Always] {
            assert_eq!(config(&format!("--durability {level}")).disk.durability, level);
        }
    }

    #[test]
    fn addresses_may_be_of_either_family() {
        assert_eq!(config("--bind 127.0.0.1 --port 0").bind, "127.0.0.1".parse().ok());
        assert_eq!(config("-b ::1 -p 65535").bind, "::1".parse().ok());
    }

    #[test]
    fn a_bad_option_is_named_with_what_it_should_be() {
        for (line, told) in [
            ("--port 70000", "--port must be a number from 0 to 65535, not '70000'"),
            ("--keep 0", "--keep must be a number from 1 to 1000, not '0'"),
            ("--max-file-size big", "--max-file-size must be a size such as"),
            ("--bind nowhere", "--bind must be an IPv4 or IPv6 address, not 'nowhere'"),
            ("--history -1", "--history"),
            ("--min-free lots", "--min-free must be a size such as"),
            ("--keep-partial 24", "--keep-partial must be 0 or a time such as"),
            ("--keep-partial=-1h", "--keep-partial must be 0 or a time such as"),
            ("--keep-partial 1y", "--keep-partial must be 0 or a time such as"),
            ("--durability maybe", "--durability must be none, interval or always, not 'maybe'"),
            ("--frobnicate", "Unrecognized option: 'frobnicate'"),
            ("9000", "'9000' is not an option"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(told) && !error.contains('\n'), "{line}: {error}");
        }
    }

    #[test]
    fn help_names_every_option() {
        let Ok(Command::Print(help)) = parse("--help") else { panic!("no help") };
        for name in [
            "port",
            "bind",
            "data-dir",
            "keep",
            "max-file-size",
            "history",
            "max-members",
            "min-free",
            "keep-partial",
            "durability",
        ] {
            assert!(help.contains(&format!("--{name}")), "{name}");
        }
    }
}
