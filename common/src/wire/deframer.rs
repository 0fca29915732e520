//! From a byte stream, cut anywhere, to frames. Never reads a socket. Never allocates more than one
//! control frame, and only once its length is known to be within the limit.

use std::fmt;

use crate::id::TransferId;
use crate::lazy_box::LazyBox;
use crate::limits::{
    DATA_BYTES_MAX, FRAME_BYTES_MAX, FRAME_BYTES_MAX_BEFORE_JOIN, LARGE_DATA_BYTES_MAX,
};
use crate::wire::header::{DATA, DATA_PREFIX_BYTES, HEADER_BYTES, Header, read_data_prefix};

/// A piece of a stream of frames.
#[derive(Debug, PartialEq, Eq)]
pub enum Unit<'a> {
    /// A whole control frame or event.
    Control {
        /// Its header.
        header: Header,
        /// Its value: a list of fields, not yet looked at.
        value: &'a [u8],
    },
    /// File bytes of a data frame, as many as have arrived; never empty.
    Chunk {
        /// The transfer it belongs to.
        transfer: TransferId,
        /// Offset of the first byte in the file.
        offset: u64,
        /// The bytes.
        bytes: &'a [u8],
    },
}

/// Why a stream can no longer be decoded. No later byte has a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// The frame's value is longer than allowed.
    TooLong {
        /// The frame's type.
        kind: u8,
        /// Bytes that it announces.
        length: u32,
        /// Bytes allowed.
        limit: u32,
    },
    /// A data frame that is too short for its prefix and one byte.
    EmptyData,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { kind, length, limit } => {
                write!(f, "frame {kind:#04x} announces {length} bytes, {limit} are allowed")
            }
            Self::EmptyData => f.write_str("a data frame holds no data"),
        }
    }
}

impl std::error::Error for FrameError {}

#[derive(Clone, Copy, Debug)]
enum State {
    Head,
    Value(Header),
    DataPrefix { bytes: u32 },
    DataBody { transfer: TransferId, offset: u64, remaining: u32 },
    Failed(FrameError),
}

/// A decoder that resumes where the bytes ended.
///
/// ```
/// use chatshelf_common::wire::{Deframer, Unit};
///
/// let mut deframer = Deframer::joined();
/// // The header of a `Ping`, in the two pieces in which it happens to arrive.
/// let mut input = &[0x30, 0, 0][..];
/// assert_eq!(deframer.next(&mut input)?, None);
/// let mut input = &[0, 0, 0][..];
/// let Some(Unit::Control { header, value }) = deframer.next(&mut input)? else { panic!() };
/// assert_eq!((header.kind, value), (0x30, &[][..]));
/// assert!(input.is_empty() && deframer.is_between_frames());
/// # Ok::<(), chatshelf_common::wire::FrameError>(())
/// ```
#[derive(Debug)]
pub struct Deframer {
    state: State,
    /// The start of a header, prefix or value that has arrived in part; otherwise empty.
    partial: LazyBox<Vec<u8>>,
    /// `partial` holds a value that was handed out; the next call drops it.
    spent: bool,
    joined: bool,
    takes_large_data: bool,
}

impl Deframer {
    /// A decoder with the limits that hold before a join: short frames, no data.
    #[must_use]
    pub fn before_join() -> Self {
        Self {
            state: State::Head,
            partial: LazyBox::default(),
            spent: false,
            joined: false,
            takes_large_data: false,
        }
    }

    /// A decoder with the limits that hold once joined.
    #[must_use]
    pub fn joined() -> Self {
        Self { joined: true, ..Self::before_join() }
    }

    /// From the next frame on, the limits for members hold.
    pub fn set_joined(&mut self) {
        self.joined = true;
    }

    /// From the next frame on, data frames may be large (PROTOCOL.md, "Large data frames").
    pub fn accept_large_data(&mut self) {
        self.takes_large_data = true;
    }

    /// Bytes held for a frame that has arrived in part.
    #[must_use]
    pub fn partial_bytes(&self) -> usize {
        self.partial.capacity()
    }

    /// True between frames: a stream that ends here has lost nothing.
    #[must_use]
    pub fn is_between_frames(&self) -> bool {
        matches!(self.state, State::Head) && (self.spent || self.partial.is_empty())
    }

