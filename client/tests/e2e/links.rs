//! Links to files, for whoever has a browser and no client: `/link` in each form of the client.

use std::io::{Read, Write};
use std::net::TcpStream;

use chatshelf_testkit::programs::Program;
use chatshelf_testkit::stream::Base;
#[cfg(unix)]
use chatshelf_testkit::wait::eventually;

use crate::harness::room::Room;
#[cfg(unix)]
use crate::harness::terminal::Terminal;

/// What a browser gets there.
fn fetch(room: &Room, link: &str) -> String {
    let (scheme, rest) = link.split_once("://").unwrap();
    let path = rest.strip_prefix(&room.address().to_string()).unwrap();
    let tcp = TcpStream::connect(room.address()).unwrap();
    let mut stream = if scheme == "https" { Base::foreign_tls(tcp) } else { Base::Plain(tcp) };
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_link_leads_to_the_file_and_is_a_line_of_its_own() {
    let room = Room::open();
    room.write("my notes.txt", "hello shelf\n");
    for (number, options) in (1..).zip([&[][..], &["--no-tls"]]) {
        let script = format!("/upload my notes.txt\n/link #{number}\n/link 9\n/link\n");
        let ended = Program::run(room.command("ada").args(options), &script);
        let link = ended.line("http");
        let expected = format!("https://{}/item/{number}/my%20notes.txt", room.address());
        assert_eq!(link, expected);
        assert!(fetch(&room, link).ends_with("\r\n\r\nhello shelf\n"), "{link}");
        assert!(!ended.stdout.contains('█'), "nobody scans what no screen shows");
        for told in ["there is no item 9 on the shelf", "/link ID|NAME"] {
            assert!(ended.stdout.contains(told), "{}", ended.stdout);
        }
    }
}

#[test]
fn in_a_room_with_a_password_the_link_opens_the_file_without_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    std::fs::write(&file, "friend\n").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let options = ["--password-file", file.to_str().unwrap()];
    let room = Room::open_with(&options);
    room.write("f", "secret\n");
    let script = "/upload f\n/link f\n";
    let ended = Program::run(room.command("ada").args(options), script);
    let link = ended.line("https://");
    assert!(link.contains("/item/1/f?t="), "{link}");
    assert!(fetch(&room, link).ends_with("\r\n\r\nsecret\n"), "{link}");
    let bare = link.split('?').next().unwrap();
    assert!(fetch(&room, bare).starts_with("HTTP/1.1 401 "), "{bare}");
}

#[cfg(unix)]
#[test]
fn on_a_terminal_a_phone_can_scan_it() {
    let room = Room::open();
    room.write("notes.txt", "hello shelf\n");
    for options in [&["--plain"][..], &[]] {
        let mut terminal = Terminal::start_sized(room.command("ada").args(options), (50, 100));
        terminal.shows("welcome, ada");
        terminal.types("/upload notes.txt\r");
        terminal.shows("put notes.txt on the shelf");
        terminal.types("/link notes.txt\r");
        let link = format!("https://{}/item/", room.address());
        terminal.shows(&link);
        let code = |line: &&str| line.matches(['█', '▀', '▄']).count() > 20;
        eventually("a code", || {
            (terminal.screen().lines().filter(code).count() > 15).then_some(())
        });
        terminal.types("/quit\r");
        assert_eq!(terminal.wait(), 0);
    }
}

#[cfg(unix)]
#[test]
fn on_the_full_screen_it_can_be_copied() {
    let room = Room::open();
    room.write("notes.txt", "hello shelf\n");
    let mut terminal = Terminal::start_sized(&room.command("ada"), (40, 60));
    terminal.shows("welcome, ada");
    terminal.types("/upload notes.txt\r");
    terminal.shows("put notes.txt on the shelf");
    terminal.types("/link 1\r/copy link\r");
    terminal.shows("copied to the terminal's clipboard:");
    let link = format!("https://{}/item/1/notes.txt", room.address());
    let copied = data_encoding::BASE64.encode(link.as_bytes());
    let sent = String::from_utf8_lossy(&terminal.bytes()).into_owned();
    assert!(sent.contains(&format!("\x1b]52;c;{copied}\x07")), "{sent:?}");
}
