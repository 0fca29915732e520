//! Requests that make a WebSocket of the connection.

use chatshelf_common::websocket::{Opcode, frame};

use super::*;
use crate::room::shelf::Shelf;

#[test]
fn a_request_for_the_socket_makes_one_however_it_is_cut() {
    let mut request = socket_with(&format!("Host: localhost:9000\r\n{UPGRADE}")).into_bytes();
    let head_bytes = request.len();
    request.extend(frame(Opcode::Binary, b"hello", Some([1, 2, 3, 4])));
    for cut in [1, 2, head_bytes - 1, head_bytes, head_bytes + 3, request.len()] {
        let (first, rest) = request.split_at(cut);
        let mut web = asks(WebMode::Https, LOOPBACK, false, first);
        assert_eq!(settle(&mut web), None);
        assert_eq!(web.is_upgraded(), cut >= head_bytes, "{cut} bytes");
        if !web.is_upgraded() {
            web.below.come.extend(&rest[..head_bytes - cut]);
            assert_eq!(settle(&mut web), None);
        }
        let answer = String::from_utf8(web.below.sent.clone()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{answer}");
        assert!(answer.contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
        web.below.come.extend(&request[cut.max(head_bytes)..]);
        let mut socket = web.into_websocket();
        let mut buffer = [0; 100];
        let mut read = Vec::new();
        while let Ok(count) = socket.read(&mut buffer) {
            read.extend_from_slice(&buffer[..count]);
        }
        assert_eq!(read, b"hello", "{cut} bytes");
    }
}

#[test]
fn what_does_not_ask_for_a_websocket_of_version_13_gets_none() {
    let host = "Host: localhost:9000\r\n";
    for (from, to, expected) in [
        ("Upgrade: WebSocket\r\n", "", "426 Upgrade Required"),
        ("keep-alive, Upgrade", "keep-alive", "426 Upgrade Required"),
        ("Version: 13", "Version: 8", "426 Upgrade Required"),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", "400 Bad Request"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "short", "400 Bad Request"),
    ] {
        let headers = UPGRADE.replace(from, to);
        assert_ne!(headers, UPGRADE);
        assert_eq!(status(&socket_with(&format!("{host}{headers}"))), expected, "{headers}");
    }
    let answer = whole_answer(&socket_with(host));
    assert!(answer.contains("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"), "{answer}");
    let whole = socket_with(&format!("{host}{UPGRADE}"));
    assert_eq!(status(&whole.replace("GET", "HEAD")), "400 Bad Request");
    assert_eq!(status(&whole.replace("HTTP/1.1", "HTTP/1.0")), "400 Bad Request");
    assert_eq!(status(&whole), "101 Switching Protocols");
}

#[test]
fn an_upgrade_waits_until_what_was_asked_for_before_is_answered() {
    let served = "GET /shelf.json HTTP/1.1\r\nHost: box\r\n\r\n";
    let mut requests =
        [served, &socket_with(&format!("Host: box\r\n{UPGRADE}"))].concat().into_bytes();
    requests.extend(frame(Opcode::Binary, b"hello", Some([1, 2, 3, 4])));
    let mut web = asks(WebMode::Https, LOOPBACK, false, &requests);
    assert_eq!(settle(&mut web), None);
    assert!(!web.is_upgraded() && web.below.sent.is_empty());
    web.visitor().unwrap().take_visit().unwrap();
    web.visitor().unwrap().show_shelf(&Shelf::new(1));
    assert!(matches!(web.read(&mut [0; 100]), Err(why) if why.kind() == ErrorKind::WouldBlock));
    assert!(!web.is_upgraded(), "the answer goes first");
    while web.has_pending() {
        web.flush_pending().unwrap();
    }
    assert!(web.has_buffered());
    let answer = std::mem::take(&mut web.below.sent);
    assert!(answer.starts_with(b"HTTP/1.1 200 ") && answer.ends_with(b"[]\n"));
    assert!(web.read(&mut [0; 100]).is_err() && web.is_upgraded());
    let mut socket = web.into_websocket();
    let mut buffer = [0; 100];
    assert_eq!(socket.read(&mut buffer).unwrap(), 5);
    assert_eq!(&buffer[..5], b"hello");
}
