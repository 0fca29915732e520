//! The journal: the room log's events on disk, appended as they happen, read once at the start.
//!
//! ```text
//! DATA/log/<seq of the first event, 20 digits>.log
//! record: length of the frame (4), checksum (4: the start of its BLAKE3), the frame as on the wire
//! ```
//!
//! When a segment is full the next is begun, and of the older ones only the last is kept, so disk
//! use stays bounded and the newest events, a window's worth at least, are always there. A record
//! that a crash has torn fails its length or checksum; it and what follows are cut off.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use byteorder::{BigEndian, ByteOrder};
use chatshelf_common::id::Seq;
use chatshelf_common::limits::FRAME_BYTES_MAX;
use chatshelf_common::wire::header::{HEADER_BYTES, Header};
use chatshelf_common::wire::{Deframer, Event, Unit};

use super::store::sync_dir;

/// Bytes before a record's frame: length and checksum.
const RECORD_HEAD_BYTES: usize = 8;

/// Segments kept: the one being written and the one before it.
const SEGMENTS_MAX: usize = 2;

/// The open end of the journal.
#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    /// Size at which a segment is full, in bytes.
    segment_bytes: u64,
    /// The segment being written; none before the first event.
    open: Option<Segment>,
}

#[derive(Debug)]
struct Segment {
    file: File,
    /// Bytes of whole records in it.
    length: u64,
}

impl Journal {
    /// Opens the journal below `data_dir` and reads the events that it holds: the newest run of
    /// consecutive ones, oldest first.
    ///
    /// # Errors
    /// When the folder or a segment can't be made, listed, read or cut.
    pub fn open(data_dir: &Path, segment_bytes: u64) -> io::Result<(Self, Vec<Event>)> {
        let dir = data_dir.join("log");
        fs::create_dir_all(&dir)?;
        sync_dir(data_dir)?;
        let (mut events, mut open) = (Vec::<Event>::new(), None);
        for path in segments(&dir)? {
            let mut file = File::options().read(true).write(true).open(&path)?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            let (found, good) = records(&bytes);
            if good < bytes.len() {
                let cut = bytes.len() - good;
                log::warn!("{}: {cut} bytes at the end are no whole events", path.display());
                file.set_len(good as u64)?;
            }
            for event in found {
                if events.last().is_some_and(|last| last.seq().next() != event.seq()) {
                    log::warn!("{}: events are missing before {}", path.display(), event.seq());
                    events.clear();
                }
                events.push(event);
            }
            file.seek(SeekFrom::Start(good as u64))?;
            open = Some(Segment { file, length: good as u64 });
        }
        Ok((Self { dir, segment_bytes, open }, events))
    }

    /// Appends events, given as one or more whole frames. They are written, not yet synced.
    ///
    /// # Errors
    /// When they can't be written. Then none of them is in the journal, and it can go on.
    pub fn append(&mut self, frames: &[u8]) -> io::Result<()> {
        let mut records = Vec::with_capacity(frames.len() * 2);
        let mut rest = frames;
        let mut first = None;
        while let Some((frame, after)) = split_frame(rest) {
            first = first.or_else(|| seq_of(frame));
            put_record(&mut records, frame);
            rest = after;
        }
        debug_assert!(rest.is_empty(), "only whole frames are journaled");
        let Some(first) = first else { return Ok(()) };
        let segment_bytes = self.segment_bytes;
        if self.open.as_ref().is_none_or(|segment| segment.length >= segment_bytes) {
            self.begin_segment(first)?;
        }
        self.open.as_mut().map_or(Ok(()), |segment| segment.write(&records))
    }

    /// Makes everything appended so far durable.
    ///
    /// # Errors
    /// When the disk can't say so.
    pub fn sync(&mut self) -> io::Result<()> {
        self.open.as_ref().map_or(Ok(()), |segment| segment.file.sync_data())
    }

    fn begin_segment(&mut self, first: Seq) -> io::Result<()> {
        self.sync()?;
        let path = self.dir.join(format!("{:020}.log", first.0));
        let file = File::options().write(true).create(true).truncate(true).open(path)?;
        self.open = Some(Segment { file, length: 0 });
        sync_dir(&self.dir)?;
        let paths = segments(&self.dir)?;
        let surplus = paths.len().saturating_sub(SEGMENTS_MAX);
        paths[..surplus].iter().try_for_each(fs::remove_file)
    }
}

impl Segment {
    fn write(&mut self, records: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(records);
        if written.is_ok() {
            self.length += records.len() as u64;
        } else {
            // A part may have been written: go back to where the last whole record ended.
            self.file.set_len(self.length)?;
            self.file.seek(SeekFrom::Start(self.length))?;
        }
        written
    }
}

/// The segment files, oldest first.
fn segments(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(dir)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<PathBuf>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    paths.sort();
    Ok(paths)
}

/// The first frame of `bytes` and what follows it, if it is whole.
fn split_frame(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let header = Header::from_bytes(*bytes.first_chunk::<HEADER_BYTES>()?);
    bytes.split_at_checked(HEADER_BYTES + header.length as usize)
}

fn seq_of(frame: &[u8]) -> Option<Seq> {
    event_of(frame).map(|event| event.seq())
}

/// The event that is exactly this frame.
fn event_of(mut frame: &[u8]) -> Option<Event> {
    let mut deframer = Deframer::joined();
    match deframer.next(&mut frame) {
        Ok(Some(Unit::Control { header, value })) => Event::decode(header.kind, value).ok(),
        _ => None,
    }
}

