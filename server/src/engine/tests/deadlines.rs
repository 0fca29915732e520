//! Every deadline of PROTOCOL.md, "Phases and deadlines": nothing happens just before it, and what
//! the page states happens at it.

use chatshelf_common::wire::frame::{Ping, Pong};
use chatshelf_common::wire::{Code, ServerFrame};

use super::peer::{Peer, Seen, content};
use super::rig::Rig;

fn pings(peer: &mut Peer) -> usize {
    let is_ping = |one: &Seen| matches!(one, Seen::Server(ServerFrame::ServerPing(_)));
    peer.take().iter().filter(|one| is_ping(one)).count()
}

#[test]
fn a_silent_connection_is_closed_after_ten_seconds() {
    let mut rig = Rig::new();
    let mut peer = rig.connect();
    rig.settle();
    assert_eq!(rig.engine.poll_timeout(rig.now), Some(10_000));
    rig.pass(9_999);
    assert_eq!(peer.take(), []);
    rig.pass(1);
    assert_eq!(peer.farewell(), Some(Code::NOT_JOINED_IN_TIME));
}

#[test]
fn half_a_hello_is_no_hello() {
    let mut rig = Rig::new();
    let mut peer = rig.connect();
    peer.send_raw(&[1, 0, 0, 0]);
    rig.pass(9_999);
    peer.send_raw(&[0]);
    rig.pass(1);
    assert_eq!(peer.farewell(), Some(Code::NOT_JOINED_IN_TIME));
}

#[test]
fn a_greeted_connection_has_a_minute_to_join_whatever_else_it_sends() {
    let mut rig = Rig::new();
    let ada = rig.join("ada");
    let mut peer = rig.connect();
    rig.pass(9_999);
    peer.hello();
    rig.settle();
    for _ in 0..5 {
        rig.pass(10_000);
        peer.send(Ping {});
        ada.send(Pong {});
        rig.settle();
        peer.join("ada", None);
    }
    rig.pass(9_999);
    assert_eq!(peer.farewell(), None);
    rig.pass(1);
    assert_eq!(peer.farewell(), Some(Code::NOT_JOINED_IN_TIME));
}

#[test]
fn a_join_in_the_last_moment_is_in_time() {
    let mut rig = Rig::new();
    let mut peer = rig.connect();
    peer.hello();
    rig.settle();
    rig.pass(59_999);
    peer.join("ada", None);
    rig.pass(30_000);
    assert_eq!(peer.farewell(), None);
    assert!(peer.welcomed().is_some());
}

#[test]
fn a_silent_member_is_pinged_after_a_minute_and_given_up_after_another() {
    let mut rig = Rig::new();
    let mut eve = rig.join("eve");
    rig.pass(1_000);
    let mut ada = rig.join("ada");
    rig.pass(58_999);
    assert_eq!(pings(&mut eve), 0);
    rig.pass(1);
    assert_eq!(pings(&mut eve), 1);
    rig.pass(30_000);
    ada.send(Pong {});
    rig.pass(29_999);
    assert_eq!((pings(&mut eve), eve.farewell()), (0, None));
    rig.pass(1);
    assert_eq!(eve.farewell(), Some(Code::TIMED_OUT));
    rig.pass_grace();
    ada.take();
    assert_eq!(ada.members(), ["ada"]);
}

#[test]
fn any_byte_is_a_sign_of_life() {
    let mut rig = Rig::new();
    let mut eve = rig.join("eve");
    for (wait, sign) in [(59_999, &[0x31][..]), (59_999, &[0]), (59_999, &[0, 0, 0, 0])] {
        rig.pass(wait);
        eve.send_raw(sign);
        rig.settle();
        assert_eq!(pings(&mut eve), 0);
    }
    rig.pass(60_000);
    assert_eq!(pings(&mut eve), 1);
    rig.pass(59_999);
    eve.send(Pong {});
    rig.settle();
    rig.pass(1);
    assert_eq!(eve.farewell(), None);
    rig.pass(59_998);
    assert_eq!(pings(&mut eve), 0);
    rig.pass(1);
    assert_eq!(pings(&mut eve), 1);
}

