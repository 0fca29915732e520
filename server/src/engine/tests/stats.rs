//! Every counter counts what its name says, once.

use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::Join;

use super::peer::{content, join};
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
