//! A client as PROTOCOL.md describes it: it keeps the room's state from what it is sent, and
//! fails at the first thing that no client should be sent.

use std::collections::{BTreeMap, BTreeSet};

use chatshelf_common::id::{Digest, ItemId, MessageId, ResumeToken, Seq, TransferId, UploadKey};
use chatshelf_common::text::{FileName, Message, Nick, Topic};
use chatshelf_common::wire::frame::{
    Cancel, DownloadRequest, Goodbye, Hello, Join, Leave, Refused, Rename, Say, SetTopic, Snapshot,
    Tell, UploadDone, UploadOffer,
};
use chatshelf_common::wire::header::data_head;
use chatshelf_common::wire::{ClientFrame, Code, Deframer, Event, ServerFrame, Unit};

use super::pipe::Shared;
use crate::token::Token;

/// One thing that came. Data of one transfer that came without a break is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Server(ServerFrame),
    Event(Event),
    Data { transfer: TransferId, offset: u64, bytes: Vec<u8> },
}

/// The room as a client knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct View {
    pub(super) members: BTreeSet<String>,
    pub(super) items: Vec<ItemId>,
    pub(super) topic: Option<Topic>,
}

pub(super) struct Peer {
    pub(super) wire: Shared,
    pub(super) token: Token,
    deframer: Deframer,
    /// Every byte that came.
    pub(super) raw: Vec<u8>,
    /// The bytes of the events that came.
    pub(super) events_raw: Vec<u8>,
    /// S of the newest snapshot.
    pub(super) welcomed: Option<Seq>,
    /// The first event that the welcome has announced.
    pub(super) first_event: Option<Seq>,
    pub(super) last_event: Option<Seq>,
    /// What the welcome gave to come back with.
    pub(super) resume: Option<ResumeToken>,
    pub(super) goodbye: Option<Goodbye>,
    pub(super) view: View,
    /// A snapshot at this seq must come next, or go on.
    snapshot_due: Option<(Seq, bool)>,
    /// The own nick as a welcome or gap has named it, to be found in the snapshot after it.
    own_nick: Option<String>,
    /// Where the data of each download that runs goes on, and where it ends.
    downloads: BTreeMap<TransferId, (u64, u64)>,
    /// Content of each download.
    pub(super) files: BTreeMap<TransferId, Vec<u8>>,
    said: u64,
}

impl Peer {
    pub(super) fn new(wire: Shared, token: Token) -> Self {
        Self {
            wire,
            token,
            deframer: Deframer::joined(),
            raw: Vec::new(),
            events_raw: Vec::new(),
            welcomed: None,
            first_event: None,
            last_event: None,
            resume: None,
            goodbye: None,
            view: View::default(),
            snapshot_due: None,
            own_nick: None,
            downloads: BTreeMap::new(),
            files: BTreeMap::new(),
            said: 0,
        }
    }

    pub(super) fn send_raw(&self, bytes: &[u8]) {
        self.wire.borrow_mut().send(bytes);
    }

    pub(super) fn send(&self, frame: impl Into<ClientFrame>) {
        self.send_raw(&bytes(frame));
    }

    pub(super) fn hello(&self) {
        self.send(hello(1, 1));
    }

    pub(super) fn join(&self, name: &str, history: Option<u32>) {
        self.send(join(name, history));
    }

    /// Says something under the next message id.
    pub(super) fn say(&mut self, text: &str) {
        self.said += 1;
        self.send(say(self.said, text));
    }

    pub(super) fn tell(&self, to: &str, text: &str) {
        let text = Message::new(text).unwrap();
        self.send(Tell { id: MessageId(77), to: nick(to), text });
    }

    pub(super) fn rename(&self, to: &str) {
        self.send(Rename { nick: nick(to) });
    }

    pub(super) fn topic(&self, topic: Option<&str>) {
        self.send(SetTopic { topic: topic.map(|text| Topic::new(text).unwrap()) });
    }

    pub(super) fn leave(&self) {
        self.send(Leave {});
    }

    pub(super) fn offer(&self, transfer: u32, size: u64) {
        let (transfer, name) = (TransferId(transfer), FileName::new("notes.txt").unwrap());
        self.send(UploadOffer::new(transfer, name, size));
    }

    /// Offers a file that can be gone on with.
    pub(super) fn offer_with_key(&self, transfer: u32, size: u64, key: UploadKey) {
        let (transfer, name) = (TransferId(transfer), FileName::new("notes.txt").unwrap());
        self.send(UploadOffer { key: Some(key), ..UploadOffer::new(transfer, name, size) });
    }

