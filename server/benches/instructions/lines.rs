//! Who speaks and what they say.

use chatshelf_common::id::MessageId;
use chatshelf_common::text::{Message, Nick};
use chatshelf_common::wire::Frame;
use chatshelf_common::wire::frame::Say;
use chatshelf_testkit::samples;

/// What is said.
const TEXT: &str = "The quick brown fox jumps over the lazy dog, and over the next, \
    until the fox is out of dogs to jump";

/// Bytes of that.
const TEXT_BYTES: usize = 100;

/// So many lines, as a client sends them.
pub(super) fn said(lines: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    for id in 0..lines {
        Say::new(MessageId(id), text(), None).encode(&mut bytes);
    }
    bytes
}

/// The nick of a member.
pub(super) fn nick(member: usize) -> Nick {
    samples::nick(&format!("member{member}"))
}

/// One line.
pub(super) fn text() -> Message {
    assert_eq!(TEXT.len(), TEXT_BYTES);
    samples::message(TEXT)
}
