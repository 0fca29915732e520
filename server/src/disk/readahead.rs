//! Extents: file content read ahead of a download, as the data frames that go on the wire, or bare.
//!
//! The disk thread fills them; the reactor sends them and asks for them to be filled again. On
//! Linux an extent is a pipe: the disk thread splices the file into it, waiting for the disk if it
//! must, and the reactor splices it on to the socket, which never waits (splice(2)). What travels
//! are pages of the kernel's cache; nobody copies them. Elsewhere, and where a file or the system
//! does not support splicing, an extent is memory.

use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::sync::Arc;

use chatshelf_common::id::TransferId;
use chatshelf_common::limits::DATA_BYTES_MAX;
use chatshelf_common::wire::header::{DATA_HEAD_BYTES, data_head};

use super::files::StoredFile;

/// The most frames an extent in memory holds, if they are large.
const MEMORY_FRAMES_MAX: usize = 4;
/// The most frames an extent in a pipe holds. A page of a file takes a slot of the pipe, and so
/// does the head of a frame, or part of a page where a frame does not begin with one. More smaller
/// frames would fit, but less is read ahead for a slow connection.
const PIPE_FRAMES_MAX: usize = PIPE_PLACES / (FRAME_PAGES + 2);
/// The most file bytes an extent in memory holds.
pub const MEMORY_FILE_BYTES_MAX: usize = MEMORY_FRAMES_MAX * FRAME_FILE_BYTES;
/// Frames smaller than this count as this large when an extent in memory is filled.
const SMALL_FRAMES_BYTES: usize = FRAME_FILE_BYTES / MEMORY_FRAMES_MAX;
/// The most file bytes an extent in a pipe holds.
pub const PIPE_FILE_BYTES_MAX: usize = PIPE_FRAMES_MAX * FRAME_FILE_BYTES;
/// The most extents kept for reuse; the rest are freed.
pub const POOL_EXTENTS_MAX: usize = 16;
/// The most extents in pipes; further ones are in memory. A user other than root may have 64 MiB of
/// pipes in all (`/proc/sys/fs/pipe-user-pages-soft`, pipe(7)).
pub const PIPES_MAX: usize = 32;

/// The most file bytes in a frame.
const FRAME_FILE_BYTES: usize = DATA_BYTES_MAX as usize;
/// Size of a pipe in bytes: the largest allowed to every user (`/proc/sys/fs/pipe-max-size`,
/// pipe(7)).
pub const PIPE_BYTES: usize = PAGE_BYTES * PIPE_PLACES;
/// Slots, for a page or a part of one, in a pipe of that size, and those that a frame's file bytes
/// fill.
const PIPE_PLACES: usize = 256;
const FRAME_PAGES: usize = FRAME_FILE_BYTES / PAGE_BYTES;
const PAGE_BYTES: usize = 4096;

/// Data frames of one download, one after the other, all but the last of one size; or its bare
/// content.
#[derive(Debug)]
pub struct Extent {
    place: Place,
    /// The bytes of all its frames, and how many of them were taken.
    length: usize,
    taken: usize,
    framing: Framing,
    /// True when some of the content will never be taken.
    is_cut: bool,
    /// Counts the extents in pipes; `None` for one in memory.
    _pipe: Option<Arc<()>>,
}

#[derive(Debug)]
enum Place {
    Memory(Vec<u8>),
    Pipe(Pipe),
}

