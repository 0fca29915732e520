//! Downloads (PROTOCOL.md, "Downloading").

use chatshelf_common::id::{ItemId, TransferId};
use chatshelf_common::limits::DATA_BYTES_MAX;
use chatshelf_common::wire::Code;

use super::peer::{Peer, Seen, content};
use super::rig::{AnyRig, LooseRig, Rig, SETTINGS};
use super::uploads::upload;
use crate::disk::readahead::{MEMORY_FILE_BYTES_MAX, WINDOW_FILE_BYTES_MAX};
use crate::engine::Settings;

/// More than two extents hold, in windows or in memory.
const SIZE: usize = 3 * WINDOW_FILE_BYTES_MAX + 1000;

/// What an extent holds for a connection that is slow, or of unknown speed.
const SLOW_FILE_BYTES: usize = DATA_BYTES_MAX as usize;

/// A rig with one file on the shelf, and a member.
fn shelf<const SHORT: bool>(file: &[u8]) -> (AnyRig<SHORT>, Peer) {
    let mut rig = AnyRig::new();
    let mut ada = rig.join("ada");
    upload(&mut rig, &mut ada, 1, file);
    (rig, ada)
}

fn file_of(peer: &Peer, transfer: u32) -> &[u8] {
    peer.files.get(&TransferId(transfer)).expect("the download has not begun")
}

#[test]
fn files_of_every_size_come_whole() {
    let extents = [MEMORY_FILE_BYTES_MAX, WINDOW_FILE_BYTES_MAX].map(|bytes| [bytes, bytes + 1]);
    for size in [0, 1, 65_536, 65_537, SIZE].into_iter().chain(extents.concat()) {
        let file = content(size);
        let (mut rig, mut ada) = shelf::<true>(&file);
        ada.request(2, 1, None);
        rig.settle();
        ada.take();
        assert!(file_of(&ada, 2) == file, "{size}");
        assert_eq!(rig.engine.transfers.slots_taken(), 0);
        rig.disk.assert_idle();
    }
}

#[test]
fn a_download_begins_where_it_is_asked_to() {
    let file = content(SIZE);
    let (mut rig, mut ada) = shelf::<true>(&file);
    let size = SIZE as u64;
    for (transfer, offset) in
        (2..).zip([0, 1, 65_536, WINDOW_FILE_BYTES_MAX as u64, size - 1, size])
    {
        ada.request(transfer, 1, Some(offset));
        rig.settle();
        ada.take();
        assert!(file_of(&ada, transfer) == &file[offset as usize..], "{offset}");
    }
    for (transfer, offset) in [(20, size + 1), (21, u64::MAX)] {
        ada.request(transfer, 1, Some(offset));
        rig.settle();
        assert_eq!(ada.refusal(), Code::SIZE_MISMATCH);
    }
    rig.disk.assert_idle();
}

#[test]
fn a_slow_reader_gets_the_file_whole_and_holds_two_extents_at_most() {
    let file = content(SIZE);
    let (mut rig, mut ada) = shelf::<true>(&file);
    ada.allow(0);
    ada.request(2, 1, None);
    rig.settle();
    for room in (1..8000).step_by(149).cycle().take(900) {
        assert!(rig.disk.count("Read") <= 2 + file_len(&ada, 2) / SLOW_FILE_BYTES);
        ada.allow(room);
        rig.settle();
        ada.take();
    }
    ada.allow(usize::MAX);
    rig.settle();
    ada.take();
    assert!(file_of(&ada, 2) == file);
    rig.disk.assert_idle();
}

fn file_len(peer: &Peer, transfer: u32) -> usize {
    peer.files.get(&TransferId(transfer)).map_or(0, Vec::len)
}

