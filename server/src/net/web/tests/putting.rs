//! Files that are put on the shelf.

use super::*;

const HEAD: &str = "PUT /shelf/my%20notes.txt HTTP/1.1\r\nHost: box:9000\r\nContent-Length: 5\r\n";
const LIST: &[u8] = b"GET /shelf.json HTTP/1.1\r\nHost: box\r\n\r\n";

/// Reads what content there is.
fn content(web: &mut WebTransport<Fake>) -> Vec<u8> {
    let (mut content, mut buffer) = (Vec::new(), [0; 3]);
    loop {
        match web.read(&mut buffer) {
            Ok(count) => content.extend_from_slice(&buffer[..count]),
            Err(why) if why.kind() == ErrorKind::WouldBlock => return content,
            Err(why) => panic!("{why}"),
        }
    }
}

/// Has the visit begin, of which nothing is read before.
fn begin(web: &mut WebTransport<Fake>) -> Visit {
    assert_eq!(content(web), b"", "nobody has asked for it");
    let visit = web.visitor().unwrap().take_visit().unwrap();
    assert!(!web.has_buffered());
    web.visitor().unwrap().accept_content();
    visit
}

/// Sends what waits; returns all that was sent since the last time.
fn sent(web: &mut WebTransport<Fake>) -> String {
    while web.has_pending() {
        web.flush_pending().unwrap();
    }
    String::from_utf8(std::mem::take(&mut web.below.sent)).unwrap()
}

#[test]
fn a_file_is_read_and_answered_with_its_link_however_it_is_cut() {
    let whole = [format!("{HEAD}\r\nhello").as_bytes(), LIST].concat();
    let end = whole.len() - LIST.len();
    for cut in 1..=whole.len() {
        let (first, rest) = whole.split_at(cut);
        let mut web = asks(WebMode::Https, LOOPBACK, true, first);
        let mut rest = rest.iter();
        if cut < end - 5 {
            assert_eq!(content(&mut web), b"");
            web.below.come.extend(rest.by_ref().take(end - 5 - cut));
        }
        let visit = begin(&mut web);
        let Wanted::Shelve(file) = visit.wanted else { panic!("{visit:?}") };
        assert_eq!((file.name.as_str(), file.size), ("my notes.txt", 5));
        let mut got = content(&mut web);
        for byte in rest {
            web.below.come.push_back(*byte);
            got.extend(content(&mut web));
        }
        assert_eq!(got, b"hello", "cut at {cut}");
        assert!(!web.has_buffered(), "the next request waits for this answer");
        let item = samples::item(7, "my notes.txt", 5, samples::digest(b"hello"));
        web.visitor().unwrap().show_shelved(&item);
        let answer = sent(&mut web);
        let link = "https://box:9000/item/7/my%20notes.txt";
        assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");
        assert!(answer.contains(&format!("\r\nLocation: {link}\r\n")), "{answer}");
        assert!(answer.contains(&format!("\r\nETag: \"b3-{}\"\r\n", item.digest)), "{answer}");
        assert!(answer.ends_with(&format!("\r\n\r\n{link}\n")), "{answer}");
        assert!(!answer.contains("Connection: close"), "{answer}");
        assert!(web.has_buffered(), "and now it comes");
        assert_eq!(content(&mut web), b"");
        assert_eq!(web.visitor().unwrap().take_visit().unwrap().wanted, Wanted::Shelf);
    }
}

#[test]
fn whoever_waits_is_told_to_continue_once_the_file_may_come() {
    let expect = format!("{HEAD}Expect: 100-continue\r\n\r\n");
    let mut web = asks(WebMode::Https, LOOPBACK, false, expect.as_bytes());
    begin(&mut web);
    assert_eq!(sent(&mut web), "HTTP/1.1 100 Continue\r\n\r\n");
    web.below.come.extend(b"hello");
    assert_eq!(content(&mut web), b"hello");
    // Whoever does not wait is told nothing, nor one who could not understand it.
    for head in [format!("{expect}h"), expect.replace("1.1", "1.0"), format!("{HEAD}\r\n")] {
        let mut web = asks(WebMode::Https, LOOPBACK, false, head.as_bytes());
        begin(&mut web);
        assert_eq!(sent(&mut web), "", "{head}");
    }
    let mut web = asks(WebMode::Https, LOOPBACK, false, expect.as_bytes());
    content(&mut web);
    assert!(web.visitor().unwrap().take_visit().is_some());
    assert!(web.visitor().unwrap().refuse(&Refused::new(Code::FILE_TOO_LARGE, 0)));
    let answer = sent(&mut web);
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("Connection: close"));
}

