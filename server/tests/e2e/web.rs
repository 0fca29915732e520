//! The room's port as browsers and other programs of the web meet it: WebSocket as one more way
//! into the room, and HTTP for whoever asks for it, well or badly (what they get is in `visitors`,
//! what they bring in `guests`).

mod guests;
mod visitors;

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use chatshelf_common::id::MessageId;
use chatshelf_common::wire::frame::Say;
use chatshelf_common::wire::{Code, Frame};
use chatshelf_testkit::files::write_secret;
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::programs::{Program, server_command};
use chatshelf_testkit::raw;
use chatshelf_testkit::rng::Rng;
use chatshelf_testkit::samples::{content, message};
use chatshelf_testkit::stream::{Base, WebStream};
use chatshelf_testkit::wait::HANG;
use jiff::Timestamp;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Bytes, Message};

use crate::harness::{self, Home, binary, connect};

/// Random inputs.
const INPUTS: u64 = 10_000;

fn ask(server: SocketAddr, request: &[u8]) -> String {
    let mut stream = connect(server);
    // It may have refused the beginning already.
    let _ = stream.write_all(request);
    rest(&mut stream)
}

/// What comes to the end, as text.
fn rest(stream: &mut impl Read) -> String {
    String::from_utf8_lossy(&harness::rest(stream)).into_owned()
}

/// How far the clocks of server and test may be apart: they are one, but it may take long to look.
const CLOCKS_SECONDS_MAX: i64 = 600;

/// Reads an answer whose content has a length: its head, without the date, and its content.
fn answer(stream: &mut impl Read, has_content: bool) -> (String, Vec<u8>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let (before, rest) = head.split_once("Date: ").expect("a date");
    let (date, after) = rest.split_once("\r\n").unwrap();
    let apart = jiff::fmt::rfc2822::parse(date).unwrap().timestamp() - Timestamp::now();
    assert!(date.ends_with(" GMT") && apart.get_seconds().abs() < CLOCKS_SECONDS_MAX, "{date}");
    let head = format!("{before}{after}");
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let length = length.filter(|_| has_content).map_or(0, |length| length.parse().unwrap());
    let mut content = vec![0; length];
    stream.read_exact(&mut content).unwrap();
    (head, content)
}

/// A file with the room's password, `friend`.
fn password_file(home: &Home) -> PathBuf {
    let password = home.data_dir().with_file_name("password");
    write_secret(&password, "friend\n");
    password
}

fn open(server: SocketAddr, encrypted: bool) -> WebStream {
    let tcp = connect(server);
    let base = if encrypted { Base::foreign_tls(tcp) } else { Base::Plain(tcp) };
    WebStream::open(base, server).unwrap()
}

#[test]
fn members_over_websocket_and_others_are_in_one_room() {
    let home = Home::new();
    let server = home.start(&[]);
    let mut ada = Peer::join(server.address(), "ada");
    let mut bob = Peer::join_web(server.address(), "bob", false);
    let mut eve = Peer::join_web(server.address(), "eve", true);
    ada.say_and_hear("from the terminal");
    bob.say_and_hear("from a browser");
    eve.say_and_hear("from an encrypted one");
    let whole = content(1, 3_000_000);
    for (number, peer) in [&mut bob, &mut eve].into_iter().enumerate() {
        let item = peer.upload(&format!("file{number}"), &whole);
        assert_eq!(peer.download(item).size, whole.len() as u64);
        assert_eq!(ada.download(item).size, whole.len() as u64);
    }
    bob.try_leave().unwrap();
    ada.sees_leave("bob");
    server.end_well();
}

