//! Records: an event's frame with its length and checksum, and how to find them among bytes that
//! may be damaged anywhere.
//!
//! A record whose length has its highest bit set is not an event: it repeats the newest
//! `TopicChanged` before it, which may have failed to be written.

use byteorder::{BigEndian, ByteOrder};
use chatshelf_common::id::Seq;
use chatshelf_common::limits::FRAME_BYTES_MAX;
use chatshelf_common::wire::frame::{Action, Moderated, TopicChanged};
use chatshelf_common::wire::header::{HEADER_BYTES, Header};
use chatshelf_common::wire::{Deframer, Event, Frame, Unit};
use std::ops::{Range, RangeInclusive};

use crate::room::log::SEQ_MAX;
use crate::room::redaction::redact;
use crate::room::shelf::is_item_id;

/// Bytes before a record's frame: length (4) and checksum (4).
pub(super) const HEAD_BYTES: usize = 8;

/// Frame types that are events.
const EVENT_KINDS: RangeInclusive<u8> = 0xC0..=0xCF;

/// Marks the length of a record that repeats a topic.
const REPEATS_TOPIC: u32 = 1 << 31;

/// One of a segment's whole records.
#[derive(Debug)]
pub(super) enum Record {
    Event(Event),
    /// The topic at this point.
    Topic(TopicChanged),
}

/// What a segment's bytes hold.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) records: Vec<Record>,
    /// Where the last whole record ends.
    pub(super) end: usize,
    /// Bytes of repeated topics.
    pub(super) topic_bytes: usize,
    /// Ranges before the end that are not whole records.
    pub(super) damaged: Vec<Range<usize>>,
}

impl Found {
    pub(super) fn has_events(&self) -> bool {
        self.records.iter().any(|record| matches!(record, Record::Event(_)))
    }
}

/// Finds the whole records of a segment, and skips damage. After damage, a record counts only if
/// its event is later than all before it, since nothing shows where a record begins.
pub(super) fn find(bytes: &[u8], mut last: Seq) -> Found {
    let (mut found, mut at) = (Found::default(), 0);
    while at < bytes.len() {
        match record_at(bytes, at) {
            Some((Record::Event(event), next)) if at == found.end || event.seq() > last => {
                if found.end < at {
                    found.damaged.push(found.end..at);
                }
                last = event.seq();
                found.records.push(Record::Event(event));
                (at, found.end) = (next, next);
            }
            Some((topic @ Record::Topic(_), next)) if at == found.end => {
                found.topic_bytes += next - at;
                found.records.push(topic);
                (at, found.end) = (next, next);
            }
            _ => at += 1,
        }
    }
    found
}

/// The record that begins at `at`, and where it ends.
fn record_at(bytes: &[u8], at: usize) -> Option<(Record, usize)> {
    let start = at + HEAD_BYTES;
    let head = bytes.get(at..start)?;
    let word = BigEndian::read_u32(head);
    let length = (word & !REPEATS_TOPIC) as usize;
    if !(HEADER_BYTES..=HEADER_BYTES + FRAME_BYTES_MAX as usize).contains(&length) {
        return None;
    }
    let frame = bytes.get(start..start + length)?;
    let header = Header::from_bytes(*frame.first_chunk()?);
    let is_event = EVENT_KINDS.contains(&header.kind)
        && header.length as usize + HEADER_BYTES == length
        && is_checksum(&head[4..], frame);
    let event = is_event.then(|| event_of(frame)).flatten().filter(is_sound)?;
    let record = match event {
        Event::TopicChanged(topic) if word & REPEATS_TOPIC != 0 => Record::Topic(topic),
        _ if word & REPEATS_TOPIC != 0 => return None,
        event => Record::Event(event),
    };
    Some((record, start + length))
}

/// False for an event whose number is so high that none would be left after it: no room gets there,
/// so it is damaged or forged.
fn is_sound(event: &Event) -> bool {
    let names_items = match event {
        Event::Shelved(event) => is_item_id(event.item.id),
        Event::Dropped(event) => is_item_id(event.item),
        _ => true,
    };
    (Seq(1)..=SEQ_MAX).contains(&event.seq()) && names_items
}