#[test]
fn writes_of_any_size_bring_the_same_file() {
    let file = content(100_000);
    for write_max in [1, 17, 18, 19, 4096, 65_554] {
        let (mut rig, mut ada): (LooseRig, _) = shelf(&file);
        ada.wire.borrow_mut().write_max = write_max;
        ada.request(2, 1, None);
        rig.settle();
        ada.take();
        assert!(file_of(&ada, 2) == file, "{write_max}");
    }
}

#[test]
fn several_downloads_and_talk_share_the_connection() {
    let file = content(SIZE);
    let (mut rig, mut ada) = shelf::<true>(&file);
    let mut bob = rig.join("bob");
    ada.take();
    ada.allow(0);
    (2..=5).for_each(|transfer| ada.request(transfer, 1, None));
    rig.settle();
    ada.allow(10_000);
    rig.settle();
    bob.say("hello");
    rig.settle();
    ada.allow(1_600);
    rig.settle();
    assert_eq!(ada.lines(), ["hello"], "chat waits for one data frame at most");
    ada.allow(usize::MAX);
    rig.settle();
    ada.take();
    assert!((2..=5).all(|transfer| file_of(&ada, transfer) == file));
    rig.disk.assert_idle();
}

#[test]
fn unknown_items_and_dropped_items_are_told_apart() {
    let mut rig = Rig::with(Settings { keep: 1, ..SETTINGS });
    let mut ada = rig.join("ada");
    upload(&mut rig, &mut ada, 1, b"first");
    upload(&mut rig, &mut ada, 2, b"second");
    for (transfer, item, code) in [
        (3, 1, Code::ITEM_DROPPED),
        (4, 3, Code::ITEM_UNKNOWN),
        (5, 0, Code::ITEM_UNKNOWN),
        (6, u64::MAX, Code::ITEM_UNKNOWN),
    ] {
        ada.request(transfer, item, None);
        rig.settle();
        let refused = ada.refusals().remove(0);
        assert_eq!((refused.code, refused.about), (code, 0x12));
        assert_eq!(refused.transfer, Some(TransferId(transfer)));
    }
    assert_eq!(rig.disk.count("Open"), 0);
}

