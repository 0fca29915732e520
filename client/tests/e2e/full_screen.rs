//! The full screen on a real terminal: a room as a person sees it, and what their keys do there.

use chatshelf_common::wire::Code;
use chatshelf_testkit::fake_server::{FakeServer, Nowhere, said};
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::wait::eventually;

use crate::harness::proxy::{Proxy, Way};
use crate::harness::room::{Room, begins_download, client_command, command_to};
use crate::harness::terminal::Terminal;

/// A member on a terminal of so many rows and columns.
fn join_on(room: &Room, name: &str, size: (u16, u16)) -> Terminal {
    let terminal = Terminal::start_sized(&room.command(name), size);
    terminal.shows(&format!("welcome, {name}"));
    terminal
}

fn join(room: &Room, name: &str) -> Terminal {
    join_on(room, name, (30, 100))
}

/// Leaves by keys, which is a good end.
#[track_caller]
fn leave(mut terminal: Terminal) {
    terminal.types("\x03");
    terminal.shows("Leave the room?");
    terminal.types("\r");
    assert_eq!(terminal.wait(), 0);
    terminal.is_restored();
}

#[test]
fn somebody_new_joins_talks_drops_a_file_and_fetches_one() {
    let room = Room::open();
    room.write("notes.txt", "hello shelf\n");
    let mut peer = Peer::join(room.address(), "peer");
    let command = client_command(room.address(), &room.files());
    let mut terminal = Terminal::start_sized(&command, (24, 80));
    terminal.shows("Which name do you want in the room?");
    terminal.types("no good\r");
    terminal.shows("'no good' cannot be a name");
    terminal.types("\x15ada\r");
    terminal.shows("welcome, ada");
    terminal.shows("2 here");
    terminal.types("hello all\r");
    peer.hear("hello all");
    terminal.shows(" ada hello all");
    terminal.pastes(room.path("notes.txt").to_str().unwrap());
    terminal.shows("Put on the shelf?");
    terminal.types("\r");
    terminal.shows("ada put notes.txt on the shelf");
    terminal.shows("1 notes.txt");
    terminal.types("\x06");
    terminal.shows("▸1 notes.txt");
    terminal.types("\r");
    terminal.shows("notes.txt downloaded to ./notes (1).txt");
    assert_eq!(room.read("notes (1).txt"), b"hello shelf\n");
    leave(terminal);
    assert_eq!(peer.sees_leave("ada"), Code::LEFT);
}

#[test]
fn no_name_is_a_mistake_and_the_terminal_is_as_it_was() {
    let room = Room::open();
    let mut terminal = Terminal::start(&client_command(room.address(), &room.files()));
    terminal.shows("Which name do you want");
    terminal.types("\x03");
    assert_eq!(terminal.wait(), 2);
    terminal.shows("no name was given");
    terminal.is_restored();
}

#[test]
fn a_taken_name_offers_another_that_enter_takes() {
    let room = Room::open();
    let _ada = room.join("ada");
    let mut terminal = Terminal::start(&room.command("ada"));
    terminal.shows("is taken");
    terminal.shows("Enter alone takes ada2.");
    terminal.types("\r");
    terminal.shows("welcome, ada2");
}

#[test]
fn what_is_typed_stays_whole_while_others_speak() {
    let room = Room::open();
    let mut peer = Peer::join(room.address(), "peer");
    let mut terminal = join(&room, "ada");
    terminal.types("half a ");
    terminal.cursor_is_behind("> half a ");
    peer.say("hello everyone");
    terminal.shows("peer  hello everyone");
    terminal.cursor_is_behind("> half a ");
    terminal.types("line\r");
    peer.hear("half a line");
    terminal.cursor_is_behind("> ");
}