    /// Takes the next unit from the front of `input`, or `None` when more bytes are needed;
    /// then `input` is empty.
    ///
    /// # Errors
    /// When a header breaks a limit. The stream cannot be decoded any further, and every later call
    /// returns the same error.
    pub fn next<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<Unit<'a>>, FrameError> {
        if self.spent {
            self.partial = LazyBox::default();
            self.spent = false;
        }
        loop {
            match self.state {
                State::Head => {
                    let Some(head) = gather_array::<HEADER_BYTES>(&mut self.partial, input) else {
                        return Ok(None);
                    };
                    self.state = match self.accept(Header::from_bytes(head)) {
                        Ok(state) => state,
                        Err(why) => State::Failed(why),
                    };
                }
                State::Failed(why) => return Err(why),
                State::Value(header) => {
                    let need = header.length as usize;
                    if self.partial.is_empty() && input.len() >= need {
                        let (value, rest) = input.split_at(need);
                        *input = rest;
                        self.state = State::Head;
                        return Ok(Some(Unit::Control { header, value }));
                    }
                    if !gather(&mut self.partial, input, need) {
                        return Ok(None);
                    }
                    self.spent = true;
                    self.state = State::Head;
                    return Ok(Some(Unit::Control { header, value: &self.partial }));
                }
                State::DataPrefix { bytes } => {
                    let Some(prefix) = gather_array::<DATA_PREFIX_BYTES>(&mut self.partial, input)
                    else {
                        return Ok(None);
                    };
                    let (transfer, offset) = read_data_prefix(prefix);
                    self.state = State::DataBody { transfer, offset, remaining: bytes };
                }
                State::DataBody { transfer, offset, remaining } => {
                    let take = input.len().min(remaining as usize);
                    if take == 0 {
                        return Ok(None);
                    }
                    let (bytes, rest) = input.split_at(take);
                    *input = rest;
                    let remaining = remaining - take as u32;
                    self.state = if remaining == 0 {
                        State::Head
                    } else {
                        // Saturating, for a peer may name any offset; the owner refuses it.
                        let offset = offset.saturating_add(take as u64);
                        State::DataBody { transfer, offset, remaining }
                    };
                    return Ok(Some(Unit::Chunk { transfer, offset, bytes }));
                }
            }
        }
    }

    /// Checks a header against the limits; returns what follows it.
    fn accept(&self, header: Header) -> Result<State, FrameError> {
        let is_data = self.joined && header.kind == DATA;
        let limit = match (self.joined, is_data) {
            (false, _) => FRAME_BYTES_MAX_BEFORE_JOIN,
            (true, false) => FRAME_BYTES_MAX,
            (true, true) if self.takes_large_data => {
                DATA_PREFIX_BYTES as u32 + LARGE_DATA_BYTES_MAX
            }
            (true, true) => DATA_PREFIX_BYTES as u32 + DATA_BYTES_MAX,
        };
        let Header { kind, length, .. } = header;
        if length > limit {
            return Err(FrameError::TooLong { kind, length, limit });
        }
        if !is_data {
            return Ok(State::Value(header));
        }
        match length.checked_sub(DATA_PREFIX_BYTES as u32) {
            None | Some(0) => Err(FrameError::EmptyData),
            Some(bytes) => Ok(State::DataPrefix { bytes }),
        }
    }
}

/// Moves bytes from `input` to `partial` until it holds `need`; true when it does.
fn gather(partial: &mut LazyBox<Vec<u8>>, input: &mut &[u8], need: usize) -> bool {
    debug_assert!(partial.len() <= need);
    let take = input.len().min(need - partial.len());
    if partial.is_empty() && take > 0 {
        partial.reserve_exact(need);
    }
    let (bytes, rest) = input.split_at(take);
    partial.extend_from_slice(bytes);
    *input = rest;
    partial.len() == need
}

