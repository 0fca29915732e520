//! Tests of extents in memory and, where supported, in pipes.

use std::fs::File;
use std::io::{ErrorKind, Seek, SeekFrom};

use super::*;

const TRANSFER: TransferId = TransferId(7);

impl Extent {
    /// An extent with this content.
    pub(crate) fn of(transfer: TransferId, offset: u64, content: &[u8], in_pipe: bool) -> Self {
        let mut extent = if in_pipe { piped() } else { Self::in_memory() };
        let (bytes, framing) = (content.len(), extent.framing);
        let frames = Frames { transfer, offset, bytes, framing };
        extent.length = frames.wire_bytes();
        let mut left = content;
        for (head, length) in frames.each() {
            let (body, after) = left.split_at(length);
            for bytes in [&head.unwrap()[..], body] {
                match &mut extent.place {
                    Place::Memory(memory) => memory.extend_from_slice(bytes),
                    Place::Pipe(pipe) => pipe.writer.write_all(bytes).unwrap(),
                }
            }
            left = after;
        }
        extent
    }

    /// Takes the rest, as it goes on the wire.
    pub(crate) fn take_all(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; self.left()];
        match self.rest(usize::MAX) {
            Rest::Memory(memory) => bytes.copy_from_slice(memory),
            Rest::Pipe(pipe) => pipe.reader().read_exact(&mut bytes).unwrap(),
        }
        self.advance(bytes.len());
        bytes
    }

    /// Takes the rest, without the frames' heads.
    pub(crate) fn take_file_bytes(&mut self) -> Vec<u8> {
        let wire = self.take_all();
        let frames = wire.chunks(self.framing.wire_bytes());
        frames.flat_map(|frame| &frame[DATA_HEAD_BYTES..]).copied().collect()
    }
}

impl PipeSource {
    /// Pipes like those `net/pipe.rs` makes, which this module cannot import.
    pub(crate) fn for_tests(pipes_max: usize) -> Self {
        Self { make, pipes_max }
    }
}

#[cfg(target_os = "linux")]
fn make() -> io::Result<Pipe> {
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::NONBLOCK)?;
    rustix::pipe::fcntl_setpipe_size(&writer, PIPE_BYTES)?;
    Ok(Pipe::new(reader.into(), writer.into()))
}

#[cfg(not(target_os = "linux"))]
fn make() -> io::Result<Pipe> {
    (PipeSource::NONE.make)()
}

/// Creates an extent in a pipe where splicing is supported; else in memory.
fn piped() -> Extent {
    let mut pool = ExtentPool::default();
    pool.allow_pipes(PipeSource::for_tests(1));
    pool.take(true)
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 % 251) as u8).collect()
}

fn file(content: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    file
}

/// The bytes expected on the wire.
fn framed(offset: u64, bytes: &[u8], frame_bytes: usize) -> Vec<u8> {
    let mut wire = Vec::new();
    for (body, number) in bytes.chunks(frame_bytes).zip(0..) {
        let at = offset + number * frame_bytes as u64;
        wire.extend_from_slice(&data_head(TRANSFER, at, body.len() as u32));
        wire.extend_from_slice(body);
    }
    wire
}

#[test]
fn a_file_becomes_frames_wherever_it_is_read_and_as_much_as_fits() {
    for offset in [0, 1, 4095, 4096, 70_001] {
        for mut extent in [Extent::in_memory(), piped()] {
            for frame in [1, 2048, 2049, 4096, FRAME_FILE_BYTES - 1, FRAME_FILE_BYTES] {
                let most = extent.file_bytes_max(frame);
                let content = content(offset + most);
                let mut file = file(&content);
                for bytes in [1, frame, frame + 1, most] {
                    let from = offset as u64;
                    file.seek(SeekFrom::Start(from)).unwrap();
                    extent.fill(&mut file, TRANSFER, from, bytes, Framing::frames(frame)).unwrap();
                    let expected = framed(from, &content[offset..][..bytes], frame);
                    assert_eq!(extent.left(), expected.len());
                    assert!(extent.take_all() == expected, "{bytes} at {offset} by {frame}");
                    assert_eq!(file.stream_position().unwrap(), from + bytes as u64);
                    extent = extent.emptied().expect("all of it was taken");
                }
            }
        }
    }
}

#[test]
fn bare_content_is_what_the_file_holds_and_may_end_anywhere() {
    let content = content(200_000);
    for mut extent in [Extent::in_memory(), piped()] {
        let mut file = file(&content);
        file.seek(SeekFrom::Start(7)).unwrap();
        extent.fill(&mut file, TRANSFER, 7, 150_000, Framing::bare(FRAME_FILE_BYTES)).unwrap();
        assert_eq!((extent.left(), extent.left_of_frame()), (150_000, FRAME_FILE_BYTES));
        assert!(extent.take_all() == content[7..150_007]);
        let mut extent = extent.emptied().unwrap();
        file.rewind().unwrap();
        extent.fill(&mut file, TRANSFER, 0, 100, Framing::bare(10)).unwrap();
        extent.advance(3);
        assert!(!extent.is_mid_frame());
        extent.cut();
        assert!(extent.is_taken(), "there is no frame to end");
    }
}