#[test]
fn an_item_dropped_on_the_way_still_comes_whole() {
    let file = content(SIZE);
    let mut rig = Rig::with(Settings { keep: 1, ..SETTINGS });
    let (mut ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    upload(&mut rig, &mut ada, 1, &file);
    bob.allow(1000);
    bob.request(1, 1, None);
    rig.settle();
    upload(&mut rig, &mut ada, 2, b"the next");
    assert!(!rig.disk.path().join("shelf/1").exists());
    bob.request(2, 1, None);
    bob.allow(usize::MAX);
    rig.settle();
    assert_eq!(bob.refusal(), Code::ITEM_DROPPED);
    assert!(file_of(&bob, 1) == file);
    assert_eq!(bob.items(), [ItemId(2)]);
    rig.disk.assert_idle();
}

#[test]
fn after_a_cancel_is_answered_no_data_comes() {
    let file = content(SIZE);
    for taken in [0, 1, 100, 130, 65_700, 65_800, 400_000] {
        let (mut rig, mut ada) = shelf::<true>(&file);
        ada.allow(taken);
        ada.request(2, 1, None);
        rig.settle();
        ada.cancel(2);
        rig.settle();
        ada.allow(usize::MAX);
        rig.settle();
        let seen = ada.take();
        assert!(matches!(seen.last(), Some(Seen::Server(_))), "{taken}");
        let got = file_of(&ada, 2);
        assert!(got == &file[..got.len()] && got.len() <= taken + 65_536);
        assert_eq!(rig.engine.transfers.slots_taken(), 0);
        rig.disk.assert_idle();
    }
}

#[test]
fn a_cancel_of_one_download_leaves_the_others_running() {
    let file = content(SIZE);
    let (mut rig, mut ada) = shelf::<true>(&file);
    ada.allow(300_000);
    (2..=4).for_each(|transfer| ada.request(transfer, 1, None));
    rig.settle();
    ada.cancel(3);
    rig.settle();
    ada.allow(usize::MAX);
    rig.settle();
    assert_eq!(ada.refusal(), Code::CANCELLED);
    assert!(file_of(&ada, 2) == file && file_of(&ada, 4) == file);
    rig.disk.assert_idle();
}

#[test]
fn a_cancel_while_the_disk_opens_or_reads_closes_the_file() {
    for done in 0..3 {
        let (mut rig, mut ada) = shelf::<true>(&content(SIZE));
        ada.allow(0);
        rig.hold_disk();
        ada.request(2, 1, None);
        rig.settle();
        rig.work(done);
        ada.cancel(2);
        rig.settle();
        rig.release_disk();
        ada.allow(usize::MAX);
        rig.settle();
        assert_eq!(ada.refusal(), Code::CANCELLED, "{done}");
        rig.disk.assert_idle();
    }
}

#[test]
fn a_disk_that_fails_ends_the_download_and_only_that() {
    let file = content(SIZE);
    for kind in ["Open", "Read"] {
        let (mut rig, mut ada) = shelf::<true>(&file);
        rig.fail(kind, Code::STORAGE_FAILED);
        ada.request(2, 1, None);
        rig.settle();
        let refused = ada.refusals().pop().unwrap();
        assert_eq!((refused.code, refused.about), (Code::STORAGE_FAILED, 0x12));
        ada.request(3, 1, None);
        rig.settle();
        ada.take();
        assert!(file_of(&ada, 3) == file);
        rig.disk.assert_idle();
    }
}

#[test]
fn a_read_that_fails_midway_ends_the_download_after_a_whole_frame() {
    let (mut rig, mut ada) = shelf::<true>(&content(SIZE));
    ada.allow(100_000);
    ada.request(2, 1, None);
    rig.settle();
    rig.fail("Read", Code::STORAGE_FAILED);
    ada.allow(200_000);
    rig.settle();
    ada.allow(usize::MAX);
    rig.settle();
    assert_eq!(ada.refusal(), Code::STORAGE_FAILED);
    assert_eq!(rig.engine.transfers.slots_taken(), 0);
    rig.disk.assert_idle();
}

#[test]
fn a_connection_lost_at_any_stage_closes_the_file() {
    for done in [0, 1, 2, 3, usize::MAX] {
        let (mut rig, ada) = shelf::<true>(&content(SIZE));
        ada.allow(70_000);
        rig.hold_disk();
        ada.request(2, 1, None);
        rig.settle();
        rig.work(done);
        ada.reset();
        rig.settle();
        assert!(ada.is_dropped());
        rig.release_disk();
        rig.assert_empty();
        assert_eq!(rig.disk.count("Close"), 1);
    }
}

#[test]
fn leaving_in_mid_download_ends_the_frame_and_says_goodbye() {
    for taken in [1, 200, 66_000, 150_000] {
        let (mut rig, mut ada) = shelf::<true>(&content(SIZE));
        ada.allow(taken);
        ada.request(2, 1, None);
        rig.settle();
        ada.leave();
        rig.settle();
        ada.allow(usize::MAX);
        rig.settle();
        assert_eq!(ada.farewell(), Some(Code::LEFT), "{taken}");
        ada.end();
        rig.settle();
        rig.assert_empty();
    }
}

#[test]
fn data_for_a_download_is_unexpected_until_it_has_ended() {
    let (mut rig, mut ada) = shelf::<true>(b"small");
    ada.request(2, 1, None);
    rig.settle();
    ada.take();
    ada.data(2, 0, b"x", 1);
    ada.done(2, b"x");
    rig.settle();
    assert_eq!(ada.take(), [], "it has ended");
    ada.allow(0);
    ada.request(3, 1, None);
    rig.settle();
    ada.data(3, 0, b"x", 1);
    rig.settle();
    ada.allow(usize::MAX);
    rig.settle();
    assert_eq!(ada.farewell(), Some(Code::UNEXPECTED));
}
