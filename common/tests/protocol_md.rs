//! docs/PROTOCOL.md is the contract: its hex examples are encoded and decoded here, and its
//! tables must name every type, field, code and limit of the code, with the same numbers.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use chatshelf_common::id::{
    Attributes, Digest, ItemId, MessageId, Mode, ResumeToken, Seq, TransferId, UnixMillis,
    UploadKey,
};
use chatshelf_common::limits;
use chatshelf_common::text::{FileName, Message, Nick, Note, Topic};
use chatshelf_common::wire::field::TAGS;
use chatshelf_common::wire::frame::*;
use chatshelf_common::wire::header::{DATA, HEADER_BYTES, data_head};
use chatshelf_common::wire::{Code, Deframer, Header, Unit, code::CODES};

const PROTOCOL: &str = include_str!("../../docs/PROTOCOL.md");

/// The bytes of each block that begins with "```hex NAME", comments (`#` to end of line) aside.
fn examples() -> BTreeMap<&'static str, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut lines = PROTOCOL.lines();
    while let Some(line) = lines.next() {
        let Some(name) = line.strip_prefix("```hex ") else { continue };
        let bytes = lines
            .by_ref()
            .take_while(|line| *line != "```")
            .flat_map(|line| line.split('#').next().unwrap_or_default().split_whitespace())
            .map(|byte| u8::from_str_radix(byte, 16).expect("two hexadecimal digits"))
            .collect();
        assert!(found.insert(name, bytes).is_none(), "two examples named {name}");
    }
    found
}

enum Sample {
    Client(ClientFrame),
    Server(ServerFrame),
    Event(Event),
}

impl Sample {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Client(frame) => frame.encode(&mut out),
            Self::Server(frame) => frame.encode(&mut out),
            Self::Event(event) => event.encode(&mut out),
        }
        out
    }

    fn assert_decoded(&self, header: Header, value: &[u8]) {
        match self {
            Self::Client(frame) => {
                assert_eq!(ClientFrame::decode(header.kind, value).as_ref(), Ok(frame));
            }
            Self::Server(frame) => {
                assert_eq!(ServerFrame::decode(header.kind, value).as_ref(), Ok(frame));
            }
            Self::Event(event) => assert_eq!(Event::decode(header.kind, value).as_ref(), Ok(event)),
        }
    }
}

fn nick(text: &str) -> Nick {
    Nick::new(text).unwrap()
}

fn message(text: &str) -> Message {
    Message::new(text).unwrap()
}

fn note(text: &str) -> Note {
    Note::new(text).unwrap()
}

/// 2026-11-22T17:00:00Z.
const AT: UnixMillis = UnixMillis(1_795_366_800_000);

/// 2020-01-02T03:04:05.678Z.
const MODIFIED: UnixMillis = UnixMillis(1_577_934_245_678);

const RESUME: ResumeToken = ResumeToken([
    0, 0, 0, 0, 0, 0, 0, 5, 0xe1, 0x0d, 0x77, 0x3c, 0x9b, 0x22, 0x40, 0xa8, 0x5f, 0x16, 0xd3, 0x8e,
    0x61, 0xb4, 0x0a, 0x9c,
]);

const KEY: UploadKey = UploadKey([
    0x5e, 0x1f, 0x88, 0x02, 0xc4, 0x9a, 0x33, 0xd7, 0x10, 0x6b, 0xf2, 0x4d, 0xa9, 0x70, 0x0c, 0xe5,
]);

fn join() -> Join {
    Join::new(nick("ada"), None)
}

fn item() -> Item {
    let name = FileName::new("notes.txt").unwrap();
    let digest = Digest(*blake3::hash(b"hello shelf\n").as_bytes());
    Item::new(ItemId(7), name, 12, digest, nick("ada"), AT)
}

