//! Uploads that do not end on the shelf, or end without their member.

use chatshelf_common::id::{ItemId, TransferId};
use chatshelf_common::wire::header::data_head;
use chatshelf_common::wire::{Code, Event};

use super::peer::{Seen, content};
use super::rig::Rig;
use super::uploads::{stored, upload};
use crate::disk::block::BLOCK_BYTES;

#[test]
fn a_cancel_ends_an_upload_at_every_stage_before_done() {
    for sent in [None, Some(0), Some(10), Some(BLOCK_BYTES), Some(BLOCK_BYTES + 10)] {
        let mut rig = Rig::new();
        let mut ada = rig.join("ada");
        let file = content(2 * BLOCK_BYTES);
        ada.offer(1, file.len() as u64);
        if let Some(sent) = sent {
            rig.settle();
            ada.data(1, 0, &file[..sent], 65_536);
        }
        ada.cancel(1);
        ada.data(1, 0, &file, 65_536);
        ada.cancel(1);
        rig.settle();
        let refusals = ada.refusals();
        assert_eq!(refusals.len(), 1);
        assert_eq!((refusals[0].code, refusals[0].about), (Code::CANCELLED, 0x13));
        assert_eq!((rig.disk.count("Discard"), ada.goodbye()), (1, None));
        rig.disk.assert_idle();
    }
}

#[test]
fn a_cancel_after_done_does_nothing() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    ada.offer(1, 2);
    rig.settle();
    ada.data(1, 0, b"hi", 2);
    ada.done(1, b"hi");
    ada.cancel(1);
    rig.settle();
    assert_eq!(stored(&ada.take()), Some(ItemId(1)));
    ada.cancel(1);
    ada.cancel(9);
    rig.settle();
    assert_eq!(ada.take(), []);
}

#[test]
fn a_disk_that_fails_at_any_step_ends_the_upload_and_only_that() {
    for (kind, code) in [
        ("Create", Code::STORAGE_FAILED),
        ("Write", Code::STORAGE_FULL),
        ("Publish", Code::STORAGE_FAILED),
    ] {
        let mut rig = Rig::new();
        let mut ada = rig.join("ada");
        let file = content(4 * BLOCK_BYTES + 1);
        rig.fail(kind, code);
        ada.offer(1, file.len() as u64);
        rig.settle();
        if kind != "Create" {
            ada.data(1, 0, &file, 65_536);
            ada.done(1, &file);
            rig.settle();
        }
        let refused = ada.refusals().pop().unwrap();
        assert_eq!(
            (refused.code, refused.about, refused.transfer),
            (code, 0x10, Some(TransferId(1)))
        );
        assert_eq!(refused.detail.unwrap().as_str(), "the disk of a test");
        upload(&mut rig, &mut ada, 2, &file);
        assert_eq!(ada.items().len(), 1, "{kind}");
        rig.disk.assert_idle();
    }
}

#[test]
fn a_write_that_fails_after_done_is_told_once() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    ada.offer(1, 2);
    rig.settle();
    rig.fail("Write", Code::STORAGE_FULL);
    ada.data(1, 0, b"hi", 2);
    ada.done(1, b"hi");
    rig.settle();
    assert_eq!(ada.refusal(), Code::STORAGE_FULL);
    rig.disk.assert_idle();
}

#[test]
fn content_that_is_not_what_its_digest_says_is_refused() {
    let mut rig = Rig::new();
    let (mut ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    ada.offer(1, 5);
    rig.settle();
    ada.data(1, 0, b"right", 5);
    ada.done(1, b"wrong");
    rig.settle();
    let [refused] = &ada.refusals()[..] else { panic!("one refusal") };
    assert_eq!((refused.code, refused.about), (Code::DIGEST_MISMATCH, 0x10));
    assert_eq!(bob.take(), []);
    rig.disk.assert_idle();
}

#[test]
fn an_item_that_never_got_on_the_shelf_is_unknown_not_dropped() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    ada.offer(1, 5);
    rig.settle();
    ada.data(1, 0, b"right", 5);
    ada.done(1, b"wrong");
    rig.settle();
    ada.take();
    ada.request(2, 1, None);
    rig.settle();
    assert_eq!(ada.refusal(), Code::ITEM_UNKNOWN);
}

#[test]
fn a_connection_lost_before_done_discards_the_upload_at_every_stage() {
    for sent in [None, Some(0), Some(10), Some(3 * BLOCK_BYTES)] {
        for is_held in [false, true] {
            let mut rig = Rig::new();
            let (mut ada, bob) = (rig.join("ada"), rig.join("bob"));
            bob.offer(1, 4 * BLOCK_BYTES as u64);
            if let Some(sent) = sent {
                rig.settle();
                rig.disk.is_held = is_held;
                bob.data(1, 0, &content(sent), 65_536);
            }
            rig.settle();
            bob.reset();
            rig.settle();
            // A connection that is held back is not read: its loss shows when it is read again.
            rig.release_disk();
            rig.pass_grace();
            ada.take();
            assert_eq!(ada.members(), ["ada"], "{sent:?} {is_held}");
            assert!(ada.items().is_empty());
            rig.disk.assert_idle();
            assert_eq!(rig.engine.transfers.slots_taken(), 0);
        }
    }
}

#[test]
fn an_upload_that_is_done_is_published_though_its_member_is_gone() {
    for is_reset in [false, true] {
        let mut rig = Rig::new();
        let (mut ada, bob) = (rig.join("ada"), rig.join("bob"));
        bob.offer(1, 5);
        rig.settle();
        rig.hold_disk();
        bob.data(1, 0, b"hello", 5);
        bob.done(1, b"hello");
        rig.settle();
        if is_reset {
            bob.reset();
        } else {
            bob.leave();
        }
        rig.settle();
        rig.pass(2_000);
        assert!(bob.is_dropped());
        let _carl = rig.join("carl");
        rig.release_disk();
        ada.take();
        assert_eq!(ada.items(), [ItemId(1)]);
        // It comes after the publishing, and only releases the transfer.
        assert_eq!(rig.disk.asked.last(), Some(&("Suspend", 1)));
        assert_eq!(rig.disk.count("Publish"), 1);
        rig.disk.assert_idle();
    }
}

#[test]
fn the_rest_of_a_frame_whose_upload_has_ended_is_discarded() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    ada.offer(1, 1000);
    rig.settle();
    let mut frame = data_head(TransferId(1), 0, 1000).to_vec();
    frame.extend(content(1000));
    ada.send_raw(&frame[..500]);
    rig.settle();
    rig.pass(60_000);
    ada.send_raw(&frame[500..]);
    ada.say("goes on");
    rig.settle();
    let seen = ada.take();
    assert!(matches!(seen.last(), Some(Seen::Event(Event::Said(_)))), "{seen:?}");
    assert_eq!((ada.goodbye(), rig.engine.transfers.slots_taken()), (None, 0));
    rig.disk.assert_idle();
}

#[test]
fn a_frame_that_goes_beyond_the_size_is_unexpected_wherever_it_is_cut() {
    for cut in [1, 6, 18, 20, 21, 22, 23] {
        let mut rig = Rig::new();
        let mut ada = rig.join("ada");
        ada.offer(1, 3);
        rig.settle();
        let mut frame = data_head(TransferId(1), 0, 5).to_vec();
        frame.extend(b"12345");
        ada.send_raw(&frame[..cut]);
        rig.settle();
        ada.send_raw(&frame[cut..]);
        rig.settle();
        assert_eq!(ada.farewell(), Some(Code::UNEXPECTED), "{cut}");
        rig.disk.assert_idle();
    }
}
