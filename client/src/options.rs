//! The options: what `chatshelf` is told when it starts, on the command line, by the environment or
//! by its configuration file (`file`). Pure but for the looks at those.

mod file;
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
use chatshelf_common::limits::HISTORY_ALL;
use chatshelf_common::text::Nick;

use crate::session::{KEEPALIVE, KEEPALIVE_MAX};

pub(crate) use file::expanded;
pub use task::{Output, Task};

/// What the program is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The server.
    pub server: ServerAddress,
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
    /// Downloads get the permissions and the time of change of what was uploaded.
    pub preserve: bool,
    /// Seconds for which it is tried to come back after a lost connection, 0 for not at all;
    /// absent leaves it to the front.
    pub reconnect: Option<u32>,
    /// Silence after which the server is asked for a sign of life.
    pub keepalive: Duration,
    /// Who joins and leaves is shown.
    pub joins: bool,
    /// Clicks and the wheel come to the full screen; else the terminal selects text by them.
    pub mouse: bool,
    /// Members who are not to be seen.
    pub ignore: Vec<Nick>,
    /// One thing to be done, instead of joining the talk.
    pub task: Option<Task>,
    /// What its own options say, until it is known.
    own: task::Own,
    /// Where the server's host was set, if it was.
    host_origin: Option<Origin>,
}

impl Options {
    /// A host, perhaps with its port.
    fn set_host(&mut self, text: &str, origin: Origin) -> Result<(), String> {
        self.server = text.parse().map_err(|why: AddressError| why.to_string())?;
        self.host_origin = Some(origin);
        Ok(())
    }

    /// A port, which is set after the host. One that the host brought along holds unless this was
    /// set in a place that comes first; in the same place both must agree.
    fn set_port(&mut self, text: &str, origin: Origin) -> Result<(), String> {
        let port = number(text, 1..=u16::MAX)?;
        match (self.server.named_port(), self.host_origin) {
            (Some(named), Some(host)) if host == origin && named != port => {
                return Err(format!("the host names port {named} already"));
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
            name: None,
            plain: false,
            ascii: false,
            history: None,
            download_dir: ".".into(),
            preserve: false,
            reconnect: None,
            keepalive: KEEPALIVE,
            joins: true,
            mouse: true,
            ignore: Vec::new(),
            task: None,
            own: task::Own::default(),
            host_origin: None,
        }
    }
}

/// Understands the arguments, without the program's name, together with the environment and the
/// configuration file.
///
/// # Errors
/// What is wrong where, as one line.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Parsed<Options>, Error> {
    let variable = |name: &str| std::env::var_os(name);
    let sources = Sources {
        variable: &variable,
        config: &|| file::path().map_or(Ok(None), |path| file::read(&path)),
        warn: &|text| eprintln!("chatshelf: {text}"),
    };
    parse_with(arguments, &sources)
}

fn parse_with(
    arguments: impl IntoIterator<Item = OsString>,
    sources: &Sources<'_>,
) -> Result<Parsed<Options>, Error> {
    PROGRAM.parse(arguments, sources, Options::default())
}

type Opt = cli::Opt<Options>;

