//! The options: what `chatshelf` is told when it starts, on the command line, in the environment or
//! in its configuration file (`file`). `security` has what concerns the server's key and passwords,
//! `task` the one-shot commands.

mod file;
mod security;
mod task;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use chatshelf_common::address::{AddressError, ServerAddress};
use chatshelf_common::cli::value::{number, parsed};
use chatshelf_common::cli::{
    self, Block, Completes, Error, Origin, Parsed, Program, Section, Sources,
};
use chatshelf_common::fingerprint::Fingerprint;
use chatshelf_common::join_link::JoinLink;
use chatshelf_common::limits::HISTORY_ALL;
use chatshelf_common::password::Password;
use chatshelf_common::text::Nick;

use crate::command::SWITCH;
use crate::lang::Language;
use crate::session::{KEEPALIVE, KEEPALIVE_MAX};

pub(crate) use file::expanded;
pub use task::{Output, Task};

/// What the program is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The server.
    pub server: ServerAddress,
    /// The fingerprint of its key, if it is known beforehand.
    pub fingerprint: Option<Fingerprint>,
    /// A key that is not known is trusted at first contact.
    pub accept_new: bool,
    /// A file of the authorities whose word is taken for a certificate, instead of the system's.
    pub ca: Option<PathBuf>,
    /// Nothing is encrypted.
    pub no_tls: bool,
    /// The nick; when absent, the user is asked.
    pub name: Option<Nick>,
    /// No prompt, no colours, no escapes.
    pub plain: bool,
    /// The full screen is drawn in ASCII only.
    pub ascii: bool,
    /// Lines of history to ask for; when absent, the server decides.
    pub history: Option<u32>,
    /// Where downloads go.
    pub download_dir: PathBuf,
    /// Downloads get the permissions and the modification time of the uploaded file.
    pub preserve: bool,
    /// The language in which people are spoken to; when absent, that of the user's locale.
    pub lang: Option<Language>,
    /// Seconds to keep reconnecting after a lost connection, 0 for not at all; when absent, the
    /// front end decides.
    pub reconnect: Option<u32>,
    /// Silence after which the server is pinged.
    pub keepalive: Duration,
    /// Joins and leaves are shown.
    pub joins: bool,
    /// Clicks and the wheel go to the full screen; else the terminal selects text with them.
    pub mouse: bool,
    /// Members whose lines are hidden.
    pub ignore: Vec<Nick>,
    /// The room's password.
    pub password: Option<Password>,
    /// The operators' password.
    pub operator_password: Option<Password>,
    /// A one-shot command, instead of joining the room to talk.
    pub task: Option<Task>,
    /// Servers whose keys to forget, instead of connecting anywhere.
    pub forget: Vec<ServerAddress>,
    /// A search of the local network, instead of connecting anywhere.
    pub find: Option<Find>,
    /// The options of that command, until it is parsed.
    own: task::Own,
    /// Where the host was set, if it was.
    host_origin: Option<Origin>,
}

/// A search of the local network for rooms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Find {
    /// How long it takes.
    pub time: Duration,
    /// Its result is shown as JSON.
    pub json: bool,
}

impl Options {
    /// Returns true if nobody has said on which machine the server is.
    #[must_use]
    pub fn names_no_host(&self) -> bool {
        self.host_origin.is_none()
    }

    /// Sets the host, perhaps with a port.
    fn set_host(&mut self, text: &str, origin: Origin) -> Result<(), String> {
        let link: JoinLink = text.parse().map_err(|why: AddressError| why.to_string())?;
        (self.server, self.fingerprint) = (link.address, link.fingerprint);
        self.host_origin = Some(origin);
        Ok(())
    }

    /// Sets the port, after the host. A port that came with the host stays, unless this one was set
    /// in a place that takes precedence; in the same place both must agree.
    fn set_port(&mut self, text: &str, origin: Origin) -> Result<(), String> {
        let port = number(text, 1..=u16::MAX)?;
        match (self.server.named_port(), self.host_origin) {
            (Some(named), Some(host)) if host == origin && named != port => {
                return Err(format!("the host already names port {named}"));
            }
            (Some(_), Some(host)) if host < origin => {}
            _ => self.server.set_port(port),
        }
        Ok(())
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            server: ServerAddress::loopback(),
            fingerprint: None,
            accept_new: false,
            ca: None,
            no_tls: false,
            name: None,
            plain: false,
            ascii: false,
            history: None,
            download_dir: ".".into(),
            preserve: false,
            lang: None,
            reconnect: None,
            keepalive: KEEPALIVE,
            joins: true,
            mouse: true,
            ignore: Vec::new(),
            password: None,
            operator_password: None,
            task: None,
            forget: Vec::new(),
            find: None,
            own: task::Own::default(),
            host_origin: None,
        }
    }
}

