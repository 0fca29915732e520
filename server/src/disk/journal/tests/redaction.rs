//! Redaction: the text of a line is gone from the disk, wherever its record is.

use std::fs;
use std::io::ErrorKind;

use chatshelf_common::id::UnixMillis;
use chatshelf_common::wire::Frame;
use chatshelf_common::wire::frame::{Action, Moderated};
use chatshelf_testkit::samples::{nick, said};

use super::*;
use crate::disk::fault_injection::{Fault, FaultyFiles};

/// Bytes of a segment that holds some ten lines.
const SEGMENT: u64 = 600;

const SECRET: &str = "my password is hunter2";

fn open(files: &FaultyFiles) -> (Journal<FaultyFiles>, Vec<Event>) {
    Journal::open(files.clone(), files.path(), SEGMENT).unwrap()
}

fn redaction(seq: u64, line: u64) -> Vec<u8> {
    let line = Some(Seq(line));
    Moderated { line, ..Moderated::new(Seq(seq), UnixMillis(1), nick("ada"), Action::REDACT) }
        .to_bytes()
}

/// A journal of so many lines, of which one is the secret.
fn with_secret(files: &FaultyFiles, lines: u64, secret: u64) -> Journal<FaultyFiles> {
    let (mut journal, _) = open(files);
    for seq in 1..=lines {
        let text = if seq == secret { SECRET } else { "something harmless" };
        journal.append(&said(Seq(seq), text).to_bytes()).unwrap();
    }
    journal.sync().unwrap();
    journal
}

fn is_on_disk(files: &FaultyFiles, text: &str) -> bool {
    let segments = fs::read_dir(files.path().join("log")).unwrap();
    segments
        .map(|entry| fs::read(entry.unwrap().path()).unwrap())
        .any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}

fn texts(events: &[Event]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Said(said) => Some(said.text.as_str().trim_end()),
            _ => None,
        })
        .collect()
}

#[test]
fn a_line_is_overwritten_in_the_current_segment_and_in_an_older_one() {
    for secret in [2, 11, 12] {
        let files = FaultyFiles::new();
        let mut journal = with_secret(&files, 12, secret);
        assert!(is_on_disk(&files, "hunter2"));
        journal.append(&redaction(13, secret)).unwrap();
        assert!(!is_on_disk(&files, "hunter2"), "line {secret}");
        journal.append(&said(Seq(14), "later").to_bytes()).unwrap();
        journal.sync().unwrap();
        let (_, events) = open(&files);
        let seqs: Vec<u64> = events.iter().map(|event| event.seq().0).collect();
        assert_eq!(seqs, (events[0].seq().0..=14).collect::<Vec<_>>(), "nothing else is lost");
        assert!(texts(&events).contains(&"[redacted]"));
    }
}

#[test]
fn a_line_of_the_same_batch_is_overwritten_as_well() {
    let files = FaultyFiles::new();
    let (mut journal, _) = open(&files);
    let batch = [said(Seq(1), SECRET).to_bytes(), redaction(2, 1)].concat();
    journal.append(&batch).unwrap();
    assert!(!is_on_disk(&files, "hunter2"));
}

#[test]
fn what_failed_is_made_up_for_at_the_next_start() {
    let files = FaultyFiles::new();
    let mut journal = with_secret(&files, 3, 2);
    let append = 1;
    files.fail(Fault::Once(files.done() + append), ErrorKind::Other);
    journal.append(&redaction(4, 2)).unwrap();
    journal.sync().unwrap();
    let (_, _) = open(&files);
    assert!(!is_on_disk(&files, "hunter2"));
    let (_, events) = open(&files);
    assert_eq!(texts(&events), ["something harmless", "[redacted]", "something harmless"]);
}

#[test]
fn a_line_that_is_not_there_is_no_failure() {
    let files = FaultyFiles::new();
    let mut journal = with_secret(&files, 3, 2);
    journal.append(&redaction(4, 77)).unwrap();
    assert!(is_on_disk(&files, "hunter2"));
}