#[test]
fn a_member_that_answers_every_ping_stays_for_hours() {
    let mut rig = Rig::new();
    let mut eve = rig.join("eve");
    for _ in 0..120 {
        rig.pass(60_000);
        assert_eq!(pings(&mut eve), 1);
        eve.send(Pong {});
        rig.settle();
    }
    assert_eq!(eve.farewell(), None);
}

#[test]
fn a_peer_that_takes_no_byte_for_half_a_minute_is_too_slow() {
    let mut rig = Rig::new();
    let (mut ada, eve) = (rig.join("ada"), rig.join("eve"));
    eve.allow(0);
    ada.say("anyone?");
    rig.settle();
    rig.pass(29_998);
    // One byte is progress.
    eve.allow(1);
    rig.settle();
    rig.pass(29_999);
    assert!(rig.is_joined(&eve));
    rig.pass(1);
    assert!(!rig.is_joined(&eve));
    rig.pass(4_999);
    assert!(!eve.is_dropped());
    rig.pass(1);
    assert!(eve.is_dropped());
    ada.take();
    assert!(!ada.members().contains(&"eve"));
}

#[test]
fn a_ping_puts_off_no_other_deadline() {
    let mut rig = Rig::new();
    let (mut ada, eve) = (rig.join("ada"), rig.join("eve"));
    eve.allow(0);
    rig.pass(40_000);
    ada.say("anyone?");
    rig.settle();
    // Eve is pinged at 60 s, with her output blocked since 40 s.
    rig.pass(29_999);
    assert!(rig.is_joined(&eve));
    rig.pass(1);
    assert!(!rig.is_joined(&eve), "at 70 s she has taken no byte for 30 s");
}

#[test]
fn a_ping_puts_off_no_stall() {
    let mut rig = Rig::new();
    let mut eve = rig.join("eve");
    rig.hold_disk();
    eve.offer(1, 10);
    rig.settle();
    rig.pass(5_000);
    rig.release_disk();
    rig.pass(55_000);
    assert_eq!(pings(&mut eve), 1);
    eve.send(Pong {});
    rig.settle();
    rig.pass(5_000);
    assert_eq!(eve.refusal(), Code::STALLED);
}

#[test]
fn a_slow_peer_that_reads_again_in_time_gets_its_goodbye() {
    let mut rig = Rig::new();
    let (mut ada, mut eve) = (rig.join("ada"), rig.join("eve"));
    eve.allow(0);
    ada.say("anyone?");
    rig.settle();
    rig.pass(30_000);
    rig.pass(4_000);
    eve.allow(usize::MAX);
    rig.settle();
    assert_eq!(eve.farewell(), Some(Code::TOO_SLOW));
}

#[test]
fn nothing_to_send_is_no_slowness() {
    let mut rig = Rig::new();
    let mut eve = rig.join("eve");
    eve.allow(0);
    rig.pass(59_000);
    eve.send(Pong {});
    rig.pass(59_000);
    assert_eq!(eve.farewell(), None);
    assert_eq!(rig.engine.connections(), 1);
}

#[test]
fn after_the_farewell_input_is_discarded_for_two_seconds() {
    let mut rig = Rig::new();
    let mut eve = rig.join("eve");
    eve.leave();
    rig.settle();
    assert_eq!(eve.farewell(), Some(Code::LEFT));
    assert!(eve.wire.borrow().shut);
    eve.send_raw(&content(300_000));
    rig.pass(1_999);
    assert!(eve.wire.borrow().to_engine.is_empty(), "the rest is read, to avoid a reset");
    assert!(!eve.is_dropped());
    rig.pass(1);
    assert!(eve.is_dropped());
    rig.assert_empty();
}

#[test]
fn a_lingering_connection_goes_when_the_peer_closes() {
    for is_reset in [false, true] {
        let mut rig = Rig::new();
        let eve = rig.join("eve");
        eve.leave();
        rig.settle();
        assert!(!eve.is_dropped());
        if is_reset {
            eve.reset();
        } else {
            eve.end();
        }
        rig.settle();
        assert!(eve.is_dropped());
        rig.assert_empty();
    }
}

