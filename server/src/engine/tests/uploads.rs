//! Uploads (PROTOCOL.md, "Uploading").

use chatshelf_common::id::{Attributes, ItemId, Mode, TransferId, UnixMillis};
use chatshelf_common::text::FileName;
use chatshelf_common::wire::frame::UploadOffer;
use chatshelf_common::wire::{Code, Event, ServerFrame};

use super::peer::{Peer, Seen, content};
use super::rig::{AnyRig, LooseRig, Rig, SETTINGS};
use crate::disk::block::BLOCK_BYTES;
use crate::engine::Settings;

/// Uploads a file completely and returns the item it became.
pub(super) fn upload<const SHORT: bool>(
    rig: &mut AnyRig<SHORT>,
    peer: &mut Peer,
    transfer: u32,
    file: &[u8],
) -> u64 {
    peer.offer(transfer, file.len() as u64);
    rig.settle();
    peer.data(transfer, 0, file, 65_536);
    peer.done(transfer, file);
    rig.settle();
    stored(&peer.take()).expect("not stored").0
}

pub(super) fn stored(seen: &[Seen]) -> Option<ItemId> {
    seen.iter().find_map(|one| match one {
        Seen::Server(ServerFrame::UploadStored(stored)) => Some(stored.item),
        _ => None,
    })
}

fn is_ready(seen: &[Seen], transfer: u32) -> bool {
    seen.iter().any(|one| match one {
        Seen::Server(ServerFrame::UploadReady(ready)) => {
            ready.transfer == TransferId(transfer) && ready.offset == 0
        }
        _ => false,
    })
}

#[test]
fn files_of_every_size_arrive_whole_and_are_announced_to_all() {
    let mut rig = Rig::with(Settings { keep: 100, ..SETTINGS });
    let (mut ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    let sizes = [0, 1, 65_536, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 5 * BLOCK_BYTES + 7];
    for (number, size) in (1..).zip(sizes) {
        let file = content(size);
        let item = upload(&mut rig, &mut ada, number, &file);
        assert_eq!(item, u64::from(number));
        let seen = bob.take();
        let Some(Seen::Event(Event::Shelved(shelved))) = seen.last() else { panic!("{seen:?}") };
        assert_eq!((shelved.item.size, shelved.item.nick.as_str()), (size as u64, "ada"));
        assert_eq!(shelved.item.digest, blake3::hash(&file).into());
        let path = rig.disk.path().join(format!("shelf/{item}/content"));
        assert_eq!(std::fs::read(path).unwrap(), file);
    }
    rig.disk.assert_idle();
    assert_eq!(ada.state(), bob.state());
}

#[test]
fn mode_and_time_of_a_file_are_passed_on_and_survive_a_restart() {
    let attributes = Attributes { mode: Mode::new(0o755), modified: Some(UnixMillis(u64::MAX)) };
    let (mut rig, file) = (Rig::new(), content(10));
    let mut ada = rig.join("ada");
    let name = FileName::new("run.sh").unwrap();
    let offer = UploadOffer::new(TransferId(1), name, 10);
    ada.send(UploadOffer { mode: attributes.mode, modified: attributes.modified, ..offer });
    rig.settle();
    ada.data(1, 0, &file, 65_536);
    ada.done(1, &file);
    rig.settle();
    assert_eq!(stored(&ada.take()), Some(ItemId(1)));
    let shelved = rig.engine.room.shelf().find(ItemId(1)).unwrap().clone();
    assert_eq!(shelved.attributes(), attributes);
    let rig = rig.restart(SETTINGS);
    assert_eq!(rig.engine.room.shelf().find(ItemId(1)), Ok(&shelved));
}

#[test]
fn reads_and_frames_of_any_size_store_the_same_file() {
    for (read_max, frame_bytes) in [(1, 700), (100, 1), (4097, 65_536), (70_000, 333)] {
        let file = content(2000 + read_max);
        let mut rig = LooseRig::new();
        let mut ada = rig.join("ada");
        ada.wire.borrow_mut().read_max = read_max;
        ada.offer(1, file.len() as u64);
        rig.settle();
        ada.data(1, 0, &file, frame_bytes);
        ada.done(1, &file);
        rig.settle();
        assert_eq!(stored(&ada.take()), Some(ItemId(1)));
    }
}

#[test]
fn the_data_of_uploads_may_alternate_with_each_other_and_with_talk() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    let files = [content(700_000), content(300_001), content(3)];
    for (number, file) in (1..).zip(&files) {
        ada.offer(number, file.len() as u64);
    }
    rig.settle();
    let ready = ada.take();
    assert!((1..=3).all(|number| is_ready(&ready, number)));
    for at in (0..700_000).step_by(10_000) {
        for (number, file) in (1..).zip(&files) {
            let piece = &file[at.min(file.len())..(at + 10_000).min(file.len())];
            ada.data(number, at as u64, piece, 4000);
        }
        ada.say("still here");
    }
    for (number, file) in (1..).zip(&files) {
        ada.done(number, file);
    }
    rig.settle();
    assert_eq!(ada.lines().len(), 70);
    assert_eq!(ada.items(), [ItemId(1), ItemId(2), ItemId(3)]);
}

