//! Frames byte by byte, also those that no honest client can make.

use chatshelf_common::id::TransferId;
use chatshelf_common::limits::{DATA_BYTES_MAX, VERSION_MAX, VERSION_MIN};
use chatshelf_common::wire::Frame;
use chatshelf_common::wire::field::Tag;
use chatshelf_common::wire::frame::{Hello, Join};
use chatshelf_common::wire::header::{Header, data_head};

use crate::samples::nick;

/// A frame of any type with any value.
pub fn frame(kind: u8, value: &[u8]) -> Vec<u8> {
    flagged_frame(kind, 0, value)
}

/// The same with any flags.
pub fn flagged_frame(kind: u8, flags: u8, value: &[u8]) -> Vec<u8> {
    [&Header { kind, flags, length: value.len() as u32 }.to_bytes()[..], value].concat()
}

/// The header alone of a frame that announces so many bytes.
pub fn header(kind: u8, length: u32) -> Vec<u8> {
    Header { kind, flags: 0, length }.to_bytes().to_vec()
}

/// A field with any bytes as its value.
pub fn field(tag: Tag, value: &[u8]) -> Vec<u8> {
    [&[tag.0], &(value.len() as u16).to_be_bytes()[..], value].concat()
}

/// One data frame.
pub fn data(transfer: u32, offset: u64, bytes: &[u8]) -> Vec<u8> {
    [&data_head(TransferId(transfer), offset, bytes.len() as u32)[..], bytes].concat()
}

/// File bytes from `offset` on, as data frames of the largest size.
pub fn data_frames(
    transfer: TransferId,
    offset: u64,
    bytes: &[u8],
) -> impl Iterator<Item = Vec<u8>> {
    let frame_bytes = DATA_BYTES_MAX as usize;
    let pieces = bytes.chunks(frame_bytes).enumerate();
    pieces.map(move |(n, piece)| data(transfer.0, offset + (n * frame_bytes) as u64, piece))
}

/// A good `Hello`.
pub fn hello() -> Vec<u8> {
    hello_of(VERSION_MIN, VERSION_MAX)
}

/// A `Hello` of these versions.
pub fn hello_of(version_min: u16, version_max: u16) -> Vec<u8> {
    Hello::new(version_min, version_max).to_bytes()
}

/// `Hello` and `Join` in one.
pub fn hello_and_join(name: &str, history: Option<u32>) -> Vec<u8> {
    [hello(), Join::new(nick(name), history).to_bytes()].concat()
}
