//! Connections that break, servers that die, and clients that come back as if nothing had been.

use std::io::Write;
use std::path::Path;

use chatshelf_common::id::{Seq, UnixMillis};
use chatshelf_common::wire::frame::{Forgotten, Goodbye};
use chatshelf_common::wire::{Code, Event};
use chatshelf_testkit::fake_server::{FakeServer, Guest, JOINED_AT, said as said_at};
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::programs::Program;

use crate::harness::proxy::{Proxy, Way};
use crate::harness::room::{Room, client_with, joined, spoken};
#[cfg(unix)]
use crate::harness::terminal::Terminal;

/// A client that this server lets in, and that comes back when it loses the connection.
fn start(server: &FakeServer, dir: &Path) -> (Program, Guest) {
    let (client, mut guest) = client_with(server, dir, &["--name", "ada"]);
    guest.welcome();
    (client, guest)
}

#[test]
fn lines_on_either_side_of_a_break_arrive_once_and_in_order() {
    let room = Room::open();
    let proxy = Proxy::open(room.address());
    let mut bob = room.join("bob");
    let mut ada = room.join_through(proxy.address(), "ada");
    ada.types("before");
    bob.shows("ada  before");
    // Until her echo has come too, a cut would make it one more line that she has missed.
    ada.shows("ada  before");
    proxy.cut(true);
    ada.shows("-- connection lost: ");
    bob.types("while she is away");
    bob.types("and once more");
    bob.shows("bob  and once more");
    ada.types("typed offline");
    ada.types("/me waves offline");
    proxy.admit();
    ada.shows("-- back as ada");
    ada.shows("* ada waves offline");
    ada.types("after");
    ada.shows("ada  after");
    let ended = ada.leave();
    let expected = [
        "ada  before",
        "bob  while she is away",
        "bob  and once more",
        "ada  typed offline",
        "* ada waves offline",
        "ada  after",
    ];
    assert_eq!(spoken(&ended.stdout), expected);
    ended.line("-- 2 lines while you were away");
    assert_eq!(spoken(&bob.leave().stdout), expected);
}

#[test]
fn a_line_whose_echo_is_lost_with_the_connection_is_said_and_shown_once() {
    let room = Room::open();
    let proxy = Proxy::open(room.address());
    let mut bob = room.join("bob");
    let mut ada = room.join_through(proxy.address(), "ada");
    proxy.hold_after(Way::ToClient, 0);
    ada.types("in flight");
    bob.shows("ada  in flight");
    proxy.is_holding();
    proxy.cut(true);
    ada.shows("-- connection lost: ");
    assert!(!ada.stdout().contains("ada  in flight"), "its echo is lost");
    bob.types("while she is away");
    bob.shows("bob  while she is away");
    ada.types("typed offline");
    proxy.admit();
    ada.shows("ada  typed offline");
    let expected = ["ada  in flight", "bob  while she is away", "ada  typed offline"];
    let ended = ada.leave();
    assert_eq!(spoken(&ended.stdout), expected);
    ended.line("-- 2 lines while you were away");
    assert_eq!(spoken(&bob.leave().stdout), expected);
}

#[cfg(unix)]
#[test]
fn a_server_that_is_killed_and_started_again_costs_no_line() {
    const EACH: usize = 150;
    // What was shown is on disk: else a kill may cost lines that some have seen.
    let mut room = Room::open_with(&["--durability", "always"]);
    let names = ["ada", "bob", "cyd"];
    let mut clients: Vec<_> = names.iter().map(|name| room.join(name)).collect();
    for number in 0..EACH {
        for client in &mut clients {
            client.types(&format!("line {number}"));
        }
        if number == EACH / 3 {
            room.kill_server();
            room.restart_server();
        }
    }
    let mut orders = Vec::new();
    for client in &mut clients {
        for name in names {
            client.shows(&format!("{name}  line {}", EACH - 1));
        }
        let output = client.stdout();
        orders.push(spoken(&output).join("\n"));
    }
    for name in names {
        let prefix = format!("{name}  line ");
        let lines = orders[0].lines().filter_map(|line| line.strip_prefix(&prefix));
        let numbers: Vec<usize> = lines.map(|number| number.parse().unwrap()).collect();
        assert!(numbers.into_iter().eq(0..EACH), "{name}: each line once and in order");
    }
    assert!(orders.iter().all(|order| *order == orders[0]), "one order for all");
    for client in clients {
        assert!(client.leave().stdout.contains("-- back as "));
    }
}

#[test]
fn a_member_whose_connection_dies_unseen_keeps_its_name_and_nobody_sees_it_leave() {
    let room = Room::open();
    let proxy = Proxy::open(room.address());
    let mut bob = room.join("bob");
    let mut ada = room.join_through(proxy.address(), "ada");
    bob.shows("-- ada joined");
    proxy.desert();
    ada.shows("-- back as ada");
    ada.types("here again");
    bob.shows("ada  here again");
    let ended = bob.leave();
    assert!(!ended.stdout.contains("-- ada left"), "{}", ended.stdout);
    // The name is hers alone, for she has the token.
    let thief = room.run("ada", "hello\n");
    thief.has_code(4);
    assert!(thief.complaint().contains("is taken"));
    assert_eq!(spoken(&ada.leave().stdout), ["ada  here again"]);
}

