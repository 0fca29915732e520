//! A client as PROTOCOL.md describes it, without a socket: it is given the bytes that a server
//! sends, keeps the room and the downloads, and fails at the first thing that no client should be
//! sent.

use std::collections::BTreeMap;

use chatshelf_common::id::{Digest, TransferId};
use chatshelf_common::wire::frame::{CAPABILITY_LARGE_DATA, DownloadReady, Goodbye, Item, Refused};
use chatshelf_common::wire::header::HEADER_BYTES;
use chatshelf_common::wire::{Event, ServerFrame};

use crate::receiver::{Received, Receiver};
use crate::view::View;

/// What one connection has received.
#[derive(Debug, Default)]
pub struct Inbox {
    receiver: Receiver,
    kept: Kept,
}

/// What is kept of it.
#[derive(Debug, Default)]
struct Kept {
    view: View,
    downloads: BTreeMap<TransferId, Download>,
    is_greeted: bool,
    takes_large_data: bool,
    pings: usize,
    goodbye: Option<Goodbye>,
}

/// How far a download has come. Its bytes are hashed, not kept.
#[derive(Debug)]
pub struct Download {
    item: Item,
    next: u64,
    hasher: blake3::Hasher,
    has_ended: bool,
}

impl Inbox {
    /// Takes the next bytes of the connection and checks them. `note` is shown each thing that
    /// came.
    ///
    /// # Panics
    /// When the server breaks the protocol.
    #[track_caller]
    pub fn take(&mut self, mut bytes: &[u8], mut note: impl FnMut(Received<'_>)) {
        let Self { receiver, kept } = self;
        while let Some(received) = receiver.next(&mut bytes).expect("frames within the limits") {
            kept.take(&received);
            note(received);
            if kept.takes_large_data {
                receiver.accept_large_data();
            }
        }
    }

    /// The room, after all that came.
    pub fn view(&self) -> &View {
        &self.kept.view
    }

    /// The same, when nothing more is received.
    pub fn into_view(self) -> View {
        self.kept.view
    }

    /// A download that the server has begun.
    pub fn download(&self, transfer: TransferId) -> Option<&Download> {
        self.kept.downloads.get(&transfer)
    }

    /// Pings that came since the last call.
    pub fn take_pings(&mut self) -> usize {
        std::mem::take(&mut self.kept.pings)
    }

    /// The goodbye, once it has come.
    pub fn goodbye(&self) -> Option<&Goodbye> {
        self.kept.goodbye.as_ref()
    }

    /// True where one frame has ended and the next has not begun.
    pub fn is_between_frames(&self) -> bool {
        self.receiver.is_between_frames()
    }
}

impl Kept {
    fn take(&mut self, received: &Received<'_>) {
        assert_eq!(self.goodbye, None, "a goodbye is the last frame");
        let is_part = matches!(received, Received::Frame(ServerFrame::Snapshot(_)));
        let is_due = is_part == self.view.awaits_snapshot();
        assert!(is_due, "snapshots come whole, where they are due: {received:?}");
        match received {
            Received::Frame(frame) => self.take_frame(frame),
            Received::Event { event, value } => {
                // So members who saw the same events saw the same bytes.
                assert!(is_encoded_as(event, value), "{event:?} came as other bytes");
                self.view.take_event(event.clone());
            }
            Received::Data { transfer, offset, bytes } => {
                let download = self.downloads.get_mut(transfer).expect("data of a download");
                download.take(*offset, bytes);
            }
        }
    }

    fn take_frame(&mut self, frame: &ServerFrame) {
        match frame {
            ServerFrame::HelloAck(ack) => {
                assert!(!std::mem::replace(&mut self.is_greeted, true), "one Hello is answered");
                let in_use = ack.capabilities.unwrap_or_default();
                self.takes_large_data = in_use & CAPABILITY_LARGE_DATA != 0;
            }
            ServerFrame::Welcome(welcome) => self.view.take_welcome(welcome),
            ServerFrame::Snapshot(part) => self.view.take_snapshot(part),
            ServerFrame::Gap(gap) => self.view.take_gap(gap),
            ServerFrame::ServerPing(_) => self.pings += 1,
            ServerFrame::DownloadReady(ready) => {
                let before = self.downloads.insert(ready.transfer, Download::new(ready));
                assert!(before.is_none(), "a download begins once: {ready:?}");
            }
            ServerFrame::Refused(Refused { transfer: Some(transfer), .. }) => {
                if let Some(download) = self.downloads.get_mut(transfer) {
                    download.has_ended = true;
                }
            }
            ServerFrame::Goodbye(goodbye) => self.goodbye = Some(goodbye.clone()),
            _ => {}
        }
    }
}

fn is_encoded_as(event: &Event, value: &[u8]) -> bool {
    let mut bytes = Vec::new();
    event.encode(&mut bytes);
    bytes[HEADER_BYTES..] == *value
}

impl Download {
    fn new(ready: &DownloadReady) -> Self {
        let (item, next) = (ready.item.clone(), ready.offset);
        Self { item, next, hasher: blake3::Hasher::new(), has_ended: false }
    }

    fn take(&mut self, offset: u64, bytes: &[u8]) {
        assert!(!self.has_ended, "data of a download that was refused or cancelled");
        assert_eq!(offset, self.next, "data comes in order");
        self.next += bytes.len() as u64;
        assert!(self.next <= self.item.size, "no more data than the item has");
        self.hasher.update(bytes);
    }

    /// True once all bytes have come.
    pub fn is_complete(&self) -> bool {
        self.next == self.item.size
    }

    /// Digest of the bytes that came.
    pub fn digest(&self) -> Digest {
        self.hasher.finalize().into()
    }
}
