//! A client of chatshelf that only transfers and talks: one connection, no checks of content, so
//! that the load costs little. It blocks if its stream does, but not for ever.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chatshelf_common::id::{ItemId, TransferId};
use chatshelf_common::limits::DATA_BYTES_MAX;
use chatshelf_common::text::{FileName, Nick};
use chatshelf_common::wire::frame::{
    CAPABILITY_LARGE_DATA, DownloadRequest, Hello, Join, UploadDone, UploadOffer,
};
use chatshelf_common::wire::header::data_head;
use chatshelf_common::wire::{Event, Frame, ServerFrame};
use chatshelf_testkit::receiver::{Received, Receiver};
use chatshelf_testkit::tls::{self, TlsStream};

use super::content::{BLOCK_BYTES, Content};

/// Longest wait for anything.
pub(super) const HANG: Duration = Duration::from_secs(60);

/// One connection.
#[derive(Debug)]
pub(super) struct Client<S> {
    stream: S,
    receiver: Receiver,
    buffer: Vec<u8>,
    /// What came and was not asked for yet.
    inbox: VecDeque<Incoming>,
    /// The newest item on the shelf.
    newest: Option<ItemId>,
    last_transfer: u32,
    /// File bytes that came of the download that runs.
    received: u64,
    /// File bytes that came or went in all.
    moved: u64,
}

/// Something that a server sends, file bytes aside.
#[derive(Debug)]
pub(super) enum Incoming {
    Frame(ServerFrame),
    Event(Event),
}

/// Connects a socket that blocks.
pub(super) fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(HANG))?;
    stream.set_write_timeout(Some(HANG))?;
    Ok(stream)
}

impl Client<TcpStream> {
    /// Connects and says hello: the server has answered.
    pub(super) fn greet(address: SocketAddr) -> io::Result<Self> {
        Self::greet_over(connect(address)?)
    }

    /// Connects and joins.
    pub(super) fn join(address: SocketAddr) -> io::Result<Self> {
        Self::join_over(connect(address)?)
    }

    /// The same connection for a poll.
    pub(super) fn into_polled(self) -> io::Result<Client<mio::net::TcpStream>> {
        self.stream.set_nonblocking(true)?;
        let Self { stream, receiver, buffer, inbox, newest, last_transfer, received, moved } = self;
        let stream = mio::net::TcpStream::from_std(stream);
        Ok(Client { stream, receiver, buffer, inbox, newest, last_transfer, received, moved })
    }
}

impl Client<TlsStream> {
    /// Connects over TLS and joins.
    pub(super) fn join_encrypted(address: SocketAddr) -> io::Result<Self> {
        Self::join_over(tls::stream(connect(address)?))
    }
}

impl<S: Read + Write> Client<S> {
    fn greet_over(stream: S) -> io::Result<Self> {
        let mut client = Self {
            stream,
            receiver: Receiver::default(),
            buffer: vec![0; BLOCK_BYTES],
            inbox: VecDeque::new(),
            newest: None,
            last_transfer: 0,
            received: 0,
            moved: 0,
        };
        client.receiver.accept_large_data();
        let capabilities = Some(CAPABILITY_LARGE_DATA);
        client.send(&Hello { capabilities, ..Hello::new(1, 1) })?;
        client.frame(|frame| matches!(frame, ServerFrame::HelloAck(_)).then_some(()))?;
        Ok(client)
    }

    /// Joins without history, by a nick that nobody here had before.
    fn join_over(stream: S) -> io::Result<Self> {
        static JOINED: AtomicUsize = AtomicUsize::new(0);
        let nick = format!("member-{}", JOINED.fetch_add(1, Ordering::Relaxed));
        let mut client = Self::greet_over(stream)?;
        client.send(&Join::new(Nick::new(&nick).map_err(io::Error::other)?, Some(0)))?;
        client.frame(|frame| match frame {
            ServerFrame::Snapshot(part) => part.part.last.then_some(()),
            _ => None,
        })?;
        Ok(client)
    }

    pub(super) fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// File bytes that came or went in all.
    pub(super) fn moved(&self) -> u64 {
        self.moved
    }

    /// The newest item on the shelf, as far as is known.
    pub(super) fn newest(&self) -> io::Result<ItemId> {
        self.newest.ok_or_else(|| io::Error::other("the shelf is empty"))
    }

    pub(super) fn send(&mut self, frame: &impl Frame) -> io::Result<()> {
        self.stream.write_all(&frame.to_bytes())
    }

