//! A room with a real server, and a folder of files for those who join it.

use std::fs;
use std::net::SocketAddr;
#[cfg(unix)]
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use chatshelf_common::text::Nick;
use chatshelf_common::wire::ClientFrame;
use chatshelf_common::wire::frame::{CAPABILITY_OPERATORS, HelloAck};
use chatshelf_testkit::fake_server::{FakeServer, Guest};
use chatshelf_testkit::files::{names, write_secret};
#[cfg(unix)]
use chatshelf_testkit::programs::command_of;
use chatshelf_testkit::programs::{Ended, Program, Server};
use chatshelf_testkit::samples::item;
use chatshelf_testkit::server_frames::hello_ack;
use chatshelf_testkit::wait::eventually;
use tempfile::TempDir;

use super::programs;

pub(crate) struct Room {
    pub(crate) server: Server,
    #[cfg_attr(not(unix), allow(dead_code, reason = "no server is started again there"))]
    options: Vec<String>,
    home: TempDir,
}

impl Room {
    pub(crate) fn open() -> Self {
        Self::open_with(&[])
    }

    /// A room whose server has these options.
    pub(crate) fn open_with(options: &[&str]) -> Self {
        let home = tempfile::tempdir().expect("a place for temporary files");
        fs::create_dir(home.path().join("files")).expect("a folder");
        let server = Server::start(programs::server(), &home.path().join("data"), options);
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        Self { server, options, home }
    }

    /// A room with this password for its members or, by the other option, for its operators; it is
    /// in the file `password` of the folder.
    pub(crate) fn open_with_password(option: &str, password: &str) -> (Self, TempDir) {
        let dir = tempfile::tempdir().expect("a place for temporary files");
        let path = dir.path().join("password");
        write_secret(&path, &format!("{password}\n"));
        (Self::open_with(&[option, path.to_str().expect("UTF-8")]), dir)
    }

    /// Kills the server in the middle of whatever it does.
    #[cfg(unix)]
    #[track_caller]
    pub(crate) fn kill_server(&self) {
        self.server.signal("KILL");
        eventually("a port without a server", || TcpStream::connect(self.address()).err());
    }

    /// Starts it again, with the same data and port.
    #[cfg(unix)]
    pub(crate) fn restart_server(&mut self) {
        let mut command = command_of(programs::server());
        let port = self.address().port().to_string();
        command.args(["--bind", "127.0.0.1", "--port", &port, "--data-dir"]);
        self.server = Server::run(command.arg(self.data()).args(&self.options));
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The folder of its server's data.
    pub(crate) fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// The folder in which its clients keep what survives their end.
    pub(crate) fn state(&self) -> PathBuf {
        self.home.path().join("state")
    }

    /// The folder in which its clients run.
    pub(crate) fn files(&self) -> PathBuf {
        self.home.path().join("files")
    }

    /// A path in that folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.files().join(name)
    }

    /// Puts a file there.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).expect("a file");
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|why| panic!("{name}: {why}"))
    }

    /// Names in that folder, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        names(&self.files())
    }

    /// The command that joins it under this name, without history.
    pub(crate) fn command(&self, name: &str) -> Command {
        self.command_through(self.address(), name)
    }

    /// The same over a proxy.
    pub(crate) fn command_through(&self, proxy: SocketAddr, name: &str) -> Command {
        let mut command = client_command(proxy, &self.files());
        command.args(["--name", name]);
        command
    }

    /// Joins over a proxy; the input stays open.
    #[track_caller]
    pub(crate) fn join_through(&self, proxy: SocketAddr, name: &str) -> Program {
        joined(&mut self.command_through(proxy, name))
    }

    /// Joins under this name; the input stays open.
    #[track_caller]
    pub(crate) fn join(&self, name: &str) -> Program {
        joined(&mut self.command(name))
    }

    /// The same with further options.
    #[track_caller]
    pub(crate) fn join_with(&self, name: &str, options: &[&str]) -> Program {
        joined(self.command(name).args(options))
    }

    /// Joins under this name with this text as the whole input, to the end.
    #[track_caller]
    pub(crate) fn run(&self, name: &str, input: &str) -> Ended {
        Program::run(&mut self.command(name), input)
    }
}

