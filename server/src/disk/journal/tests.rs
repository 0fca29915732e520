//! The journal over real files: damaged at every byte, failing at every operation.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;

use chatshelf_common::id::{ItemId, MessageId, UnixMillis};
use chatshelf_common::text::{FileName, Message, Nick};
use chatshelf_common::wire::frame::{Dropped, Said};
use proptest::prelude::*;

use super::*;
use crate::disk::fault_injection::{Fault, FaultyFiles};
use crate::room::log::SEQ_MAX;
use crate::room::shelf::ITEM_ID_MAX;

fn said(seq: u64, text: &str) -> Event {
    let (nick, text) = (Nick::new("ada").unwrap(), Message::new(text).unwrap());
    Said { seq: Seq(seq), at: UnixMillis(1), nick, id: MessageId(seq), text, style: None }.into()
}

fn line(seq: u64) -> Event {
    said(seq, &format!("line {seq}"))
}

fn frames(events: impl IntoIterator<Item = Event>) -> Vec<u8> {
    let mut out = Vec::new();
    events.into_iter().for_each(|event| event.encode(&mut out));
    out
}

fn lines(seqs: impl IntoIterator<Item = u64>) -> Vec<u8> {
    frames(seqs.into_iter().map(line))
}

const LARGE: u64 = 1 << 20;

fn open(files: &FaultyFiles, segment_bytes: u64) -> (Journal<FaultyFiles>, Vec<Event>) {
    Journal::open(files.clone(), files.path(), segment_bytes).unwrap()
}

fn seqs(events: &[Event]) -> Vec<u64> {
    events.iter().map(|event| event.seq().0).collect()
}

/// The seqs of what a start finds, all of them lines as they were said.
fn reopen(files: &FaultyFiles) -> Vec<u64> {
    let (_, events) = open(files, LARGE);
    assert!(events.iter().all(|event| *event == line(event.seq().0)));
    seqs(&events)
}

/// A journal of one segment with these lines, its file, and where each record ends.
fn of_lines(seqs: std::ops::RangeInclusive<u64>) -> (FaultyFiles, PathBuf, Vec<usize>) {
    let files = FaultyFiles::new();
    let (mut journal, _) = open(&files, LARGE);
    let mut ends = Vec::new();
    for seq in seqs {
        journal.append(&lines([seq])).unwrap();
        ends.push(journal.open.as_ref().unwrap().length as usize);
    }
    let path = journal.segments().unwrap().remove(0);
    (files, path, ends)
}

#[test]
fn what_was_appended_is_there_at_the_next_start() {
    let files = FaultyFiles::new();
    let (mut journal, events) = open(&files, LARGE);
    assert!(events.is_empty());
    journal.append(&lines(1..=3)).unwrap();
    journal.append(&[]).unwrap();
    journal.append(&lines([4])).unwrap();
    drop(journal);
    assert_eq!(reopen(&files), [1, 2, 3, 4]);
    let (mut journal, _) = open(&files, LARGE);
    journal.append(&lines([5])).unwrap();
    assert_eq!(reopen(&files), [1, 2, 3, 4, 5]);
    assert_eq!(journal.segments().unwrap().len(), 1);
}

#[test]
fn what_a_start_finds_is_durable_before_it_is_shown() {
    let files = FaultyFiles::new();
    let (mut journal, _) = open(&files, LARGE);
    journal.append(&lines(1..=3)).unwrap();
    // Killed before it could sync.
    drop(journal);
    let start = files.done();
    let (journal, events) = open(&files, LARGE);
    assert_eq!((events.len(), files.done_since(start).last()), (3, Some(&"sync")));
    drop(journal);
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_to_whole_events_and_written_on() {
    let (files, path, ends) = of_lines(1..=3);
    let whole = fs::read(&path).unwrap();
    for cut in 0..=whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let left = ends.iter().filter(|end| **end <= cut).count() as u64;
        let (mut journal, events) = open(&files, LARGE);
        assert!(seqs(&events).into_iter().eq(1..=left), "torn at {cut}");
        let length = fs::metadata(&path).map_or(0, |metadata| metadata.len() as usize);
        assert_eq!(length, ends[..left as usize].last().copied().unwrap_or(0));
        journal.append(&lines(left + 1..=9)).unwrap();
        assert_eq!(reopen(&files), (1..=9).collect::<Vec<_>>());
    }
}

