//! Links to files, for whoever has a browser and no client: `/link` in each form of the client, and
//! `chatshelf link` for scripts.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;

use chatshelf_common::text::LinkBase;
use chatshelf_common::wire::Frame;
use chatshelf_common::wire::frame::HelloAck;
use chatshelf_testkit::fake_server::{FakeServer, Guest};
#[cfg(target_os = "linux")]
use chatshelf_testkit::programs::command_of;
use chatshelf_testkit::programs::{Program, Server, is_installed, server_command};
use chatshelf_testkit::samples::{content, item};
use chatshelf_testkit::server_frames::hello_ack;
use chatshelf_testkit::stream::Base;
#[cfg(unix)]
use chatshelf_testkit::wait::eventually;
use serde_json::json;

#[cfg(target_os = "linux")]
use crate::harness::network::Network;
use crate::harness::programs;
use crate::harness::room::{Room, client_command, client_with};
#[cfg(unix)]
use crate::harness::terminal::Terminal;
use crate::oneshot::values;

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
    let (room, dir) = Room::open_with_password("--password-file", "friend");
    let file = dir.path().join("password");
    let options = ["--password-file", file.to_str().unwrap()];
    room.write("f", "secret\n");
    let script = "/upload f\n/link f\n";
    let ended = Program::run(room.command("ada").args(options), script);
    let link = ended.line("https://");
    assert!(link.contains("/item/1/f?t="), "{link}");
    assert!(fetch(&room, link).ends_with("\r\n\r\nsecret\n"), "{link}");
    let bare = link.split('?').next().unwrap();
    assert!(fetch(&room, bare).starts_with("HTTP/1.1 401 "), "{bare}");
    let once = room.once(&[&options[..], &["link", "f"]].concat(), "");
    once.has_code(0);
    assert_eq!(once.stdout, format!("{link}\n"));
}

/// What curl gets there, on this machine or another; none, with a word about it, without curl.
fn curl(on: impl Fn(&Command) -> Command, link: &str) -> Option<Vec<u8>> {
    if !is_installed("curl") {
        return None;
    }
    let mut command = Command::new("curl");
    let got = on(command.args(["-sSfk", link])).output().unwrap();
    assert!(got.status.success(), "{link}: {}", String::from_utf8_lossy(&got.stderr));
    Some(got.stdout)
}

/// The same command, with its arguments.
fn here(command: &Command) -> Command {
    let mut same = Command::new(command.get_program());
    same.args(command.get_args());
    same
}

#[test]
fn a_script_gets_the_link_alone_and_curl_the_file() {
    let room = Room::open();
    let content = content(1, 300_000);
    room.write("a b.bin", &content);
    room.once(&["upload", "a b.bin"], "").has_code(0);
    for item in ["1", "#1", "a b.bin", "name:a b.bin"] {
        let ended = room.once(&["link", item], "");
        ended.has_code(0);
        let link = format!("https://{}/item/1/a%20b.bin", room.address());
        assert_eq!((ended.stdout, ended.stderr.as_str()), (format!("{link}\n"), ""), "{item}");
        assert!(curl(here, &link).is_none_or(|got| got == content), "{link}");
        let object = &values(&room.once(&["link", item, "--json"], "").stdout)[0];
        assert_eq!(object, &json!({"id": 1, "name": "a b.bin", "link": link}));
    }
}

#[test]
fn a_script_is_told_what_has_no_link() {
    let room = Room::open();
    for (arguments, code, why) in [
        (&["link", "7"][..], 4, "there is no item 7 on the shelf"),
        (&["link", "f"], 4, "nothing on the shelf is called f"),
        (&["link"], 2, "link needs one number or name"),
        (&["link", "1", "2"], 2, "link needs one number or name"),
    ] {
        let ended = room.once(arguments, "");
        ended.has_code(code);
        assert!(ended.complaint().contains(why), "{}", ended.stderr);
        assert_eq!(ended.stdout, "");
    }
}

#[test]
fn where_browsers_are_not_served_there_is_no_link_and_it_is_said_why() {
    let room = Room::open_with(&["--web", "off"]);
    room.once(&["upload", "-", "--as", "f"], "content").has_code(0);
    for (language, why) in [
        ("en", "there are no links to files: this server does not serve browsers (--web off)"),
        ("zh-Hans", "没有文件链接：此服务器不为浏览器提供服务（--web off）"),
        ("zh-Hant", "沒有檔案連結：此伺服器不為瀏覽器提供服務（--web off）"),
    ] {
        let ended = room.once(&["--lang", language, "link", "f"], "");
        ended.has_code(4);
        assert!(ended.complaint().ends_with(why), "{}", ended.stderr);
        let mut command = room.command("ada");
        let ended = Program::run(command.args(["--lang", language]), "/link f\n");
        ended.has_code(1);
        assert!(ended.stdout.contains(why), "{}", ended.stdout);
    }
}

#[test]
fn a_link_begins_as_the_operator_has_said() {
    for (options, begins) in [
        (&["--public-url", "https://room.example.org/"][..], "https://room.example.org"),
        (&["--public-url", "http://box:80", "--web", "http"], "http://box"),
        (&["--web", "http"], "http://127.0.0.1:"),
    ] {
        let room = Room::open_with(options);
        room.once(&["upload", "-", "--as", "f"], "content").has_code(0);
        let once = room.once(&["link", "f"], "").stdout;
        assert!(once.starts_with(begins) && once.ends_with("/item/1/f\n"), "{once}");
        let ended = room.run("ada", "/link f\n");
        assert_eq!(format!("{}\n", ended.line("http")), once);
    }
}

