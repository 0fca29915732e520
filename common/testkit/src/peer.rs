//! A client at the other end of a real socket, checked by an [`Inbox`]. It blocks, but never for
//! ever: whatever does not come within [`HANG`] is a failure.
//!
//! Methods that begin with `try_` answer an error when the connection ends, for tests in which it
//! may; the others fail the test.

mod transfers;

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use chatshelf_common::id::{MessageId, Seq, TransferId};
use chatshelf_common::text::Nick;
use chatshelf_common::wire::frame::{
    Goodbye, Join, Leave, Pong, Refused, Rename, Said, Say, Welcome,
};
use chatshelf_common::wire::{Code, Event, Frame, ServerFrame};

use crate::inbox::{Download, Inbox};
use crate::raw;
use crate::receiver::Received;
use crate::samples::{message, nick};
use crate::stream::{Base, Stream, WebStream};
use crate::tls::{self, TlsStream};
use crate::view::View;
use crate::wait::{HANG, read_some};

/// Bytes that are read at once.
const READ_BYTES: usize = 256 * 1024;

/// One connection and all that came over it.
#[derive(Debug)]
pub struct Peer {
    stream: Stream,
    buffer: Vec<u8>,
    inbox: Inbox,
    /// Control frames that nobody has asked for yet.
    unread: VecDeque<ServerFrame>,
    nick: Nick,
    last_message: u64,
    last_transfer: TransferId,
}

impl Peer {
    /// Connects and says nothing.
    ///
    /// # Panics
    /// When nobody listens.
    #[track_caller]
    pub fn connect(server: SocketAddr) -> Self {
        Self::over(TcpStream::connect(server).expect("the server listens"))
    }

    /// Over a connection that was made some other way.
    ///
    /// # Panics
    /// When the system refuses its options.
    pub fn over(stream: TcpStream) -> Self {
        Self::new(Stream::Direct(Base::Plain(stream)))
    }

    /// Connects over TLS, trusting whatever key the server has, and says nothing.
    ///
    /// # Panics
    /// When nobody listens.
    #[track_caller]
    pub fn connect_tls(server: SocketAddr) -> Self {
        let stream = TcpStream::connect(server).expect("the server listens");
        Self::new(Stream::Direct(Base::Tls(Box::new(tls::stream(stream)))))
    }

    /// Joins over TLS, without history.
    #[track_caller]
    pub fn join_tls(server: SocketAddr, nick: &str) -> Self {
        let mut peer = Self::connect_tls(server);
        peer.send_bytes(&raw::hello_and_join(nick, Some(0)));
        peer.welcomed();
        peer
    }

    /// Joins over WebSocket, and TLS below it if it is to be `encrypted`, without history.
    #[track_caller]
    pub fn join_web(server: SocketAddr, nick: &str, encrypted: bool) -> Self {
        let tcp = TcpStream::connect(server).expect("the server listens");
        let base = if encrypted { Base::foreign_tls(tcp) } else { Base::Plain(tcp) };
        Self::join_over_web(base, server, nick)
    }

    /// The same over a connection that may have served for HTTP before.
    #[track_caller]
    pub fn join_over_web(base: Base, server: SocketAddr, nick: &str) -> Self {
        let web = WebStream::open(base, server).expect("the server speaks WebSocket");
        let mut peer = Self::new(Stream::Web(Box::new(web)));
        peer.send_bytes(&raw::hello_and_join(nick, Some(0)));
        peer.welcomed();
        peer
    }

    /// The layer of TLS, if it has one.
    pub fn tls(&mut self) -> Option<&mut TlsStream> {
        match &mut self.stream {
            Stream::Direct(Base::Tls(tls)) => Some(tls),
            _ => None,
        }
    }

    fn new(stream: Stream) -> Self {
        let tcp = stream.tcp();
        tcp.set_nodelay(true).expect("a socket");
        tcp.set_read_timeout(Some(HANG)).expect("a socket");
        tcp.set_write_timeout(Some(HANG)).expect("a socket");
        Self {
            stream,
            buffer: vec![0; READ_BYTES],
            inbox: Inbox::default(),
            unread: VecDeque::new(),
            nick: nick("nobody"),
            last_message: 0,
            last_transfer: TransferId(0),
        }
    }

    /// Joins without history.
    #[track_caller]
    pub fn join(server: SocketAddr, nick: &str) -> Self {
        Self::join_with(server, nick, Some(0))
    }

