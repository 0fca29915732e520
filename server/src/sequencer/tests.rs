//! Tests of the sequencer, and of what relies on it: the same events make the same room anywhere.

mod machine;
mod model;

use chatshelf_common::id::{Digest, ItemId, Seq, UnixMillis};
use chatshelf_common::text::{FileName, Nick};
use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::Item;
use chatshelf_testkit::receiver::events_in;
use proptest::prelude::*;
use tempfile::TempDir;

use super::Sequencer;
use crate::disk::files::SystemFiles;
use crate::disk::journal::Journal;
use crate::room::proposal::Proposal;
use crate::room::{Past, Restored, Room};
use machine::{KEEP, Machine, Op, WINDOW_BYTES, op};

const AT: UnixMillis = UnixMillis(1_000);
/// Segment sizes in bytes: of a journal that keeps everything here, and of one that keeps a few
/// events.
const LARGE_SEGMENT: u64 = 1 << 30;
const SMALL_SEGMENT: u64 = 500;
/// BLAKE3 of the log and the snapshots of [`every_build_makes_the_same_bytes`].
const DIGEST: &str = "27d2a47a369fb743dcf9e828be26494ef5774d10d2c85fcbe5da3232502e6303";

#[test]
fn a_proposal_is_in_the_room_or_refused_at_once() {
    let mut room = Room::new(Seq(1), 1 << 20, 5);
    let mut sequencer = Sequencer::new(&room);
    let join = Proposal::Join { nick: Nick::new("ada").unwrap(), quiet: None };
    assert_eq!(sequencer.order(&mut room, join.clone(), AT), Ok(()));
    assert_eq!((room.log().last_seq(), room.log().time_of(Seq(1))), (Seq(1), Some(AT)));
    assert_eq!(sequencer.order(&mut room, join, AT), Err(Code::NICK_TAKEN));
    assert_eq!((room.log().last_seq(), room.members_len()), (Seq(1), 1));
}

#[test]
fn no_number_of_an_item_is_given_out_twice() {
    let mut room = Room::new(Seq(1), 1 << 20, 5);
    let mut sequencer = Sequencer::new(&room);
    assert_eq!(sequencer.reserve_item_id(), ItemId(1));
    assert_eq!(sequencer.reserve_item_id(), ItemId(2));
    for id in [2, 7] {
        let (name, nick) = (FileName::new("f").unwrap(), Nick::new("ada").unwrap());
        let item = Item::new(ItemId(id), name, id, Digest([0; 32]), nick, AT);
        sequencer.order(&mut room, Proposal::Shelve { item }, AT).unwrap();
    }
    assert_eq!(sequencer.reserve_item_id(), ItemId(8));
    assert_eq!(Sequencer::new(&room).reserve_item_id(), ItemId(8), "after a start as well");
}

fn folder() -> TempDir {
    // In memory where possible: syncs would take most of the time.
    let memory = std::path::Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

fn journal(folder: &TempDir, segment_bytes: u64) -> (Journal<SystemFiles>, Past) {
    let (journal, events) = Journal::open(SystemFiles, folder.path(), segment_bytes).unwrap();
    let past = Past { events, topic: journal.topic().cloned(), ..Past::default() };
    (journal, past)
}

/// Runs these actions on a machine with a journaled room, while a second room follows it event by
/// event.
fn follow(
    machine: &mut Machine,
    second: &mut Room,
    journal: &mut Journal<SystemFiles>,
    ops: &[Op],
) {
    for op in ops {
        let frames = machine.act(op);
        for event in events_in(&frames) {
            second.commit(event);
            machine::cut_if_overfull(second);
        }
        machine.room.assert_same(second);
        journal.append(&frames).unwrap();
        journal.sync().unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 100, failure_persistence: None, ..ProptestConfig::default()
    })]

    /// Whatever is proposed, and however the room is read, released and trimmed meanwhile, a second
    /// room equals it after each event, and so does a third into which a journal is replayed.
    #[test]
    fn the_same_events_make_the_same_room(ops in prop::collection::vec(op(), 1..80)) {
        let new_room = || Room::new(Seq(1), WINDOW_BYTES, KEEP);
        let folder = folder();
        let (mut machine, mut second) = (Machine::new(new_room(), true), new_room());
        follow(&mut machine, &mut second, &mut journal(&folder, LARGE_SEGMENT).0, &ops);
        let mut third = new_room();
        for event in journal(&folder, LARGE_SEGMENT).1.events {
            third.commit(event);
            machine::cut_if_overfull(&mut third);
        }
        // The journal no longer has the text of redacted lines, so repetitions are not known there.
        if ops.iter().any(|op| matches!(op, Op::Moderate { .. })) {
            let (log, third) = (machine.room.log(), third.log());
            let start = log.start().max(third.start());
            prop_assert_eq!(log.between(start, log.end()), third.between(start, third.end()));
        } else {
            machine.room.assert_same(&mut third);
        }
    }

    /// A restart from what is left of a journal continues where the log ended, and two such
    /// restarts stay identical.
    #[test]
    fn a_restart_makes_the_same_room_from_the_end_of_a_journal(
        ops in prop::collection::vec(op(), 20..80),
        later in prop::collection::vec(op(), 1..20),
    ) {
        let folder = folder();
        let new_room = || Room::new(Seq(1), WINDOW_BYTES, KEEP);
        let mut before = Machine::new(new_room(), false);
        follow(&mut before, &mut new_room(), &mut journal(&folder, SMALL_SEGMENT).0, &ops);

        let (mut journal, past) = journal(&folder, SMALL_SEGMENT);
        let (shelf, log) = (before.room.shelf(), before.room.log());
        let items = shelf.iter().cloned().collect();
        let past = Past { items, newest_item: shelf.newest(), ..past };
        let now = before.now();
        let restore = || Room::restore(past.clone(), WINDOW_BYTES, KEEP, now);
        let Restored { room, proposals, gone } = restore();
        prop_assert_eq!((proposals, gone), (vec![], vec![]));
        prop_assert_eq!(room.log().next_seq(), log.next_seq());
        let held = (log.end() - log.start()).min(room.log().end() - room.log().start());
        let newest = |log: &crate::room::log::RoomLog| {
            log.between(log.end() - held, log.end()).to_vec()
        };
        prop_assert_eq!(newest(room.log()), newest(log));
        prop_assert!(room.shelf().iter().eq(shelf.iter()));
        prop_assert_eq!((room.topic(), room.members_len()), (before.room.topic(), 0));

        let mut machine = before.restarted(room);
        let mut second = restore().room;
        second.lock_topic(machine.room.is_topic_locked());
        follow(&mut machine, &mut second, &mut journal, &later);
    }
}

/// The bytes of a log and a snapshot do not depend on where or when they are made. If they change,
/// so has the protocol, or the Unicode tables that order the nicks; then servers of the two builds
/// would not hold the same room.
#[test]
fn every_build_makes_the_same_bytes() {
    let mut machine = Machine::new(Room::new(Seq(1), 1 << 20, KEEP), true);
    let mut hasher = blake3::Hasher::new();
    for round in 0..40 {
        for op in Op::each(round) {
            hasher.update(&machine.act(&op));
        }
        hasher.update(&machine.room.snapshot().bytes_from(0, usize::MAX));
    }
    assert_eq!(machine.room.log().last_seq(), Seq(491));
    assert_eq!(hasher.finalize().to_hex().as_str(), DIGEST);
}
