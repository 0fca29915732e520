//! Every counter counts what its name says, once.

use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::{FIGURES, FigureKind, Join, ServerFrame, Stats, StatsRequest};

use super::peer::{Peer, Seen, bytes, content, join};
use super::rig::Rig;
use super::uploads::upload;
use crate::engine::Counters;

fn counters(rig: &Rig) -> Counters {
    rig.engine.stats().counters
}

#[test]
fn connections_and_their_ends_are_counted() {
    let mut rig = Rig::new();
    let ada = rig.join("ada");
    let eve = rig.connect();
    rig.settle();
    let before = counters(&rig);
    assert_eq!((before.connections, before.joins, before.closes.total()), (2, 1, 0));
    ada.leave();
    eve.reset();
    rig.settle();
    let closes = counters(&rig).closes;
    assert_eq!((closes.of(Code::LEFT), closes.of(Code::CONNECTION_LOST)), (1, 1));
    rig.pass(60_000);
    assert_eq!(counters(&rig).closes.total(), 2, "each ends once");
}

#[test]
fn turns_are_counted_with_what_they_took() {
    let mut rig = Rig::new();
    rig.engine.note_turn(4);
    rig.engine.note_turn(8);
    let turns = counters(&rig).turns;
    assert_eq!((turns.count(), turns.mean_us(), turns.longest_us()), (2, 6, 8));
}

#[test]
fn resumed_members_are_counted_as_returns() {
    let mut rig = Rig::new();
    let ada = rig.join("ada");
    ada.reset();
    rig.settle();
    let mut again = rig.connect();
    again.hello();
    again.send(Join { resume: ada.resume(), ..join("ada", Some(0)) });
    rig.settle();
    again.take();
    let it = counters(&rig);
    assert_eq!((it.connections, it.joins, it.returns), (2, 1, 1));
}

#[test]
fn lines_and_the_bytes_both_ways_are_counted() {
    let mut rig = Rig::new();
    let (mut ada, _eve) = (rig.join("ada"), rig.join("eve"));
    let before = counters(&rig);
    let log = rig.engine.room.log().end();
    ada.say("one");
    ada.say("two");
    let sent = ada.wire.borrow().to_engine.len() as u64;
    rig.settle();
    let (after, grown) = (counters(&rig), rig.engine.room.log().end() - log);
    assert_eq!(after.lines - before.lines, 2);
    assert_eq!(after.bytes_in - before.bytes_in, sent);
    assert_eq!(after.bytes_out - before.bytes_out, 2 * grown, "to each of the two");
}

#[test]
fn transfers_are_counted_when_they_are_whole() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    upload(&mut rig, &mut ada, 1, &content(300));
    ada.request(2, 1, None);
    rig.settle();
    ada.offer(3, 10);
    rig.settle();
    ada.cancel(3);
    ada.request(4, 1, None);
    ada.cancel(4);
    rig.settle();
    let it = counters(&rig);
    assert_eq!((it.uploads, it.downloads), (1, 1));
    assert_eq!((it.refusals.of(Code::CANCELLED), it.refusals.total()), (2, 2));
}

#[test]
fn refusals_are_counted_by_their_cause() {
    let mut rig = Rig::new();
    let ada = rig.join("ada");
    ada.tell("nobody", "hello");
    ada.request(1, 77, None);
    rig.settle();
    let refusals = counters(&rig).refusals;
    let of = [Code::NO_SUCH_MEMBER, Code::ITEM_UNKNOWN].map(|code| refusals.of(code));
    assert_eq!((of, refusals.total()), ([1, 1], 2));
}

#[test]
fn the_slowest_member_is_as_far_behind_as_what_they_were_not_sent() {
    let mut rig = Rig::new();
    let (mut ada, eve) = (rig.join("ada"), rig.join("eve"));
    assert_eq!(rig.engine.stats().slowest_bytes, 0);
    let log = rig.engine.room.log().end();
    eve.allow(0);
    ada.say("you do not hear this");
    rig.settle();
    assert_eq!(rig.engine.stats().slowest_bytes, rig.engine.room.log().end() - log);
}

/// The answers with statistics among what was received since the last call.
fn told(peer: &mut Peer) -> Vec<Stats> {
    let stats = |seen| match seen {
        Seen::Server(ServerFrame::Stats(stats)) => Some(stats),
        _ => None,
    };
    peer.take().into_iter().filter_map(stats).collect()
}

#[test]
fn a_member_is_told_what_the_server_has_counted() {
    let mut rig = Rig::new();
    let (mut ada, eve) = (rig.join("ada"), rig.join("eve"));
    upload(&mut rig, &mut ada, 1, &content(300));
    ada.say("one");
    eve.reset();
    rig.settle();
    rig.pass(6_000);
    ada.take();
    let before = counters(&rig);
    ada.send(StatsRequest {});
    rig.settle();
    let [stats] = &told(&mut ada)[..] else { panic!("one answer") };
    assert_eq!(stats.figures.len(), FIGURES.len(), "each figure once");
    for (kind, value) in [
        (FigureKind::UPTIME_MS, 6_000),
        (FigureKind::MEMBERS, 1),
        (FigureKind::TRANSFERS, 0),
        (FigureKind::CONNECTIONS, 2),
        (FigureKind::JOINS, 2),
        (FigureKind::RETURNS, 0),
        (FigureKind::LINES, 1),
        (FigureKind::BYTES_IN, before.bytes_in + 6),
        (FigureKind::BYTES_OUT, before.bytes_out),
        (FigureKind::UPLOADS, 1),
        (FigureKind::DOWNLOADS, 0),
        (FigureKind::REFUSALS, 0),
        (FigureKind::CLOSES, 1),
        (FigureKind::CLOSES_LEFT, 0),
        (FigureKind::CLOSES_LOST, 1),
        (FigureKind::CLOSES_TIMED_OUT, 0),
        (FigureKind::CLOSES_TOO_SLOW, 0),
    ] {
        assert_eq!(stats.value(kind), Some(value), "{kind:?}");
    }
}

#[test]
fn statistics_are_told_once_in_a_second_however_often_they_are_asked_for() {
    const TIMES: u64 = 10_000;
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    ada.take();
    let before = counters(&rig);
    let asked = bytes(StatsRequest {}).repeat(TIMES as usize);
    ada.send_raw(&asked);
    rig.settle();
    let after = counters(&rig);
    assert_eq!(told(&mut ada).len(), 1);
    assert_eq!(after.refusals.of(Code::TOO_SOON), TIMES - 1);
    let cost = after.bytes_out - before.bytes_out;
    assert!(cost < 3 * asked.len() as u64, "{cost} bytes for {}", asked.len());
    for _ in 0..3 {
        rig.pass(1_000);
        ada.send(StatsRequest {});
        rig.settle();
        assert_eq!(told(&mut ada).len(), 1);
    }
}
