//! The line front on a real terminal (`--plain`), as its user sees it.

use chatshelf_common::wire::frame::Said;
use chatshelf_common::wire::{ClientFrame, Code};
use chatshelf_testkit::fake_server;
use chatshelf_testkit::fake_server::FakeServer;
use chatshelf_testkit::files::names;
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::samples::nick;

use crate::harness::room::{Room, begins_download, client_command};
use crate::harness::terminal::Terminal;

/// A member on a terminal.
fn join(room: &Room, name: &str) -> Terminal {
    let terminal = Terminal::start(room.command(name).arg("--plain"));
    terminal.shows("/help lists the commands");
    terminal
}

#[test]
fn the_name_is_asked_for_until_it_is_one() {
    let room = Room::open();
    let mut command = client_command(room.address(), &room.files());
    let mut terminal = Terminal::start(command.arg("--plain"));
    terminal.cursor_is_behind("Your name: ");
    terminal.types("no good\r");
    terminal.shows("'no good' cannot be a name");
    terminal.cursor_is_behind("Your name: ");
    terminal.types("ada\r");
    terminal.shows("-- welcome, ada");
    terminal.types("/quit\r");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn more_uploads_than_the_shelf_keeps_are_warned_of_once() {
    let room = Room::open_with(&["--keep", "2"]);
    let mut ada = join(&room, "ada");
    // A server that does nothing can't finish one before the next is begun.
    room.server.signal("STOP");
    for name in ["a", "b", "c", "d"] {
        room.write(name, name);
        ada.types(&format!("/upload {name}\r"));
    }
    ada.shows("uploading d");
    let warned = ada.screen().matches("these are more files than the shelf keeps (2)").count();
    assert_eq!(warned, 1, "{}", ada.screen());
    room.server.signal("CONT");
    ada.shows("dropped from the shelf");
}

#[test]
fn ctrl_d_instead_of_a_name_ends_it() {
    let room = Room::open();
    let mut command = client_command(room.address(), &room.files());
    let mut terminal = Terminal::start(command.arg("--plain"));
    terminal.cursor_is_behind("Your name: ");
    terminal.types("\x04");
    assert_eq!(terminal.wait(), 2);
    terminal.shows("no name was given");
}

#[test]
fn a_taken_name_offers_another_that_enter_takes() {
    let room = Room::open();
    let _ada = room.join("ada");
    let mut terminal = Terminal::start(room.command("ada").arg("--plain"));
    terminal.shows("is taken");
    terminal.shows("-- Your name [ada2]:");
    terminal.types("\r");
    terminal.shows("-- welcome, ada2");
}

#[test]
fn a_taken_name_can_be_answered_with_any_other() {
    let room = Room::open();
    let _ada = room.join("ada");
    let mut terminal = Terminal::start(room.command("ada").arg("--plain"));
    terminal.shows("-- Your name [ada2]:");
    terminal.types("no good\r");
    terminal.shows("that cannot be a name");
    terminal.types("grace\r");
    terminal.shows("-- welcome, grace");
}

#[test]
fn a_line_that_is_typed_is_shown_once_as_said() {
    let room = Room::open();
    let mut peer = Peer::join(room.address(), "peer");
    let mut terminal = join(&room, "ada");
    terminal.types("hello all\r");
    peer.hear("hello all");
    terminal.shows("  ada  hello all");
    assert_eq!(terminal.screen().matches("hello all").count(), 1, "{}", terminal.screen());
    terminal.cursor_is_behind("");
}

#[test]
fn a_line_stays_in_sight_until_it_is_in_the_room() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeServer::open();
    let (mut terminal, mut guest) = Terminal::join(&server, dir.path(), &["--plain"]);
    terminal.shows("/help lists the commands");
    terminal.types("slow link\r");
    let id = guest.wait(|frame| match frame {
        ClientFrame::Say(say) => Some(say.id),
        _ => None,
    });
    guest.send(&fake_server::said(0, "before it"));
    terminal.shows("  bob  before it");
    terminal.cursor_is_behind("slow link");
    guest.send(&Said { id, nick: nick("ada"), ..fake_server::said(1, "slow link") });
    terminal.shows("  ada  slow link");
    terminal.cursor_is_behind("");
    assert_eq!(terminal.screen().matches("slow link").count(), 1, "{}", terminal.screen());
}

#[test]
fn what_is_entered_and_is_no_talk_stays_where_it_was_entered() {
    let room = Room::open();
    let mut terminal = join(&room, "ada");
    terminal.types("/who\r/frobnicate\r");
    terminal.shows("!! there is no command /frobnicate");
    let screen = terminal.screen();
    let place = |text: &str| screen.find(text).unwrap_or_else(|| panic!("{text}: {screen}"));
    assert!(place("\n/who\n") < place("\n/frobnicate\n"), "{screen}");
}

#[test]
fn the_line_is_edited_as_on_the_full_screen() {
    let room = Room::open();
    let mut peer = Peer::join(room.address(), "peer");
    let mut terminal = join(&room, "ada");
    // A word cut, the start of the line, a character put in there; then the line before it again.
    terminal.types("ello wrold\x17world\x01h\r");
    peer.hear("hello world");
    terminal.types("\x1b[A\x7f\x7f李\x7fd\x7fl\r");
    peer.hear("hello worl");
    // What a program types ends its lines otherwise.
    terminal.types("by a program\n");
    peer.hear("by a program");
}

