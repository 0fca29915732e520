//! A client at the other end of a real socket. It blocks, but never for ever: whatever does not
//! come within [`HANG`] is a failure.
//!
//! Methods that begin with `try_` answer an error when the connection ends, for tests in which it
//! may; the others fail the test.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use chatshelf_common::id::{MessageId, Seq, TransferId};
use chatshelf_common::text::{Message, Nick};
use chatshelf_common::wire::frame::{Goodbye, Join, Leave, Pong, Refused, Rename, Say, Welcome};
use chatshelf_common::wire::{Code, Deframer, Event, Frame, ServerFrame, Unit};

use super::bytes;
use super::server::{HANG, read_some};
use super::transfers::Fetch;
use super::view::View;

/// One connection and all that came over it.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    deframer: Deframer,
    buffer: Vec<u8>,
    inbox: Inbox,
    /// The nick it has in the room.
    pub(crate) nick: Nick,
    last_id: u64,
    pub(super) last_transfer: u32,
}

/// What came, by kind.
#[derive(Default)]
struct Inbox {
    view: View,
    /// Control frames that nobody asked for yet.
    frames: VecDeque<ServerFrame>,
    fetches: BTreeMap<TransferId, Fetch>,
    pings: usize,
    goodbye: Option<Goodbye>,
}

