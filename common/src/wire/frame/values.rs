//! Values that fields hold and only frames need: items, topics, styles, parts.

use crate::id::{Attributes, Digest, ItemId, LinkToken, Mode, UnixMillis};
use crate::text::{FileName, Nick, Topic};
use crate::wire::field::{DecodeError, FieldValue, Tag};

nested! {
    /// One file on the shelf.
    Item {
        /// Its number.
        req ITEM id: ItemId,
        /// Its name.
        req NAME name: FileName,
        /// Its size in bytes.
        req SIZE size: u64,
        /// BLAKE3 of its content.
        req DIGEST digest: Digest,
        /// Who put it there.
        req NICK nick: Nick,
        /// When the server had all of it.
        req AT at: UnixMillis,
        /// Its permission bits on the sender's machine.
        opt MODE mode: Mode,
        /// When it was last changed, by the sender's clock.
        opt MODIFIED modified: UnixMillis,
        /// Opens it over HTTP without the room's password.
        opt LINK_TOKEN link: LinkToken,
    }
    /// The topic, with who set it and when.
    TopicState {
        /// The topic.
        req TOPIC topic: Topic,
        /// Who set it.
        req NICK nick: Nick,
        /// When.
        req AT at: UnixMillis,
    }
}

impl Item {
    /// An item whose attributes are unknown.
    #[must_use]
    pub fn new(
        id: ItemId,
        name: FileName,
        size: u64,
        digest: Digest,
        nick: Nick,
        at: UnixMillis,
    ) -> Self {
        Self { id, name, size, digest, nick, at, mode: None, modified: None, link: None }
    }

    /// The same item, with these attributes.
    #[must_use]
    pub fn with(self, Attributes { mode, modified }: Attributes) -> Self {
        Self { mode, modified, ..self }
    }

    /// Its attributes on the sender's machine.
    #[must_use]
    pub fn attributes(&self) -> Attributes {
        Attributes { mode: self.mode, modified: self.modified }
    }
}

/// How a message is meant. Unknown styles are shown as speech.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style(pub u8);

impl Style {
    /// Said.
    pub const SPEECH: Self = Self(0);
    /// Done: `/me waves`.
    pub const ACTION: Self = Self(1);
}

impl FieldValue for Style {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(self.0);
    }

    fn take(tag: Tag, bytes: &[u8]) -> Result<Self, DecodeError> {
        u8::take(tag, bytes).map(Style)
    }
}

/// A field without a value: it says what it says by being there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marker;

impl FieldValue for Marker {
    fn put(&self, _out: &mut Vec<u8>) {}

    fn take(tag: Tag, bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.is_empty() { Ok(Self) } else { Err(DecodeError::Length(tag)) }
    }
}

/// Which part of a snapshot a frame is; a snapshot of one part is first and last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// It replaces the state the client had.
    pub first: bool,
    /// The snapshot is whole after this part.
    pub last: bool,
}

impl FieldValue for Part {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.first) | u8::from(self.last) << 1);
    }

    fn take(tag: Tag, bytes: &[u8]) -> Result<Self, DecodeError> {
        match u8::take(tag, bytes)? {
            bits @ 0..=3 => Ok(Self { first: bits & 1 != 0, last: bits & 2 != 0 }),
            _ => Err(DecodeError::Value(tag)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_two_bits() {
        for bits in 0..4 {
            let part = Part::take(Tag::PART, &[bits]).unwrap();
            assert_eq!((part.first, part.last), (bits % 2 == 1, bits > 1));
            let mut out = Vec::new();
            part.put(&mut out);
            assert_eq!(out, [bits]);
        }
        assert_eq!(Part::take(Tag::PART, &[4]), Err(DecodeError::Value(Tag::PART)));
    }
}
