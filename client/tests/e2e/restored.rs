//! However the full screen is left, the terminal is as it was before.

use std::process::Command;

use chatshelf_client::screen::terminal::Terminal as FullScreen;
use chatshelf_common::wire::Code;
use chatshelf_testkit::fake_server::FakeServer;
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::programs::signal;

use crate::harness::room::{Room, client_command};
use crate::harness::terminal::Terminal;

fn join(room: &Room) -> Terminal {
    let terminal = Terminal::start(&room.command("ada"));
    terminal.shows("welcome, ada");
    assert!(terminal.look(vt100::Screen::alternate_screen));
    assert!(terminal.look(vt100::Screen::bracketed_paste));
    terminal
}

#[test]
fn a_signal_leaves_the_room_and_restores_the_terminal() {
    let room = Room::open();
    let mut peer = Peer::join(room.address(), "peer");
    for name in ["TERM", "INT", "HUP"] {
        let mut terminal = join(&room);
        signal(terminal.pid(), name);
        assert_eq!(terminal.wait(), 0, "SIG{name}");
        terminal.is_restored();
        assert_eq!(peer.sees_leave("ada"), Code::LEFT, "SIG{name}");
    }
}

#[test]
fn a_second_signal_does_not_wait_and_restores_the_terminal_too() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeServer::open();
    // It never says goodbye.
    let (mut terminal, _guest) = Terminal::join(&server, dir.path(), &[]);
    signal(terminal.pid(), "TERM");
    terminal.shows("leaving");
    signal(terminal.pid(), "TERM");
    terminal.wait();
    terminal.is_restored();
}

#[test]
fn a_signal_restores_the_terminal_while_a_name_is_asked_for() {
    let room = Room::open();
    let mut terminal = Terminal::start(&client_command(room.address(), &room.files()));
    terminal.shows("Which name do you want");
    signal(terminal.pid(), "TERM");
    assert_eq!(terminal.wait(), 2);
    terminal.is_restored();
}

#[test]
fn an_error_restores_the_terminal_and_is_read_there() {
    let room = Room::open();
    let mut command = room.command("ada");
    let mut terminal = Terminal::start(command.args(["--reconnect", "0"]));
    terminal.shows("welcome, ada");
    room.server.signal("KILL");
    assert_eq!(terminal.wait(), 1);
    terminal.is_restored();
    terminal.shows("lost the connection to 127.0.0.1:");
}

/// This very program, running one test that is none: the full screen, and a panic on it.
#[test]
fn a_panic_restores_the_terminal_before_it_is_told() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["restored::panics_on_the_full_screen", "--exact", "--ignored", "--nocapture"]);
    let mut terminal = Terminal::start(&command);
    assert_ne!(terminal.wait(), 0);
    terminal.is_restored();
    terminal.shows("nobody could foresee this");
    let bytes = String::from_utf8_lossy(&terminal.bytes()).into_owned();
    let (entered, told) = (bytes.find("\x1b[?1049h"), bytes.find("nobody could foresee this"));
    let left = bytes.find("\x1b[?1049l");
    assert!(entered.is_some() && entered < left && left < told, "{bytes:?}");
}

#[test]
#[ignore = "is run on a terminal of its own by the test above"]
fn panics_on_the_full_screen() {
    let mut screen = FullScreen::enter(true).expect("a terminal");
    screen.draw(|_, _| None).expect("a terminal");
    // Whether what is dropped by unwinding restores it is not the question: that never happens
    // where a panic aborts.
    std::mem::forget(screen);
    panic!("nobody could foresee this");
}