/// Parses the arguments, without the program's name, with the environment and the configuration
/// file.
///
/// # Errors
/// One line that says what is wrong, and where.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Parsed<Options>, Error> {
    let variable = |name: &str| std::env::var_os(name);
    let sources = Sources {
        variable: &variable,
        config: &|_| file::path().map_or(Ok(None), |path| file::read(&path)),
        warn: &|text| eprintln!("chatshelf: {text}"),
    };
    parse_with(arguments, &sources)
}

fn parse_with(
    arguments: impl IntoIterator<Item = OsString>,
    sources: &Sources<'_>,
) -> Result<Parsed<Options>, Error> {
    let mut parsed = PROGRAM.parse(arguments, sources, Options::default())?;
    if let Parsed::Run(options) = &mut parsed {
        let usage = |why| Error::Usage { program: PROGRAM.name, why };
        if let Some(why) = options.contradiction() {
            return Err(usage(why.to_owned()));
        }
        options.take_passwords(sources.variable).map_err(usage)?;
    }
    Ok(parsed)
}

type Opt = cli::Opt<Options>;

static PROGRAM: Program<Options> = Program {
    about: "Joins the room of a chatshelf server: talk to everyone there, put files on the shelf, \
            fetch files from it. On a terminal the room fills the screen, elsewhere it is plain \
            lines; /help in the room lists the commands.",
    options: &[
        Opt::value_from(
            "host",
            "HOST",
            "the server: a name or address, HOST:PORT, or a link such as chatshelf://HOST:PORT",
            Options::set_host,
        )
        .short('H')
        .default("127.0.0.1")
        .completes(Completes::Hosts),
        Opt::value_from("port", "PORT", "its TCP port", Options::set_port)
            .short('p')
            .default("9000"),
        security::FINGERPRINT,
        security::ACCEPT_NEW,
        security::CA,
        security::NO_TLS,
        Opt::value("name", "NAME", "your name in the room", |options, text| {
            let nick = Nick::new(text).map_err(|why| why.to_string())?;
            options.name = Some(nick);
            Ok(())
        })
        .short('n')
        .otherwise("asked for on a terminal, else your user name"),
        security::PASSWORD_FILE,
        security::OPERATOR_PASSWORD_FILE,
        Opt::flag(
            "plain",
            "plain lines instead of the full screen; no prompt, no colours, no escapes",
            |options, on| options.plain = on,
        ),
        Opt::flag("ascii", "draw the full screen in ASCII only", |options, on| {
            options.ascii = on;
        }),
        Opt::value("history", "N|none|all", "lines of earlier talk to show", |options, text| {
            history(text).map(|lines| options.history = Some(lines))
        })
        .otherwise("50")
        .completes(Completes::Words(&["none", "all"])),
        Opt::value("download-dir", "DIR", "directory for downloads", |options, text| {
            options.download_dir = file::expanded(text);
            let is_there = options.download_dir.is_dir();
            if is_there { Ok(()) } else { Err("no such directory".into()) }
        })
        .short('d')
        .otherwise("the current directory")
        .completes(Completes::Directories),
        Opt::flag(
            "preserve",
            "give downloads the permissions and the date of the uploaded file, so that a program \
             can be run; without it, a download is a new file like any other",
            |options, on| options.preserve = on,
        ),
        Opt::value(
            "reconnect",
            "SECONDS",
            "how long to keep reconnecting when the connection is lost; 0 disables",
            |options, text| {
                let seconds = parsed(text, "a number of seconds")?;
                options.reconnect = Some(seconds);
                Ok(())
            },
        )
        .otherwise("forever on a terminal, else 30"),
        Opt::value(
            "mouse",
            "on|off",
            "on the full screen: on to scroll and click, off to select text",
            |options, text| switch(text).map(|on| options.mouse = on),
        )
        .default("on")
        .completes(Completes::Words(&["on", "off"])),
        Opt::value(
            "keepalive",
            "SECONDS",
            "silence after which the server is pinged",
            |options, text| {
                let seconds = number(text, 1..=KEEPALIVE_MAX.as_secs())?;
                options.keepalive = Duration::from_secs(seconds);
                Ok(())
            },
        )
        .default("20"),
        Opt::value("lang", "en|zh-Hans|zh-Hant", "language of messages", |options, text| {
            text.parse().map(|language| options.lang = Some(language))
        })
        .otherwise("the first of LC_ALL, LC_MESSAGES and LANG that is set, else en")
        .completes(Completes::Words(&["en", "zh-Hans", "zh-Hant"])),
        Opt::value("joins", "on|off", "show joins and leaves", |options, text| {
            switch(text).map(|on| options.joins = on)
        })
        .default("on")
        .completes(Completes::Words(&["on", "off"])),
        Opt::value("ignore", "NAME,...", "members whose lines are not shown", |options, text| {
            let nicks: Result<_, _> = text.split(',').map(|name| Nick::new(name.trim())).collect();
            options.ignore = nicks.map_err(|why| why.to_string())?;
            Ok(())
        }),
    ],
    commands: task::COMMANDS,
    environment: Some("CHATSHELF_"),
    config: Some(file::PLACE),
    sections: SECTIONS,
    see_also: &["chatshelf-server(1)"],
    ..Program::new(
        "chatshelf",
        env!("CARGO_PKG_VERSION"),
        "talk in a room and share files, from a terminal",
    )
};

