//! Extents: file content read ahead of a download, as the data frames that go on the wire, or bare.
//!
//! The disk thread fills them; the reactor sends them and asks for them to be filled again. On
//! Linux an extent is a *window*: a range of the file that the disk thread has brought into the
//! system's cache, waiting for the disk if it must, and from which the reactor sends (sendfile(2)).
//! What travels are pages of that cache; nobody copies them. Elsewhere, an extent is memory.

use std::io::{self, ErrorKind, Read, SeekFrom};
use std::sync::Arc;

use chatshelf_common::id::TransferId;
use chatshelf_common::limits::{DATA_BYTES_MAX, LARGE_DATA_BYTES_MAX};
use chatshelf_common::wire::header::{DATA_HEAD_BYTES, data_head};

use super::files::{Source, StoredFile};

/// The most frames an extent in memory holds, if they are large.
const MEMORY_FRAMES_MAX: usize = 4;
/// The most file bytes an extent in memory holds.
pub const MEMORY_FILE_BYTES_MAX: usize = MEMORY_FRAMES_MAX * FRAME_FILE_BYTES;
/// Frames smaller than this count as this large when an extent in memory is filled.
const SMALL_FRAMES_BYTES: usize = FRAME_FILE_BYTES / MEMORY_FRAMES_MAX;
/// The most frames a window holds: less is loaded ahead for a slower connection.
const WINDOW_FRAMES_MAX: usize = 64;
/// The most file bytes a window holds.
pub const WINDOW_FILE_BYTES_MAX: usize = 4 * LARGE_DATA_BYTES_MAX as usize;
/// The most extents kept for reuse; the rest are freed.
pub const POOL_EXTENTS_MAX: usize = 16;
/// The most extents that are windows, each with a descriptor; further ones are in memory.
pub const WINDOWS_MAX: usize = 64;

/// The most file bytes in a frame that is in memory.
const FRAME_FILE_BYTES: usize = DATA_BYTES_MAX as usize;

/// Data frames of one download, one after the other, all but the last of one size; or its bare
/// content.
#[derive(Debug)]
pub struct Extent {
    place: Place,
    /// The bytes of all its frames, and how many of them were taken.
    length: usize,
    taken: usize,
    framing: Framing,
}

#[derive(Debug)]
enum Place {
    Memory(Vec<u8>),
    Window(Window),
}

/// A range of a file.
#[derive(Debug)]
struct Window {
    source: Option<Arc<dyn Source>>,
    frames: Frames,
    /// The head of the frame that is being taken.
    head: [u8; DATA_HEAD_BYTES],
    /// Counts the windows.
    _count: Arc<()>,
}

/// Where the next bytes are.
#[derive(Debug)]
pub enum Rest<'a> {
    /// In memory: these.
    Memory(&'a [u8]),
    /// In a file, after the rest of a frame's head.
    File {
        /// What is left of the head.
        head: &'a [u8],
        /// What follows it.
        part: FilePart<'a>,
    },
}

/// Bytes of an open file.
#[derive(Clone, Copy, Debug)]
pub struct FilePart<'a> {
    /// The file.
    pub source: &'a dyn Source,
    /// Where they begin.
    pub offset: u64,
    /// How many they are.
    pub bytes: usize,
}

impl FilePart<'_> {
    /// Bytes that are read at once where a part must be copied.
    pub const COPY_BYTES: usize = 16 * 1024;

    /// Reads its beginning, up to the length of the buffer; returns how many bytes.
    ///
    /// # Errors
    /// `UnexpectedEof` if the file ends before the part; those of the file system.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.bytes.min(buffer.len());
        match self.source.read_at(&mut buffer[..most], self.offset)? {
            0 if most > 0 => Err(too_short()),
            count => Ok(count),
        }
    }
}

impl Rest<'_> {
    /// Returns how many bytes these are.
    #[must_use]
    pub fn length(&self) -> usize {
        match self {
            Self::Memory(bytes) => bytes.len(),
            Self::File { head, part } => head.len() + part.bytes,
        }
    }
}

