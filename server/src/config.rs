//! The server's options: what can be set, and which values each setting accepts. `security` has
//! those on keys and passwords, `web` those on what is served over HTTP; `told` reads those of this
//! process.

mod at_start;
mod security;
#[cfg(test)]
mod tests;
mod told;
mod values;
mod web;

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use bytesize::ByteSize;
use chatshelf_common::cli::value::{number, parsed};
use chatshelf_common::cli::{
    self, Block, Completes, Error, Origin, Parsed, Program, Section, Sources,
};
use chatshelf_common::limits::{PORT_DEFAULT, ROOM_ITEMS_MAX, ROOM_MEMBERS_MAX};
use log::LevelFilter;

use crate::disk::{DiskSettings, Durability};
use crate::engine::{Allowances, Deadlines, LOG_WINDOW_BYTES, Links, Settings};
use crate::logging::{LogFormat, LogSettings};
use crate::peer_scope::PeerScope;
use crate::public_url::PublicUrl;
use crate::web_mode::WebMode;

pub use at_start::AT_START;
pub use told::Told;
use values::{deadline, rate, scope, time};

/// Largest `--history`, in lines.
const HISTORY_MAX: u32 = 100_000;
/// What an option that takes a size accepts.
const SIZE: &str = "a size such as 500MB or 1GiB";

/// How to run the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The configuration file, if there is one.
    pub file: Option<PathBuf>,
    /// Only check the settings and show them.
    pub check: bool,
    /// The address to listen on; without one, all of the machine's.
    pub bind: Option<IpAddr>,
    /// The port to listen on; 0 lets the system choose one.
    pub port: u16,
    /// The room is announced on the local network.
    pub announce: bool,
    /// Where to serve metrics, if at all.
    pub metrics: Option<SocketAddr>,
    /// The certificate and the key that are not the server's own.
    pub tls_cert: Option<PathBuf>,
    /// Both are given, or neither.
    pub tls_key: Option<PathBuf>,
    /// From where connections may come without TLS.
    pub allow_plain: PeerScope,
    /// How browsers are served.
    pub web: WebMode,
    /// The address of the page, if it is not the server's own.
    pub public_url: Option<PublicUrl>,
    /// Where the page's files are, if they are not the program's own.
    pub web_dir: Option<PathBuf>,
    /// The directory of the shelf and the log.
    pub data_dir: PathBuf,
    /// What is logged, and how.
    pub log: LogSettings,
    /// The room's settings.
    pub settings: Settings,
    /// The data directory's settings.
    pub disk: DiskSettings,
    /// Where the room's password is, if a file has it.
    pub password_file: Option<PathBuf>,
    /// Where the operators' password is, if a file has it.
    pub operator_password_file: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        let (file_bytes_max, durability) = (1 << 30, Durability::Interval);
        Self {
            file: None,
            check: false,
            bind: None,
            port: PORT_DEFAULT,
            announce: false,
            metrics: None,
            tls_cert: None,
            tls_key: None,
            allow_plain: PeerScope::Loopback,
            web: WebMode::Https,
            public_url: None,
            web_dir: None,
            data_dir: "chatshelf-data".into(),
            log: LogSettings {
                format: LogFormat::Text,
                level: LevelFilter::Warn,
                overrides: false,
            },
            settings: Settings {
                file_bytes_max,
                keep: 5,
                history_max: 1000,
                members_max: 10_000,
                allowances: Allowances::DEFAULT,
                deadlines: Deadlines::DEFAULT,
                durability,
                asks_password: false,
                has_operators: false,
                links: Links::UNTOLD,
            },
            disk: DiskSettings {
                segment_bytes: LOG_WINDOW_BYTES as u64,
                durability,
                min_free_bytes: None,
                keep_partial_ms: 24 * 60 * 60 * 1000,
                partial_bytes_max: 2 * file_bytes_max,
            },
            password_file: None,
            operator_password_file: None,
        }
    }
}

/// Reads the arguments (without the program's name) and the other sources of settings.
///
/// ```
/// use chatshelf_common::cli::{Sources, Parsed};
/// use chatshelf_server::config::parse;
///
/// let parse = |argument: &str| parse([argument.into()], &Sources::NOTHING);
/// let Ok(Parsed::Run(config)) = parse("--max-file-size=2GiB") else { panic!() };
/// assert_eq!(config.settings.file_bytes_max, 2 << 30);
/// assert!(parse("--port=many").is_err());
/// ```
///
/// # Errors
/// One line that says which setting is wrong, and what it accepts.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    sources: &Sources<'_>,
) -> Result<Parsed<Config>, Error> {
    PROGRAM.parse(arguments, sources, Config::default())
}

type Opt = cli::Opt<Config>;

