//! The recording of the README: two people in a room with a real server, over a line of 1 Mbit/s,
//! each at a shell on a terminal of their own. Made by `make screenshots`, in real time.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use chatshelf_testkit::wait::HANG;
use tempfile::TempDir;

use crate::harness::film::{Film, moving_svg};
use crate::harness::programs::{client_path, place_like};
use crate::harness::proxy::Proxy;
use crate::harness::room::Room;
use crate::harness::terminal::Terminal;

/// Rows and columns of each terminal.
const SIZE: (u16, u16) = (15, 88);
/// Takes some seconds on such a line.
const FILE_BYTES: usize = 420_000;
/// A frame is taken this often, if something has changed.
const FRAME_EVERY: Duration = Duration::from_millis(40);
/// Between two keys, and what people take to read a line.
const KEY: Duration = Duration::from_millis(70);
const READING: Duration = Duration::from_millis(1400);
/// Largest recording, in bytes: it is loaded with the README.
const BYTES_MAX: usize = 500_000;

/// Two terminals, and what was seen on them since the start.
struct Recorder {
    terminals: [Terminal; 2],
    films: [Film; 2],
    started: Instant,
}

/// Whose terminal it is.
const ADA: usize = 0;
const GRACE: usize = 1;

impl Recorder {
    fn start(terminals: [Terminal; 2]) -> Self {
        let films = [Film::new("ada"), Film::new("grace")];
        Self { terminals, films, started: Instant::now() }
    }

    fn take(&mut self) {
        let at = self.started.elapsed();
        for (film, terminal) in self.films.iter_mut().zip(&self.terminals) {
            // The picture begins with the first frame.
            let at = if at < FRAME_EVERY { Duration::ZERO } else { at };
            terminal.look(|screen| film.take(at, screen));
        }
    }

    /// Records for so long.
    fn roll(&mut self, time: Duration) {
        let end = Instant::now() + time;
        loop {
            self.take();
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(FRAME_EVERY));
        }
    }

    /// Records until a screen shows this, and while it is read.
    fn until(&mut self, who: usize, text: &str) {
        let started = Instant::now();
        while !self.terminals[who].screen().contains(text) {
            assert!(started.elapsed() < HANG, "no {text:?}:\n{}", self.terminals[who].screen());
            self.roll(FRAME_EVERY);
        }
        self.roll(READING);
    }

    /// Types as people do.
    fn types(&mut self, who: usize, keys: &str) {
        for key in keys.chars() {
            self.terminals[who].types(key.encode_utf8(&mut [0; 4]));
            self.roll(KEY);
        }
    }
}

/// A shell in a folder of its own, from which the client reaches the room over this line.
fn shell(room: &Room, line: &Proxy, home: &TempDir) -> Terminal {
    let mut shell = Command::new("sh");
    place_like(&mut shell, &room.command("somebody"));
    let client = client_path();
    let programs = client.parent().expect("a program is in a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let (host, port) = (line.address().ip().to_string(), line.address().port().to_string());
    shell.current_dir(home.path()).env("PS1", "$ ").env_remove("ENV");
    shell.env("PATH", format!("{}:{path}", programs.display()));
    shell.env("CHATSHELF_HOST", host).env("CHATSHELF_PORT", port);
    Terminal::start_sized(shell.arg("-i"), SIZE)
}

#[test]
#[ignore = "writes a picture: make screenshots"]
fn screenshots_of_a_session() {
    let room = Room::open();
    let lines = [Proxy::slow(room.address()), Proxy::slow(room.address())];
    let homes = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    fs::write(homes[GRACE].path().join("sorting-notes.pdf"), vec![7; FILE_BYTES]).unwrap();
    let terminals = [ADA, GRACE].map(|who| shell(&room, &lines[who], &homes[who]));
    terminals.iter().for_each(|terminal| terminal.shows("$"));
    let mut recorder = Recorder::start(terminals);

    recorder.roll(READING);
    recorder.types(ADA, "chatshelf --name ada\r");
    recorder.until(ADA, "welcome, ada");
    recorder.types(GRACE, "chatshelf\r");
    recorder.until(GRACE, "Which name");
    recorder.types(GRACE, "grace\r");
    recorder.until(GRACE, "welcome, grace");
    recorder.types(ADA, "hello! who has the notes on sorting?\r");
    recorder.until(GRACE, "notes on sorting?");
    recorder.types(GRACE, "I do, one moment\r");
    recorder.until(ADA, "one moment");
    recorder.types(GRACE, "/upload sor\t");
    recorder.until(GRACE, "sorting-notes.pdf");
    recorder.types(GRACE, "\r");
    recorder.until(ADA, "sorting-notes.pdf on the shelf");
    recorder.types(ADA, "\x06");
    recorder.until(ADA, "Enter: fetch");
    recorder.types(ADA, "\r");
    recorder.until(ADA, "downloaded to");
    recorder.types(ADA, "thank you!\r");
    recorder.until(GRACE, "thank you!");

    assert!(homes[ADA].path().join("sorting-notes.pdf").exists());
    let description = "Ada and grace each start the client at a shell and join the room. They talk. \
                       Grace uploads a file, whose bar fills; it appears on the shelf of both. Ada \
                       chooses it there and downloads it.";
    let title = "A session of two people in a chatshelf room";
    let picture = moving_svg(&recorder.films, SIZE.1, title, description);
    assert!(picture.len() <= BYTES_MAX, "{} bytes", picture.len());
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    fs::write(docs.join("session.svg"), &picture).unwrap();
    println!("docs/session.svg has {} kB and ends with:", picture.len() / 1000);
    recorder.terminals.iter().for_each(|terminal| println!("{}", terminal.screen()));
}