/// The next `N` bytes, from `partial` and `input`; `None` when they have not all arrived.
fn gather_array<const N: usize>(
    partial: &mut LazyBox<Vec<u8>>,
    input: &mut &[u8],
) -> Option<[u8; N]> {
    if partial.is_empty()
        && let Some((bytes, rest)) = input.split_first_chunk::<N>()
    {
        *input = rest;
        return Some(*bytes);
    }
    if !gather(partial, input, N) {
        return None;
    }
    let bytes = partial.as_slice().try_into().ok();
    *partial = LazyBox::default();
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits;
    use crate::wire::header::data_head;

    fn control(kind: u8, value: &[u8]) -> Vec<u8> {
        let header = Header { kind, flags: 0, length: value.len() as u32 };
        [&header.to_bytes()[..], value].concat()
    }

    /// Type, offset (0 for control frames) and value of each frame.
    type Seen = Vec<(u8, u64, Vec<u8>)>;

    /// Everything the decoder says of the pieces, with the chunks of a data frame joined.
    fn decode(pieces: &[&[u8]]) -> (Seen, Option<FrameError>, bool) {
        let mut deframer = Deframer::joined();
        let mut seen = Seen::new();
        let mut body_end = None;
        for piece in pieces {
            let mut input = *piece;
            loop {
                match deframer.next(&mut input) {
                    Ok(Some(Unit::Control { header, value })) => {
                        seen.push((header.kind, 0, value.to_vec()));
                        body_end = None;
                    }
                    Ok(Some(Unit::Chunk { transfer, offset, bytes })) => {
                        assert!(!bytes.is_empty());
                        assert_eq!(transfer, TransferId(3));
                        match (body_end, seen.last_mut()) {
                            (Some(end), Some(last)) if end == offset => last.2.extend(bytes),
                            _ => seen.push((DATA, offset, bytes.to_vec())),
                        }
                        body_end = offset.checked_add(bytes.len() as u64);
                    }
                    Ok(None) => break,
                    Err(error) => return (seen, Some(error), false),
                }
            }
            assert!(input.is_empty());
        }
        (seen, None, deframer.is_between_frames())
    }

    fn sample() -> (Vec<u8>, Seen) {
        let bytes = [
            control(0x30, b""),
            control(0x03, b"hello fields"),
            data_head(TransferId(3), 1000, 5).to_vec(),
            b"01234".to_vec(),
            control(0x07, b""),
        ]
        .concat();
        let frames = vec![
            (0x30, 0, vec![]),
            (0x03, 0, b"hello fields".to_vec()),
            (DATA, 1000, b"01234".to_vec()),
            (0x07, 0, vec![]),
        ];
        (bytes, frames)
    }

    #[test]
    fn a_frame_in_part_takes_the_room_of_that_frame_and_no_more() {
        let frame = control(3, &[9; 1000]);
        let mut deframer = Deframer::joined();
        assert_eq!(deframer.partial_bytes(), 0);
        for piece in [&frame[..HEADER_BYTES], &frame[HEADER_BYTES..500], &frame[500..900]] {
            let mut input = piece;
            assert_eq!(deframer.next(&mut input), Ok(None));
        }
        assert!((1000..1100).contains(&deframer.partial_bytes()), "{}", deframer.partial_bytes());
    }

    #[test]
    fn longer_frames_are_taken_once_joined() {
        let frame = control(3, &[9; limits::FRAME_BYTES_MAX_BEFORE_JOIN as usize + 1]);
        let mut deframer = Deframer::before_join();
        let refused = deframer.next(&mut &frame[..]);
        assert!(matches!(refused, Err(FrameError::TooLong { limit: 512, .. })));
        let mut deframer = Deframer::before_join();
        deframer.set_joined();
        assert!(matches!(deframer.next(&mut &frame[..]), Ok(Some(Unit::Control { .. }))));
    }

    #[test]
    fn where_the_stream_is_cut_makes_no_difference() {
        let (bytes, frames) = sample();
        assert_eq!(decode(&[&bytes]), (frames.clone(), None, true));
        for cut in 0..=bytes.len() {
            let (a, b) = bytes.split_at(cut);
            assert_eq!(decode(&[a, b]), (frames.clone(), None, true), "cut at {cut}");
            for second in 0..=b.len() {
                let (b, c) = b.split_at(second);
                assert_eq!(decode(&[a, b, c]).0, frames, "cut at {cut} and {second}");
            }
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(decode(&single), (frames, None, true));
    }

    #[test]
    fn a_stream_that_ends_inside_a_frame_says_so() {
        let (bytes, _) = sample();
        let ends = [6, 24, 47, bytes.len()];
        for end in 1..bytes.len() {
            assert_eq!(decode(&[&bytes[..end]]).2, ends.contains(&end), "end at {end}");
        }
    }

    #[test]
    fn a_length_over_the_limit_is_refused_before_a_byte_is_kept() {
        let deframer = |takes_large_data| {
            let mut deframer = Deframer::joined();
            if takes_large_data {
                deframer.accept_large_data();
            }
            deframer
        };
        for (kind, takes_large_data, limit) in [
            (0x03, false, FRAME_BYTES_MAX),
            (0x03, true, FRAME_BYTES_MAX),
            (DATA, false, DATA_BYTES_MAX + 12),
            (DATA, true, LARGE_DATA_BYTES_MAX + 12),
        ] {
            let header = |length| Header { kind, flags: 0, length }.to_bytes();
            for length in [limit + 1, u32::MAX] {
                let mut deframer = deframer(takes_large_data);
                let error = deframer.next(&mut &header(length)[..]).err();
                assert_eq!(deframer.next(&mut &control(0x30, b"")[..]).err(), error);
                assert_eq!(error, Some(FrameError::TooLong { kind, length, limit }));
            }
            assert_eq!(deframer(takes_large_data).next(&mut &header(limit)[..]), Ok(None));
        }
        for length in 0..=12 {
            let header = Header { kind: DATA, flags: 0, length }.to_bytes();
            assert_eq!(decode(&[&header]).1, Some(FrameError::EmptyData), "{length}");
        }
    }

    #[test]
    fn before_the_join_frames_are_short_and_data_is_no_data() {
        let limit = limits::FRAME_BYTES_MAX_BEFORE_JOIN;
        let mut deframer = Deframer::before_join();
        let mut input = &Header { kind: 0x02, flags: 0, length: limit + 1 }.to_bytes()[..];
        let error = FrameError::TooLong { kind: 0x02, length: limit + 1, limit };
        assert_eq!(deframer.next(&mut input), Err(error));
        let mut deframer = Deframer::before_join();
        let bytes = control(DATA, b"0123456789abcdef");
        let unit = deframer.next(&mut &bytes[..]).unwrap();
        assert!(matches!(unit, Some(Unit::Control { header, .. }) if header.kind == DATA));
    }

    #[test]
    fn an_offset_at_the_end_of_numbers_does_not_overflow() {
        let head = data_head(TransferId(3), u64::MAX, 3);
        let (seen, error, _) = decode(&[&head, b"a", b"b", b"c"]);
        assert_eq!((seen.len(), error), (3, None));
    }
}