#[test]
fn one_damaged_byte_costs_the_event_it_is_in() {
    let (files, path, ends) = of_lines(1..=9);
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << bit;
            fs::write(&path, &damaged).unwrap();
            let lost = 1 + ends.iter().filter(|end| **end <= at).count() as u64;
            let left: Vec<u64> = (1..=9).filter(|seq| *seq != lost).collect();
            assert_eq!(reopen(&files), left, "damaged at {at}");
            let length = fs::metadata(&path).unwrap().len() as usize;
            assert_eq!(length, if lost == 9 { ends[7] } else { whole.len() });
        }
    }
}

#[test]
fn bytes_too_few_or_too_many_cost_the_event_they_are_in() {
    let (files, path, ends) = of_lines(1..=9);
    let whole = fs::read(&path).unwrap();
    for at in 0..ends[7] {
        for count in [1, 2, 7] {
            let end = at + count;
            let left = |from: usize, to: usize| {
                let begin = |seq: usize| if seq == 1 { 0 } else { ends[seq - 2] };
                let is_whole = |seq: &usize| ends[seq - 1] <= from || begin(*seq) >= to;
                (1..=9).filter(is_whole).map(|seq| seq as u64).collect::<Vec<_>>()
            };
            fs::write(&path, [&whole[..at], &whole[end..]].concat()).unwrap();
            assert_eq!(reopen(&files), left(at, end), "{count} missing at {at}");
            fs::write(&path, [&whole[..at], &vec![0xC0; count], &whole[at..]].concat()).unwrap();
            assert_eq!(reopen(&files), left(at, at), "{count} inserted at {at}");
        }
    }
}

#[test]
fn a_journal_of_builds_before_the_first_release_is_read_and_written_on() {
    let (files, path, ends) = of_lines(1..=3);
    let mut bytes = fs::read(&path).unwrap();
    let mut begin = 0;
    for end in ends {
        let (head, frame) = bytes[begin..end].split_at_mut(record::HEAD_BYTES);
        head[4..].copy_from_slice(&blake3::hash(frame).as_bytes()[..4]);
        begin = end;
    }
    fs::write(&path, &bytes).unwrap();
    let (mut journal, _) = open(&files, LARGE);
    journal.append(&lines(4..=5)).unwrap();
    assert_eq!(reopen(&files), [1, 2, 3, 4, 5]);
}

#[test]
fn a_hole_of_zeros_in_the_middle_is_skipped_and_writing_goes_on_at_the_end() {
    let (files, path, ends) = of_lines(1..=9);
    let mut bytes = fs::read(&path).unwrap();
    bytes[ends[2] + 5..ends[5] + 5].fill(0);
    fs::write(&path, &bytes).unwrap();
    let (mut journal, events) = open(&files, LARGE);
    assert_eq!(seqs(&events), [1, 2, 3, 8, 9]);
    journal.append(&lines([10])).unwrap();
    assert_eq!(reopen(&files), [1, 2, 3, 8, 9, 10]);
}

/// After damage, only a record of a later event can be one that follows.
#[test]
fn an_old_record_behind_damage_is_not_taken_for_a_new_one() {
    let (files, path, ends) = of_lines(1..=5);
    let whole = fs::read(&path).unwrap();
    let old = &whole[..ends[1]];
    fs::write(&path, [&whole[..ends[3]], b"garbage", old, &whole[ends[3]..]].concat()).unwrap();
    assert_eq!(reopen(&files), [1, 2, 3, 4, 5]);
}

#[test]
fn events_whose_numbers_came_again_are_the_later_ones() {
    let files = FaultyFiles::new();
    let (mut journal, _) = open(&files, LARGE);
    let old = |seq: u64| said(seq, "of a past that was given up");
    journal.append(&frames([line(1), line(2), old(3), old(4), old(5)])).unwrap();
    journal.append(&lines(3..=4)).unwrap();
    assert_eq!(reopen(&files), [1, 2, 3, 4]);
    journal.append(&lines([4])).unwrap();
    assert_eq!(reopen(&files), [1, 2, 3, 4], "the same number twice");
}