#[test]
fn the_rest_of_a_frame_is_known_at_each_of_its_bytes() {
    for frame_bytes in [2048, FRAME_FILE_BYTES] {
        let bytes = frame_bytes + 1;
        let mut extent = Extent::in_memory();
        let mut file = file(&content(bytes));
        file.rewind().unwrap();
        extent.fill(&mut file, TRANSFER, 0, bytes, Framing::frames(frame_bytes)).unwrap();
        let frame = DATA_HEAD_BYTES + frame_bytes;
        for taken in 0..frame + DATA_HEAD_BYTES + 1 {
            let (begun, end) = (taken % frame, if taken < frame { frame } else { extent.length });
            assert_eq!(extent.is_mid_frame(), begun > 0);
            assert_eq!(extent.left_of_frame(), end - taken);
            extent.advance(1);
        }
        assert!(extent.is_taken() && !extent.is_mid_frame());
    }
}

#[test]
fn a_cut_extent_ends_with_the_frame_begun_and_a_cut_pipe_is_not_reused() {
    let bytes = content(2 * FRAME_FILE_BYTES);
    let frame = DATA_HEAD_BYTES + FRAME_FILE_BYTES;
    for (taken, end) in [(0, 0), (1, frame), (frame, frame), (frame + 1, 2 * frame)] {
        for in_pipe in [false, true] {
            let mut extent = Extent::of(TRANSFER, 0, &bytes, in_pipe);
            let is_piped = matches!(extent.place, Place::Pipe(_));
            let mut all = match extent.rest(taken) {
                Rest::Memory(memory) => memory.to_vec(),
                Rest::Pipe(pipe) => {
                    let mut pipe = pipe.reader();
                    let mut begun = vec![0; taken];
                    pipe.read_exact(&mut begun).unwrap();
                    begun
                }
            };
            extent.advance(taken);
            extent.cut();
            all.extend(extent.take_all());
            assert!(all == framed(0, &bytes, FRAME_FILE_BYTES)[..end], "{taken}");
            let is_usable = extent.emptied().is_some();
            assert_eq!(is_usable, !is_piped || end == 2 * frame, "{taken}");
        }
    }
}

#[test]
fn a_file_that_is_too_short_is_an_error() {
    for mut extent in [Extent::in_memory(), piped()] {
        let mut file = file(&content(99));
        file.rewind().unwrap();
        let why = extent
            .fill(&mut file, TRANSFER, 0, 100, Framing::frames(FRAME_FILE_BYTES))
            .unwrap_err();
        assert_eq!(why.kind(), ErrorKind::UnexpectedEof);
    }
}

/// A file that does not support splicing, as on some file systems.
#[derive(Debug)]
struct Unspliceable(File);

impl Read for Unspliceable {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Unspliceable {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Seek for Unspliceable {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

impl StoredFile for Unspliceable {
    fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    fn begin_sync(&mut self, _: u64, _: u64) {}

    fn is_at(&self, path: &std::path::Path) -> io::Result<bool> {
        self.0.is_at(path)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_all()
    }

    fn set_len(&mut self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }
}

#[test]
fn a_file_that_cannot_be_spliced_is_read_and_the_pipe_is_given_up() {
    let mut pool = ExtentPool::default();
    pool.allow_pipes(PipeSource::for_tests(1));
    let mut extent = pool.take(true);
    let frame_bytes = 2048;
    let bytes = extent.file_bytes_max(frame_bytes);
    let content = content(bytes);
    let mut file = Unspliceable(file(&content));
    file.rewind().unwrap();
    extent.fill(&mut file, TRANSFER, 0, bytes, Framing::frames(frame_bytes)).unwrap();
    assert!(extent.take_file_bytes() == content);
    assert_eq!(extent.file_bytes_max(FRAME_FILE_BYTES), MEMORY_FILE_BYTES_MAX);
    assert_eq!(Arc::strong_count(&pool.pipes), 1);
}

#[test]
fn the_limit_on_pipes_holds_however_they_end() {
    const ALLOWED: usize = 3;
    let mut pool = ExtentPool::default();
    pool.allow_pipes(PipeSource::for_tests(ALLOWED));
    let is_piped = |extent: &Extent| matches!(extent.place, Place::Pipe(_));
    for _ in 0..3 {
        let mut taken: Vec<Extent> = (0..2 * ALLOWED).map(|_| pool.take(true)).collect();
        let allowed = if cfg!(target_os = "linux") { ALLOWED } else { 0 };
        assert_eq!(taken.iter().filter(|extent| is_piped(extent)).count(), allowed);
        // One is lost on its way; the others come back.
        taken.swap_remove(0);
        taken.into_iter().for_each(|extent| pool.give(extent));
        assert!(!is_piped(&pool.take(false)), "memory is wanted");
    }
    pool.allow_pipes(PipeSource::for_tests(usize::MAX));
    assert_eq!(pool.source.pipes_max, PIPES_MAX);
    (0..2 * POOL_EXTENTS_MAX).for_each(|_| pool.give(Extent::in_memory()));
    assert!(pool.spare() <= POOL_EXTENTS_MAX);
    pool.clear();
    assert_eq!(pool.spare(), 0);
}
