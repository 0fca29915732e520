//! Getting out, and being thrown out: by the server's end, by signals, by an output that is gone.

#[cfg(unix)]
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use chatshelf_common::wire::Code;
use chatshelf_testkit::fake_server::{FakeServer, Guest};
use chatshelf_testkit::files::names;
use chatshelf_testkit::peer::Peer;
#[cfg(unix)]
use chatshelf_testkit::programs::Ended;
use chatshelf_testkit::programs::Program;
#[cfg(unix)]
use chatshelf_testkit::samples::item;
use chatshelf_testkit::wait::eventually;

#[cfg(unix)]
use crate::harness::programs::client_is_for_windows;
#[cfg(target_os = "linux")]
use crate::harness::programs::in_shell;
use crate::harness::room::{Room, begins_download, joined_client};
#[cfg(target_os = "linux")]
use crate::harness::room::{command_to, joined};

#[cfg(unix)]
#[test]
fn a_server_that_dies_is_a_lost_connection() {
    let room = Room::open();
    let ada = room.join_with("ada", &["--reconnect", "0"]);
    room.server.signal("KILL");
    let ended = ada.wait();
    ended.has_code(1);
    let complaint = ended.complaint();
    assert!(complaint.contains("lost the connection to 127.0.0.1:"), "{complaint}");
}

#[cfg(unix)]
#[test]
fn a_server_that_ends_is_reported_as_shutting_down() {
    let room = Room::open();
    let ada = room.join_with("ada", &["--reconnect", "0"]);
    room.server.ask_to_end();
    let ended = ada.wait();
    ended.has_code(1);
    let complaint = ended.complaint();
    assert!(complaint.contains("the server is shutting down"), "{complaint}");
}

/// The signals that ask a client to leave. Of them Wine passes on one, as Ctrl-C.
#[cfg(unix)]
fn signals() -> &'static [&'static str] {
    if client_is_for_windows() { &["INT"] } else { &["INT", "TERM", "HUP"] }
}

#[cfg(unix)]
#[test]
fn a_signal_makes_it_leave_the_room_properly() {
    let room = Room::open();
    let mut peer = Peer::join(room.address(), "peer");
    for &name in signals() {
        let ada = room.join("ada");
        ada.signal(name);
        let ended = ada.wait();
        ended.has_code(0);
        ended.line("-- goodbye");
        assert_eq!(ended.stderr, "");
        assert_eq!(peer.sees_leave("ada"), Code::LEFT, "SIG{name}");
    }
}

/// A client that whoever starts it lets ignore a signal, as `nohup` does.
#[cfg(target_os = "linux")]
fn ignoring(name: &str, client: &std::process::Command) -> std::process::Command {
    in_shell(&format!("trap '' {name}; exec \"$0\" \"$@\""), client)
}

#[cfg(target_os = "linux")]
#[test]
fn a_signal_that_was_ignored_before_stays_ignored() {
    let room = Room::open();
    for name in ["HUP", "INT", "TERM"] {
        let mut ada = joined(&mut ignoring(name, &room.command("ada")));
        ada.signal(name);
        ada.types(&format!("still here after {name}"));
        ada.shows(&format!("ada  still here after {name}"));
        let other = if name == "TERM" { "HUP" } else { "TERM" };
        ada.signal(other);
        ada.wait().has_code(0);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_command_under_nohup_lives_through_the_end_of_its_session() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("f"), "content").unwrap();
    let server = FakeServer::open();
    let mut command = command_to(&server, dir.path());
    let mut upload = Program::start(&mut ignoring("HUP", command.args(["send", "-"])));
    let mut guest = server.accept();
    guest.welcome();
    upload.signal("HUP");
    upload.types("said in the end");
    upload.close_input();
    guest.wait_for_say();
    upload.kill();
}

/// A client in the middle of a download, in this folder.
fn downloading(dir: &std::path::Path) -> (Program, Guest) {
    let (mut ada, mut guest) = joined_client(&FakeServer::open(), dir);
    ada.types("/download 1");
    begins_download(&mut guest, dir);
    (ada, guest)
}

#[cfg(unix)]
fn signalled_in_a_download(name: &str) -> Ended {
    let dir = tempfile::tempdir().unwrap();
    let (ada, mut guest) = downloading(dir.path());
    ada.signal(name);
    guest.see_off();
    let ended = ada.wait();
    assert_eq!(names(dir.path()), ["f.part"]);
    assert_eq!(fs::read(dir.path().join("f.part")).unwrap(), b"begins");
    ended
}

#[cfg(unix)]
#[test]
fn a_signal_in_a_download_keeps_what_has_arrived_and_says_how_to_resume() {
    for &name in signals() {
        let ended = signalled_in_a_download(name);
        // Something that was asked for was not done.
        ended.has_code(1);
        ended.line("-- f not downloaded: 6% of it is kept, /download 1 resumes it");
    }
}

#[cfg(unix)]
#[test]
fn a_server_that_does_not_answer_cannot_hold_it() {
    let dir = tempfile::tempdir().unwrap();
    let (ada, _guest) = joined_client(&FakeServer::open(), dir.path());
    ada.ask_to_end();
    ada.wait().has_code(0);
}

#[test]
fn a_download_whose_connection_is_lost_for_good_keeps_what_has_arrived() {
    let dir = tempfile::tempdir().unwrap();
    let (ada, guest) = downloading(dir.path());
    drop(guest);
    let ended = ada.wait();
    ended.has_code(1);
    assert!(ended.complaint().contains("lost the connection"), "{}", ended.stderr);
    ended.line("-- f not downloaded: 6% of it is kept, /download 1 resumes it");
    assert_eq!(names(dir.path()), ["f.part"]);
}

#[cfg(unix)]
#[test]
fn a_file_that_was_there_survives_an_interrupted_download() {
    let room = Room::open();
    fs::write(room.path("f"), "mine").unwrap();
    fs::write(room.path("f.part"), "mine too").unwrap();
    let (mut ada, mut guest) = joined_client(&FakeServer::open(), &room.files());
    ada.types("/download 1");
    guest.begin_download(item(1, "f", 100, blake3::hash(b"")), b"begins");
    eventually("a third file", || (room.names().len() == 3).then_some(()));
    ada.signal("INT");
    guest.see_off();
    ada.wait().has_code(1);
    assert_eq!((room.read("f"), room.read("f.part")), (b"mine".into(), b"mine too".into()));
    assert_eq!(room.names(), ["f", "f (1).part", "f.part"]);
}

#[test]
fn an_output_closed_early_ends_it_without_a_panic() {
    let room = Room::open();
    let mut peer = Peer::join(room.address(), "peer");
    let mut command = room.command("ada");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut first = String::new();
    // What `| head -1` does.
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert_eq!(first, "-- welcome, ada\n");
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || {
        for number in 0..2000 {
            if stdin.write_all(format!("line {number}\n").as_bytes()).is_err() {
                break;
            }
        }
        stdin
    });
    let ended = eventually("the end of a client without output", || child.try_wait().unwrap());
    assert!(ended.code().is_some_and(|code| code <= 1), "{ended}");
    drop(writer.join().unwrap());
    let mut stderr = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut stderr).unwrap();
    assert_eq!(stderr, "");
    assert_eq!(peer.sees_leave("ada"), Code::LEFT);
}
