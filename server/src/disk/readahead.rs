//! Extents: what is read ahead of a download, as the data frames that go on the wire.
//!
//! The disk thread fills them, the reactor sends them and asks for them to be filled again. On
//! Linux an extent is a pipe: the disk thread splices the file into it, waiting for the disk if it
//! must, and the reactor splices it on to the socket, which never waits (splice(2)). What travels
//! is pages of the kernel's cache; nobody copies them. Elsewhere, and where a file or the system
//! has no splice to give, an extent is memory.

use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::sync::Arc;

use chatshelf_common::id::TransferId;
use chatshelf_common::limits::DATA_BYTES_MAX;
use chatshelf_common::wire::header::{DATA_HEAD_BYTES, data_head};

use super::files::StoredFile;

/// Frames that an extent in memory takes at most, if they are large.
const MEMORY_FRAMES_MAX: usize = 4;
/// Frames that an extent in a pipe takes at most: a page of a file takes a place in the pipe, and
/// so does the head of a frame, or a part of a page where a frame does not begin with one. Of
/// smaller frames more would fit; but less is read ahead of a slow connection.
const PIPE_FRAMES_MAX: usize = PIPE_PLACES / (FRAME_PAGES + 2);
/// File bytes that an extent in memory takes at most.
pub const MEMORY_FILE_BYTES_MAX: usize = MEMORY_FRAMES_MAX * FRAME_FILE_BYTES;
/// Frames smaller than this count as this large when an extent in memory is filled.
const SMALL_FRAMES_BYTES: usize = FRAME_FILE_BYTES / MEMORY_FRAMES_MAX;
/// File bytes that an extent in a pipe takes at most.
pub const PIPE_FILE_BYTES_MAX: usize = PIPE_FRAMES_MAX * FRAME_FILE_BYTES;
/// Extents kept for their next use, at most; beyond it they are freed.
pub const POOL_EXTENTS_MAX: usize = 16;
/// Extents in pipes, at most; further ones are in memory. A user who is not root may have pipes of
/// 64 MiB in all (`/proc/sys/fs/pipe-user-pages-soft`, pipe(7)).
pub const PIPES_MAX: usize = 32;

/// Most file bytes of a frame.
const FRAME_FILE_BYTES: usize = DATA_BYTES_MAX as usize;
/// Size of a pipe in bytes: the largest that any user may have (`/proc/sys/fs/pipe-max-size`,
/// pipe(7)).
pub const PIPE_BYTES: usize = PAGE_BYTES * PIPE_PLACES;
/// Pages, or parts of pages, that a pipe of that size holds, and a frame's file bytes fill.
const PIPE_PLACES: usize = 256;
const FRAME_PAGES: usize = FRAME_FILE_BYTES / PAGE_BYTES;
const PAGE_BYTES: usize = 4096;

/// Data frames of one download, one after the other, all but the last of one size.
#[derive(Debug)]
pub struct Extent {
    place: Place,
    /// Bytes of all its frames, and how many of them are taken.
    length: usize,
    taken: usize,
    /// File bytes of each frame but the last.
    frame_bytes: usize,
    /// Not all that was filled in will be taken.
    is_cut: bool,
    /// Counts those in pipes; none for one in memory.
    _pipe: Option<Arc<()>>,
}

#[derive(Debug)]
enum Place {
    Memory(Vec<u8>),
    Pipe(Pipe),
}

