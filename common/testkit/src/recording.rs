//! Recorded sessions (`common/tests/frozen/`), and what it takes to play them again. Knows frames
//! only by docs/PROTOCOL.md, not by the code under test.
//!
//! A recording is lines of text, each a step on one of its connections:
//!
//! ```text
//! 2 + 41 ada                     connection 2 is made by ada's client, at 41 ms
//! 2 > 41 0300000000…             a frame to the server; 61*4096 stands for so many bytes 61
//! 2 < 43 c000000000…             a frame to the client
//! 2 x 90                         the network breaks the connection
//! ```

use std::fmt::{self, Write};
use std::fs;
use std::path::PathBuf;

/// Where the recordings of this version of the protocol are.
pub const FROZEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/frozen/1");
/// Fewer recordings would prove little.
const RECORDINGS_MIN: usize = 3;

/// Bytes of a frame's header, and of a field's.
const HEADER: usize = 6;
const FIELD_HEADER: usize = 3;
/// Bytes of a [`DATA`](kind::DATA) frame before its content.
pub const DATA_HEAD: usize = HEADER + 12;

/// So many equal bytes are written as a number of them.
const RUN_MIN: usize = 12;

/// Types of the frames that whoever plays a recording must know, as PROTOCOL.md calls them.
#[allow(missing_docs, reason = "the page describes them")]
pub mod kind {
    pub const HELLO: u8 = 0x01;
    pub const JOIN: u8 = 0x02;
    pub const DATA: u8 = 0x20;
    pub const PING: u8 = 0x30;
    pub const PONG: u8 = 0x31;
    pub const WELCOME: u8 = 0x82;
    pub const GOODBYE: u8 = 0x85;
}

/// Tags of the fields that whoever plays a recording must know, as PROTOCOL.md calls them.
#[allow(missing_docs, reason = "the page describes them")]
pub mod tag {
    pub const SOFTWARE: u8 = 6;
    pub const SEQ: u8 = 9;
    pub const AT: u8 = 10;
    pub const MESSAGE_ID: u8 = 11;
    pub const DETAIL: u8 = 24;
    pub const SHELF_ITEM: u8 = 31;
    pub const SHELF_TOPIC: u8 = 32;
    pub const SINCE: u8 = 37;
    pub const RESUME: u8 = 38;
    pub const UPLOAD_KEY: u8 = 40;
}

/// Fields whose values differ from one run to the next, or are for people. A reader takes any value
/// of them.
const FREE_TAGS: [u8; 4] = [tag::AT, tag::SOFTWARE, tag::DETAIL, tag::RESUME];
/// Fields that hold fields themselves.
const NESTED_TAGS: [u8; 2] = [tag::SHELF_ITEM, tag::SHELF_TOPIC];

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From a client.
    ToServer,
    /// From the server.
    ToClient,
}

/// One step of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Of which connection: 1 is the first.
    pub connection: usize,
    /// Milliseconds since the session began.
    pub at_ms: u64,
    /// What happens.
    pub what: What,
}

/// What happens on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The client of this name connects.
    Connected(String),
    /// A frame is sent; the last one before a break may be cut short.
    Sent(Way, Vec<u8>),
    /// The network breaks the connection.
    Broken,
}

impl Step {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.splitn(4, ' ');
        let connection = words.next()?.parse().ok()?;
        let mark = words.next()?;
        let at_ms = words.next()?.parse().ok()?;
        let rest = words.next();
        let what = match mark {
            "+" => What::Connected(rest?.to_owned()),
            ">" => What::Sent(Way::ToServer, bytes(rest?)?),
            "<" => What::Sent(Way::ToClient, bytes(rest?)?),
            "x" => What::Broken,
            _ => return None,
        };
        Some(Self { connection, at_ms, what })
    }
}

/// Every recording of this version of the protocol: its path and its steps.
///
/// # Panics
/// When there are too few, or one cannot be read.
pub fn all() -> Vec<(PathBuf, Vec<Step>)> {
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("a readable folder").path();
        let text = fs::read_to_string(&path).expect("a recording");
        (path, parse(&text))
    };
    let all: Vec<_> = fs::read_dir(FROZEN).expect("a folder").map(read).collect();
    assert!(all.len() >= RECORDINGS_MIN, "{} recordings", all.len());
    all
}

/// Reads a recording; lines that begin with `#` are remarks.
///
/// # Panics
/// When a line is none of a recording.
pub fn parse(text: &str) -> Vec<Step> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| Step::parse(line).unwrap_or_else(|| panic!("no step: {line}"))).collect()
}

/// Writes a recording, as [`parse`] reads it.
pub fn text(steps: &[Step]) -> String {
    steps.iter().map(|step| format!("{step}\n")).collect()
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connection, at_ms, what } = self;
        match what {
            What::Connected(name) => write!(f, "{connection} + {at_ms} {name}"),
            What::Sent(Way::ToServer, bytes) => write!(f, "{connection} > {at_ms} {}", hex(bytes)),
            What::Sent(Way::ToClient, bytes) => write!(f, "{connection} < {at_ms} {}", hex(bytes)),
            What::Broken => write!(f, "{connection} x {at_ms}"),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let (mut out, mut at) = (String::new(), 0);
    while let Some(byte) = bytes.get(at) {
        let run = bytes[at..].iter().take_while(|other| *other == byte).count();
        if run >= RUN_MIN {
            let _ = write!(out, " {byte:02x}*{run} ");
            at += run;
        } else {
            let _ = write!(out, "{byte:02x}");
            at += 1;
        }
    }
    out.trim().to_owned()
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for word in text.split_whitespace() {
        if let Some((byte, run)) = word.split_once('*') {
            let byte = u8::from_str_radix(byte, 16).ok()?;
            bytes.extend(std::iter::repeat_n(byte, run.parse().ok()?));
        } else {
            for at in (0..word.len()).step_by(2) {
                bytes.push(u8::from_str_radix(word.get(at..at + 2)?, 16).ok()?);
            }
        }
    }
    Some(bytes)
}