#[cfg(unix)]
#[test]
fn a_name_that_somebody_else_has_taken_is_replaced_without_asking() {
    let mut room = Room::open();
    let proxy = Proxy::open(room.address());
    let mut ada = room.join_through(proxy.address(), "ada");
    proxy.cut(true);
    // Tokens of a server's run end with it.
    room.kill_server();
    room.restart_server();
    // One that lives: a name goes to whoever asks for it if its holder gives no sign of life.
    let mut other = room.join("ada");
    proxy.admit();
    ada.shows("-- the name ada is taken now; you are ada2");
    ada.shows("-- back as ada2");
    ada.types("it is me");
    other.shows("ada2  it is me");
    ada.leave();
}

#[test]
fn a_script_at_its_end_waits_for_the_connection() {
    let room = Room::open();
    let proxy = Proxy::open(room.address());
    let mut ada = room.join_through(proxy.address(), "ada");
    proxy.cut(true);
    ada.shows("-- connection lost: ");
    room.write("f", "content");
    ada.types("said at the end");
    ada.types("/upload f");
    ada.types("/who");
    ada.close_input();
    proxy.admit();
    let ended = ada.wait();
    ended.has_code(0);
    assert_eq!(spoken(&ended.stdout), ["ada  said at the end"]);
    ended.line("-- f uploaded as number 1");
    assert_eq!(ended.stdout.matches("-- 1 here: ada").count(), 2, "{}", ended.stdout);
}

#[test]
fn a_script_gives_up_after_its_time_and_says_what_was_not_sent() {
    let room = Room::open();
    let proxy = Proxy::open(room.address());
    let mut command = room.command_through(proxy.address(), "ada");
    let mut ada = joined(command.args(["--reconnect", "1"]));
    proxy.cut(true);
    ada.shows("-- connection lost: ");
    ada.types("never heard");
    let ended = ada.wait();
    ended.has_code(1);
    let complaint = ended.complaint();
    let place = proxy.address();
    assert!(complaint.contains(&format!("lost the connection to {place}: ")), "{complaint}");
    ended.line("!! 1 line was not sent");
}

#[test]
fn a_first_connection_that_fails_is_not_tried_again() {
    let room = Room::open();
    let proxy = Proxy::open(room.address());
    proxy.cut(true);
    let mut command = room.command_through(proxy.address(), "ada");
    let ended = Program::run(&mut command, "hello\n");
    ended.has_code(3);
    assert!(ended.complaint().contains("cannot connect to"), "{}", ended.stderr);
    assert!(!ended.stdout.contains("trying again"), "{}", ended.stdout);
    let ended = Program::run(command.arg("--no-tls"), "hello\n");
    ended.has_code(1);
    assert!(ended.complaint().contains("lost the connection"), "{}", ended.stderr);
    assert!(!ended.stdout.contains("trying again"), "{}", ended.stdout);
}

#[test]
fn a_replaced_connection_does_not_reconnect() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeServer::open();
    let (ada, mut guest) = start(&server, dir.path());
    guest.send(&Goodbye::new(Code::REPLACED));
    let ended = ada.wait();
    ended.has_code(1);
    assert!(ended.complaint().contains("a newer connection has taken its place"));
}

#[test]
fn what_the_server_has_forgotten_or_no_longer_holds_is_reported_briefly() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeServer::open();
    let (mut ada, mut guest) = start(&server, dir.path());
    guest.send(&said_at(0, "before"));
    ada.shows("bob  before");
    drop(guest);
    let mut guest = server.accept();
    let seq = |after| Seq(JOINED_AT.0 + 1 + after);
    let forgotten = |after| Event::from(Forgotten { seq: seq(after), at: UnixMillis(0) });
    let events = [
        said_at(4, "one").into(),
        forgotten(5),
        forgotten(6),
        forgotten(7),
        said_at(8, "two").into(),
    ];
    guest.welcome_back(seq(4), &events);
    ada.shows("bob  two");
    ada.shows("-- now");
    drop(guest);
    let mut guest = server.accept();
    guest.welcome_back(seq(3), &[said_at(3, "instead").into()]);
    ada.shows("bob  instead");
    ada.close_input();
    guest.see_off();
    let ended = ada.wait();
    let from = ended.stdout.find("-- back as ada").unwrap();
    let lines: Vec<&str> = ended.stdout[from..].lines().collect();
    let told: Vec<&str> =
        lines.into_iter().filter(|line| !line.starts_with("-- connection lost")).collect();
    let expected = [
        "-- back as ada",
        "-- away for too long: 3 events of the room cannot be shown",
        "-- 2 lines while you were away",
        "00:00  bob  one",
        "-- 3 events are lost from the server's disk here",
        "00:00  bob  two",
        "-- now",
        "-- back as ada",
        "-- the server has lost some of what was shown above; what it has instead follows",
        "-- 1 line while you were away",
        "00:00  bob  instead",
        "-- now",
        "-- goodbye",
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_private_message_in_flight_is_reported_not_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeServer::open();
    let (mut ada, mut guest) = start(&server, dir.path());
    ada.types("/msg bob psst");
    ada.types("aloud");
    guest.wait_for_say();
    guest.send(&Goodbye::new(Code::TOO_SLOW));
    ada.shows("-- the server ended the connection: ");
    let mut guest = server.accept();
    guest.welcome();
    ada.shows("!! your private message to bob may not have arrived");
    assert!(guest.wait_for_say(), "the line is said again, as one that may be a repetition");
}