fn client_samples() -> Vec<(&'static str, ClientFrame)> {
    let transfer = TransferId(1);
    let digest = item().digest;
    vec![
        (
            "Hello",
            Hello {
                magic: MAGIC,
                version_min: 1,
                version_max: 1,
                capabilities: None,
                software: Some(note("demo 1.0")),
            }
            .into(),
        ),
        ("Join", Join { history: Some(20), ..join() }.into()),
        ("Join-quiet", Join { quiet: Some(Marker), ..join() }.into()),
        (
            "Join-resume",
            Join { since: Some(Seq(42)), since_at: Some(AT), resume: Some(RESUME), ..join() }
                .into(),
        ),
        ("Say", Say::new(MessageId(1), message("hi, all"), None).into()),
        (
            "Say-repeat",
            Say { id: MessageId(1), text: message("hi, all"), style: None, repeat: Some(Marker) }
                .into(),
        ),
        (
            "Say-action",
            Say {
                id: MessageId(2),
                text: message("waves"),
                style: Some(Style::ACTION),
                repeat: None,
            }
            .into(),
        ),
        ("Tell", Tell { id: MessageId(3), to: nick("bob"), text: message("psst") }.into()),
        ("Rename", Rename { nick: nick("lovelace") }.into()),
        ("SetTopic", SetTopic { topic: Some(Topic::new("engines").unwrap()) }.into()),
        ("SetTopic-clear", SetTopic { topic: None }.into()),
        ("Leave", Leave {}.into()),
        ("UploadOffer", UploadOffer::new(transfer, item().name, 12).into()),
        (
            "UploadOffer-key",
            UploadOffer { key: Some(KEY), ..UploadOffer::new(transfer, item().name, 12) }.into(),
        ),
        (
            "UploadOffer-attributes",
            UploadOffer {
                mode: Mode::new(0o755),
                modified: Some(MODIFIED),
                ..UploadOffer::new(transfer, item().name, 12)
            }
            .into(),
        ),
        ("UploadDone", UploadDone { transfer, digest }.into()),
        (
            "DownloadRequest",
            DownloadRequest { transfer: TransferId(2), item: ItemId(7), offset: None }.into(),
        ),
        ("Cancel", Cancel { transfer: TransferId(2) }.into()),
        ("Drop", Drop { item: ItemId(7), key: None }.into()),
        ("Drop-key", Drop { item: ItemId(7), key: Some(KEY) }.into()),
        ("Ping", Ping {}.into()),
        ("Pong", Pong {}.into()),
    ]
}

fn server_samples() -> Vec<(&'static str, ServerFrame)> {
    let transfer = TransferId(1);
    let topic = TopicState { topic: Topic::new("engines").unwrap(), nick: nick("ada"), at: AT };
    vec![
        (
            "HelloAck",
            HelloAck {
                version: 1,
                capabilities: None,
                software: Some(note("chatshelf-server 0.1.0")),
                file_bytes_max: 1 << 30,
                shelf_items_max: 5,
                transfers_max: 8,
                history_max: 1000,
            }
            .into(),
        ),
        (
            "Welcome",
            Welcome { nick: nick("ada"), seq: Seq(42), from: Seq(7), resume: RESUME }.into(),
        ),
        (
            "Snapshot",
            Snapshot {
                seq: Seq(42),
                part: Part { first: true, last: true },
                topic: Some(topic),
                members: vec![nick("ada"), nick("bob")],
                items: vec![item()],
            }
            .into(),
        ),
        (
            "Refused-nick",
            Refused { suggestion: Some(nick("ada2")), ..Refused::new(Code::NICK_TAKEN, 0x02) }
                .into(),
        ),
        (
            "Refused-upload",
            Refused {
                limit: Some(1 << 30),
                transfer: Some(transfer),
                ..Refused::new(Code::FILE_TOO_LARGE, 0x10)
            }
            .into(),
        ),
        (
            "Refused-message",
            Refused {
                id: Some(MessageId(4)),
                limit: Some(8192),
                ..Refused::new(Code::TEXT_TOO_LONG, 0x03)
            }
            .into(),
        ),
        (
            "Refused-item",
            Refused { item: Some(ItemId(7)), ..Refused::new(Code::NOT_YOURS, 0x14) }.into(),
        ),
        (
            "Goodbye",
            Goodbye {
                code: Code::SHUTTING_DOWN,
                limit: None,
                version_min: None,
                version_max: None,
                detail: None,
            }
            .into(),
        ),
        (
            "Goodbye-version",
            Goodbye {
                code: Code::VERSION,
                limit: None,
                version_min: Some(1),
                version_max: Some(1),
                detail: None,
            }
            .into(),
        ),
        (
            "Told",
            Told {
                at: AT,
                from: nick("ada"),
                to: nick("bob"),
                id: MessageId(3),
                text: message("psst"),
            }
            .into(),
        ),
        ("Gap", Gap { from: Seq(43), to: Seq(99), nick: nick("ada") }.into()),
        ("UploadReady", UploadReady { transfer, offset: 0, digest: None }.into()),
        (
            "UploadReady-resume",
            UploadReady {
                transfer,
                offset: 5,
                digest: Some(Digest(*blake3::hash(b"hello").as_bytes())),
            }
            .into(),
        ),
        ("UploadStored", UploadStored { transfer, item: ItemId(7) }.into()),
        (
            "DownloadReady",
            DownloadReady { transfer: TransferId(2), offset: 0, item: item() }.into(),
        ),
        ("Ping", ServerPing {}.into()),
        ("Pong", ServerPong {}.into()),
    ]
}

