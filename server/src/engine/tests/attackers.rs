//! What an attacker gets for its bytes: for every request there is, the bytes that the server sends
//! and the steps it takes for each byte that comes in (docs/ARCHITECTURE.md, "What each frame can
//! cost").

use std::collections::BTreeSet;

use chatshelf_common::id::{ItemId, MessageId, TransferId};
use chatshelf_common::limits::HISTORY_ALL;
use chatshelf_common::password::Password;
use chatshelf_common::rate::Rate;
use chatshelf_common::text::Topic;
use chatshelf_common::wire::ClientFrame;
use chatshelf_common::wire::frame::{
    Action, BansRequest, Cancel, DownloadRequest, Drop, Leave, Moderate, Op, Ping, Pong, Rename,
    SetTopic, StatsRequest, Tell, UploadDone, UploadOffer,
};
use chatshelf_common::wire::header::DATA;
use chatshelf_testkit::raw;
use chatshelf_testkit::samples::{digest, file_name, message};

use super::peer::{Peer, bytes, frame, hello, join, nick, say};
use super::rig::{AnyRig, HOME, Rig, SETTINGS, password_of};
use super::uploads::upload;
use crate::engine::limits::READ_BUDGET_BYTES;
use crate::engine::{Allowances, Settings};
use crate::passwords::Realm;

/// Bytes out for each byte in, to each who hears of it: the sender, and everyone for an event.
const BYTES_PER_BYTE_MAX: u64 = 8;
/// Steps for each byte in, likewise.
const STEPS_PER_BYTE_MAX: u64 = 8;
/// What a connection is sent besides, once: the answer to its `Hello`, and the room.
const CONNECTION_BYTES_MAX: u64 = 1024;
/// What a member may be sent once in a second: statistics.
const SECOND_BYTES_MAX: u64 = 256;

/// Who hears of events, besides the attacker.
const HEARERS: u64 = 8;
/// Requests that become events: joins, lines, names, topics, leaves.
const EVENTS: [u8; 5] = [0x02, 0x03, 0x05, 0x06, 0x07];
/// Lines of the room's past.
const PAST: u64 = 200;
/// A flood: so many times 100 ms, and so many requests in each.
const BATCHES: u64 = 100;
const BATCH: u64 = 50;
const BATCH_MS: u64 = 100;

/// What the attacker's address may have of history and snapshots.
const REPLIES: Option<Rate> = Rate::new(200_000, 20_000, 1_000);

/// One way to flood the server.
struct Attack {
    what: &'static str,
    /// The type of the request.
    kind: u8,
    /// Each on a connection of its own.
    reconnects: bool,
    /// The bytes of a request, by its number.
    request: fn(u64) -> Vec<u8>,
}

const fn member(what: &'static str, kind: u8, request: fn(u64) -> Vec<u8>) -> Attack {
    Attack { what, kind, reconnects: false, request }
}

const fn stranger(what: &'static str, kind: u8, request: fn(u64) -> Vec<u8>) -> Attack {
    Attack { what, kind, reconnects: true, request }
}

/// A request about a transfer that is over, behind the first, which makes it so.
fn late(number: u64, request: Vec<u8>) -> Vec<u8> {
    let transfer = TransferId(1);
    let over = [
        bytes(UploadOffer::new(transfer, file_name("x"), 9)),
        bytes(Cancel { transfer }),
        request.clone(),
    ];
    if number == 0 { over.concat() } else { request }
}

fn entering(number: u64, history: u32) -> Vec<u8> {
    let name = format!("e{number}");
    [bytes(hello(1, 1)), bytes(join(&name, Some(history)))].concat()
}

fn op(text: &str) -> Op {
    Op { password: Password::new(text.as_bytes()).unwrap() }
}

fn ban() -> Moderate {
    Moderate::new(Action::BAN)
}

