//! The journal: the room log's events on disk, appended as they happen and read once at startup.
//!
//! ```text
//! DATA/log/<seq of the first event, 20 digits>.log
//! record: length of the frame (4), checksum (4: its CRC-32), the frame as on the wire
//! ```
//!
//! A segment begins with a record that repeats the topic (`record.rs`), so that recovery finds the
//! topic in the segments that are kept, however long ago it was set.
//!
//! When a segment is full, the next begins at once, and the next sync takes care of the full one
//! (`rotation.rs`). As many older segments stay as are needed to hold one segment's worth of bytes,
//! usually one, and none is removed before its replacement is durable. So disk use stays bounded,
//! and the newest events, at least one window's worth, are always there.
//!
//! No event of a segment has a lower number than the segment's name, and a new segment's name is
//! higher than all others; so the names sort in the order of writing.

mod record;
mod recovery;
mod redaction;
mod rotation;

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use chatshelf_common::id::Seq;
use chatshelf_common::wire::Event;
use chatshelf_common::wire::frame::TopicChanged;

use super::bans::{self, KeptBans};
use super::files::{Files, StoredFile, set_aside};
use recovery::Recovery;
use rotation::Rotation;

pub use rotation::Unsynced;

/// Most segments kept, even if they are not durable: so many exist only after many failed syncs.
const SEGMENTS_MAX: usize = 64;

/// Digits in a segment's name.
const NAME_DIGITS: usize = 20;

/// The size of the smallest event in the room log.
const EVENT_BYTES_MIN: u64 = 28;

/// The journal, open for appending.
#[derive(Debug)]
pub struct Journal<F: Files> {
    files: F,
    dir: PathBuf,
    /// Size at which a segment is full, in bytes.
    segment_bytes: u64,
    /// The current segment. None before the first event, and after a failure that leaves its
    /// content in doubt: then the next event begins another.
    open: Option<Segment<F::File>>,
    /// What is left to do since the current segment began.
    rotation: Option<Rotation<F>>,
    /// Another thread runs a sync. Until it ends, no further segment begins, or there could be any
    /// number that are not durable.
    is_syncing: bool,
    /// The newest change of the topic.
    topic: Option<TopicChanged>,
    /// The topic's event could not be written, so the next write repeats the topic.
    is_topic_due: bool,
}

#[derive(Debug)]
struct Segment<T> {
    file: T,
    path: PathBuf,
    /// Bytes up to the end of the last whole record.
    length: u64,
    /// Bytes of repeated topics among them.
    topic_bytes: u64,
    is_synced: bool,
    /// The file has reached the largest size that the system allows.
    is_at_limit: bool,
}

impl<T> Segment<T> {
    fn new(file: T, path: PathBuf) -> Self {
        Self { file, path, length: 0, topic_bytes: 0, is_synced: true, is_at_limit: false }
    }
}

impl<F: Files> Journal<F> {
    /// Opens the journal below `data_dir`, and reads its events in the order of their seqs. Where
    /// some are missing, the caller fills the hole in the log, but does not append that here.
    ///
    /// Damaged bytes are reported. They are skipped if whole records follow, and otherwise cut off.
    /// If numbers were used twice, because a crash had lost their first use, the later events
    /// count. Events before a hole that is too large to fill are left out.
    ///
    /// A segment that opens but is unreadable, as with a bad sector, is reported, set aside as
    /// `<seq>.bad` and left out: a room without a part of its past is better than none. A segment
    /// that does not even open is an error: an administrator can fix that (usually the file belongs
    /// to another user), and continuing without the segment would lose its events for good.
    ///
    /// # Errors
    /// When the folder cannot be created, listed or synced, or when a segment cannot be opened,
    /// cut, set aside or, if empty, removed.
    pub fn open(files: F, data_dir: &Path, segment_bytes: u64) -> io::Result<(Self, Vec<Event>)> {
        let dir = data_dir.join("log");
        files.create_dir(&dir)?;
        files.sync_dir(data_dir)?;
        files.sync_dir(&dir)?;
        let mut journal = Self {
            files,
            dir,
            segment_bytes,
            open: None,
            rotation: None,
            is_syncing: false,
            topic: None,
            is_topic_due: false,
        };
        let mut past = Recovery::default();
        for path in journal.segments()? {
            journal.open = journal
                .read_segment(&path, &mut past)
                .map_err(|why| io::Error::new(why.kind(), format!("{}: {why}", path.display())))?;
        }
        journal.topic = past.topic();
        let events = past.into_events(segment_bytes / EVENT_BYTES_MIN);
        journal.redact_again(&events);
        Ok((journal, events))
    }

