//! Stale tokens, broken connections, and shutdown.

use chatshelf_common::id::{ItemId, TransferId};
use chatshelf_common::wire::Code;

use super::peer::{Peer, content};
use super::rig::Rig;
use super::uploads::upload;
use crate::disk::readahead::Extent;
use crate::disk::{Reply, TransferKey};
use crate::engine::Readiness;

#[test]
fn readiness_of_a_closed_connection_reaches_no_other() {
    let mut rig = Rig::new();
    let ada = rig.join("ada");
    ada.reset();
    rig.settle();
    let bob = rig.connect();
    assert_eq!(bob.token.slot(), ada.token.slot());
    assert_ne!(bob.token, ada.token);
    let ready = Readiness { readable: true, writable: true, read_closed: true };
    rig.engine.handle_readiness(ada.token, ready);
    let connection = rig.engine.connections.get(bob.token).unwrap();
    assert!(!connection.is_readable() && !connection.is_read_closed());
    assert_eq!(rig.engine.connections.ready_len(), 0);
}

#[test]
fn disk_replies_for_a_gone_connection_meet_no_stranger() {
    let mut rig = Rig::new();
    let (mut ada, eve) = (rig.join("ada"), rig.join("eve"));
    upload(&mut rig, &mut ada, 1, &content(1000));
    rig.hold_disk();
    eve.offer(1, 10);
    eve.request(2, 1, None);
    rig.settle();
    eve.reset();
    rig.settle();
    let mut bob = rig.join("bob");
    assert_eq!(bob.token.slot(), eve.token.slot());
    bob.offer(1, 10);
    bob.request(2, 1, None);
    rig.settle();
    bob.take();
    let key = |transfer| TransferKey { connection: eve.token, transfer: TransferId(transfer) };
    let (code, detail) = (Code::STORAGE_FAILED, None);
    for reply in [
        Reply::Created { upload: key(1), offset: 0, digest: None },
        Reply::Wrote { upload: key(1), block: vec![1] },
        Reply::Opened { download: key(2) },
        Reply::Read { download: key(2), extent: Extent::of(TransferId(2), 0, &[7; 10], true) },
        Reply::Failed { transfer: key(1), code, detail: None, block: Some(vec![1]) },
        Reply::Failed { transfer: key(2), code, detail, block: None },
    ] {
        rig.reply(reply);
    }
    assert_eq!(bob.take(), []);
    assert_eq!(
        rig.engine.transfers.slots_taken(),
        4,
        "the disk still holds those of the lost connection"
    );
    rig.release_disk();
    bob.take();
    assert_eq!(bob.files[&TransferId(2)], content(1000));
}

#[test]
fn a_timer_of_a_closed_connection_reaches_no_other() {
    let mut rig = Rig::new();
    let first = rig.connect();
    rig.pass(9_000);
    first.reset();
    rig.settle();
    let mut second = rig.connect();
    assert_eq!(second.token.slot(), first.token.slot());
    rig.pass(1_000);
    assert_eq!(second.farewell(), None);
    rig.pass(9_000);
    assert_eq!(second.farewell(), Some(Code::NOT_JOINED_IN_TIME));
}

#[test]
fn a_connection_that_breaks_in_any_phase_leaves_nothing() {
    for phase in ["greeting", "greeted", "joined", "leaving"] {
        for is_reset in [false, true] {
            let mut rig = Rig::new();
            let peer = rig.connect();
            if phase != "greeting" {
                peer.hello();
            }
            if matches!(phase, "joined" | "leaving") {
                peer.join("ada", None);
            }
            if phase == "leaving" {
                peer.allow(0);
                peer.leave();
            }
            rig.settle();
            if is_reset {
                peer.reset();
            } else {
                peer.end();
            }
            rig.settle();
            if phase == "leaving" && !is_reset {
                peer.allow(usize::MAX);
                rig.settle();
            }
            assert!(peer.is_dropped(), "{phase} {is_reset}");
            rig.assert_empty();
        }
    }
}

#[test]
fn a_connection_that_breaks_while_written_to_is_announced_to_the_rest() {
    let mut rig = Rig::new();
    let (mut ada, eve) = (rig.join("ada"), rig.join("eve"));
    // Only the write discovers it: no readiness is reported.
    eve.wire.borrow_mut().broken = true;
    ada.say("hello");
    rig.settle();
    assert_eq!(ada.lines(), ["hello"]);
    assert!(eve.is_dropped());
    rig.pass_grace();
    ada.take();
    assert_eq!(ada.members(), ["ada"]);
}

#[test]
fn many_that_break_in_one_flush_are_all_announced() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    let crowd: Vec<Peer> = (0..30).map(|n| rig.join(&format!("peer-{n}"))).collect();
    for peer in crowd.iter().step_by(2) {
        peer.wire.borrow_mut().broken = true;
    }
    ada.say("hello");
    rig.settle();
    assert_eq!(rig.engine.connections(), 16);
    rig.pass_grace();
    ada.take();
    assert_eq!(ada.members().len(), 16);
}

