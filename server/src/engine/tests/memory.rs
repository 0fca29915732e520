//! How much memory a crowd makes the engine hold, and that it is freed.

use chatshelf_common::wire::{Code, Event};

use super::peer::{Peer, Seen};
use super::rig::{Rig, SETTINGS};
use crate::engine::{MemoryUse, Settings};

/// Members none of whom reads a byte. Each joins in a turn of its own, so that each gets a
/// different snapshot; their nicks are long, so that the snapshots are large.
fn deaf_crowd(rig: &mut Rig, count: usize) -> Vec<Peer> {
    let join = |rig: &mut Rig, n: usize| {
        let peer = rig.connect();
        peer.allow(0);
        peer.hello();
        peer.join(&format!("deaf-and-with-a-long-name-{n:05}"), Some(0));
        rig.settle();
        peer
    };
    (0..count).map(|n| join(rig, n)).collect()
}

#[test]
fn the_snapshots_of_a_crowd_share_most_of_their_bytes() {
    const CROWD: usize = 800;
    let mut rig = Rig::new();
    let peers = deaf_crowd(&mut rig, CROWD);
    let usage = rig.engine.stats().memory;
    assert_eq!(usage.members, CROWD);
    // One is 28 KB at the end; copies of all would be 11 MB.
    let each = usage.snapshot_bytes / CROWD;
    assert!(each < 6 * 1024, "{each} bytes each: {usage:?}");
    assert!(usage.bytes() <= MemoryUse::bytes_max(usage.connections));
    // A member who begins to read gets the room as it was at their join, and everything after it.
    let mut first = peers.into_iter().nth(10).unwrap();
    first.allow(usize::MAX);
    rig.settle();
    first.take();
    assert_eq!(first.members().len(), CROWD);
}

#[test]
fn a_crowd_leaves_nothing_behind() {
    let mut rig = Rig::with(Settings { members_max: 2000, ..SETTINGS });
    let alone = rig.engine.stats().memory;
    for _ in 0..2 {
        let peers = deaf_crowd(&mut rig, 1000);
        assert!(rig.engine.stats().memory.table_bytes > 200_000);
        peers.iter().for_each(Peer::reset);
        rig.settle();
        rig.pass(2_000);
        rig.assert_empty();
        let usage = rig.engine.stats().memory;
        let grown = |now: usize, before: usize| now.saturating_sub(before);
        assert!(grown(usage.table_bytes, alone.table_bytes) < 64 * 1024, "{usage:?}");
        assert!(grown(usage.snapshot_bytes, alone.snapshot_bytes) < 64 * 1024, "{usage:?}");
        assert_eq!((usage.queued_bytes, usage.blocks), (0, 0));
    }
}

#[test]
fn every_table_counts() {
    let mut rig = Rig::new();
    let ada = rig.join("ada");
    rig.hold_disk();
    ada.offer(1, 10);
    rig.settle();
    let engine = &rig.engine;
    let of_transfers = [engine.transfers.table_bytes(), engine.disk.table_bytes()];
    assert!(!of_transfers.contains(&0), "{of_transfers:?}");
    let limiter_bytes = engine.limiter.table_bytes();
    assert!(limiter_bytes > 0);
    let others = engine.connections.table_bytes() + engine.admission.table_bytes() + limiter_bytes;
    assert_eq!(engine.stats().memory.table_bytes, others + of_transfers.iter().sum::<usize>());
}

#[test]
fn beyond_the_limit_the_snapshots_unread_for_longest_go() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    let mut peers = deaf_crowd(&mut rig, 400);
    ada.take();
    let before = rig.engine.stats().memory.snapshot_bytes;
    rig.engine.bound_snapshots(before);
    rig.settle();
    assert_eq!(rig.engine.connections(), 401, "they are not too many");
    rig.engine.bound_snapshots(before - 1);
    rig.settle();
    let after = rig.engine.stats().memory.snapshot_bytes;
    assert!(after < before && after > before / 2, "{after} of {before} bytes");
    let gone: Vec<bool> = peers.iter().map(Peer::is_dropped).collect();
    let dropped = gone.iter().filter(|is_gone| **is_gone).count();
    assert!((1..300).contains(&dropped) && gone[..dropped].iter().all(|is_gone| *is_gone));
    // Their grace period to return is over.
    rig.pass(5_000);
    let left = ada.take().into_iter().filter(
        |seen| matches!(seen, Seen::Event(Event::Left(left)) if left.code == Code::TOO_SLOW),
    );
    assert_eq!(left.count(), dropped, "the room is told why");
    let mut newest = peers.pop().unwrap();
    newest.allow(usize::MAX);
    rig.settle();
    newest.take();
    assert_eq!(newest.state(), ada.state());
}

#[test]
fn a_member_who_takes_the_snapshot_in_small_bites_gets_it_whole() {
    let mut rig = Rig::new();
    let _peers = deaf_crowd(&mut rig, 700);
    let mut eve = rig.connect();
    eve.allow(0);
    eve.hello();
    eve.join("eve", Some(0));
    rig.settle();
    let mut ada = rig.join("ada");
    while !eve.has_snapshot() {
        eve.allow(997);
        rig.settle();
        eve.take();
    }
    ada.take();
    assert_eq!(eve.state(), ada.state());
}
