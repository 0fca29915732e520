//! The session over bytes in memory: server frames in, client frames and events out.
//!
//! Here is what the tests are written with. One connection: `joining`, `room`, `talking`,
//! `uploads`, `downloads`, `slow_lines`, `delivery`, `stats`, `passwords`, `hostile`, `states` (the
//! protocol's tables).
//! Several: `returning`, `repeating` (what was said), `surviving` (transfers), and `breaks`, where
//! a `world` of session, file keeper and a `model` of the server is cut apart at every byte.

mod breaks;
mod delivery;
mod downloads;
mod hostile;
mod joining;
mod model;
mod pacing;
mod passwords;
mod repeating;
mod returning;
mod room;
mod slow_lines;
mod states;
mod stats;
mod surviving;
mod talking;
mod uploads;
mod world;

use std::time::{Duration, Instant};

use chatshelf_common::id::{
    Digest, ItemId, MessageId, ResumeToken, Seq, TransferId, UnixMillis, UploadKey,
};
use chatshelf_common::text::{FileName, Message, Nick, Topic};
use chatshelf_common::wire::frame::*;
use chatshelf_common::wire::header::{FLAG_SKIPPABLE, data_head};
use chatshelf_common::wire::{ClientFrame, Code, Deframer, Frame, Header, Unit};

use super::*;

const FILE_BYTES_MAX: u64 = 10_000_000;
const KEY: UploadKey = UploadKey([7; 16]);

fn nick(name: &str) -> Nick {
    Nick::new(name).unwrap()
}

fn message(text: &str) -> Message {
    Message::new(text).unwrap()
}

fn name(text: &str) -> FileName {
    FileName::new(text).unwrap()
}

/// A session with the server's side played by the test.
struct Rig {
    session: Session,
    now: Instant,
    sent: Deframer,
}

/// What the client sent: control frames, and data as transfer, offset and bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Sent {
    Frame(ClientFrame),
    Data(u32, u64, Vec<u8>),
}

impl Rig {
    /// Connected, in a session that ends with its connection.
    fn new() -> Self {
        Self::with(None, Some(20))
    }

    fn with(reconnect: Option<Reconnect>, history: Option<u32>) -> Self {
        let now = Instant::now();
        let config = Config {
            nick: nick("ada"),
            history,
            seed: 7,
            reconnect,
            quiet: false,
            keepalive: crate::session::KEEPALIVE_MAX,
        };
        let mut session = Session::new(config, now);
        session.handle_connecting();
        session.handle_connected(now);
        Self { session, now, sent: Deframer::joined() }
    }

    /// Joined at seq 42, with bob; whatever that told and sent is forgotten.
    fn joined() -> Self {
        Self::new().arrived()
    }

    fn arrived(mut self) -> Self {
        for bytes in arrival(42, &[]) {
            self.feed(&bytes).unwrap();
        }
        self.events();
        self.sent();
        self
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<(), SessionError> {
        self.session.handle_bytes(bytes, self.now)
    }

    fn give(&mut self, frame: impl Frame) -> Result<(), SessionError> {
        self.feed(&frame.to_bytes())
    }

    fn data(&mut self, transfer: u32, offset: u64, bytes: &[u8]) -> Result<(), SessionError> {
        let head = data_head(TransferId(transfer), offset, bytes.len() as u32);
        self.feed(&[&head[..], bytes].concat())
    }

    fn events(&mut self) -> Vec<SessionEvent> {
        std::iter::from_fn(|| self.session.poll_event()).collect()
    }

    fn requests(&mut self) -> Vec<FileRequest> {
        std::iter::from_fn(|| self.session.poll_file_request()).collect()
    }

    /// Everything there is to send, sent.
    fn sent(&mut self) -> Vec<Sent> {
        let mut frames = Vec::new();
        while self.session.has_output() {
            let bytes = self.session.output().concat();
            assert!(!bytes.is_empty());
            self.session.advance_output(bytes.len(), self.now);
            let mut input = &bytes[..];
            while let Some(unit) = self.sent.next(&mut input).unwrap() {
                frames.push(match unit {
                    Unit::Control { header, value } => {
                        Sent::Frame(ClientFrame::decode(header.kind, value).unwrap())
                    }
                    Unit::Chunk { transfer, offset, bytes } => {
                        Sent::Data(transfer.0, offset, bytes.to_vec())
                    }
                });
            }
        }
        assert!(self.sent.is_between_frames());
        frames
    }

    /// The file keeper has gone to where the upload begins; what it is asked for then.
    fn begin(&mut self) -> Vec<FileRequest> {
        for request in self.requests() {
            if let FileRequest::Begin { transfer, run, .. } = request {
                self.reply(FileReply::Begun { transfer, run });
            }
        }
        self.requests()
    }

    fn reply(&mut self, reply: FileReply) {
        self.session.handle_file_reply(reply);
    }

    /// The outcome of the one transfer that ended.
    fn outcome(&mut self) -> Outcome {
        let mut ended: Vec<Outcome> = self
            .events()
            .into_iter()
            .filter_map(|event| match event {
                SessionEvent::TransferEnded(_, outcome) => Some(outcome),
                _ => None,
            })
            .collect();
        assert_eq!(ended.len(), 1, "{ended:?}");
        ended.remove(0)
    }

    /// Who is here, in the order of their names.
    fn members(&self) -> Vec<String> {
        let mut members: Vec<String> = self.session.room().members().map(Nick::to_string).collect();
        members.sort();
        members
    }

    fn ends(&mut self) -> usize {
        let is_end = |event: &SessionEvent| matches!(event, SessionEvent::TransferEnded(..));
        self.events().iter().filter(|event| is_end(event)).count()
    }
}

impl Rig {
    /// In the room at 42, and coming back for ever.
    fn returning() -> Self {
        Self::with(Some(Reconnect::default()), Some(20)).arrived()
    }

