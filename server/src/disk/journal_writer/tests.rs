//! Writing at each level of durability, on a disk that fails.

use std::io::ErrorKind;

use chatshelf_common::id::{Seq, UnixMillis};
use chatshelf_common::text::Nick;
use chatshelf_common::wire::Frame;
use chatshelf_common::wire::frame::Joined;

use super::*;
use crate::disk::fault_injection::{Fault, FaultyFiles};

const LATER: Duration = Duration::from_millis(SYNC_INTERVAL_MS);

fn joined(seq: u64) -> Vec<u8> {
    let nick = Nick::new("ada").unwrap();
    Joined { seq: Seq(seq), at: UnixMillis(1), nick, quiet: None }.to_bytes()
}

fn keeper(durability: Durability) -> (FaultyFiles, JournalWriter<FaultyFiles>, Instant) {
    let files = FaultyFiles::new();
    let (journal, _) = Journal::open(files.clone(), files.path(), 1 << 20).unwrap();
    let mut keeper = JournalWriter::new(journal, durability);
    // The first of all begins a segment.
    keeper.keep(&joined(1), 1, Instant::now());
    keeper.sync();
    (files, keeper, Instant::now())
}

fn sync_if_due(keeper: &mut JournalWriter<FaultyFiles>, now: Instant) -> Option<Reply> {
    let synced = keeper.begin_sync(now)?.sync();
    keeper.end_sync(synced)
}

fn fail_next(files: &FaultyFiles) {
    files.fail(Fault::Once(files.done()), ErrorKind::Other);
}

/// What a full segment of 1 MiB and one line more take, which begins the next.
fn change_over(keeper: &mut JournalWriter<FaultyFiles>, now: Instant) {
    keeper.keep(&joined(2).repeat((1 << 20) / joined(2).len()), 20, now);
    keeper.keep(&joined(3), 30, now);
}

/// Operations that this takes.
fn operations(files: &FaultyFiles, work: impl FnOnce()) -> usize {
    let before = files.done();
    work();
    files.done() - before
}

fn kept(files: &FaultyFiles) -> Vec<u64> {
    let (_, events) = Journal::open(files.clone(), files.path(), 1 << 20).unwrap();
    events.iter().map(|event| event.seq().0).collect()
}

#[test]
fn without_durability_nothing_is_synced_or_answered() {
    let (files, mut keeper, now) = keeper(Durability::None);
    let done = operations(&files, || assert!(keeper.keep(&joined(2), 20, now).is_none()));
    assert_eq!((done, keeper.timeout(now)), (1, None), "one write");
    fail_next(&files);
    assert!(keeper.keep(&joined(3), 30, now).is_none());
    assert!(keeper.is_failing);
    assert!(keeper.keep(&joined(4), 40, now).is_none());
    assert!(!keeper.is_failing);
    assert_eq!(kept(&files), [1, 2, 4]);
}

#[test]
fn at_an_interval_the_first_unsynced_write_sets_when_to_sync() {
    let (files, mut keeper, now) = keeper(Durability::Interval);
    assert_eq!(keeper.timeout(now), None);
    for (seq, ms) in [(2, 0), (3, 400), (4, 900)] {
        let now = now + Duration::from_millis(ms);
        let reply = keeper.keep(&joined(seq), 10 * seq, now);
        assert!(matches!(reply, Some(Reply::Journaled { to }) if to == 10 * seq));
        assert_eq!(keeper.timeout(now), Some(LATER - Duration::from_millis(ms)));
        assert!(sync_if_due(&mut keeper, now).is_none());
    }
    let done = operations(&files, || drop(sync_if_due(&mut keeper, now + LATER)));
    assert_eq!(done, 1, "one sync");
    assert_eq!(keeper.timeout(now + LATER), None);
    let done = operations(&files, || drop(sync_if_due(&mut keeper, now + 9 * LATER)));
    assert_eq!(done, 0);
}

