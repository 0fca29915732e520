//! What those meet who put files on the shelf over HTTP, with curl as a rule, and are no members.

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use chatshelf_common::id::ItemId;
use chatshelf_common::text::Nick;
use chatshelf_common::wire::frame::{Item, Join};
use chatshelf_common::wire::{Code, Event};
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::programs::is_installed;
use chatshelf_testkit::raw;
use chatshelf_testkit::samples::{content, digest};
use chatshelf_testkit::stream::Base;
use data_encoding::BASE64;

use super::{answer, ask, password_file, rest};
use crate::harness::{Home, Room, connect, in_a_room};

/// Runs curl; what it prints is the head of the answer, then its content.
fn curl(arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new("curl");
    command.args(["-sSk", "-i"]).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

/// Has curl put a file on the shelf; returns the whole answer.
fn put(path: &Path, shelf: &str, arguments: &[&str]) -> String {
    let path = path.to_str().unwrap();
    let out = curl(&[&["-T", path, shelf], arguments].concat(), b"");
    assert!(out.status.success(), "{out:?}");
    String::from_utf8(out.stdout).unwrap()
}

fn shelf(server: SocketAddr, scheme: &str) -> String {
    format!("{scheme}://{server}/shelf/")
}

fn file(room: &Room, name: &str, content: &[u8]) -> PathBuf {
    let path = room.home.data_dir().with_file_name(name);
    fs::write(&path, content).unwrap();
    path
}

/// The item that a link leads to, once the room has heard of it.
fn shelved(peer: &mut Peer, link: &str) -> Item {
    let id = link.split("/item/").nth(1).and_then(|path| path.split('/').next());
    let id = ItemId(id.unwrap().parse().unwrap());
    peer.event(|event| match event {
        Event::Shelved(shelved) if shelved.item.id == id => Some(shelved.item.clone()),
        _ => None,
    })
}

/// Reads an answer, which must be a link.
fn link(stream: &mut impl Read) -> String {
    let (head, link) = answer(stream, true);
    assert!(head.starts_with("HTTP/1.1 201 Created\r\n"), "{head}");
    String::from_utf8(link).unwrap()
}

fn is_shelf_empty(server: SocketAddr) -> bool {
    let list =
        ask(server, b"GET /shelf.json HTTP/1.1\r\nHost: a.local\r\nConnection: close\r\n\r\n");
    list.ends_with("\r\n\r\n[]\n")
}

/// A request to put so many bytes on the shelf, without its content.
fn head(bytes: usize, headers: &str) -> String {
    format!("PUT /shelf/f HTTP/1.1\r\nHost: localhost\r\nContent-Length: {bytes}\r\n{headers}\r\n")
}

#[test]
fn curl_puts_a_file_on_the_shelf_where_everyone_sees_it() {
    if !is_installed("curl") {
        return;
    }
    in_a_room(&[], |room| {
        let mut ada = room.join("ada");
        for (number, (scheme, name, bytes)) in [
            ("http", "notes.txt", 12),
            ("https", "notes.txt", 3_000_000),
            ("http", "Grüße \"1\" 100%+#?.txt", 0),
            ("https", "報告 🚀.pdf", 70_000),
        ]
        .into_iter()
        .enumerate()
        {
            let sent = content(number as u64, bytes);
            let answer = put(&file(room, name, &sent), &shelf(room.address(), scheme), &[]);
            let link = answer.lines().last().unwrap();
            let item = shelved(&mut ada, link);
            assert_eq!((item.name.as_str(), item.size), (name, bytes as u64));
            assert_eq!((item.digest, item.nick.as_str()), (digest(&sent), "web-guest"));
            assert_eq!(ada.download(item.id), item);
            assert!(answer.contains("HTTP/1.1 201 Created\r\n"), "{answer}");
            assert!(link.starts_with(&format!("{scheme}://{}/item/", room.address())), "{link}");
            assert!(answer.contains(&format!("\r\nLocation: {link}\r\n")), "{answer}");
            let got = Command::new("curl").args(["-sSfk", link]).output().unwrap();
            assert!(got.status.success() && got.stdout == sent, "{link}");
            let head = String::from_utf8(curl(&["-I", link], b"").stdout).unwrap();
            assert!(head.contains(&format!("\r\nContent-Length: {bytes}\r\n")), "{head}");
            assert!(head.contains(&format!("\r\nETag: \"b3-{}\"\r\n", item.digest)), "{head}");
        }
    });
}

#[test]
fn nobody_can_pass_for_a_guest() {
    in_a_room(&[], |room| {
        let mut eve = Peer::connect(room.address());
        eve.send_bytes(&raw::hello());
        let nick = Nick::from_bytes(b"Web-Guest").unwrap();
        eve.send(&Join::new(nick, None));
        let refused = eve.refused();
        assert_eq!(refused.code, Code::NICK_INVALID);
        assert!(refused.detail.unwrap().as_str().contains("web-guest"));
    });
}

#[test]
fn the_digest_that_is_told_is_verified() {
    if !is_installed("curl") {
        return;
    }
    in_a_room(&[], |room| {
        let sent = content(1, 2_000_000);
        let path = file(room, "f", &sent);
        let of = |algorithm, content: &[u8]| {
            BASE64.encode(ring::digest::digest(algorithm, content).as_ref())
        };
        for (name, algorithm) in
            [("sha-256", &ring::digest::SHA256), ("sha-512", &ring::digest::SHA512)]
        {
            for (content, status) in [(&sent[1..], "400 Bad Request"), (&sent[..], "201 Created")] {
                let header = format!("Repr-Digest: {name}=:{}:", of(algorithm, content));
                let answer = put(&path, &shelf(room.address(), "http"), &["-H", &header]);
                assert!(answer.contains(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
            }
        }
        // Each of two counts.
        let long = format!("Repr-Digest: sha-512=:{}:", of(&ring::digest::SHA512, &sent));
        let short = format!("Content-Digest: sha-256=:{}:", of(&ring::digest::SHA256, &sent[1..]));
        let answer = put(&path, &shelf(room.address(), "http"), &["-H", &long, "-H", &short]);
        assert!(answer.contains("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
        let answer = put(&path, &shelf(room.address(), "http"), &["-H", "Repr-Digest: md5=:AA==:"]);
        assert!(answer.contains("\r\nWant-Repr-Digest: sha-512=10, sha-256=10\r\n"), "{answer}");
        room.home.wait_for_items_on_disk(&[2, 4]);
    });
}

#[test]
fn what_is_over_a_limit_is_refused_and_leaves_nothing() {
    if !is_installed("curl") {
        return;
    }
    for (options, sizes, expected) in [
        (&["--max-file-size", "1MB"][..], &[1_000_001][..], "413 Content Too Large"),
        (&["--min-free", "1EB"], &[1_000], "507 Insufficient Storage"),
        (
            &["--limit-exempt", "none", "--limit-uploads", "1MB+1MB/h"],
            &[900_000, 900_000],
            "429 Too Many Requests",
        ),
        (
            &["--limit-exempt", "none", "--limit-address-uploads", "1MB+1MB/h"],
            &[900_000, 900_000],
            "429 Too Many Requests",
        ),
    ] {
        in_a_room(options, |room| {
            let mut answer = String::new();
            for bytes in sizes {
                let path = file(room, "f", &content(1, *bytes));
                answer = put(&path, &shelf(room.address(), "http"), &[]);
            }
            assert!(answer.contains(&format!("HTTP/1.1 {expected}\r\n")), "{options:?}: {answer}");
            if expected.starts_with("429") {
                let wait = answer.lines().find_map(|line| line.strip_prefix("Retry-After: "));
                let seconds: u64 = wait.unwrap().parse().unwrap();
                assert!((2_000..=3_600).contains(&seconds), "four fifths of an hour: {seconds}");
                let words = format!("; at most 1000000 bytes at once; try again in {seconds} s");
                assert!(answer.trim_end().ends_with(&words), "{answer}");
                room.home.wait_for_items_on_disk(&[1]);
            } else {
                assert!(is_shelf_empty(room.address()));
            }
        });
    }
}

#[test]
fn guests_who_come_at_once_get_no_more_than_one_after_the_other() {
    in_a_room(&["--limit-exempt", "none", "--limit-uploads", "100KB/h"], |room| {
        let expects = head(60_000, "Expect: 100-continue\r\n");
        let mut first = connect(room.address());
        first.write_all(expects.as_bytes()).unwrap();
        let mut told = [0; 25];
        first.read_exact(&mut told).unwrap();
        assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
        for _ in 0..3 {
            let mut other = connect(room.address());
            other.write_all(expects.as_bytes()).unwrap();
            assert!(answer(&mut other, true).0.starts_with("HTTP/1.1 429 "));
        }
        // Half of it is here, and counts once.
        first.write_all(&[7; 30_000]).unwrap();
        let mut small = connect(room.address());
        small.write_all(&[head(30_000, "").as_bytes(), &[7; 30_000]].concat()).unwrap();
        link(&mut small);
        first.write_all(&[7; 30_000]).unwrap();
        link(&mut first);
    });
}

#[test]
fn a_file_of_unknown_length_or_in_parts_is_not_taken() {
    if !is_installed("curl") {
        return;
    }
    in_a_room(&[], |room| {
        let shelf = shelf(room.address(), "http");
        let answer = curl(&["-T", "-", &format!("{shelf}f")], b"hello").stdout;
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 411 Length Required\r\n"), "{answer}");
        let why = "The length of the file must be known: curl -T FILE, not curl -T -.\n";
        assert!(answer.ends_with(why), "{answer}");
        let path = file(room, "f", &content(1, 1_000));
        let answer = put(&path, &shelf, &["-C", "500"]);
        assert!(answer.contains("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
        let answer = put(&path, &format!("{shelf}a/../b"), &["--path-as-is"]);
        assert!(answer.contains("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
        let answer = put(&path, &format!("{shelf}..%2f..%2fkey.pem"), &[]);
        assert!(answer.contains("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
        assert!(is_shelf_empty(room.address()));
    });
}

#[test]
fn a_guest_shows_the_password_before_anything_is_taken() {
    if !is_installed("curl") {
        return;
    }
    let home = Home::new();
    let password = password_file(&home);
    let server = home.start(&["--password-file", password.to_str().unwrap()]);
    let room = Room { home, server };
    let path = file(&room, "f", &content(1, 3_000_000));
    let shelf = shelf(room.address(), "https");
    for (shown, status) in
        [(&[][..], "401"), (&["-u", ":wrong"], "401"), (&["-u", "ada:friend"], "201")]
    {
        let answer = put(&path, &shelf, shown);
        assert!(answer.contains(&format!("HTTP/1.1 {status} ")), "{shown:?}: {answer}");
        assert_eq!(answer.contains("HTTP/1.1 100 Continue"), status == "201", "{answer}");
        if status == "201" {
            // The link says all that it takes.
            let link = answer.lines().last().unwrap();
            let got = curl(&["-f", link], b"");
            assert!(got.status.success() && got.stdout.ends_with(&fs::read(&path).unwrap()));
        }
    }
    room.home.wait_for_items_on_disk(&[1]);
    room.server.end_well();
}

#[test]
fn files_and_other_requests_follow_one_another_on_a_connection() {
    in_a_room(&[], |room| {
        let mut ada = room.join("ada");
        for encrypted in [false, true] {
            let tcp = connect(room.address());
            let mut stream = if encrypted { Base::foreign_tls(tcp) } else { Base::Plain(tcp) };
            let sent = content(3, 600_000);
            let list = "GET /shelf.json HTTP/1.1\r\nHost: localhost\r\n\r\n";
            let all = [
                [head(600_000, "").as_bytes(), &sent].concat(),
                list.into(),
                head(0, "").into(),
                [head(5, "Connection: close\r\n").as_bytes(), b"hello"].concat(),
            ];
            stream.write_all(&all.concat()).unwrap();
            let first = link(&mut stream);
            assert!(first.ends_with("/f\n"), "{first}");
            let item = shelved(&mut ada, &first);
            assert_eq!(item.digest, digest(&sent));
            assert!(answer(&mut stream, true).0.starts_with("HTTP/1.1 200 "));
            for bytes in [0, 5] {
                assert_eq!(shelved(&mut ada, &link(&mut stream)).size, bytes);
            }
            assert_eq!(rest(&mut stream), "", "it was asked to close");
            assert_eq!(ada.download(item.id), item);
        }
    });
}

#[test]
fn an_upload_that_is_interrupted_or_stops_leaves_nothing() {
    in_a_room(&["--upload-timeout", "1"], |room| {
        let mut ada = room.join("ada");
        for number in 0..20 {
            let mut stream = connect(room.address());
            stream.write_all(head(1_000_000, "").as_bytes()).unwrap();
            stream.write_all(&content(1, number * 30_000)).unwrap();
        }
        room.home.wait_for_no_uploads();
        // Nothing comes any more.
        let mut stream = connect(room.address());
        stream.write_all(head(1_000_000, "").as_bytes()).unwrap();
        stream.write_all(&content(1, 300_000)).unwrap();
        let answer = rest(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
        assert!(is_shelf_empty(room.address()));
        ada.say_and_hear("still here");
    });
}

#[test]
fn what_was_answered_is_on_the_shelf_after_a_crash() {
    let home = Home::new();
    let sent = content(4, 1_500_000);
    for number in 1..=5 {
        let server = home.start(&["--durability", "always"]);
        let mut stream = connect(server.address());
        stream.write_all(&[head(sent.len(), "").as_bytes(), &sent].concat()).unwrap();
        assert!(link(&mut stream).ends_with(&format!("/item/{number}/f\n")));
        server.kill();
        let server = home.start(&[]);
        let mut ada = Peer::join(server.address(), "ada");
        let item = ada.download(ItemId(number));
        assert_eq!((item.digest, item.nick.as_str()), (digest(&sent), "web-guest"));
        server.end_well();
    }
}

#[test]
fn a_guest_is_held_back_as_a_member_is_and_keeps_nobody_waiting() {
    in_a_room(&[], |room| {
        let mut ada = room.join("ada");
        let sent = content(5, 30_000_000);
        let mut guests: Vec<_> = (0..3).map(|_| connect(room.address())).collect();
        std::thread::scope(|scope| {
            for stream in &mut guests {
                scope.spawn(|| {
                    stream.write_all(&[head(sent.len(), "").as_bytes(), &sent].concat()).unwrap();
                });
            }
            for _ in 0..20 {
                ada.say_and_hear("meanwhile");
            }
        });
        for stream in &mut guests {
            assert_eq!(shelved(&mut ada, &link(stream)).digest, digest(&sent));
        }
    });
}