impl Extent {
    /// Creates an empty extent in memory.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::new(Place::Memory(Vec::new()))
    }

    /// Creates an empty window.
    fn window(count: Arc<()>) -> Self {
        let framing = Framing::frames(FRAME_FILE_BYTES);
        let frames = Frames { transfer: TransferId(0), offset: 0, bytes: 0, framing };
        let head = [0; DATA_HEAD_BYTES];
        Self::new(Place::Window(Window { source: None, frames, head, _count: count }))
    }

    fn new(place: Place) -> Self {
        Self { place, length: 0, taken: 0, framing: Framing::frames(FRAME_FILE_BYTES) }
    }

    /// Returns the most file bytes in one of its frames.
    #[must_use]
    pub fn frame_bytes_max(&self) -> usize {
        match self.place {
            Place::Memory(_) => FRAME_FILE_BYTES,
            Place::Window(_) => LARGE_DATA_BYTES_MAX as usize,
        }
    }

    /// Returns the most file bytes it holds in frames of this size.
    #[must_use]
    pub fn file_bytes_max(&self, frame_bytes: usize) -> usize {
        match self.place {
            // With fewer, the disk thread would be asked too often.
            Place::Memory(_) => MEMORY_FRAMES_MAX * frame_bytes.max(SMALL_FRAMES_BYTES),
            Place::Window(_) => (WINDOW_FRAMES_MAX * frame_bytes).min(WINDOW_FILE_BYTES_MAX),
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
        debug_assert!((1..=self.frame_bytes_max()).contains(&framing.file_bytes));
        debug_assert!(bytes <= self.file_bytes_max(framing.file_bytes));
        debug_assert!(self.is_taken());
        let frames = Frames { transfer, offset, bytes, framing };
        (self.taken, self.framing) = (0, framing);
        self.length = frames.wire_bytes();
        match &mut self.place {
            Place::Memory(memory) => frames.read(file, memory)?,
            Place::Window(window) => {
                file.load(offset, bytes)?;
                file.seek(SeekFrom::Start(offset + bytes as u64))?;
                window.source = Some(file.source()?);
                window.frames = frames;
            }
        }
        self.begin_frame();
        Ok(())
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

    /// Returns where the next bytes are: at most `most` of them, and of a file's no more than what
    /// is left of a frame.
    #[must_use]
    pub fn rest(&self, most: usize) -> Rest<'_> {
        let most = most.min(self.left());
        match &self.place {
            Place::Memory(memory) => Rest::Memory(&memory[self.taken..][..most]),
            Place::Window(window) => match &window.source {
                Some(source) => self.rest_of_window(&**source, window, most),
                None => Rest::Memory(&[]),
            },
        }
    }

    fn rest_of_window<'a>(
        &self,
        source: &'a dyn Source,
        window: &'a Window,
        most: usize,
    ) -> Rest<'a> {
        let Frames { offset, framing, .. } = window.frames;
        if !framing.has_heads {
            let offset = offset + self.taken as u64;
            return Rest::File { head: &[], part: FilePart { source, offset, bytes: most } };
        }
        let (frame, taken) = (self.taken / framing.wire_bytes(), self.taken % framing.wire_bytes());
        let head = &window.head[taken.min(DATA_HEAD_BYTES)..];
        let begun = taken.saturating_sub(DATA_HEAD_BYTES);
        let offset = offset + (frame * framing.file_bytes + begun) as u64;
        let bytes = most.min(self.left_of_frame()).saturating_sub(head.len());
        Rest::File { head, part: FilePart { source, offset, bytes } }
    }

    /// Notes that this many bytes were taken.
    pub fn advance(&mut self, bytes: usize) {
        debug_assert!(bytes <= self.left());
        self.taken += bytes;
        if !self.is_mid_frame() {
            self.begin_frame();
        }
    }

    /// Makes the head of the frame that is taken next, if it is in a window.
    fn begin_frame(&mut self) {
        if let Place::Window(Window { frames, head, .. }) = &mut self.place
            && frames.framing.has_heads
            && self.taken < self.length
        {
            *head = frames.head(self.taken / frames.framing.wire_bytes());
        }
    }

    /// Gives up the rest, except the remainder of a frame that has begun.
    pub fn cut(&mut self) {
        let kept = if self.is_mid_frame() { self.left_of_frame() } else { 0 };
        self.length = self.taken + kept;
    }

    /// Returns true if it has a file open.
    #[must_use]
    pub fn has_file(&self) -> bool {
        matches!(&self.place, Place::Window(Window { source: Some(_), .. }))
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
#[derive(Clone, Copy, Debug)]
struct Frames {
    transfer: TransferId,
    offset: u64,
    bytes: usize,
    framing: Framing,
}

impl Frames {
    fn wire_bytes(self) -> usize {
        self.bytes + self.count() * self.framing.head_bytes()
    }

    /// The number of frames, and the file bytes before a frame and in it.
    fn count(self) -> usize {
        self.bytes.div_ceil(self.framing.file_bytes)
    }

    fn length(self, frame: usize) -> usize {
        self.framing.file_bytes.min(self.bytes - frame * self.framing.file_bytes)
    }

    fn head(self, frame: usize) -> [u8; DATA_HEAD_BYTES] {
        let at = self.offset + (frame * self.framing.file_bytes) as u64;
        data_head(self.transfer, at, self.length(frame) as u32)
    }

    fn read(self, file: &mut impl StoredFile, memory: &mut Vec<u8>) -> io::Result<()> {
        memory.clear();
        memory.reserve_exact(self.wire_bytes());
        for frame in 0..self.count() {
            if self.framing.has_heads {
                memory.extend(self.head(frame));
            }
            let length = self.length(frame);
            if file.take(length as u64).read_to_end(memory)? < length {
                return Err(too_short());
            }
        }
        Ok(())
    }
}

fn too_short() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "the file has become shorter")
}

/// A pool of empty extents.
#[derive(Debug, Default)]
pub struct ExtentPool {
    free: Vec<Extent>,
    windows_max: usize,
    /// One reference for each window, wherever it is, and one more.
    windows: Arc<()>,
}

impl ExtentPool {
    /// Allows so many windows, but never more than [`WINDOWS_MAX`].
    pub fn allow_windows(&mut self, windows_max: usize) {
        self.windows_max = windows_max.min(WINDOWS_MAX);
    }

    /// Returns the number of spare extents.
    #[must_use]
    pub fn spare(&self) -> usize {
        self.free.len()
    }

    /// Takes an empty extent: a window if requested and within the limit; else in memory.
    #[must_use]
    pub fn take(&mut self, is_window: bool) -> Extent {
        if is_window && Arc::strong_count(&self.windows) <= self.windows_max {
            return Extent::window(Arc::clone(&self.windows));
        }
        self.free.pop().unwrap_or_else(Extent::in_memory)
    }

    /// Frees the spare extents.
    pub fn clear(&mut self) {
        self.free.clear();
    }

    /// Returns an extent in memory to the pool, whatever it holds.
    pub fn give(&mut self, mut extent: Extent) {
        let Place::Memory(memory) = &mut extent.place else { return };
        memory.clear();
        (extent.length, extent.taken) = (0, 0);
        if self.free.len() < POOL_EXTENTS_MAX {
            self.free.push(extent);
        }
    }
}

#[cfg(test)]
mod tests;