#[test]
fn holes_are_left_to_the_caller_as_long_as_they_can_be_filled() {
    let files = FaultyFiles::new();
    let (mut journal, _) = open(&files, LARGE);
    let far = 100 + LARGE / EVENT_BYTES_MIN;
    journal.append(&lines([1, 2, 5, 99])).unwrap();
    journal.append(&lines([far])).unwrap();
    assert_eq!(reopen(&files), [1, 2, 5, 99, far]);
    journal.append(&lines([2 * far + 1, 2 * far + 9])).unwrap();
    assert_eq!(reopen(&files), [2 * far + 1, 2 * far + 9]);
    // And if the number that made the hole was wrong, the hole is none.
    journal.append(&lines([6])).unwrap();
    assert_eq!(reopen(&files), [1, 2, 5, 6]);
}

#[test]
fn old_segments_go_and_the_newest_events_stay() {
    let files = FaultyFiles::new();
    let (mut journal, _) = open(&files, 500);
    for seq in 1..=100 {
        journal.append(&lines([seq])).unwrap();
    }
    journal.sync().unwrap();
    assert_eq!(journal.segments().unwrap().len(), 2);
    let seqs = reopen(&files);
    assert_eq!(seqs.last(), Some(&100));
    assert!(seqs.len() > 5 && seqs.len() < 30, "{seqs:?}");
}

#[test]
fn small_segments_do_not_push_out_the_past() {
    let files = FaultyFiles::new();
    let (mut journal, _) = open(&files, 2000);
    journal.append(&lines(1..=20)).unwrap();
    for seq in 21..=30 {
        files.fail(Fault::Once(files.done()), ErrorKind::Other);
        assert!(journal.sync().is_err());
        journal.append(&lines([seq])).unwrap();
    }
    assert!(reopen(&files).into_iter().eq(1..=30));
    assert_eq!(journal.segments().unwrap().len(), 11);
    for seq in 31..=200 {
        journal.append(&lines([seq])).unwrap();
    }
    journal.sync().unwrap();
    assert_eq!(journal.segments().unwrap().len(), 2);
}