    /// Downloads an item and drops its bytes; answers how many they were.
    pub(super) fn download(&mut self, item: ItemId) -> io::Result<u64> {
        let transfer = self.next_transfer();
        self.received = 0;
        self.send(&DownloadRequest { transfer, item, offset: None })?;
        let size = self.frame(|frame| match frame {
            ServerFrame::DownloadReady(ready) => Some(ready.item.size),
            _ => None,
        })?;
        while self.received < size {
            self.receive()?;
        }
        Ok(self.received)
    }

    /// Uploads a file, and waits until it is stored.
    pub(super) fn upload(&mut self, content: &Content) -> io::Result<()> {
        let transfer = self.next_transfer();
        let name = FileName::new("file.bin").map_err(io::Error::other)?;
        self.send(&UploadOffer::new(transfer, name, content.bytes()))?;
        self.frame(|frame| matches!(frame, ServerFrame::UploadReady(_)).then_some(()))?;
        for (offset, block) in content.blocks() {
            self.send_data(transfer, offset, block)?;
            self.moved += block.len() as u64;
        }
        self.send(&UploadDone { transfer, digest: content.digest() })?;
        self.frame(|frame| matches!(frame, ServerFrame::UploadStored(_)).then_some(()))
    }

    /// Sends a block as so many data frames as it takes, all at once.
    fn send_data(&mut self, transfer: TransferId, offset: u64, block: &[u8]) -> io::Result<()> {
        let frames = || block.chunks(DATA_BYTES_MAX as usize).zip(0..);
        let head = |(bytes, n): (&[u8], u64)| {
            let offset = offset + n * u64::from(DATA_BYTES_MAX);
            data_head(transfer, offset, bytes.len() as u32)
        };
        let heads: Vec<_> = frames().map(head).collect();
        let pairs = heads.iter().zip(frames());
        let mut slices: Vec<_> = pairs
            .flat_map(|(head, (bytes, _))| [IoSlice::new(head), IoSlice::new(bytes)])
            .collect();
        let mut rest = &mut slices[..];
        while !rest.is_empty() {
            match self.stream.write_vectored(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(sent) => IoSlice::advance_slices(&mut rest, sent),
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(why) => return Err(why),
            }
        }
        Ok(())
    }

    fn next_transfer(&mut self) -> TransferId {
        self.last_transfer += 1;
        TransferId(self.last_transfer)
    }

    /// Waits for the next frame that `pick` wants; drops what comes before. A refusal or a farewell
    /// is an error.
    fn frame<T>(&mut self, mut pick: impl FnMut(&ServerFrame) -> Option<T>) -> io::Result<T> {
        loop {
            match self.next()? {
                Incoming::Frame(frame @ (ServerFrame::Refused(_) | ServerFrame::Goodbye(_))) => {
                    return Err(io::Error::other(format!("the server answers {frame:?}")));
                }
                Incoming::Frame(frame) => {
                    if let Some(found) = pick(&frame) {
                        return Ok(found);
                    }
                }
                Incoming::Event(_) => {}
            }
        }
    }

    /// Waits for whatever comes next, file bytes aside.
    pub(super) fn next(&mut self) -> io::Result<Incoming> {
        loop {
            if let Some(incoming) = self.inbox.pop_front() {
                return Ok(incoming);
            }
            self.receive()?;
        }
    }

    /// What came and was not asked for yet.
    pub(super) fn take_inbox(&mut self) -> VecDeque<Incoming> {
        std::mem::take(&mut self.inbox)
    }

    /// Reads once and takes what came. The end of the connection is an error.
    pub(super) fn receive(&mut self) -> io::Result<()> {
        let bytes = self.stream.read(&mut self.buffer)?;
        if bytes == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let mut input = &self.buffer[..bytes];
        while let Some(received) = self.receiver.next(&mut input).map_err(io::Error::other)? {
            let incoming = match received {
                Received::Data { transfer, offset, bytes } => {
                    if (transfer.0, offset) != (self.last_transfer, self.received) {
                        return Err(io::Error::other("data that was not asked for"));
                    }
                    self.received += bytes.len() as u64;
                    self.moved += bytes.len() as u64;
                    continue;
                }
                Received::Frame(frame) => Incoming::Frame(frame),
                Received::Event { event, .. } => Incoming::Event(event),
            };
            self.newest = incoming.newest_item().or(self.newest);
            self.inbox.push_back(incoming);
        }
        Ok(())
    }
}

impl Incoming {
    fn newest_item(&self) -> Option<ItemId> {
        match self {
            Self::Frame(ServerFrame::Snapshot(part)) => part.items.last().map(|item| item.id),
            Self::Event(Event::Shelved(shelved)) => Some(shelved.item.id),
            _ => None,
        }
    }
}