fn event_samples() -> Vec<(&'static str, Event)> {
    let (at, ada) = (AT, nick("ada"));
    let attributes = Attributes { mode: Mode::new(0o755), modified: Some(MODIFIED) };
    vec![
        (
            "Said",
            Said {
                seq: Seq(43),
                at,
                nick: ada.clone(),
                id: MessageId(1),
                text: message("hi, all"),
                style: None,
            }
            .into(),
        ),
        ("Joined", Joined { seq: Seq(44), at, nick: nick("bob"), quiet: None }.into()),
        (
            "Left",
            Left { seq: Seq(45), at, nick: nick("bob"), code: Code::LEFT, quiet: None }.into(),
        ),
        ("Renamed", Renamed { seq: Seq(46), at, nick: ada.clone(), to: nick("lovelace") }.into()),
        (
            "TopicChanged",
            TopicChanged {
                seq: Seq(47),
                at,
                nick: ada,
                topic: Some(Topic::new("engines").unwrap()),
            }
            .into(),
        ),
        ("Shelved", Shelved { seq: Seq(48), at, item: item() }.into()),
        ("Shelved-attributes", Shelved { seq: Seq(48), at, item: item().with(attributes) }.into()),
        (
            "Dropped",
            Dropped { seq: Seq(49), at, item: ItemId(2), name: item().name, nick: None }.into(),
        ),
        (
            "Dropped-taken-off",
            Dropped {
                seq: Seq(49),
                at,
                item: ItemId(7),
                name: item().name,
                nick: Some(nick("ada")),
            }
            .into(),
        ),
        ("Forgotten", Forgotten { seq: Seq(50), at }.into()),
    ]
}

fn samples() -> Vec<(&'static str, Sample)> {
    let client = client_samples().into_iter().map(|(name, frame)| (name, Sample::Client(frame)));
    let server = server_samples().into_iter().map(|(name, frame)| (name, Sample::Server(frame)));
    let events = event_samples().into_iter().map(|(name, event)| (name, Sample::Event(event)));
    client.chain(server).chain(events).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x} ")).collect()
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

/// True when a table row of the document has these first two cells.
fn has_row(first: &str, second: &str) -> bool {
    PROTOCOL.lines().any(|line| {
        let mut cells = line.split('|').map(|cell| cell.trim().trim_matches('`'));
        cells.next();
        cells.next() == Some(first) && cells.next() == Some(second)
    })
}

/// The cells of the rows that have these first two.
fn rows(first: &str, second: &str) -> Vec<Vec<&'static str>> {
    let cells = |line: &'static str| line.split(" | ").map(str::trim).collect::<Vec<_>>();
    let bare = |cell: &str| cell.trim_matches(['|', ' ', '`']).to_owned();
    let all = PROTOCOL.lines().filter(|line| line.starts_with('|')).map(cells);
    all.filter(|row| row.len() > 2 && bare(row[0]) == first && bare(row[1]) == second).collect()
}

