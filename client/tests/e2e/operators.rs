//! Passwords and operators, as members meet them: what is asked and not shown, what is said of what
//! operators do, and who does not come back.

use std::fs;
use std::process::Command;
#[cfg(unix)]
use std::thread::sleep;
#[cfg(unix)]
use std::time::Duration;

use chatshelf_common::id::{Seq, UnixMillis};
use chatshelf_common::wire::frame::{Action, Moderated, ServerPing};
#[cfg(unix)]
use chatshelf_common::wire::frame::{Frame, Join, Refused};
use chatshelf_common::wire::{ClientFrame, Code};
use chatshelf_testkit::fake_server::{FakeServer, JOINED_AT, said};
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::programs::Program;
#[cfg(unix)]
use chatshelf_testkit::server_frames::hello_ack;

use crate::harness::programs;
#[cfg(unix)]
use crate::harness::room::command_to;
use crate::harness::room::{Room, asking_operator, client_command};
#[cfg(unix)]
use crate::harness::terminal::Terminal;

/// The command that joins it under this name, with all history.
fn with_history(room: &Room, name: &str) -> Command {
    let mut command = programs::client();
    let (host, port) = (room.address().ip().to_string(), room.address().port().to_string());
    command.args(["--host", &host, "--port", &port, "--name", name, "--history", "all"]);
    command.current_dir(room.files()).env("CHATSHELF_STATE_DIR", room.state());
    command
}

#[test]
fn a_script_gives_the_password_by_a_file_or_the_environment() {
    let (room, dir) = Room::open_with_password("--password-file", "open sesame");
    let refused = room.once(&["who"], "");
    refused.has_code(4);
    assert!(refused.complaint().contains("--password-file FILE"), "{}", refused.stderr);
    let mut command = room.command("ada");
    let ended = Program::run(command.env("CHATSHELF_ROOM_PASSWORD", "wrong"), "hello\n");
    ended.has_code(4);
    assert!(ended.complaint().contains("not the room's password"), "{}", ended.stderr);
    let mut command = room.command("ada");
    let ended = Program::run(command.env("CHATSHELF_ROOM_PASSWORD", "open sesame"), "hello\n");
    ended.has_code(0);
    let file = dir.path().join("password");
    let file = ["--password-file", file.to_str().unwrap(), "who"];
    room.once(&file, "").has_code(0);
}

#[test]
fn a_script_becomes_an_operator_and_what_it_does_is_told() {
    let (room, dir) = Room::open_with_password("--operator-password-file", "mellon");
    let mut bob = room.join("bob");
    bob.types("my password is hunter2");
    bob.shows("hunter2");
    let file = dir.path().join("password");
    let script = "/op\n/redact bob\n/lock topic\n/ban bob 2h too loud\n/bans\n";
    let mut command = with_history(&room, "ada");
    command.args(["--operator-password-file", file.to_str().unwrap()]);
    let ada = Program::run(&mut command, script);
    ada.has_code(0);
    for told in [
        "ada is an operator now",
        "ada redacted a line",
        "ada locked the topic",
        "ada banned bob for 2 hours: too loud",
        "1 ban",
    ] {
        assert!(ada.stdout.contains(told), "{told}:\n{}", ada.stdout);
    }
    // Who was put out is told why, and does not come back by themselves.
    let bob = bob.wait();
    bob.has_code(1);
    assert!(bob.stderr.contains("banned: for 120 more min: too loud"), "{}", bob.stderr);
    let carl = Program::run(&mut with_history(&room, "carl"), "/topic mine\n");
    assert!(carl.stdout.contains("[redacted]") && !carl.stdout.contains("hunter2"));
    carl.has_code(1);
    let refused = "the topic stays: only operators may change the topic now";
    assert!(carl.stdout.contains(refused) || carl.stderr.contains(refused), "{carl:?}");
}

#[test]
#[cfg(unix)]
fn a_password_is_asked_for_on_the_screen_and_not_shown() {
    let (room, _dir) = Room::open_with_password("--password-file", "open sesame");
    let mut terminal = Terminal::start(&room.command("ada"));
    terminal.shows("This room has a password.");
    terminal.types("guess\r");
    terminal.shows("That is not the password.");
    assert!(!terminal.screen().contains("guess"), "{}", terminal.screen());
    terminal.types("open sesame\r");
    terminal.shows("welcome, ada");
    // What was typed is not among the lines before.
    terminal.types("\x1b[A");
    terminal.types("hi\r");
    terminal.shows("ada  hi");
}

#[test]
#[cfg(unix)]
fn a_redacted_line_vanishes_from_the_screen_and_op_asks_without_showing() {
    let (room, _dir) = Room::open_with_password("--operator-password-file", "mellon");
    let mut bob = Peer::join(room.address(), "bob");
    let mut terminal = Terminal::start(&room.command("ada"));
    terminal.shows("welcome, ada");
    bob.say_and_hear("my password is hunter2");
    terminal.shows("hunter2");
    terminal.types("/op\r");
    terminal.shows("The password is not shown while you type.");
    terminal.types("mellon\r");
    terminal.shows("ada is an operator now");
    terminal.types("/redact bob\r");
    terminal.shows("[redacted]");
    assert!(!terminal.screen().contains("hunter2"), "{}", terminal.screen());
    assert!(!terminal.screen().contains("mellon"), "{}", terminal.screen());
    terminal.types("/kick bob enough\r");
    terminal.shows("ada put bob out of the room: enough");
}

