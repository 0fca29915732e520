//! The journal's reader. A journal with some lines is continued with whatever the fuzzer makes of
//! segments: opening it loses no line before the damage, and finds the same a second time and after
//! more was written.

use std::path::{Path, PathBuf};

use chatshelf_common::id::{MessageId, Seq, UnixMillis};
use chatshelf_common::text::Topic;
use chatshelf_common::wire::Event;
use chatshelf_common::wire::frame::{Frame, Said, TopicChanged};
use chatshelf_server::disk::journal::Journal;
use chatshelf_server::room::log::SEQ_MAX;
use chatshelf_server::room::redaction::redact;
use chatshelf_testkit::samples::{nick, said};

use super::files::MemoryFiles;
use super::script::Script;

const DATA: &str = "/data";
/// Size at which a segment is full, in bytes: some of the runs begin a second one.
const SEGMENT_BYTES: u64 = 600;
/// More events than this cannot be missing between two, for the one before to be kept: an event has
/// at least 28 bytes.
const HOLE_MAX: u64 = SEGMENT_BYTES / 28;
/// Marks the length of a record that repeats a topic.
const REPEATS_TOPIC: u32 = 1 << 31;

/// How many lines there are; then pieces of segments.
pub(crate) fn run(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let files = MemoryFiles::with_folder(Path::new(DATA));
    let (mut journal, _) = open(&files);
    // No script can have its own hash, so it cannot say the same.
    let id = blake3::hash(bytes).as_bytes().first_chunk().map_or(0, |it| u64::from_be_bytes(*it));
    let mut lines = Vec::new();
    for seq in 1..=u64::from(script.byte() % 16) {
        let event = line(seq, id);
        journal.append(&frame(&event)).expect("memory does not fail");
        lines.push(Line { event, end: newest(&files).1.len() });
    }
    drop(journal);
    let intact = damage(&files, &mut script, &lines);
    let (_, found) = open(&files);
    check_kept(&lines[..intact], &found);
    check_continued(&files, &found);
}

/// A line that was journaled, and where its segment ended then.
struct Line {
    event: Event,
    end: usize,
}

fn line(seq: u64, id: u64) -> Event {
    Said { id: MessageId(id), ..said(Seq(seq), "a line") }.into()
}

fn frame(event: &Event) -> Vec<u8> {
    let mut bytes = Vec::new();
    event.encode(&mut bytes);
    bytes
}

fn open(files: &MemoryFiles) -> (Journal<MemoryFiles>, Vec<Event>) {
    let (journal, events) =
        Journal::open(files.clone(), Path::new(DATA), SEGMENT_BYTES).expect("it always opens");
    assert!(events.is_sorted_by(|one, next| one.seq() < next.seq()), "events are in order");
    (journal, events)
}

/// The newest segment: its number and its content.
fn newest(files: &MemoryFiles) -> (u64, Vec<u8>) {
    let newest =
        files.all().into_iter().rfind(|(path, _)| path.extension().is_some_and(|it| it == "log"));
    newest.map_or((1, Vec::new()), |(path, content)| {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        (stem.parse().unwrap_or(1), content)
    })
}

/// Adds pieces to the newest segment, cuts it, changes a byte of it, or begins another. Returns how
/// many of the lines are before all that.
fn damage(files: &MemoryFiles, script: &mut Script<'_>, lines: &[Line]) -> usize {
    let (begun, mut content) = newest(files);
    let (mut number, mut intact_bytes) = (begun, content.len());
    while let Some(step) = script.next() {
        let mut at = content.len();
        match step % 8 {
            0 | 1 => content.extend(script.chunk()),
            2 => content.extend(record(0, script.chunk())),
            3 => content.extend(record(REPEATS_TOPIC, script.chunk())),
            4 => content.extend(record(0, &frame(&line(script.byte().into(), 0)))),
            5 => content.extend(record(REPEATS_TOPIC, &frame(&topic(script.byte().into())))),
            6 => {
                at = at.saturating_sub(script.byte().into());
                content.truncate(at);
            }
            _ if step & 8 == 0 => {
                at = at.saturating_sub(1 + usize::from(script.byte()));
                content.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << (step >> 5));
            }
            _ => {
                files.put(&segment(number), &std::mem::take(&mut content));
                number += 1;
            }
        }
        if number == begun {
            intact_bytes = intact_bytes.min(at);
        }
    }
    files.put(&segment(number), &content);
    // Those of older segments come first; then those of the newest, each behind the one before.
    let first = lines.iter().rposition(|line| line.event.seq().0 == begun).unwrap_or(0);
    first + lines[first..].iter().filter(|line| line.end <= intact_bytes).count()
}

/// What was written before the damage is there, unless later records have taken its numbers, or
/// begin so far behind it that the hole cannot be filled.
fn check_kept(intact: &[Line], found: &[Event]) {
    let is_ours = |event: &Event| intact.iter().any(|line| is_same(&line.event, event));
    let missing = intact.iter().find(|line| !found.iter().any(|it| is_same(&line.event, it)));
    let Some(missing) = missing.map(|line| line.event.seq()) else { return };
    let others = found.iter().find(|event| !is_ours(event));
    let others = others.unwrap_or_else(|| panic!("event {missing} is lost")).seq();
    let is_behind_hole = found.first().is_some_and(|first| first.seq().0 > HOLE_MAX + 1);
    assert!(others <= missing || is_behind_hole, "event {missing} is lost, before {others}");
}

/// A second start finds the same, and so does one after more was written.
fn check_continued(files: &MemoryFiles, found: &[Event]) {
    let (mut journal, again) = open(files);
    assert_all_same(found, &again);
    let next = Seq(found.last().map_or(1, |event| event.seq().0 + 1));
    // No room gets to the highest numbers, nor writes a segment whose name is above its events.
    if next > SEQ_MAX || next.0 <= newest(files).0 {
        return;
    }
    let next = line(next.0, 0);
    journal.append(&frame(&next)).expect("memory does not fail");
    drop(journal);
    let (_, after) = open(files);
    assert_all_same(&[found, &[next]].concat(), &after);
}

#[track_caller]
fn assert_all_same(before: &[Event], after: &[Event]) {
    let are_same = |(before, after): (&Event, &Event)| is_same(before, after);
    let is_all = before.len() == after.len() && before.iter().zip(after).all(are_same);
    assert!(is_all, "{after:?} is found, after {before:?}");
}

/// True for the same event, also if a later one has had its text redacted.
fn is_same(before: &Event, after: &Event) -> bool {
    match (before, after) {
        (Event::Said(before), Event::Said(after)) if before.text != after.text => {
            let mut frame = before.to_bytes();
            redact(&mut frame) && frame == after.to_bytes()
        }
        _ => before == after,
    }
}

fn segment(first: u64) -> PathBuf {
    Path::new(DATA).join("log").join(format!("{first:020}.log"))
}

fn topic(seq: u64) -> Event {
    let (nick, topic) = (nick("bob"), Topic::new("engines").ok());
    TopicChanged { seq: Seq(seq), at: UnixMillis(0), nick, topic }.into()
}

/// A record whose checksum is right, whatever the frame.
fn record(flag: u32, frame: &[u8]) -> Vec<u8> {
    let length = (flag | frame.len() as u32).to_be_bytes();
    [&length[..], &crc32fast::hash(frame).to_be_bytes(), frame].concat()
}
