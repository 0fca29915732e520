//! docs/PROTOCOL.md is the contract: its examples and its whole session are encoded and decoded
//! here, remarks included, and its tables must name every type, field, code and limit of the code,
//! with the same numbers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod annotate;
mod samples;
mod tables;

use std::collections::BTreeMap;

use chatshelf_common::id::TransferId;
use chatshelf_common::wire::header::{DATA, HEADER_BYTES, data_head};
use chatshelf_common::wire::{ClientFrame, Deframer, Event, ServerFrame, Unit};
use chatshelf_testkit::protocol_page::{blocks, bytes_of, hex};

use annotate::annotated;
use samples::samples;

/// The bytes of each example, by its name.
fn examples() -> BTreeMap<&'static str, Vec<u8>> {
    let mut found = BTreeMap::new();
    for (name, text) in blocks("hex") {
        assert!(found.insert(name, bytes_of(&text)).is_none(), "two examples named {name}");
    }
    found
}

#[test]
fn every_example_is_what_the_code_encodes_and_decodes() {
    let mut examples = examples();
    for (name, sample) in samples() {
        let documented = examples.get(name).unwrap_or_else(|| {
            panic!("no example {name}; the code encodes {}", hex(&sample.encode()))
        });
        assert_eq!(hex(documented), hex(&sample.encode()), "{name}");
        let mut deframer = Deframer::joined();
        let mut input = &documented[..];
        let Ok(Some(Unit::Control { header, value })) = deframer.next(&mut input) else {
            panic!("{name} is no control frame");
        };
        sample.assert_decoded(header, value);
        assert!(input.is_empty(), "{name} has bytes after the frame");
    }
    for (name, _) in samples() {
        examples.remove(name);
    }
    examples.remove("Data");
    assert!(examples.is_empty(), "examples that no test checks: {:?}", examples.keys());
}

#[test]
fn the_data_frame_example_holds() {
    let documented = &examples()["Data"];
    let content = b"hello shelf\n";
    let built = [&data_head(TransferId(1), 0, content.len() as u32)[..], content].concat();
    assert_eq!(hex(documented), hex(&built));
    let mut deframer = Deframer::joined();
    let unit = deframer.next(&mut &documented[..]).unwrap();
    assert_eq!(unit, Some(Unit::Chunk { transfer: TransferId(1), offset: 0, bytes: &content[..] }));
    assert_eq!(documented[0], DATA);
    assert!(documented.len() > HEADER_BYTES);
}

#[test]
fn remarks_explain_what_the_bytes_say() {
    for (name, text) in blocks("hex").into_iter().chain(blocks("session")) {
        let expected = annotated(&bytes_of(&text));
        assert_eq!(text, expected, "{name} should be\n{expected}");
    }
}

/// The server's own tests run the session against the server.
#[test]
fn every_frame_of_the_session_is_what_the_code_encodes() {
    let session = blocks("session");
    assert!(session.len() > 8, "a session of {} writes", session.len());
    for (side, text) in session {
        let (bytes, mut again) = (bytes_of(&text), Vec::new());
        let (mut deframer, mut input) = (Deframer::joined(), &bytes[..]);
        while let Some(unit) = deframer.next(&mut input).unwrap() {
            match unit {
                Unit::Control { header, value } if side == "client" => {
                    ClientFrame::decode(header.kind, value).unwrap().encode(&mut again);
                }
                Unit::Control { header, value } => match Event::decode(header.kind, value) {
                    Ok(event) => event.encode(&mut again),
                    Err(_) => ServerFrame::decode(header.kind, value).unwrap().encode(&mut again),
                },
                Unit::Chunk { transfer, offset, bytes } => {
                    again.extend(data_head(transfer, offset, bytes.len() as u32));
                    again.extend(bytes);
                }
            }
        }
        assert_eq!(hex(&again), hex(&bytes));
    }
}