#[test]
fn on_the_servers_machine_a_link_has_the_address_that_the_server_has_printed() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = server_command(programs::server(), dir.path());
    let mut server = Server::run(command.args(["--bind", "0.0.0.0"]));
    let page = server.prints("chatshelf-server: in a browser: ");
    let once = |arguments: &[&str]| {
        let mut command = client_command(server.address(), dir.path());
        command.env("CHATSHELF_STATE_DIR", dir.path().join("state"));
        Program::run(command.args(arguments), "content")
    };
    once(&["upload", "-", "--as", "f"]).has_code(0);
    let link = once(&["link", "f"]).stdout;
    let host = page.strip_prefix("https://").unwrap();
    // Without a network, the page is under the machine's name, which leads to it here alone.
    if host.trim_end_matches('/').parse::<SocketAddr>().is_ok() {
        assert_eq!(link, format!("{page}item/1/f\n"));
        assert!(curl(here, link.trim()).is_none_or(|got| got == b"content"));
    } else {
        assert_eq!(link, format!("https://{}/item/1/f\n", server.address()));
    }
    server.end_well();
}

#[cfg(target_os = "linux")]
#[test]
fn a_link_from_the_servers_machine_leads_there_from_another() {
    let Some(network) = Network::make() else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut command = command_of(programs::server());
    command
        .args(["--port", "9000", "--bind", "0.0.0.0", "--data-dir"])
        .arg(dir.path().join("data"));
    let mut server = Server::run(&mut network.on(0, &command));
    let key = server.prints("chatshelf-server: its key is ");
    let room = key.split_once("link: ").unwrap().1.trim().to_owned();
    let once = |machine: usize, arguments: &[&str]| {
        let mut client = programs::client();
        client.args(arguments).env("CHATSHELF_STATE_DIR", dir.path().join("state"));
        let ended = Program::run(&mut network.on(machine, &client), "content");
        ended.has_code(0);
        ended.stdout
    };
    once(0, &["--host", "127.0.0.1", "upload", "-", "--as", "f"]);
    let link = once(0, &["--host", "127.0.0.1", "link", "f"]);
    assert_eq!(link, "https://198.18.0.1:9000/item/1/f\n");
    assert_eq!(once(1, &["--host", &room, "link", "f"]), link, "the address that was dialled");
    let got = curl(|command| network.on(1, command), link.trim());
    assert!(got.is_none_or(|got| got == b"content"));
    server.end_well();
}

/// `chatshelf link 1`, and the server that has yet to answer its `Hello`.
fn link_from(server: &FakeServer, dir: &Path) -> (Program, Guest) {
    client_with(server, dir, &["--reconnect", "0", "link", "1"])
}

#[test]
fn a_server_that_is_older_gets_a_link_of_the_address_that_was_dialled() {
    let (server, dir) = (FakeServer::open(), tempfile::tempdir().unwrap());
    let (client, mut guest) = link_from(&server, dir.path());
    guest.welcome_to(vec![item(1, "f", 7, blake3::hash(b"content"))]);
    guest.see_off();
    let ended = client.wait();
    ended.has_code(0);
    assert_eq!(ended.stdout, format!("http://{}/item/1/f\n", server.address()));
}

#[test]
fn a_harmful_link_base_ends_the_connection() {
    let link_base = LinkBase::new("https://aaaaaaaaaaaa").ok();
    let good = HelloAck { link_base, ..hello_ack() }.to_bytes();
    for bad in [
        "https://\x1b[2Jaaaaaaaa",
        "https://\u{202e}aaaaaaaaa",
        "javascript:alert(1)/",
        "https://a@aaaaaaaaaa",
    ] {
        let mut greeting = good.clone();
        let at = greeting.len() - bad.len();
        greeting[at..].copy_from_slice(bad.as_bytes());
        let (server, dir) = (FakeServer::open(), tempfile::tempdir().unwrap());
        let (client, mut guest) = link_from(&server, dir.path());
        guest.joins();
        // Nothing may follow: the client is gone as soon as it has read this.
        guest.send_bytes(&greeting);
        let ended = client.wait();
        ended.has_code(1);
        assert_eq!(ended.stdout, "");
        assert!(ended.complaint().contains("field LINK_BASE is refused"), "{}", ended.stderr);
    }
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
        // How much of a row is dark depends on the link; its light margin does not.
        let code = |line: &&str| line.starts_with("████");
        eventually("a code", || {
            (terminal.screen().lines().filter(code).count() > 15).then_some(())
        });
        terminal.types("/quit\r");
        assert_eq!(terminal.wait(), 0);
    }
    for (size, has_code) in [((50, 100), true), ((50, 30), false), ((12, 100), false)] {
        let mut command = room.command("ada");
        let mut terminal = Terminal::start_sized(command.args(["link", "notes.txt"]), size);
        assert_eq!(terminal.wait(), 0);
        let shown = terminal.screen();
        assert_eq!(shown.contains('█'), has_code, "{size:?}: {shown}");
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