impl Peer {
    /// Connects and says nothing.
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).expect("the server listens"))
    }

    /// Over a connection that was made some other way.
    pub(crate) fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a socket");
        stream.set_read_timeout(Some(HANG)).expect("a socket");
        stream.set_write_timeout(Some(HANG)).expect("a socket");
        Self {
            stream,
            deframer: Deframer::joined(),
            buffer: vec![0; 256 * 1024],
            inbox: Inbox::default(),
            nick: Nick::new("nobody").expect("a nick"),
            last_id: 0,
            last_transfer: 0,
        }
    }

    /// Joins, without history.
    pub(crate) fn join(address: SocketAddr, nick: &str) -> Self {
        Self::join_with(address, nick, Some(0))
    }

    pub(crate) fn join_with(address: SocketAddr, nick: &str, history: Option<u32>) -> Self {
        let mut peer = Self::connect(address);
        peer.send_bytes(&bytes::hello_and_join(nick, history));
        peer.welcomed();
        peer
    }

    /// Joins a server that may end at any moment.
    pub(crate) fn try_join(address: SocketAddr, nick: &str) -> io::Result<Self> {
        let join = Join::new(Nick::new(nick).expect("a nick"), Some(0));
        Self::try_join_as(address, &join).map(|(peer, _)| peer)
    }

    /// Joins such a server by any `Join`.
    pub(crate) fn try_join_as(address: SocketAddr, join: &Join) -> io::Result<(Self, Welcome)> {
        let mut peer = Self::over(TcpStream::connect(address)?);
        peer.try_send_bytes(&[bytes::hello(), join.to_bytes()].concat())?;
        let welcome = peer.try_welcomed()?;
        Ok((peer, welcome))
    }

    /// Waits for the welcome and the whole snapshot.
    #[track_caller]
    pub(crate) fn welcomed(&mut self) -> Welcome {
        self.try_welcomed().expect("a welcome")
    }

    fn try_welcomed(&mut self) -> io::Result<Welcome> {
        let welcome = self.try_frame(|frame| match frame {
            ServerFrame::Welcome(welcome) => Some(welcome.clone()),
            _ => None,
        })?;
        self.nick = welcome.nick.clone();
        self.try_frame(|frame| match frame {
            ServerFrame::Snapshot(part) => part.part.last.then_some(()),
            _ => None,
        })?;
        Ok(welcome)
    }

    /// The room, as it is after all that came so far.
    pub(crate) fn view(&self) -> &View {
        &self.inbox.view
    }

    pub(crate) fn into_view(self) -> View {
        self.inbox.view
    }

    pub(crate) fn fetch(&mut self, transfer: TransferId) -> Option<&mut Fetch> {
        self.inbox.fetches.get_mut(&transfer)
    }

    /// Control frames that came and that nobody asked for.
    pub(crate) fn unread(&self) -> &VecDeque<ServerFrame> {
        &self.inbox.frames
    }

    pub(crate) fn try_send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    #[track_caller]
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.try_send_bytes(bytes).expect("the server reads");
    }

    pub(crate) fn try_send(&mut self, frame: &impl Frame) -> io::Result<()> {
        self.try_send_bytes(&frame.to_bytes())
    }

    #[track_caller]
    pub(crate) fn send(&mut self, frame: &impl Frame) {
        self.try_send(frame).expect("the server reads");
    }

    pub(crate) fn try_say(&mut self, text: &str) -> io::Result<MessageId> {
        let id = self.next_id();
        let text = Message::new(text).expect("a message");
        self.try_send(&Say::new(id, text, None)).map(|()| id)
    }

    /// Says something to everyone.
    #[track_caller]
    pub(crate) fn say(&mut self, text: &str) -> MessageId {
        self.try_say(text).expect("the server reads")
    }

    pub(crate) fn next_id(&mut self) -> MessageId {
        self.last_id += 1;
        MessageId(self.last_id)
    }

    /// Waits for the echo of an own message.
    pub(crate) fn try_echo(&mut self, id: MessageId) -> io::Result<Seq> {
        let (nick, joined) = (self.nick.clone(), self.view().joined);
        self.try_event(|event| match event {
            // The history may hold the same number of a former connection.
            Event::Said(said) if said.seq > joined => {
                (said.id == id && said.nick == nick).then_some(said.seq)
            }
            _ => None,
        })
    }

    /// Says something and waits for the echo, which everything said before has overtaken.
    #[track_caller]
    pub(crate) fn say_and_hear(&mut self, text: &str) -> Seq {
        let id = self.say(text);
        self.try_echo(id).expect("an echo")
    }

    /// Waits until someone has said this.
    #[track_caller]
    pub(crate) fn hear(&mut self, text: &str) -> Seq {
        self.event(|event| match event {
            Event::Said(said) => (said.text.as_str() == text).then_some(said.seq),
            _ => None,
        })
    }

    /// Takes another nick.
    #[track_caller]
    pub(crate) fn rename(&mut self, to: &str) {
        let to = Nick::new(to).expect("a nick");
        self.send(&Rename { nick: to.clone() });
        self.event(|event| match event {
            Event::Renamed(renamed) => (renamed.to == to).then_some(()),
            _ => None,
        });
        self.nick = to;
    }

    /// Waits until a member is gone, and says why.
    #[track_caller]
    pub(crate) fn sees_leave(&mut self, nick: &str) -> Code {
        self.event(|event| match event {
            Event::Left(left) if left.nick.as_str() == nick => Some(left.code),
            _ => None,
        })
    }

    /// The first event, since the connection began, that `pick` wants.
    pub(crate) fn try_event<T>(
        &mut self,
        mut pick: impl FnMut(&Event) -> Option<T>,
    ) -> io::Result<T> {
        let (started, mut at) = (Instant::now(), 0);
        loop {
            let new = &self.inbox.view.seen[at..];
            if let Some(found) = new.iter().find_map(|seen| pick(&seen.event)) {
                return Ok(found);
            }
            at = self.inbox.view.seen.len();
            self.read_before(started)?;
        }
    }

    #[track_caller]
    pub(crate) fn event<T>(&mut self, pick: impl FnMut(&Event) -> Option<T>) -> T {
        self.try_event(pick).expect("an event")
    }

    /// The first control frame that `pick` wants and that nobody had yet.
    pub(crate) fn try_frame<T>(
        &mut self,
        mut pick: impl FnMut(&ServerFrame) -> Option<T>,
    ) -> io::Result<T> {
        let (started, mut at) = (Instant::now(), 0);
        loop {
            while let Some(frame) = self.inbox.frames.get(at) {
                if let Some(found) = pick(frame) {
                    self.inbox.frames.remove(at);
                    return Ok(found);
                }
                at += 1;
            }
            self.read_before(started)?;
        }
    }

    #[track_caller]
    pub(crate) fn frame<T>(&mut self, pick: impl FnMut(&ServerFrame) -> Option<T>) -> T {
        self.try_frame(pick).expect("a frame")
    }

    #[track_caller]
    pub(crate) fn refused(&mut self) -> Refused {
        self.frame(|frame| match frame {
            ServerFrame::Refused(refused) => Some(refused.clone()),
            _ => None,
        })
    }

    /// Reads to the end of the connection; the last frame must be a farewell.
    #[track_caller]
    pub(crate) fn goodbye(&mut self) -> Goodbye {
        let started = Instant::now();
        let end = loop {
            if let Err(why) = self.read_before(started) {
                break why;
            }
        };
        assert_eq!(end.kind(), ErrorKind::UnexpectedEof, "the end is orderly: {end}");
        assert!(self.deframer.is_between_frames(), "the end is between frames");
        self.inbox.goodbye.clone().expect("a farewell before the end")
    }

    /// Says that it leaves, and waits for the farewell.
    pub(crate) fn try_leave(&mut self) -> io::Result<()> {
        self.try_send(&Leave {})?;
        let started = Instant::now();
        while self.inbox.goodbye.is_none() {
            self.read_before(started)?;
        }
        let code = self.inbox.goodbye.as_ref().map(|farewell| farewell.code);
        assert_eq!(code, Some(Code::LEFT), "{}", self.nick);
        Ok(())
    }

    /// Reads until it is true of all that came so far.
    pub(crate) fn try_until(&mut self, is_done: impl Fn(&mut Self) -> bool) -> io::Result<()> {
        let started = Instant::now();
        while !is_done(self) {
            self.read_before(started)?;
        }
        Ok(())
    }

    fn read_before(&mut self, started: Instant) -> io::Result<()> {
        if started.elapsed() > HANG {
            return Err(io::Error::new(ErrorKind::TimedOut, "much came, but not that"));
        }
        self.read_once()
    }

    /// Reads once and takes what came. The end of the connection is an error.
    pub(crate) fn read_once(&mut self) -> io::Result<()> {
        let bytes = read_some(&mut self.stream, &mut self.buffer)?;
        if bytes == 0 {
            let last = format!("the server closed; its farewell: {:?}", self.inbox.goodbye);
            return Err(io::Error::new(ErrorKind::UnexpectedEof, last));
        }
        let mut input = &self.buffer[..bytes];
        while let Some(unit) = self.deframer.next(&mut input).expect("frames within the limits") {
            self.inbox.take(unit);
        }
        for _ in 0..std::mem::take(&mut self.inbox.pings) {
            self.stream.write_all(&Pong {}.to_bytes())?;
        }
        Ok(())
    }
}