#[test]
fn a_failed_write_is_taken_back_and_what_follows_is_kept() {
    let files = FaultyFiles::new();
    let (mut journal, _) = open(&files, LARGE);
    journal.append(&lines(1..=2)).unwrap();
    files.leave_free(20);
    assert_eq!(journal.append(&lines(3..=4)).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(reopen(&files), [1, 2]);
    files.heal();
    journal.append(&lines(5..=6)).unwrap();
    assert_eq!(reopen(&files), [1, 2, 5, 6]);
    assert_eq!(journal.segments().unwrap().len(), 1);
}

#[test]
fn after_a_failed_sync_a_new_segment_is_begun() {
    let files = FaultyFiles::new();
    let (mut journal, _) = open(&files, LARGE);
    journal.append(&lines(1..=2)).unwrap();
    files.fail(Fault::Once(files.done()), ErrorKind::Other);
    assert!(journal.sync().is_err());
    assert!(journal.sync().is_ok(), "there is nothing that could be synced");
    // Even when the very same events come again.
    journal.append(&lines(1..=3)).unwrap();
    assert_eq!(reopen(&files), [1, 2, 3]);
    files.fail(Fault::Once(files.done()), ErrorKind::Other);
    assert!(journal.sync().is_err());
    journal.append(&lines(4..=5)).unwrap();
    assert_eq!(journal.segments().unwrap().len(), 2);
    assert_eq!(reopen(&files), [1, 2, 3, 4, 5]);
}

#[test]
fn however_often_a_sync_fails_segments_stay_few() {
    let files = FaultyFiles::new();
    let (mut journal, _) = open(&files, LARGE);
    for seq in 1..=SEGMENTS_MAX as u64 + 9 {
        journal.append(&lines([seq])).unwrap();
        files.fail(Fault::Once(files.done()), ErrorKind::Other);
        assert!(journal.sync().is_err());
    }
    assert_eq!(journal.segments().unwrap().len(), SEGMENTS_MAX);
    assert_eq!(reopen(&files), (10..=SEGMENTS_MAX as u64 + 9).collect::<Vec<_>>());
}

#[test]
fn a_segment_that_can_not_be_read_is_set_aside() {
    let files = FaultyFiles::new();
    let (mut journal, _) = open(&files, 150);
    (1..=9).for_each(|seq| assert!(journal.append(&lines([seq])).is_ok()));
    journal.sync().unwrap();
    let before = journal.segments().unwrap();
    assert_eq!(before.len(), 2);
    let earlier = before[0].with_extension("bad");
    fs::write(&earlier, b"set aside before").unwrap();
    let kept = reopen(&files);
    // The first read of a start, which is of the older segment.
    let start = files.done();
    reopen(&files);
    let read = files.done_since(start).iter().position(|name| *name == "read").unwrap();
    files.fail(Fault::Once(files.done() + read), ErrorKind::Other);
    let left = reopen(&files);
    assert!(kept.ends_with(&left) && left.len() < kept.len(), "{left:?} of {kept:?}");
    assert_eq!(fs::read(earlier).unwrap(), b"set aside before");
    fs::rename(before[0].with_extension("2.bad"), &before[0]).unwrap();
    assert_eq!(reopen(&files), kept);
}

#[test]
fn a_segment_without_a_whole_record_is_set_aside_unless_nothing_was_ever_in_it() {
    for (content, is_kept) in [
        (&b""[..], false),
        (&[0; 4096], false),
        (b"somebody's access log\n", true),
        (&[0, 0, 9], true),
    ] {
        let (files, path, _) = of_lines(1..=3);
        let other = path.with_file_name(format!("{:020}.log", 4));
        fs::write(&other, content).unwrap();
        assert_eq!(reopen(&files), [1, 2, 3]);
        let aside = other.with_extension("bad");
        assert!(!other.exists() && aside.exists() == is_kept, "{content:?}");
        if is_kept {
            assert_eq!(fs::read(aside).unwrap(), content);
        }
        let (mut journal, _) = open(&files, LARGE);
        journal.append(&lines([4])).unwrap();
        assert_eq!(reopen(&files), [1, 2, 3, 4]);
    }
}

#[test]
fn records_with_numbers_after_which_none_are_left_are_damage() {
    let item = |id| Dropped {
        seq: Seq(4),
        at: UnixMillis(1),
        item: ItemId(id),
        name: FileName::new("f").unwrap(),
        nick: None,
    };
    let last = SEQ_MAX.0 + 1;
    for event in [
        line(last),
        line(u64::MAX),
        line(0),
        item(0).into(),
        item(ITEM_ID_MAX.0 + 1).into(),
        item(u64::MAX).into(),
    ] {
        let (files, path, _) = of_lines(1..=3);
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend(record::of_frames(&frames([event.clone()])).unwrap().records);
        fs::write(&path, bytes).unwrap();
        assert_eq!(reopen(&files), [1, 2, 3], "{event:?}");
        let (mut journal, _) = open(&files, LARGE);
        journal.append(&lines([4])).unwrap();
        assert_eq!(reopen(&files), [1, 2, 3, 4]);
    }
}

/// As under `ulimit -f`.
#[test]
fn a_segment_that_may_not_grow_further_is_left_for_the_next() {
    let (files, _, _) = of_lines(1..=3);
    let (mut journal, _) = open(&files, LARGE);
    journal.append(&lines([4])).unwrap();
    // Also while the one before is being synced.
    let unsynced = journal.begin_sync().unwrap().unwrap();
    files.fail(Fault::Once(files.done()), ErrorKind::FileTooLarge);
    assert!(journal.append(&lines([5])).unwrap(), "another was begun");
    journal.end_sync(&unsynced.sync());
    journal.append(&lines([6])).unwrap();
    assert_eq!(journal.segments().unwrap().len(), 2);
    assert_eq!(reopen(&files), [1, 2, 3, 4, 5, 6]);
    // Where not even one batch has room it is an error, as any other.
    files.fail(Fault::From(files.done()), ErrorKind::FileTooLarge);
    assert_eq!(journal.append(&lines([7])).unwrap_err().kind(), ErrorKind::FileTooLarge);
}

#[test]
fn a_segment_that_can_not_be_opened_is_an_error_that_names_it() {
    let (files, path, _) = of_lines(1..=3);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let why = Journal::open(files.clone(), files.path(), LARGE).unwrap_err();
    assert!(why.to_string().contains(path.to_str().unwrap()), "{why}");
}

#[test]
fn other_files_are_left_alone() {
    let (files, _, _) = of_lines(1..=3);
    let dir = files.path().join("log");
    for name in ["1.log", "notes.txt", "0000000000000000000x.log", "00000000000000000009.bad"] {
        fs::write(dir.join(name), b"not ours").unwrap();
    }
    assert_eq!(reopen(&files), [1, 2, 3]);
    assert_eq!(fs::read_dir(dir).unwrap().count(), 5);
}

/// A journal with 31 lines in its first segment, which is full and not synced, and two in the next.
fn just_changed_over() -> (FaultyFiles, Journal<FaultyFiles>) {
    let files = FaultyFiles::new();
    let (mut journal, _) = open(&files, SEGMENT);
    assert!(journal.append(&lines([1])).unwrap(), "the first of all");
    journal.sync().unwrap();
    assert!(!journal.append(&lines(2..=31)).unwrap());
    assert!(journal.append(&lines([32, 33])).unwrap(), "the first was full");
    (files, journal)
}

#[test]
fn a_full_segment_is_left_unsynced_and_older_ones_go_once_it_is_synced() {
    let files = FaultyFiles::new();
    let (mut journal, _) = open(&files, SEGMENT);
    for first in [1, 31] {
        journal.append(&lines(first..first + 30)).unwrap();
        journal.sync().unwrap();
    }
    let start = files.done();
    journal.append(&lines(61..=62)).unwrap();
    assert_eq!(files.done_since(start), ["list", "create", "write"]);
    assert_eq!(journal.segments().unwrap().len(), 3);
    let start = files.done();
    journal.begin_sync().unwrap().unwrap().sync().unwrap();
    // The second was durable, and so is the third before the first goes.
    let expected = ["sync_dir", "sync", "size", "remove_file"];
    assert_eq!(files.done_since(start), expected);
    journal.end_sync(&Ok(()));
    assert!(reopen(&files).into_iter().eq(31..=62));
}

#[test]
fn what_was_left_is_synced_before_its_successor_is_counted_on() {
    let (files, mut journal) = just_changed_over();
    let start = files.done();
    journal.begin_sync().unwrap().unwrap().sync().unwrap();
    assert_eq!(files.done_since(start), ["sync", "sync_dir", "sync", "size"]);
}

#[test]
fn no_segment_goes_while_what_takes_its_place_is_not_durable() {
    // The sync of the segment that was left, of the folder, of the new one, and kills between them.
    for fault in [Fault::Once(0), Fault::Once(1), Fault::Once(2), Fault::From(1), Fault::From(2)] {
        let (files, mut journal) = just_changed_over();
        journal.sync().unwrap();
        journal.append(&lines(34..=70)).unwrap();
        journal.append(&lines([71])).unwrap();
        let unsynced = journal.begin_sync().unwrap().unwrap();
        let done = files.done();
        files.fail(
            match fault {
                Fault::Once(at) => Fault::Once(done + at),
                Fault::From(at) => Fault::From(done + at),
            },
            ErrorKind::Other,
        );
        let synced = unsynced.sync();
        assert!(synced.is_err());
        files.heal();
        assert!(reopen(&files).into_iter().eq(1..=71), "{fault:?}");
        journal.end_sync(&synced);
        assert!(journal.append(&lines([72])).unwrap(), "a new segment after a failed sync");
    }
}

#[test]
fn what_fails_to_sync_does_not_keep_the_rest_from_being_synced() {
    let (files, mut journal) = just_changed_over();
    let unsynced = journal.begin_sync().unwrap().unwrap();
    let start = files.done();
    files.fail(Fault::Once(start), ErrorKind::Other);
    assert!(unsynced.sync().is_err());
    assert_eq!(files.done_since(start), ["sync", "sync"], "of both segments");
}

#[test]
fn while_a_sync_is_under_way_a_full_segment_is_written_on_to_twice_its_size() {
    let (files, mut journal) = just_changed_over();
    let unsynced = journal.begin_sync().unwrap().unwrap();
    let mut seq = 33;
    while !journal.must_wait() {
        seq += 1;
        assert!(!journal.append(&lines([seq])).unwrap());
    }
    assert_eq!(journal.open.as_ref().unwrap().length / SEGMENT, 2);
    journal.end_sync(&unsynced.sync());
    assert!(!journal.must_wait());
    assert!(journal.append(&lines([seq + 1])).unwrap());
    assert!(reopen(&files).into_iter().eq(1..=seq + 1));
}

#[test]
fn a_changeover_that_nobody_has_taken_is_finished_before_the_next() {
    let (files, mut journal) = just_changed_over();
    journal.append(&lines(34..=70)).unwrap();
    let start = files.done();
    assert!(journal.append(&lines([71])).unwrap());
    let expected = ["sync", "sync_dir", "sync", "size", "list", "create", "write"];
    assert_eq!(files.done_since(start), expected);
}

/// What a room does over its journal: events in batches, some synced, by itself or beside it.
/// Says which batches were kept.
fn live(journal: &mut Journal<FaultyFiles>, is_beside: bool) -> BTreeSet<u64> {
    let (mut kept, mut under_way) = (BTreeSet::new(), None);
    for first in (1..=60).step_by(3) {
        if journal.append(&lines(first..first + 3)).is_ok() {
            kept.extend(first..first + 3);
        }
        match under_way.take().map(Unsynced::sync) {
            Some(synced) => journal.end_sync(&synced),
            None if is_beside => under_way = journal.begin_sync().unwrap(),
            None if first % 2 == 0 => drop(journal.sync()),
            None => {}
        }
    }
    kept
}

/// Bytes of a segment, of which it takes three to hold all that.
const SEGMENT: u64 = 1500;

#[test]
fn whichever_operation_fails_what_was_acknowledged_is_there() {
    [false, true].into_iter().for_each(fail_at_each_operation);
}

fn fail_at_each_operation(is_beside: bool) {
    let files = FaultyFiles::new();
    let (mut journal, _) = open(&files, SEGMENT);
    let start = files.done();
    assert_eq!(live(&mut journal, is_beside).len(), 60);
    let line_bytes = (lines([60]).len() + record::HEAD_BYTES) as u64;
    let operations = start..files.done();
    assert!(operations.len() > 20, "{operations:?} are no test");
    for fault in operations.flat_map(|at| [Fault::Once(at), Fault::From(at)]) {
        let files = FaultyFiles::new();
        let (mut journal, _) = open(&files, SEGMENT);
        files.fail(fault, ErrorKind::Other);
        let kept = live(&mut journal, is_beside);
        files.heal();
        let (mut journal, found) = open(&files, SEGMENT);
        assert!(seqs(&found).is_sorted_by(|a, b| a < b), "{fault:?}: {found:?}");
        assert!(found.iter().all(|event| *event == line(event.seq().0)), "{fault:?}");
        let found: BTreeSet<u64> = seqs(&found).into_iter().collect();
        let missing: Vec<u64> = kept.difference(&found).copied().collect();
        // With more segments than usual the oldest may go, when a segment's worth is left.
        let is_rotated =
            missing.last() < found.first() && found.len() as u64 * line_bytes >= SEGMENT;
        assert!(missing.is_empty() || is_rotated, "{fault:?}: {missing:?} are missing");
        // And it can go on.
        let next = found.last().map_or(1, |last| last + 1);
        journal.append(&lines([next])).unwrap();
        assert_eq!(reopen(&files).last(), Some(&next), "{fault:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200, failure_persistence: None, ..ProptestConfig::default()
    })]

    /// Whatever has become of the files, a start gives whole events in order, and can go on.
    #[test]
    fn no_content_is_too_strange(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0usize..60), 0..8),
        garbage in prop::collection::vec(any::<u8>(), 0..300),
        end in any::<prop::sample::Index>(),
    ) {
        let (files, path, _) = of_lines(1..=20);
        let mut bytes = fs::read(&path).unwrap();
        for (at, byte, count) in edits {
            let at = at.index(bytes.len());
            let end = bytes.len().min(at + count);
            match byte % 3 {
                0 => drop(bytes.drain(at..end)),
                1 => bytes[at..end].iter_mut().for_each(|it| *it ^= byte),
                _ => bytes.copy_within(at..end, 0),
            }
            bytes.push(byte);
        }
        bytes.truncate(end.index(bytes.len()) + 1);
        bytes.extend(garbage);
        fs::write(&path, bytes).unwrap();
        let found = reopen(&files);
        prop_assert!(found.is_sorted_by(|a, b| a < b));
        prop_assert_eq!(reopen(&files), found.clone());
        let (mut journal, _) = open(&files, LARGE);
        let next = found.last().map_or(1, |last| last + 1);
        journal.append(&lines([next])).unwrap();
        prop_assert_eq!(reopen(&files), [found, vec![next]].concat());
    }
}