/// The fields that a cell names, remarks in parentheses aside, with what follows each name.
fn named_fields(cell: &str) -> Vec<(String, &'static str)> {
    let mut fields = Vec::new();
    let mut parts = cell.split('`').skip(1);
    while let (Some(name), Some(after)) = (parts.next(), parts.next()) {
        let slot = match after.chars().next() {
            Some('?') => "opt",
            Some('*') => "rep",
            _ => "req",
        };
        fields.push((name.to_owned(), slot));
    }
    fields
}

fn fields_of(fields: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
    fields.iter().map(|&(name, slot)| (name.to_owned(), slot)).collect()
}

#[test]
fn every_row_of_a_frame_says_who_sends_it_and_which_fields_it_has() {
    let kinds = [ClientFrame::KINDS, ServerFrame::KINDS, Event::KINDS].concat();
    let fields = [ClientFrame::FIELDS, ServerFrame::FIELDS, Event::FIELDS].concat();
    let sends = |kinds: &[(u8, &str)], kind| kinds.iter().any(|(it, _)| *it == kind);
    for ((kind, name), (_, fields)) in kinds.into_iter().zip(fields) {
        let is_servers = sends(ServerFrame::KINDS, kind) || sends(Event::KINDS, kind);
        let by = match (sends(ClientFrame::KINDS, kind), is_servers) {
            (true, true) => "c, s",
            (true, false) => "c",
            (false, _) => "s",
        };
        let rows = rows(&format!("0x{kind:02X}"), name.trim_start_matches("Server"));
        let [row] = &rows[..] else { panic!("{name}: {rows:?}") };
        assert_eq!(row[2], by, "{name}");
        assert_eq!(named_fields(row[3]), fields_of(fields), "{name}");
    }
    for (tag, name, fields) in
        [(31, "SHELF_ITEM", Item::FIELDS), (32, "SHELF_TOPIC", TopicState::FIELDS)]
    {
        let rows = rows(&format!("{tag}"), name);
        assert_eq!(named_fields(rows[0][2]), fields_of(fields), "{name}");
    }
}

#[test]
fn every_frame_type_has_its_row_and_an_example() {
    let kinds = [ClientFrame::KINDS, ServerFrame::KINDS, Event::KINDS].concat();
    let sampled: Vec<u8> = samples().iter().map(|(_, sample)| sample.encode()[0]).collect();
    for (kind, name) in kinds {
        let row = name.trim_start_matches("Server");
        assert!(has_row(&format!("0x{kind:02X}"), row), "no row for {kind:#04x} {row}");
        assert!(sampled.contains(&kind), "no sample of {name}");
    }
    assert!(has_row("0x20", "Data"));
}

#[test]
fn every_field_code_and_limit_has_its_row() {
    for (tag, name) in TAGS {
        assert!(has_row(&tag.0.to_string(), name), "no row for field {} {name}", tag.0);
    }
    for (code, name) in CODES {
        assert!(has_row(&code.0.to_string(), name), "no row for code {} {name}", code.0);
    }
    for (name, value) in [
        ("FRAME_BYTES_MAX", u64::from(limits::FRAME_BYTES_MAX)),
        ("FRAME_BYTES_MAX_BEFORE_JOIN", u64::from(limits::FRAME_BYTES_MAX_BEFORE_JOIN)),
        ("DATA_BYTES_MAX", u64::from(limits::DATA_BYTES_MAX)),
        ("NICK_BYTES_MAX", limits::NICK_BYTES_MAX as u64),
        ("MESSAGE_BYTES_MAX", limits::MESSAGE_BYTES_MAX as u64),
        ("TOPIC_BYTES_MAX", limits::TOPIC_BYTES_MAX as u64),
        ("FILE_NAME_BYTES_MAX", limits::FILE_NAME_BYTES_MAX as u64),
        ("NOTE_BYTES_MAX", limits::NOTE_BYTES_MAX as u64),
        ("ROOM_MEMBERS_MAX", limits::ROOM_MEMBERS_MAX as u64),
        ("ROOM_ITEMS_MAX", limits::ROOM_ITEMS_MAX as u64),
    ] {
        assert!(has_row(name, &value.to_string()), "no row for limit {name} = {value}");
    }
}
