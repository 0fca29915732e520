//! What the tests are written with beside the kit: a home for servers and a room in it, a small
//! disk to fill (`small_disk`), a configuration file ([`place`]), members who talk while something
//! else goes wrong ([`bystanders`]), members who do the same over and over ([`workload`]) and the
//! [`ledger`] of what they were promised.

pub(crate) mod bystanders;
pub(crate) mod ledger;
pub(crate) mod place;
#[cfg(target_os = "linux")]
pub(crate) mod small_disk;
pub(crate) mod workload;

use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;

use chatshelf_testkit::files::names;
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::programs::{Server, from_environment, server_command};
use chatshelf_testkit::rng::Rng;
use chatshelf_testkit::wait::{HANG, eventually};
use tempfile::TempDir;

/// The program under test: the one that cargo has built for these tests, or the one that
/// `CHATSHELF_TEST_SERVER` names, also one for Windows.
pub(crate) fn binary() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| match from_environment("CHATSHELF_TEST_SERVER") {
        Some(path) => path.into_os_string().into_string().expect("a path in UTF-8"),
        None => env!("CARGO_BIN_EXE_chatshelf-server").into(),
    })
}

/// A data directory that outlives its servers.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a place for temporary files"))
    }

    /// A directory that the server must make itself.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.0.path().join("data")
    }

    pub(crate) fn start(&self, options: &[&str]) -> Server {
        Server::start(binary(), &self.data_dir(), options)
    }

    /// Starts a server that logs at its end what it has counted.
    #[cfg(target_os = "linux")]
    pub(crate) fn start_that_tells_counts(&self, options: &[&str]) -> Server {
        let mut command = server_command(binary(), &self.data_dir());
        command.args(["--bind", "127.0.0.1"]).args(options);
        Server::run(command.env("RUST_LOG", "warn,chatshelf_server::net::reactor=info"))
    }

    /// Starts a server and kills it before, or just when, it has started.
    pub(crate) fn kill_in_the_start(&self, rng: &mut Rng) {
        let mut child = server_command(binary(), &self.data_dir())
            .args(["--bind", "127.0.0.1"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program runs");
        std::thread::sleep(Duration::from_micros(rng.below(8_000)));
        child.kill().expect("the child is ours");
        child.wait().expect("the child is ours");
    }

    /// Waits until no upload has a file any more.
    #[track_caller]
    pub(crate) fn wait_for_no_uploads(&self) {
        let uploads = self.data_dir().join("uploads");
        eventually("an empty folder of uploads", || names(&uploads).is_empty().then_some(()));
    }

    /// Waits until the shelf's folder holds exactly these items.
    #[track_caller]
    pub(crate) fn wait_for_items_on_disk(&self, ids: &[u64]) {
        let mut wanted: Vec<String> = ids.iter().map(u64::to_string).collect();
        wanted.sort();
        let shelf = self.data_dir().join("shelf");
        let what = format!("{wanted:?} and nothing else in the shelf's folder");
        eventually(&what, || (names(&shelf) == wanted).then_some(()));
    }
}

/// A home with a server in it.
pub(crate) struct Room {
    pub(crate) home: Home,
    pub(crate) server: Server,
}

impl Room {
    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Someone new in the room, without history.
    #[track_caller]
    pub(crate) fn join(&self, nick: &str) -> Peer {
        Peer::join(self.address(), nick)
    }
}

/// A connection of which nobody waits for ever.
pub(crate) fn connect(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(HANG)).unwrap();
    stream
}

/// Reads to the end, which may be a reset.
pub(crate) fn rest(stream: &mut impl Read) -> Vec<u8> {
    let mut all = Vec::new();
    if let Err(why) = stream.read_to_end(&mut all) {
        assert!(!matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{why}");
    }
    all
}

/// Does `act` in a room of its own. Afterwards the server must end as it should, with nothing left
/// of any upload.
#[track_caller]
pub(crate) fn in_a_room<T>(options: &[&str], act: impl FnOnce(&Room) -> T) -> T {
    let home = Home::new();
    let server = home.start(options);
    let room = Room { home, server };
    let outcome = act(&room);
    room.home.wait_for_no_uploads();
    room.server.end_well();
    outcome
}
