//! What those get who fetch files from the shelf over HTTP, and are no members.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use chatshelf_common::id::ItemId;
use chatshelf_common::password::Password;
use chatshelf_common::web_link::item_path;
use chatshelf_common::wire::frame::{Drop, Item, Join};
use chatshelf_testkit::peer::Peer;
use chatshelf_testkit::programs::Server;
use chatshelf_testkit::samples::{content, nick};
use chatshelf_testkit::stream::Base;

use super::{answer, ask, password_file, rest};
use crate::harness::{Home, connect};

#[test]
fn items_are_served_whole_and_in_parts_on_one_connection() {
    let home = Home::new();
    let server = home.start(&[]);
    let mut ada = Peer::join(server.address(), "ada");
    let whole = content(7, 5_000_000);
    let item = ada.upload("Grüße \"1\".bin", &whole).0;
    for encrypted in [false, true] {
        let tcp = connect(server.address());
        let mut stream = if encrypted { Base::foreign_tls(tcp) } else { Base::Plain(tcp) };
        let get = |method: &str, headers: &str| {
            format!("{method} /item/{item}/x HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n")
        };
        // All at once: the answers come in order.
        let requests = [
            get("GET", ""),
            get("HEAD", ""),
            get("GET", "Range: bytes=4999990-\r\n"),
            get("GET", "Range: bytes=100-1000099\r\n"),
            get("GET", "Range: bytes=5000000-\r\n"),
            "GET /item/999 HTTP/1.1\r\nHost: localhost\r\n\r\n".into(),
            "GET /shelf.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".into(),
        ];
        stream.write_all(requests.concat().as_bytes()).unwrap();
        let (head, got) = answer(&mut stream, true);
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%221%22.bin\r\n"), "{head}");
        assert!(got == whole);
        assert_eq!(answer(&mut stream, false).0, head, "HEAD");
        let tag = head.lines().find_map(|line| line.strip_prefix("ETag: ")).unwrap().to_owned();
        assert!(answer(&mut stream, true).1 == whole[4_999_990..]);
        let (head, got) = answer(&mut stream, true);
        assert!(head.contains("\r\nContent-Range: bytes 100-1000099/5000000\r\n"), "{head}");
        assert!(got == whole[100..1_000_100]);
        assert!(answer(&mut stream, true).0.starts_with("HTTP/1.1 416 "));
        assert!(answer(&mut stream, true).0.starts_with("HTTP/1.1 404 "));
        let (_, list) = answer(&mut stream, true);
        let list: serde_json::Value = serde_json::from_slice(&list).unwrap();
        assert_eq!(list[0]["name"], "Grüße \"1\".bin");
        assert_eq!(tag, format!("\"b3-{}\"", list[0]["digest"].as_str().unwrap()));
        assert_eq!(rest(&mut stream), "", "it was asked to close");
    }
    ada.say_and_hear("still here");
    server.end_well();
}

#[test]
fn a_connection_that_has_served_visitors_may_become_a_members() {
    let home = Home::new();
    let server = home.start(&[]);
    let mut ada = Peer::join(server.address(), "ada");
    let whole = content(10, 3_000_000);
    let item = ada.upload("report", &whole).0;
    for (encrypted, nick) in [(false, "bob"), (true, "eve")] {
        let tcp = connect(server.address());
        let mut stream = if encrypted { Base::foreign_tls(tcp) } else { Base::Plain(tcp) };
        // As a reverse proxy does that keeps its connections.
        for path in ["/", "/shelf.json", &format!("/item/{item}"), "/item/999"] {
            let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            stream.write_all(request.as_bytes()).unwrap();
            let (head, content) = answer(&mut stream, true);
            assert!(!head.contains("\r\nConnection: close\r\n"), "{head}");
            assert!(!path.starts_with("/item/1") || content == whole);
        }
        let put = "PUT /shelf/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello";
        stream.write_all(put.as_bytes()).unwrap();
        assert!(answer(&mut stream, true).0.starts_with("HTTP/1.1 201 "));
        let mut peer = Peer::join_over_web(stream, server.address(), nick);
        peer.say_and_hear("from a browser");
        ada.hear("from a browser");
        assert_eq!(peer.download(ItemId(item)).size, whole.len() as u64);
        let own = peer.upload("from a browser", &whole);
        assert_eq!(ada.download(own).size, whole.len() as u64);
        peer.try_leave().unwrap();
        ada.sees_leave(nick);
    }
    server.end_well();
}

#[test]
fn curl_and_wget_fetch_and_resume() {
    let home = Home::new();
    let server = home.start(&[]);
    let mut ada = Peer::join(server.address(), "ada");
    let whole = content(8, 3_000_000);
    let item = ada.upload("報告 1.bin", &whole).0;
    let dir = tempfile::tempdir().unwrap();
    let url = |scheme: &str| format!("{scheme}://{}/item/{item}/report.bin", server.address());
    let run = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        match command.args(arguments).current_dir(dir.path()).stdin(Stdio::null()).output() {
            Ok(out) => assert!(out.status.success(), "{program}: {out:?}"),
            Err(_) => {
                println!("skipped: there is no {program}");
                return false;
            }
        }
        true
    };
    if run("curl", &["-sSfkOJ", &url("https")]) {
        assert!(fs::read(dir.path().join("報告 1.bin")).unwrap() == whole);
        fs::write(dir.path().join("part"), &whole[..1_000_000]).unwrap();
        run("curl", &["-sSf", "-C", "-", "-o", "part", &url("http")]);
        assert!(fs::read(dir.path().join("part")).unwrap() == whole);
    }
    fs::write(dir.path().join("report.bin"), &whole[..2_000_000]).unwrap();
    if run("wget", &["-q", "-c", "--no-check-certificate", &url("https")]) {
        assert!(fs::read(dir.path().join("report.bin")).unwrap() == whole);
    }
    server.end_well();
}