#[test]
fn an_upload_has_a_bar_until_it_is_on_the_shelf() {
    let room = Room::open();
    room.write("big.iso", vec![7; 4_000_000]);
    let proxy = Proxy::open(room.address());
    proxy.hold_after(Way::ToServer, 1_000_000);
    let command = room.command_through(proxy.address(), "ada");
    let mut terminal = Terminal::start_sized(&command, (30, 100));
    terminal.shows("welcome, ada");
    terminal.types("/upload big.iso\r");
    terminal.shows("↑ big.iso ");
    terminal.shows("/4.0 MB");
    terminal.shows("█");
    // A connection that stands still: a new one resumes the upload.
    proxy.is_holding();
    terminal.types("/reconnect\r");
    terminal.shows("big.iso uploaded as number 1: 4.0 MB");
    terminal.shows_no_more("↑ big.iso");
}

#[test]
fn a_click_chooses_an_item_and_another_fetches_it() {
    let room = Room::open();
    room.write("f", "some content\n");
    room.run("bob", "/upload f\n").has_code(0);
    let mut terminal = join(&room, "ada");
    terminal.shows("1 f");
    let (row, column) = terminal.place_of("1 f");
    terminal.clicks(row, column);
    terminal.shows("▸1 f");
    terminal.clicks(row, column);
    terminal.shows("f downloaded to ./f (1)");
    assert_eq!(room.read("f (1)"), b"some content\n");
}

#[test]
fn a_window_may_become_any_size() {
    let room = Room::open();
    let mut peer = Peer::join(room.address(), "peer");
    let mut terminal = join(&room, "ada");
    peer.say("one line that is a little too long for forty columns");
    terminal.shows("forty columns");
    terminal.resize(10, 40);
    terminal.shows_no_more("2 here");
    terminal.shows("ada · 127.0.0.1:");
    terminal.cursor_is_behind("> ");
    terminal.resize(5, 12);
    terminal.resize(40, 140);
    terminal.shows("2 here ─");
    terminal.shows("one line that is a little too long for forty columns");
    terminal.types("still here\r");
    peer.hear("still here");
    leave(terminal);
}

#[test]
fn a_long_paste_asks_and_is_one_message() {
    let room = Room::open();
    let mut peer = Peer::join(room.address(), "peer");
    let mut terminal = join(&room, "ada");
    let code = "fn main() {\n    let a = 1;\n    let b = 2;\n    dbg!(a + b);\n}";
    terminal.pastes(code);
    terminal.shows("Send 5 lines");
    terminal.types("\r");
    peer.hear(code);
    terminal.shows("dbg!(a + b);");
}

#[test]
fn ctrl_c_asks_and_staying_is_an_answer() {
    let room = Room::open();
    let mut peer = Peer::join(room.address(), "peer");
    let mut terminal = join(&room, "ada");
    terminal.types("half a line\x03");
    terminal.shows("Leave the room?");
    terminal.types("n");
    terminal.shows_no_more("Leave the room?");
    terminal.cursor_is_behind("> half a line");
    terminal.types("\x03\x03");
    assert_eq!(terminal.wait(), 0);
    terminal.is_restored();
    assert_eq!(peer.sees_leave("ada"), Code::LEFT);
}

#[test]
fn a_client_that_waits_for_a_silent_server_can_still_leave() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeServer::open();
    let mut command = command_to(&server, dir.path());
    let mut terminal = Terminal::start(command.args(["--name", "ada"]));
    let _guest = server.accept();
    terminal.shows("connecting");
    terminal.types("hello\r\x03");
    terminal.shows("Leave the room?");
    terminal.types("\r");
    assert_eq!(terminal.wait(), 0);
    terminal.is_restored();
}

#[test]
fn quit_wants_to_be_said_twice_while_a_transfer_runs() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeServer::open();
    let (mut terminal, mut guest) = Terminal::join(&server, dir.path(), &[]);
    terminal.types("/download 1\r");
    begins_download(&mut guest, dir.path());
    terminal.types("/quit\r");
    terminal.shows("1 transfer is running; /quit again");
    terminal.types("/quit\r");
    guest.see_off();
    assert_eq!(terminal.wait(), 0);
    terminal.is_restored();
    // Said where it can still be read.
    terminal.shows("f not downloaded: 6% of it is kept, /download 1 resumes it");
}