impl Room {
    /// Has one command carried out there by a user called tester, with this as its input.
    #[track_caller]
    pub(crate) fn once(&self, arguments: &[&str], input: &str) -> Ended {
        Program::run(client_command(self.address(), &self.files()).args(arguments), input)
    }
}

/// The command of a client without a name that works in this folder and asks for no history.
/// What survives its end is beside a room's folder, elsewhere where all tests have it: keys of
/// servers are of no use to the next room, which may get the same port.
pub(crate) fn client_command(server: SocketAddr, dir: &Path) -> Command {
    let mut command = programs::client();
    let (host, port) = (server.ip().to_string(), server.port().to_string());
    command.args(["--host", &host, "--port", &port, "--history", "none"]);
    command.current_dir(dir).env("TZ", "UTC").env("USER", "tester");
    let of_all = concat!(env!("CARGO_TARGET_TMPDIR"), "/chatshelf-state");
    let state = if dir.ends_with("files") { dir.with_file_name("state") } else { of_all.into() };
    command.env("CHATSHELF_STATE_DIR", state);
    command
}

/// The same of a server that is played, which does not encrypt.
pub(crate) fn command_to(server: &FakeServer, dir: &Path) -> Command {
    let mut command = client_command(server.address(), dir);
    command.env("CHATSHELF_NO_TLS", "yes");
    command
}

/// Starts a client that joins a room, and waits until it has.
#[track_caller]
pub(crate) fn joined(command: &mut Command) -> Program {
    let mut client = Program::start(command);
    client.shows("/help lists the commands");
    client
}

/// Starts a client of this server with these arguments, and takes its call.
#[track_caller]
pub(crate) fn client_with(server: &FakeServer, dir: &Path, arguments: &[&str]) -> (Program, Guest) {
    let client = Program::start(command_to(server, dir).args(arguments));
    (client, server.accept())
}

/// The same with a client that connects once.
#[track_caller]
pub(crate) fn client_of(server: &FakeServer, dir: &Path) -> (Program, Guest) {
    client_with(server, dir, &["--name", "ada", "--reconnect", "0"])
}

/// The same, and lets it join.
#[track_caller]
pub(crate) fn joined_client(server: &FakeServer, dir: &Path) -> (Program, Guest) {
    let (mut client, mut guest) = client_of(server, dir);
    guest.welcome();
    client.shows("/help lists the commands");
    (client, guest)
}

/// A command of a client that shows the operators' password once it has joined, until it has.
#[track_caller]
pub(crate) fn asking_operator(
    server: &FakeServer,
    dir: &Path,
    command: &[&str],
) -> (Program, Guest, Nick) {
    let mut client = command_to(server, dir);
    client.env("CHATSHELF_OPERATOR_PASSWORD", "mellon").args(command);
    let client = Program::start(&mut client);
    let mut guest = server.accept();
    let own = guest.joins();
    guest.send(&HelloAck { capabilities: Some(CAPABILITY_OPERATORS), ..hello_ack() });
    guest.admit(own.clone(), Vec::new());
    guest.wait(|frame| matches!(frame, ClientFrame::Op(_)).then_some(()));
    (client, guest, own)
}

/// Lets a client that downloads item 1 have the beginning of it, in a file that is alone in its
/// folder.
#[track_caller]
pub(crate) fn begins_download(guest: &mut Guest, dir: &Path) {
    guest.begin_download(item(1, "f", 100, blake3::hash(b"")), b"begins");
    eventually("the file that is not whole", || (names(dir) == ["f.part"]).then_some(()));
}

/// What was said in the room, by a client's output: its lines `HH:MM  …`, without the time.
pub(crate) fn spoken(output: &str) -> Vec<&str> {
    let spoken = |line| {
        let (time, text) = str::split_once(line, "  ")?;
        let is_time = time.len() == 5 && time.as_bytes()[2] == b':';
        is_time.then_some(text)
    };
    output.lines().filter_map(spoken).collect()
}
