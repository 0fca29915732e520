//! A Windows console, typed into as people and terminals do it: AltGr, Alt codes, pastes, files
//! that are dropped. `console_typist.c` starts the client in a console and writes what a test says
//! into that console's input, record by record.
//!
//! These tests need Windows or Wine, and a C compiler for Windows: `make test-windows` runs them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use chatshelf_common::wire::{Code, Event};
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::programs::{Program, command_of};

use crate::harness::programs::{client_is_for_windows, client_path};
use crate::harness::room::Room;

/// Between two bursts of keys: much longer than any pause inside one.
const PAUSE: Duration = Duration::from_millis(300);

// Keys and states, as Windows calls them.
const VK_RETURN: u16 = 0x0d;
const VK_MENU: u16 = 0x12;
const VK_NUMPAD0: u16 = 0x60;
const RIGHT_ALT_PRESSED: u16 = 1;
const LEFT_ALT_PRESSED: u16 = 2;
const LEFT_CTRL_PRESSED: u16 = 8;
const ALT_GR: u16 = RIGHT_ALT_PRESSED | LEFT_CTRL_PRESSED;

/// A client in a console of its own.
struct Console(Program);

impl Console {
    /// Lets a client with these options join.
    #[track_caller]
    fn join(room: &Room, peer: &mut Peer, options: &[&str]) -> Self {
        let mut client = room.command("ada");
        client.args(options);
        let console = Self(Program::start(&mut typing_into(&client)));
        peer.sees_join("ada");
        console
    }

    /// Writes records all at once, and pauses.
    fn burst(&mut self, records: impl IntoIterator<Item = Record>) {
        let records: Vec<String> = records.into_iter().map(|record| record.to_string()).collect();
        self.0.types(&records.join(" "));
        std::thread::sleep(PAUSE);
    }

    fn types(&mut self, text: &str) {
        self.burst(typed(text));
    }

    /// Presses Enter until it has surely been taken; on an empty line it does nothing.
    fn enter(&mut self) {
        (0..3).for_each(|_| self.types("\r"));
    }

    /// Presses Ctrl-C twice, for the full screen asks; returns the client's exit code.
    #[track_caller]
    fn leave(mut self) -> Option<i32> {
        for _ in 0..2 {
            self.burst(pressed(b'C'.into(), '\u{3}', LEFT_CTRL_PRESSED));
        }
        self.0.close_input();
        self.0.wait().code
    }
}

/// A key record of a console.
#[derive(Clone, Copy)]
struct Record {
    is_down: bool,
    key: u16,
    character: u16,
    state: u16,
}

impl std::fmt::Display for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { is_down, key, character, state } = *self;
        write!(f, "{:x}:{key:x}:{character:x}:{state:x}", u8::from(is_down))
    }
}

/// A key that goes down and up.
fn pressed(key: u16, c: char, state: u16) -> Vec<Record> {
    let character = c.encode_utf16(&mut [0; 1])[0];
    [true, false].map(|is_down| Record { is_down, key, character, state }).into()
}

/// Keys that are pressed one after the other, as a console reports a paste as well.
fn typed(text: &str) -> Vec<Record> {
    let key = |c: char| match c {
        '\r' => VK_RETURN,
        c if c.is_ascii_alphanumeric() => c.to_ascii_uppercase() as u16,
        _ => 0,
    };
    text.chars().flat_map(|c| pressed(key(c), c, 0)).collect()
}

/// A character that is typed with AltGr.
fn alt_gr(c: char) -> Vec<Record> {
    pressed(0, c, ALT_GR)
}

/// A character that is typed by its code: Alt is held, and has the character when it comes up.
fn alt_code(c: char) -> Vec<Record> {
    let mut units = [0; 2];
    let units = c.encode_utf16(&mut units).iter();
    let record = |is_down, key, character, state| Record { is_down, key, character, state };
    let digits = [(true, VK_MENU), (true, VK_NUMPAD0), (false, VK_NUMPAD0)];
    units
        .flat_map(|unit| {
            let held = digits.map(|(is_down, key)| record(is_down, key, 0, LEFT_ALT_PRESSED));
            held.into_iter().chain([record(false, VK_MENU, *unit, 0)])
        })
        .collect()
}