static PROGRAM: Program<Options> = Program {
    about: "Joins the room of a chatshelf server: talk with everyone there, put files on the shelf, \
            fetch files from it. On a terminal the room has the whole screen, elsewhere it is \
            lines; /help inside the room lists the commands.",
    options: &[
        Opt::value_from(
            "host",
            "HOST",
            "the server: a name or address, HOST:PORT or chatshelf://HOST:PORT",
            Options::set_host,
        )
        .short('H')
        .default("127.0.0.1")
        .completes(Completes::Hosts),
        Opt::value_from("port", "PORT", "its TCP port", Options::set_port)
            .short('p')
            .default("9000"),
        Opt::value("name", "NAME", "your name in the room", |options, text| {
            let nick = Nick::new(text).map_err(|why| why.to_string())?;
            options.name = Some(nick);
            Ok(())
        })
        .short('n')
        .otherwise("asked for on a terminal, else your user name"),
        Opt::flag(
            "plain",
            "lines instead of the full screen; no prompt, no colours, no escapes",
            |options, on| options.plain = on,
        ),
        Opt::flag("ascii", "draw the full screen with ASCII alone", |options, on| {
            options.ascii = on;
        }),
        Opt::value(
            "history",
            "N|none|all",
            "lines to see of what was said before",
            |options, text| history(text).map(|lines| options.history = Some(lines)),
        )
        .otherwise("50")
        .completes(Completes::Words(&["none", "all"])),
        Opt::value("download-dir", "DIR", "where downloads go", |options, text| {
            options.download_dir = file::expanded(text);
            let is_there = options.download_dir.is_dir();
            if is_there { Ok(()) } else { Err("no such directory".into()) }
        })
        .short('d')
        .otherwise("the current directory")
        .completes(Completes::Directories),
        Opt::flag(
            "preserve",
            "give downloads the permissions and the date of what was uploaded, so that a program \
             can be run; without it, a download is a new file like any other",
            |options, on| options.preserve = on,
        ),
        Opt::value(
            "reconnect",
            "SECONDS",
            "how long to try to come back when the connection is lost, 0 for not at all",
            |options, text| {
                let seconds = parsed(text, "a number of seconds")?;
                options.reconnect = Some(seconds);
                Ok(())
            },
        )
        .otherwise("on a terminal for ever, else 30"),
        Opt::value(
            "mouse",
            "on|off",
            "on the full screen, whether the mouse scrolls and clicks, or selects text",
            |options, text| {
                let known = crate::command::SWITCH.iter().find(|(name, _)| *name == text);
                options.mouse = known.ok_or("must be on or off")?.1;
                Ok(())
            },
        )
        .default("on")
        .completes(Completes::Words(&["on", "off"])),
        Opt::value(
            "keepalive",
            "SECONDS",
            "silence after which the server is asked for a sign of life",
            |options, text| {
                let seconds = number(text, 1..=KEEPALIVE_MAX.as_secs())?;
                options.keepalive = Duration::from_secs(seconds);
                Ok(())
            },
        )
        .default("20"),
        Opt::value("joins", "on|off", "show who joins and leaves", |options, text| {
            let known = crate::command::SWITCH.iter().find(|(name, _)| *name == text);
            options.joins = known.ok_or("must be on or off")?.1;
            Ok(())
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
    Section {
        title: "Scripts and broken connections",
        blocks: &[
            Block::Text(
                "A command such as send joins the room, does one thing, leaves, and shows on \
                 standard output only what was asked for; complaints go to standard error, and so \
                 does progress if that is a terminal. It goes by your user name unless --name is \
                 given, and takes one that is free if that is in use. Others see it in /who, but \
                 are not told that it joins and leaves.",
            ),
            Block::Text(
                "Without a command, when standard input is not a terminal, its lines are carried \
                 out in order, from the first on; without --name they are said by your user name, \
                 or one like it that is free. At its end (or /quit) chatshelf waits for every \
                 receipt and transfer, then leaves.",
            ),
            Block::Text(
                "When the connection is lost, chatshelf comes back by itself: what was said \
                 meanwhile is shown, what was typed meanwhile is sent, and transfers go on where \
                 they were. A transfer that is interrupted by the end of the program goes on with \
                 the same /upload or /download; what that takes is kept in $CHATSHELF_STATE_DIR or \
                 the user's state directory.",
            ),
        ],
    },
    Section {
        title: "Exit codes",
        blocks: &[Block::Table(&[
            (
                "0",
                "all was done; also when whoever read the output had seen enough, or tail --follow \
                 was interrupted",
            ),
            ("1", "something asked for failed, or the connection was lost for good"),
            (
                "2",
                "a mistake in the options, the environment or the configuration file, or no usable \
                 name",
            ),
            ("3", "no connection to the server"),
            (
                "4",
                "the server refused: to let anyone in by that name, or at all; or what a command \
                 asked for (the file is too large, there is no such item)",
            ),
        ])],
    },
    Section {
        title: "Environment",
        blocks: &[Block::Text(
            "Beside the variables named with the options: CHATSHELF_STATE_DIR is where \
             interrupted transfers are remembered, NO_COLOR turns colours off, RUST_LOG=debug logs \
             to standard error.",
        )],
    },
];

fn history(text: &str) -> Result<u32, String> {
    match text {
        "none" => Ok(0),
        "all" => Ok(HISTORY_ALL),
        lines => parsed(lines, "a number of lines, none or all"),
    }
}