    /// Sends content from `offset` on, in frames of `frame_bytes`.
    pub(super) fn data(&self, transfer: u32, offset: u64, content: &[u8], frame_bytes: usize) {
        let mut at = offset;
        for piece in content.chunks(frame_bytes) {
            self.send_raw(&data_head(TransferId(transfer), at, piece.len() as u32));
            self.send_raw(piece);
            at += piece.len() as u64;
        }
    }

    pub(super) fn done(&self, transfer: u32, content: &[u8]) {
        let digest: Digest = blake3::hash(content).into();
        self.send(UploadDone { transfer: TransferId(transfer), digest });
    }

    pub(super) fn request(&self, transfer: u32, item: u64, offset: Option<u64>) {
        self.send(DownloadRequest { transfer: TransferId(transfer), item: ItemId(item), offset });
    }

    pub(super) fn cancel(&self, transfer: u32) {
        self.send(Cancel { transfer: TransferId(transfer) });
    }

    /// Shuts the sending side.
    pub(super) fn end(&self) {
        self.wire.borrow_mut().end();
    }

    pub(super) fn reset(&self) {
        self.wire.borrow_mut().reset();
    }

    pub(super) fn allow(&self, room: usize) {
        self.wire.borrow_mut().allow(room);
    }

    pub(super) fn is_dropped(&self) -> bool {
        self.wire.borrow().dropped
    }

    /// What has come since the last time, checked against the protocol.
    pub(super) fn take(&mut self) -> Vec<Seen> {
        let came = std::mem::take(&mut self.wire.borrow_mut().to_peer);
        self.raw.extend_from_slice(&came);
        let mut deframer = std::mem::replace(&mut self.deframer, Deframer::joined());
        let (mut input, mut seen) = (&came[..], Vec::new());
        while let Some(unit) = deframer.next(&mut input).expect("the server breaks a limit") {
            match unit {
                Unit::Control { header, value } => match Event::decode(header.kind, value) {
                    Ok(event) => {
                        event.encode(&mut self.events_raw);
                        self.note_event(&event);
                        seen.push(Seen::Event(event));
                    }
                    Err(_) => {
                        let frame = ServerFrame::decode(header.kind, value).unwrap();
                        self.note_frame(&frame);
                        seen.push(Seen::Server(frame));
                    }
                },
                Unit::Chunk { transfer, offset, bytes } => {
                    self.note_data(transfer, offset, bytes);
                    match seen.last_mut() {
                        Some(Seen::Data { transfer: of, bytes: before, .. }) if *of == transfer => {
                            before.extend_from_slice(bytes);
                        }
                        _ => seen.push(Seen::Data { transfer, offset, bytes: bytes.into() }),
                    }
                }
            }
        }
        if self.goodbye.is_some() {
            assert!(deframer.is_between_frames());
        }
        self.deframer = deframer;
        seen
    }

    fn note_any(&mut self) {
        assert!(self.goodbye.is_none(), "something comes after the goodbye");
    }

    fn note_event(&mut self, event: &Event) {
        self.note_any();
        assert_eq!(self.snapshot_due, None, "an event comes inside a snapshot");
        let at = self.welcomed.expect("an event comes before the welcome");
        match self.last_event {
            Some(last) => assert_eq!(event.seq(), last.next(), "events have a gap"),
            None => assert_eq!(Some(event.seq()), self.first_event, "not the event announced"),
        }
        self.last_event = Some(event.seq());
        if event.seq() > at {
            self.apply(event);
        }
    }

    fn apply(&mut self, event: &Event) {
        let view = &mut self.view;
        let is_new = match event {
            Event::Said(event) => view.members.contains(event.nick.as_str()),
            Event::Forgotten(_) => false,
            Event::Joined(event) => view.members.insert(event.nick.to_string()),
            Event::Left(event) => view.members.remove(event.nick.as_str()),
            Event::Renamed(event) => {
                view.members.remove(event.nick.as_str())
                    && view.members.insert(event.to.to_string())
            }
            Event::TopicChanged(event) => {
                view.topic = event.topic.clone();
                true
            }
            Event::Shelved(event) => {
                let is_new = !view.items.contains(&event.item.id);
                view.items.push(event.item.id);
                is_new
            }
            Event::Dropped(event) => {
                let before = view.items.len();
                view.items.retain(|id| *id != event.item);
                view.items.len() < before
            }
        };
        assert!(is_new, "{event:?} does not apply to {:?}", self.view);
    }

