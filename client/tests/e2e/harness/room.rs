//! A room with a real server, and a folder of files for those who join it.

use std::fs;
use std::net::SocketAddr;
#[cfg(unix)]
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::client::Client;
#[cfg(unix)]
use super::eventually;
use super::server::Server;
use super::{Ended, programs};

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
        let mut command = Command::new(programs::server());
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
    pub(crate) fn join_through(&self, proxy: SocketAddr, name: &str) -> Client {
        let mut client = Client::start(&mut self.command_through(proxy, name));
        client.shows("/help lists the commands");
        client
    }

    /// Joins under this name; the input stays open.
    #[track_caller]
    pub(crate) fn join(&self, name: &str) -> Client {
        let mut client = Client::start(&mut self.command(name));
        client.shows("/help lists the commands");
        client
    }

    /// The same with further options.
    #[track_caller]
    pub(crate) fn join_with(&self, name: &str, options: &[&str]) -> Client {
        let mut client = Client::start(self.command(name).args(options));
        client.shows("/help lists the commands");
        client
    }

    /// Joins under this name with this text as the whole input, to the end.
    #[track_caller]
    pub(crate) fn run(&self, name: &str, input: &str) -> Ended {
        Client::run(&mut self.command(name), input)
    }
}

impl Room {
    /// Has one command carried out there by a user called tester, with this as its input.
    #[track_caller]
    pub(crate) fn once(&self, arguments: &[&str], input: &str) -> Ended {
        Client::run(client_command(self.address(), &self.files()).args(arguments), input)
    }
}

/// Names in a folder, sorted.
pub(crate) fn names(dir: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| {
        entry.expect("a readable folder").file_name().to_string_lossy().into_owned()
    };
    let mut names: Vec<String> = fs::read_dir(dir).expect("a folder").map(name).collect();
    names.sort();
    names
}

/// The command of a client without a name that works in this folder and asks for no history.
/// What survives its end is where all tests have it.
pub(crate) fn client_command(server: SocketAddr, dir: &Path) -> Command {
    let mut command = programs::client();
    let (host, port) = (server.ip().to_string(), server.port().to_string());
    command.args(["--host", &host, "--port", &port, "--history", "none"]);
    command.current_dir(dir).env("TZ", "UTC").env("USER", "tester");
    command.env("CHATSHELF_STATE_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/chatshelf-state"));
    command
}
