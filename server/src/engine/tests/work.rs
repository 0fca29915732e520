//! What each frame costs (docs/ARCHITECTURE.md, "What each frame can cost"): it may depend on the
//! frame's length and, where everyone has to hear of it, on the number of members; on nothing else.

use chatshelf_common::id::{ItemId, MessageId, Seq, TransferId};
use chatshelf_common::text::Topic;
use chatshelf_common::wire::frame::{
    Cancel, Drop, Join, Leave, Marker, Ping, Pong, Rename, Say, SetTopic, StatsRequest, Tell,
};
use chatshelf_testkit::samples::message;

use super::peer::{Peer, bytes, frame, join, nick, say};
use super::rig::{Rig, SETTINGS};
use crate::engine::Settings;

/// Members besides those who talk, and lines sent, of a small room and of a large one.
const SMALL: (usize, usize) = (2, 10);
const LARGE: (usize, usize) = (400, 4_000);
/// How often each frame is sent.
const TIMES: usize = 50;
/// What the search for free nicks may cost: 16 of them on one connection, out of 16 tried.
const SUGGESTIONS: u64 = 16 * 16;

/// A room of members called ada, ada2, ada3 and so on, with a past; and eve, who is in it.
fn room((members, lines): (usize, usize)) -> (Rig, Vec<Peer>, Peer) {
    let mut rig = Rig::with(Settings { history_max: 100_000, ..SETTINGS });
    let name = |number| if number == 1 { "ada".into() } else { format!("ada{number}") };
    let others: Vec<Peer> = (1..=members).map(|number| rig.join(&name(number))).collect();
    (0..lines).for_each(|number| others[0].send(say(number as u64, "a line of the past")));
    let mut eve = rig.join("eve");
    eve.say("something");
    eve.set_topic(Some("engines"));
    rig.settle();
    eve.take();
    (rig, others, eve)
}

/// Steps for serving these bytes, [`TIMES`] over.
fn steps(rig: &mut Rig, peer: &Peer, bytes: &[u8]) -> u64 {
    rig.steps = 0;
    peer.send_raw(&bytes.repeat(TIMES));
    rig.settle();
    assert!(rig.steps > 0, "nothing is counted");
    rig.steps
}

/// Steps in a small room and in a large one, and how many more members the large one has.
fn both(bytes: &[u8]) -> (u64, u64, u64) {
    let [small, large] = [SMALL, LARGE].map(|size| {
        let (mut rig, _others, eve) = room(size);
        steps(&mut rig, &eve, bytes)
    });
    (small, large, (LARGE.0 - SMALL.0) as u64)
}

#[test]
fn what_only_its_sender_hears_of_costs_the_same_in_every_room() {
    let repeat = Some(Marker);
    let transfer = TransferId(0);
    let alike = "x".repeat(9_000);
    let too_long = frame(
        0x03,
        0,
        &[&[11, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1, 12, 35, 40][..], alike.as_bytes()].concat(),
    );
    for (what, bytes) in [
        ("a nick that is taken", bytes(Rename { nick: nick("ada") })),
        ("a nick that is none", frame(0x05, 0, b"\x07\0\x03a b")),
        ("a word to nobody", bytes(Tell { to: nick("nobody"), ..tell("x") })),
        ("a word to oneself", bytes(Tell { to: nick("eve"), ..tell("x") })),
        ("the same topic", bytes(SetTopic { topic: Some(topic("engines")) })),
        ("a line that was said", bytes(Say { repeat, ..say(1, "something") })),
        ("a line that is too long", too_long),
        ("the end of no transfer", bytes(Cancel { transfer })),
        ("no item of the shelf", bytes(Drop { item: ItemId(9), key: None })),
        ("a ping", bytes(Ping {})),
        ("what the server has done", bytes(StatsRequest {})),
        ("a pong", bytes(Pong {})),
        ("what is skipped", frame(0x7f, 1, b"")),
    ] {
        let (small, large, _) = both(&bytes);
        let search = if what == "a nick that is taken" { SUGGESTIONS } else { 0 };
        assert!(large <= small + search, "{what}: {small} steps, in a large room {large}");
        let most = TIMES * (25 + bytes.len() / 16);
        assert!(small <= most as u64, "{what}: {small} steps, more than {most}");
    }
}

#[test]
fn what_everyone_hears_of_costs_a_little_for_each_of_them() {
    for (what, bytes) in [
        ("a line", bytes(say(7, "hello"))),
        (
            "two topics",
            [bytes(SetTopic { topic: None }), bytes(SetTopic { topic: Some(topic("x")) })].concat(),
        ),
        (
            "two nicks",
            [bytes(Rename { nick: nick("Eve") }), bytes(Rename { nick: nick("eve") })].concat(),
        ),
    ] {
        let (small, large, more) = both(&bytes);
        // All of them are sent at once.
        assert!(large <= small + 8 * more, "{what}: {small} steps, in a large room {large}");
    }
}

#[test]
fn joins_that_are_refused_cost_the_same_in_every_room() {
    for wrong in [bytes(join("ada", None)), frame(0x02, 0, b"\x07\0\x03a b")] {
        let [small, large] = [SMALL, LARGE].map(|size| {
            let (mut rig, _others, _eve) = room(size);
            let peer = rig.connect();
            peer.hello();
            rig.settle();
            steps(&mut rig, &peer, &wrong)
        });
        assert!(large <= small + SUGGESTIONS, "{small} steps, in a large room {large}");
    }
}

#[test]
fn coming_and_going_costs_little_per_member_however_long_the_log() {
    let [small, large] = [SMALL, LARGE].map(|size| {
        let (mut rig, _others, mut eve) = room(size);
        rig.steps = 0;
        let mut peers = Vec::new();
        // A resume on another connection, and a stranger who joins and leaves.
        for _ in 0..TIMES {
            let again = rig.connect();
            again.hello();
            let since = Some(Seq(u64::MAX));
            again.send(Join { resume: eve.resume(), since, ..join("eve", Some(0)) });
            let stranger = rig.connect();
            stranger.hello();
            stranger.join("mallory", Some(0));
            stranger.send(Leave {});
            peers.push(std::mem::replace(&mut eve, again));
            peers.push(stranger);
            rig.settle();
            eve.take();
        }
        rig.steps / TIMES as u64
    });
    let more = (LARGE.0 - SMALL.0) as u64;
    // Snapshots, and the events that go with them.
    assert!(large <= small + 16 * more, "{small} steps each, in a large room {large}");
}

fn tell(text: &str) -> Tell {
    Tell { id: MessageId(1), to: nick("eve"), text: message(text) }
}

fn topic(text: &str) -> Topic {
    Topic::new(text).unwrap()
}
