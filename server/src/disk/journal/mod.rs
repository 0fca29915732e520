//! The journal: the room log's events on disk, appended as they happen, read once at the start.
//!
//! ```text
//! DATA/log/<seq of the first event, 20 digits>.log
//! record: length of the frame (4), checksum (4: its CRC-32), the frame as on the wire
//! ```
//!
//! A segment begins with a record that repeats the topic (`record.rs`): however long ago it was
//! set, a start finds it in the segments that are kept.
//!
//! When a segment is full the next is begun at once; to sync the full one is left to whoever syncs
//! next (`rotation.rs`). Of the older ones as many stay as are needed to hold a segment's worth of
//! bytes, usually one, and none goes before what takes its place is durable: so disk use stays
//! bounded, and the newest events, a window's worth at least, are always there.
//!
//! No event of a segment has a lower number than its name says, and a segment is only begun when
//! no other has a name as high; so the order of the names is that of writing.

mod record;
mod recovery;
mod rotation;

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use chatshelf_common::id::Seq;
use chatshelf_common::wire::Event;
use chatshelf_common::wire::frame::TopicChanged;

use super::files::{Files, StoredFile, set_aside};
use recovery::Recovery;
use rotation::{Rotation, sync_in_place};

pub use rotation::Unsynced;

/// Most segments kept, however many of them are not durable: so many there are only after many a
/// failed sync.
const SEGMENTS_MAX: usize = 64;

/// Digits of a segment's name.
const NAME_DIGITS: usize = 20;

/// No event takes fewer bytes in the room log.
const EVENT_BYTES_MIN: u64 = 28;

/// The open end of the journal.
#[derive(Debug)]
pub struct Journal<F: Files> {
    files: F,
    dir: PathBuf,
    /// Size at which a segment is full, in bytes.
    segment_bytes: u64,
    /// The segment being written. None before the first event, and after a failure that leaves
    /// in doubt what the segment holds: the next event begins another.
    open: Option<Segment<F::File>>,
    /// What the beginning of that segment has left to be done.
    changeover: Option<Rotation<F>>,
    /// Someone else is at a sync. Until that ends no full segment is left for the next, or there
    /// could be any number that are not durable.
    is_syncing: bool,
    /// The newest change of the topic.
    topic: Option<TopicChanged>,
    /// It could not be written as an event, so the next that is written repeats it.
    is_topic_due: bool,
}

#[derive(Debug)]
struct Segment<T> {
    file: T,
    path: PathBuf,
    /// Bytes up to the end of its last whole record.
    length: u64,
    /// Those of them that are no events.
    topic_bytes: u64,
    is_synced: bool,
    /// The system lets it grow no further.
    is_at_limit: bool,
}

impl<T> Segment<T> {
    fn new(file: T, path: PathBuf) -> Self {
        Self { file, path, length: 0, topic_bytes: 0, is_synced: true, is_at_limit: false }
    }
}

