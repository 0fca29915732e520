//! What those get who watch a server over HTTP, and what those cannot do who abuse that.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::programs::{Program, Server, server_command};
use chatshelf_testkit::wait::HANG;

use crate::harness::{Home, binary};

/// A server that can be watched, and where.
pub(crate) fn watched(home: &Home) -> (Server, SocketAddr) {
    let mut server = home.start(&["--metrics", "127.0.0.1:0"]);
    let address = server.prints("chatshelf-server: metrics at http://");
    let address = address.strip_suffix("/metrics").and_then(|it| it.parse().ok());
    (server, address.expect("an address"))
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(HANG)).unwrap();
    stream
}

/// Sends this and reads to the end: head and content of the answer.
fn ask(address: SocketAddr, request: &str) -> (String, String) {
    let mut stream = connect(address);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, content) = answer.split_once("\r\n\r\n").expect("a head");
    (head.to_owned(), content.to_owned())
}

pub(crate) fn get(address: SocketAddr, path: &str) -> (String, String) {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n"))
}

#[test]
fn the_page_has_what_the_room_has_done() {
    let home = Home::new();
    let (server, address) = watched(&home);
    let mut ada = Peer::join(server.address(), "ada");
    ada.say_and_hear("hello");
    ada.upload("hello.txt", b"hello");
    let (head, page) = get(address, "/metrics");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("\r\nContent-Type: text/plain; version=0.0.4"), "{head}");
    for line in [
        "chatshelf_members 1",
        "chatshelf_members_max 10000",
        "chatshelf_lines_total 1",
        "chatshelf_uploads_total 1",
        "chatshelf_shelf_bytes 5",
        "chatshelf_closes_total{code=\"LEFT\"} 0",
        "chatshelf_journal_failing 0",
    ] {
        assert!(page.lines().any(|it| it == line), "{line}:\n{page}");
    }
    let (head, nothing) = ask(address, "HEAD /metrics HTTP/1.0\r\n\r\n");
    assert!(head.contains(&format!("Content-Length: {}", page.len())), "{head}");
    assert_eq!(nothing, "");
    server.end_well();
}

#[test]
fn what_is_no_request_for_a_page_is_answered_with_its_status() {
    let home = Home::new();
    let (server, address) = watched(&home);
    let long = "x".repeat(9_000);
    for (request, status) in [
        ("GET / HTTP/1.0\r\n\r\n".to_owned(), "404 Not Found"),
        (
            "POST /metrics HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello".into(),
            "405 Method Not Allowed",
        ),
        (
            "PUT /metrics HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello".into(),
            "405 Method Not Allowed",
        ),
        ("GET /metrics HTTP/1.1\r\n\r\n".into(), "400 Bad Request"),
        ("what is this\r\n\r\n".into(), "400 Bad Request"),
        ("(no method)\r\n\r\n".into(), "400 Bad Request"),
        (format!("GET /{long} HTTP/1.0\r\n\r\n"), "414 URI Too Long"),
        (format!("GET / HTTP/1.0\r\nA: {long}\r\n\r\n"), "431 Request Header Fields Too Large"),
        ("GET /healthz HTTP/1.0\r\n\r\n".into(), "200 OK"),
    ] {
        let (head, _) = ask(address, &request);
        assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request:.40}: {head}");
        assert!(head.contains("\r\nConnection: close"), "{head}");
    }
    server.end_well();
}

#[test]
fn an_enemy_of_the_page_keeps_neither_the_room_nor_the_page_from_anyone() {
    let home = Home::new();
    let (server, address) = watched(&home);
    let mut ada = Peer::join(server.address(), "ada");
    // Many that are slow: more than there may be, and none says all of its request.
    let mut slow: Vec<TcpStream> = (0..50).map(|_| connect(address)).collect();
    slow.iter_mut().for_each(|it| drop(it.write_all(b"GET /metrics HTTP/1.1\r\nHo")));
    // Some that say too much, and read nothing.
    let greedy: Vec<TcpStream> = (0..4)
        .map(|_| {
            let mut stream = connect(address);
            let _ = stream.write_all(&b"GET /metrics HTTP/1.0\r\n\r\n".repeat(10_000));
            stream
        })
        .collect();
    ada.say_and_hear("still here");
    assert_eq!(get(address, "/healthz").1, "ok\n");
    // The oldest of the slow ones had to make room.
    let closed = slow[0].read(&mut [0]);
    assert!(!matches!(closed, Ok(1)), "{closed:?}");
    // Many that come one after the other.
    let flood = std::thread::spawn(move || (0..150).for_each(|_| drop(connect(address))));
    for number in 0..50 {
        ada.say_and_hear(&format!("line {number}"));
    }
    flood.join().unwrap();
    assert!(get(address, "/metrics").1.contains("\nchatshelf_members 1\n"));
    drop((slow, greedy));
    server.end_well();
}

#[test]
fn an_address_in_use_is_named_with_what_to_try() {
    let home = Home::new();
    let (server, address) = watched(&home);
    let other = Home::new();
    let mut command = server_command(binary(), &other.data_dir());
    let ended = Program::run(command.args(["--metrics", &address.to_string()]), "");
    ended.has_code(1);
    assert_eq!(
        ended.complaint(),
        format!("chatshelf-server: {address} is already in use; try another --metrics")
    );
    server.end_well();
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_whose_disk_fails_is_not_healthy() {
    let home = Home::new();
    let (server, address) = watched(&home);
    let mut ada = Peer::join(server.address(), "ada");
    assert_eq!(get(address, "/healthz").1, "ok\n");
    std::fs::remove_dir_all(home.data_dir()).unwrap();
    ada.say_and_hear("the room goes on");
    let (head, words) =
        chatshelf_testkit::wait::eventually("a server that knows of its disk", || {
            let answer = get(address, "/healthz");
            (answer.1 != "ok\n").then_some(answer)
        });
    assert!(head.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{head}");
    assert_eq!(words, "the log cannot be written to disk\n");
    server.kill();
}
