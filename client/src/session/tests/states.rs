//! The client's state tables and deadlines of docs/PROTOCOL.md: the server's side sends every row
//! in every state.

use chatshelf_common::wire::frame::Bans;
use chatshelf_testkit::protocol_page::{deadlines, table};

use super::super::connection::{ENTRY_MAX, GREETING_MAX, SILENCE_MAX};
use super::super::delivery::UNANSWERED_MAX;
use super::*;

/// A connection in one of its states, with nothing left to send or to tell.
fn arrive(state: &str) -> Rig {
    let mut rig = Rig::new();
    let steps = ["greeting", "joining", "arriving", "in the room"];
    let passed = steps.iter().position(|step| *step == state).expect("a state");
    for bytes in arrival(42, &[]).iter().take(passed) {
        rig.feed(bytes).unwrap();
    }
    rig.events();
    rig.sent();
    rig
}

fn unknown(flags: u8) -> Vec<u8> {
    Header { kind: 0xf0, flags, length: 0 }.to_bytes().to_vec()
}

fn gap() -> Gap {
    Gap { from: Seq(43), to: Seq(50), nick: nick("ada") }
}

fn told() -> Told {
    let (from, to) = (nick("bob"), nick("ada"));
    Told { at: UnixMillis(1), from, to, id: MessageId(1), text: message("psst") }
}

fn data(offset: u64, bytes: &[u8]) -> Vec<u8> {
    [&data_head(TransferId(1), offset, bytes.len() as u32)[..], bytes].concat()
}

/// Checks how the session took what it was sent.
fn assert_taken(rig: &mut Rig, taken: Result<(), SessionError>, cell: &str, what: &str) {
    assert_eq!(taken.is_err(), cell == "violation", "{what}: {taken:?}");
    let (events, sent) = (rig.events(), rig.sent());
    match cell {
        "violation" => assert!(rig.session.is_over(), "{what}"),
        "joining" => assert_eq!(rig.session.phase, Phase::Joining, "{what}"),
        "arriving" => assert_eq!(rig.session.phase, Phase::Arriving, "{what}"),
        "in the room" => assert_eq!(rig.session.phase, Phase::Joined, "{what}"),
        "another `Join`" => assert_eq!(rig.session.phase, Phase::Choosing, "{what}"),
        "`Pong`" => assert_eq!(sent, [Sent::Frame(Pong {}.into())], "{what}"),
        "over" => assert!(rig.session.is_over(), "{what}"),
        "shown" => assert_eq!(events.len(), 1, "{what}: {events:?}"),
        // A gap is told once its snapshot has come.
        "applied" => {}
        "nothing" => assert!(events.is_empty() && sent.is_empty(), "{what}: {events:?} {sent:?}"),
        other => panic!("no test knows {other}"),
    }
}

#[test]
fn each_frame_is_taken_in_each_state_as_the_page_says() {
    let table = table("A connection, at the client.");
    for (sent, cells) in table.rows {
        let frame = match sent {
            "`HelloAck`" => ack().to_bytes(),
            "`Welcome`" => welcome("ada", 43, 42).to_bytes(),
            "`Refused` of a `Join`" => refused(Code::NICK_TAKEN, Join::KIND).to_bytes(),
            "`Snapshot`, its last part" => snapshot(42, WHOLE, &["ada"], &[]).to_bytes(),
            "the next event" => joined(43, "eve").to_bytes(),
            "an event out of order" => joined(45, "eve").to_bytes(),
            "`Gap`" => gap().to_bytes(),
            "`Told`" => told().to_bytes(),
            "`Stats` that was not asked for" => Stats { figures: Vec::new() }.to_bytes(),
            "`Bans` that were not asked for" => {
                let part = Part { first: true, last: true };
                Bans { part, bans: Vec::new() }.to_bytes()
            }
            "`UploadReady` of no upload" => ready(1, 0).to_bytes(),
            "`UploadStored` of no upload" => stored(1, 7).to_bytes(),
            "`DownloadReady` of no download" => download_ready(1, 0, item(7, b"")).to_bytes(),
            "`Data` of no download" => data(0, b"x"),
            "`Ping`" => ServerPing {}.to_bytes(),
            "`Pong`" => ServerPong {}.to_bytes(),
            "`Goodbye`" => Goodbye::new(Code::SHUTTING_DOWN).to_bytes(),
            "an unknown frame to be skipped" => unknown(FLAG_SKIPPABLE),
            "another unknown frame" => unknown(0),
            other => panic!("no test sends {other}"),
        };
        for (state, cell) in table.states.iter().zip(cells) {
            let mut rig = arrive(state);
            let taken = rig.feed(&frame);
            assert_taken(&mut rig, taken, cell, &format!("{sent} while {state}"));
        }
    }
}

const CONTENT: &[u8] = b"hello";

/// A member with a transfer, number 1, in one of its states.
fn transferring(state: &str) -> Rig {
    let mut rig = Rig::joined();
    if matches!(state, "asked for" | "receiving") {
        rig.session.download(ItemId(7), 0).unwrap();
        if state == "receiving" {
            rig.give(download_ready(1, 0, item(7, CONTENT))).unwrap();
        }
    } else {
        rig.session.upload(name("a"), CONTENT.len() as u64, Some(KEY)).unwrap();
        rig.sent();
        if state != "offered" {
            rig.give(ready(1, 0)).unwrap();
        }
        if state == "sent" {
            uploads::keep_upload(&mut rig, CONTENT);
        }
    }
    rig.sent();
    rig.events();
    rig
}

#[test]
fn each_frame_is_taken_in_each_state_of_a_transfer_as_the_page_says() {
    let table = table("A transfer, at the client.");
    for (sent, cells) in table.rows {
        let frames = match sent {
            "`UploadReady`" => vec![ready(1, 0).to_bytes()],
            "`UploadStored`" => vec![stored(1, 7).to_bytes()],
            "`DownloadReady`" => vec![download_ready(1, 0, item(7, CONTENT)).to_bytes()],
            "`Data` at the next offset" => vec![data(0, b"he"), data(0, CONTENT)],
            "`Data` elsewhere, or beyond the size" => vec![data(1, b"e"), data(0, b"hello!")],
            "`Refused`" => vec![refused_transfer(Code::STORAGE_FAILED, 1).to_bytes()],
            other => panic!("no test sends {other}"),
        };
        for (state, cell) in table.states.iter().zip(cells) {
            for frame in &frames {
                let mut rig = transferring(state);
                let (taken, what) = (rig.feed(frame), format!("{sent} while {state}"));
                assert_eq!(taken.is_err(), cell == "violation", "{what}: {taken:?}");
                let has_ended = matches!(cell, "over" | "violation");
                assert_eq!(rig.ends(), usize::from(has_ended), "{what}");
            }
        }
    }
}

#[test]
fn the_deadlines_of_the_page_are_those_of_the_session() {
    let ours = [GREETING_MAX, ENTRY_MAX, KEEPALIVE, SILENCE_MAX, UNANSWERED_MAX];
    assert_eq!(deadlines("client"), ours.map(|time| time.as_millis() as u64));
}
