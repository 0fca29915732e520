//! Peers that want all transfers for themselves: everyone else still gets a share.

use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::Pong;

use super::limits::assert_refused;
use super::peer::{Peer, content};
use super::rig::{HOME, Rig};
use super::uploads::upload;
use crate::engine::limits::{MEMBER_SLOTS_MAX, MEMBER_TRANSFERS_MAX, RATE_STEP_MS, RATE_WINDOW_MS};

const EACH: u32 = MEMBER_TRANSFERS_MAX as u32;
const AWAY: &str = "198.51.100.7:4000";
/// The latest time at which a transfer that is too slow has ended.
const PATIENCE_MS: u64 = RATE_WINDOW_MS + RATE_STEP_MS;

/// Sixteen members of one address, each of whom begins as many uploads as possible.
fn greedy(rig: &mut Rig) -> Vec<Peer> {
    let peers: Vec<Peer> = (0..16).map(|n| rig.join(&format!("greedy-{n}"))).collect();
    for peer in &peers {
        (1..=EACH).for_each(|number| peer.offer(number, 1 << 20));
    }
    rig.settle();
    assert!(rig.engine.transfers.slots_taken() > 60);
    peers
}

/// Lets time pass while each of them sends one byte a minute for each upload.
fn trickle(rig: &mut Rig, peers: &mut [Peer], ms: u64) {
    for second in 0..ms / 1000 {
        for peer in &mut *peers {
            peer.send(Pong {});
            if second % 50 == 1 {
                (1..=EACH).for_each(|number| peer.data(number, second / 50, b"x", 1));
            }
        }
        rig.pass(1000);
    }
}

#[test]
fn a_newcomer_uploads_and_downloads_beside_those_who_hold_all_they_can() {
    for address in [HOME, AWAY] {
        let mut rig = Rig::new();
        let mut ada = rig.join("ada");
        upload(&mut rig, &mut ada, 1, b"file");
        let _peers = greedy(&mut rig);
        let mut late = rig.join_from(address, "late");
        assert_eq!(late.items().len(), 1);
        late.request(1, 1, None);
        rig.settle();
        late.take();
        assert_eq!(late.files.values().next().map(Vec::as_slice), Some(&b"file"[..]));
        upload(&mut rig, &mut late, 2, b"mine");
        late.take();
        assert_eq!(late.items().len(), 2, "{address}");
    }
}

#[test]
fn uploads_that_hardly_move_end_while_slots_are_scarce() {
    let mut rig = Rig::new();
    let mut peers = greedy(&mut rig);
    trickle(&mut rig, &mut peers, RATE_WINDOW_MS - 1000);
    assert!(rig.engine.transfers.slots_taken() > 60, "none ends before a window is over");
    trickle(&mut rig, &mut peers, PATIENCE_MS - RATE_WINDOW_MS + 1000);
    let taken = rig.engine.transfers.slots_taken();
    assert!(
        !rig.engine.transfers.are_scarce(crate::engine::transfer_table::Way::Up),
        "{taken} are left"
    );
    let refusals: Vec<Code> = peers.iter_mut().flat_map(Peer::refusals).map(|it| it.code).collect();
    assert!(refusals.contains(&Code::STALLED), "{refusals:?}");
    assert!(peers.iter().all(|peer| peer.goodbye().is_none()), "they remain members");
}

#[test]
fn uploads_that_hardly_move_are_left_alone_while_there_are_enough_slots() {
    let mut rig = Rig::new();
    let mut peers = vec![rig.join("slow")];
    peers[0].offer(1, 1 << 20);
    rig.settle();
    trickle(&mut rig, &mut peers, 10 * RATE_WINDOW_MS);
    assert_eq!(peers[0].refusals(), []);
}

#[test]
fn a_slow_line_does_as_many_uploads_as_it_is_fast_enough_for() {
    let mut rig = Rig::new();
    let mut peers = greedy(&mut rig);
    let mut phone = rig.join_from(AWAY, "phone");
    (1..=4).for_each(|number| phone.offer(number, 1 << 20));
    rig.settle();
    assert_eq!(phone.refusals(), []);
    let second = [7; 600];
    for at in 0..PATIENCE_MS / 1000 {
        // 2400 bytes in a second, for four uploads.
        (1..=4).for_each(|number| phone.data(number, at * 600, &second, 600));
        trickle(&mut rig, &mut peers, 1000);
    }
    let refused = phone.refusals();
    let numbers: Vec<_> = refused.iter().map(|it| (it.code, it.transfer.unwrap().0)).collect();
    assert_eq!(numbers, [(Code::STALLED, 4), (Code::STALLED, 3)], "the newest");
    assert_eq!(phone.goodbye(), None);
}

#[test]
fn downloads_that_are_hardly_taken_end_while_slots_are_scarce() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    upload(&mut rig, &mut ada, 1, &content(300_000));
    let mut peers: Vec<Peer> = (0..16).map(|n| rig.join(&format!("deaf-{n}"))).collect();
    for peer in &peers {
        peer.allow(100_000);
        (1..=EACH).for_each(|number| peer.request(number, 1, None));
    }
    rig.settle();
    assert!(rig.engine.transfers.slots_taken() > 100);
    let mut late = rig.join_from(AWAY, "late");
    late.request(1, 1, None);
    rig.settle();
    late.take();
    assert_eq!(late.files.values().next().map(Vec::len), Some(300_000));
    for _ in 0..PATIENCE_MS / 1000 {
        for peer in &mut peers {
            peer.send(Pong {});
            peer.allow(1);
        }
        rig.pass(1000);
    }
    assert!(!rig.engine.transfers.are_scarce(crate::engine::transfer_table::Way::Down));
}

#[test]
fn offering_and_cancelling_without_end_spends_only_ones_own_slots() {
    let mut rig = Rig::new();
    let mut looper = rig.join("looper");
    rig.hold_disk();
    for number in 1..=200 {
        looper.offer(number, 10);
        looper.cancel(number);
    }
    rig.settle();
    assert_eq!(rig.engine.transfers.slots_taken(), MEMBER_SLOTS_MAX);
    let mut ada = rig.join("ada");
    (1..=EACH).for_each(|number| ada.offer(number, 4));
    rig.settle();
    assert_eq!(ada.refusals(), []);
    ada.offer(9, 4);
    rig.settle();
    assert_refused(&mut ada, MEMBER_TRANSFERS_MAX);
    rig.release_disk();
    assert_eq!(rig.engine.transfers.slots_taken(), EACH as usize);
    looper.take();
    looper.offer(201, 10);
    rig.settle();
    assert_eq!(looper.refusals(), []);
}

#[test]
fn a_member_who_cancels_all_transfers_may_begin_as_many_at_once() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    (1..=EACH).for_each(|number| ada.offer(number, 4));
    rig.settle();
    rig.hold_disk();
    (1..=EACH).for_each(|number| ada.cancel(number));
    (1..=EACH).for_each(|number| ada.offer(EACH + number, 4));
    rig.settle();
    let refusals = ada.refusals();
    assert!(refusals.iter().all(|it| it.code == Code::CANCELLED), "{refusals:?}");
    rig.release_disk();
    assert_eq!(rig.engine.transfers.slots_taken(), EACH as usize);
}

#[test]
fn the_slots_of_those_who_vanish_are_free_again() {
    let mut rig = Rig::new();
    let peers = greedy(&mut rig);
    peers.iter().for_each(Peer::reset);
    rig.settle();
    rig.pass(2_000);
    rig.assert_empty();
}
