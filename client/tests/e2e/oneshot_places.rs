//! Downloads that go to no file of their own: to devices, pipes, other names of standard output,
//! and terminals, on which nothing may act. And to a disk that is too small.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use chatshelf_testkit::programs::Program;
use chatshelf_testkit::wait::eventually;

use crate::harness::programs::client_is_for_windows;
use crate::harness::room::{Room, client_command};
use crate::harness::terminal::Terminal;

/// A room with this file on its shelf, and nowhere else.
fn room_with(name: &str, content: &[u8]) -> Room {
    let room = Room::open();
    room.write(name, content);
    room.once(&["upload", name], "").has_code(0);
    std::fs::remove_file(room.path(name)).unwrap();
    room
}

#[test]
fn a_device_is_written_to_and_nothing_is_made_beside_it() {
    let room = room_with("f", b"content");
    symlink("/dev/null", room.path("sink")).unwrap();
    for place in ["sink", "/dev/null"] {
        let ended = room.once(&["download", "f", "-o", place], "");
        ended.has_code(0);
        assert_eq!((&ended.stdout[..], &ended.stderr[..]), ("", ""));
    }
    assert_eq!(room.names(), ["sink"]);
    let ended = room.run("bob", "/download f sink\n/download f /dev/stdout\n");
    ended.has_code(1);
    let refused = ended.stdout.matches("is not a regular file or a directory").count();
    assert_eq!((refused, room.names()), (2, vec!["sink".into()]), "{}", ended.stdout);
}

#[test]
fn standard_output_is_the_same_by_all_its_names() {
    let room = room_with("f", b"content");
    symlink("/dev/stdout", room.path("out")).unwrap();
    for place in ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "out"] {
        if place.starts_with("/proc") && !std::path::Path::new(place).exists() {
            continue;
        }
        assert_eq!(room.once(&["download", "f", "-o", place], "").stdout, "content", "{place}");
        // Behind it may be a regular file, to which others have written.
        room.write("log", "before ");
        let mut log = std::fs::OpenOptions::new().append(true).open(room.path("log")).unwrap();
        let mut command = client_command(room.address(), &room.files());
        command.args(["download", "f", "-o", place]).stdout(log.try_clone().unwrap());
        assert!(command.status().unwrap().success());
        std::io::Write::write_all(&mut log, b" after").unwrap();
        assert_eq!(room.read("log"), b"before content after", "{place}");
    }
    assert_eq!(room.names(), ["log", "out"]);
}

#[test]
fn a_named_pipe_gets_the_content_once_it_is_verified() {
    let room = room_with("f", &[b'x'; 200_000]);
    assert!(Command::new("mkfifo").arg(room.path("pipe")).status().unwrap().success());
    let mut command = client_command(room.address(), &room.files());
    command.args(["download", "f", "-o", "pipe"]).stdin(Stdio::null());
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    assert!(std::fs::read(room.path("pipe")).unwrap() == [b'x'; 200_000]);
    assert!(eventually("the end of a download", || child.try_wait().unwrap()).success());
    assert_eq!(room.names(), ["pipe"]);
}

#[test]
fn an_unwritable_place_is_reported_before_anything_is_fetched() {
    let room = room_with("f", b"content");
    let _socket = UnixListener::bind(room.path("socket")).unwrap();
    let ended = room.once(&["download", "f", "-o", "socket"], "");
    ended.has_code(1);
    assert!(ended.complaint().contains("it is a socket"), "{}", ended.stderr);
    assert_eq!(room.names(), ["socket"]);
}

#[test]
fn a_full_disk_loses_nothing_that_arrived_before() {
    let content: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
    let room = room_with("f", &content);
    let state = tempfile::tempdir().unwrap();
    let download = client_command(room.address(), &room.files());
    // A limit on the size of files is met as a full disk is: in the middle of writing.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 1500; exec \"$0\" \"$@\""]);
    command.arg(download.get_program()).args(download.get_args()).args(["download", "f"]);
    command.current_dir(room.files()).env("CHATSHELF_STATE_DIR", state.path());
    let ended = Program::run(&mut command, "");
    ended.has_code(1);
    assert!(
        ended.complaint().ends_with("what has arrived is kept; repeat the download to resume it")
    );
    let kept = room.read("f.part");
    assert!(!kept.is_empty() && kept.len() < content.len() && content.starts_with(&kept));
    let mut command = client_command(room.address(), &room.files());
    command.args(["download", "f"]).env("CHATSHELF_STATE_DIR", state.path());
    Program::run(&mut command, "").has_code(0);
    assert!(room.read("f") == content);
    assert_eq!(room.names(), ["f"]);
}

/// What a terminal got of a download to standard output.
fn on_a_terminal(room: &Room, arguments: &[&str]) -> (Terminal, u32) {
    let mut command = client_command(room.address(), &room.files());
    let mut terminal = Terminal::start(command.arg("download").args(arguments));
    let code = terminal.wait();
    (terminal, code)
}

#[test]
fn a_text_on_a_terminal_is_shown_and_cannot_act_on_it() {
    let content = "first line\n\x1b]0;owned\x07\x1b[2Jsecond\r\nlast\n";
    let room = room_with("notes.txt", content.as_bytes());
    let by_name = if client_is_for_windows() { &[][..] } else { &["/dev/stdout", "/dev/tty"] };
    for place in ["-"].iter().chain(by_name) {
        let (terminal, code) = on_a_terminal(&room, &["notes.txt", "-o", place]);
        terminal.shows("last");
        assert_eq!((code, &terminal.title()[..]), (0, ""), "{place}");
        assert!(terminal.screen().contains("first line\n"), "{}", terminal.screen());
        let sent = String::from_utf8(terminal.bytes()).unwrap();
        assert!(!sent.contains("\x1b]0;") && !sent.contains("\x1b[2J"), "{sent:?}");
    }
    assert!(room.names().is_empty());
}

#[test]
fn what_is_no_text_does_not_get_to_a_terminal() {
    let room = room_with("tool.bin", b"\x7fELF\x00\x01\x1b[31mred");
    let (terminal, code) = on_a_terminal(&room, &["tool.bin", "-o", "-"]);
    terminal
        .shows("tool.bin is not text, and standard output is a terminal; use -o FILE, or a pipe");
    assert_eq!(code, 1);
    assert!(!terminal.screen().contains("red"));
}
