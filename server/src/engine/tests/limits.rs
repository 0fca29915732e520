//! How many transfers a member may run, and that their slots become free again.

use chatshelf_common::wire::Code;

use super::peer::Peer;
use super::rig::Rig;
use super::uploads::upload;
use crate::engine::limits::MEMBER_TRANSFERS_MAX;

const EACH: u32 = MEMBER_TRANSFERS_MAX as u32;

pub(super) fn assert_refused(peer: &mut Peer, limit: usize) {
    let refused = peer.refusals().remove(0);
    assert_eq!(refused.code, Code::TOO_MANY_TRANSFERS);
    assert_eq!(refused.limit, Some(limit as u64));
    assert!(refused.transfer.is_some(), "it is about one of them");
}

#[test]
fn a_member_runs_eight_transfers_uploads_and_downloads_together() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    upload(&mut rig, &mut ada, 1, b"file");
    rig.hold_disk();
    (2..=5).for_each(|number| ada.offer(number, 4));
    (6..=9).for_each(|number| ada.request(number, 1, None));
    rig.settle();
    assert!(ada.refusals().is_empty());
    ada.offer(10, 4);
    rig.settle();
    assert_refused(&mut ada, MEMBER_TRANSFERS_MAX);
    ada.request(11, 1, None);
    rig.settle();
    assert_refused(&mut ada, MEMBER_TRANSFERS_MAX);
    rig.release_disk();
    // The four downloads are over: four others may begin.
    (12..=15).for_each(|number| ada.offer(number, 4));
    rig.settle();
    assert!(ada.refusals().is_empty());
    ada.offer(16, 4);
    rig.settle();
    assert_refused(&mut ada, MEMBER_TRANSFERS_MAX);
}

#[test]
fn slots_are_free_again_after_every_kind_of_end() {
    let mut rig = Rig::new();
    let mut ada = rig.join("ada");
    let mut number = 0;
    for end in ["cancel", "stored", "short", "failed", "stalled"] {
        let first = number + 1;
        if end == "failed" {
            rig.fail("Create", Code::STORAGE_FAILED);
        }
        (first..first + EACH).for_each(|number| ada.offer(number, 2));
        number += EACH;
        rig.settle();
        for number in first..first + EACH {
            match end {
                "cancel" => ada.cancel(number),
                "stored" => {
                    ada.data(number, 0, b"hi", 2);
                    ada.done(number, b"hi");
                }
                "short" => ada.done(number, b"hi"),
                _ => {}
            }
        }
        rig.settle();
        if matches!(end, "failed" | "stalled") {
            rig.pass(60_000);
        }
        ada.take();
        assert_eq!(rig.engine.transfers.slots_taken(), 0, "{end}");
        rig.disk.assert_idle();
    }
    assert_eq!(ada.goodbye(), None);
}
