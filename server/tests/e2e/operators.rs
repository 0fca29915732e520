//! Operators and passwords on the real server: what survives a restart, and what is gone from the
//! disk.

#[cfg(target_os = "linux")]
use std::io::{Read, Write};
use std::net::SocketAddr;
#[cfg(target_os = "linux")]
use std::net::TcpStream;
use std::path::PathBuf;

use chatshelf_common::id::{BanId, Seq};
use chatshelf_common::limits::{HISTORY_ALL, VERSION_MAX, VERSION_MIN};
use chatshelf_common::password::Password;
use chatshelf_common::text::Note;
use chatshelf_common::wire::frame::{
    Action, CAPABILITY_PASSWORD, Hello, Join, Moderate, Moderated, Op, Refused,
};
use chatshelf_common::wire::{Code, Event, Frame};
use chatshelf_testkit::files::{holding, write_secret};
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::samples::nick;
use chatshelf_testkit::wait::eventually;

use crate::harness::Home;

/// Writes a password to a file beside the data directory.
fn password_file(home: &Home, name: &str, password: &str) -> String {
    let path: PathBuf = home.data_dir().with_file_name(name);
    write_secret(&path, &format!("{password}\n"));
    path.to_str().unwrap().to_owned()
}

fn password(text: &str) -> Password {
    Password::new(text.as_bytes()).unwrap()
}

/// A member who has become an operator.
fn operator(server: SocketAddr) -> Peer {
    let mut ada = Peer::join(server, "ada");
    ada.send(&Op { password: password("mellon") });
    ada.event(|event| {
        matches!(event, Event::Moderated(it) if it.action == Action::OP).then_some(())
    });
    ada
}

/// Says hello as a client that knows passwords, and joins with this one.
fn knock(server: SocketAddr, name: &str, text: Option<&str>) -> Peer {
    let mut peer = Peer::connect(server);
    let hello =
        Hello { capabilities: Some(CAPABILITY_PASSWORD), ..Hello::new(VERSION_MIN, VERSION_MAX) };
    let join = Join { password: text.map(password), ..Join::new(nick(name), Some(HISTORY_ALL)) };
    peer.send_bytes(&[hello.to_bytes(), join.to_bytes()].concat());
    peer
}

#[test]
fn a_ban_is_told_and_logged_and_outlives_a_restart_and_a_kill() {
    let home = Home::new();
    let file = password_file(&home, "operators", "mellon");
    let options = ["--operator-password-file", &file];
    let server = home.start(&options);
    let mut ada = operator(server.address());
    let mut carl = Peer::join(server.address(), "carl");
    let mut bob = Peer::join(server.address(), "bob");
    let reason = Note::new("too loud").ok();
    let ban = Moderate { to: Some(nick("bob")), reason, ..Moderate::new(Action::BAN) };
    ada.send(&Moderate { seconds: Some(3600), ..ban });
    let goodbye = bob.goodbye();
    assert_eq!(goodbye.code, Code::BANNED);
    assert_eq!(goodbye.detail.unwrap().as_str(), "for 60 more min: too loud");
    carl.event(|event| {
        let is_told = |it: &Moderated| it.action == Action::BAN && it.to == Some(nick("bob"));
        matches!(event, Event::Moderated(it) if is_told(it)).then_some(())
    });
    assert_eq!(carl.sees_leave("bob"), Code::BANNED);
    let logged = server.logs("banned bob (ban 1, until 20");
    assert!(logged.contains("operator ada at 127.0.0.1:"), "{logged}");
    let bans = home.data_dir().join("bans");
    eventually("the file of bans", || bans.exists().then_some(()));
    server.kill();
    let server = home.start(&options);
    assert_eq!(knock(server.address(), "B0B", None).goodbye().code, Code::BANNED);
    drop(Peer::join(server.address(), "carl"));
    server.end_well();
    let server = home.start(&options);
    assert_eq!(knock(server.address(), "bob", None).goodbye().code, Code::BANNED);
    let mut ada = operator(server.address());
    ada.send(&Moderate { ban: Some(BanId(1)), ..Moderate::new(Action::UNBAN) });
    ada.event(|event| {
        matches!(event, Event::Moderated(it) if it.action == Action::UNBAN).then_some(())
    });
    drop((Peer::join(server.address(), "bob"), ada));
    server.end_well();
}