#[test]
fn an_upload_that_brings_nothing_for_a_minute_is_stalled() {
    let mut rig = Rig::new();
    let mut eve = rig.join("eve");
    eve.offer(1, 10);
    rig.settle();
    rig.pass(30_000);
    eve.data(1, 0, b"12345", 5);
    rig.settle();
    eve.take();
    rig.pass(30_000);
    eve.send(Pong {});
    rig.pass(29_999);
    assert_eq!(eve.take(), []);
    rig.pass(1);
    let refused = eve.refusals().remove(0);
    assert_eq!((refused.code, refused.about), (Code::STALLED, 0x10));
    assert_eq!(eve.goodbye(), None);
    rig.disk.assert_idle();
    eve.data(1, 5, b"67890", 5);
    eve.done(1, b"1234567890");
    rig.settle();
    assert_eq!(eve.take(), []);
}

#[test]
fn an_upload_waits_for_a_slow_disk_without_a_limit() {
    let mut rig = Rig::new();
    let mut eve = rig.join("eve");
    let file = content(600 * 1024);
    eve.offer(1, file.len() as u64);
    rig.settle();
    rig.hold_disk();
    eve.data(1, 0, &file, 65_536);
    rig.settle();
    rig.pass(300_000);
    assert!(eve.refusals().is_empty() && eve.goodbye().is_none());
    rig.release_disk();
    eve.done(1, &file);
    rig.settle();
    eve.take();
    assert_eq!(eve.items().len(), 1);
}

#[test]
fn an_upload_does_not_stall_while_another_holds_its_connection_back() {
    let mut rig = Rig::new();
    let mut eve = rig.join("eve");
    let file = content(600 * 1024);
    eve.offer(1, file.len() as u64);
    eve.offer(2, 3);
    rig.settle();
    rig.hold_disk();
    eve.data(1, 0, &file, 65_536);
    eve.data(2, 0, b"abc", 3);
    rig.settle();
    assert!(!eve.wire.borrow().to_engine.is_empty(), "not held back");
    rig.pass(60_000);
    assert_eq!(eve.refusals(), []);
}

#[test]
fn a_member_whose_upload_failed_while_held_back_is_still_pinged() {
    let mut rig = Rig::new();
    let mut eve = rig.join("eve");
    let file = content(600 * 1024);
    eve.offer(1, file.len() as u64);
    rig.settle();
    rig.hold_disk();
    eve.data(1, 0, &file[..512 * 1024], 65_536);
    rig.settle();
    rig.pass(70_000);
    rig.fail("Write", Code::STORAGE_FULL);
    rig.release_disk();
    assert_eq!(eve.refusal(), Code::STORAGE_FULL);
    assert_eq!(rig.engine.connections.deadlines(), 1, "nothing would ever check it again");
    rig.pass(120_000);
    assert_eq!(pings(&mut eve), 1);
}

#[test]
fn a_member_that_joins_at_the_moment_of_an_old_deadline_is_still_pinged() {
    let mut rig = Rig::new();
    let mut eve = rig.connect();
    rig.pass(1_000);
    eve.hello();
    rig.settle();
    // The timer is still set for the hello; what is due has been postponed since.
    rig.now.mono_us += 9_000_000;
    eve.join("eve", None);
    rig.settle();
    assert!(eve.take().len() > 1);
    rig.pass(60_000);
    assert_eq!(pings(&mut eve), 1);
}

#[test]
fn uploads_that_stall_at_one_moment_all_end_at_it() {
    let mut rig = Rig::new();
    let mut eve = rig.join("eve");
    (1..=3).for_each(|transfer| eve.offer(transfer, 10));
    rig.settle();
    eve.take();
    rig.pass(60_000);
    let seen = eve.take();
    let is_refused = |one: &&Seen| matches!(one, Seen::Server(ServerFrame::Refused(_)));
    assert_eq!(seen.iter().filter(is_refused).count(), 3);
    assert_eq!(seen.len(), 4, "and the ping that is due as well");
}
