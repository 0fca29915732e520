//! HTTP on the room's port, without sockets.

mod putting;
mod upgrades;

use std::net::{IpAddr, Ipv4Addr};

use chatshelf_common::id::ItemId;
use chatshelf_common::password::Password;
use chatshelf_common::wire::frame::Refused;
use chatshelf_testkit::samples;

use super::*;
use crate::engine::Wanted;
use crate::net::fake::Fake;
use crate::web_mode::WebMode;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const NEIGHBOUR: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 7));
const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

const UPGRADE: &str = "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

fn site(mode: WebMode) -> Rc<Site> {
    let public_url = "https://room.example.org".parse().ok();
    Rc::new(Site::new(mode, public_url, "box".into(), None))
}

fn asks(mode: WebMode, peer: IpAddr, is_encrypted: bool, bytes: &[u8]) -> WebTransport<Fake> {
    let caller = Caller { peer: (peer, 4_000).into(), is_encrypted, may_be_plain: true };
    let (first, rest) = bytes.split_at(bytes.len().min(http::HEAD_BYTES_MAX));
    let mut below = Fake::new();
    below.come.extend(rest);
    WebTransport::new(below, &site(mode), caller, first)
}

/// Reads until nothing comes, and sends what there is to send; returns what the engine was told.
fn settle(web: &mut WebTransport<Fake>) -> Option<Code> {
    let told = loop {
        match web.read(&mut [0; 64 * 1024]) {
            Ok(0) => break None,
            Ok(_) => {}
            Err(why) if why.kind() == ErrorKind::WouldBlock => break None,
            Err(why) => break Some(why.downcast::<Refusal>().unwrap().0),
        }
    };
    while web.has_pending() {
        web.flush_pending().unwrap();
    }
    told
}

/// The status of the answer to a whole request over HTTP from this machine.
fn status(request: &str) -> String {
    status_for(WebMode::Https, LOOPBACK, false, request)
}

/// The answer to the same.
fn whole_answer(request: &str) -> String {
    answer_for(WebMode::Https, LOOPBACK, false, request)
}

fn answer_for(mode: WebMode, peer: IpAddr, is_encrypted: bool, request: &str) -> String {
    let mut web = asks(mode, peer, is_encrypted, request.as_bytes());
    settle(&mut web);
    String::from_utf8(web.below.sent).unwrap()
}

fn status_for(mode: WebMode, peer: IpAddr, is_encrypted: bool, request: &str) -> String {
    let answer = answer_for(mode, peer, is_encrypted, request);
    answer.lines().next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).unwrap().to_owned()
}

/// A refusal with the limit that was exceeded, and when to try again.
fn over(code: Code, limit: u64, retry_ms: u32) -> Refused {
    Refused { limit: Some(limit), retry_ms: Some(retry_ms), ..Refused::new(code, 0) }
}

fn socket_with(headers: &str) -> String {
    format!("GET /ws HTTP/1.1\r\n{headers}\r\n")
}

#[test]
fn only_names_of_the_server_are_answered_for() {
    for (host, expected) in [
        ("localhost:9000", "404 Not Found"),
        ("192.168.1.2:9000", "404 Not Found"),
        ("box", "404 Not Found"),
        ("room.example.org", "404 Not Found"),
        ("evil.example", "403 Forbidden"),
        ("room.example.org.evil.example", "403 Forbidden"),
        ("", "403 Forbidden"),
    ] {
        assert_eq!(
            status(&format!("GET /none HTTP/1.1\r\nHost: {host}\r\n\r\n")),
            expected,
            "{host}"
        );
    }
    let upgrade = socket_with(&format!("Host: box\r\n{UPGRADE}"));
    for whole in [
        "GET /none HTTP/1.1\r\nHost: box\r\n\r\n",
        "PUT /shelf/f HTTP/1.1\r\nHost: box\r\nContent-Length: 0\r\n\r\n",
        &upgrade,
    ] {
        let named = whole.replacen(" /", " http://evil.example/", 1);
        assert_eq!(status(&named), "400 Bad Request", "{named}");
        let agreed = named.replace("box", "evil.example");
        assert_eq!(status(&agreed), "403 Forbidden", "{agreed}");
        assert_eq!(status(&named.replace("http", "ftp")), "400 Bad Request");
    }
    let named = upgrade.replacen(" /", " http://BOX/", 1);
    assert_eq!(status(&named), "101 Switching Protocols");
}

