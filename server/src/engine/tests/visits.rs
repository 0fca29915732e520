//! Visitors: how long they may take to ask again, and whether they may at all.

use chatshelf_common::id::TransferId;
use chatshelf_common::wire::Code;

use super::peer::{Peer, content};
use super::pipe::Visits;
use super::rig::Rig;
use super::uploads::upload;
use crate::engine::limits::{HELLO_MS, VISIT_IDLE_MS};

/// A connection whose peer is a visitor.
fn visitor(rig: &mut Rig) -> Peer {
    let peer = rig.connect();
    peer.wire.borrow_mut().visits = Some(Visits::default());
    peer
}

/// Asks for an item that is not there; returns true if that was the last time.
fn asks_in_vain(rig: &mut Rig, peer: &Peer) -> bool {
    let refused = || peer.wire.borrow().visits.as_ref().unwrap().refusals.len();
    let before = refused();
    peer.send_raw(&[99]);
    rig.settle();
    assert_eq!(refused(), before + 1);
    peer.wire.borrow().visits.as_ref().unwrap().is_last
}

/// True once a visitor was told that it is too late.
fn is_late(peer: &Peer) -> bool {
    peer.wire.borrow().visits.as_ref().unwrap().is_late
}

#[test]
fn a_visitor_may_ask_again_for_fifteen_seconds() {
    let mut rig = Rig::new();
    let peer = visitor(&mut rig);
    for _ in 0..3 {
        assert!(!asks_in_vain(&mut rig, &peer));
        rig.pass(VISIT_IDLE_MS - 1);
        assert!(!peer.wire.borrow().shut && !is_late(&peer));
    }
    rig.pass(1);
    assert!(peer.wire.borrow().shut && is_late(&peer));
}

#[test]
fn a_visitor_has_to_ask_within_the_time_for_a_first_frame() {
    let mut rig = Rig::new();
    let peer = visitor(&mut rig);
    rig.settle();
    rig.pass(HELLO_MS - 1);
    assert!(!peer.wire.borrow().shut && !is_late(&peer));
    rig.pass(1);
    assert!(peer.wire.borrow().shut && is_late(&peer));
}

#[test]
fn what_a_visitor_is_sent_may_take_longer() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    let whole = content(1_000_000);
    upload(&mut rig, &mut ada, 1, &whole);
    let peer = visitor(&mut rig);
    peer.wire.borrow_mut().allow(0);
    peer.send_raw(&[1]);
    rig.settle();
    for _ in 0..10 {
        rig.pass(VISIT_IDLE_MS - 1);
        peer.wire.borrow_mut().allow(100_000);
        rig.settle();
    }
    assert!(peer.wire.borrow().to_peer == whole);
    rig.pass(VISIT_IDLE_MS - 1);
    assert!(!peer.wire.borrow().shut);
    rig.pass(1);
    assert!(peer.wire.borrow().shut);
}

#[test]
fn a_visitor_may_take_its_time_over_an_answer_and_then_ask_again() {
    let mut rig = Rig::new();
    let peer = visitor(&mut rig);
    peer.wire.borrow_mut().visits.as_mut().unwrap().answer_bytes = 1_000;
    peer.wire.borrow_mut().allow(0);
    assert!(!asks_in_vain(&mut rig, &peer));
    rig.pass(VISIT_IDLE_MS - 1);
    peer.wire.borrow_mut().allow(1_000);
    rig.settle();
    rig.pass(VISIT_IDLE_MS - 1);
    assert!(!peer.wire.borrow().shut);
    rig.pass(1);
    assert!(peer.wire.borrow().shut);
}

#[test]
fn where_others_come_nobody_keeps_a_place_to_ask_again() {
    let mut rig = Rig::new();
    // Four of them may be connections that have not joined.
    rig.engine.limit_connections(16);
    let first = visitor(&mut rig);
    let second = visitor(&mut rig);
    assert!(!asks_in_vain(&mut rig, &first) && !asks_in_vain(&mut rig, &second));
    let third = rig.connect();
    assert!(asks_in_vain(&mut rig, &first));
    drop(third);
}

/// The visitor's transport carries the protocol from now on, which it finds when it reads.
fn turns_to_the_protocol(rig: &mut Rig, peer: &Peer) {
    {
        let mut wire = peer.wire.borrow_mut();
        wire.visits = None;
        wire.ready.readable = true;
    }
    rig.settle();
}

#[test]
fn a_visitor_may_become_a_client_and_has_the_time_of_one() {
    let mut rig = Rig::new();
    let mut peer = visitor(&mut rig);
    rig.pass(HELLO_MS / 2);
    assert!(!asks_in_vain(&mut rig, &peer));
    rig.pass(VISIT_IDLE_MS - 1);
    turns_to_the_protocol(&mut rig, &peer);
    rig.pass(HELLO_MS - 1);
    assert!(!peer.wire.borrow().shut);
    rig.pass(1);
    assert_eq!(peer.farewell(), Some(Code::NOT_JOINED_IN_TIME));
    let mut peer = visitor(&mut rig);
    assert!(!asks_in_vain(&mut rig, &peer));
    turns_to_the_protocol(&mut rig, &peer);
    peer.hello();
    peer.join("ada", Some(0));
    rig.settle();
    peer.say("from a browser");
    peer.leave();
    rig.settle();
    assert_eq!(peer.farewell(), Some(Code::LEFT));
}

#[test]
fn what_was_fetched_before_takes_no_number_of_a_client() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    let whole = content(100_000);
    upload(&mut rig, &mut ada, 1, &whole);
    let mut peer = visitor(&mut rig);
    for _ in 0..3 {
        peer.send_raw(&[1]);
        rig.settle();
    }
    assert!(peer.wire.borrow_mut().to_peer == whole.repeat(3));
    peer.wire.borrow_mut().to_peer.clear();
    // The disk thread opens and reads it once more, and has not closed it when the client asks.
    rig.hold_disk();
    peer.send_raw(&[1]);
    rig.settle();
    while peer.wire.borrow().to_peer.len() < whole.len() {
        rig.work(1);
    }
    assert!(std::mem::take(&mut peer.wire.borrow_mut().to_peer) == whole);
    turns_to_the_protocol(&mut rig, &peer);
    peer.hello();
    peer.join("bob", Some(0));
    rig.settle();
    peer.take();
    peer.request(1, 1, None);
    // Nobody counts that far; whoever does has to wait.
    peer.request(u32::MAX - 3, 1, None);
    rig.settle();
    assert_eq!(peer.refusal(), Code::TOO_MANY_TRANSFERS);
    rig.release_disk();
    peer.take();
    assert!(peer.files[&TransferId(1)] == whole);
}