impl<F: Files> Journal<F> {
    /// Opens the journal below `data_dir` and reads the events that it holds, oldest first, in the
    /// order of their seqs. Some may be missing in between: that is for the caller to fill, but
    /// not to append here.
    ///
    /// What is no whole record is reported, and skipped if whole ones come after it, else cut off.
    /// When numbers came again, because a crash had lost their first use, the later events count.
    /// What comes before a hole too large to be filled is left out.
    ///
    /// A segment that opens but can't be read, as from a bad sector, is reported, set aside as
    /// `<seq>.bad` and left out (nobody removes it): better a room without a part of its past than none. One that
    /// can't even be opened is an error, for whoever runs the server can put that right (mostly it
    /// belongs to another user), and going on without it would lose its events for good.
    ///
    /// # Errors
    /// When the folder can't be made, listed or synced, or a segment can't be opened, cut, set
    /// aside or, holding nothing, removed.
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
            changeover: None,
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
        Ok((journal, past.into_events(segment_bytes / EVENT_BYTES_MIN)))
    }

    /// The newest change of the topic, wherever in the log it was.
    #[must_use]
    pub fn topic(&self) -> Option<&TopicChanged> {
        self.topic.as_ref()
    }

    /// Adds a segment's records to the past, and makes it ready to be appended to. One without
    /// events gets out of the way, for what follows may have to begin below its name: it is removed
    /// if nothing was ever written to it but a topic, and else set aside.
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
            // A file can be longer than what was written to it before the power failed.
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
        // The server before may have been killed before it could: what is shown from now on must
        // not be lost.
        file.sync()?;
        let topic_bytes = found.topic_bytes as u64;
        found.records.into_iter().for_each(|record| past.add(record));
        Ok(Some(Segment { length, topic_bytes, ..Segment::new(file, path.into()) }))
    }

    /// Appends events, given as one or more whole frames. They are written, not yet synced. True
    /// when a segment was begun for them: the one before should be synced soon.
    ///
    /// # Errors
    /// When they can't be written. Then none of them is in the journal, as far as the disk lets
    /// them be taken back, and it can go on.
    pub fn append(&mut self, frames: &[u8]) -> io::Result<bool> {
        let Some(events) = record::of_frames(frames) else { return Ok(false) };
        let written = self.append_records(events.first, &events.records);
        if events.topic.is_some() {
            self.topic = events.topic;
            self.is_topic_due |= written.is_err();
        }
        written
    }

    fn append_records(&mut self, first: Seq, records: &[u8]) -> io::Result<bool> {
        let can_grow = self.open.as_ref().is_some_and(|segment| !segment.is_at_limit);
        let begins = !can_grow || (self.is_full(self.segment_bytes) && !self.is_syncing);
        if begins {
            self.begin_segment(first)?;
        }
        let topic = self.topic.as_ref().filter(|_| begins || self.is_topic_due);
        let topic = topic.map(record::of_topic).unwrap_or_default();
        let Some(segment) = &mut self.open else { return Ok(false) };
        let repeated = if topic.is_empty() { Ok(()) } else { segment.file.write_all(&topic) };
        match repeated.and_then(|()| segment.file.write_all(records)) {
            Ok(()) => {
                segment.length += (topic.len() + records.len()) as u64;
                segment.topic_bytes += topic.len() as u64;
                segment.is_synced = false;
                self.is_topic_due = false;
                Ok(begins)
            }
            Err(why) => {
                segment.is_at_limit = why.kind() == io::ErrorKind::FileTooLarge;
                let can_go_on = segment.is_at_limit && !begins;
                self.take_back();
                if can_go_on { self.append_records(first, records) } else { Err(why) }
            }
        }
    }

    /// True when the segment has so many bytes of events. A full one is left for the next, and then
    /// its events alone are as many as must stay.
    fn is_full(&self, bytes: u64) -> bool {
        self.open.as_ref().is_some_and(|segment| segment.length - segment.topic_bytes >= bytes)
    }

    /// Makes sure that the segment being written is still where it was made.
    ///
    /// # Errors
    /// When it is not. What is appended then fails, too, until there is a folder for a new one.
    pub fn check_place(&mut self) -> io::Result<()> {
        let Some(segment) = &self.open else { return Ok(()) };
        let checked = match segment.file.is_at(&segment.path) {
            Ok(true) => return Ok(()),
            Ok(false) => io::Error::new(
                io::ErrorKind::NotFound,
                format!("{} was removed or moved away", segment.path.display()),
            ),
            Err(why) => why,
        };
        self.open = None;
        Err(checked)
    }

    /// True while a sync is under way that began with [`Self::begin_sync`].
    #[must_use]
    pub fn is_syncing(&self) -> bool {
        self.is_syncing
    }

    /// True when the sync under way has taken so long that nothing more should be appended before
    /// it ends: the segment is as large as two.
    #[must_use]
    pub fn must_wait(&self) -> bool {
        self.is_syncing && self.is_full(2 * self.segment_bytes)
    }

    /// Goes back to the end of the last whole record after a write that failed. Where even that
    /// fails, nothing more is written behind what may be there now.
    fn take_back(&mut self) {
        let Some(segment) = &mut self.open else { return };
        let length = segment.length;
        let back = segment.file.set_len(length);
        if back.and_then(|()| segment.file.seek(SeekFrom::Start(length))).is_err() {
            // What was whole before is to be as safe as it can be.
            let _ = segment.file.sync();
            self.open = None;
        }
    }

    /// Makes everything appended so far durable. What another sync is at is left to that.
    ///
    /// # Errors
    /// When the disk can't say so. It could not be believed later either, so what is appended
    /// from then on goes to a new segment.
    pub fn sync(&mut self) -> io::Result<()> {
        let mut changeover = self.changeover.take();
        let mut synced = changeover.as_mut().map_or(Ok(()), Rotation::settle);
        let mut has_open = false;
        if let Some(segment) = self.open.as_mut().filter(|segment| !segment.is_synced) {
            let open = sync_in_place(&mut segment.file, &segment.path);
            (has_open, segment.is_synced) = (true, open.is_ok());
            synced = synced.and(open);
        }
        match &synced {
            Ok(()) => changeover.filter(|_| has_open).iter().for_each(Rotation::remove_surplus),
            Err(_) => self.open = None,
        }
        synced
    }

    /// Everything that is not durable, for someone else to make it so while more is appended; none
    /// if there is nothing. What came of it is told by [`Self::end_sync`], before another is begun.
    ///
    /// # Errors
    /// When the system has no second handle on the segment being written. Nothing is begun then.
    pub fn begin_sync(&mut self) -> io::Result<Option<Unsynced<F>>> {
        debug_assert!(!self.is_syncing);
        let unsynced = self.open.as_ref().filter(|segment| !segment.is_synced);
        let with_path = |segment: &Segment<F::File>| {
            segment.file.try_clone().map(|file| (file, segment.path.clone()))
        };
        let open = unsynced.map(with_path).transpose()?;
        let changeover = self.changeover.take();
        self.is_syncing = open.is_some() || changeover.is_some();
        Ok(self.is_syncing.then_some(Unsynced { changeover, open }))
    }

    /// Takes note of what came of a sync. After one that failed, what is appended goes to a new
    /// segment.
    pub fn end_sync(&mut self, synced: &io::Result<()>) {
        self.is_syncing = false;
        if synced.is_err() {
            self.open = None;
        }
    }

    /// Begins a segment whose first event is `first`. The one before may be full of what is not
    /// durable: it is left to the next sync.
    fn begin_segment(&mut self, first: Seq) -> io::Result<()> {
        if self.changeover.is_some() {
            // Nobody has taken the last one: it must not be forgotten.
            self.sync()?;
        }
        let path = self.dir.join(format!("{:0NAME_DIGITS$}.log", first.0));
        let mut older = self.segments()?;
        // Its events come again now, for it could not be trusted.
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
        self.changeover = Some(Rotation { files, dir, segment_bytes, left, older });
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

/// Says where a segment of so many bytes is damaged.
fn report(path: &Path, found: &record::Found, bytes: usize) {
    let tail = (found.end < bytes).then_some(found.end..bytes);
    for damaged in found.damaged.iter().chain(&tail) {
        let (path, at) = (path.display(), damaged.start);
        log::warn!("{path}: {} bytes at {at} are not whole events", damaged.len());
    }
}

#[cfg(test)]
mod tests;
