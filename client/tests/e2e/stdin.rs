//! Whatever standard input is, its lines are carried out in order, and at its end the client
//! leaves when all is done.

use std::fs::File;
use std::process::Stdio;

use chatshelf_common::wire::Code;
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::programs::Program;

#[cfg(unix)]
use crate::harness::programs::in_shell;
use crate::harness::room::{Room, spoken};

#[test]
fn a_pipe_is_carried_out_to_its_last_receipt() {
    let room = Room::open();
    room.write("f", "some content\n");
    let ended = room.run("ada", "hello\n/upload f\n/quit\n");
    ended.has_code(0);
    assert_eq!(ended.stderr, "");
    assert_eq!(spoken(&ended.stdout), ["ada  hello"]);
    let line = ended.line("-- f uploaded as number 1: 13 B");
    assert!(line.ends_with("BLAKE3 verified"), "{line}");
    // The next to come finds it on the shelf, with the digest of what was in the file.
    let ended = room.run("bob", "/files\n");
    let line = ended.line("   1  f  13 B  ada  ");
    assert!(line.ends_with(&blake3::hash(b"some content\n").to_string()), "{line}");
}

#[test]
fn a_regular_file_is_read_to_its_end() {
    let room = Room::open();
    room.write("script", "one\n/me waves\ntwo\n");
    let script = File::open(room.path("script")).unwrap();
    let ended = Program::start_with(&mut room.command("ada"), script).wait();
    ended.has_code(0);
    assert_eq!(spoken(&ended.stdout), ["ada  one", "* ada waves", "ada  two"]);
}

#[test]
fn without_input_it_joins_sees_the_room_and_leaves() {
    let room = Room::open();
    let mut peer = Peer::join(room.address(), "peer");
    let ended = Program::start_with(&mut room.command("ada"), Stdio::null()).wait();
    ended.has_code(0);
    ended.line("-- welcome, ada");
    ended.line("-- goodbye");
    assert_eq!(peer.sees_leave("ada"), Code::LEFT);
}

#[cfg(unix)]
#[test]
fn a_closed_input_is_like_an_empty_one() {
    let room = Room::open();
    let mut peer = Peer::join(room.address(), "peer");
    let ended = Program::run(&mut closing("<&-", &room), "");
    ended.has_code(0);
    ended.line("-- welcome, ada");
    assert_eq!(peer.sees_leave("ada"), Code::LEFT);
}

#[cfg(unix)]
#[test]
fn it_works_with_every_standard_stream_closed() {
    let room = Room::open();
    let mut peer = Peer::join(room.address(), "peer");
    let ended = Program::run(&mut closing("<&- >&- 2>&-", &room), "");
    ended.has_code(0);
    assert_eq!(peer.sees_leave("ada"), Code::LEFT);
}

/// A command that closes what is said, then is the client.
#[cfg(unix)]
fn closing(what: &str, room: &Room) -> std::process::Command {
    in_shell(&format!("exec \"$0\" \"$@\" {what}"), &room.command("ada"))
}

#[cfg(unix)]
#[test]
fn an_unreadable_input_is_like_an_empty_one() {
    let room = Room::open();
    let directory = File::open(room.files()).unwrap();
    let ended = Program::start_with(&mut room.command("ada"), directory).wait();
    ended.has_code(0);
    ended.line("-- welcome, ada");
}

#[test]
fn a_pipe_left_open_keeps_it_in_the_room_until_it_is_closed() {
    let room = Room::open();
    let mut peer = Peer::join(room.address(), "peer");
    let mut ada = room.join("ada");
    peer.say("are you there?");
    ada.shows("peer  are you there?");
    ada.types("still here");
    peer.hear("still here");
    assert_eq!(spoken(&ada.leave().stdout), ["peer  are you there?", "ada  still here"]);
    assert_eq!(peer.sees_leave("ada"), Code::LEFT);
}

#[test]
fn a_last_line_without_a_newline_counts() {
    let room = Room::open();
    assert_eq!(spoken(&room.run("ada", "one\ntwo").stdout), ["ada  one", "ada  two"]);
    let ended = room.run("bob", "one\n/quit");
    ended.has_code(0);
    assert_eq!(spoken(&ended.stdout), ["bob  one"]);
}

#[test]
fn lines_after_quit_are_not_carried_out() {
    let ended = Room::open().run("ada", "one\n/quit\ntwo\n");
    ended.has_code(0);
    assert_eq!(spoken(&ended.stdout), ["ada  one"]);
}

#[test]
fn two_thousand_lines_are_all_echoed_in_order() {
    let room = Room::open();
    let script: String = (1..=2000).map(|number| format!("line {number}\n")).collect();
    let ended = room.run("ada", &script);
    ended.has_code(0);
    let expected: Vec<String> = (1..=2000).map(|number| format!("ada  line {number}")).collect();
    assert_eq!(spoken(&ended.stdout), expected);
}

#[test]
fn empty_lines_are_not_said() {
    let ended = Room::open().run("ada", "\n   \n\none\n\n\t\n\r\ntwo\r\n\n");
    ended.has_code(0);
    assert_eq!(spoken(&ended.stdout), ["ada  one", "ada  two"]);
}

#[test]
fn a_line_over_the_limit_is_refused_with_it_and_the_rest_carried_out() {
    let room = Room::open();
    let longest = "x".repeat(8192);
    let ended = room.run("ada", &format!("{longest}\n{longest}x\nafter\n"));
    ended.has_code(1);
    assert_eq!(spoken(&ended.stdout), [&format!("ada  {longest}"), "ada  after"]);
    let line = ended.line("!! too long");
    assert!(line.contains("8192 bytes") && line.contains("8193"), "{line}");
}

#[test]
fn a_line_that_is_far_too_long_is_skipped() {
    let ended = Room::open().run("ada", &format!("{}\nafter\n", "x".repeat(10_000_000)));
    ended.has_code(1);
    assert_eq!(spoken(&ended.stdout), ["ada  after"]);
    assert!(ended.line("!! a line was skipped").contains("65536 bytes"));
}

#[test]
fn escapes_and_bytes_that_are_no_text_are_not_sent() {
    let room = Room::open();
    let mut peer = Peer::join(room.address(), "peer");
    room.write("script", b"\x1b[31mred\x1b[0m\x07\nbad \xff byte\n");
    let script = File::open(room.path("script")).unwrap();
    Program::start_with(&mut room.command("ada"), script).wait().has_code(0);
    peer.hear("red");
    peer.hear("bad \u{fffd} byte");
}

/// Other systems take no such names.
#[cfg(target_os = "linux")]
#[test]
fn a_script_names_files_whose_names_are_not_utf_8() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let room = Room::open();
    let place = |name: &[u8]| room.files().join(OsStr::from_bytes(name));
    std::fs::write(place(b"caf\xe9.txt"), "latin").unwrap();
    room.write("script", b"/upload caf\xe9.txt\n/download 1 t\xe9.txt\n");
    let script = File::open(room.path("script")).unwrap();
    let ended = Program::start_with(&mut room.command("ada"), script).wait();
    ended.has_code(0);
    ended.line(r"-- caf\xE9.txt is called caf_.txt on the shelf");
    assert_eq!(std::fs::read(place(b"t\xe9.txt")).unwrap(), b"latin");
}