    /// Keeps the bans in a file beside the log's folder, or logs why it cannot.
    pub(super) fn keep_bans(&self, kept: &KeptBans) {
        if let Some(data_dir) = self.dir.parent() {
            bans::keep(&self.files, data_dir, kept);
        }
    }

    /// The newest change of the topic, wherever in the log.
    #[must_use]
    pub fn topic(&self) -> Option<&TopicChanged> {
        self.topic.as_ref()
    }

    /// Adds a segment's records to the past, and prepares it for appending. A segment without
    /// events must make way, since the next one may need a lower name: it is removed if it never
    /// held more than a topic, and otherwise set aside.
    fn read_segment(
        &self,
        path: &Path,
        past: &mut Recovery,
    ) -> io::Result<Option<Segment<F::File>>> {
        let mut file = self.files.edit(path)?;
        let mut bytes = Vec::new();
        if let Err(why) = file.read_to_end(&mut bytes) {
            log::error!("{} is unreadable and was set aside: {why}", path.display());
            drop(file);
            set_aside(&self.files, path)?;
            return Ok(None);
        }
        let found = record::find(&bytes, past.last());
        report(path, &found, bytes.len());
        if !found.has_events() {
            drop(file);
            // After a power failure a file can be longer than what was written to it.
            if bytes[found.end..].iter().all(|byte| *byte == 0) {
                self.files.remove_file(path)?;
            } else {
                log::error!("{} holds no whole record and was set aside", path.display());
                set_aside(&self.files, path)?;
            }
            return Ok(None);
        }
        let length = found.end as u64;
        if found.end < bytes.len() {
            file.set_len(length)?;
        }
        file.seek(SeekFrom::Start(length))?;
        // The previous server may have been killed before its sync: what is shown from now on must
        // not be lost.
        file.sync()?;
        let topic_bytes = found.topic_bytes as u64;
        found.records.into_iter().for_each(|record| past.add(record));
        Ok(Some(Segment { length, topic_bytes, ..Segment::new(file, path.into()) }))
    }

    /// Appends events, given as one or more whole frames. They are written, but not yet synced.
    ///
    /// # Errors
    /// When they cannot be written. Then none of them is in the journal, as far as the disk allows
    /// to take them back, and further events can be appended.
    pub fn append(&mut self, frames: &[u8]) -> io::Result<()> {
        let Some(events) = record::of_frames(frames) else { return Ok(()) };
        let written = self.append_records(events.first, &events.records);
        if events.topic.is_some() {
            self.topic = events.topic;
            self.is_topic_due |= written.is_err();
        }
        self.redact(&events.redacted);
        written
    }

    fn append_records(&mut self, first: Seq, records: &[u8]) -> io::Result<()> {
        let can_grow = self.open.as_ref().is_some_and(|segment| !segment.is_at_limit);
        let begins = !can_grow || (self.is_full(self.segment_bytes) && !self.is_syncing);
        if begins {
            self.begin_segment(first)?;
        }
        let topic = self.topic.as_ref().filter(|_| begins || self.is_topic_due);
        let topic = topic.map(record::of_topic).unwrap_or_default();
        let Some(segment) = &mut self.open else { return Ok(()) };
        let repeated = if topic.is_empty() { Ok(()) } else { segment.file.write_all(&topic) };
        match repeated.and_then(|()| segment.file.write_all(records)) {
            Ok(()) => {
                segment.length += (topic.len() + records.len()) as u64;
                segment.topic_bytes += topic.len() as u64;
                segment.is_synced = false;
                self.is_topic_due = false;
                Ok(())
            }
            Err(why) => {
                segment.is_at_limit = why.kind() == io::ErrorKind::FileTooLarge;
                let can_continue = segment.is_at_limit && !begins;
                self.take_back();
                if can_continue { self.append_records(first, records) } else { Err(why) }
            }
        }
    }

    /// True if the current segment has so many bytes of events. Repeated topics do not count, so
    /// that a full segment holds as many events as must stay.
    fn is_full(&self, bytes: u64) -> bool {
        self.open.as_ref().is_some_and(|segment| segment.length - segment.topic_bytes >= bytes)
    }

    /// Checks that the current segment is still where it was created.
    ///
    /// # Errors
    /// When it is not. Appending then fails too, until there is a folder for a new segment.
    pub fn check_place(&mut self) -> io::Result<()> {
        let Some(segment) = &self.open else { return Ok(()) };
        let checked = rotation::check_at(&segment.file, &segment.path);
        if checked.is_err() {
            self.open = None;
        }
        checked
    }

    /// True if a segment has given way to the next and no sync has taken care of it: one should do
    /// so soon.
    #[must_use]
    pub fn is_rotating(&self) -> bool {
        self.rotation.is_some()
    }

