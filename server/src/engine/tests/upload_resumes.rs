//! Interrupted uploads, and resuming them (PROTOCOL.md, "Uploading").

use chatshelf_common::id::{Digest, ItemId, TransferId, UploadKey};
use chatshelf_common::wire::frame::UploadReady;
use chatshelf_common::wire::{Code, ServerFrame};

use super::disk::KEEP_PARTIAL_MS;
use super::peer::{Peer, Seen, content};
use super::rig::{Rig, SETTINGS};
use super::uploads::stored;
use crate::disk::block::BLOCK_BYTES;
use crate::engine::limits::UPLOAD_STALL_MS;

const KEY: UploadKey = UploadKey([7; 16]);

fn ready(peer: &mut Peer) -> Option<UploadReady> {
    peer.take().into_iter().find_map(|seen| match seen {
        Seen::Server(ServerFrame::UploadReady(ready)) => Some(ready),
        _ => None,
    })
}

/// Offers a file under [`KEY`] and sends its first `bytes`.
fn begin(rig: &mut Rig, peer: &mut Peer, transfer: u32, file: &[u8], bytes: usize) -> UploadReady {
    peer.offer_with_key(transfer, file.len() as u64, KEY);
    rig.settle();
    let ready = ready(peer).expect("not ready");
    let offset = ready.offset as usize;
    peer.data(transfer, ready.offset, &file[offset..bytes.max(offset)], 60_000);
    rig.settle();
    ready
}

/// Resumes the upload and completes it.
fn go_on(rig: &mut Rig, peer: &mut Peer, transfer: u32, file: &[u8]) -> UploadReady {
    let ready = begin(rig, peer, transfer, file, file.len());
    peer.done(transfer, file);
    rig.settle();
    let item = stored(&peer.take()).expect("not stored");
    let content = rig.disk.path().join(format!("shelf/{item}/content"));
    assert_eq!(std::fs::read(content).unwrap(), file);
    rig.disk.assert_idle();
    ready
}

fn expected(transfer: u32, file: &[u8], offset: usize) -> UploadReady {
    let digest: Digest = blake3::hash(&file[..offset]).into();
    UploadReady {
        transfer: TransferId(transfer),
        offset: offset as u64,
        digest: (offset > 0).then_some(digest),
    }
}

#[test]
fn after_a_lost_connection_an_upload_resumes_where_it_was() {
    let file = content(3 * BLOCK_BYTES + 100);
    for bytes in [1, 1000, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES, file.len()] {
        let mut rig = Rig::new();
        let mut ada = rig.join("ada");
        begin(&mut rig, &mut ada, 1, &file, bytes);
        ada.reset();
        rig.settle();
        let mut bob = rig.join("bob");
        assert_eq!(bob.items(), [], "what is kept is not listed");
        let ready = go_on(&mut rig, &mut bob, 5, &file);
        assert_eq!(ready, expected(5, &file, bytes));
    }
}

#[test]
fn uploads_of_members_who_leave_or_stall_can_be_resumed_too() {
    let file = content(10_000);
    for is_stalled in [false, true] {
        let mut rig = Rig::new();
        let mut ada = rig.join("ada");
        begin(&mut rig, &mut ada, 1, &file, 5_000);
        if is_stalled {
            rig.pass(UPLOAD_STALL_MS);
            assert_eq!(ada.refusal(), Code::STALLED);
        } else {
            ada.leave();
            rig.settle();
            ada = rig.join("ada");
        }
        assert_eq!(go_on(&mut rig, &mut ada, 2, &file), expected(2, &file, 5_000));
    }
}

#[test]
fn a_shutdown_keeps_what_has_arrived_for_the_next_start() {
    let file = content(BLOCK_BYTES + 10_000);
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    begin(&mut rig, &mut ada, 1, &file, BLOCK_BYTES + 7);
    rig.engine.shut_down();
    rig.settle();
    let mut rig = rig.restart(SETTINGS);
    let mut ada = rig.join("ada");
    assert_eq!(go_on(&mut rig, &mut ada, 1, &file), expected(1, &file, BLOCK_BYTES + 7));
}

#[test]
fn an_upload_without_a_key_is_not_kept() {
    let mut rig = Rig::new();
    let ada = rig.join("ada");
    ada.offer(1, 10_000);
    rig.settle();
    ada.data(1, 0, &content(5_000), 5_000);
    rig.settle();
    ada.reset();
    rig.settle();
    rig.disk.assert_idle();
}