    fn note_frame(&mut self, frame: &ServerFrame) {
        self.note_any();
        match frame {
            ServerFrame::Snapshot(part) => return self.note_snapshot(part),
            ServerFrame::HelloAck(_) => assert_eq!(self.welcomed, None),
            ServerFrame::Welcome(welcome) => {
                assert_eq!(self.welcomed.replace(welcome.seq), None);
                assert!(welcome.from <= welcome.seq.next());
                self.first_event = Some(welcome.from);
                self.resume = Some(welcome.resume);
                self.snapshot_due = Some((welcome.seq, true));
                self.own_nick = Some(welcome.nick.to_string());
                return;
            }
            ServerFrame::Gap(gap) => {
                assert!(gap.from <= gap.to);
                match self.last_event {
                    Some(last) => assert_eq!(gap.from, last.next()),
                    None => assert!(Some(gap.from) <= self.welcomed.map(Seq::next)),
                }
                self.last_event = Some(gap.to);
                self.own_nick = Some(gap.nick.to_string());
                self.welcomed = Some(gap.to);
                self.snapshot_due = Some((gap.to, true));
                return;
            }
            ServerFrame::DownloadReady(ready) => {
                let range = (ready.offset, ready.item.size);
                assert_eq!(self.downloads.insert(ready.transfer, range), None);
                self.files.insert(ready.transfer, Vec::new());
            }
            ServerFrame::Refused(Refused { transfer: Some(transfer), .. }) => {
                self.downloads.remove(transfer);
            }
            ServerFrame::Goodbye(goodbye) => self.goodbye = Some(goodbye.clone()),
            _ => {}
        }
        assert_eq!(self.snapshot_due, None, "{frame:?} comes inside a snapshot");
    }

    fn note_snapshot(&mut self, part: &Snapshot) {
        let due = self.snapshot_due.take().expect("a snapshot nobody asked for");
        assert_eq!(due, (part.seq, part.part.first));
        if part.part.first {
            self.view = View::default();
            self.view.topic = part.topic.as_ref().map(|topic| topic.topic.clone());
        }
        self.view.members.extend(part.members.iter().map(Nick::to_string));
        self.view.items.extend(part.items.iter().map(|item| item.id));
        if part.part.last
            && let Some(nick) = self.own_nick.take()
        {
            assert!(self.view.members.contains(&nick), "the own nick is not in the snapshot");
        }
        self.snapshot_due = (!part.part.last).then_some((part.seq, false));
    }

    fn note_data(&mut self, transfer: TransferId, offset: u64, bytes: &[u8]) {
        self.note_any();
        assert_eq!(self.snapshot_due, None);
        let (next, end) = self.downloads.get_mut(&transfer).expect("data of no download");
        assert_eq!(offset, *next);
        *next += bytes.len() as u64;
        assert!(*next <= *end);
        self.files.get_mut(&transfer).unwrap().extend_from_slice(bytes);
    }

    /// The code of the goodbye, once nothing else came.
    pub(super) fn farewell(&mut self) -> Option<Code> {
        self.take();
        self.goodbye.as_ref().map(|goodbye| goodbye.code)
    }

    /// The refusals among what has come.
    pub(super) fn refusals(&mut self) -> Vec<Refused> {
        let refused = |seen| match seen {
            Seen::Server(ServerFrame::Refused(refused)) => Some(refused),
            _ => None,
        };
        self.take().into_iter().filter_map(refused).collect()
    }

    /// The code of the only refusal that has come.
    pub(super) fn refusal(&mut self) -> Code {
        match &self.refusals()[..] {
            [refused] => refused.code,
            others => panic!("not one refusal: {others:?}"),
        }
    }

    /// The lines among what has come.
    pub(super) fn lines(&mut self) -> Vec<String> {
        let line = |seen| match seen {
            Seen::Event(Event::Said(said)) => Some(said.text.to_string()),
            _ => None,
        };
        self.take().into_iter().filter_map(line).collect()
    }
}

pub(super) fn nick(name: &str) -> Nick {
    Nick::new(name).unwrap()
}

pub(super) fn bytes(frame: impl Into<ClientFrame>) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame.into().encode(&mut bytes);
    bytes
}

pub(super) fn hello(version_min: u16, version_max: u16) -> Hello {
    Hello::new(version_min, version_max)
}

pub(super) fn join(name: &str, history: Option<u32>) -> Join {
    Join::new(nick(name), history)
}

pub(super) fn say(id: u64, text: &str) -> Say {
    Say::new(MessageId(id), Message::new(text).unwrap(), None)
}

/// The events in the bytes of a log.
pub(super) fn events(mut log: &[u8]) -> Vec<Event> {
    let (mut deframer, mut events) = (Deframer::joined(), Vec::new());
    while let Some(Unit::Control { header, value }) = deframer.next(&mut log).unwrap() {
        events.push(Event::decode(header.kind, value).unwrap());
    }
    assert!(deframer.is_between_frames());
    events
}

/// The bytes of a frame that no type of ours makes.
pub(super) fn frame(kind: u8, flags: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, flags];
    bytes.extend((value.len() as u32).to_be_bytes());
    bytes.extend(value);
    bytes
}

/// Content that shows a misplaced byte.
pub(super) fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 7 + at / 251 + at / 65_521) as u8).collect()
}