#[test]
fn a_command_acts_as_an_operator_and_prints_what_the_room_is_told() {
    let (room, dir) = Room::open_with_password("--operator-password-file", "mellon");
    let file = dir.path().join("password");
    let order = |arguments: &[&str]| {
        let password = ["--operator-password-file", file.to_str().unwrap()];
        let ended = room.once(&[&password[..], arguments].concat(), "");
        ended.has_code(0);
        // The day heads what the room is told. Talk is no part of it.
        let (day, told) = ended.stdout.split_once('\n').unwrap_or_default();
        assert!(day.starts_with("-- 20") && day.len() == 13, "{}", ended.stdout);
        told.trim_end().to_owned()
    };
    let mut bob = Peer::join(room.address(), "bob");
    assert_eq!(
        order(&["kick", "bob", "too", "loud"]),
        "-- tester put bob out of the room: too loud"
    );
    assert_eq!(bob.goodbye().code, Code::KICKED);
    let mut bob = Peer::join(room.address(), "bob");
    let item = bob.upload("spam.txt", b"spam");
    room.once(&["--operator-password-file", file.to_str().unwrap(), "drop", &item.to_string()], "")
        .has_code(0);
    assert_eq!(room.once(&["list"], "").stdout, "");
    bob.say_and_hear("my password is hunter2");
    bob.say_and_hear("oops");
    assert_eq!(order(&["redact", "bob", "2"]), "-- tester redacted a line");
    let password = ["--operator-password-file", file.to_str().unwrap()];
    for refused in [&["redact", "bob", "9"][..], &["redact", "#1"], &["kick", "nobody"]] {
        let ended = room.once(&[&password[..], refused].concat(), "");
        assert_eq!((ended.stdout.as_str(), ended.stderr.lines().count()), ("", 1), "{refused:?}");
    }
    for (words, why) in [
        (&["ban", "bob", "90"][..], "not banned: 90 is not a time such as 30m"),
        (&["ban", "10.77.0.300"], "not banned: 10.77.0.300 is not an address such as"),
        (&["ban", "10.77.0.0/24"], "not banned: 10.77.0.0/24 is not an address such as"),
    ] {
        let ended = room.once(&[&password[..], words].concat(), "");
        assert!(ended.code != Some(0) && ended.complaint().contains(why), "{}", ended.stderr);
    }
    for shown in [&["tail", "-n", "all"][..], &["tail", "--json", "-n", "all"]] {
        let shown = room.once(shown, "").stdout;
        assert!(shown.contains("[redacted]") && !shown.contains("hunter2"), "{shown}");
    }
    assert_eq!(room.once(&["tail", "--grep", "hunter2"], "").stdout, "");
    assert_eq!(order(&["ban", "bob", "2h"]), "-- tester banned bob for 2 hours");
    assert_eq!(bob.goodbye().code, Code::BANNED);
    assert_eq!(order(&["ban", "192.0.2.7"]), "-- tester banned an address");
    let listed =
        room.once(&["--operator-password-file", file.to_str().unwrap(), "bans"], "").stdout;
    assert_eq!(listed, "1  bob  2 hours more, by tester\n2  192.0.2.7  for good, by tester\n");
    order(&["unban", "1"]);
    drop(Peer::join(room.address(), "bob"));
    let mut command = client_command(room.address(), &room.files());
    command.env("CHATSHELF_OPERATOR_PASSWORD", "mellon").args(["bans", "--json"]);
    let bans: serde_json::Value =
        serde_json::from_str(&Program::run(&mut command, "").stdout).unwrap();
    assert_eq!(bans.as_array().unwrap().len(), 1);
    assert_eq!((&bans[0]["address"], &bans[0]["to"]), (&"192.0.2.7".into(), &().into()));
    assert_eq!(order(&["lock", "topic"]), "-- tester locked the topic");
    assert_eq!(order(&["unlock", "topic"]), "-- tester unlocked the topic");
}

#[test]
fn a_command_that_waits_for_the_right_is_carried_out_whatever_comes_first() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeServer::open();
    let (client, mut guest, own) = asking_operator(&server, dir.path(), &["kick", "bob"]);
    // A verdict takes a while, and others talk.
    guest.send(&said(0, "hello"));
    guest.send(&ServerPing {});
    guest.wait(|frame| matches!(frame, ClientFrame::Pong(_)).then_some(()));
    let done = |seq, action| Moderated::new(Seq(seq), UnixMillis(0), own.clone(), action);
    guest.send(&done(JOINED_AT.0 + 2, Action::OP));
    let action = guest.wait(|frame| match frame {
        ClientFrame::Moderate(order) => Some(order.action),
        _ => None,
    });
    assert_eq!(action, Action::KICK);
    guest.send(&done(JOINED_AT.0 + 3, Action::KICK));
    guest.see_off();
    client.wait().has_code(0);
}