#[test]
fn reading_stops_while_the_disk_has_two_blocks_and_nothing_is_lost() {
    for is_loose in [false, true] {
        if is_loose { backpressure::<false>() } else { backpressure::<true>() }
    }
}

fn backpressure<const SHORT: bool>() {
    let mut rig = AnyRig::<SHORT>::new();
    let mut ada = rig.join("ada");
    let file = content(9 * BLOCK_BYTES + 5);
    ada.offer(1, file.len() as u64);
    rig.settle();
    rig.hold_disk();
    ada.data(1, 0, &file, 65_536);
    ada.say("behind the data");
    ada.done(1, &file);
    rig.settle();
    let unread = || ada.wire.borrow().to_engine.len();
    assert_eq!(rig.disk.count("Write"), 2);
    assert!(unread() > 6 * BLOCK_BYTES);
    // New readiness changes nothing: what is masked stays masked.
    let before = unread();
    ada.wire.borrow_mut().ready.readable = true;
    rig.settle();
    assert_eq!(unread(), before);
    for block in 1..=6 {
        rig.work(1);
        assert_eq!(rig.disk.count("Write"), 2 + block);
        assert!(rig.disk.waiting.len() <= 3, "memory is bounded");
    }
    rig.release_disk();
    assert_eq!(stored(&ada.take()), Some(ItemId(1)));
    assert_eq!(ada.last_event().map(|seq| seq.0), Some(3));
    rig.disk.assert_idle();
}

#[test]
fn one_member_held_back_holds_nobody_else_back() {
    let mut rig = Rig::new();
    let (ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    let file = content(4 * BLOCK_BYTES);
    ada.offer(1, file.len() as u64);
    rig.settle();
    rig.hold_disk();
    ada.data(1, 0, &file, 65_536);
    rig.settle();
    bob.say("hi");
    rig.settle();
    assert_eq!(bob.lines(), ["hi"]);
}

#[test]
fn a_file_over_the_limit_is_refused_at_the_offer() {
    let mut rig = Rig::with(Settings { file_bytes_max: 10, ..SETTINGS });
    let mut ada = rig.join("ada");
    ada.offer(1, 11);
    ada.offer(2, u64::MAX);
    ada.offer(3, 10);
    rig.settle();
    let refused = ada.refusals();
    assert_eq!(refused.len(), 2);
    for refused in refused {
        assert_eq!((refused.code, refused.limit), (Code::FILE_TOO_LARGE, Some(10)));
    }
    assert_eq!(rig.disk.count("Create"), 1);
}

#[test]
fn a_sixth_item_drops_the_oldest_for_everyone() {
    let mut rig = Rig::new();
    let (mut ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    for number in 1..=6 {
        upload(&mut rig, &mut ada, number, &content(number as usize));
    }
    let seen = bob.take();
    let Some(Seen::Event(Event::Dropped(dropped))) = seen.last() else { panic!("{seen:?}") };
    assert_eq!((dropped.item, dropped.name.as_str()), (ItemId(1), "notes.txt"));
    assert_eq!(bob.items(), [2, 3, 4, 5, 6].map(ItemId));
    assert!(rig.disk.asked.contains(&("Remove", 1)));
    assert_eq!(rig.disk.count("Remove"), 1);
    assert!(!rig.disk.path().join("shelf/1").exists());
}

#[test]
fn uploads_are_shelved_in_the_order_in_which_they_are_done() {
    let mut rig = Rig::new();
    let (mut ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    ada.offer(1, 1);
    bob.offer(1, 1);
    rig.settle();
    rig.hold_disk();
    for peer in [&bob, &ada] {
        peer.data(1, 0, b"x", 1);
        peer.done(1, b"x");
        rig.settle();
    }
    rig.release_disk();
    assert_eq!((stored(&bob.take()), stored(&ada.take())), (Some(ItemId(1)), Some(ItemId(2))));
}