const ATTACKS: &[Attack] = &[
    stranger("greetings", 0x01, |_| bytes(hello(1, 1))),
    stranger("joins with all history", 0x02, |number| entering(number, HISTORY_ALL)),
    stranger("joins with a bad name", 0x02, |_| {
        [bytes(hello(1, 1)), frame(0x02, 0, b"\x07\0\x03a b")].concat()
    }),
    member("lines", 0x03, |number| bytes(say(number, "x"))),
    member("lines of a bad character", 0x03, |_| {
        frame(0x03, 0, &[11, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1, 12, 0, 1, 7])
    }),
    member("private lines", 0x04, |number| {
        bytes(Tell { id: MessageId(number), to: nick("hearer1"), text: message("x") })
    }),
    member("names", 0x05, |number| bytes(Rename { nick: nick(&format!("n{number}")) })),
    member("names that are taken", 0x05, |_| bytes(Rename { nick: nick("hearer1") })),
    member("topics", 0x06, |number| {
        bytes(SetTopic { topic: (number % 2 == 0).then(|| Topic::new("x").unwrap()) })
    }),
    stranger("joins and leaves", 0x07, |number| [entering(number, 0), bytes(Leave {})].concat()),
    member("statistics", 0x08, |_| bytes(StatsRequest {})),
    member("wrong operators' passwords", 0x09, |_| bytes(op("x"))),
    member("orders of no operator", 0x0A, |_| bytes(Moderate::new(Action::LOCK_TOPIC))),
    member("bans for no operator", 0x0B, |_| bytes(BansRequest {})),
    member("an operator's bans", 0x0B, |number| match number {
        0 => bytes(op(password_of(Realm::Operators))),
        1..200 => bytes(Moderate { to: Some(nick(&format!("x{number}"))), ..ban() }),
        _ => bytes(BansRequest {}),
    }),
    member("offers", 0x10, |number| {
        bytes(UploadOffer::new(TransferId(number as u32 + 1), file_name("x"), 9))
    }),
    member("ends of no upload", 0x11, |number| {
        late(number, bytes(UploadDone { transfer: TransferId(1), digest: digest(b"") }))
    }),
    member("downloads of nothing", 0x12, |number| {
        let (transfer, item) = (TransferId(number as u32 + 1), ItemId(1));
        bytes(DownloadRequest { transfer, item, offset: None })
    }),
    member("ends of no transfer", 0x13, |_| bytes(Cancel { transfer: TransferId(7) })),
    member("drops of others' files", 0x14, |_| bytes(Drop { item: ItemId(1), key: None })),
    member("data of no upload", DATA, |number| late(number, raw::data(1, 0, b"x"))),
    member("pings", 0x30, |_| bytes(Ping {})),
    member("pongs", 0x31, |_| bytes(Pong {})),
];

/// What came of a flood.
#[derive(Debug)]
struct Measured {
    bytes_in: u64,
    bytes_out: u64,
    steps: u64,
    connections: u64,
}

/// A room with a past, and hearers who are not limited.
fn room(allowances: Allowances) -> (Rig, Vec<Peer>) {
    let mut rig =
        Rig::with(Settings { allowances, history_max: 1_000, has_operators: true, ..SETTINGS });
    let name = |number| format!("hearer{number}");
    let mut hearers: Vec<Peer> =
        (1..=HEARERS).map(|number| rig.join_from("127.0.0.1:4000", &name(number))).collect();
    (0..PAST).for_each(|number| hearers[0].send(say(number, "a line of the past")));
    upload(&mut rig, &mut hearers[0], 1, b"");
    (rig, hearers)
}