#[test]
fn pages_from_elsewhere_get_no_socket() {
    let with = |host: &str, page: &str| {
        socket_with(&format!("Host: {host}\r\nOrigin: {page}\r\n{UPGRADE}"))
    };
    let (yes, no) = ("101 Switching Protocols", "403 Forbidden");
    for (is_encrypted, host, page, expected) in [
        (true, "box:9000", "https://box:9000", yes),
        (true, "box:9000", "https://BOX:9000", yes),
        (true, "box:9000", "http://box:9000", no),
        (true, "box:9000", "https://box", no),
        (true, "box:9000", "https://evil.example", no),
        (true, "box:9000", "https://evil.example/box:9000", no),
        (true, "box:9000", "null", no),
        (true, "box:9000", "", no),
        (false, "box:9000", "http://box:9000", yes),
        (false, "box:9000", "https://box:9000", no),
        // A reverse proxy on this machine has taken TLS off.
        (false, "room.example.org", "https://room.example.org", yes),
        (false, "room.example.org", "https://evil.example", no),
    ] {
        let status = status_for(WebMode::Https, LOOPBACK, is_encrypted, &with(host, page));
        assert_eq!(status, expected, "{host} {page} {is_encrypted}");
    }
    let own = with("box", "http://box");
    for second in ["https://evil.example", "http://box", "\u{ff}"] {
        let both = own.replace("Origin", &format!("Origin: {second}\r\nOrigin"));
        assert_eq!(status(&both), "400 Bad Request", "{second}");
    }
    assert_eq!(status(&own.replace("http://box", "\u{ff}")), "400 Bad Request");
}