#[test]
fn a_line_longer_than_the_row_is_sent_whole_and_leaves_nothing_behind() {
    let room = Room::open();
    let mut peer = Peer::join(room.address(), "peer");
    let mut terminal = Terminal::start_sized(room.command("ada").arg("--plain"), (24, 40));
    terminal.shows("/help lists the commands");
    let long = "0123456789".repeat(10);
    terminal.types(&long);
    let tail = format!("<{}", &long[long.len() - 38..]);
    terminal.cursor_is_behind(&tail);
    peer.say("arrives");
    terminal.shows("  peer  arrives");
    terminal.cursor_is_behind(&tail);
    terminal.types("\r");
    peer.hear(&long);
    terminal.cursor_is_behind("");
    assert!(!terminal.screen().contains('<'), "{}", terminal.screen());
}

#[test]
fn the_terminal_is_as_it_was_once_it_ends() {
    let room = Room::open();
    for (ends, code) in [("/quit\r", 0), ("\x04", 0), ("\x03", 0)] {
        let mut terminal = join(&room, "ada");
        terminal.types(ends);
        assert_eq!(terminal.wait(), code);
        terminal.is_restored();
        terminal.shows("-- goodbye");
    }
    let mut command = client_command(room.address(), &room.files());
    let mut terminal = Terminal::start(command.arg("--plain"));
    terminal.cursor_is_behind("Your name: ");
    terminal.types("\x03");
    terminal.wait();
    terminal.is_restored();
}

#[test]
fn a_half_typed_line_is_sent_whole_though_others_speak() {
    let room = Room::open();
    let mut peer = Peer::join(room.address(), "peer");
    let mut terminal = join(&room, "ada");
    terminal.types("half a ");
    terminal.cursor_is_behind("half a ");
    peer.say("hello ada");
    terminal.shows("  peer  hello ada");
    terminal.cursor_is_behind("half a ");
    let screen = terminal.screen();
    assert!(screen.lines().any(|line| line.ends_with("  peer  hello ada")), "{screen}");
    assert_eq!(screen.matches("half a").count(), 1, "{screen}");
    terminal.types("line\r");
    peer.hear("half a line");
}

#[test]
fn an_undelivered_line_is_reported_and_so_is_its_delivery() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeServer::open();
    let (mut terminal, mut guest) = Terminal::join(&server, dir.path(), &["--plain"]);
    terminal.shows("/help lists the commands");
    terminal.types("xyzzy\r");
    let said = guest.wait(|frame| match frame {
        ClientFrame::Say(say) => Some(say),
        _ => None,
    });
    terminal.shows("-- the server does not answer; not delivered yet: xyzzy");
    guest.send(&Said { id: said.id, nick: nick("ada"), ..fake_server::said(0, "xyzzy") });
    terminal.shows("  ada  xyzzy");
    terminal.shows("-- all of it is delivered now");
}

#[test]
fn ctrl_d_leaves() {
    let room = Room::open();
    let mut peer = Peer::join(room.address(), "peer");
    let mut terminal = join(&room, "ada");
    terminal.types("\x04");
    assert_eq!(terminal.wait(), 0);
    terminal.shows("-- goodbye");
    assert_eq!(peer.sees_leave("ada"), Code::LEFT);
}

#[test]
fn ctrl_c_leaves() {
    let room = Room::open();
    let mut peer = Peer::join(room.address(), "peer");
    let mut terminal = join(&room, "ada");
    terminal.types("half a line\x03");
    assert_eq!(terminal.wait(), 0);
    assert_eq!(peer.sees_leave("ada"), Code::LEFT);
}

#[test]
fn a_window_that_is_closed_leaves() {
    let room = Room::open();
    let mut peer = Peer::join(room.address(), "peer");
    let mut terminal = join(&room, "ada");
    terminal.close_window();
    assert_eq!(peer.sees_leave("ada"), Code::LEFT);
    terminal.wait();
}

#[test]
fn quit_wants_to_be_said_twice_while_a_transfer_runs() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeServer::open();
    let (mut terminal, mut guest) = Terminal::join(&server, dir.path(), &["--plain"]);
    terminal.shows("/help lists the commands");
    terminal.types("/download 1\r");
    begins_download(&mut guest, dir.path());
    terminal.types("/quit\r");
    terminal.shows("-- 1 transfer is running; /quit again");
    terminal.types("/quit\r");
    guest.see_off();
    assert_eq!(terminal.wait(), 0);
    terminal.shows("-- f not downloaded: 6% of it is kept, /download 1 resumes it");
    assert_eq!(names(dir.path()), ["f.part"]);
}

#[test]
fn a_failed_command_is_shown_and_does_not_change_the_exit_code() {
    let room = Room::open();
    let mut terminal = join(&room, "ada");
    terminal.types("/frobnicate\r");
    terminal.shows("!! there is no command /frobnicate");
    terminal.types("/quit\r");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn its_output_has_no_escapes_on_a_terminal_either() {
    let room = Room::open();
    let mut terminal = Terminal::start(room.command("ada").arg("--plain"));
    terminal.shows("/help lists the commands");
    terminal.types("hello\r/frobnicate\r");
    terminal.shows("  ada  hello");
    terminal.shows("!! there is no command");
    terminal.types("/quit\r");
    assert_eq!(terminal.wait(), 0);
    terminal.shows("-- goodbye");
    assert!(!terminal.bytes().contains(&0x1b), "{}", String::from_utf8_lossy(&terminal.bytes()));
}

#[test]
fn a_dumb_terminal_gets_lines_without_escapes_too() {
    let room = Room::open();
    let mut terminal = Terminal::start(room.command("ada").env("TERM", "dumb"));
    terminal.shows("/help lists the commands");
    terminal.types("hello\r");
    terminal.shows("  ada  hello");
    terminal.types("/quit\r");
    assert_eq!(terminal.wait(), 0);
    assert!(!terminal.bytes().contains(&0x1b));
}