    /// Joins with so many lines of history.
    #[track_caller]
    pub fn join_with(server: SocketAddr, nick: &str, history: Option<u32>) -> Self {
        let mut peer = Self::connect(server);
        peer.send_bytes(&raw::hello_and_join(nick, history));
        peer.welcomed();
        peer
    }

    /// Joins a server that may end at any moment.
    ///
    /// # Errors
    /// When it ends.
    pub fn try_join(server: SocketAddr, name: &str) -> io::Result<Self> {
        Self::try_join_as(server, &Join::new(nick(name), Some(0))).map(|(peer, _)| peer)
    }

    /// Joins such a server by any `Join`.
    ///
    /// # Errors
    /// When it ends.
    pub fn try_join_as(server: SocketAddr, join: &Join) -> io::Result<(Self, Welcome)> {
        let mut peer = Self::over(TcpStream::connect(server)?);
        peer.try_send_bytes(&[raw::hello(), join.to_bytes()].concat())?;
        let welcome = peer.try_welcomed()?;
        Ok((peer, welcome))
    }

    /// Waits for the welcome and the whole snapshot.
    #[track_caller]
    pub fn welcomed(&mut self) -> Welcome {
        self.try_welcomed().expect("a welcome")
    }

    fn try_welcomed(&mut self) -> io::Result<Welcome> {
        let welcome = self.try_frame(|frame| match frame {
            ServerFrame::Welcome(welcome) => Some(welcome.clone()),
            _ => None,
        })?;
        self.nick = welcome.nick.clone();
        self.try_until(|peer| !peer.view().awaits_snapshot())?;
        Ok(welcome)
    }

    /// The nick that it has in the room.
    pub fn nick(&self) -> &Nick {
        &self.nick
    }

    /// The socket, for what the protocol knows nothing of.
    pub fn stream(&self) -> &TcpStream {
        self.stream.tcp()
    }

    /// The room, after all that came so far.
    pub fn view(&self) -> &View {
        self.inbox.view()
    }

    /// The same, when nothing more is received.
    pub fn into_view(self) -> View {
        self.inbox.into_view()
    }

    /// A download that the server has begun.
    pub fn fetch(&self, transfer: TransferId) -> Option<&Download> {
        self.inbox.download(transfer)
    }

    /// Control frames that came and that nobody has asked for.
    pub fn unread(&self) -> &VecDeque<ServerFrame> {
        &self.unread
    }

    /// Sends any bytes.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn try_send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Sends any bytes.
    #[track_caller]
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.try_send_bytes(bytes).expect("the server reads");
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// When the connection has ended.
    pub fn try_send(&mut self, frame: &impl Frame) -> io::Result<()> {
        self.try_send_bytes(&frame.to_bytes())
    }

    /// Sends a frame.
    #[track_caller]
    pub fn send(&mut self, frame: &impl Frame) {
        self.try_send(frame).expect("the server reads");
    }

    /// Says something to everyone.
    #[track_caller]
    pub fn say(&mut self, text: &str) -> MessageId {
        let id = self.next_id();
        self.send(&Say::new(id, message(text), None));
        id
    }

    /// A number for the next message.
    pub fn next_id(&mut self) -> MessageId {
        self.last_message += 1;
        MessageId(self.last_message)
    }

    /// Waits for the echo of an own message.
    ///
    /// # Errors
    /// When the connection ends first.
    pub fn try_echo(&mut self, id: MessageId) -> io::Result<Seq> {
        let (nick, joined) = (self.nick.clone(), self.view().joined());
        self.try_event(|event| match event {
            // The history may hold the same number of an earlier connection.
            Event::Said(said) if said.seq > joined => {
                (said.id == id && said.nick == nick).then_some(said.seq)
            }
            _ => None,
        })
    }

    /// Says something and waits for the echo, before which everything said earlier has come.
    #[track_caller]
    pub fn say_and_hear(&mut self, text: &str) -> Seq {
        let id = self.say(text);
        self.try_echo(id).expect("an echo")
    }

    /// Waits until someone has said this.
    #[track_caller]
    pub fn hear(&mut self, text: &str) -> Seq {
        self.hear_any(|said| said.text.as_str() == text)
    }

    /// Waits until someone has said a line that fits.
    #[track_caller]
    pub fn hear_any(&mut self, mut fits: impl FnMut(&Said) -> bool) -> Seq {
        self.event(|event| match event {
            Event::Said(said) if fits(said) => Some(said.seq),
            _ => None,
        })
    }

    /// Takes another nick.
    #[track_caller]
    pub fn rename(&mut self, to: &str) {
        let to = nick(to);
        self.send(&Rename { nick: to.clone() });
        self.event(|event| match event {
            Event::Renamed(renamed) => (renamed.to == to).then_some(()),
            _ => None,
        });
        self.nick = to;
    }