#[test]
fn a_visitor_who_goes_or_never_reads_keeps_nothing_and_nobody() {
    let home = Home::new();
    let server = home.start(&["--output-timeout", "1"]);
    let mut ada = Peer::join(server.address(), "ada");
    let item = ada.upload("large", &content(9, 30_000_000)).0;
    let request = format!("GET /item/{item} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut visitors: Vec<TcpStream> = (0..20).map(|_| connect(server.address())).collect();
    visitors.iter_mut().for_each(|it| it.write_all(request.as_bytes()).unwrap());
    for stream in &mut visitors[..10] {
        stream.read_exact(&mut [0; 100_000]).unwrap();
    }
    visitors.truncate(15);
    ada.say_and_hear("still here");
    // The item goes; whoever is being sent it is sent all of it.
    let mut last = connect(server.address());
    last.write_all(request.as_bytes()).unwrap();
    last.read_exact(&mut [0; 1_000]).unwrap();
    ada.send(&Drop { item: ItemId(item), key: None });
    let mut count = 1_000;
    let mut buffer = vec![0; 1 << 20];
    while count < 30_000_000 {
        count += last.read(&mut buffer).unwrap();
    }
    let mut late = connect(server.address());
    late.write_all(request.as_bytes()).unwrap();
    assert!(answer(&mut late, true).0.starts_with("HTTP/1.1 410 Gone\r\n"));
    for mut stream in visitors {
        // They took nothing for a second.
        rest(&mut stream);
    }
    server.end_well();
}

/// The status of the answer to a request for this path, without a password.
fn status_of(server: &Server, path: &str) -> String {
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    ask(server.address(), head.as_bytes()).split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn where_the_room_has_a_password_a_link_opens_its_item_and_nothing_else() {
    let home = Home::new();
    let password = password_file(&home);
    let options = ["--password-file", password.to_str().unwrap()];
    let server = home.start(&options);
    let password = Password::new(b"friend");
    let join = Join { password, ..Join::new(nick("ada"), None) };
    let (mut ada, _) = Peer::try_join_as(server.address(), &join).unwrap();
    let items = ["one", "two"].map(|name| {
        let id = ada.upload(name, &content(1, 100));
        ada.download(id)
    });
    let [one, two] = &items;
    assert!(one.link.is_some() && two.link.is_some() && one.link != two.link);
    let (own, other) = (item_path(one), item_path(&Item { link: two.link, ..one.clone() }));
    for (path, status) in [
        (&*own, "200"),
        (&format!("{own}&x=1"), "200"),
        ("/item/1", "401"),
        (&other, "401"),
        (&own[..own.len() - 1], "401"),
        (&own.replace("/item/1", "/item/2"), "401"),
        (&own.replace("/item/1/one", "/shelf.json"), "401"),
    ] {
        assert_eq!(status_of(&server, path), status, "{path}");
    }
    server.end_well();
    // It holds over a restart, also for what is added to the shelf then, and ends with the item.
    let server = home.start(&options);
    assert_eq!(status_of(&server, &own), "200");
    let (mut ada, _) = Peer::try_join_as(server.address(), &join).unwrap();
    assert_eq!(ada.download(one.id), *one);
    for number in 3..=7 {
        ada.upload(&format!("{number}"), &content(number, 10));
    }
    home.wait_for_items_on_disk(&[3, 4, 5, 6, 7]);
    assert_eq!(status_of(&server, &own), "401");
    assert!(!server.kill().stderr.contains(&one.link.unwrap().to_string()));
}

#[test]
fn where_the_room_has_a_password_visitors_show_it() {
    let home = Home::new();
    let password = password_file(&home);
    let server = home.start(&["--password-file", password.to_str().unwrap()]);
    let request = |shown: Option<&[u8]>| {
        let header = shown
            .map(|it| format!("Authorization: Basic {}\r\n", data_encoding::BASE64.encode(it)));
        let header = header.unwrap_or_default();
        format!("GET /shelf.json HTTP/1.1\r\nHost: localhost\r\n{header}\r\n")
    };
    for (shown, status) in [
        (None, "401 Unauthorized"),
        (Some(&b"guest:wrong"[..]), "401 Unauthorized"),
        (Some(b"guest:friend"), "200 OK"),
        (Some(b":friend"), "200 OK"),
    ] {
        let mut stream = connect(server.address());
        stream.write_all(request(shown).as_bytes()).unwrap();
        let (head, _) = answer(&mut stream, true);
        assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{shown:?}: {head}");
        assert_eq!(head.contains("\r\nWWW-Authenticate: Basic realm="), status.starts_with("401"));
    }
    server.end_well();
}
