//! The state tables of docs/PROTOCOL.md: every row is sent in every state, and answered as the page
//! says.

use chatshelf_common::id::{ItemId, TransferId};
use chatshelf_common::password::Password;
use chatshelf_common::wire::Code;
use chatshelf_common::wire::code::CODES;
use chatshelf_common::wire::frame::{
    Action, BansRequest, Cancel, DownloadRequest, Drop, Leave, Moderate, Op, Ping, Pong,
    StatsRequest, UploadDone, UploadOffer,
};
use chatshelf_testkit::protocol_page::table;
use chatshelf_testkit::raw::data;
use chatshelf_testkit::samples::{digest, file_name};

use super::peer::{Peer, Seen, bytes, frame, hello, join, say};
use super::rig::Rig;
use super::uploads::upload;

/// The frames that a cell names, and its code.
fn named(cell: &'static str) -> (Vec<&'static str>, Option<Code>) {
    let frames = cell.split('`').skip(1).step_by(2).collect();
    let words = || cell.split(|c: char| !(c.is_ascii_uppercase() || c == '_'));
    let code = CODES.iter().find(|(_, name)| words().any(|word| word == *name));
    (frames, code.map(|(code, _)| *code))
}

/// The name of a received frame.
fn name(seen: &Seen) -> String {
    let frame = match seen {
        Seen::Server(frame) => format!("{frame:?}"),
        Seen::Event(event) => format!("{event:?}"),
        Seen::Data { .. } => "Data".into(),
    };
    frame.split('(').next().unwrap().trim_start_matches("Server").to_owned()
}

/// Checks what was received since the last call against a cell.
fn assert_answered(peer: &mut Peer, cell: &'static str, what: &str) {
    let (frames, code) = named(cell);
    let was_closing = peer.goodbye().is_some();
    let came: Vec<String> = peer.take().iter().map(name).collect();
    let farewell = peer.goodbye().filter(|_| !was_closing).map(|goodbye| goodbye.code);
    match (frames.contains(&"Refused"), code) {
        (false, Some(code)) => assert_eq!(farewell, Some(code), "{what}: {came:?}"),
        _ => assert_eq!(farewell, None, "{what}: {came:?}"),
    }
    if !frames.is_empty() {
        assert!(came.iter().any(|came| frames.contains(&&**came)), "{what}: {came:?}");
    } else if code.is_none() {
        assert_eq!(came, [""; 0], "{what}");
    }
    assert!(cell != "closed" || peer.is_dropped(), "{what}");
}

fn done(transfer: u32, content: &[u8]) -> Vec<u8> {
    bytes(UploadDone { transfer: TransferId(transfer), digest: digest(content) })
}

fn cancel(transfer: u32) -> Vec<u8> {
    bytes(Cancel { transfer: TransferId(transfer) })
}

fn offer(transfer: u32) -> Vec<u8> {
    let (transfer, name) = (TransferId(transfer), file_name("notes.txt"));
    bytes(UploadOffer::new(transfer, name, FILE.len() as u64))
}

fn request(transfer: u32) -> Vec<u8> {
    let (transfer, item) = (TransferId(transfer), ItemId(1));
    bytes(DownloadRequest { transfer, item, offset: None })
}

/// A connection in one of the phases.
fn arrive(rig: &mut Rig, phase: &str) -> Peer {
    let mut peer = rig.connect();
    if phase != "greeting" {
        peer.hello();
    }
    match phase {
        "joined" => peer.join("ada", Some(0)),
        "closing" => peer.leave(),
        "greeting" | "greeted" => {}
        other => panic!("there is no phase {other}"),
    }
    rig.settle();
    peer.take();
    peer
}

