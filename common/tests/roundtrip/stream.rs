//! Streams of frames: cut anywhere the deframer sees the same, and it never holds more than
//! one frame.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use chatshelf_common::id::TransferId;
use chatshelf_common::limits::{DATA_BYTES_MAX, FRAME_BYTES_MAX, FRAME_BYTES_MAX_BEFORE_JOIN};
use chatshelf_common::wire::header::{DATA, DATA_PREFIX_BYTES, HEADER_BYTES, data_head};
use chatshelf_common::wire::{Deframer, FrameError, Header, Unit};

use crate::samples::{Sample, sample};

/// A control frame, or the file bytes of data frames that continue one another.
#[derive(Clone, Debug, PartialEq)]
enum Seen {
    Control(Header, Vec<u8>),
    Data(TransferId, u64, Vec<u8>),
}

/// What a reader made of a stream.
#[derive(Debug, Default, PartialEq)]
struct Reading {
    seen: Vec<Seen>,
    error: Option<FrameError>,
    /// The stream ended where a frame ends.
    whole: bool,
}

impl Reading {
    fn push_data(&mut self, transfer: TransferId, offset: u64, bytes: &[u8]) {
        match self.seen.last_mut() {
            Some(Seen::Data(same, start, held))
                if *same == transfer && *start + held.len() as u64 == offset =>
            {
                held.extend_from_slice(bytes);
            }
            _ => self.seen.push(Seen::Data(transfer, offset, bytes.to_vec())),
        }
    }

    /// Reads a stream that is there from end to end, by the document and not by the code under
    /// test.
    fn of_whole(mut stream: &[u8], joined: bool) -> Self {
        let mut reading = Self::default();
        while let Some((&[kind, flags, a, b, c, d], rest)) = stream.split_first_chunk() {
            let length = u32::from_be_bytes([a, b, c, d]);
            let is_data = joined && kind == DATA;
            let limit = match (joined, is_data) {
                (false, _) => FRAME_BYTES_MAX_BEFORE_JOIN,
                (true, false) => FRAME_BYTES_MAX,
                (true, true) => DATA_BYTES_MAX + 12,
            };
            if length > limit {
                reading.error = Some(FrameError::TooLong { kind, length, limit });
                return reading;
            }
            if is_data && length <= 12 {
                reading.error = Some(FrameError::EmptyData);
                return reading;
            }
            let (value, rest) = rest.split_at(rest.len().min(length as usize));
            if is_data && value.len() > 12 {
                let transfer = u32::from_be_bytes(value[..4].try_into().unwrap());
                let offset = u64::from_be_bytes(value[4..12].try_into().unwrap());
                reading.push_data(TransferId(transfer), offset, &value[12..]);
            }
            if value.len() < length as usize {
                return reading;
            }
            if !is_data {
                reading.seen.push(Seen::Control(Header { kind, flags, length }, value.to_vec()));
            }
            stream = rest;
        }
        reading.whole = stream.is_empty();
        reading
    }

    /// Feeds a stream to the deframer in pieces of these sizes, over and over, and checks what
    /// it keeps to itself on the way.
    fn of_pieces(mut stream: &[u8], joined: bool, sizes: &[usize]) -> Self {
        let mut deframer = if joined { Deframer::joined() } else { Deframer::before_join() };
        let limit = if joined { FRAME_BYTES_MAX } else { FRAME_BYTES_MAX_BEFORE_JOIN };
        let mut reading = Self::default();
        // Bytes taken since the last unit.
        let mut held = 0;
        for size in sizes.iter().cycle() {
            let (mut input, rest) = stream.split_at(stream.len().min(*size));
            loop {
                let before = input.len();
                let next = deframer.next(&mut input);
                held += before - input.len();
                match next {
                    Ok(Some(Unit::Control { header, value })) => {
                        assert_eq!(held, HEADER_BYTES + value.len());
                        assert_eq!(value.len(), header.length as usize);
                        reading.seen.push(Seen::Control(header, value.to_vec()));
                        assert!(deframer.is_between_frames());
                    }
                    Ok(Some(Unit::Chunk { transfer, offset, bytes })) => {
                        let head = held - bytes.len();
                        assert!(!bytes.is_empty() && head <= HEADER_BYTES + DATA_PREFIX_BYTES);
                        reading.push_data(transfer, offset, bytes);
                    }
                    Ok(None) => {
                        assert!(input.is_empty(), "it waits for more and left some");
                        assert!(held < HEADER_BYTES + limit as usize, "it holds {held} bytes");
                        break;
                    }
                    Err(error) => {
                        assert_eq!(held, HEADER_BYTES, "a refused frame is not read");
                        return Self { error: Some(error), ..reading };
                    }
                }
                held = 0;
            }
            stream = rest;
            if stream.is_empty() {
                break;
            }
        }
        Self { whole: deframer.is_between_frames(), ..reading }
    }
}