#[test]
fn at_shutdown_everyone_is_told_and_the_engine_empties() {
    let mut rig = Rig::new();
    let file = content(2_000_000);
    let mut ada = rig.join("ada");
    upload(&mut rig, &mut ada, 1, &file);
    let mut bob = rig.join("bob");
    let mut greeted = rig.connect();
    greeted.hello();
    let mut silent = rig.connect();
    ada.request(2, 1, None);
    ada.allow(1000);
    bob.offer(1, 10);
    rig.settle();
    ada.say("the last word");
    rig.turn();
    rig.engine.shut_down();
    rig.settle();
    ada.allow(usize::MAX);
    rig.settle();
    let mut late = rig.connect();
    rig.settle();
    for peer in [&mut ada, &mut bob, &mut greeted, &mut silent, &mut late] {
        assert_eq!(peer.farewell(), Some(Code::SHUTTING_DOWN));
        peer.end();
    }
    assert_eq!(bob.members().len(), 2, "nobody is announced as having left");
    rig.settle();
    assert!(rig.engine.is_empty());
    assert_eq!((rig.engine.connections.deadlines(), rig.engine.transfers.slots_taken()), (0, 0));
    rig.disk.assert_idle();
}

#[test]
fn at_shutdown_a_peer_that_does_not_read_is_dropped_in_time() {
    let mut rig = Rig::new();
    let ada = rig.join("ada");
    ada.allow(0);
    rig.engine.shut_down();
    rig.settle();
    rig.pass(4_999);
    assert!(!rig.engine.is_empty());
    rig.pass(1);
    assert!(rig.engine.is_empty() && ada.is_dropped());
}

#[test]
fn a_file_published_during_shutdown_is_on_the_shelf_afterwards() {
    let mut rig = Rig::new();
    let ada = rig.join("ada");
    ada.offer(1, 2);
    rig.settle();
    rig.hold_disk();
    ada.data(1, 0, b"hi", 2);
    ada.done(1, b"hi");
    rig.settle();
    rig.engine.shut_down();
    rig.settle();
    rig.release_disk();
    assert!(rig.engine.room.shelf().iter().map(|item| item.id).eq([ItemId(1)]));
    rig.disk.assert_idle();
}

#[test]
fn after_everyone_left_nothing_remains() {
    let mut rig = Rig::new();
    let mut peers: Vec<Peer> = (0..20).map(|n| rig.join(&format!("peer-{n}"))).collect();
    let file = content(600_000);
    upload(&mut rig, &mut peers[0], 1, &file);
    for peer in &peers {
        peer.allow(10_000);
        peer.request(10, 1, None);
        peer.offer(11, 600_000);
    }
    rig.settle();
    for (n, peer) in peers.iter().enumerate() {
        peer.data(11, 0, &file[..n * 20_000], 65_536);
        match n % 3 {
            0 => peer.leave(),
            1 => peer.end(),
            _ => peer.reset(),
        }
    }
    rig.settle();
    rig.pass(10_000);
    assert!(peers.iter().all(Peer::is_dropped));
    rig.assert_empty();
}

#[test]
fn a_receiver_that_breaks_in_mid_burst_is_announced_and_the_sender_is_unaffected() {
    let mut rig = Rig::new();
    let (ada, mut eve) = (rig.join("ada"), rig.join("eve"));
    ada.wire.borrow_mut().broken = true;
    let long = "x".repeat(8000);
    (0..30).for_each(|_| eve.tell("ada", &long));
    eve.say("to whoever is left");
    rig.settle();
    assert_eq!(eve.lines(), ["to whoever is left"]);
    assert!(ada.is_dropped());
    rig.pass_grace();
    eve.take();
    assert_eq!(eve.members(), ["eve"]);
    assert_eq!(eve.farewell(), None);
}

#[test]
fn a_peer_that_breaks_in_the_turn_of_its_join_leaves_nothing() {
    for is_reset in [false, true] {
        let mut rig = Rig::new();
        let mut ada = rig.join("ada");
        let mut peer = rig.connect();
        peer.hello();
        rig.settle();
        peer.join("eve", Some(3));
        peer.say("hello?");
        if is_reset {
            peer.reset();
        } else {
            // Discovered when the welcome is written.
            rig.engine.begin_turn(rig.now);
            let ready = Readiness { readable: true, ..Readiness::default() };
            rig.engine.handle_readiness(peer.token, ready);
            rig.engine.serve_ready();
            peer.wire.borrow_mut().broken = true;
        }
        rig.settle();
        assert!(peer.is_dropped());
        rig.pass_grace();
        ada.take();
        assert_eq!(ada.members(), ["ada"], "{is_reset}");
        ada.reset();
        rig.settle();
        rig.assert_empty();
    }
}