static PROGRAM: Program<Config> = Program {
    about: "Opens a chat room with a shelf for the newest files. Join it with: chatshelf --host HOST \
            --port PORT",
    options: &[
        Opt::config_file("config", "FILE", "file that sets options too", |config, path| {
            config.file = Some(path.into());
            Ok(())
        })
        .short('c')
        .otherwise("none"),
        Opt::action(
            "check",
            "check the settings, show them and where each comes from, and exit: 0 if the server \
             could start with them, else 2",
            |config| config.check = true,
        ),
        Opt::value("port", "N", "port to listen on; 0 lets the system choose", |config, text| {
            number(text, 0..=u16::MAX).map(|port| config.port = port)
        })
        .short('p')
        .default("9000"),
        Opt::value("bind", "ADDR", "IPv4 or IPv6 address to listen on", |config, text| {
            let address = parsed(text, "an IPv4 or IPv6 address");
            address.map(|address| config.bind = Some(address))
        })
        .short('b')
        .otherwise("all of this machine's"),
        Opt::flag(
            "announce",
            "announce the room on the local network, so that clients there find it",
            |config, on| config.announce = on,
        ),
        Opt::value("data-dir", "DIR", "directory for files and messages", |config, text| {
            config.data_dir = text.into();
            Ok(())
        })
        .short('d')
        .default("chatshelf-data")
        .completes(Completes::Directories),
        Opt::value(
            "keep",
            "N",
            "files on the shelf; the oldest makes room for a new one",
            |config, text| number(text, 1..=ROOM_ITEMS_MAX).map(|keep| config.settings.keep = keep),
        )
        .short('k')
        .default("5"),
        Opt::value(
            "max-file-size",
            "SIZE",
            "largest file accepted, such as 500MB or 2GiB",
            |config, text| {
                let bytes = parsed::<ByteSize>(text, SIZE)?.as_u64();
                config.settings.file_bytes_max = bytes;
                config.disk.partial_bytes_max = bytes.saturating_mul(2);
                Ok(())
            },
        )
        .short('s')
        .default("1GiB"),
        Opt::value("history", "N", "history lines sent to a new member", |config, text| {
            number(text, 0..=HISTORY_MAX).map(|lines| config.settings.history_max = lines)
        })
        .default("1000"),
        Opt::value(
            "keepalive",
            "SECONDS",
            "seconds of silence before a member is pinged",
            |config, text| deadline(text).map(|ms| config.settings.deadlines.keepalive_ms = ms),
        )
        .default("20"),
        Opt::value(
            "pong-timeout",
            "SECONDS",
            "seconds until a member who was pinged is given up",
            |config, text| deadline(text).map(|ms| config.settings.deadlines.pong_ms = ms),
        )
        .default("60"),
        Opt::value(
            "hello-timeout",
            "SECONDS",
            "seconds from accepting a connection to its first frame",
            |config, text| deadline(text).map(|ms| config.settings.deadlines.hello_ms = ms),
        )
        .default("10"),
        Opt::value(
            "join-timeout",
            "SECONDS",
            "seconds from the first frame until it has joined",
            |config, text| deadline(text).map(|ms| config.settings.deadlines.join_ms = ms),
        )
        .default("60"),
        Opt::value(
            "output-timeout",
            "SECONDS",
            "seconds that a member may take nothing of what it is sent",
            |config, text| deadline(text).map(|ms| config.settings.deadlines.output_ms = ms),
        )
        .default("30"),
        Opt::value(
            "upload-timeout",
            "SECONDS",
            "seconds that an upload may wait for its member",
            |config, text| deadline(text).map(|ms| config.settings.deadlines.upload_ms = ms),
        )
        .default("60"),
        Opt::value("max-members", "N", "members at once", |config, text| {
            number(text, 1..=ROOM_MEMBERS_MAX).map(|members| config.settings.members_max = members)
        })
        .default("10000"),
        Opt::value(
            "limit-lines",
            "RATE",
            "lines of a member: at once, and then per period; off disables",
            |config, text| rate(text).map(|rate| config.settings.allowances.lines = rate),
        )
        .default("20+5/s"),
        Opt::value(
            "limit-changes",
            "RATE",
            "changes of name and topic of a member",
            |config, text| rate(text).map(|rate| config.settings.allowances.changes = rate),
        )
        .default("10+10/min"),
        Opt::value("limit-uploads", "RATE", "bytes that a member uploads", |config, text| {
            rate(text).map(|rate| config.settings.allowances.uploads = rate)
        })
        .default("20GiB/h"),
        Opt::value(
            "limit-address-uploads",
            "RATE",
            "bytes that all members of an address upload",
            |config, text| rate(text).map(|rate| config.settings.allowances.address_uploads = rate),
        )
        .default("200GiB/h"),
        Opt::value(
            "limit-replies",
            "RATE",
            "bytes of history and lists to an address",
            |config, text| rate(text).map(|rate| config.settings.allowances.replies = rate),
        )
        .default("256MiB+8MiB/s"),
        Opt::value("limit-joins", "RATE", "joins from an address", |config, text| {
            rate(text).map(|rate| config.settings.allowances.joins = rate)
        })
        .default("1000+10/s"),
        Opt::value("limit-connections", "RATE", "connections from an address", |config, text| {
            rate(text).map(|rate| config.settings.allowances.connections = rate)
        })
        .default("2000+50/s"),
        Opt::value(
            "max-address-connections",
            "N",
            "connections of one address at once",
            |config, text| {
                let most = number(text, 1..=usize::MAX)?;
                config.settings.allowances.address_connections_max = most;
                Ok(())
            },
        )
        .default("2000"),
        Opt::value(
            "limit-exempt",
            "WHOM",
            "who is exempt from these limits: none, loopback (this machine) or any",
            |config, text| scope(text).map(|exempt| config.settings.allowances.exempt = exempt),
        )
        .default("loopback")
        .completes(Completes::Words(PeerScope::WORDS)),
        Opt::value(
            "min-free",
            "SIZE",
            "disk space that uploads must leave free",
            |config, text| {
                let size: ByteSize = parsed(text, SIZE)?;
                config.disk.min_free_bytes = Some(size.as_u64());
                Ok(())
            },
        )
        .otherwise("512MiB, or 5 % of a smaller disk"),
        Opt::value(
            "keep-partial",
            "TIME",
            "how long interrupted uploads can be resumed; 0 disables",
            |config, text| time(text).map(|ms| config.disk.keep_partial_ms = ms),
        )
        .default("24h"),
        web::METRICS,
        security::TLS_CERT,
        security::TLS_KEY,
        security::ALLOW_PLAIN,
        security::PASSWORD_FILE,
        security::OPERATOR_PASSWORD_FILE,
        web::WEB,
        web::PUBLIC_URL,
        web::WEB_DIR,
        Opt::value(
            "durability",
            "LEVEL",
            "how safe a message is before members see it: none, interval (synced within a second) \
             or always (synced)",
            |config, text| {
                let level = parsed(text, "none, interval or always")?;
                (config.settings.durability, config.disk.durability) = (level, level);
                Ok(())
            },
        )
        .default("interval")
        .completes(Completes::Words(&["none", "interval", "always"])),
        Opt::value(
            "log-format",
            "FORMAT",
            "how the log is written: text or json",
            |config, text| parsed(text, "text or json").map(|format| config.log.format = format),
        )
        .default("text")
        .completes(Completes::Words(&["text", "json"])),
        Opt::value_from(
            "log-level",
            "LEVEL",
            "what is logged: error, warn, info, debug or trace",
            |config, text, origin| {
                let level = parsed(text, "error, warn, info, debug or trace")?;
                let overrides = origin == Origin::CommandLine;
                config.log = LogSettings { level, overrides, ..config.log };
                Ok(())
            },
        )
        .default("warn")
        .completes(Completes::Words(&["error", "warn", "info", "debug", "trace"])),
    ],
    environment: Some("CHATSHELF_SERVER_"),
    config: Some("the file that --config names"),
    sections: &[
        Section {
            title: "Signals",
            blocks: &[Block::Text(
                "SIGINT and SIGTERM shut the server down gracefully: it tells everyone and closes \
                 its files. A second one ends it at once. SIGHUP makes it read its configuration \
                 file again, and the files of --tls-cert and --tls-key; with none of these it \
                 shuts the server down as well. A signal that was ignored when the server started, \
                 as under nohup, stays ignored. SIGUSR1 writes what the server has counted to the \
                 log.",
            )],
        },
        Section {
            title: "Exit codes",
            blocks: &[Block::Table(&[
                ("0", "stopped on request"),
                ("1", "it could not start or could not continue; one line says why"),
                (
                    "2",
                    "a mistake in the options, in a variable or in the configuration file; with \
                     --check, anything that would keep it from starting",
                ),
                ("130, 143", "a second SIGINT or SIGTERM ended it at once"),
            ])],
        },
        Section {
            title: "Log",
            blocks: &[Block::Text(
                "The log goes to standard error: by default warnings and errors; at the level info \
                 also the start and the end, who joins, leaves, is refused or closed, and what \
                 comes to the shelf and goes. What is said is never logged. RUST_LOG sets levels \
                 for single modules; only --log-level on the command line overrides it.",
            )],
        },
    ],
    see_also: &["chatshelf(1)"],
    ..Program::new(
        "chatshelf-server",
        env!("CARGO_PKG_VERSION"),
        "a chat room with a shelf for the newest files",
    )
};
