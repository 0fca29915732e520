//! What the client says while a server's limits make it wait: which limit, and when it continues.

use chatshelf_common::id::{Seq, UnixMillis};
use chatshelf_common::wire::ClientFrame;
use chatshelf_common::wire::frame::{Action, Moderated, Pong};
use chatshelf_testkit::fake_server::{FakeServer, JOINED_AT};

use crate::harness::room::{Room, asking_operator};
#[cfg(unix)]
use crate::harness::terminal::Terminal;

/// A room whose address may upload this much.
fn room(rate: &str) -> Room {
    let room = Room::open_with(&["--limit-exempt", "none", "--limit-address-uploads", rate]);
    room.write("a", vec![7; 900_000]);
    room.write("b", vec![8; 500_000]);
    room
}

#[test]
fn a_command_whose_upload_has_to_wait_for_long_says_so_and_ends() {
    let room = room("1MB+1MB/h");
    room.once(&["upload", "a"], "").has_code(0);
    let ended = room.once(&["upload", "b"], "");
    ended.has_code(4);
    assert_eq!((&ended.stdout[..], ended.stderr.lines().count()), ("", 1), "{}", ended.stderr);
    let complaint = ended.complaint();
    assert!(complaint.starts_with("chatshelf: b not uploaded: "), "{complaint}");
    let limit =
        "(the limit is 1.0 MB); try again in 24 min: 976.6 KiB at once, then 976.6 KiB in 1 h";
    assert!(complaint.ends_with(limit), "{complaint}");
}

#[test]
fn a_command_whose_upload_has_to_wait_for_a_moment_says_so_and_continues() {
    let room = room("1MB+200kB/s");
    room.once(&["upload", "a"], "").has_code(0);
    let ended = room.once(&["upload", "a", "--as", "c"], "");
    ended.has_code(0);
    assert_eq!(ended.stdout, "2  c\n");
    assert!(ended.complaint().starts_with("chatshelf: c waits: "), "{}", ended.stderr);
    assert!(ended.complaint().contains("(the limit is 1.0 MB); it continues in "));
}

#[test]
#[cfg(unix)]
fn the_screen_says_which_limit_an_upload_waits_for() {
    let room = room("1MB+1MB/h");
    let mut terminal = Terminal::start(&room.command("ada"));
    terminal.shows("welcome, ada");
    terminal.types("/upload a\r");
    terminal.shows("a uploaded as number 1");
    terminal.types("/upload b\r");
    terminal.shows("b waits: ");
    terminal.shows("over the server's upload limit");
    terminal.types("/upload a\r");
    terminal.shows("a waits: ");
    assert!(!terminal.screen().contains("for the connection"), "{}", terminal.screen());
}

#[test]
fn a_command_says_that_its_password_waits_though_nobody_looks() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeServer::open();
    let (client, mut guest, own) = asking_operator(&server, dir.path(), &["lock", "topic"]);
    // The server is there, and verifies others first.
    guest.wait(|frame| matches!(frame, ClientFrame::Ping(_)).then_some(()));
    guest.send(&Pong {});
    client.complains("chatshelf: the password waits for its turn");
    let done = |seq, action| Moderated::new(Seq(seq), UnixMillis(0), own.clone(), action);
    guest.send(&done(JOINED_AT.0 + 1, Action::OP));
    guest.wait(|frame| matches!(frame, ClientFrame::Moderate(_)).then_some(()));
    guest.send(&done(JOINED_AT.0 + 2, Action::LOCK_TOPIC));
    guest.see_off();
    client.wait().has_code(0);
}
