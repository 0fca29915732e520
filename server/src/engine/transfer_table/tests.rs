//! Transfers from their first number to their end, without clients and without a disk.

use std::net::SocketAddr;

use chatshelf_testkit::samples;

use super::*;
use crate::disk::block::BLOCK_BYTES;
use crate::engine::limits::DOWNLOAD_EXTENTS_IN_FLIGHT;
use crate::engine::limits::{RATE_STEP_MS, RATE_WINDOW_MS, UPLOAD_STALL_MS};

impl TransferTable {
    /// Returns true for an upload whose client may send.
    pub(in crate::engine) fn is_receiving(&self, at: TransferKey) -> bool {
        let member = self.members.get(&at.connection);
        member.and_then(|it| it.uploads.get(&at.transfer)).is_some_and(Upload::is_receiving)
    }

    /// Returns true if few slots are left.
    pub(in crate::engine) fn are_scarce(&self, way: Way) -> bool {
        self.slots.are_scarce(way)
    }
}

const ADA: Token = Token::new(1, 1);
const NOW: UnixMillis = UnixMillis(1_000);

#[derive(Default)]
struct Rig {
    table: TransferTable,
    disk: DiskQueue,
}

fn at(number: u32) -> TransferKey {
    TransferKey { connection: ADA, transfer: TransferId(number) }
}

fn home() -> Origin {
    Origin::from(SocketAddr::from(([192, 0, 2, 1], 4000)))
}

fn file(size: u64) -> FileInfo {
    let attributes = Attributes { mode: None, modified: None };
    FileInfo { name: samples::file_name("f"), size, attributes }
}

fn item(size: u64) -> Item {
    samples::item(1, "f", size, samples::digest(b""))
}

impl Rig {
    fn offer(&mut self, number: u32, size: u64, now_ms: u64) -> Result<(), usize> {
        assert!(self.table.accept_number(at(number)));
        self.table.begin_upload(at(number), home(), file(size), now_ms)
    }

    fn request(&mut self, number: u32, size: u64) -> Result<(), usize> {
        assert!(self.table.accept_number(at(number)));
        let part = Part { item: item(size), range: 0..size, is_bare: false };
        self.table.begin_download(at(number), home(), part, 0)
    }

    fn receive(&mut self, number: u32, offset: u64, bytes: &[u8]) -> Received<()> {
        self.table.receive(at(number), offset, bytes, 0, &mut self.disk)
    }

    fn requests(&mut self) -> Vec<Request> {
        std::iter::from_fn(|| self.disk.pop()).collect()
    }

    /// Checks what holds while ada is here, or is not.
    fn check(&self, is_there: bool) {
        self.table.assert_sound(|connection| connection == ADA && is_there);
    }
}

#[test]
fn a_number_is_taken_once_and_only_if_it_is_higher_than_all_before() {
    let mut table = TransferTable::default();
    let taken = [5, 5, 4, 6].map(|number| table.accept_number(at(number)));
    assert_eq!(taken, [true, false, false, true]);
}

#[test]
fn an_upload_comes_whole_or_not_at_all() {
    let mut rig = Rig::default();
    rig.offer(1, 3, 0).unwrap();
    assert_eq!(rig.receive(1, 0, b"a"), Received::Unexpected, "it is not ready");
    assert!(rig.table.note_created(at(1), 1, 0));
    assert_eq!(rig.receive(1, 0, b"a"), Received::Unexpected, "it has that already");
    assert_eq!(rig.receive(1, 1, b"bcd"), Received::Unexpected, "it is longer than announced");
    assert_eq!(rig.receive(1, 1, b"b"), Received::Taken(()));
    let finish = |rig: &mut Rig| rig.table.finish(at(1), &mut rig.disk);
    assert_eq!(finish(&mut rig), Received::Taken(Finished::Short));
    assert_eq!(rig.receive(1, 2, b"c"), Received::Taken(()));
    assert_eq!(finish(&mut rig), Received::Taken(Finished::Whole(file(3))));
    assert!(rig.table.is_publishing(at(1)));
    assert_eq!(finish(&mut rig), Received::Unexpected);
    assert!(matches!(&rig.requests()[..], [Request::Write { block, .. }] if block == b"bc"));
    rig.check(true);
}

#[test]
fn what_comes_for_an_ended_upload_is_late_and_for_any_other_unexpected() {
    let mut rig = Rig::default();
    assert_eq!(rig.receive(1, 0, b"a"), Received::Unexpected);
    rig.offer(1, 3, 0).unwrap();
    rig.request(2, 3).unwrap();
    assert_eq!(rig.table.forget(at(1), Fate::Discarded, &mut rig.disk), Some(Way::Up));
    assert_eq!(rig.receive(1, 0, b"a"), Received::Late);
    assert_eq!(rig.receive(2, 0, b"a"), Received::Unexpected, "that is a download");
    assert_eq!(rig.receive(3, 0, b"a"), Received::Unexpected);
    assert_eq!(rig.table.finish(at(1), &mut rig.disk), Received::Late);
    assert_eq!(rig.table.forget(at(1), Fate::Discarded, &mut rig.disk), None);
}

