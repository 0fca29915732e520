//! The topic: found at a start, however long ago it was set.

use std::fs;
use std::io::ErrorKind;

use chatshelf_common::id::{MessageId, UnixMillis};
use chatshelf_common::text::{Message, Nick, Topic};
use chatshelf_common::wire::Frame;
use chatshelf_common::wire::frame::Said;

use super::*;
use crate::disk::fault_injection::{Fault, FaultyFiles};

/// Bytes of a segment that holds some ten lines.
const SEGMENT: u64 = 600;

fn topic(seq: u64, text: Option<&str>) -> TopicChanged {
    let (nick, topic) = (Nick::new("ada").unwrap(), text.map(|text| Topic::new(text).unwrap()));
    TopicChanged { seq: Seq(seq), at: UnixMillis(1), nick, topic }
}

fn line(seq: u64) -> Vec<u8> {
    let (nick, text) = (Nick::new("ada").unwrap(), Message::new("a line").unwrap());
    let id = MessageId(seq);
    Said { seq: Seq(seq), at: UnixMillis(1), nick, id, text, style: None }.to_bytes()
}

fn open(files: &FaultyFiles) -> (Journal<FaultyFiles>, Vec<Event>) {
    Journal::open(files.clone(), files.path(), SEGMENT).unwrap()
}

/// Appends and syncs, one by one, and says how far that was safe.
fn talk(journal: &mut Journal<FaultyFiles>, seqs: std::ops::Range<u64>) {
    for seq in seqs {
        journal.append(&line(seq)).unwrap();
        journal.sync().unwrap();
    }
}

#[test]
fn a_topic_that_was_set_before_the_kept_log_begins_is_found() {
    for text in [Some("engines"), None] {
        let files = FaultyFiles::new();
        let (mut journal, _) = open(&files);
        assert_eq!(journal.topic(), None);
        journal.append(&topic(1, Some("something else")).to_bytes()).unwrap();
        journal.append(&topic(2, text).to_bytes()).unwrap();
        talk(&mut journal, 3..100);
        // And over the next starts.
        for round in 1..4 {
            let (reopened, events) = open(&files);
            assert!(events[0].seq() > Seq(2), "it is not in the log any more");
            assert_eq!(reopened.topic(), Some(&topic(2, text)), "{text:?}, start {round}");
            journal = reopened;
            talk(&mut journal, 100 * round..100 * (round + 1));
        }
    }
}

#[test]
fn the_newest_topic_counts_wherever_it_is() {
    let files = FaultyFiles::new();
    let (mut journal, _) = open(&files);
    journal.append(&topic(1, Some("first")).to_bytes()).unwrap();
    talk(&mut journal, 2..40);
    journal.append(&[line(40), topic(41, Some("second")).to_bytes(), line(42)].concat()).unwrap();
    drop(journal);
    assert_eq!(open(&files).0.topic(), Some(&topic(41, Some("second"))));
}

#[test]
fn a_topic_that_could_not_be_written_is_repeated_with_what_can() {
    let files = FaultyFiles::new();
    let (mut journal, _) = open(&files);
    talk(&mut journal, 1..4);
    files.fail(Fault::Once(files.done()), ErrorKind::StorageFull);
    assert!(journal.append(&topic(4, Some("lost")).to_bytes()).is_err());
    assert_eq!(open(&files).0.topic(), None, "nothing came after it that would be lost with it");
    let (mut journal, _) = open(&files);
    files.fail(Fault::Once(files.done()), ErrorKind::StorageFull);
    assert!(journal.append(&topic(4, Some("repeated")).to_bytes()).is_err());
    talk(&mut journal, 5..7);
    let (journal, events) = open(&files);
    assert_eq!(journal.topic(), Some(&topic(4, Some("repeated"))));
    assert!(events.iter().map(|event| event.seq().0).eq([1, 2, 3, 5, 6]));
}

#[test]
fn a_topic_whose_number_was_given_again_does_not_count() {
    let files = FaultyFiles::new();
    let (mut journal, _) = open(&files);
    journal.append(&topic(1, Some("kept")).to_bytes()).unwrap();
    talk(&mut journal, 2..4);
    journal.append(&topic(4, Some("lost")).to_bytes()).unwrap();
    // A start has not found it, and the room went on without it.
    journal.topic = Some(topic(1, Some("kept")));
    talk(&mut journal, 4..40);
    assert_eq!(open(&files).0.topic(), Some(&topic(1, Some("kept"))));
}

#[test]
fn a_damaged_repetition_costs_only_itself() {
    let files = FaultyFiles::new();
    let (mut journal, _) = open(&files);
    journal.append(&topic(1, Some("engines")).to_bytes()).unwrap();
    talk(&mut journal, 2..60);
    let segments = journal.segments().unwrap();
    drop(journal);
    for at in [0, 9, 30] {
        let newest = segments.last().unwrap();
        let bytes = fs::read(newest).unwrap();
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x80;
        fs::write(newest, damaged).unwrap();
        let (journal, events) = open(&files);
        assert_eq!(journal.topic(), Some(&topic(1, Some("engines"))), "the older one says it");
        assert_eq!(events.last().unwrap().seq(), Seq(59));
        fs::write(newest, bytes).unwrap();
    }
}

#[test]
fn a_segment_that_holds_only_a_topic_is_harmless() {
    let files = FaultyFiles::new();
    let (mut journal, _) = open(&files);
    journal.append(&topic(1, Some("engines")).to_bytes()).unwrap();
    talk(&mut journal, 2..4);
    let next = journal.dir.join(format!("{:020}.log", 4));
    fs::write(&next, record::of_topic(&topic(3, Some("never in the log")))).unwrap();
    let (journal, _) = open(&files);
    assert_eq!(journal.topic(), Some(&topic(1, Some("engines"))));
    assert!(!next.exists());
}

/// Two topics among lines, over several segments; says which topic was safe in the end.
fn live(journal: &mut Journal<FaultyFiles>) -> Option<TopicChanged> {
    let mut safe = None;
    for seq in 1..=60 {
        let set = match seq {
            2 => Some(topic(seq, Some("one"))),
            40 => Some(topic(seq, None)),
            _ => None,
        };
        let frame = set.as_ref().map_or_else(|| line(seq), Frame::to_bytes);
        let kept = journal.append(&frame).and_then(|_| journal.sync());
        if kept.is_ok() {
            safe = set.or(safe);
        }
    }
    safe
}

#[test]
fn whichever_operation_fails_the_topic_is_the_safe_one_or_a_newer_one() {
    let files = FaultyFiles::new();
    let (mut journal, _) = open(&files);
    let start = files.done();
    assert_eq!(live(&mut journal), Some(topic(40, None)));
    for fault in (start..files.done()).flat_map(|at| [Fault::Once(at), Fault::From(at)]) {
        let files = FaultyFiles::new();
        let (mut journal, _) = open(&files);
        files.fail(fault, ErrorKind::Other);
        let safe = live(&mut journal);
        files.heal();
        let found = open(&files).0.topic().cloned();
        let seq = |topic: &Option<TopicChanged>| topic.as_ref().map_or(Seq(0), |it| it.seq);
        assert!(seq(&found) >= seq(&safe), "{fault:?}: {found:?} for {safe:?}");
        let known = [topic(2, Some("one")), topic(40, None)];
        assert!(found.iter().all(|found| known.contains(found)), "{fault:?}: {found:?}");
    }
}