#[test]
fn at_an_interval_a_failure_is_answered_and_the_next_batch_tried() {
    let (files, mut keeper, now) = keeper(Durability::Interval);
    fail_next(&files);
    let reply = keeper.keep(&joined(2), 20, now);
    assert!(matches!(reply, Some(Reply::JournalFailed { to: 20 })));
    let reply = keeper.keep(&joined(3), 30, now);
    assert!(matches!(reply, Some(Reply::Journaled { to: 30 })));
    fail_next(&files);
    let reply = sync_if_due(&mut keeper, now + LATER);
    assert!(matches!(reply, Some(Reply::JournalFailed { to: 30 })));
    assert!(keeper.is_failing && keeper.timeout(now).is_none());
    let reply = keeper.keep(&joined(4), 40, now);
    assert!(matches!(reply, Some(Reply::Journaled { to: 40 })));
    assert!(keeper.is_failing, "a write alone does not prove that it works again");
    assert!(sync_if_due(&mut keeper, now + LATER).is_none() && !keeper.is_failing);
    assert_eq!(kept(&files), [1, 3, 4]);
}

#[test]
fn that_it_works_again_is_only_said_of_what_was_written_after_the_failure() {
    for durability in [Durability::Interval, Durability::None] {
        let (files, mut keeper, now) = keeper(durability);
        keeper.keep(&joined(2), 20, now);
        // A sync of what came before succeeds, while nothing more can be written.
        files.fail(Fault::Once(files.done()), ErrorKind::StorageFull);
        keeper.keep(&joined(3), 30, now);
        assert!(keeper.is_failing);
        assert!(sync_if_due(&mut keeper, now + LATER).is_none());
        keeper.sync();
        assert!(keeper.is_failing, "{durability}: nothing was written");
        // One that was begun before the failure proves nothing either.
        keeper.keep(&joined(4), 40, now);
        assert_eq!(keeper.is_failing, durability == Durability::Interval);
        let unsynced = keeper.begin_sync(now + 2 * LATER);
        files.fail(Fault::Once(files.done()), ErrorKind::StorageFull);
        keeper.keep(&joined(5), 50, now);
        unsynced.into_iter().for_each(|it| drop(keeper.end_sync(it.sync())));
        assert!(keeper.is_failing, "{durability}: the newest could not be written");
        keeper.keep(&joined(6), 60, now);
        keeper.sync();
        assert!(!keeper.is_failing, "{durability}");
    }
}

#[test]
fn a_full_segment_is_synced_whatever_failed_when_the_next_one_began() {
    for durability in [Durability::None, Durability::Interval] {
        for operation in 0..8 {
            let (files, mut keeper, now) = keeper(durability);
            keeper.keep(&joined(2).repeat((1 << 20) / joined(2).len()), 20, now);
            files.fail(Fault::Once(files.done() + operation), ErrorKind::Other);
            keeper.keep(&joined(3), 30, now);
            let _ = sync_if_due(&mut keeper, now);
            keeper.keep(&joined(4), 40, now);
            let _ = sync_if_due(&mut keeper, now);
            assert!(!keeper.journal.is_rotating(), "{durability}, operation {operation}");
        }
    }
}

#[cfg(unix)]
#[test]
fn files_that_were_removed_under_it_are_missed_at_every_level() {
    for durability in [Durability::None, Durability::Interval, Durability::Always] {
        for moved in [false, true] {
            let (files, mut keeper, now) = keeper(durability);
            keeper.keep(&joined(2), 20, now);
            let (log, away) = (files.path().join("log"), files.path().join("away"));
            if moved {
                std::fs::rename(&log, away).unwrap();
            } else {
                std::fs::remove_dir_all(&log).unwrap();
            }
            let later = now + 2 * LATER;
            let reply = keeper.keep(&joined(3), 30, later);
            let reply = sync_if_due(&mut keeper, later + LATER).or(reply);
            let failed = matches!(reply, Some(Reply::JournalFailed { to: 30 }));
            assert_eq!(failed, durability != Durability::None, "{durability}");
            assert!(keeper.is_failing, "{durability}");
            keeper.keep(&joined(4), 40, later);
            assert!(keeper.is_failing, "{durability}: there is no place to write to");
            std::fs::create_dir(&log).unwrap();
            keeper.keep(&joined(5), 50, later);
            keeper.sync();
            assert_eq!(kept(&files), [5], "{durability}");
        }
    }
}