#[test]
fn a_refusal_ends_the_connection_if_content_would_pass_for_a_request() {
    for (come, is_open) in [("", false), ("hell", false), ("hello", true)] {
        let mut web = asks(WebMode::Https, LOOPBACK, false, format!("{HEAD}\r\n{come}").as_bytes());
        begin(&mut web);
        assert_eq!(content(&mut web), come.as_bytes());
        assert!(web.visitor().unwrap().refuse(&Refused::new(Code::STORAGE_FULL, 0)));
        let answer = sent(&mut web);
        assert!(answer.starts_with("HTTP/1.1 507 Insufficient Storage\r\n"), "{answer}");
        assert_eq!(!answer.contains("\r\nConnection: close\r\n"), is_open, "{answer}");
        web.below.come.extend(LIST);
        assert_eq!(settle(&mut web), (!is_open).then_some(Code::LEFT));
        assert_eq!(web.visitor().unwrap().take_visit().is_some(), is_open);
    }
}

#[test]
fn an_empty_file_has_no_content_to_wait_for() {
    let head = HEAD.replace('5', "0");
    let mut web = asks(WebMode::Https, LOOPBACK, false, &[head.as_bytes(), b"\r\n", LIST].concat());
    begin(&mut web);
    assert!(!web.has_buffered());
    let item = samples::item(1, "my notes.txt", 0, samples::digest(b""));
    web.visitor().unwrap().show_shelved(&item);
    assert!(sent(&mut web).contains("\r\nLocation: http://box:9000/item/1/"));
    content(&mut web);
    assert_eq!(web.visitor().unwrap().take_visit().unwrap().wanted, Wanted::Shelf);
}

#[test]
fn a_peer_that_ends_within_its_content_has_ended() {
    let mut web = asks(WebMode::Https, LOOPBACK, false, format!("{HEAD}\r\nhel").as_bytes());
    begin(&mut web);
    assert_eq!(content(&mut web), b"hel");
    web.below.has_ended = true;
    assert_eq!(web.read(&mut [0; 9]).unwrap(), 0);
}

#[test]
fn requests_behind_a_file_are_kept_within_bounds() {
    let crowd = [format!("{HEAD}\r\nhello").as_bytes(), &LIST.repeat(1_000)].concat();
    let mut web = asks(WebMode::Https, LOOPBACK, false, &crowd);
    begin(&mut web);
    assert_eq!(content(&mut web), b"hello");
    assert!(web.incoming.len() <= http::HEAD_BYTES_MAX, "the rest stays in the kernel");
    let item = samples::item(1, "my notes.txt", 5, samples::digest(b"hello"));
    web.visitor().unwrap().show_shelved(&item);
    assert!(!sent(&mut web).contains("\r\nConnection: close\r\n"));
    assert_eq!(settle(&mut web), None);
    assert_eq!(web.visitor().unwrap().take_visit().unwrap().wanted, Wanted::Shelf);
}

#[test]
fn the_link_is_the_one_that_the_sender_has() {
    let link = |is_encrypted: bool, host: &str| {
        let head = HEAD.replace("box:9000", host);
        let peer = if is_encrypted { STRANGER } else { LOOPBACK };
        let mut web =
            asks(WebMode::Https, peer, is_encrypted, format!("{head}\r\nhello").as_bytes());
        begin(&mut web);
        content(&mut web);
        web.visitor().unwrap().show_shelved(&samples::item(7, "f", 5, samples::digest(b"hello")));
        sent(&mut web).lines().last().unwrap().to_owned()
    };
    assert_eq!(link(true, "192.0.2.1:9000"), "https://192.0.2.1:9000/item/7/f");
    assert_eq!(link(false, "localhost:9000"), "http://localhost:9000/item/7/f");
    // A reverse proxy on this machine has taken TLS off.
    assert_eq!(link(false, "Room.example.org"), "https://room.example.org/item/7/f");
}

#[test]
fn files_are_put_on_the_shelf_and_nowhere_else() {
    let whole = format!("{HEAD}\r\n");
    let put = |path: &str| status(&whole.replace("/shelf/my%20notes.txt", path));
    for path in ["/", "/shelf", "/item/7", "/shelf.json", "/index.html"] {
        assert_eq!(put(path), "405 Method Not Allowed", "{path}");
    }
    // What `curl -T -` sends, whose chunks pass for no request.
    let chunks = "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let answer = whole_answer(&HEAD.replace("Content-Length: 5\r\n", chunks));
    assert!(answer.starts_with("HTTP/1.1 411 ") && answer.matches("HTTP").count() == 1, "{answer}");
    assert!(
        answer.ends_with("The length of the file must be known: curl -T FILE, not curl -T -.\n")
    );
    assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
    let evil = whole.replace("Content", "Origin: https://evil.example\r\nContent");
    assert_eq!(status(&evil), "403 Forbidden");
    assert_eq!(status(&whole.replace("box:9000", "evil.example")), "403 Forbidden");
}
