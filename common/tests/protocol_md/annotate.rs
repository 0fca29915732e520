//! Frames as docs/PROTOCOL.md shows them: hexadecimal bytes, with a remark that explains each line.

use std::net::Ipv6Addr;

use chatshelf_common::wire::field::{FIELD_HEAD_BYTES, FieldValue, TAGS, Tag};
use chatshelf_common::wire::frame::{
    ACTIONS, Allowance, ClientFrame, Deadline, Event, FIGURES, ServerFrame,
};
use chatshelf_common::wire::header::{DATA, DATA_HEAD_BYTES, HEADER_BYTES};
use chatshelf_common::wire::{Header, code::CODES};
use chatshelf_testkit::protocol_page::hex;

/// Values of this length or more are shown on lines of their own, with this many bytes each.
const LINE_BYTES: usize = 16;

/// Texts whose digests the page shows.
const DIGESTED: [&str; 2] = ["hello", "hello shelf\n"];

/// What a line shows, and the remark behind it.
struct Line {
    shown: String,
    remark: String,
}

/// All of these frames, each with its remarks in one column, and an empty line between two.
pub(crate) fn annotated(mut bytes: &[u8]) -> String {
    let mut frames = Vec::new();
    while let Some(head) = bytes.first_chunk::<HEADER_BYTES>() {
        let header = Header::from_bytes(*head);
        let (frame, rest) = bytes.split_at(HEADER_BYTES + header.length as usize);
        frames.push(aligned(&lines(header, frame)));
        bytes = rest;
    }
    assert!(bytes.is_empty(), "bytes after the last frame");
    frames.join("\n")
}

fn aligned(lines: &[Line]) -> String {
    let with_remark = lines.iter().filter(|line| !line.remark.is_empty());
    let width = with_remark.map(|line| line.shown.len()).max().unwrap_or_default();
    let aligned = |Line { shown, remark }: &Line| match &**remark {
        "" => format!("{shown}\n"),
        remark => format!("{shown:width$}  # {remark}\n"),
    };
    lines.iter().map(aligned).collect()
}

fn lines(header: Header, frame: &[u8]) -> Vec<Line> {
    let kinds = [ClientFrame::KINDS, ServerFrame::KINDS, Event::KINDS, &[(DATA, "Data")]].concat();
    let (_, name) = kinds.iter().find(|(kind, _)| *kind == header.kind).expect("a known type");
    let name = name.trim_start_matches("Server");
    let mut lines = vec![Line {
        shown: hex(&frame[..HEADER_BYTES]),
        remark: format!("{name}: type, flags, length {}", header.length),
    }];
    if header.kind == DATA {
        let (head, content) = frame.split_at(DATA_HEAD_BYTES);
        let (transfer, offset) = head[HEADER_BYTES..].split_at(4);
        for (bytes, what) in [(transfer, "transfer"), (offset, "offset")] {
            lines.push(Line { shown: hex(bytes), remark: format!("{what} {}", integer(bytes)) });
        }
        lines.push(Line { shown: hex(content), remark: quoted(content) });
    } else {
        add_fields(&frame[HEADER_BYTES..], "", &mut lines);
    }
    lines
}

fn add_fields(mut value: &[u8], indent: &str, lines: &mut Vec<Line>) {
    while let Some(&[tag, high, low]) = value.first_chunk::<FIELD_HEAD_BYTES>() {
        let end = FIELD_HEAD_BYTES + usize::from(u16::from_be_bytes([high, low]));
        let (field, rest) = value.split_at(end);
        let (head, content) = field.split_at(FIELD_HEAD_BYTES);
        let name = TAGS.iter().find(|(known, _)| known.0 == tag).expect("a known tag").1;
        let mut add = |bytes: &[u8], remark| {
            lines.push(Line { shown: format!("{indent}{}", hex(bytes)), remark });
        };
        if matches!(Tag(tag), Tag::SHELF_ITEM | Tag::SHELF_TOPIC | Tag::BAN_ENTRY) {
            add(head, format!("{name}:"));
            add_fields(content, &format!("{indent}  "), lines);
        } else if content.len() < LINE_BYTES {
            add(field, remark(Tag(tag), name, content));
        } else {
            add(head, remark(Tag(tag), name, content));
            content.chunks(LINE_BYTES).for_each(|bytes| add(bytes, String::new()));
        }
        value = rest;
    }
}

/// The field's name, and what its value means.
fn remark(tag: Tag, name: &str, value: &[u8]) -> String {
    let meaning = match tag {
        Tag::MAGIC
        | Tag::SOFTWARE
        | Tag::NICK
        | Tag::TEXT
        | Tag::TO
        | Tag::TOPIC
        | Tag::NAME
        | Tag::DETAIL
        | Tag::SUGGESTION
        | Tag::MEMBER
        | Tag::PASSWORD
        | Tag::REASON
        | Tag::LINK_BASE => quoted(value),
        Tag::AT | Tag::MODIFIED | Tag::UNTIL => date(integer(value)),
        Tag::MODE => format!("{0} (octal {0:o})", integer(value)),
        Tag::DIGEST => {
            let is_of = |text: &&&str| blake3::hash(text.as_bytes()) == *value;
            let text = DIGESTED.iter().find(is_of).expect("the digest of a known text");
            format!("of {text:?}")
        }
        Tag::CODE => {
            let number = integer(value);
            let known = CODES.iter().find(|(code, _)| u64::from(code.0) == number);
            format!("{number} {}", known.expect("a known code").1)
        }
        Tag::ABOUT => {
            let known = ClientFrame::KINDS.iter().find(|(kind, _)| [*kind] == value);
            format!("{} {}", value[0], known.expect("a known type").1)
        }
        Tag::FIGURE => {
            let (kind, value) = (integer(&value[..2]), integer(&value[2..]));
            let known = FIGURES.iter().find(|(known, _)| u64::from(known.0) == kind);
            format!("{} {value}", known.expect("a known figure").1)
        }
        Tag::ALLOWANCE => {
            let Allowance { kind, rate } = Allowance::take(tag, value).expect("an allowance");
            format!("{kind:?} {rate}")
        }
        Tag::DEADLINE => {
            let Deadline { kind, ms } = Deadline::take(tag, value).expect("a deadline");
            format!("{kind:?} {ms}")
        }
        Tag::ACTION => {
            let known = ACTIONS.iter().find(|(action, _)| [action.0] == value);
            format!("{} {}", value[0], known.expect("a known action").1)
        }
        Tag::ADDRESS => {
            let octets: [u8; 16] = value.try_into().expect("an address");
            Ipv6Addr::from(octets).to_canonical().to_string()
        }
        Tag::CAPABILITIES => format!("{:#x}", integer(value)),
        Tag::RESUME | Tag::UPLOAD_KEY | Tag::LINK_TOKEN | Tag::REPEAT | Tag::QUIET => {
            return name.into();
        }
        _ => integer(value).to_string(),
    };
    format!("{name} {meaning}")
}

fn quoted(bytes: &[u8]) -> String {
    format!("{:?}", std::str::from_utf8(bytes).expect("text"))
}

fn integer(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// A time as in 2026-11-22T17:00:00Z, with milliseconds if there are any.
fn date(millis: u64) -> String {
    let time = jiff::Timestamp::from_millisecond(millis as i64).expect("a time");
    time.to_string()
}
