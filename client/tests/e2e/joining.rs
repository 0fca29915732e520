//! Getting in: the command line, the name, the connection; and why one does not get in.

use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::Goodbye;
use chatshelf_testkit::fake_server::{FakeServer, Nowhere};
use chatshelf_testkit::programs::{Ended, Program};
#[cfg(unix)]
use chatshelf_testkit::wait::eventually;

use crate::harness::programs;
use crate::harness::room::{Room, client_command, client_of, spoken};

fn client(args: &[&str]) -> Ended {
    Program::run(programs::client().args(args), "")
}

#[test]
fn a_taken_name_ends_a_script_and_the_suggestion_is_named() {
    let room = Room::open();
    let _ada = room.join("ada");
    let ended = room.run("Ada", "hello\n");
    ended.has_code(4);
    let complaint = ended.complaint();
    assert!(complaint.contains("is taken"), "{complaint}");
    let (_, suggestion) = complaint.rsplit_once("; ").unwrap();
    let free = suggestion.strip_suffix(" is free").unwrap();
    room.run(free, "hello\n").has_code(0);
}

#[cfg(unix)]
#[test]
fn a_name_held_by_a_dead_connection_is_free_within_seconds() {
    let room = Room::open();
    let mut bob = room.join("bob");
    let ada = room.join("ada");
    // As good as a cut cable: its system takes what is sent, and nobody answers.
    ada.signal("STOP");
    eventually("one's own name", || {
        let ended = room.run("ada", "I am back\n");
        (ended.code == Some(0)).then_some(())
    });
    bob.shows("ada  I am back");
    bob.shows("-- ada left: nothing was received");
}

#[cfg(unix)]
#[test]
fn a_name_whose_holder_lives_is_never_given_away() {
    let room = Room::open();
    let mut ada = room.join("ada");
    for _ in 0..3 {
        room.run("ada", "hello\n").has_code(4);
        // Long enough for the server to ask again.
        std::thread::sleep(std::time::Duration::from_millis(1_200));
    }
    ada.types("still here");
    ada.shows("ada  still here");
}

#[test]
fn a_name_that_looks_like_a_members_is_taken_in_any_script() {
    let room = Room::open();
    let _alice = room.join("alice");
    for like in ["аlісе", "aIice", "a1ice", "ａｌｉｃｅ"] {
        let ended = room.run(like, "hello\n");
        ended.has_code(4);
        assert!(ended.complaint().contains("is taken"), "{}", ended.stderr);
    }
}

#[test]
fn without_a_name_every_piped_line_is_said_by_the_users_name() {
    let room = Room::open();
    let run = |input| Program::run(&mut client_command(room.address(), &room.files()), input);
    for (input, said) in [
        ("done\nall tests pass\n", &["tester  done", "tester  all tests pass"][..]),
        ("no good as a name\n", &["tester  no good as a name"]),
        ("\nhello\n", &["tester  hello"]),
        ("", &[]),
    ] {
        let ended = run(input);
        ended.has_code(0);
        assert_eq!(spoken(&ended.stdout), said, "{input:?}");
        assert!(!ended.stdout.contains("Your name"), "{}", ended.stdout);
        assert_eq!(ended.stderr, "", "nothing is asked of a pipe");
    }
}

#[test]
fn without_a_name_a_script_takes_one_that_is_free() {
    let room = Room::open();
    let _tester = room.join("tester");
    let ended = Program::run(&mut client_command(room.address(), &room.files()), "hello\n");
    ended.has_code(0);
    assert_eq!(spoken(&ended.stdout), ["tester2  hello"]);
}

#[test]
fn a_mistake_on_the_command_line_is_one_line_and_exit_code_2() {
    for (args, named) in [
        (&["--bogus"][..], "bogus"),
        (&["--port", "0"], "--port '0'"),
        (&["--port", "http"], "http"),
        (&["--name", "no good"], "--name 'no good'"),
        (&["--name", "esc\x1b[2J"], "--name"),
        (&["--name", "\u{301}"], "it begins with the mark"),
        (&["--name", "You"], "it looks like \"you\""),
        (&["--history", "some"], "some"),
        (&["--download-dir", "no/such/folder"], "no/such/folder"),
        (&["stray"], "stray"),
        (&["--host", "a", "--host", "b"], "host"),
        (&["--host"], "host"),
    ] {
        let ended = client(args);
        ended.has_code(2);
        let complaint = ended.complaint();
        assert!(complaint.starts_with("chatshelf: ") && complaint.contains(named), "{complaint}");
        assert!(!complaint.contains('\x1b') && ended.stdout.is_empty(), "{complaint}");
    }
}

#[cfg(unix)]
#[test]
fn an_argument_that_is_no_text_is_a_mistake_not_a_panic() {
    use std::os::unix::ffi::OsStrExt;
    let argument = std::ffi::OsStr::from_bytes(b"--name=\xff");
    let ended = Program::run(programs::client().arg(argument), "");
    ended.has_code(2);
    ended.complaint();
}

#[test]
fn help_and_version_are_shown_on_standard_output() {
    let ended = client(&["--help"]);
    ended.has_code(0);
    assert!(ended.stdout.starts_with("Usage: chatshelf"), "{}", ended.stdout);
    let ended = client(&["--version"]);
    ended.has_code(0);
    assert_eq!(ended.stdout, concat!("chatshelf ", env!("CARGO_PKG_VERSION"), "\n"));
    assert_eq!(ended.stderr, "");
}

#[test]
fn where_nobody_listens_the_place_is_named_and_the_exit_code_is_3() {
    let dir = tempfile::tempdir().unwrap();
    let held = Nowhere::reserve();
    let nowhere = held.address();
    let mut command = client_command(nowhere, dir.path());
    let ended = Program::run(command.args(["--name", "ada"]), "hello\n");
    ended.has_code(3);
    let complaint = ended.complaint();
    assert!(complaint.contains(&format!("cannot connect to {nowhere}: ")), "{complaint}");
}

#[test]
fn a_host_that_is_none_is_named_and_the_exit_code_is_3() {
    let ended = client(&["--name", "ada", "--host", ""]);
    ended.has_code(3);
    assert!(ended.complaint().contains("cannot connect to"));
}

#[test]
fn a_version_mismatch_says_which_side_is_older() {
    for (version, told) in [(0, "the server is older"), (9, "this program is older")] {
        let dir = tempfile::tempdir().unwrap();
        let (client, mut guest) = client_of(&FakeServer::open(), dir.path());
        let (version_min, version_max) = (Some(version), Some(version));
        guest.send(&Goodbye { version_min, version_max, ..Goodbye::new(Code::VERSION) });
        let ended = client.wait();
        ended.has_code(4);
        assert!(ended.complaint().contains(told), "{}", ended.stderr);
    }
}

#[test]
fn a_full_room_is_reported_as_full() {
    let room = Room::open_with(&["--max-members", "1"]);
    let _ada = room.join("ada");
    let ended = room.run("bob", "hello\n");
    ended.has_code(4);
    assert!(ended.complaint().contains("the room is full"), "{}", ended.stderr);
}