#[test]
fn what_the_client_gives_up_or_the_server_refuses_is_not_kept() {
    let file = content(10_000);
    type End = fn(&mut Rig, &mut Peer, &[u8]);
    let cancel: End = |_, peer, _| peer.cancel(1);
    let done_early: End = |_, peer, file| peer.done(1, file);
    let wrong: End = |_, peer, file| {
        peer.data(1, 5_000, &file[5_000..], 5_000);
        peer.done(1, b"something else");
    };
    for (end, code) in [
        (cancel, Code::CANCELLED),
        (done_early, Code::SIZE_MISMATCH),
        (wrong, Code::DIGEST_MISMATCH),
    ] {
        let mut rig = Rig::new();
        let mut ada = rig.join("ada");
        begin(&mut rig, &mut ada, 1, &file, 5_000);
        end(&mut rig, &mut ada, &file);
        rig.settle();
        assert_eq!(ada.refusal(), code);
        rig.disk.assert_idle();
        assert_eq!(go_on(&mut rig, &mut ada, 2, &file), expected(2, &file, 0));
    }
}

#[test]
fn a_key_that_is_still_in_use_moves_to_the_newer_offer() {
    let file = content(2 * BLOCK_BYTES + 9_000);
    // What the disk thread was not given yet is sent once more.
    let (sent, held) = (BLOCK_BYTES + 5_000, BLOCK_BYTES);
    let mut rig = Rig::new();
    let (mut ada, mut bob) = (rig.join("ada"), rig.join("bob"));
    begin(&mut rig, &mut ada, 1, &file, sent);
    assert_eq!(go_on(&mut rig, &mut bob, 2, &file), expected(2, &file, held));
    assert_eq!(ada.refusal(), Code::REPLACED);
    // Late data for the ended upload is discarded.
    ada.data(1, sent as u64, &file[sent..], 1_000);
    ada.done(1, &file);
    rig.settle();
    assert_eq!(ada.farewell(), None);
    assert_eq!((rig.engine.transfers.slots_taken(), ada.items().len()), (0, 1));
}

#[test]
fn an_offer_replaces_one_of_the_same_connection_too() {
    let file = content(BLOCK_BYTES + 10);
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    begin(&mut rig, &mut ada, 1, &file, BLOCK_BYTES);
    ada.offer_with_key(2, file.len() as u64, KEY);
    rig.settle();
    let seen = ada.take();
    let refused = seen.iter().find_map(|seen| match seen {
        Seen::Server(ServerFrame::Refused(refused)) => Some((refused.code, refused.transfer)),
        _ => None,
    });
    assert_eq!(refused, Some((Code::REPLACED, Some(TransferId(1)))));
    ada.data(2, BLOCK_BYTES as u64, &file[BLOCK_BYTES..], 10);
    ada.done(2, &file);
    rig.settle();
    assert_eq!(stored(&ada.take()), Some(ItemId(1)));
    rig.disk.assert_idle();
}

#[test]
fn an_upload_whose_end_its_sender_did_not_hear_of_is_not_stored_twice() {
    let file = content(BLOCK_BYTES + 10);
    for is_restarted in [false, true] {
        let mut rig = Rig::new();
        let mut ada = rig.join("ada");
        begin(&mut rig, &mut ada, 1, &file, file.len());
        rig.hold_disk();
        ada.done(1, &file);
        rig.settle();
        ada.reset();
        rig.settle();
        let mut again = rig.join("ada");
        if is_restarted {
            rig.release_disk();
            rig = rig.restart(SETTINGS);
            again = rig.join("ada");
        }
        // The offer waits until the publishing is done.
        again.offer_with_key(7, file.len() as u64, KEY);
        rig.settle();
        rig.release_disk();
        let seen = again.take();
        assert_eq!(stored(&seen), Some(ItemId(1)));
        let is_ready = |seen: &Seen| matches!(seen, Seen::Server(ServerFrame::UploadReady(_)));
        assert!(!seen.iter().any(is_ready));
        assert_eq!((rig.engine.transfers.slots_taken(), again.items().len()), (0, 1));
        // Another file may be uploaded under the same key.
        again.offer_with_key(8, 10, KEY);
        rig.settle();
        assert_eq!(ready(&mut again), Some(expected(8, &file, 0)));
    }
}

#[test]
fn an_interrupted_upload_expires() {
    let file = content(10_000);
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    begin(&mut rig, &mut ada, 1, &file, 5_000);
    ada.reset();
    rig.settle();
    rig.pass(KEEP_PARTIAL_MS - 1);
    assert_eq!(rig.disk.folders_of_uploads(), 1);
    assert_eq!(rig.engine.poll_timeout(rig.now), Some(1));
    rig.pass(1);
    rig.assert_empty();
    let mut bob = rig.join("bob");
    assert_eq!(go_on(&mut rig, &mut bob, 1, &file), expected(1, &file, 0));
}

#[test]
fn a_member_that_takes_over_its_ghost_resumes_its_upload_at_once() {
    let file = content(10_000);
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    begin(&mut rig, &mut ada, 1, &file, 5_000);
    let mut again = rig.connect();
    again.hello();
    again.send(chatshelf_common::wire::frame::Join {
        resume: ada.resume(),
        ..super::peer::join("ada", Some(0))
    });
    again.offer_with_key(1, 10_000, KEY);
    rig.settle();
    assert_eq!(ready(&mut again), Some(expected(1, &file, 5_000)));
}