/// Where the bytes to be taken next are.
#[derive(Debug)]
pub enum Rest<'a> {
    /// These.
    Memory(&'a [u8]),
    /// The next to come out of this pipe.
    Pipe(&'a Pipe),
}

impl Extent {
    /// An empty one in memory.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::new(Place::Memory(Vec::new()), None)
    }

    /// An empty one in a pipe.
    fn in_pipe(pipe: Pipe, count: Arc<()>) -> Self {
        Self::new(Place::Pipe(pipe), Some(count))
    }

    fn new(place: Place, pipe: Option<Arc<()>>) -> Self {
        let frame_bytes = FRAME_FILE_BYTES;
        Self { place, length: 0, taken: 0, frame_bytes, is_cut: false, _pipe: pipe }
    }

    /// File bytes that it takes at most, in frames of this size.
    #[must_use]
    pub fn file_bytes_max(&self, frame_bytes: usize) -> usize {
        match self.place {
            // With less, the disk thread would be asked too often.
            Place::Memory(_) => MEMORY_FRAMES_MAX * frame_bytes.max(SMALL_FRAMES_BYTES),
            Place::Pipe(_) => PIPE_FRAMES_MAX * frame_bytes,
        }
    }

    /// Reads so many bytes of a file, which stands at `offset`, and makes frames of them, of
    /// `frame_bytes` file bytes each. What it held before must be taken.
    ///
    /// # Errors
    /// When the file can't be read, or has fewer bytes. Then the extent can't be used again.
    pub fn fill(
        &mut self,
        file: &mut impl StoredFile,
        transfer: TransferId,
        offset: u64,
        bytes: usize,
        frame_bytes: usize,
    ) -> io::Result<()> {
        debug_assert!((1..=FRAME_FILE_BYTES).contains(&frame_bytes));
        debug_assert!(bytes <= self.file_bytes_max(frame_bytes));
        debug_assert!(self.is_taken() && !self.is_cut);
        let frames = Frames { transfer, offset, bytes, frame_bytes };
        (self.taken, self.frame_bytes) = (0, frame_bytes);
        self.length = frames.wire_bytes();
        match &mut self.place {
            Place::Memory(memory) => frames.read(file, memory),
            Place::Pipe(pipe) => match frames.splice(file, &mut pipe.writer) {
                // Not every file system has it.
                Err(why)
                    if matches!(why.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) =>
                {
                    let mut memory = Vec::new();
                    frames.read(file, &mut memory)?;
                    let length = self.length;
                    *self = Self { length, frame_bytes, ..Self::new(Place::Memory(memory), None) };
                    Ok(())
                }
                spliced => spliced,
            },
        }
    }

    /// Bytes that are still to be taken.
    #[must_use]
    pub fn left(&self) -> usize {
        self.length - self.taken
    }

    /// True when nothing is to be taken.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.left() == 0
    }

    /// True when a frame is taken in part.
    #[must_use]
    pub fn is_mid_frame(&self) -> bool {
        !self.is_taken() && !self.taken.is_multiple_of(DATA_HEAD_BYTES + self.frame_bytes)
    }

    /// Bytes to the end of the frame that is taken in part, or else of the next.
    #[must_use]
    pub fn left_of_frame(&self) -> usize {
        let frame_bytes = DATA_HEAD_BYTES + self.frame_bytes;
        self.left().min(frame_bytes - self.taken % frame_bytes)
    }

    /// Where the bytes to be taken next are, up to so many.
    #[must_use]
    pub fn rest(&self, most: usize) -> Rest<'_> {
        match &self.place {
            Place::Memory(memory) => Rest::Memory(&memory[self.taken..][..most.min(self.left())]),
            Place::Pipe(pipe) => Rest::Pipe(pipe),
        }
    }

    /// Notes that so many bytes are taken: of memory, looked at; of a pipe, moved.
    pub fn advance(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.left());
        self.taken += bytes;
    }

    /// Gives up what is left but for the rest of a frame that is begun.
    pub fn cut(&mut self) {
        let kept = if self.is_mid_frame() { self.left_of_frame() } else { 0 };
        self.is_cut |= kept < self.left();
        self.length = self.taken + kept;
    }

    /// Empty, to be filled again; none for one that holds what nobody will take.
    fn emptied(mut self) -> Option<Self> {
        let is_clean = self.is_taken() && !self.is_cut;
        match &mut self.place {
            Place::Memory(memory) => memory.clear(),
            Place::Pipe(_) if is_clean => {}
            Place::Pipe(_) => return None,
        }
        (self.length, self.taken, self.is_cut) = (0, 0, false);
        Some(self)
    }
}

/// The frames that so many bytes of a file make.
#[derive(Clone, Copy)]
struct Frames {
    transfer: TransferId,
    offset: u64,
    bytes: usize,
    /// How many of them each frame but the last has.
    frame_bytes: usize,
}

impl Frames {
    fn wire_bytes(self) -> usize {
        self.bytes + self.bytes.div_ceil(self.frame_bytes) * DATA_HEAD_BYTES
    }