    /// Waits until someone has joined.
    #[track_caller]
    pub fn sees_join(&mut self, nick: &str) {
        self.event(|event| match event {
            Event::Joined(joined) => (joined.nick.as_str() == nick).then_some(()),
            _ => None,
        });
    }

    /// Waits until someone has left, and says why.
    #[track_caller]
    pub fn sees_leave(&mut self, nick: &str) -> Code {
        self.event(|event| match event {
            Event::Left(left) if left.nick.as_str() == nick => Some(left.code),
            _ => None,
        })
    }

    /// The first event since the connection began that `pick` wants.
    ///
    /// # Errors
    /// When the connection ends first.
    fn try_event<T>(&mut self, mut pick: impl FnMut(&Event) -> Option<T>) -> io::Result<T> {
        let (started, mut at) = (Instant::now(), 0);
        loop {
            let events = self.view().events();
            if let Some(found) = events[at..].iter().find_map(&mut pick) {
                return Ok(found);
            }
            at = events.len();
            self.read_before(started)?;
        }
    }

    /// The first event since the connection began that `pick` wants.
    #[track_caller]
    pub fn event<T>(&mut self, pick: impl FnMut(&Event) -> Option<T>) -> T {
        self.try_event(pick).expect("an event")
    }

    /// The first control frame that `pick` wants and that nobody had yet.
    ///
    /// # Errors
    /// When the connection ends first.
    pub fn try_frame<T>(
        &mut self,
        mut pick: impl FnMut(&ServerFrame) -> Option<T>,
    ) -> io::Result<T> {
        let (started, mut at) = (Instant::now(), 0);
        loop {
            while let Some(frame) = self.unread.get(at) {
                if let Some(found) = pick(frame) {
                    self.unread.remove(at);
                    return Ok(found);
                }
                at += 1;
            }
            self.read_before(started)?;
        }
    }

    /// The first control frame that `pick` wants and that nobody had yet.
    #[track_caller]
    pub fn frame<T>(&mut self, pick: impl FnMut(&ServerFrame) -> Option<T>) -> T {
        self.try_frame(pick).expect("a frame")
    }

    /// Waits for a refusal.
    #[track_caller]
    pub fn refused(&mut self) -> Refused {
        self.frame(|frame| match frame {
            ServerFrame::Refused(refused) => Some(refused.clone()),
            _ => None,
        })
    }

    /// Reads to the end of the connection; the last frame must be a goodbye.
    ///
    /// # Panics
    /// When the end is not orderly.
    #[track_caller]
    pub fn goodbye(&mut self) -> Goodbye {
        let started = Instant::now();
        let end = loop {
            if let Err(why) = self.read_before(started) {
                break why;
            }
        };
        assert_eq!(end.kind(), ErrorKind::UnexpectedEof, "the end is orderly: {end}");
        assert!(self.inbox.is_between_frames(), "the end is between frames");
        self.inbox.goodbye().expect("a goodbye before the end").clone()
    }

    /// Leaves, and waits for the goodbye.
    ///
    /// # Errors
    /// When the connection ends without one.
    ///
    /// # Panics
    /// When the goodbye gives another reason.
    pub fn try_leave(&mut self) -> io::Result<()> {
        self.try_send(&Leave {})?;
        self.try_until(|peer| peer.inbox.goodbye().is_some())?;
        let code = self.inbox.goodbye().map(|goodbye| goodbye.code);
        assert_eq!(code, Some(Code::LEFT), "{}", self.nick);
        Ok(())
    }

    /// Reads until something is true of all that came so far.
    ///
    /// # Errors
    /// When the connection ends first.
    pub fn try_until(&mut self, is_done: impl Fn(&Self) -> bool) -> io::Result<()> {
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

    /// Reads once and takes what came.
    ///
    /// # Errors
    /// When the connection ends.
    pub fn read_once(&mut self) -> io::Result<()> {
        let bytes = read_some(&mut self.stream, &mut self.buffer)?;
        if bytes == 0 {
            let last = format!("the server closed; its goodbye: {:?}", self.inbox.goodbye());
            return Err(io::Error::new(ErrorKind::UnexpectedEof, last));
        }
        let Self { inbox, unread, buffer, .. } = self;
        inbox.take(&buffer[..bytes], |received| {
            if let Received::Frame(frame) = received {
                unread.push_back(frame);
            }
        });
        (0..self.inbox.take_pings()).try_for_each(|_| self.try_send(&Pong {}))
    }
}