#[cfg(unix)]
#[test]
fn a_signal_without_a_connection_ends_it_at_once() {
    let room = Room::open();
    let proxy = Proxy::open(room.address());
    for (typed, code) in [(None, 0), (Some("unsent"), 1)] {
        let mut ada = room.join_through(proxy.address(), "ada");
        proxy.cut(true);
        ada.shows("-- connection lost: ");
        if let Some(typed) = typed {
            ada.types(typed);
            ada.types("/help");
            ada.shows("-- anything you type goes to everyone");
        }
        ada.ask_to_end();
        let ended = ada.wait();
        ended.has_code(code);
        assert_eq!(ended.stdout.contains("!! 1 line was not sent"), code == 1);
        proxy.admit();
    }
}

// On a terminal.

#[cfg(unix)]
fn on_terminal(room: &Room, proxy: &Proxy) -> Terminal {
    let mut command = room.command_through(proxy.address(), "ada");
    let terminal = Terminal::start(command.arg("--plain"));
    terminal.shows("/help lists the commands");
    terminal
}

#[cfg(unix)]
#[test]
fn the_screen_tells_of_the_break_of_attempts_and_of_what_was_missed() {
    let room = Room::open();
    let proxy = Proxy::open(room.address());
    let mut bob = room.join("bob");
    let mut terminal = on_terminal(&room, &proxy);
    proxy.cut(true);
    terminal.shows("-- connection lost: the server closed it; trying again in 1 s (/reconnect");
    terminal.shows("-- no connection after 1 attempt: ");
    bob.types("are you there?");
    bob.shows("bob  are you there?");
    terminal.types("typed offline\r");
    terminal.shows("-- kept; it will be sent when the connection is back");
    terminal.types("/who\r");
    terminal.shows("-- not connected; this is how it was when the connection broke:");
    proxy.admit();
    terminal.types("/reconnect\r");
    terminal.shows("-- back as ada");
    terminal.shows("-- 1 line while you were away");
    terminal.shows("  ada  typed offline");
    let screen = terminal.screen();
    let place = |text: &str| screen.find(text).unwrap_or_else(|| panic!("{text}:\n{screen}"));
    assert!(place("-- back as ada") < place("-- 1 line while you were away"));
    assert!(place("-- 1 line while") < place("  bob  are you there?"));
    assert!(place("  bob  are you there?") < place("  ada  typed offline"));
    assert!(!screen.contains("-- ada joined"), "one's own coming is no news:\n{screen}");
    bob.shows("ada  typed offline");
    terminal.types("/quit\r");
    assert_eq!(terminal.wait(), 0);
}

#[cfg(unix)]
#[test]
fn a_new_connection_can_be_asked_for_while_the_old_one_stands() {
    let room = Room::open();
    let proxy = Proxy::open(room.address());
    let mut terminal = on_terminal(&room, &proxy);
    terminal.types("/reconnect\r");
    terminal.shows("-- making a new connection");
    terminal.shows("-- back as ada");
    proxy.has_connected(2);
    terminal.types("still me\r");
    terminal.shows("  ada  still me");
}

#[cfg(unix)]
#[test]
fn leaving_without_a_connection_is_prompt_and_says_what_is_lost() {
    for keys in ["/quit\r", "\x04", "\x03"] {
        let room = Room::open();
        let proxy = Proxy::open(room.address());
        let mut terminal = on_terminal(&room, &proxy);
        proxy.cut(true);
        terminal.shows("-- connection lost: ");
        terminal.types("unsent\r");
        terminal.shows("-- kept");
        terminal.types(keys);
        terminal.wait();
        terminal.shows("!! 1 line was not sent");
    }
}

#[test]
fn lines_piped_in_while_there_is_no_connection_are_all_carried_out() {
    let room = Room::open();
    let proxy = Proxy::open(room.address());
    let mut peer = Peer::join(room.address(), "peer");
    let mut ada = room.join_through(proxy.address(), "ada");
    proxy.cut(true);
    ada.shows("-- connection lost: ");
    let mut lines = Vec::new();
    (0..500).for_each(|number| writeln!(lines, "line {number}").unwrap());
    ada.types(std::str::from_utf8(&lines).unwrap().trim_end());
    proxy.admit();
    let mut next = 0;
    peer.hear_any(|said| {
        let number = said.text.as_str().strip_prefix("line ").unwrap();
        assert_eq!(number.parse(), Ok(next), "each once and in order");
        next += 1;
        next == 500
    });
    ada.leave();
}
