//! Every frame: what decodes is encoded as no more bytes than it came in, which decode to the same
//! frame.

use std::fmt::Debug;

use chatshelf_common::wire::header::HEADER_BYTES;
use chatshelf_common::wire::{ClientFrame, DecodeError, Event, Header, ServerFrame};

use super::script::Script;

/// A frame's type and its value.
pub(crate) fn run(bytes: &[u8]) {
    let mut script = Script::new(bytes);
    let (kind, value) = (script.byte(), script.rest());
    check(kind, value, ClientFrame::decode, ClientFrame::encode);
    check(kind, value, ServerFrame::decode, ServerFrame::encode);
    check(kind, value, Event::decode, Event::encode);
}

fn check<F: PartialEq + Debug>(
    kind: u8,
    value: &[u8],
    decode: impl Fn(u8, &[u8]) -> Result<F, DecodeError>,
    encode: impl Fn(&F, &mut Vec<u8>),
) {
    let frame = match decode(kind, value) {
        Ok(frame) => frame,
        Err(why) => {
            assert!(why == DecodeError::UnknownType(kind) || !why.to_string().is_empty());
            return;
        }
    };
    let mut bytes = Vec::new();
    encode(&frame, &mut bytes);
    let (head, again) = bytes.split_first_chunk::<HEADER_BYTES>().expect("a header");
    let header = Header::from_bytes(*head);
    assert_eq!((header.kind, header.length as usize), (kind, again.len()));
    assert!(again.len() <= value.len(), "{frame:?} has grown from {} bytes", value.len());
    assert_eq!(decode(kind, again).as_ref(), Ok(&frame));
}