/// Where the next bytes are.
#[derive(Debug)]
pub enum Rest<'a> {
    /// In memory: these.
    Memory(&'a [u8]),
    /// At the front of this pipe.
    Pipe(&'a Pipe),
}

impl Extent {
    /// Creates an empty extent in memory.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::new(Place::Memory(Vec::new()), None)
    }

    /// Creates an empty extent in a pipe.
    fn in_pipe(pipe: Pipe, count: Arc<()>) -> Self {
        Self::new(Place::Pipe(pipe), Some(count))
    }

    fn new(place: Place, pipe: Option<Arc<()>>) -> Self {
        let framing = Framing::frames(FRAME_FILE_BYTES);
        Self { place, length: 0, taken: 0, framing, is_cut: false, _pipe: pipe }
    }

    /// Returns the most file bytes it holds in frames of this size.
    #[must_use]
    pub fn file_bytes_max(&self, frame_bytes: usize) -> usize {
        match self.place {
            // With fewer, the disk thread would be asked too often.
            Place::Memory(_) => MEMORY_FRAMES_MAX * frame_bytes.max(SMALL_FRAMES_BYTES),
            Place::Pipe(_) => PIPE_FRAMES_MAX * frame_bytes,
        }
    }

    /// Reads `bytes` bytes from the file's current position, which is `offset`, and divides them as
    /// `framing` says. The previous content must have been taken.
    ///
    /// # Errors
    /// If the file cannot be read or is too short. The extent must not be used again then.
    pub fn fill(
        &mut self,
        file: &mut impl StoredFile,
        transfer: TransferId,
        offset: u64,
        bytes: usize,
        framing: Framing,
    ) -> io::Result<()> {
        debug_assert!((1..=FRAME_FILE_BYTES).contains(&framing.file_bytes));
        debug_assert!(bytes <= self.file_bytes_max(framing.file_bytes));
        debug_assert!(self.is_taken() && !self.is_cut);
        let frames = Frames { transfer, offset, bytes, framing };
        (self.taken, self.framing) = (0, framing);
        self.length = frames.wire_bytes();
        match &mut self.place {
            Place::Memory(memory) => frames.read(file, memory),
            Place::Pipe(pipe) => match frames.splice(file, &mut pipe.writer) {
                // Not every file system supports it.
                Err(why)
                    if matches!(why.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) =>
                {
                    let mut memory = Vec::new();
                    frames.read(file, &mut memory)?;
                    let length = self.length;
                    *self = Self { length, framing, ..Self::new(Place::Memory(memory), None) };
                    Ok(())
                }
                spliced => spliced,
            },
        }
    }

    /// Returns the number of bytes not taken yet.
    #[must_use]
    pub fn left(&self) -> usize {
        self.length - self.taken
    }

    /// Returns true if all bytes have been taken.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.left() == 0
    }

    /// Returns true if a frame has been taken in part.
    #[must_use]
    pub fn is_mid_frame(&self) -> bool {
        self.framing.has_heads
            && !self.is_taken()
            && !self.taken.is_multiple_of(self.framing.wire_bytes())
    }

    /// Returns the number of bytes to the end of the frame taken in part, or of the next one.
    #[must_use]
    pub fn left_of_frame(&self) -> usize {
        let frame_bytes = self.framing.wire_bytes();
        self.left().min(frame_bytes - self.taken % frame_bytes)
    }

    /// Returns where the next bytes are: at most `most` of them.
    #[must_use]
    pub fn rest(&self, most: usize) -> Rest<'_> {
        match &self.place {
            Place::Memory(memory) => Rest::Memory(&memory[self.taken..][..most.min(self.left())]),
            Place::Pipe(pipe) => Rest::Pipe(pipe),
        }
    }

    /// Notes that this many bytes were taken: copied from memory, or moved out of a pipe.
    pub fn advance(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.left());
        self.taken += bytes;
    }

    /// Gives up the rest, except the remainder of a frame that has begun.
    pub fn cut(&mut self) {
        let kept = if self.is_mid_frame() { self.left_of_frame() } else { 0 };
        self.is_cut |= kept < self.left();
        self.length = self.taken + kept;
    }

    /// Returns the extent emptied for reuse; `None` if it holds bytes that nobody will take.
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

/// How file content travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    /// File bytes of each frame but the last.
    file_bytes: usize,
    /// Each begins with a head; otherwise the content travels as it is, and nothing else does
    /// beside it.
    has_heads: bool,
}

impl Framing {
    /// Data frames with so many file bytes.
    #[must_use]
    pub fn frames(file_bytes: usize) -> Self {
        Self { file_bytes, has_heads: true }
    }

