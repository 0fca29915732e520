//! The frame decoder. However a stream is cut, it makes of it what a decoder of a few lines makes
//! of the whole stream, holds no more than one frame, and repeats the error with which it ends.

use chatshelf_common::id::TransferId;
use chatshelf_common::limits::{
    DATA_BYTES_MAX, FRAME_BYTES_MAX, FRAME_BYTES_MAX_BEFORE_JOIN, LARGE_DATA_BYTES_MAX,
};
use chatshelf_common::wire::header::{DATA, DATA_PREFIX_BYTES, HEADER_BYTES};
use chatshelf_common::wire::{Deframer, FrameError, Unit};

use super::script::Script;

/// What the two sides have said before the stream, and so its limits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    BeforeJoin,
    Joined,
    TakesLargeData,
}

impl Stage {
    fn deframer(self) -> Deframer {
        if self == Self::BeforeJoin {
            return Deframer::before_join();
        }
        let mut deframer = Deframer::joined();
        if self == Self::TakesLargeData {
            deframer.accept_large_data();
        }
        deframer
    }
}

/// A frame, or the part of a data frame that has come.
#[derive(Debug, PartialEq, Eq)]
enum Whole {
    Control { kind: u8, flags: u8, value: Vec<u8> },
    Data { transfer: TransferId, offset: u64, bytes: Vec<u8> },
}

/// A byte for the limits that hold, a byte for how the stream is cut, the stream.
pub(crate) fn run(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let stage = match script.byte() % 4 {
        1 => Stage::Joined,
        3 => Stage::TakesLargeData,
        _ => Stage::BeforeJoin,
    };
    let piece_bytes = usize::from(script.byte().max(1));
    let stream = script.rest();
    let expected = simply_decoded(stream, stage);
    assert_eq!(decoded(stream, stream.len().max(1), stage), expected);
    assert_eq!(decoded(stream, piece_bytes, stage), expected);
}

/// What the decoder makes of a stream that comes in pieces.
fn decoded(stream: &[u8], piece_bytes: usize, stage: Stage) -> (Vec<Whole>, Option<FrameError>) {
    let mut deframer = stage.deframer();
    let mut found = Vec::new();
    let mut is_within_data = false;
    for mut input in stream.chunks(piece_bytes) {
        loop {
            match deframer.next(&mut input) {
                Ok(Some(Unit::Control { header, value })) => {
                    assert_eq!(header.length as usize, value.len());
                    let (kind, flags, value) = (header.kind, header.flags, value.to_vec());
                    found.push(Whole::Control { kind, flags, value });
                }
                Ok(Some(Unit::Chunk { transfer, offset, bytes })) => {
                    add_chunk(&mut found, is_within_data, transfer, offset, bytes);
                    is_within_data = !deframer.is_between_frames();
                }
                Ok(None) => break,
                Err(why) => {
                    assert_eq!(deframer.next(&mut &b"more"[..]), Err(why), "an error stays");
                    return (found, Some(why));
                }
            }
        }
        assert!(input.is_empty(), "it takes all there is");
        assert!(deframer.partial_bytes() <= FRAME_BYTES_MAX as usize);
    }
    (found, None)
}

fn add_chunk(
    found: &mut Vec<Whole>,
    continues: bool,
    transfer: TransferId,
    offset: u64,
    chunk: &[u8],
) {
    assert!(!chunk.is_empty(), "a chunk is never empty");
    match found.last_mut() {
        Some(Whole::Data { transfer: of, offset: from, bytes }) if continues => {
            assert_eq!((transfer, offset), (*of, from.saturating_add(bytes.len() as u64)));
            bytes.extend(chunk);
        }
        _ => found.push(Whole::Data { transfer, offset, bytes: chunk.to_vec() }),
    }
}

/// The same by the words of PROTOCOL.md, of a stream that is there as a whole.
fn simply_decoded(mut rest: &[u8], stage: Stage) -> (Vec<Whole>, Option<FrameError>) {
    let mut found = Vec::new();
    while let Some((head, after)) = rest.split_first_chunk::<HEADER_BYTES>() {
        let [kind, flags, length @ ..] = *head;
        let length = u32::from_be_bytes(length);
        let is_data = stage != Stage::BeforeJoin && kind == DATA;
        let limit = match (stage, is_data) {
            (Stage::BeforeJoin, _) => FRAME_BYTES_MAX_BEFORE_JOIN,
            (_, false) => FRAME_BYTES_MAX,
            (Stage::Joined, true) => DATA_PREFIX_BYTES as u32 + DATA_BYTES_MAX,
            (Stage::TakesLargeData, true) => DATA_PREFIX_BYTES as u32 + LARGE_DATA_BYTES_MAX,
        };
        if length > limit {
            return (found, Some(FrameError::TooLong { kind, length, limit }));
        }
        if is_data && length as usize <= DATA_PREFIX_BYTES {
            return (found, Some(FrameError::EmptyData));
        }
        let has_come = after.len().min(length as usize);
        let (value, next) = after.split_at(has_come);
        match value.split_first_chunk::<DATA_PREFIX_BYTES>() {
            Some((prefix, bytes)) if is_data && !bytes.is_empty() => {
                let [a, b, c, d, offset @ ..] = *prefix;
                let transfer = TransferId(u32::from_be_bytes([a, b, c, d]));
                let offset = u64::from_be_bytes(offset);
                found.push(Whole::Data { transfer, offset, bytes: bytes.to_vec() });
            }
            _ if !is_data && has_come == length as usize => {
                found.push(Whole::Control { kind, flags, value: value.to_vec() });
            }
            _ => {}
        }
        rest = next;
    }
    (found, None)
}
