//! The options of the load test.

use std::ffi::OsString;

use bytesize::ByteSize;
use chatshelf_common::address::AddressError;
use chatshelf_common::cli::value::{number, parsed};
use chatshelf_common::cli::{self, Error, Parsed, Program, Sources};
use chatshelf_common::join_link::JoinLink;
use chatshelf_common::limits::MESSAGE_BYTES_MAX;

use super::crowd::STAMP_BYTES;

/// The limit for whatever may number thousands.
const MANY: usize = 10_000;

/// The work of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Clients in the room, at least one.
    pub clients: usize,
    /// Lines said with [`IN_FLIGHT`] of them at once; after them a tenth as many, one at a time.
    pub messages: usize,
    /// Length of a line, in bytes.
    pub message_bytes: usize,
    /// Files uploaded while the room talks.
    pub uploads: usize,
    /// Downloads of them while the room talks.
    pub downloads: usize,
    /// Size of each file, in bytes.
    pub file_bytes: u64,
    /// Attackers that connect too.
    pub attack: Attack,
    /// The server to load; the test starts one when absent.
    pub server: Option<JoinLink>,
    /// The clients do not encrypt.
    pub no_tls: bool,
    /// The clients come over WebSocket, as browsers do.
    pub web: bool,
}

/// Attackers beside the clients, from when everyone has joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attack {
    /// Send nothing, or their greeting so slowly that it never ends.
    pub slow: usize,
    /// Join and never read.
    pub deaf: usize,
    /// Send garbage, and reconnect as soon as they are thrown out.
    pub garbage: usize,
}

impl Attack {
    /// The number of all attackers.
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

/// Lines in flight at once while the room is busy.
pub const IN_FLIGHT: usize = 64;

/// Parses the arguments, without the program's name.
///
/// # Errors
/// One line that says which option is wrong and what it must be.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Parsed<Plan>, Error> {
    let given = match PROGRAM.parse(arguments, &Sources::NOTHING, Given::default())? {
        Parsed::Print(text) => return Ok(Parsed::Print(text)),
        Parsed::Run(given) => given,
    };
    let Given { mut plan, downloads, port } = given;
    if port.is_some() && plan.server.is_none() {
        let (program, why) = (PROGRAM.name, "--port goes with --host".into());
        return Err(Error::Usage { program, why });
    }
    plan.downloads = downloads.unwrap_or(if plan.uploads == 0 { 0 } else { plan.downloads });
    Ok(Parsed::Run(plan))
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            clients: 500,
            messages: 2000,
            message_bytes: 100,
            uploads: 6,
            downloads: 20,
            file_bytes: 4 << 20,
            attack: Attack::default(),
            server: None,
            no_tls: false,
            web: false,
        }
    }
}

/// A plan while it is being read.
#[derive(Clone, Debug, Default)]
struct Given {
    plan: Plan,
    downloads: Option<usize>,
    port: Option<u16>,
}

type Opt = cli::Opt<Given>;