impl Inbox {
    fn take(&mut self, unit: Unit<'_>) {
        assert_eq!(self.goodbye, None, "a farewell is the last frame");
        let (header, value) = match unit {
            Unit::Control { header, value } => (header, value),
            Unit::Chunk { transfer, offset, bytes } => {
                let fetch = self.fetches.get_mut(&transfer).expect("data of a download");
                return fetch.take(offset, bytes);
            }
        };
        if (0xC0..=0xCF).contains(&header.kind) {
            let event = Event::decode(header.kind, value).expect("an event");
            return self.view.event(event, [&header.to_bytes()[..], value].concat());
        }
        let frame = ServerFrame::decode(header.kind, value).expect("a frame of a server");
        match &frame {
            ServerFrame::Welcome(welcome) => self.view.welcome(welcome),
            ServerFrame::Snapshot(part) => self.view.snapshot(part.clone()),
            ServerFrame::Gap(gap) => self.view.gap(gap),
            ServerFrame::Goodbye(goodbye) => self.goodbye = Some(goodbye.clone()),
            ServerFrame::ServerPing(_) => self.pings += 1,
            ServerFrame::DownloadReady(ready) => {
                self.fetches.insert(ready.transfer, Fetch::new(ready));
            }
            ServerFrame::Refused(Refused { transfer: Some(transfer), .. }) => {
                if let Some(fetch) = self.fetches.get_mut(transfer) {
                    fetch.end();
                }
            }
            _ => {}
        }
        self.frames.push_back(frame);
    }
}
