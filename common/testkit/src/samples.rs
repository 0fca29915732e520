//! Samples of what travels: names, messages, items, content.

use chatshelf_common::id::MessageId;
use chatshelf_common::id::{Digest, ItemId, Seq, UnixMillis};
use chatshelf_common::text::{FileName, Message, Nick};
use chatshelf_common::wire::Event;
use chatshelf_common::wire::frame::{Item, Said};

/// A nick.
///
/// # Panics
/// When the text cannot be one.
#[track_caller]
pub fn nick(text: &str) -> Nick {
    Nick::new(text).expect("a nick")
}

/// A file name.
///
/// # Panics
/// When the text cannot be one.
#[track_caller]
pub fn file_name(text: &str) -> FileName {
    FileName::new(text).expect("a file name")
}

/// A message.
///
/// # Panics
/// When the text cannot be one.
#[track_caller]
pub fn message(text: &str) -> Message {
    Message::new(text).expect("a message")
}

/// Content that looks random and is the same for the same seed.
pub fn content(seed: u64, bytes: usize) -> Vec<u8> {
    let mut content = vec![0; bytes];
    blake3::Hasher::new().update(&seed.to_be_bytes()).finalize_xof().fill(&mut content);
    content
}

/// The digest of a whole content.
pub fn digest(content: &[u8]) -> Digest {
    blake3::hash(content).into()
}

/// Bytes of an event on the wire.
pub fn event_bytes(event: &Event) -> usize {
    let mut bytes = Vec::new();
    event.encode(&mut bytes);
    bytes.len()
}

/// An item that bob put on the shelf.
pub fn item(id: u64, name: &str, size: u64, digest: impl Into<Digest>) -> Item {
    Item::new(ItemId(id), file_name(name), size, digest.into(), nick("bob"), UnixMillis(0))
}

/// A line that bob said.
pub fn said(seq: Seq, text: &str) -> Said {
    let (nick, text) = (nick("bob"), message(text));
    Said { seq, at: UnixMillis(0), nick, id: MessageId(1), text, style: None }
}