    /// Loses the connection; what that told is forgotten.
    fn lose(&mut self) {
        self.session.handle_lost("cut".into(), self.now);
        self.events();
        assert!(self.session.is_offline() && !self.session.has_output());
    }

    /// Connects when it is time to; the `Join`.
    fn reconnect(&mut self) -> Join {
        self.now = self.session.retry_at().expect("a next attempt");
        self.session.handle_connecting();
        self.session.handle_connected(self.now);
        self.sent = Deframer::joined();
        let mut sent = self.sent();
        let Some(Sent::Frame(ClientFrame::Join(join))) = sent.pop() else { panic!("{sent:?}") };
        assert!(matches!(sent[..], [Sent::Frame(ClientFrame::Hello(_))]), "{sent:?}");
        join
    }

    /// Comes back to a room at `seq`, with a history from `from` on.
    fn come_back(&mut self, from: u64, seq: u64) {
        self.reconnect();
        self.feed(&arrival_from(from, seq, &[]).concat()).unwrap();
    }

    /// Lines to the room that were sent, and whether they say that they may be repeated.
    fn said_to(&mut self) -> Vec<(String, bool)> {
        let said = |sent| match sent {
            Sent::Frame(ClientFrame::Say(say)) => (say.text.to_string(), say.repeat.is_some()),
            other => panic!("{other:?}"),
        };
        self.sent().into_iter().map(said).collect()
    }

    fn say(&mut self, text: &str) -> MessageId {
        self.session.say(message(text), Style::SPEECH).unwrap()
    }
}

fn line(text: &str, repeat: bool) -> (String, bool) {
    (text.into(), repeat)
}

fn ack() -> HelloAck {
    HelloAck {
        version: 1,
        capabilities: None,
        software: None,
        file_bytes_max: FILE_BYTES_MAX,
        shelf_items_max: 5,
        transfers_max: 2,
        history_max: 1000,
        allowances: Vec::new(),
        deadlines: Vec::new(),
        link_base: None,
    }
}

fn snapshot(seq: u64, part: Part, members: &[&str], items: &[Item]) -> Snapshot {
    let members = members.iter().map(|name| nick(name)).collect();
    Snapshot { seq: Seq(seq), part, topic: None, members, items: items.to_vec() }
}

const WHOLE: Part = Part { first: true, last: true };

/// What a server sends up to the whole snapshot at `seq`.
fn arrival(seq: u64, items: &[Item]) -> Vec<Vec<u8>> {
    arrival_from(seq + 1, seq, items)
}

/// The same, with a history that begins at `from`.
fn arrival_from(from: u64, seq: u64, items: &[Item]) -> Vec<Vec<u8>> {
    let snapshot = snapshot(seq, WHOLE, &["ada", "bob"], items);
    vec![ack().to_bytes(), welcome("ada", from, seq).to_bytes(), snapshot.to_bytes()]
}

fn welcome(name: &str, from: u64, seq: u64) -> Welcome {
    let resume = ResumeToken([seq as u8; 24]);
    Welcome { nick: nick(name), seq: Seq(seq), from: Seq(from), resume }
}

fn joined(seq: u64, name: &str) -> Joined {
    Joined { seq: Seq(seq), at: UnixMillis(1), nick: nick(name), quiet: None }
}

fn said(seq: u64, name: &str, id: u64) -> Said {
    let (at, nick, text) = (UnixMillis(1), nick(name), message("hi"));
    Said { seq: Seq(seq), at, nick, id: MessageId(id), text, style: None }
}

fn item(id: u64, content: &[u8]) -> Item {
    let (size, digest) = (content.len() as u64, blake3::hash(content).into());
    Item::new(ItemId(id), name("notes.txt"), size, digest, nick("bob"), UnixMillis(1))
}

fn shelved(seq: u64, item: Item) -> Shelved {
    Shelved { seq: Seq(seq), at: UnixMillis(1), item }
}

fn refused(code: Code, about: u8) -> Refused {
    Refused::new(code, about)
}

fn ready(transfer: u32, offset: u64) -> UploadReady {
    UploadReady { transfer: TransferId(transfer), offset, digest: None }
}

/// Ready to go on behind these bytes.
fn ready_at(transfer: u32, beginning: &[u8]) -> UploadReady {
    let digest = Some(digest(beginning));
    UploadReady { digest, ..ready(transfer, beginning.len() as u64) }
}

fn stored(transfer: u32, item: u64) -> UploadStored {
    UploadStored { transfer: TransferId(transfer), item: ItemId(item) }
}

/// The offer of a file "a".
fn offer(transfer: u32, size: u64, key: Option<UploadKey>) -> Sent {
    let offer = UploadOffer::new(TransferId(transfer), name("a"), size);
    Sent::Frame(UploadOffer { key, ..offer }.into())
}

/// The request for item 7.
fn request(transfer: u32, offset: Option<u64>) -> Sent {
    let (transfer, item) = (TransferId(transfer), ItemId(7));
    Sent::Frame(DownloadRequest { transfer, item, offset }.into())
}

fn download_ready(transfer: u32, offset: u64, item: Item) -> DownloadReady {
    DownloadReady { transfer: TransferId(transfer), offset, item }
}

fn refused_transfer(code: Code, transfer: u32) -> Refused {
    Refused { transfer: Some(TransferId(transfer)), ..refused(code, UploadOffer::KIND) }
}

fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|i| (i % 251) as u8).collect()
}

fn digest(content: &[u8]) -> Digest {
    blake3::hash(content).into()
}
