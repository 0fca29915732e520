//! The journal over real files. Here are the helpers, and what holds when all goes well or an
//! operation fails; the children damage it at every byte and fail it at every operation.

mod damage;
mod redaction;
mod rotation;
mod topic;

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

/// Appends lines; true if they are in a segment of their own then.
fn begins_segment(journal: &mut Journal<FaultyFiles>, lines: &[u8]) -> bool {
    let current = |journal: &Journal<FaultyFiles>| Some(journal.open.as_ref()?.path.clone());
    let before = current(journal);
    journal.append(lines).unwrap();
    current(journal) != before
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

/// As under `ulimit -f`.
#[test]
fn a_segment_that_may_not_grow_further_is_left_for_the_next() {
    let (files, _, _) = of_lines(1..=3);
    let (mut journal, _) = open(&files, LARGE);
    journal.append(&lines([4])).unwrap();
    // Also while the one before is being synced.
    let unsynced = journal.begin_sync().unwrap().unwrap();
    files.fail(Fault::Once(files.done()), ErrorKind::FileTooLarge);
    assert!(begins_segment(&mut journal, &lines([5])), "another was begun");
    journal.end_sync(&unsynced.sync());
    journal.append(&lines([6])).unwrap();
    assert_eq!(journal.segments().unwrap().len(), 2);
    assert_eq!(reopen(&files), [1, 2, 3, 4, 5, 6]);
    // Where not even one batch has room it is an error, as any other.
    files.fail(Fault::From(files.done()), ErrorKind::FileTooLarge);
    assert_eq!(journal.append(&lines([7])).unwrap_err().kind(), ErrorKind::FileTooLarge);
}

#[test]
fn a_segment_that_cannot_be_opened_is_an_error_that_names_it() {
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