#[test]
fn always_means_that_a_batch_is_synced_before_it_is_acknowledged() {
    let (files, mut keeper, now) = keeper(Durability::Always);
    let batch = [joined(2), joined(3)].concat();
    let done = operations(&files, || {
        let reply = keeper.keep(&batch, 30, now);
        assert!(matches!(reply, Some(Reply::Journaled { to: 30 })));
    });
    assert_eq!((done, keeper.timeout(now)), (2, None), "one write, one sync");
    for (operation, to) in [(0, 40), (1, 50)] {
        files.fail(Fault::Once(files.done() + operation), ErrorKind::Other);
        match keeper.keep(&joined(to / 10), to, now) {
            Some(Reply::JournalFailed { to: failed }) => assert_eq!(failed, to),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_full_segment_is_synced_at_once_and_beside() {
    for durability in [Durability::None, Durability::Interval] {
        let (files, mut keeper, now) = keeper(durability);
        let start = files.done();
        change_over(&mut keeper, now);
        let expected = ["write", "list", "create", "write"];
        assert_eq!(files.done_since(start), expected, "{durability}");
        assert_eq!(keeper.timeout(now), Some(Duration::ZERO));
        let unsynced = keeper.begin_sync(now).expect("a sync is due");
        assert!(keeper.is_syncing() && keeper.timeout(now).is_none());
        assert!(keeper.end_sync(unsynced.sync()).is_none() && !keeper.is_syncing());
    }
}

#[test]
fn that_a_full_segment_could_not_be_synced_is_answered() {
    let (files, mut keeper, now) = keeper(Durability::Interval);
    change_over(&mut keeper, now);
    fail_next(&files);
    let reply = sync_if_due(&mut keeper, now);
    assert!(matches!(reply, Some(Reply::JournalFailed { to: 30 })));
    keeper.keep(&joined(4), 40, now);
    assert!(sync_if_due(&mut keeper, now).is_none() && !keeper.is_failing);
    assert_eq!(kept(&files), [1, 2, 3, 4]);
}

#[test]
fn at_always_a_new_segment_has_its_name_on_the_disk_before_anything_is_acknowledged() {
    let (files, mut keeper, now) = keeper(Durability::Always);
    let start = files.done();
    change_over(&mut keeper, now);
    let full = ["write", "sync"];
    let next = ["list", "create", "write", "sync_dir", "sync", "size"];
    assert_eq!(files.done_since(start), [&full[..], &next[..]].concat());
    assert!(keeper.begin_sync(now + LATER).is_none(), "nothing is left for anyone else");
}

#[test]
fn batches_are_kept_while_a_sync_is_under_way() {
    let (files, mut keeper, now) = keeper(Durability::Interval);
    keeper.keep(&joined(2), 20, now);
    let file = keeper.begin_sync(now + LATER).expect("a sync is due");
    let reply = keeper.keep(&joined(3), 30, now + LATER);
    assert!(matches!(reply, Some(Reply::Journaled { to: 30 })));
    assert_eq!(keeper.timeout(now + LATER), Some(LATER), "what came since is synced later");
    drop(file);
    assert!(keeper.end_sync(Err(ErrorKind::Other.into())).is_some());
    // Nothing more is written behind what may be lost.
    keeper.keep(&joined(4), 40, now);
    keeper.sync();
    let log = files.path().join("log");
    assert!(log.join(format!("{:020}.log", 4)).exists());
    assert_eq!(kept(&files), [1, 2, 3, 4]);
}