#[test]
fn a_command_without_the_password_does_nothing_and_says_what_is_missing() {
    let (room, dir) = Room::open_with_password("--operator-password-file", "mellon");
    let _bob = Peer::join(room.address(), "bob");
    let ended = room.once(&["kick", "bob"], "");
    ended.has_code(2);
    assert!(ended.complaint().contains("--operator-password-file FILE"), "{}", ended.stderr);
    let wrong = dir.path().join("wrong");
    fs::write(&wrong, "friend\n").unwrap();
    let ended =
        room.once(&["--operator-password-file", wrong.to_str().unwrap(), "kick", "bob"], "");
    ended.has_code(4);
    assert_eq!(ended.complaint(), "chatshelf: you are not an operator: that is not the password");
    assert_eq!(room.once(&["who"], "").stdout, "bob\n");
    let open = Room::open();
    let mut command = client_command(open.address(), &open.files());
    let ended = Program::run(command.env("CHATSHELF_OPERATOR_PASSWORD", "x").arg("bans"), "");
    ended.has_code(1);
    assert_eq!(ended.complaint(), "chatshelf: this room has no operators");
    let ended = room.once(&["kick"], "");
    ended.has_code(2);
    assert!(ended.complaint().contains("usage: chatshelf kick NAME [REASON]"), "{}", ended.stderr);
}

#[test]
#[cfg(unix)]
fn a_terminal_that_shows_lines_itself_does_not_show_the_password() {
    let (room, _dir) = Room::open_with_password("--password-file", "open sesame");
    // On Windows keys are read or nothing is asked.
    let echoes = if programs::client_is_for_windows() { &[][..] } else { &[&[][..]] };
    for arguments in [&[&["--plain"][..]], echoes].concat() {
        let mut command = room.command("ada");
        // One reads keys, the other can only turn the echo off.
        let term = if arguments.is_empty() { "dumb" } else { "xterm" };
        let mut terminal = Terminal::start(command.args(arguments).env("TERM", term));
        terminal.shows("Password");
        terminal.types("open sesame\r");
        terminal.shows("welcome, ada");
        assert!(!terminal.screen().contains("sesame"), "{}", terminal.screen());
        terminal.types("hello all\r");
        terminal.shows("hello all");
        terminal.types("/quit\r");
        assert_eq!(terminal.wait(), 0);
    }
}

#[test]
#[cfg(unix)]
fn a_password_that_is_typed_again_before_the_answer_is_not_said() {
    let dir = tempfile::tempdir().unwrap();
    let terms = if programs::client_is_for_windows() { &["xterm"][..] } else { &["dumb", "xterm"] };
    for term in terms {
        let server = FakeServer::open();
        let mut command = command_to(&server, dir.path());
        command.args(["--name", "ada", "--plain"]).env("TERM", term);
        let mut terminal = Terminal::start(&command);
        let mut guest = server.accept();
        guest.joins();
        guest.send(&hello_ack());
        guest.send(&Refused::new(Code::PASSWORD_NEEDED, Join::KIND));
        terminal.shows("Password");
        terminal.types("open sesame\ropen sesame\r");
        let nick = guest.joins();
        // A verdict takes a while.
        sleep(Duration::from_millis(200));
        guest.admit(nick, Vec::new());
        terminal.shows("welcome, ada");
        terminal.types("hello\r");
        let said = guest.wait(|frame| match frame {
            ClientFrame::Say(say) => Some(say.text),
            _ => None,
        });
        assert_eq!(said.as_str(), "hello", "{term}");
    }
}

#[test]
fn a_key_that_was_merely_accepted_is_not_shown_the_password_until_somebody_confirms_it() {
    let (mut room, dir) = Room::open_with_password("--password-file", "open sesame");
    let printed = room.server.prints("chatshelf-server: its key is ");
    let key = printed.split(';').next().unwrap().to_owned();
    let run = |arguments: &[&str]| {
        // It leads to this machine, and nobody can tell that from the name.
        let (host, port) = ("127.1", room.address().port().to_string());
        let mut command = programs::client();
        command.args(["--host", host, "--port", &port, "--password-file"]);
        command.arg(dir.path().join("password")).args(arguments);
        Program::run(command.env("CHATSHELF_STATE_DIR", room.state()), "")
    };
    for _ in 0..2 {
        let ended = run(&["--accept-new", "who"]);
        ended.has_code(4);
        let expected = "which was not sent: nobody has confirmed the server's key";
        assert!(ended.complaint().contains(expected), "{}", ended.stderr);
        assert!(ended.complaint().contains(&format!("; here it is {key}")), "{}", ended.stderr);
    }
    run(&["--fingerprint", &key, "who"]).has_code(0);
    run(&["who"]).has_code(0);
}