#[test]
fn each_frame_is_answered_in_each_phase_as_the_page_says() {
    let table = table("A connection, at the server.");
    assert_eq!(table.states, ["greeting", "greeted", "joined", "closing"]);
    for (sent, cells) in table.rows {
        for (phase, cell) in table.states.iter().zip(cells) {
            let mut rig = Rig::new();
            let mut peer = arrive(&mut rig, phase);
            match sent {
                "`Hello`" => peer.send(hello(1, 1)),
                "`Join`" => peer.send(join("ada", Some(0))),
                "`Ping`" => peer.send(Ping {}),
                "`Pong`" => peer.send(Pong {}),
                "`Leave`" => peer.send(Leave {}),
                "`Say`" => peer.send(say(1, "hi")),
                "`Tell`" => peer.tell("ada", "psst"),
                "`Rename`" => peer.rename("lovelace"),
                "`SetTopic`" => peer.set_topic(Some("engines")),
                "`UploadOffer`" => peer.offer(1, 4),
                "`DownloadRequest`" => peer.request(1, 7, None),
                "`Drop`" => peer.send(Drop { item: ItemId(7), key: None }),
                "`StatsRequest`" => peer.send(StatsRequest {}),
                "`Op`" => peer.send(Op { password: Password::new(b"x").unwrap() }),
                "`Moderate`" => peer.send(Moderate::new(Action::LOCK_TOPIC)),
                "`BansRequest`" => peer.send(BansRequest {}),
                "`Cancel` of a number never used" => peer.cancel(1),
                "`UploadDone` of a number never used" => peer.send_raw(&done(1, b"")),
                "`Data` of a number never used" => peer.send_raw(&data(1, 0, b"x")),
                "an unknown frame to be skipped" => peer.send_raw(&frame(0x7e, 1, b"")),
                "another unknown frame" => peer.send_raw(&frame(0x7e, 0, b"")),
                "the end of its side" => peer.end(),
                other => panic!("no test sends {other}"),
            }
            rig.settle();
            assert_answered(&mut peer, cell, &format!("{sent} while {phase}"));
        }
    }
}

const FILE: &[u8] = b"file";

/// A member with an upload, number 1, in one of its states, of which this much has been sent.
fn uploading(rig: &mut Rig, state: &str, sent: usize) -> Peer {
    let mut peer = rig.join("ada");
    if state == "offered" {
        rig.hold_disk();
    }
    peer.offer(1, FILE.len() as u64);
    rig.settle();
    match state {
        "offered" => {}
        "receiving" => peer.send_raw(&data(1, 0, &FILE[..sent])),
        "storing" | "over" => {
            if state == "storing" {
                rig.hold_disk();
            }
            peer.send_raw(&[data(1, 0, FILE), done(1, FILE)].concat());
        }
        other => panic!("there is no state {other}"),
    }
    rig.settle();
    peer.take();
    peer
}

#[test]
fn each_frame_is_answered_in_each_state_of_an_upload_as_the_page_says() {
    let table = table("An upload, at the server.");
    assert_eq!(table.states, ["offered", "receiving", "storing", "over"]);
    for (sent, cells) in table.rows {
        let before = if sent == "`UploadDone` after the last byte" { FILE.len() } else { 2 };
        let next = &FILE[before..];
        let variants = match sent {
            "`Data` at the next offset" => vec![data(1, 2, next)],
            "`Data` elsewhere, or beyond the size" => {
                vec![data(1, 1, next), data(1, 3, b"e"), data(1, 2, b"le!")]
            }
            "`UploadDone` after the last byte" | "`UploadDone` before the last byte" => {
                vec![done(1, FILE)]
            }
            "`Cancel`" => vec![cancel(1)],
            "an offer or request with this number" => vec![offer(1), request(1)],
            other => panic!("no test sends {other}"),
        };
        for (state, cell) in table.states.iter().zip(cells) {
            for variant in &variants {
                let mut rig = Rig::new();
                let mut peer = uploading(&mut rig, state, before);
                peer.send_raw(variant);
                rig.settle();
                assert_answered(&mut peer, cell, &format!("{sent} while {state}"));
            }
        }
    }
}

#[test]
fn each_frame_is_answered_in_each_state_of_a_download_as_the_page_says() {
    let table = table("A download, at the server.");
    assert_eq!(table.states, ["asked for", "sending", "over"]);
    for (sent, cells) in table.rows {
        let variants = match sent {
            "`Cancel`" => vec![cancel(2)],
            "`Data`" => vec![data(2, 0, b"x")],
            "`UploadDone`" => vec![done(2, FILE)],
            "an offer or request with this number" => vec![offer(2), request(2)],
            other => panic!("no test sends {other}"),
        };
        for (state, cell) in table.states.iter().zip(cells) {
            for variant in &variants {
                let mut rig = Rig::new();
                let mut peer = rig.join("ada");
                upload(&mut rig, &mut peer, 1, FILE);
                if *state != "over" {
                    rig.hold_disk();
                }
                peer.request(2, 1, None);
                rig.settle();
                if *state == "sending" {
                    // Its file is opened; nothing is read yet.
                    rig.work(1);
                }
                let came: Vec<String> = peer.take().iter().map(name).collect();
                let expected: &[&str] = match *state {
                    "asked for" => &[],
                    "sending" => &["DownloadReady"],
                    _ => &["DownloadReady", "Data"],
                };
                assert_eq!(came, expected);
                peer.send_raw(variant);
                rig.settle();
                assert_answered(&mut peer, cell, &format!("{sent} while {state}"));
            }
        }
    }
}