const SECTIONS: &[Section] = &[
    Section {
        title: "Examples",
        blocks: &[Block::Lines(
            "chatshelf --host lab.local --name ada
chatshelf --history none --download-dir ~/Downloads
make 2>&1 | chatshelf --host lab.local upload --as build.log -
chatshelf download --latest -o - | tar xz
chatshelf tail --follow --json | jq -r 'select(.type == \"shelved\").name'
printf 'hello\\n/upload notes.txt\\n/quit\\n' | chatshelf --name bot --plain",
        )],
    },
    security::SECTION,
    Section {
        title: "Scripts and broken connections",
        blocks: &[
            Block::Text(
                "A command such as send joins the room, does one thing, and leaves. Standard \
                 output gets only what you asked for; errors go to standard error, and so does \
                 progress if that is a terminal. A command uses your user name unless --name is \
                 given, or a free one like it if that is taken. Others see it in /who, but are not \
                 told that it joins and leaves.",
            ),
            Block::Text(
                "Without a command, if standard input is not a terminal, chatshelf reads it line \
                 by line, as if you had typed it; without --name it uses your user name, or a free \
                 one like it. At the end of input (or at /quit) it waits for every receipt and \
                 transfer, then leaves.",
            ),
            Block::Text(
                "When the connection is lost, chatshelf reconnects by itself: it shows what was \
                 said meanwhile, sends what you typed meanwhile, and resumes transfers. If the \
                 program itself ends during a transfer, the same /upload or /download resumes it; \
                 what that needs is stored in $CHATSHELF_STATE_DIR or the user's state directory.",
            ),
        ],
    },
    Section {
        title: "Exit codes",
        blocks: &[Block::Table(&[
            (
                "0",
                "everything was done; also when the reader of the output closed it, or tail \
                 --follow was interrupted",
            ),
            ("1", "something you asked for failed, or the connection was lost for good"),
            (
                "2",
                "a mistake in the options, the environment or the configuration file, or no usable \
                 name",
            ),
            (
                "3",
                "no connection to the server, or none that can be trusted: its key is unknown or \
                 has changed",
            ),
            (
                "4",
                "the server refused to let you in, or refused what a command asked for (the file \
                 is too large, there is no such item)",
            ),
        ])],
    },
    Section {
        title: "Environment",
        blocks: &[Block::Text(
            "Besides the variables named with the options: CHATSHELF_STATE_DIR is the directory \
             that remembers keys of servers and interrupted transfers, NO_COLOR turns colours off, \
             RUST_LOG=debug logs to standard error.",
        )],
    },
];

fn switch(text: &str) -> Result<bool, String> {
    let known = SWITCH.iter().find(|(name, _)| *name == text);
    known.map(|(_, on)| *on).ok_or_else(|| "must be on or off".into())
}

fn history(text: &str) -> Result<u32, String> {
    match text {
        "none" => Ok(0),
        "all" => Ok(HISTORY_ALL),
        lines => parsed(lines, "a number of lines, none or all"),
    }
}
