//! Sessions that real programs play, of any two versions. What is waited for is what people said
//! and the names and content of files: no version shows them differently.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use chatshelf_testkit::programs::{Program, Server};
use chatshelf_testkit::recording::Step;
use chatshelf_testkit::wait::eventually;
use tempfile::TempDir;

use super::tap::{Log, Tap};
use crate::harness::programs::client_at;

/// The programs of one commit, or of two.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    pub(super) server: PathBuf,
    pub(super) client: PathBuf,
}

/// A server, its clients, and what they say to each other.
struct Stage {
    programs: Programs,
    home: TempDir,
    server: Server,
    started: Instant,
    log: Log,
    taps: Vec<Tap>,
}

/// One session, from the first connection to the last.
pub(super) struct Scenario {
    pub(super) name: &'static str,
    act: fn(&mut Stage),
}

pub(super) const ALL: [Scenario; 3] = [
    Scenario { name: "talk", act: talk },
    Scenario { name: "files", act: files },
    Scenario { name: "returning", act: returning },
];

impl Scenario {
    /// Plays it; everything that went over the wire.
    pub(super) fn play(&self, programs: &Programs) -> Vec<Step> {
        let mut stage = Stage::open(programs);
        (self.act)(&mut stage);
        stage.server.end_well();
        stage.log.steps()
    }
}

impl Stage {
    fn open(programs: &Programs) -> Self {
        let home = tempfile::tempdir().unwrap();
        let program = programs.server.to_str().unwrap();
        let server = Server::start(program, &home.path().join("data"), &[]);
        let (programs, log) = (programs.clone(), Log::default());
        Self { programs, home, server, started: Instant::now(), log, taps: Vec::new() }
    }

    /// The folder in which a client runs.
    fn dir(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn tap(&mut self, name: &str) -> SocketAddr {
        fs::create_dir_all(self.dir(name)).unwrap();
        let tap = Tap::open(name, self.server.address(), self.started, &self.log);
        let address = tap.address;
        self.taps.push(tap);
        address
    }

    fn start(&self, name: &str, address: SocketAddr) -> Program {
        let mut command = client_at(&self.programs.client);
        command.env("CHATSHELF_STATE_DIR", self.home.path().join("state"));
        // The tap writes down what it can read.
        command.env("CHATSHELF_NO_TLS", "yes");
        command.current_dir(self.dir(name));
        let port = address.port().to_string();
        command.args(["--host", "127.0.0.1", "--port", &port, "--name", name]);
        Program::start(&mut command)
    }

    /// A client in the room: it has heard itself.
    fn join(&mut self, name: &str) -> Program {
        let address = self.tap(name);
        let mut client = self.start(name, address);
        client.types(&format!("{name} is here"));
        client.shows(&format!("{name} is here"));
        client
    }

    fn write(&self, name: &str, file: &str, content: &[u8]) {
        fs::write(self.dir(name).join(file), content).unwrap();
    }

    fn waits_for(&self, name: &str, file: &str, content: &[u8]) {
        let path = self.dir(name).join(file);
        let is_there = |path: &Path| fs::read(path).is_ok_and(|found| found == content);
        eventually("a whole file", || is_there(&path).then_some(()));
    }
}

fn leave(clients: impl IntoIterator<Item = Program>) {
    for mut client in clients {
        client.types("/quit");
        client.wait().has_code(0);
    }
}

/// Joining, talking, whispering, renaming, the topic, leaving.
fn talk(stage: &mut Stage) {
    let mut bob = stage.join("bob");
    let mut ada = stage.join("ada");
    // Of the history, too.
    ada.shows("bob is here");
    bob.shows("ada is here");
    ada.types("/me waves");
    bob.shows("waves");
    bob.types("/msg ada psst");
    ada.shows("psst");
    ada.types("/topic engines");
    bob.shows("engines");
    ada.types("/nick lovelace");
    bob.shows("lovelace");
    ada.types("/topic -");
    ada.types("no topic any more");
    bob.shows("no topic any more");
    leave([ada, bob]);
}

/// A file that goes up, down, and off the shelf.
fn files(stage: &mut Stage) {
    let content = b"hello shelf\n";
    let (mut bob, mut ada) = (stage.join("bob"), stage.join("ada"));
    stage.write("ada", "notes.txt", content);
    ada.types("/upload notes.txt");
    bob.shows("notes.txt");
    bob.types("/download notes.txt");
    stage.waits_for("bob", "notes.txt", content);
    bob.types("thank you");
    ada.shows("thank you");
    ada.types("/drop notes.txt");
    ada.types("it is off the shelf");
    bob.shows("it is off the shelf");
    leave([ada, bob]);
}

/// A connection that breaks in the middle of an upload: its client comes back, to the same
/// membership, and resumes.
fn returning(stage: &mut Stage) {
    const BREAK_AFTER: usize = 100_000;
    // Each 1000 bytes are equal, and differ from those beside them.
    let content: Vec<u8> = (0..160_000).map(|at| b'a' + (at / 1000 % 23) as u8).collect();
    let (mut bob, mut ada) = (stage.join("bob"), stage.join("ada"));
    leave([ada]);
    let address = stage.tap("ada");
    stage.taps.last().unwrap().break_after(BREAK_AFTER);
    ada = stage.start("ada", address);
    stage.write("ada", "large.txt", &content);
    ada.types("/upload large.txt");
    bob.shows("large.txt");
    ada.types("that took two connections");
    bob.shows("that took two connections");
    bob.types("/download large.txt");
    stage.waits_for("bob", "large.txt", &content);
    leave([ada, bob]);
}
