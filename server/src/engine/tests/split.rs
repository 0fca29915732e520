//! Where the stream is cut makes no difference.

use chatshelf_common::id::{ItemId, TransferId};
use chatshelf_common::text::Topic;
use chatshelf_common::wire::frame::{
    DownloadRequest, Leave, Ping, Rename, SetTopic, UploadDone, UploadOffer,
};
use chatshelf_common::wire::{Event, ServerFrame};
use chatshelf_testkit::raw::data;
use chatshelf_testkit::samples::{digest, file_name};

use super::peer::{Peer, Seen, bytes, content, frame, hello, join, nick, say};
use super::rig::{LooseRig, Rig};

/// What a client sends before it may upload, before it may download, and after the download.
pub(super) fn conversation() -> [Vec<u8>; 4] {
    let file = content(300);
    let offer = UploadOffer::new(TransferId(1), file_name("f"), 300);
    let first = [
        bytes(hello(1, 1)),
        bytes(Ping {}),
        bytes(join("ada", Some(3))),
        bytes(say(1, "hello")),
        frame(0x7e, 1, b"a frame of a later version"),
        bytes(SetTopic { topic: Topic::new("engines").ok() }),
        bytes(offer),
    ];
    let request = DownloadRequest { transfer: TransferId(2), item: ItemId(1), offset: Some(9) };
    let second = [
        data(1, 0, &file[..200]),
        bytes(say(2, "in between")),
        data(1, 200, &file[200..]),
        bytes(UploadDone { transfer: TransferId(1), digest: digest(&file) }),
    ];
    let third = bytes(request);
    let fourth = [
        bytes(Rename { nick: nick("lovelace") }),
        frame(0x03, 0, b"\x0b\x00\x08aaaaaaaa\x0c\x00\x01\x07"),
        bytes(say(3, "the end")),
        bytes(Leave {}),
        bytes(say(4, "after the end")),
    ];
    [first.concat(), second.concat(), third, fourth.concat()]
}

/// What must not depend on the cut: events and replies, each in order.
fn outcome(peer: &mut Peer) -> (Vec<Event>, Vec<ServerFrame>) {
    let (mut events, mut replies) = (Vec::new(), Vec::new());
    for one in peer.take() {
        match one {
            Seen::Event(event) => events.push(event),
            Seen::Server(ServerFrame::Welcome(_) | ServerFrame::Snapshot(_)) => {}
            Seen::Server(frame) => replies.push(frame),
            Seen::Data { .. } => {}
        }
    }
    (events, replies)
}

/// Runs the conversation in pieces, one or more turns for each, and returns the outcome.
fn converse(cuts: &[usize]) -> (Vec<Event>, Vec<ServerFrame>) {
    let mut rig = Rig::new();
    let mut peer = rig.connect();
    let mut sent = 0;
    for part in conversation() {
        let within = |cut: &usize| *cut > sent && *cut < sent + part.len();
        let mut ends: Vec<usize> = cuts.iter().filter(|cut| within(cut)).copied().collect();
        ends.push(sent + part.len());
        let mut from = sent;
        for end in ends {
            peer.send_raw(&part[from - sent..end - sent]);
            from = end;
            rig.settle();
        }
        sent += part.len();
    }
    let outcome = outcome(&mut peer);
    peer.end();
    rig.settle();
    rig.assert_empty();
    outcome
}

#[test]
fn a_conversation_cut_anywhere_has_the_same_outcome() {
    let whole = converse(&[]);
    assert_eq!(whole.0.len(), 8, "{whole:?}");
    assert_eq!(whole.1.len(), 7, "{whole:?}");
    for cut in 1..conversation().concat().len() {
        assert_eq!(converse(&[cut]), whole, "cut at {cut}");
    }
}

#[test]
fn a_conversation_of_single_bytes_has_the_same_outcome() {
    let every: Vec<usize> = (1..conversation().concat().len()).collect();
    assert_eq!(converse(&every), converse(&[]));
}

#[test]
fn reads_and_writes_of_any_size_within_a_turn_give_the_same_bytes() {
    let raw = |read_max: usize, write_max: usize| {
        let mut rig = LooseRig::new();
        let mut peer = rig.connect();
        peer.wire.borrow_mut().read_max = read_max;
        peer.wire.borrow_mut().write_max = write_max;
        for part in conversation() {
            peer.send_raw(&part);
            rig.settle();
        }
        peer.take();
        peer.raw.clone()
    };
    let whole = raw(usize::MAX, usize::MAX);
    for (read_max, write_max) in [(1, 1), (1, usize::MAX), (2, 3), (5, 1), (64, 64), (7, 17)] {
        assert_eq!(raw(read_max, write_max), whole, "{read_max} {write_max}");
    }
}

#[test]
fn a_reader_that_takes_a_few_bytes_at_a_time_gets_the_same_bytes() {
    let raw = |room: usize| {
        let mut rig = Rig::new();
        let mut peer = rig.connect();
        peer.allow(0);
        for part in &conversation() {
            peer.send_raw(part);
            rig.settle();
            for _ in 0..2000 {
                peer.allow(room);
                rig.settle();
                peer.take();
            }
        }
        assert!(peer.goodbye().is_some());
        peer.raw.clone()
    };
    let whole = raw(usize::MAX);
    for room in [1, 2, 13] {
        assert_eq!(raw(room).len(), whole.len(), "{room}");
    }
}