/// The command that types into that of a client, which must be one for Windows.
fn typing_into(client: &Command) -> Command {
    assert!(client_is_for_windows(), "CHATSHELF_TEST_CLIENT names a client for Windows");
    let program = client_path();
    let mut command = command_of(typist());
    // Under Wine, the client is an argument already.
    command.arg(&program).args(client.get_args().filter(|argument| *argument != program));
    command.current_dir(client.get_current_dir().expect("a client has a folder"));
    for (name, value) in client.get_envs() {
        command.env(name, value.unwrap_or(OsStr::new("")));
    }
    command
}

/// A path as a program for Windows sees it; Wine calls the root folder `Z:`.
fn windows_path(path: &Path) -> String {
    let path = path.to_str().expect("a path in UTF-8");
    if cfg!(windows) { path.to_owned() } else { format!("Z:{}", path.replace('/', "\\")) }
}

/// The program that types, built once.
fn typist() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let compiler = if cfg!(windows) { "gcc" } else { "x86_64-w64-mingw32-gcc" };
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/console_typist.c");
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("console_typist.exe");
        let built = Command::new(compiler).arg("-o").arg(&program).arg(source).status();
        assert!(built.expect("a compiler for Windows").success(), "{compiler}");
        program
    })
}

/// All that was said, up to this.
#[track_caller]
fn said_until(peer: &mut Peer, last: &str) -> Vec<String> {
    let mut said = Vec::new();
    peer.event(|event| {
        let Event::Said(line) = event else { return None };
        said.push(line.text.as_str().to_owned());
        (line.text.as_str() == last).then_some(())
    });
    said
}

#[test]
#[ignore = "needs Windows or Wine: make test-windows"]
fn characters_are_typed_with_alt_gr_and_by_their_codes() {
    for options in [&[][..], &["--plain"]] {
        let room = Room::open();
        let mut peer = Peer::join(room.address(), "peer");
        let mut console = Console::join(&room, &mut peer, options);
        let mail = [typed("ada"), alt_gr('@'), alt_gr('{'), alt_gr('€'), typed(" end")];
        mail.into_iter().for_each(|records| console.burst(records));
        console.types("\r");
        let codes = [typed("by code: "), alt_code('ż'), alt_code('@'), alt_code('😀')];
        codes.into_iter().for_each(|records| console.burst(records));
        console.types("\r");
        console.types("junk");
        console.burst(pressed(b'U'.into(), '\u{15}', LEFT_CTRL_PRESSED));
        console.types("done");
        console.types("\r");
        let said = said_until(&mut peer, "done");
        assert_eq!(said, ["ada@{€ end", "by code: ż@😀", "done"], "{options:?}");
        assert_eq!(console.leave(), Some(0));
        assert_eq!(peer.sees_leave("ada"), Code::LEFT);
    }
}

#[test]
#[ignore = "needs Windows or Wine: make test-windows"]
fn pasted_lines_are_one_message_and_many_are_asked_about() {
    for options in [&[][..], &["--plain"]] {
        let room = Room::open();
        let mut peer = Peer::join(room.address(), "peer");
        let mut console = Console::join(&room, &mut peer, options);
        let six = "1\r2\r3\r4\r5\r6\r";
        console.types(six);
        console.burst(pressed(0x1b, '\u{1b}', 0));
        console.types("two\rlines");
        console.enter();
        console.types(six);
        console.enter();
        console.types("done");
        console.enter();
        let said = said_until(&mut peer, "done");
        assert_eq!(said, ["two\nlines", "1\n2\n3\n4\n5\n6", "done"], "{options:?}");
        assert_eq!(console.leave(), Some(0));
    }
}

#[test]
#[ignore = "needs Windows or Wine: make test-windows"]
fn a_file_that_is_dropped_is_uploaded_and_its_path_never_said() {
    for options in [&[][..], &["--plain"]] {
        let room = Room::open();
        room.write("my notes.txt", "content");
        let mut peer = Peer::join(room.address(), "peer");
        let mut console = Console::join(&room, &mut peer, options);
        let path = windows_path(&room.path("my notes.txt"));
        console.types(&format!("\"{path}\""));
        console.enter();
        peer.event(|event| match event {
            Event::Shelved(shelved) => (shelved.item.name.as_str() == "my notes.txt").then_some(()),
            _ => None,
        });
        console.types("done");
        console.enter();
        assert_eq!(said_until(&mut peer, "done"), ["done"], "{options:?}");
        assert_eq!(console.leave(), Some(0));
    }
}