    /// The bare content, in pieces of so many bytes.
    #[must_use]
    pub fn bare(file_bytes: usize) -> Self {
        Self { file_bytes, has_heads: false }
    }

    fn head_bytes(self) -> usize {
        if self.has_heads { DATA_HEAD_BYTES } else { 0 }
    }

    fn wire_bytes(self) -> usize {
        self.head_bytes() + self.file_bytes
    }
}

/// How a range of a file is divided into frames.
#[derive(Clone, Copy)]
struct Frames {
    transfer: TransferId,
    offset: u64,
    bytes: usize,
    framing: Framing,
}

impl Frames {
    fn wire_bytes(self) -> usize {
        self.bytes + self.bytes.div_ceil(self.framing.file_bytes) * self.framing.head_bytes()
    }

    /// Iterates over each frame's head, if frames have one, and the number of file bytes that
    /// follow it.
    fn each(self) -> impl Iterator<Item = (Option<[u8; DATA_HEAD_BYTES]>, usize)> {
        let Framing { file_bytes, has_heads } = self.framing;
        (0..self.bytes).step_by(file_bytes).map(move |at| {
            let length = file_bytes.min(self.bytes - at);
            let head = || data_head(self.transfer, self.offset + at as u64, length as u32);
            (has_heads.then(head), length)
        })
    }

    fn read(self, file: &mut impl StoredFile, memory: &mut Vec<u8>) -> io::Result<()> {
        memory.clear();
        memory.reserve_exact(self.wire_bytes());
        for (head, length) in self.each() {
            memory.extend(head.iter().flatten());
            if file.take(length as u64).read_to_end(memory)? < length {
                return Err(too_short());
            }
        }
        Ok(())
    }

    fn splice(self, file: &mut impl StoredFile, pipe: &mut PipeWriter) -> io::Result<()> {
        for (head, length) in self.each() {
            pipe.write_all(head.as_ref().map_or(&[][..], |head| &head[..]))?;
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
    io::Error::new(ErrorKind::UnexpectedEof, "the file has become shorter")
}

/// A pipe from a file to a socket. Its holder owns both ends.
#[derive(Debug)]
pub struct Pipe {
    reader: PipeReader,
    writer: PipeWriter,
}

impl Pipe {
    /// Wraps two ends that never block, with [`PIPE_BYTES`] of space between them.
    #[must_use]
    pub fn new(reader: PipeReader, writer: PipeWriter) -> Self {
        Self { reader, writer }
    }

    /// Returns the end that its bytes come out of.
    #[must_use]
    pub fn reader(&self) -> &PipeReader {
        &self.reader
    }
}

/// A source of pipes, and its limit.
#[derive(Clone, Copy, Debug)]
pub struct PipeSource {
    /// Makes a pipe; fails if the system has none, or none large enough.
    pub make: fn() -> io::Result<Pipe>,
    /// The most pipes at once; never more than [`PIPES_MAX`] are used.
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

/// A pool of empty extents.
#[derive(Debug, Default)]
pub struct ExtentPool {
    free_pipes: Vec<Extent>,
    free_memory: Vec<Extent>,
    source: PipeSource,
    /// One reference for each extent in a pipe, wherever it is, and one more.
    pipes: Arc<()>,
}

impl ExtentPool {
    /// Allows extents in pipes from this source.
    pub fn allow_pipes(&mut self, source: PipeSource) {
        self.source = PipeSource { pipes_max: source.pipes_max.min(PIPES_MAX), ..source };
    }

    /// Returns the number of spare extents.
    #[must_use]
    pub fn spare(&self) -> usize {
        self.free_pipes.len() + self.free_memory.len()
    }

    /// Takes an empty extent: in a pipe if requested, within the limit, and available; else in
    /// memory.
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

    /// Frees the spare extents.
    pub fn clear(&mut self) {
        self.free_pipes.clear();
        self.free_memory.clear();
    }

    /// Returns an extent to the pool, whatever it holds.
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
