//! What a start makes of segments that are damaged, at every byte.

use super::*;

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
fn a_hole_of_zeros_in_the_middle_is_skipped_and_writing_continues_at_the_end() {
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
fn a_segment_that_cannot_be_read_is_set_aside() {
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