#[test]
fn a_server_that_dies_and_restarts_loses_no_line() {
    let mut room = Room::open();
    let mut terminal = join(&room, "ada");
    terminal.types("before\r");
    terminal.shows("ada  before");
    room.kill_server();
    terminal.shows("reconnecting");
    terminal.types("typed meanwhile\r");
    terminal.shows("kept; it will be sent when the connection is back");
    room.restart_server();
    terminal.types("/reconnect\r");
    terminal.shows("back as ada");
    terminal.shows("ada  typed meanwhile");
    terminal.shows_no_more("reconnecting");
    leave(terminal);
}

#[test]
fn a_mention_rings_the_bell_and_what_is_not_seen_is_in_the_title() {
    let room = Room::open();
    let mut peer = Peer::join(room.address(), "peer");
    let mut terminal = join(&room, "ada");
    peer.say("hello");
    terminal.shows("peer  hello");
    assert_eq!(terminal.bells(), 0);
    // The window is no longer in front, as terminals say it; what is typed behind that is seen once
    // the client knows.
    terminal.types("\x1b[Ox");
    terminal.cursor_is_behind("> x");
    peer.say("ada: are you there?");
    terminal.shows("ada: are you there?");
    eventually("a bell", || (terminal.bells() == 1).then_some(()));
    terminal.shows("─ new ─");
    eventually("a title", || terminal.title().starts_with("(1) chatshelf").then_some(()));
    terminal.types("\x1b[I");
    eventually("a title", || terminal.title().starts_with("chatshelf").then_some(()));
    terminal.types("\x15/notify off\r");
    terminal.shows("the bell rings for: off");
}

#[test]
fn clear_clears_and_help_helps() {
    let room = Room::open();
    let mut terminal = join(&room, "ada");
    terminal.types("a line\r");
    terminal.shows("ada  a line");
    terminal.types("/clear\r");
    terminal.shows_no_more("a line");
    terminal.types("/he\t\r");
    terminal.shows("/download ID|NAME [PATH]");
    terminal.types("\x1b");
    terminal.shows_no_more("/download ID|NAME [PATH]");
}

#[test]
fn a_line_into_a_connection_that_hangs_is_seen_and_said_to_be_late() {
    let dir = tempfile::tempdir().unwrap();
    let server = FakeServer::open();
    let (mut terminal, mut guest) = Terminal::join_sized(&server, dir.path(), &[], (24, 100));
    terminal.types("second line xyzzy\r");
    terminal.shows("...          ada  second line xyzzy");
    guest.wait_for_say();
    terminal.shows("the server does not answer; not delivered yet: second line xyzzy");
    terminal.shows("1 line waiting");
    terminal.types("/waiting\r");
    terminal.shows("second line xyzzy  (sent, no receipt)");
    // The connection breaks: the line is kept, and so is what is typed now.
    drop((guest, server));
    terminal.shows("reconnecting");
    terminal.types("third line plugh\r");
    terminal.shows("...          ada  third line plugh");
    terminal.shows("2 lines waiting");
}

#[test]
fn a_long_address_is_one_link_over_its_rows_and_can_be_copied() {
    let room = Room::open();
    let mut peer = Peer::join(room.address(), "peer");
    let mut terminal = join_on(&room, "ada", (24, 80));
    let address = format!("https://example.org/{}?with=query&and=more", "long/".repeat(20));
    peer.say(&format!("see {address}, please"));
    terminal.shows("please");
    let sent = |terminal: &Terminal| String::from_utf8_lossy(&terminal.bytes()).into_owned();
    let target = format!(";{address}\x1b\\");
    // What is drawn between the beginnings of the link and its ends is the address and no more.
    let bytes = sent(&terminal);
    let linked: Vec<&str> = bytes
        .split(&target)
        .skip(1)
        .filter_map(|behind| Some(behind.split_once("\x1b]8;;\x1b\\")?.0))
        .collect();
    let linked = linked.concat();
    assert!(linked.contains("https://example.org/long/"), "{bytes:?}");
    assert!(linked.contains("?with=query&and=more"), "{bytes:?}");
    assert!(!linked.contains("please") && !linked.contains("see"), "{bytes:?}");
    terminal.types("/copy link\r");
    terminal.shows("copied to the terminal's clipboard:");
    let copied = data_encoding::BASE64.encode(address.as_bytes());
    assert!(sent(&terminal).contains(&format!("\x1b]52;c;{copied}\x07")));
}