#[test]
fn a_redacted_line_is_gone_from_disk_and_history() {
    let home = Home::new();
    let file = password_file(&home, "operators", "mellon");
    let options = ["--operator-password-file", &file];
    let server = home.start(&options);
    let (mut ada, mut bob) = (operator(server.address()), Peer::join(server.address(), "bob"));
    let line: Seq = bob.say_and_hear("my password is hunter2");
    let data = home.data_dir();
    eventually("the line on disk", || holding(&data, b"hunter2"));
    ada.send(&Moderate { line: Some(line), ..Moderate::new(Action::REDACT) });
    bob.event(|event| matches!(event, Event::Moderated(it) if it.line == Some(line)).then_some(()));
    eventually("no such line on disk", || holding(&data, b"hunter2").is_none().then_some(()));
    bob.say_and_hear("oops");
    let mut newcomer = Peer::join_with(server.address(), "carl", Some(HISTORY_ALL));
    newcomer.hear("oops");
    assert!(lines(&newcomer).contains(&"[redacted]".to_owned()));
    assert!(!lines(&newcomer).iter().any(|line| line.contains("hunter2")));
    drop((ada, bob, newcomer));
    server.end_well();
    let server = home.start(&options);
    let mut newcomer = Peer::join_with(server.address(), "dora", Some(HISTORY_ALL));
    newcomer.hear("oops");
    assert!(lines(&newcomer).ends_with(&["[redacted]".to_owned(), "oops".to_owned()]));
    drop(newcomer);
    server.end_well();
}

#[cfg(target_os = "linux")]
#[test]
fn a_banned_address_gets_neither_into_the_room_nor_at_its_files() {
    let home = Home::new();
    let file = password_file(&home, "operators", "mellon");
    let server = home.start(&["--operator-password-file", &file]);
    let from_elsewhere = || {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 2], 0)).into()).unwrap();
        socket.connect(&server.address().into()).unwrap();
        TcpStream::from(socket)
    };
    let visited = || {
        let mut stream = from_elsewhere();
        let request = "GET /shelf.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.lines().next().unwrap_or_default().to_owned()
    };
    let mut ada = operator(server.address());
    assert_eq!(visited(), "HTTP/1.1 200 OK");
    let address = "::ffff:127.0.0.2".parse().ok();
    ada.send(&Moderate { address, ..Moderate::new(Action::BAN) });
    ada.event(|event| {
        matches!(event, Event::Moderated(it) if it.action == Action::BAN).then_some(())
    });
    assert_eq!(visited(), "HTTP/1.1 403 Forbidden");
    let mut banned = Peer::over(from_elsewhere());
    banned.send_bytes(&chatshelf_testkit::raw::hello_and_join("eve", None));
    assert_eq!(banned.goodbye().code, Code::BANNED);
    drop((ada, banned));
    server.end_well();
}

fn lines(peer: &Peer) -> Vec<String> {
    let said = |event: &Event| match event {
        Event::Said(said) => Some(said.text.as_str().trim_end().to_owned()),
        _ => None,
    };
    peer.view().events().iter().filter_map(said).collect()
}

#[test]
fn a_room_with_a_password_lets_in_who_knows_it() {
    let home = Home::new();
    let file = password_file(&home, "password", "open sesame");
    let server = home.start(&["--password-file", &file]);
    for (text, code) in [(None, Code::PASSWORD_NEEDED), (Some("wrong"), Code::PASSWORD_WRONG)] {
        let refused = knock(server.address(), "ada", text).refused();
        assert_eq!(refused, Refused::new(code, Join::KIND));
    }
    let mut ada = knock(server.address(), "ada", Some("open sesame"));
    ada.welcomed();
    let mut old = Peer::connect(server.address());
    old.send_bytes(&chatshelf_testkit::raw::hello_and_join("bob", None));
    assert_eq!(old.goodbye().code, Code::PASSWORD_NEEDED);
    assert_eq!(holding(&home.data_dir(), b"open sesame"), None);
    drop((ada, old));
    server.end_well();
}