    /// Each frame's head and how many file bytes follow it.
    fn each(self) -> impl Iterator<Item = ([u8; DATA_HEAD_BYTES], usize)> {
        (0..self.bytes).step_by(self.frame_bytes).map(move |at| {
            let length = self.frame_bytes.min(self.bytes - at);
            (data_head(self.transfer, self.offset + at as u64, length as u32), length)
        })
    }

    fn read(self, file: &mut impl StoredFile, memory: &mut Vec<u8>) -> io::Result<()> {
        memory.clear();
        memory.reserve_exact(self.wire_bytes());
        for (head, length) in self.each() {
            memory.extend_from_slice(&head);
            if file.take(length as u64).read_to_end(memory)? < length {
                return Err(too_short());
            }
        }
        Ok(())
    }

    fn splice(self, file: &mut impl StoredFile, pipe: &mut PipeWriter) -> io::Result<()> {
        for (head, length) in self.each() {
            pipe.write_all(&head)?;
            let mut left = length;
            while left > 0 {
                match file.splice(pipe, left)? {
                    0 => return Err(too_short()),
                    moved => left -= moved,
                }
            }
        }
        Ok(())
    }
}

fn too_short() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "the file is shorter than it was")
}

/// A pipe from a file to a socket. Whoever holds it owns both ends.
#[derive(Debug)]
pub struct Pipe {
    reader: PipeReader,
    writer: PipeWriter,
}

impl Pipe {
    /// Of two ends that never make anyone wait, and hold [`PIPE_BYTES`] between them.
    #[must_use]
    pub fn new(reader: PipeReader, writer: PipeWriter) -> Self {
        Self { reader, writer }
    }

    /// Where its bytes come out.
    #[must_use]
    pub fn reader(&self) -> &PipeReader {
        &self.reader
    }
}

/// Where pipes come from, and how many there may be.
#[derive(Clone, Copy, Debug)]
pub struct PipeSource {
    /// Makes one, unless the system has none to give, or none large enough.
    pub make: fn() -> io::Result<Pipe>,
    /// Most of them at once; never more than [`PIPES_MAX`] are used.
    pub pipes_max: usize,
}

impl PipeSource {
    /// No pipes.
    pub const NONE: Self = Self { make: || Err(ErrorKind::Unsupported.into()), pipes_max: 0 };
}

impl Default for PipeSource {
    fn default() -> Self {
        Self::NONE
    }
}

/// Empty extents at hand.
#[derive(Debug, Default)]
pub struct ExtentPool {
    free_pipes: Vec<Extent>,
    free_memory: Vec<Extent>,
    source: PipeSource,
    /// One for each of them, wherever it is, and one more.
    pipes: Arc<()>,
}

impl ExtentPool {
    /// Lets extents be in pipes of this source.
    pub fn allow_pipes(&mut self, source: PipeSource) {
        self.source = PipeSource { pipes_max: source.pipes_max.min(PIPES_MAX), ..source };
    }

    /// How many are at hand.
    #[must_use]
    pub fn spare(&self) -> usize {
        self.free_pipes.len() + self.free_memory.len()
    }

    /// An empty one: in a pipe, if that is wanted, there may be one more and the system has one.
    #[must_use]
    pub fn take(&mut self, in_pipe: bool) -> Extent {
        let piped = if in_pipe { self.take_pipe() } else { None };
        piped.or_else(|| self.free_memory.pop()).unwrap_or_else(Extent::in_memory)
    }

    fn take_pipe(&mut self) -> Option<Extent> {
        if let Some(extent) = self.free_pipes.pop() {
            return Some(extent);
        }
        if Arc::strong_count(&self.pipes) > self.source.pipes_max {
            return None;
        }
        let pipe = (self.source.make)().ok()?;
        Some(Extent::in_pipe(pipe, Arc::clone(&self.pipes)))
    }

    /// Frees what is at hand.
    pub fn clear(&mut self) {
        self.free_pipes.clear();
        self.free_memory.clear();
    }

    /// Takes one back, whatever it holds.
    pub fn give(&mut self, extent: Extent) {
        let Some(extent) = extent.emptied() else { return };
        let free = match extent.place {
            Place::Memory(_) => &mut self.free_memory,
            Place::Pipe(_) => &mut self.free_pipes,
        };
        if free.len() < POOL_EXTENTS_MAX / 2 {
            free.push(extent);
        }
    }
}

#[cfg(test)]
mod tests;