#[test]
fn the_mouse_can_be_left_to_the_terminal() {
    let room = Room::open();
    let mut terminal = Terminal::start(room.command("ada").args(["--mouse", "off"]));
    terminal.shows("welcome, ada");
    let mode = |terminal: &Terminal| terminal.look(vt100::Screen::mouse_protocol_mode);
    assert_eq!(mode(&terminal), vt100::MouseProtocolMode::None);
    terminal.types("/mouse on\r");
    terminal.shows("the mouse scrolls and clicks here");
    assert_ne!(mode(&terminal), vt100::MouseProtocolMode::None);
    terminal.types("/mouse off\r");
    terminal.shows("the mouse selects text");
    assert_eq!(mode(&terminal), vt100::MouseProtocolMode::None);
}

#[test]
fn ctrl_l_redraws_everything_and_asks_the_terminal_for_nothing() {
    let room = Room::open();
    let mut terminal = join_on(&room, "ada", (24, 80));
    let drawn = terminal.bytes().len();
    terminal.types("\x0chello\r");
    terminal.shows("ada hello");
    let bytes = String::from_utf8_lossy(&terminal.bytes()[drawn..]).into_owned();
    assert!(bytes.contains("\x1b[2J") && bytes.contains("welcome, ada"), "{bytes:?}");
    assert!(!bytes.contains("\x1b[6n"), "a question that this terminal does not answer");
}

#[test]
fn nothing_that_others_send_moves_the_cursor_or_changes_colours() {
    let server = FakeServer::open();
    let dir = tempfile::tempdir().unwrap();
    let (terminal, mut guest) = Terminal::join_sized(&server, dir.path(), &[], (24, 80));
    guest.send(&said(0, "a\u{202e}b\u{200b}c\u{feff}\ttab"));
    // vt100 passes over U+FFFD, which terminals show: what was sent to it is looked at.
    let sent = || String::from_utf8_lossy(&terminal.bytes()).into_owned();
    eventually("a line made harmless", || sent().contains("a\u{fffd}bc").then_some(()));
    assert!(!sent().contains(['\u{202e}', '\u{200b}', '\u{feff}', '\t']));
    terminal.cursor_is_behind("> ");
}

#[test]
fn no_color_means_no_colours_and_ascii_no_lines() {
    let room = Room::open();
    let _bob = room.join("bob");
    let terminal =
        Terminal::start_sized(room.command("ada").arg("--ascii").env("NO_COLOR", "1"), (24, 80));
    terminal.shows("welcome, ada");
    terminal.shows("- Shelf -");
    let has_colours = |screen: &vt100::Screen| {
        let (rows, columns) = screen.size();
        let mut cells = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        cells.any(|(row, column)| {
            let cell = screen.cell(row, column).unwrap();
            (cell.fgcolor(), cell.bgcolor()) != (vt100::Color::Default, vt100::Color::Default)
        })
    };
    assert!(!terminal.look(has_colours));
    assert!(terminal.screen().is_ascii(), "{}", terminal.screen());
    let coloured = join(&room, "eve");
    coloured.shows("3 here");
    assert!(coloured.look(has_colours));
}

#[test]
fn where_there_is_no_server_it_says_so_on_the_screen_that_was_there_before() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = Nowhere::reserve();
    let mut command = client_command(nowhere.address(), dir.path());
    let mut terminal = Terminal::start(command.args(["--name", "ada"]));
    assert_eq!(terminal.wait(), 3);
    terminal.shows("cannot connect to 127.0.0.1:");
    terminal.is_restored();
}

#[test]
fn nothing_is_drawn_while_nothing_happens() {
    let room = Room::open();
    let terminal = join(&room, "ada");
    terminal.shows("lag ");
    let drawn = terminal.bytes().len();
    // Within these nothing is due: the lag is measured every ten.
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert_eq!(terminal.bytes().len(), drawn);
}