#[test]
fn messages_may_be_cut_and_pinged_between_and_a_close_is_answered() {
    let home = Home::new();
    let server = home.start(&[]);
    for encrypted in [false, true] {
        let mut web = open(server.address(), encrypted);
        let hello = raw::hello_and_join("ada", Some(0));
        for byte in &hello {
            web.write_all(&[*byte]).unwrap();
        }
        let ping = Bytes::from_static(b"are you there?");
        web.socket().send(Message::Ping(ping.clone())).unwrap();
        let (mut has_pong, mut has_answer) = (false, false);
        while !has_pong || !has_answer {
            match web.socket().read().unwrap() {
                Message::Pong(payload) => has_pong = payload == ping,
                Message::Binary(_) => has_answer = true,
                other => panic!("{other:?}"),
            }
        }
        web.socket().close(None).unwrap();
        // The rest of the conversation, its goodbye, and the close.
        while web.socket().read().is_ok() {}
        Peer::join(server.address(), "ada").try_leave().unwrap();
    }
    server.end_well();
}

#[test]
fn the_page_is_where_the_server_says() {
    let home = Home::new();
    for (mode, scheme) in [("https", "https://"), ("http", "http://")] {
        let mut server = home.start(&["--web", mode]);
        let url = server.prints("chatshelf-server: in a browser: ");
        assert_eq!(url, format!("{scheme}{}/", server.address()));
        let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n", server.address());
        let page = ask(server.address(), format!("{request}Connection: close\r\n\r\n").as_bytes());
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
        assert!(
            page.contains("\r\nContent-Security-Policy: default-src 'none'; script-src 'self'")
        );
        assert!(page.contains("\r\n\r\n<!doctype html>"), "{page}");
        server.end_well();
    }
    let own = home.data_dir().with_file_name("page");
    fs::create_dir(&own).unwrap();
    fs::write(own.join("index.html"), "mine").unwrap();
    let server = home.start(&["--web-dir", own.to_str().unwrap()]);
    let page = ask(server.address(), b"GET / HTTP/1.0\r\n\r\n");
    assert!(page.starts_with("HTTP/1.1 403 "), "a host is needed: {page}");
    let page = ask(server.address(), b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n");
    assert!(page.ends_with("\r\n\r\nmine"), "{page}");
    server.end_well();
}

#[test]
fn what_websocket_does_not_allow_is_told_and_ends_its_own_connection_only() {
    let home = Home::new();
    let server = home.start(&[]);
    let mut ada = Peer::join(server.address(), "ada");
    for (bytes, expected) in [
        (&b"\x82\x05hello"[..], CloseCode::Protocol),
        (b"\xc2\x80\x00\x00\x00\x00", CloseCode::Protocol),
        (b"\x83\x80\x00\x00\x00\x00", CloseCode::Protocol),
        (b"\x89\xfe\x00\x7e\x00\x00\x00\x00", CloseCode::Protocol),
        (b"\x81\x81\x00\x00\x00\x00a", CloseCode::Unsupported),
    ] {
        let mut web = open(server.address(), false);
        web.socket().get_mut().write_all(bytes).unwrap();
        let told = loop {
            match web.socket().read() {
                Ok(Message::Binary(_)) => {}
                Ok(Message::Close(frame)) => break frame.map(|frame| frame.code),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(told, Some(expected), "{bytes:02x?}");
    }
    ada.say_and_hear("still here");
    server.end_well();
}

#[test]
fn another_language_speaks_to_the_room() {
    let python = || {
        let mut python = Command::new("python3");
        python.stdin(Stdio::null()).stderr(Stdio::inherit());
        python
    };
    if !python()
        .args(["-c", "import websockets"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|it| it.success())
    {
        println!("skipped: there is no Python with its package websockets");
        return;
    }
    let home = Home::new();
    let server = home.start(&[]);
    let mut ada = Peer::join(server.address(), "ada");
    let script = r#"
import asyncio, sys, websockets
async def main(address, hello, say):
    async with websockets.connect(address, max_size=None) as socket:
        for byte in hello:
            await socket.send(bytes([byte]))
        pong = await socket.ping()
        await pong
        heard = b""
        while b"snake" not in heard:
            heard += await socket.recv()
        await socket.send([say[:3], say[3:]])
        while b"it is me" not in heard:
            heard += await socket.recv()
    print(socket.close_code)
asyncio.run(main(sys.argv[1], bytes.fromhex(sys.argv[2]), bytes.fromhex(sys.argv[3])))
"#;
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    let said = Say::new(MessageId(1), message("it is me"), None).to_bytes();
    let out = python()
        .args(["-c", script, &format!("ws://{}/ws", server.address())])
        .args([hex(&raw::hello_and_join("snake", Some(0))), hex(&said)])
        .output()
        .unwrap();
    assert!(out.status.success(), "{out:?}");
    assert_eq!(String::from_utf8_lossy(&out.stdout).trim(), "1000");
    ada.hear("it is me");
    server.end_well();
}

#[test]
fn what_is_no_request_is_answered_with_its_status() {
    let home = Home::new();
    let server = home.start(&[]);
    let long = "x".repeat(9_000);
    let host = "Host: localhost\r\n";
    for (request, status) in [
        (format!("GET /nothing HTTP/1.1\r\n{host}\r\n"), "404 Not Found"),
        (format!("GET /ws HTTP/1.1\r\n{host}\r\n"), "426 Upgrade Required"),
        ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n".into(), "403 Forbidden"),
        ("GET / HTTP/1.1\r\n\r\n".into(), "400 Bad Request"),
        (format!("DELETE / HTTP/1.1\r\n{host}\r\n"), "405 Method Not Allowed"),
        ("SSH-2.0-OpenSSH_9.6\r\n".into(), "400 Bad Request"),
        (
            format!("GET / HTTP/1.1\r\n{host}Content-Length: 5\r\n\r\nhello"),
            "413 Content Too Large",
        ),
        (format!("GET http://evil.example/ HTTP/1.1\r\n{host}\r\n"), "400 Bad Request"),
        (format!("GET / HTTP/1.1\r\n{host}X: a\nContent-Length: 5\r\n\r\n"), "400 Bad Request"),
        (format!("GET / HTTP/1.1\n{}\n", host.replace('\r', "")), "400 Bad Request"),
        (
            format!("GET / HTTP/1.1\r\n{host}Content-Length: 0\r\nContent-Length: 30\r\n\r\n"),
            "400 Bad Request",
        ),
        (
            format!(
                "GET / HTTP/1.1\r\n{host}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
            ),
            "400 Bad Request",
        ),
        (
            format!("GET / HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            "411 Length Required",
        ),
        (format!("GET /{long}"), "414 URI Too Long"),
        (format!("GET / HTTP/1.1\r\nA: {long}"), "431 Request Header Fields Too Large"),
        (
            format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(33)),
            "431 Request Header Fields Too Large",
        ),
    ] {
        // Whatever is behind it must not become a second request.
        let more = if request.ends_with("\r\n") { "GET / HTTP/1.1\r\nHost: a\r\n\r\n" } else { "" };
        let request = [request, more.into()].concat().into_bytes();
        let answer = ask(server.address(), &request);
        let shown = request[..request.len().min(60)].escape_ascii();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{shown}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{shown}: {answer}");
    }
    server.end_well();
}

#[test]
fn a_slow_head_ends_with_the_time_for_the_first_frame() {
    let home = Home::new();
    let server = home.start(&["--hello-timeout", "1"]);
    let mut stream = connect(server.address());
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nA: ").unwrap();
    let started = Instant::now();
    // Each byte is a sign of life, and no reason for more time.
    stream.set_read_timeout(Some(std::time::Duration::from_millis(50))).unwrap();
    let (mut answer, mut buffer) = (Vec::new(), [0; 1_000]);
    loop {
        let _ = stream.write_all(b"b");
        match stream.read(&mut buffer) {
            Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                assert!(started.elapsed() < HANG, "it is still open");
            }
            Ok(count @ 1..) => answer.extend_from_slice(&buffer[..count]),
            _ => break,
        }
    }
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
    assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
    server.end_well();
}

#[test]
fn a_room_password_is_not_shown_to_the_network() {
    let home = Home::new();
    let password = password_file(&home);
    let mut command = server_command(binary(), &home.data_dir());
    command.args(["--bind", "127.0.0.1", "--web", "http", "--password-file"]).arg(&password);
    let ended = Program::run(&mut command, "");
    ended.has_code(1);
    let why = "--web http would show the room's password to the network; try --web https";
    assert!(ended.stderr.contains(why), "{}", ended.stderr);
}

#[test]
fn where_nothing_may_come_without_tls_http_may_not_either() {
    let home = Home::new();
    let server = home.start(&["--allow-plain", "none"]);
    for path in ["/", "/ws", "/shelf.json"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let answer = ask(server.address(), request.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
        assert!(answer.contains("https://localhost/"), "{answer}");
    }
    server.end_well();
    let mut command = server_command(binary(), &home.data_dir());
    command.args(["--bind", "127.0.0.1", "--allow-plain", "none", "--web", "http"]);
    let ended = Program::run(&mut command, "");
    ended.has_code(1);
    let why = "--web http is HTTP without TLS, which --allow-plain none forbids";
    assert!(ended.stderr.contains(why), "{}", ended.stderr);
}

#[test]
fn where_browsers_are_not_served_http_is_not_spoken() {
    let home = Home::new();
    let server = home.start(&["--web", "off"]);
    let mut stranger = Peer::connect(server.address());
    stranger.send_bytes(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(stranger.goodbye().code, Code::NOT_CHATSHELF);
    server.end_well();
}

/// A request, or something after WebSocket was agreed on, with a few bytes changed, doubled or cut.
fn random_input(rng: &mut Rng) -> Vec<u8> {
    let upgrade = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let page = "GET /item/1/name HTTP/1.1\r\nHost: localhost:9000\r\nRange: bytes=0-1\r\n\
        If-None-Match: \"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let put = "PUT /shelf/a%20b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40\r\n\
        Expect: 100-continue\r\nRepr-Digest: sha-256=:AA==:\r\n\r\n";
    let mut input = match rng.below(5) {
        4 => [put.as_bytes(), &rng.bytes(40)].concat(),
        0 => page.repeat(1 + rng.below(3) as usize).into_bytes(),
        1 => [upgrade.as_bytes(), &rng.bytes(60)].concat(),
        2 => upgrade.into(),
        _ => {
            let count = rng.up_to(300);
            [&[b'A' + rng.below(26) as u8][..], &rng.bytes(count)].concat()
        }
    };
    for _ in 0..rng.below(5) {
        let place = rng.up_to(input.len() - 1);
        match rng.below(3) {
            0 => input[place] = rng.below(256) as u8,
            1 => {
                let rest = input.split_off(place);
                input.extend_from_slice(&rest);
                input.extend_from_slice(&rest);
            }
            _ => input.truncate(place.max(1)),
        }
    }
    input
}

#[test]
fn random_inputs_are_each_answered_cleanly_or_closed() {
    let home = Home::new();
    let server = home.start(&[]);
    let mut ada = Peer::join(server.address(), "ada");
    let mut rng = Rng::new(16, 1);
    let mut answered = 0;
    for number in 0..INPUTS {
        let input = random_input(&mut rng);
        let mut stream = connect(server.address());
        let _ = stream.write_all(&input);
        let _ = stream.shutdown(Shutdown::Write);
        let answer = rest(&mut stream);
        if let Some(head) = answer.strip_prefix("HTTP/1.1 ") {
            answered += 1;
            assert!(head.contains("\r\n\r\n"), "{}: {answer}", input.escape_ascii());
        }
        if number % 1_000 == 0 {
            ada.say_and_hear("still here");
        }
    }
    assert!(answered > INPUTS / 4, "{answered} were answered");
    server.end_well();
}