/// Sizes of the pieces a stream arrives in.
fn sizes() -> impl Strategy<Value = Vec<usize>> {
    vec(prop_oneof![1..4usize, 1..200usize, 1..70_000usize], 1..20)
}

fn data() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop_oneof![1..100u32, DATA_BYTES_MAX..=DATA_BYTES_MAX];
    (0..3u32, prop_oneof![0..200u64, 0..1u64 << 63], bytes).prop_map(|(transfer, offset, bytes)| {
        let head = data_head(TransferId(transfer), offset, bytes);
        head.into_iter().chain((0..bytes).map(|at| at as u8)).collect()
    })
}

/// A header that may break a limit, and the value it announces, or less.
fn odd_frame() -> impl Strategy<Value = Vec<u8>> {
    let limits = [12, FRAME_BYTES_MAX_BEFORE_JOIN, FRAME_BYTES_MAX, DATA_BYTES_MAX + 12];
    let near = (select(limits.to_vec()), 0..3u32).prop_map(|(limit, more)| limit - 1 + more);
    let length = prop_oneof![4 => 0..40u32, 4 => near, 1 => any::<u32>()];
    let kind = prop_oneof![any::<u8>(), Just(DATA)];
    (kind, any::<u8>(), length, prop::bool::weighted(0.8)).prop_map(
        |(kind, flags, length, full)| {
            let header = Header { kind, flags, length }.to_bytes();
            let bytes = if full { length.min(70_000) } else { length.min(20) };
            // Below 128, so that no offset is near the end of numbers.
            [&header[..], &vec![kind & 0x7f; bytes as usize]].concat()
        },
    )
}

fn odd_stream() -> impl Strategy<Value = Vec<u8>> {
    let frame = sample().prop_map(|sample| sample.to_bytes());
    let noise = vec(0..128u8, 0..30);
    vec(prop_oneof![4 => frame, 4 => data(), 4 => odd_frame(), 1 => noise], 0..8)
        .prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn every_frame_comes_out_of_any_pieces(
        samples in vec(sample(), 1..8),
        sizes in sizes(),
    ) {
        let stream: Vec<u8> = samples.iter().flat_map(Sample::to_bytes).collect();
        let reading = Reading::of_pieces(&stream, true, &sizes);
        prop_assert_eq!((reading.error, reading.whole), (None, true));
        prop_assert_eq!(reading.seen.len(), samples.len());
        for (sample, seen) in samples.iter().zip(&reading.seen) {
            let Seen::Control(header, value) = seen else { panic!("no frame of fields") };
            prop_assert_eq!(header.kind, sample.kind());
            prop_assert_eq!(sample.decode(value), Ok(sample.clone()));
        }
    }

    #[test]
    fn any_stream_is_read_alike_in_any_pieces(
        stream in odd_stream(),
        sizes in sizes(),
        joined in any::<bool>(),
    ) {
        let whole = Reading::of_whole(&stream, joined);
        prop_assert_eq!(&whole, &Reading::of_pieces(&stream, joined, &[usize::MAX]));
        prop_assert_eq!(&whole, &Reading::of_pieces(&stream, joined, &sizes));
    }
}
