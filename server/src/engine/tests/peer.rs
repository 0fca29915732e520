//! A client at the other end of a [`Wire`](super::pipe::Wire), checked by the kit's inbox.

use std::collections::BTreeMap;

use chatshelf_common::id::{ItemId, MessageId, ResumeToken, Seq, TransferId, UploadKey};
use chatshelf_common::text::{Nick, Topic};
use chatshelf_common::wire::frame::{
    Cancel, DownloadRequest, Goodbye, Hello, Join, Leave, Refused, Rename, Say, SetTopic, Tell,
    UploadDone, UploadOffer,
};
use chatshelf_common::wire::{ClientFrame, Code, Deframer, Event, ServerFrame, Unit};
use chatshelf_testkit::inbox::Inbox;
use chatshelf_testkit::raw;
use chatshelf_testkit::receiver::Received;
use chatshelf_testkit::samples::{digest, file_name, message};
use chatshelf_testkit::view::State;

use super::pipe::Shared;
use crate::token::Token;

pub(super) use chatshelf_testkit::raw::flagged_frame as frame;
pub(super) use chatshelf_testkit::samples::nick;

/// One thing received. Data of one transfer that arrived without a break counts as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Server(ServerFrame),
    Event(Event),
    Data { transfer: TransferId, offset: u64, bytes: Vec<u8> },
}

pub(super) struct Peer {
    pub(super) wire: Shared,
    pub(super) token: Token,
    inbox: Inbox,
    /// Every byte received.
    pub(super) raw: Vec<u8>,
    /// Content of each download.
    pub(super) files: BTreeMap<TransferId, Vec<u8>>,
    said: u64,
}