#[test]
fn a_method_that_a_path_does_not_have_is_answered_with_those_it_has() {
    for (request, allowed) in [
        ("POST /shelf/f", "GET, HEAD, PUT"),
        ("DELETE /shelf/f", "GET, HEAD, PUT"),
        ("PUT /shelf.json", "GET, HEAD"),
        ("PUT /item/7", "GET, HEAD"),
        ("OPTIONS /", "GET, HEAD"),
        ("POST /ws", "GET"),
        ("PUT /ws", "GET"),
    ] {
        for content in ["Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n0"] {
            let answer = whole_answer(&format!("{request} HTTP/1.1\r\nHost: box\r\n{content}"));
            assert!(answer.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"), "{answer}");
            assert!(answer.contains(&format!("\r\nAllow: {allowed}\r\n")), "{answer}");
            assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
        }
    }
}

#[test]
fn without_tls_only_those_are_served_for_whom_the_mode_allows_it() {
    let request = "GET /none HTTP/1.1\r\nHost: 192.168.1.2:9000\r\n\r\n";
    let (served, sent_on) = ("404 Not Found", "403 Forbidden");
    for (mode, peer, is_encrypted, expected) in [
        (WebMode::Https, LOOPBACK, false, served),
        (WebMode::Https, NEIGHBOUR, false, sent_on),
        (WebMode::Https, STRANGER, true, served),
        (WebMode::Http, LOOPBACK, false, served),
        (WebMode::Http, NEIGHBOUR, false, served),
        (WebMode::Http, STRANGER, false, sent_on),
        (WebMode::Http, STRANGER, true, served),
    ] {
        let status = status_for(mode, peer, is_encrypted, request);
        assert_eq!(status, expected, "{mode:?} {peer} {is_encrypted}");
    }
    let mut web = asks(WebMode::Https, NEIGHBOUR, false, request.as_bytes());
    settle(&mut web);
    let page = String::from_utf8(web.below.sent).unwrap();
    assert!(page.contains("href=\"https://192.168.1.2:9000/\""), "{page}");
    assert!(page.contains("\r\nContent-Security-Policy: default-src 'none'\r\n"), "{page}");
}

#[test]
fn after_its_answer_a_connection_ends_and_what_comes_is_discarded() {
    for (request, code) in [
        ("GET /none HTTP/1.1\r\nHost: box\r\n\r\n", Code::LEFT),
        ("GET / HTTP/1.1\r\n\r\n", Code::NOT_CHATSHELF),
        ("POST / HTTP/1.1\r\nHost: box\r\nContent-Length: 5\r\n\r\nhello", Code::LEFT),
        ("Is there anybody?\r\n", Code::NOT_CHATSHELF),
    ] {
        let mut web = asks(WebMode::Https, LOOPBACK, false, request.as_bytes());
        assert_eq!(settle(&mut web), Some(code), "{request}");
        let answer = String::from_utf8(web.below.sent.clone()).unwrap();
        assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
        assert_eq!(web.write(b"\x05goodbye").unwrap(), 8, "the engine may say what it likes");
        web.below.come.extend(b"GET /ws HTTP/1.1\r\nHost: box\r\n\r\n");
        assert_eq!(settle(&mut web), None);
        assert!(!web.is_upgraded() && web.below.sent == answer.as_bytes());
        web.shutdown_write().unwrap();
    }
}

#[test]
fn requests_for_the_shelf_are_answered_in_order_and_the_connection_stays() {
    let request = "GET /shelf.json HTTP/1.1\r\nHost: box\r\n\r\n";
    let three = [request, request, &request.replace("Host", "Connection: close\r\nHost")].concat();
    let mut web = asks(WebMode::Https, LOOPBACK, false, three.as_bytes());
    for number in 0..3 {
        assert_eq!(settle(&mut web), None);
        let visitor = web.visitor().unwrap();
        let visit = visitor.take_visit().unwrap();
        assert_eq!((visit.wanted, visit.password), (Wanted::Shelf, None));
        assert_eq!(visitor.take_visit(), None, "one at a time");
        assert!(!web.has_buffered());
        web.below.sent.clear();
        assert!(web.visitor().unwrap().refuse(&over(Code::TOO_MUCH_SENT, 70, 1_500)));
        assert!(web.has_pending() && !web.has_buffered());
        while web.has_pending() {
            web.flush_pending().unwrap();
        }
        let answer = String::from_utf8(web.below.sent.clone()).unwrap();
        assert!(answer.starts_with("HTTP/1.1 429 ") && answer.contains("\r\nRetry-After: 2\r\n"));
        let words = "; at most 70 bytes at once; try again in 2 s\n";
        assert!(answer.ends_with(words), "{answer}");
        assert_eq!(answer.contains("\r\nConnection: close\r\n"), number == 2);
        assert!(web.has_buffered(), "the next one, or the end");
    }
    assert_eq!(settle(&mut web), Some(Code::LEFT));
}

#[test]
fn content_goes_through_unchanged_and_nothing_else_does() {
    let request = "GET /item/7 HTTP/1.1\r\nHost: box\r\nRange: bytes=2-5\r\n\r\n";
    let mut web = asks(WebMode::Https, LOOPBACK, false, request.as_bytes());
    assert_eq!(settle(&mut web), None);
    let visitor = web.visitor().unwrap();
    assert_eq!(visitor.take_visit().unwrap().wanted, Wanted::Item(ItemId(7)));
    let item = samples::item(7, "notes.txt", 10, samples::digest(b"hello"));
    assert_eq!(visitor.show_item(&item), Some(2..6));
    visitor.begin_content();
    assert!(!visitor.refuse(&Refused::new(Code::STORAGE_FAILED, 0)), "it is too late for that");
    assert!(web.write(b"34").is_err(), "the head goes first");
    while web.has_pending() {
        web.flush_pending().unwrap();
    }
    assert_eq!((web.write(b"23").unwrap(), web.write_piece(b"45").unwrap()), (2, 2));
    assert!(web.below.sent.ends_with(b"\r\n\r\n2345"));
    let length = web.below.sent.len();
    assert_eq!(web.write(b"goodbye").unwrap(), 7);
    assert_eq!(web.below.sent.len(), length, "nobody would understand it");
    web.below.come.extend(b"GET /ws HTTP/1.1\r\n");
    web.below.come.extend(format!("Host: box\r\n{UPGRADE}\r\n").as_bytes());
    assert!(web.has_buffered());
    web.below.sent.clear();
    assert_eq!(settle(&mut web), None);
    assert!(web.is_upgraded(), "whatever was served before");
    assert!(web.below.sent.starts_with(b"HTTP/1.1 101 "));
}

#[test]
fn whoever_does_not_wait_for_answers_is_answered_one_by_one() {
    let request = "GET /shelf.json HTTP/1.1\r\nHost: box\r\n\r\n";
    let mut web = asks(WebMode::Https, LOOPBACK, false, request.repeat(1_000).as_bytes());
    for _ in 0..1_000 {
        assert_eq!(settle(&mut web), None);
        let kept = web.incoming.len();
        assert!(kept <= http::HEAD_BYTES_MAX, "{kept} bytes: the rest stays in the kernel");
        assert!(web.visitor().unwrap().refuse(&Refused::new(Code::TOO_MUCH_SENT, 0)));
        assert_eq!(settle(&mut web), None);
    }
    assert_eq!(settle(&mut web), None);
    assert!(web.visitor().unwrap().take_visit().is_none() && web.below.come.is_empty());
}

#[test]
fn an_answer_is_the_last_where_the_engine_wants_it_to_be() {
    let request = "GET / HTTP/1.1\r\nHost: box\r\n\r\n";
    let mut web = asks(WebMode::Https, LOOPBACK, false, request.as_bytes());
    assert_eq!(settle(&mut web), None);
    let visitor = web.visitor().unwrap();
    assert_eq!(visitor.take_visit().unwrap().wanted, Wanted::Page);
    visitor.make_last();
    let bytes = visitor.show_page();
    assert_eq!(settle(&mut web), None);
    assert_eq!(web.below.sent.len() as u64, bytes);
    let answer = String::from_utf8(web.below.sent.clone()).unwrap();
    assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
    assert_eq!(settle(&mut web), Some(Code::LEFT));
}

#[test]
fn a_password_is_shown_as_basic_has_it() {
    for (header, shown) in [
        ("Authorization: Basic Z3Vlc3Q6ZnJpZW5k\r\n", Some("friend")),
        ("authorization: BASIC OmE6Yg==\r\n", Some("a:b")),
        ("Authorization: Bearer Z3Vlc3Q6ZnJpZW5k\r\n", None),
        ("Authorization: Basic friend\r\n", None),
        ("", None),
    ] {
        let request = format!("GET /shelf.json HTTP/1.1\r\nHost: box\r\n{header}\r\n");
        let mut web = asks(WebMode::Https, LOOPBACK, true, request.as_bytes());
        settle(&mut web);
        let visit = web.visitor().unwrap().take_visit().unwrap();
        assert_eq!(visit.password, shown.and_then(|it| Password::new(it.as_bytes())), "{header}");
    }
}

#[test]
fn what_comes_after_the_end_was_said_is_not_answered() {
    let mut web = asks(WebMode::Https, LOOPBACK, false, b"GET / HT");
    assert_eq!(settle(&mut web), None);
    web.shutdown_write().unwrap();
    web.below.come.extend(b"TP/1.1\r\n\r\n");
    assert_eq!(settle(&mut web), None);
    assert!(web.below.sent.is_empty());
}

#[test]
fn a_head_that_does_not_come_whole_in_time_is_answered_and_silence_is_not() {
    let served = "GET /shelf.json HTTP/1.1\r\nHost: box\r\n\r\n";
    for (come, is_late) in
        [("G", true), ("GET / HTTP/1.1\r\nHost: box\r\n", true), ("", false), ("\r\n", false)]
    {
        for before in ["", served] {
            let come = [before, come].concat();
            let mut web = asks(WebMode::Https, LOOPBACK, false, come.as_bytes());
            assert_eq!(settle(&mut web), None);
            if !before.is_empty() {
                web.visitor().unwrap().take_visit().unwrap();
                assert!(web.visitor().unwrap().refuse(&Refused::new(Code::ITEM_UNKNOWN, 0)));
                assert_eq!(settle(&mut web), None);
                // What has come behind the first request is looked at once that is answered.
                assert_eq!(settle(&mut web), None);
            }
            web.below.sent.clear();
            web.visitor().unwrap().time_out();
            assert_eq!(settle(&mut web), None);
            let answer = String::from_utf8(web.below.sent.clone()).unwrap();
            let (status, end) = ("HTTP/1.1 408 Request Timeout\r\n", "\r\nConnection: close\r\n");
            assert_eq!(answer.starts_with(status) && answer.contains(end), is_late, "{answer}");
            assert_eq!(answer.is_empty(), !is_late, "{come:?}: {answer}");
        }
    }
    // One that is whole has come in time.
    let mut web = asks(WebMode::Https, LOOPBACK, false, served.as_bytes());
    settle(&mut web);
    web.visitor().unwrap().time_out();
    settle(&mut web);
    assert!(web.below.sent.is_empty() && web.visitor().unwrap().take_visit().is_some());
}

#[test]
fn a_head_that_never_ends_is_refused_at_its_bound() {
    let mut web = asks(WebMode::Https, LOOPBACK, false, b"GET / HTTP/1.1\r\nA: ");
    web.below.come.extend([b'x'; 100_000]);
    assert_eq!(settle(&mut web), Some(Code::NOT_CHATSHELF));
    assert!(web.below.sent.starts_with(b"HTTP/1.1 431 "));
    assert!(web.incoming.is_empty(), "it keeps nothing of it");
}

#[test]
fn no_answer_to_head_has_a_content() {
    let host = "Host: box\r\n";
    for request in [
        "HEAD / HTTP/1.1\r\n\r\n",
        &format!("HEAD / HTTP/1.1\r\n{host}Content-Length: 5\r\n\r\nhello"),
        &format!("HEAD / HTTP/3.0\r\n{host}\r\n"),
        &format!("HEAD /{} HTTP/1.1\r\n", "x".repeat(9_000)),
        &format!("\r\nHEAD / HTTP/1.1\r\n{host}{}\r\n", "a: b\r\n".repeat(40)),
        &format!("HEAD /ws HTTP/1.1\r\n{host}\r\n"),
        &format!("HEAD /ws HTTP/1.1\r\n{host}{UPGRADE}\r\n"),
        &format!("HEAD /none HTTP/1.1\r\n{host}\r\n"),
        "HEAD / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "HEAD / HTTP/1.1\r\nHost: a:b\r\n\r\n",
    ] {
        let answer = whole_answer(request);
        assert!(
            answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 505 "),
            "{answer}"
        );
        assert!(answer.ends_with("\r\n\r\n") && !answer.contains("Length: 0"), "{answer}");
    }
    let mut web = asks(WebMode::Https, LOOPBACK, false, b"HEAD / HTTP/1.1\r\nHo");
    settle(&mut web);
    web.visitor().unwrap().time_out();
    settle(&mut web);
    let answer = String::from_utf8(web.below.sent).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.ends_with("\r\n\r\n"), "{answer}");
}
