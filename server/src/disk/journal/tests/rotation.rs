//! Segments that follow one another while the one before is still being synced, and operations that
//! fail at every point of that.

use super::*;

/// A journal with 31 lines in its first segment, which is full and not synced, and two in the next.
fn just_changed_over() -> (FaultyFiles, Journal<FaultyFiles>) {
    let files = FaultyFiles::new();
    let (mut journal, _) = open(&files, SEGMENT);
    assert!(begins_segment(&mut journal, &lines([1])), "the first of all");
    journal.sync().unwrap();
    assert!(!begins_segment(&mut journal, &lines(2..=31)));
    assert!(begins_segment(&mut journal, &lines([32, 33])), "the first was full");
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
fn a_left_segment_is_synced_before_its_successor_is_relied_on() {
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
        assert!(begins_segment(&mut journal, &lines([72])), "a new segment after a failed sync");
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
        assert!(!begins_segment(&mut journal, &lines([seq])));
    }
    assert_eq!(journal.open.as_ref().unwrap().length / SEGMENT, 2);
    journal.end_sync(&unsynced.sync());
    assert!(!journal.must_wait());
    assert!(begins_segment(&mut journal, &lines([seq + 1])));
    assert!(reopen(&files).into_iter().eq(1..=seq + 1));
}

#[test]
fn a_rotation_that_nobody_has_taken_is_finished_before_the_next() {
    let (files, mut journal) = just_changed_over();
    journal.append(&lines(34..=70)).unwrap();
    let start = files.done();
    assert!(begins_segment(&mut journal, &lines([71])));
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
        edits in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<u8>(), 0usize..60),
            0..8,
        ),
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