impl Peer {
    pub(super) fn new(wire: Shared, token: Token) -> Self {
        let (inbox, raw, files) = (Inbox::default(), Vec::new(), BTreeMap::new());
        Self { wire, token, inbox, raw, files, said: 0 }
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

    /// Sends a line under the next message id.
    pub(super) fn say(&mut self, text: &str) {
        self.said += 1;
        self.send(say(self.said, text));
    }

    pub(super) fn tell(&self, to: &str, text: &str) {
        let text = message(text);
        self.send(Tell { id: MessageId(77), to: nick(to), text });
    }

    pub(super) fn rename(&self, to: &str) {
        self.send(Rename { nick: nick(to) });
    }

    pub(super) fn set_topic(&self, topic: Option<&str>) {
        self.send(SetTopic { topic: topic.map(|text| Topic::new(text).unwrap()) });
    }

    pub(super) fn leave(&self) {
        self.send(Leave {});
    }

    pub(super) fn offer(&self, transfer: u32, size: u64) {
        let (transfer, name) = (TransferId(transfer), file_name("notes.txt"));
        self.send(UploadOffer::new(transfer, name, size));
    }

    /// Offers a file whose upload can be resumed.
    pub(super) fn offer_with_key(&self, transfer: u32, size: u64, key: UploadKey) {
        let (transfer, name) = (TransferId(transfer), file_name("notes.txt"));
        self.send(UploadOffer { key: Some(key), ..UploadOffer::new(transfer, name, size) });
    }

    /// Sends content from `offset` on, in frames of `frame_bytes`.
    pub(super) fn data(&self, transfer: u32, offset: u64, content: &[u8], frame_bytes: usize) {
        let mut at = offset;
        for piece in content.chunks(frame_bytes) {
            self.send_raw(&raw::data(transfer, at, piece));
            at += piece.len() as u64;
        }
    }

    pub(super) fn done(&self, transfer: u32, content: &[u8]) {
        self.send(UploadDone { transfer: TransferId(transfer), digest: digest(content) });
    }

    pub(super) fn request(&self, transfer: u32, item: u64, offset: Option<u64>) {
        self.send(DownloadRequest { transfer: TransferId(transfer), item: ItemId(item), offset });
    }

    pub(super) fn cancel(&self, transfer: u32) {
        self.send(Cancel { transfer: TransferId(transfer) });
    }

    /// Closes the sending side.
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

    /// Takes what was received since the last call, checked against the protocol.
    pub(super) fn take(&mut self) -> Vec<Seen> {
        let came = std::mem::take(&mut self.wire.borrow_mut().to_peer);
        self.raw.extend_from_slice(&came);
        let (files, mut seen) = (&mut self.files, Vec::new());
        self.inbox.take(&came, |received| match received {
            Received::Frame(frame) => {
                if let ServerFrame::DownloadReady(ready) = &frame {
                    files.insert(ready.transfer, Vec::new());
                }
                seen.push(Seen::Server(frame));
            }
            Received::Event { event, .. } => seen.push(Seen::Event(event)),
            Received::Data { transfer, offset, bytes } => {
                files.entry(transfer).or_default().extend_from_slice(bytes);
                match seen.last_mut() {
                    Some(Seen::Data { transfer: of, bytes: before, .. }) if *of == transfer => {
                        before.extend_from_slice(bytes);
                    }
                    _ => seen.push(Seen::Data { transfer, offset, bytes: bytes.into() }),
                }
            }
        });
        assert!(self.goodbye().is_none() || self.inbox.is_between_frames());
        seen
    }

    /// The room as a client knows it.
    pub(super) fn state(&self) -> &State {
        self.inbox.view().state()
    }

    /// The members, by name.
    pub(super) fn members(&self) -> Vec<&str> {
        self.state().members.iter().map(Nick::as_str).collect()
    }

    /// What is on the shelf, oldest first.
    pub(super) fn items(&self) -> Vec<ItemId> {
        self.state().items.iter().map(|item| item.id).collect()
    }

    pub(super) fn topic(&self) -> Option<&str> {
        self.state().topic.as_ref().map(|topic| topic.topic.as_str())
    }

    /// Every event received.
    pub(super) fn events(&self) -> &[Event] {
        self.inbox.view().events()
    }

    /// The seq of the newest snapshot, once there is a welcome.
    pub(super) fn welcomed(&self) -> Option<Seq> {
        self.inbox.view().welcome().map(|_| self.inbox.view().since())
    }

    /// True once the snapshot has been received completely, too.
    pub(super) fn has_snapshot(&self) -> bool {
        self.welcomed().is_some() && !self.inbox.view().awaits_snapshot()
    }

    /// The first event that the welcome announced.
    pub(super) fn first_event(&self) -> Option<Seq> {
        self.inbox.view().welcome().map(|welcome| welcome.from)
    }

    /// The newest event received, or passed over by a gap.
    pub(super) fn last_event(&self) -> Option<Seq> {
        self.inbox.view().newest()
    }

    /// The token that the welcome gave for resuming this membership.
    pub(super) fn resume(&self) -> Option<ResumeToken> {
        self.inbox.view().welcome().map(|welcome| welcome.resume)
    }

    pub(super) fn goodbye(&self) -> Option<&Goodbye> {
        self.inbox.goodbye()
    }

    /// The code of the goodbye; checks that nothing else was received.
    pub(super) fn farewell(&mut self) -> Option<Code> {
        self.take();
        self.goodbye().map(|goodbye| goodbye.code)
    }

    /// The refusals received.
    pub(super) fn refusals(&mut self) -> Vec<Refused> {
        let refused = |seen| match seen {
            Seen::Server(ServerFrame::Refused(refused)) => Some(refused),
            _ => None,
        };
        self.take().into_iter().filter_map(refused).collect()
    }

    /// The code of the only refusal received.
    pub(super) fn refusal(&mut self) -> Code {
        match &self.refusals()[..] {
            [refused] => refused.code,
            others => panic!("expected one refusal: {others:?}"),
        }
    }

    /// The lines received.
    pub(super) fn lines(&mut self) -> Vec<String> {
        let line = |seen| match seen {
            Seen::Event(Event::Said(said)) => Some(said.text.to_string()),
            _ => None,
        };
        self.take().into_iter().filter_map(line).collect()
    }
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
    Say::new(MessageId(id), message(text), None)
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

/// Content in which a misplaced byte shows.
pub(super) fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 7 + at / 251 + at / 65_521) as u8).collect()
}