fn flood(attack: &Attack, allowances: Allowances) -> Measured {
    let (mut rig, hearers) = room(allowances);
    let before = rig.engine.stats().counters;
    rig.steps = 0;
    let (mut number, mut joined) = (0, None);
    for batch in 0..BATCHES {
        let requests = number..number + BATCH;
        number += BATCH;
        if attack.reconnects {
            let crowd: Vec<Peer> = requests
                .map(|number| {
                    let peer = rig.connect_from(HOME);
                    peer.send_raw(&(attack.request)(number));
                    peer
                })
                .collect();
            rig.pass(BATCH_MS);
            crowd.iter().for_each(Peer::reset);
            rig.settle();
        } else {
            let eve: &mut Peer = joined.get_or_insert_with(|| {
                let eve = rig.connect_from(HOME);
                eve.send_raw(&entering(batch, 0));
                eve
            });
            requests.for_each(|number| eve.send_raw(&(attack.request)(number)));
            rig.pass(BATCH_MS);
            eve.take();
            if eve.goodbye().is_some() {
                joined = None;
            }
        }
        hearers.iter().for_each(|peer| peer.wire.borrow_mut().to_peer.clear());
    }
    let after = rig.engine.stats().counters;
    Measured {
        bytes_in: after.bytes_in - before.bytes_in,
        bytes_out: after.bytes_out - before.bytes_out,
        steps: rig.steps,
        connections: after.connections - before.connections,
    }
}

#[test]
fn every_request_is_tried() {
    let requests = ClientFrame::KINDS.iter().map(|(kind, _)| *kind).chain([DATA]);
    let tried: BTreeSet<u8> = ATTACKS.iter().map(|attack| attack.kind).collect();
    assert_eq!(tried, requests.collect());
}

#[test]
fn what_the_server_does_for_a_byte_is_bounded_for_every_request() {
    let allowances = Allowances { replies: REPLIES, ..Allowances::DEFAULT };
    let flood_ms = BATCHES * BATCH_MS;
    let replies = REPLIES.unwrap().most_within(flood_ms);
    // All who join in one turn are welcomed before anyone is refused.
    let overshoot = BATCH * (PAST * 64 + CONNECTION_BYTES_MAX);
    for attack in ATTACKS {
        let it = flood(attack, allowances);
        println!("{:25} {it:?}", attack.what);
        let once = it.connections * CONNECTION_BYTES_MAX + flood_ms / 1_000 * SECOND_BYTES_MAX;
        let besides = once + replies + overshoot;
        let hearers = if EVENTS.contains(&attack.kind) { HEARERS } else { 0 };
        let heard = it.bytes_in * (1 + hearers);
        let what = attack.what;
        assert!(it.bytes_in > 0 && it.steps > 0, "{what}: {it:?}");
        assert!(it.bytes_out <= BYTES_PER_BYTE_MAX * heard + besides, "{what}: {it:?}");
        assert!(it.steps <= STEPS_PER_BYTE_MAX * heard + besides / 64, "{what}: {it:?}");
    }
}

#[test]
fn a_flood_of_what_everyone_hears_is_held_to_what_is_allowed() {
    let heard = |allowances| {
        let all = ATTACKS.iter().filter(|attack| [0x03, 0x05, 0x06].contains(&attack.kind));
        all.map(|attack| flood(attack, allowances).bytes_out).collect::<Vec<_>>()
    };
    let (limited, unlimited) = (heard(Allowances::DEFAULT), heard(Allowances::UNLIMITED));
    // Those of text against the rules, and of names that are taken, are events in neither case.
    for place in [0, 2, 4] {
        let (limited, unlimited) = (limited[place], unlimited[place]);
        assert!(limited * 3 < unlimited, "{limited} bytes are heard, without limits {unlimited}");
    }
}

#[test]
fn what_a_read_costs_besides_its_bytes_is_a_part_of_its_budget() {
    for (overhead, reads) in [(0, 1_000), (READ_BUDGET_BYTES / 10, 10), (usize::MAX, 1)] {
        let mut rig = AnyRig::<false>::new();
        let eve = rig.join("eve");
        // Reads whose shortness means nothing, as over a layer.
        eve.wire.borrow_mut().read_max = 1;
        eve.wire.borrow_mut().overhead = overhead;
        eve.send_raw(&bytes(Pong {}).repeat(1_000));
        let before = eve.wire.borrow().reads;
        rig.turn();
        let read = eve.wire.borrow().reads - before;
        assert!(read.abs_diff(reads) <= 1 || overhead == 0 && read > reads, "{overhead}: {read}");
        rig.settle();
        assert!(eve.wire.borrow().to_engine.is_empty(), "all of it comes in time");
    }
}