#[test]
fn the_bytes_of_an_interrupted_upload_are_kept_or_discarded() {
    let mut rig = Rig::default();
    for number in [1, 2] {
        rig.offer(number, 3, 0).unwrap();
        rig.table.note_created(at(number), 0, 0);
        rig.receive(number, 0, b"a");
    }
    rig.table.forget(at(1), Fate::Kept { at: NOW }, &mut rig.disk);
    let kept = rig.requests();
    assert!(matches!(kept[..], [Request::Write { .. }, Request::Suspend { at: NOW, .. }]));
    rig.table.forget(at(2), Fate::Discarded, &mut rig.disk);
    assert!(matches!(rig.requests()[..], [Request::Discard { .. }]));
    assert_eq!(rig.table.blocks(), 1, "its block is spare");
    assert_eq!(rig.table.slots_taken(), 2, "the disk thread still holds them");
    rig.check(true);
    rig.table.note_ended(at(1));
    rig.table.note_ended(at(2));
    assert_eq!((rig.table.slots_taken(), rig.table.blocks()), (0, 0));
    rig.table.forget_member(ADA);
    rig.check(false);
}

#[test]
fn a_connection_is_held_back_while_the_disk_has_enough_of_one_of_its_uploads() {
    let mut rig = Rig::default();
    rig.offer(1, 4 * BLOCK_BYTES as u64, 0).unwrap();
    rig.table.note_created(at(1), 0, 0);
    let block = vec![0; BLOCK_BYTES];
    rig.receive(1, 0, &block);
    assert!(!rig.table.hold_back(ADA));
    rig.receive(1, BLOCK_BYTES as u64, &block);
    assert!(rig.table.hold_back(ADA));
    assert!(rig.table.note_written(at(1), block, 9));
    assert!(!rig.table.hold_back(ADA));
    assert!(!rig.table.note_written(at(7), Block::new(), 9), "no such upload");
}

#[test]
fn a_download_is_read_ahead_within_its_bound_and_closed_at_its_end() {
    let mut rig = Rig::default();
    rig.request(1, 10).unwrap();
    assert_eq!(rig.table.downloaded(at(1)), Some((&item(10), 0)));
    for _ in 0..DOWNLOAD_EXTENTS_IN_FLIGHT {
        rig.table.read_on(at(1), 65_536, false, &mut rig.disk);
    }
    let Some(Request::Read { offset: 0, bytes: 10, extent, .. }) = rig.requests().pop() else {
        panic!("all of it is read at once, and nothing twice");
    };
    assert_eq!(rig.table.way(at(1)), Some(Way::Down));
    assert!(rig.table.note_sent(at(1), extent, &mut rig.disk));
    rig.table.read_on(at(1), 65_536, false, &mut rig.disk);
    assert!(matches!(rig.requests()[..], [Request::Close { .. }]));
    assert_eq!(rig.table.way(at(1)), None);
    assert!(!rig.table.note_sent(at(1), Extent::in_memory(), &mut rig.disk));
    assert_eq!(rig.table.blocks(), 2, "both extents are spare");
}

#[test]
fn a_member_runs_at_most_their_share_of_transfers() {
    let mut rig = Rig::default();
    let each = MEMBER_TRANSFERS_MAX as u32;
    (1..=each).for_each(|number| rig.offer(number, 3, 0).unwrap());
    assert_eq!(rig.request(each + 1, 3), Err(MEMBER_TRANSFERS_MAX));
    assert_eq!(rig.table.running(ADA).len(), MEMBER_TRANSFERS_MAX);
    rig.check(true);
}

#[test]
fn the_slowest_upload_and_the_pace_decide_what_is_due() {
    let mut rig = Rig::default();
    let due = |rig: &Rig, now_ms| {
        let mut look = Look::at(now_ms);
        (rig.table.due(ADA, &mut look, UPLOAD_STALL_MS), look.next_ms())
    };
    assert_eq!(due(&rig, 0), (None, None));
    rig.offer(1, 3, 100).unwrap();
    assert_eq!(due(&rig, 100), (None, Some(100 + RATE_STEP_MS)), "it is not the client's turn");
    assert_eq!(due(&rig, 100 + RATE_STEP_MS).0, Some(Due::Pace));
    rig.table.note_created(at(1), 0, 200);
    assert_eq!(due(&rig, 200 + UPLOAD_STALL_MS).0, Some(Due::Stalled(TransferId(1))));
}

#[test]
fn slow_transfers_end_only_where_few_slots_are_left_and_the_newest_first() {
    let judged = |crowd: usize| {
        let mut rig = Rig::default();
        for number in 1..=2 {
            rig.offer(number, 3, 0).unwrap();
            rig.table.note_created(at(number), 0, 0);
        }
        for other in 0..crowd {
            let connection = Token::new(10 + other, 1);
            let origin = Origin::from(SocketAddr::from(([10, 0, 0, other as u8], 1)));
            let at = TransferKey { connection, transfer: TransferId(1) };
            rig.table.accept_number(at);
            rig.table.begin_upload(at, origin, file(3), 0).unwrap();
        }
        let slow = rig.table.judge(ADA, 0, |_| false, RATE_WINDOW_MS);
        slow.iter().map(|transfer| transfer.0).collect::<Vec<_>>()
    };
    assert!(judged(10).is_empty());
    assert_eq!(judged(80), [2, 1]);
}

#[test]
#[should_panic(expected = "is gone")]
fn transfers_of_a_connection_that_is_gone_are_noticed() {
    let mut rig = Rig::default();
    rig.offer(1, 3, 0).unwrap();
    rig.check(false);
}

#[test]
#[should_panic(expected = "running() == 0")]
fn a_connection_that_ends_before_its_transfers_is_noticed() {
    let mut rig = Rig::default();
    rig.offer(1, 3, 0).unwrap();
    rig.table.forget_member(ADA);
}