/// Bytes of the frame at the front, once its header has come.
fn frame_bytes(stream: &[u8]) -> Option<usize> {
    let length = stream.get(2..HEADER)?.try_into().ok()?;
    Some(HEADER + u32::from_be_bytes(length) as usize)
}

/// Takes the first whole frame off the front.
pub fn take_frame(stream: &mut Vec<u8>) -> Option<Vec<u8>> {
    let bytes = frame_bytes(stream)?;
    (stream.len() >= bytes).then(|| stream.drain(..bytes).collect())
}

/// The fields of a list: tag and value of each.
pub fn fields(mut list: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut fields = Vec::new();
    while let Some((&[tag, high, low], rest)) = list.split_first_chunk::<FIELD_HEADER>() {
        let (value, rest) = rest.split_at(usize::from(high) << 8 | usize::from(low));
        fields.push((tag, value.to_vec()));
        list = rest;
    }
    fields
}

/// The value of the first field of a frame with this tag.
pub fn field(frame: &[u8], tag: u8) -> Option<Vec<u8>> {
    let mut fields = fields(&frame[HEADER..]).into_iter();
    fields.find(|(found, _)| *found == tag).map(|(_, value)| value)
}

/// A frame like this one, with another value in each field of this tag.
pub fn with_field(frame: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
    let other =
        |(found, old): (u8, Vec<u8>)| (found, if found == tag { value.to_vec() } else { old });
    with_fields(frame, fields(&frame[HEADER..]).into_iter().map(other))
}

fn with_fields(frame: &[u8], fields: impl Iterator<Item = (u8, Vec<u8>)>) -> Vec<u8> {
    let list = list(fields);
    let length = (list.len() as u32).to_be_bytes();
    [&frame[..2], &length, &list].concat()
}

fn list(fields: impl Iterator<Item = (u8, Vec<u8>)>) -> Vec<u8> {
    let head = |tag: u8, value: &[u8]| [tag, (value.len() >> 8) as u8, value.len() as u8];
    fields.flat_map(|(tag, value)| [&head(tag, &value)[..], &value].concat()).collect()
}

/// What a later version of the protocol may add without a new number: unknown fields in this frame,
/// also in those of its fields that hold fields, and an unknown frame behind it. Data and a frame
/// that was cut short stay as they are.
pub fn as_of_a_later_version(frame: &[u8]) -> Vec<u8> {
    if frame[0] == kind::DATA || frame_bytes(frame) != Some(frame.len()) {
        return frame.to_vec();
    }
    let mut later = with_fields(frame, with_unknown(&frame[HEADER..]).into_iter());
    later.extend([0x6f, 1, 0, 0, 0, 4, 199, 0, 1, 7]);
    later
}

fn with_unknown(list_bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let nested = |(tag, value): (u8, Vec<u8>)| match NESTED_TAGS.contains(&tag) {
        true => (tag, list(with_unknown(&value).into_iter())),
        false => (tag, value),
    };
    let mut fields: Vec<_> = fields(list_bytes).into_iter().map(nested).collect();
    fields.insert(0, (199, vec![1, 2, 3]));
    fields.push((198, vec![]));
    fields
}

/// Checks that a frame says all that a recorded one does, `except` in the fields of these tags. It
/// may say more: an old reader skips that.
///
/// # Panics
/// When it does not.
pub fn assert_says(frame: &[u8], recorded: &[u8], except: &[u8]) {
    assert_eq!(frame[0], recorded[0], "another frame: {frame:02x?} for {recorded:02x?}");
    assert_fields(&frame[HEADER..], &recorded[HEADER..], except, recorded[0]);
}

fn assert_fields(list: &[u8], recorded: &[u8], except: &[u8], kind: u8) {
    let (ours, theirs) = (fields(list), fields(recorded));
    let of = |all: &[(u8, Vec<u8>)], tag| -> Vec<Vec<u8>> {
        all.iter().filter(|(found, _)| *found == tag).map(|(_, value)| value.clone()).collect()
    };
    for (tag, _) in &theirs {
        let (our, their) = (of(&ours, *tag), of(&theirs, *tag));
        assert_eq!(our.len(), their.len(), "tag {tag} of frame {kind:#x}");
        for (our, their) in our.iter().zip(&their) {
            if NESTED_TAGS.contains(tag) {
                assert_fields(our, their, except, kind);
            } else if FREE_TAGS.contains(tag) || except.contains(tag) {
                assert!(
                    our.len() == their.len() || matches!(*tag, tag::SOFTWARE | tag::DETAIL),
                    "tag {tag}"
                );
            } else {
                assert_eq!(our, their, "tag {tag} of frame {kind:#x}");
            }
        }
    }
}

/// True for the frames of the room log.
pub fn is_event(kind: u8) -> bool {
    (0xc0..=0xcf).contains(&kind)
}
