//! The frames of the page's examples, as the code has them.

use chatshelf_common::id::{
    Attributes, BanId, Digest, ItemId, LinkToken, MessageId, Mode, ResumeToken, Seq, TransferId,
    UnixMillis, UploadKey,
};
use chatshelf_common::password::Password;
use chatshelf_common::rate::Rate;
use chatshelf_common::text::{FileName, LinkBase, Note, Topic};
use chatshelf_common::wire::frame::*;
use chatshelf_common::wire::{Code, Header};
use chatshelf_testkit::samples::{message, nick};
use chatshelf_testkit::server_frames::hello_ack;

/// A frame of the page.
pub(crate) enum Sample {
    Client(ClientFrame),
    Server(ServerFrame),
    Event(Event),
}

impl Sample {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Client(frame) => frame.encode(&mut out),
            Self::Server(frame) => frame.encode(&mut out),
            Self::Event(event) => event.encode(&mut out),
        }
        out
    }

    pub(crate) fn assert_decoded(&self, header: Header, value: &[u8]) {
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

fn password(text: &str) -> Option<Password> {
    Password::new(text.as_bytes())
}

fn hello(capabilities: Option<u32>) -> Hello {
    Hello { capabilities, software: Some(note("demo 1.0")), ..Hello::new(1, 1) }
}

fn join() -> Join {
    Join::new(nick("ada"), None)
}

fn item() -> Item {
    let name = FileName::new("notes.txt").unwrap();
    let digest = Digest(*blake3::hash(b"hello shelf\n").as_bytes());
    Item::new(ItemId(7), name, 12, digest, nick("ada"), AT)
}

/// Passwords, and what operators ask for.
fn operator_samples() -> Vec<(&'static str, ClientFrame)> {
    vec![
        ("BansRequest", BansRequest {}.into()),
        ("Join-password", Join { password: password("open sesame"), ..join() }.into()),
        ("Op", Op { password: password("mellon").unwrap() }.into()),
        (
            "Moderate-ban",
            Moderate {
                to: Some(nick("bob")),
                seconds: Some(3600),
                reason: Some(note("spam")),
                ..Moderate::new(Action::BAN)
            }
            .into(),
        ),
        ("Moderate-unban", Moderate { ban: Some(BanId(3)), ..Moderate::new(Action::UNBAN) }.into()),
        (
            "Moderate-redact",
            Moderate { line: Some(Seq(43)), ..Moderate::new(Action::REDACT) }.into(),
        ),
    ]
}

fn client_samples() -> Vec<(&'static str, ClientFrame)> {
    let transfer = TransferId(1);
    let digest = item().digest;
    vec![
        ("Hello", hello(None).into()),
        ("Hello-capabilities", hello(Some(CAPABILITY_STATS)).into()),
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
        ("StatsRequest", StatsRequest {}.into()),
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

fn room_samples() -> Vec<(&'static str, ServerFrame)> {
    let topic = TopicState { topic: Topic::new("engines").unwrap(), nick: nick("ada"), at: AT };
    vec![
        ("Stats", stats_sample().into()),
        ("Bans", bans_sample().into()),
        (
            "HelloAck",
            HelloAck { software: Some(note("chatshelf-server 0.1.0")), ..hello_ack() }.into(),
        ),
        (
            "HelloAck-allowances",
            HelloAck {
                allowances: vec![Allowance {
                    kind: AllowanceKind::LINES,
                    rate: Rate::new(20, 5, 1000).unwrap(),
                }],
                deadlines: vec![Deadline { kind: DeadlineKind::PONG, ms: 30_000 }],
                ..hello_ack()
            }
            .into(),
        ),
        (
            "HelloAck-links",
            HelloAck { link_base: LinkBase::new("https://192.0.2.7:9000").ok(), ..hello_ack() }
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
        ("Ping", ServerPing {}.into()),
        ("Pong", ServerPong {}.into()),
    ]
}

fn stats_sample() -> Stats {
    let of =
        [(FigureKind::UPTIME_MS, 3_600_000), (FigureKind::MEMBERS, 2), (FigureKind::LINES, 43)];
    Stats { figures: of.map(|(kind, value)| Figure { kind, value }).to_vec() }
}

fn bans_sample() -> Bans {
    let address = Some("::ffff:192.0.2.7".parse().unwrap());
    let entry = |ban, to, address, until, reason| BanEntry {
        ban: BanId(ban),
        to,
        address,
        until,
        nick: nick("ada"),
        at: AT,
        reason,
    };
    let until = Some(UnixMillis(AT.0 + 3_600_000));
    let bans = vec![
        entry(3, Some(nick("bob")), None, until, Some(note("spam"))),
        entry(4, None, address, None, None),
    ];
    Bans { part: Part { first: true, last: true }, bans }
}

fn refusal_samples() -> Vec<(&'static str, ServerFrame)> {
    let transfer = TransferId(1);
    vec![
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
            "Refused-rate",
            Refused {
                id: Some(MessageId(25)),
                limit: Some(20),
                retry_ms: Some(200),
                ..Refused::new(Code::TOO_MANY_LINES, 0x03)
            }
            .into(),
        ),
        (
            "Refused-item",
            Refused { item: Some(ItemId(7)), ..Refused::new(Code::NOT_YOURS, 0x14) }.into(),
        ),
        ("Goodbye", Goodbye::new(Code::SHUTTING_DOWN).into()),
        (
            "Goodbye-version",
            Goodbye { version_min: Some(1), version_max: Some(1), ..Goodbye::new(Code::VERSION) }
                .into(),
        ),
    ]
}

fn transfer_samples() -> Vec<(&'static str, ServerFrame)> {
    let transfer = TransferId(1);
    vec![
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
    ]
}

fn attributed_item() -> Item {
    item().with(Attributes { mode: Mode::new(0o755), modified: Some(MODIFIED) })
}

/// The same in a room with a password.
fn linked_item() -> Item {
    Item { link: Some(LinkToken([7; 16])), ..item() }
}

fn event_samples() -> Vec<(&'static str, Event)> {
    let (at, ada) = (AT, nick("ada"));
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
        ("Shelved-link", Shelved { seq: Seq(48), at, item: linked_item() }.into()),
        ("Shelved-attributes", Shelved { seq: Seq(48), at, item: attributed_item() }.into()),
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
        (
            "Moderated-ban",
            Moderated {
                to: Some(nick("bob")),
                until: Some(UnixMillis(AT.0 + 3_600_000)),
                reason: Some(note("spam")),
                ..Moderated::new(Seq(51), at, nick("ada"), Action::BAN)
            }
            .into(),
        ),
        (
            "Moderated-redact",
            Moderated {
                line: Some(Seq(43)),
                ..Moderated::new(Seq(52), at, nick("ada"), Action::REDACT)
            }
            .into(),
        ),
    ]
}

/// What each example of the page says.
pub(crate) fn samples() -> Vec<(&'static str, Sample)> {
    let client = client_samples()
        .into_iter()
        .chain(operator_samples())
        .map(|(name, frame)| (name, Sample::Client(frame)));
    let server = [room_samples(), refusal_samples(), transfer_samples()]
        .into_iter()
        .flatten()
        .map(|(name, frame)| (name, Sample::Server(frame)));
    let events = event_samples().into_iter().map(|(name, event)| (name, Sample::Event(event)));
    client.chain(server).chain(events).collect()
}