fn put_record(out: &mut Vec<u8>, frame: &[u8]) {
    let mut head = [0; RECORD_HEAD_BYTES];
    BigEndian::write_u32(&mut head, frame.len() as u32);
    head[4..].copy_from_slice(&checksum(frame));
    out.extend_from_slice(&head);
    out.extend_from_slice(frame);
}

fn checksum(frame: &[u8]) -> [u8; 4] {
    let [a, b, c, d, ..] = *blake3::hash(frame).as_bytes();
    [a, b, c, d]
}

/// The events of the whole records at the start of `bytes`, and how many bytes those take.
fn records(bytes: &[u8]) -> (Vec<Event>, usize) {
    let (mut events, mut at) = (Vec::new(), 0);
    while let Some(head) = bytes[at..].first_chunk::<RECORD_HEAD_BYTES>() {
        let length = BigEndian::read_u32(head) as usize;
        if length > HEADER_BYTES + FRAME_BYTES_MAX as usize {
            break;
        }
        let start = at + RECORD_HEAD_BYTES;
        let Some(frame) = bytes.get(start..start + length) else { break };
        if head[4..] != checksum(frame) {
            break;
        }
        let Some(event) = event_of(frame) else { break };
        events.push(event);
        at = start + length;
    }
    (events, at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chatshelf_common::id::{MessageId, UnixMillis};
    use chatshelf_common::text::{Message, Nick};
    use chatshelf_common::wire::frame::Said;

    fn said(seq: u64) -> Event {
        let nick = Nick::new("ada").unwrap();
        let text = Message::new(&format!("line {seq}")).unwrap();
        Said { seq: Seq(seq), at: UnixMillis(1), nick, id: MessageId(seq), text, style: None }
            .into()
    }

    fn frames(seqs: std::ops::RangeInclusive<u64>) -> Vec<u8> {
        let mut out = Vec::new();
        seqs.for_each(|seq| said(seq).encode(&mut out));
        out
    }

    fn reopen(data: &Path) -> Vec<u64> {
        let (_, events) = Journal::open(data, 1 << 20).unwrap();
        assert!(events.iter().all(|event| *event == said(event.seq().0)));
        events.iter().map(|event| event.seq().0).collect()
    }

    #[test]
    fn what_was_appended_is_there_at_the_next_start() {
        let data = tempfile::tempdir().unwrap();
        let (mut journal, events) = Journal::open(data.path(), 1 << 20).unwrap();
        assert!(events.is_empty());
        journal.append(&frames(1..=3)).unwrap();
        journal.append(&[]).unwrap();
        journal.append(&frames(4..=4)).unwrap();
        drop(journal);
        assert_eq!(reopen(data.path()), [1, 2, 3, 4]);
        let (mut journal, _) = Journal::open(data.path(), 1 << 20).unwrap();
        journal.append(&frames(5..=5)).unwrap();
        assert_eq!(reopen(data.path()), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_tail_torn_or_damaged_at_any_byte_is_cut_to_whole_events() {
        let data = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(data.path(), 1 << 20).unwrap();
        journal.append(&frames(1..=3)).unwrap();
        let path = segments(&data.path().join("log")).unwrap().remove(0);
        let whole = fs::read(&path).unwrap();
        let record = whole.len() / 3;
        for end in 0..=whole.len() {
            fs::write(&path, &whole[..end]).unwrap();
            assert_eq!(reopen(data.path()).len(), end / record, "torn at {end}");
            assert_eq!(fs::metadata(&path).unwrap().len() as usize, end / record * record);
        }
        for at in record..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x40;
            fs::write(&path, &damaged).unwrap();
            assert_eq!(reopen(data.path()).len(), at / record, "damaged at {at}");
        }
    }

    #[test]
    fn writing_goes_on_after_a_torn_tail() {
        let data = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(data.path(), 1 << 20).unwrap();
        journal.append(&frames(1..=2)).unwrap();
        let path = segments(&data.path().join("log")).unwrap().remove(0);
        let length = fs::metadata(&path).unwrap().len();
        File::options().write(true).open(&path).unwrap().set_len(length - 1).unwrap();
        let (mut journal, events) = Journal::open(data.path(), 1 << 20).unwrap();
        assert_eq!(events, [said(1)]);
        journal.append(&frames(2..=3)).unwrap();
        assert_eq!(reopen(data.path()), [1, 2, 3]);
    }

    #[test]
    fn old_segments_go_and_the_newest_events_stay() {
        let data = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(data.path(), 500).unwrap();
        for seq in 1..=100 {
            journal.append(&frames(seq..=seq)).unwrap();
        }
        assert_eq!(segments(&data.path().join("log")).unwrap().len(), SEGMENTS_MAX);
        let seqs = reopen(data.path());
        assert_eq!(seqs.last(), Some(&100));
        assert!(seqs.len() > 5 && seqs.len() < 30, "{seqs:?}");
    }

    #[test]
    fn after_a_hole_only_what_follows_it_counts() {
        let data = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(data.path(), 1 << 20).unwrap();
        journal.append(&frames(1..=2)).unwrap();
        journal.append(&frames(4..=6)).unwrap();
        assert_eq!(reopen(data.path()), [4, 5, 6]);
    }
}