static PROGRAM: Program<Given> = Program {
    about: "Opens many clients in one process, lets them talk and share files, checks that every \
            client got every line in the same order and that every download is byte-identical, \
            and prints what it measured. Starts a server of its own unless --host is given. Exits \
            with code 1 if anything was lost. --slow, --deaf and --garbage add attackers.",
    options: &[
        Opt::value("clients", "N", "clients in the room", |given, text| {
            number(text, 1..=50_000).map(|clients| given.plan.clients = clients)
        })
        .short('c')
        .default("500"),
        Opt::value("messages", "N", "lines said", |given, text| {
            number(text, 0..=10_000_000).map(|messages| given.plan.messages = messages)
        })
        .short('m')
        .default("2000"),
        Opt::value("size", "N", "length of a line in bytes", |given, text| {
            let bytes = number(text, STAMP_BYTES..=MESSAGE_BYTES_MAX);
            bytes.map(|bytes| given.plan.message_bytes = bytes)
        })
        .short('s')
        .default("100"),
        Opt::value("uploads", "N", "files uploaded while the room talks", |given, text| {
            number(text, 0..=1000).map(|uploads| given.plan.uploads = uploads)
        })
        .short('u')
        .default("6"),
        Opt::value("downloads", "N", "downloads while the room talks", |given, text| {
            number(text, 0..=MANY).map(|downloads| given.downloads = Some(downloads))
        })
        .short('d')
        .default("20"),
        Opt::value("file-size", "SIZE", "size of each file", |given, text| {
            let size: ByteSize = parsed(text, "a size such as 4MiB")?;
            given.plan.file_bytes = size.as_u64();
            Ok(())
        })
        .short('f')
        .default("4MiB"),
        Opt::value("slow", "N", "connections that send next to nothing", |given, text| {
            number(text, 0..=MANY).map(|slow| given.plan.attack.slow = slow)
        })
        .default("0"),
        Opt::value("deaf", "N", "members that never read", |given, text| {
            number(text, 0..=MANY).map(|deaf| given.plan.attack.deaf = deaf)
        })
        .default("0"),
        Opt::value(
            "garbage",
            "N",
            "connections that send garbage, 10 times a second each",
            |given, text| number(text, 0..=MANY).map(|garbage| given.plan.attack.garbage = garbage),
        )
        .default("0"),
        Opt::value(
            "host",
            "HOST",
            "load this server instead of its own: HOST, HOST:PORT or a link; elsewhere than on \
             this machine its key must be known, or in the link",
            |given, text| {
                let server = text.parse().map_err(|why: AddressError| why.to_string())?;
                given.plan.server = Some(server);
                Ok(())
            },
        ),
        Opt::value("port", "N", "its port", |given, text| {
            let port = number(text, 1..=u16::MAX)?;
            given.port = Some(port);
            let Some(server) = &mut given.plan.server else { return Ok(()) };
            match server.address.named_port().filter(|named| *named != port) {
                Some(named) => return Err(format!("the host already names port {named}")),
                None => server.address.set_port(port),
            }
            Ok(())
        })
        .short('p')
        .otherwise("9000"),
        Opt::flag("no-tls", "connect without encryption", |given, on| given.plan.no_tls = on),
        Opt::flag("web", "connect over WebSocket, as browsers do", |given, on| given.plan.web = on),
    ],
    ..Program::new("chatshelf-load", env!("CARGO_PKG_VERSION"), "loads a chatshelf server")
};

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Parsed<Plan>, String> {
        let arguments = line.split_whitespace().map(OsString::from);
        parse(arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_are_those_of_the_help() {
        assert!(PROGRAM.defaults().count() >= 9);
        for (option, default) in PROGRAM.defaults() {
            let Ok(Parsed::Run(plan)) = parsed(&format!("--{option}={default}")) else { panic!() };
            assert_eq!(plan, Plan::default(), "{option}");
        }
    }

    #[test]
    fn without_uploads_there_are_no_downloads_unless_they_are_asked_for() {
        for (line, downloads) in [("-u 0", 0), ("-u 0 -d 3", 3), ("-d 3", 3)] {
            let Ok(Parsed::Run(plan)) = parsed(line) else { panic!("{line}") };
            assert_eq!(plan.downloads, downloads, "{line}");
        }
    }

    #[test]
    fn attackers_come_in_three_kinds() {
        let Ok(Parsed::Run(plan)) = parsed("--slow 1000 --deaf 100 --garbage 10") else {
            panic!("no plan")
        };
        assert_eq!(plan.attack, Attack { slow: 1000, deaf: 100, garbage: 10 });
        assert_eq!(plan.attack.len(), 1110);
    }

    #[test]
    fn a_host_replaces_the_server_of_its_own() {
        for line in [
            "--host ::1 --port 9100",
            "--host [::1]:9100",
            "--host chatshelf://[::1]:9100/",
            "--port 9100 --host [::1]:9100",
        ] {
            let Ok(Parsed::Run(plan)) = parsed(line) else { panic!("no plan: {line}") };
            assert_eq!(plan.server, "[::1]:9100".parse().ok(), "{line}");
        }
        let error = parsed("--host lab:1 --port 2").unwrap_err();
        assert!(error.contains("--port '2': the host already names port 1"), "{error}");
    }

    #[test]
    fn a_mistake_is_reported_in_one_line() {
        for line in [
            "--clients 0",
            "--size 5",
            "--size 9000",
            "--file-size much",
            "--port 9000",
            "--host lab:x",
            "stray",
        ] {
            let error = parsed(line).unwrap_err();
            assert!(!error.contains('\n'), "{line}: {error}");
        }
    }
}
