//! Frames byte by byte, also those that no honest client can make.

use chatshelf_common::id::TransferId;
use chatshelf_common::text::Nick;
use chatshelf_common::wire::Frame;
use chatshelf_common::wire::field::Tag;
use chatshelf_common::wire::frame::{Hello, Join};
use chatshelf_common::wire::header::{Header, data_head};

/// A frame of any type with any value.
pub(crate) fn frame(kind: u8, value: &[u8]) -> Vec<u8> {
    flagged_frame(kind, 0, value)
}

pub(crate) fn flagged_frame(kind: u8, flags: u8, value: &[u8]) -> Vec<u8> {
    [&Header { kind, flags, length: value.len() as u32 }.to_bytes()[..], value].concat()
}

/// The header alone of a frame that announces so many bytes.
pub(crate) fn header(kind: u8, length: u32) -> Vec<u8> {
    Header { kind, flags: 0, length }.to_bytes().to_vec()
}

/// A field with any bytes as its value.
pub(crate) fn field(tag: Tag, value: &[u8]) -> Vec<u8> {
    [&[tag.0], &(value.len() as u16).to_be_bytes()[..], value].concat()
}

pub(crate) fn data(transfer: u32, offset: u64, bytes: &[u8]) -> Vec<u8> {
    [&data_head(TransferId(transfer), offset, bytes.len() as u32)[..], bytes].concat()
}

pub(crate) fn hello() -> Vec<u8> {
    hello_of(1, 1)
}

pub(crate) fn hello_of(version_min: u16, version_max: u16) -> Vec<u8> {
    Hello::new(version_min, version_max).to_bytes()
}

/// `Hello` and `Join` in one.
pub(crate) fn hello_and_join(nick: &str, history: Option<u32>) -> Vec<u8> {
    [hello(), Join::new(Nick::new(nick).expect("a nick"), history).to_bytes()].concat()
}