    /// True between [`Self::begin_sync`] and [`Self::end_sync`].
    #[must_use]
    pub fn is_syncing(&self) -> bool {
        self.is_syncing
    }

    /// True if the running sync has taken so long that nothing more should be appended before it
    /// ends: the current segment is as large as two.
    #[must_use]
    pub fn must_wait(&self) -> bool {
        self.is_syncing && self.is_full(2 * self.segment_bytes)
    }

    /// Returns to the end of the last whole record after a failed write. If even that fails,
    /// nothing more is written to this segment.
    fn take_back(&mut self) {
        let Some(segment) = &mut self.open else { return };
        let length = segment.length;
        let back = segment.file.set_len(length);
        if back.and_then(|()| segment.file.seek(SeekFrom::Start(length))).is_err() {
            // Make the whole records as safe as possible.
            let _ = segment.file.sync();
            self.open = None;
        }
    }

    /// Makes everything appended so far durable, except what a running sync covers.
    ///
    /// # Errors
    /// When the disk does not confirm it. A later sync of the same file could report success
    /// without having written it, so further events go to a new segment.
    pub fn sync(&mut self) -> io::Result<()> {
        let unsynced = self.open.as_mut().filter(|segment| !segment.is_synced);
        let open = unsynced.map(|segment| (&mut segment.file, segment.path.as_path()));
        let synced = rotation::sync(self.rotation.take(), open);
        match &mut self.open {
            Some(segment) if synced.is_ok() => segment.is_synced = true,
            _ => self.open = None,
        }
        synced
    }

    /// Everything that is not durable, if anything, for another thread to sync while more is
    /// appended. [`Self::end_sync`] takes the result, before the next call of this.
    ///
    /// # Errors
    /// When the system has no second handle of the current segment. Then no sync begins.
    pub fn begin_sync(&mut self) -> io::Result<Option<Unsynced<F>>> {
        debug_assert!(!self.is_syncing);
        let unsynced = self.open.as_ref().filter(|segment| !segment.is_synced);
        let with_path = |segment: &Segment<F::File>| {
            segment.file.try_clone().map(|file| (file, segment.path.clone()))
        };
        let open = unsynced.map(with_path).transpose()?;
        let rotation = self.rotation.take();
        self.is_syncing = open.is_some() || rotation.is_some();
        Ok(self.is_syncing.then_some(Unsynced { rotation, open }))
    }

    /// Takes the result of a sync. After a failure, further events go to a new segment.
    pub fn end_sync(&mut self, synced: &io::Result<()>) {
        self.is_syncing = false;
        if synced.is_err() {
            self.open = None;
        }
    }

    /// Begins a segment whose first event is `first`. The next sync takes care of the previous one.
    fn begin_segment(&mut self, first: Seq) -> io::Result<()> {
        if self.rotation.is_some() {
            // No sync has taken the last one yet, and it must not be lost.
            self.sync()?;
        }
        let path = self.dir.join(format!("{:0NAME_DIGITS$}.log", first.0));
        let mut older = self.segments()?;
        // Its events are written again now, since it could not be trusted.
        while let Some(doubtful) = older.pop_if(|newest| *newest >= path) {
            self.files.remove_file(&doubtful)?;
        }
        let too_many = (older.len() + 1).saturating_sub(SEGMENTS_MAX);
        older.drain(..too_many).for_each(|path| rotation::remove(&self.files, &path));
        let file = self.files.create(&path)?;
        let left = self.open.replace(Segment::new(file, path));
        let left = left.filter(|segment| !segment.is_synced).map(|segment| segment.file);
        let (files, dir, segment_bytes) =
            (self.files.clone(), self.dir.clone(), self.segment_bytes);
        self.rotation = Some(Rotation { files, dir, segment_bytes, left, older });
        Ok(())
    }

    /// The segment files, oldest first.
    fn segments(&self) -> io::Result<Vec<PathBuf>> {
        let mut paths = self.files.list(&self.dir)?;
        paths.retain(|path| is_segment(path));
        paths.sort();
        Ok(paths)
    }
}

/// True for the name of a segment.
pub(super) fn is_segment(path: &Path) -> bool {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("");
    path.extension().is_some_and(|extension| extension == "log")
        && stem.len() == NAME_DIGITS
        && stem.bytes().all(|byte| byte.is_ascii_digit())
}

/// Logs where a segment of so many bytes is damaged.
fn report(path: &Path, found: &record::Found, bytes: usize) {
    let tail = (found.end < bytes).then_some(found.end..bytes);
    for damaged in found.damaged.iter().chain(&tail) {
        let (path, at) = (path.display(), damaged.start);
        log::warn!("{path}: {} bytes at {at} are not whole events", damaged.len());
    }
}

#[cfg(test)]
mod tests;
