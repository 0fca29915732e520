//! Tests of extents in memory and of windows.

use std::fs::File;
use std::io::{ErrorKind, Seek, SeekFrom, Write};

use super::*;

const TRANSFER: TransferId = TransferId(7);

impl Source for Vec<u8> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut rest = self.get(offset as usize..).unwrap_or_default();
        rest.read(buffer)
    }
}

impl Extent {
    /// An extent with this content, which is all that its file has from `offset` on.
    pub(crate) fn of(transfer: TransferId, offset: u64, content: &[u8], is_window: bool) -> Self {
        let mut extent = if is_window { window() } else { Self::in_memory() };
        let (bytes, framing) = (content.len(), extent.framing);
        let frames = Frames { transfer, offset, bytes, framing };
        extent.length = frames.wire_bytes();
        let file = [&vec![0; offset as usize], content].concat();
        match &mut extent.place {
            Place::Memory(memory) => {
                let bodies = content.chunks(framing.file_bytes);
                memory.extend(
                    bodies
                        .enumerate()
                        .flat_map(|(frame, body)| [&frames.head(frame)[..], body].concat()),
                );
            }
            Place::Window(window) => {
                window.source = Some(Arc::new(file));
                window.frames = frames;
            }
        }
        extent.begin_frame();
        extent
    }

    /// Takes so many bytes, as they go on the wire, in portions of `most`.
    pub(crate) fn take_some(&mut self, bytes: usize, most: usize) -> Vec<u8> {
        let mut taken = Vec::new();
        while taken.len() < bytes {
            let most = most.min(bytes - taken.len());
            let portion = match self.rest(most) {
                Rest::Memory(memory) => memory.to_vec(),
                Rest::File { head, part } => {
                    let mut body = vec![0; part.bytes];
                    assert_eq!(part.source.read_at(&mut body, part.offset).unwrap(), part.bytes);
                    let mut portion = [head, &body].concat();
                    portion.truncate(most);
                    portion
                }
            };
            assert!(!portion.is_empty(), "there is more");
            self.advance(portion.len());
            taken.extend(portion);
        }
        taken
    }

    /// Takes the rest.
    pub(crate) fn take_all(&mut self) -> Vec<u8> {
        self.take_some(self.left(), usize::MAX)
    }

    /// Takes the rest, without the frames' heads.
    pub(crate) fn take_file_bytes(&mut self) -> Vec<u8> {
        let wire = self.take_all();
        let frames = wire.chunks(self.framing.wire_bytes());
        frames.flat_map(|frame| &frame[DATA_HEAD_BYTES..]).copied().collect()
    }
}

/// Creates a window where files can be sent from; else an extent in memory.
fn window() -> Extent {
    let mut pool = ExtentPool::default();
    pool.allow_windows(if cfg!(target_os = "linux") { 1 } else { 0 });
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
        for mut extent in [Extent::in_memory(), window()] {
            let frame_bytes_max = extent.frame_bytes_max();
            for frame in [1, 2048, 2049, 4096, frame_bytes_max - 1, frame_bytes_max] {
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
                }
            }
        }
    }
}

#[test]
fn bare_content_is_what_the_file_holds_and_may_end_anywhere() {
    let content = content(200_000);
    for mut extent in [Extent::in_memory(), window()] {
        let mut file = file(&content);
        file.seek(SeekFrom::Start(7)).unwrap();
        extent.fill(&mut file, TRANSFER, 7, 150_000, Framing::bare(FRAME_FILE_BYTES)).unwrap();
        assert_eq!((extent.left(), extent.left_of_frame()), (150_000, FRAME_FILE_BYTES));
        assert!(extent.take_all() == content[7..150_007]);
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
fn an_extent_may_be_taken_in_any_portions() {
    let bytes = content(2 * FRAME_FILE_BYTES + 5);
    let wire = framed(3, &bytes, FRAME_FILE_BYTES);
    for most in [1, DATA_HEAD_BYTES - 1, DATA_HEAD_BYTES, DATA_HEAD_BYTES + 1, 4096, 65_555] {
        for is_window in [false, true] {
            let mut extent = Extent::of(TRANSFER, 3, &bytes, is_window);
            assert!(extent.take_some(wire.len(), most) == wire, "{most}");
            assert!(extent.is_taken());
        }
    }
}

#[test]
fn a_cut_extent_ends_with_the_frame_begun() {
    let bytes = content(2 * FRAME_FILE_BYTES);
    let frame = DATA_HEAD_BYTES + FRAME_FILE_BYTES;
    for (taken, end) in [(0, 0), (1, frame), (frame, frame), (frame + 1, 2 * frame)] {
        for is_window in [false, true] {
            let mut extent = Extent::of(TRANSFER, 0, &bytes, is_window);
            let mut all = extent.take_some(taken, usize::MAX);
            extent.cut();
            all.extend(extent.take_all());
            assert!(all == framed(0, &bytes, FRAME_FILE_BYTES)[..end], "{taken}");
        }
    }
}

#[test]
fn a_file_that_is_too_short_is_an_error() {
    for mut extent in [Extent::in_memory(), window()] {
        let mut file = file(&content(99));
        file.rewind().unwrap();
        let why = extent
            .fill(&mut file, TRANSFER, 0, 100, Framing::frames(FRAME_FILE_BYTES))
            .unwrap_err();
        assert_eq!(why.kind(), ErrorKind::UnexpectedEof);
    }
}

#[test]
fn a_file_that_shrinks_behind_its_window_says_so() {
    let mut extent = window();
    if !matches!(extent.place, Place::Window(_)) {
        return;
    }
    let mut file = file(&content(100_000));
    extent.fill(&mut file, TRANSFER, 0, 100_000, Framing::bare(FRAME_FILE_BYTES)).unwrap();
    file.set_len(10).unwrap();
    let Rest::File { part, .. } = extent.rest(50) else { panic!("it is a window") };
    assert_eq!(part.source.read_at(&mut [0; 50], part.offset).unwrap(), 10);
    extent.advance(10);
    let Rest::File { part, .. } = extent.rest(50) else { panic!("it is a window") };
    assert_eq!(part.source.read_at(&mut [0; 50], part.offset).unwrap(), 0);
}

#[test]
fn the_limit_on_windows_holds_however_they_end() {
    const ALLOWED: usize = 3;
    let mut pool = ExtentPool::default();
    pool.allow_windows(ALLOWED);
    let is_window = |extent: &Extent| matches!(extent.place, Place::Window(_));
    for _ in 0..3 {
        let mut taken: Vec<Extent> = (0..2 * ALLOWED).map(|_| pool.take(true)).collect();
        assert_eq!(taken.iter().filter(|extent| is_window(extent)).count(), ALLOWED);
        // One is lost on its way; the others come back.
        taken.swap_remove(0);
        taken.into_iter().for_each(|extent| pool.give(extent));
        assert!(!is_window(&pool.take(false)), "memory is wanted");
    }
    pool.allow_windows(usize::MAX);
    assert_eq!(pool.windows_max, WINDOWS_MAX);
    (0..2 * POOL_EXTENTS_MAX).for_each(|_| pool.give(Extent::in_memory()));
    assert!(pool.spare() <= POOL_EXTENTS_MAX);
    pool.clear();
    assert_eq!(pool.spare(), 0);
}