/// The event that is exactly this frame.
fn event_of(mut frame: &[u8]) -> Option<Event> {
    match Deframer::joined().next(&mut frame) {
        Ok(Some(Unit::Control { header, value })) => Event::decode(header.kind, value).ok(),
        _ => None,
    }
}

/// Events that were given as whole frames.
#[derive(Debug)]
pub(super) struct Events {
    /// The first one's seq.
    pub(super) first: Seq,
    pub(super) records: Vec<u8>,
    /// The last change of the topic among them.
    pub(super) topic: Option<TopicChanged>,
    /// The lines whose text they take away.
    pub(super) redacted: Vec<Seq>,
}

/// The records of events given as whole frames; none without frames.
pub(super) fn of_frames(frames: &[u8]) -> Option<Events> {
    let mut records = Vec::with_capacity(frames.len() * 2);
    let (mut rest, mut first, mut topic) = (frames, None, None);
    let mut redacted = Vec::new();
    while let Some((frame, after)) = split_frame(rest) {
        first = first.or_else(|| event_of(frame).map(|event| event.seq()));
        if frame[0] == TopicChanged::KIND
            && let Some(Event::TopicChanged(event)) = event_of(frame)
        {
            topic = Some(event);
        }
        if frame[0] == Moderated::KIND {
            redacted.extend(event_of(frame).as_ref().and_then(redacted_by));
        }
        put(&mut records, 0, frame);
        rest = after;
    }
    debug_assert!(rest.is_empty(), "only whole frames are journaled");
    first.map(|first| Events { first, records, topic, redacted })
}

/// The record of a line without its text, and where it belongs among a segment's bytes; none if it
/// is not there, or its text is gone already.
pub(super) fn redacted(bytes: &[u8], line: Seq) -> Option<(usize, Vec<u8>)> {
    let mut at = 0;
    while at < bytes.len() {
        match record_at(bytes, at) {
            Some((Record::Event(Event::Said(said)), next)) if said.seq == line => {
                let mut frame = bytes[at + HEAD_BYTES..next].to_vec();
                let mut record = Vec::new();
                return redact(&mut frame).then(|| {
                    put(&mut record, 0, &frame);
                    (at, record)
                });
            }
            Some((_, next)) => at = next,
            None => at += 1,
        }
    }
    None
}

/// The line that an event says is redacted.
pub(super) fn redacted_by(event: &Event) -> Option<Seq> {
    match event {
        Event::Moderated(Moderated { action: Action::REDACT, line, .. }) => *line,
        _ => None,
    }
}

/// The record that repeats a topic.
pub(super) fn of_topic(topic: &TopicChanged) -> Vec<u8> {
    let mut record = Vec::new();
    put(&mut record, REPEATS_TOPIC, &topic.to_bytes());
    record
}

/// The first frame of `bytes` and what follows it, if it is whole.
fn split_frame(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let header = Header::from_bytes(*bytes.first_chunk::<HEADER_BYTES>()?);
    bytes.split_at_checked(HEADER_BYTES + header.length as usize)
}

fn put(out: &mut Vec<u8>, flag: u32, frame: &[u8]) {
    let mut head = [0; HEAD_BYTES];
    BigEndian::write_u32(&mut head, flag | frame.len() as u32);
    head[4..].copy_from_slice(&checksum(frame));
    out.extend_from_slice(&head);
    out.extend_from_slice(frame);
}

fn checksum(frame: &[u8]) -> [u8; 4] {
    crc32fast::hash(frame).to_be_bytes()
}

/// True for a frame's checksum, or for what was one in older builds, whose journals are read as
/// well: the start of its BLAKE3.
fn is_checksum(bytes: &[u8], frame: &[u8]) -> bool {
    bytes == checksum(frame) || bytes == &blake3::hash(frame).as_bytes()[..4]
}
