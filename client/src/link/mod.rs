//! A session on a socket: connects without blocking, reads and writes what is ready, and connects
//! again when the session wants it.
//!
//! Owns the socket and its latched readiness; `dial` makes the connection, `race` decides which
//! address is tried when, `resolve` looks the addresses up, `tls` encrypts what the session sends,
//! and `web` makes messages of it, if the `carrier` says so. One poll can drive many links: each is
//! given the events of its token, and reads into a buffer of the caller's. The session decides when
//! to connect, and knows nothing about encryption: it hears of a connection once the server is
//! trusted.

mod carrier;
mod dial;
mod race;
mod resolve;
mod socket;
mod stream;
#[cfg(test)]
mod tests;
mod tls;
pub mod web;

use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Instant;

use chatshelf_common::fingerprint::Fingerprint;
use chatshelf_common::wire::frame::Goodbye;
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Registry, Token};

use crate::lang::tr;
use crate::plain_error::plain_error;
use crate::session::{BLOCK_BYTES, Privacy, Session, SessionError};
use crate::trust::{Notice, Trust, Untrusted};
use carrier::Handshake;
use dial::Dial;
use stream::Stream;

pub use carrier::{Carrier, HANDSHAKE_TIMEOUT};
pub use race::CONNECT_TIMEOUT;
pub use resolve::Route;

/// Reads in one turn, so that one link cannot starve the others.
const READS_PER_TURN: usize = 16;

/// A session and its socket.
#[derive(Debug)]
pub struct Link {
    session: Session,
    socket: Socket,
    carrier: Carrier,
    route: Route,
    token: Token,
    /// Readiness as the poll last said, until a call says otherwise.
    readable: bool,
    writable: bool,
}

#[derive(Debug)]
enum Socket {
    Dialing(Dial),
    /// The server is about to prove which key it has.
    ShakingHands(Handshake),
    /// The server's key is unknown: [`Link::accept_key`] makes another connection.
    Asking(Untrusted),
    Open(Stream),
    Closed,
}

/// How a connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// Not at all.
    None,
    /// It is encrypted; nobody has confirmed the server's key.
    Unverified,
    /// It is encrypted, and the server is the one that is meant.
    Verified,
}

/// Why a link is lost for good.
#[derive(Debug)]
pub enum LinkError {
    /// No address was found or could be connected to; this is the most telling reason.
    Connect(io::Error),
    /// The server is not known to be the right one.
    Untrusted(Untrusted),
    /// The connection was turned away before it was encrypted, so anybody may have said this.
    TurnedAway(Goodbye),
    /// The connection ended without a `Goodbye`: by an error, or by the server closing it.
    Lost(Option<io::Error>),
    /// The server broke the protocol or fell silent.
    Session(SessionError),
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) | Self::Lost(Some(error)) => f.write_str(&plain_error(error)),
            Self::Untrusted(why) => why.fmt(f),
            Self::TurnedAway(goodbye) => goodbye.code.fmt(f),
            Self::Lost(None) => f.write_str(tr!("the server closed it")),
            Self::Session(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LinkError {}

impl From<SessionError> for LinkError {
    fn from(error: SessionError) -> Self {
        Self::Session(error)
    }
}

impl Link {
    /// Starts to connect.
    ///
    /// # Errors
    /// [`LinkError::Connect`] when it fails at once.
    pub fn connect(
        route: Route,
        carrier: Carrier,
        session: Session,
        registry: &Registry,
        token: Token,
        now: Instant,
    ) -> Result<Self, LinkError> {
        let (socket, readable, writable) = (Socket::Closed, false, false);
        let mut link = Self { session, socket, carrier, route, token, readable, writable };
        link.connect_if_wanted(registry, now)?;
        Ok(link)
    }

    /// The session.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The session, to be given commands and polled.
    pub fn session_mut(&mut self) -> &mut Session {
        &mut self.session
    }

    /// True while there is a connection.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        matches!(self.socket, Socket::Open(_))
    }

    /// How what is sent is protected, while there is a connection.
    #[must_use]
    pub fn encryption(&self) -> Option<Encryption> {
        let Socket::Open(stream) = &self.socket else { return None };
        let is_confirmed = self.carrier.trust().is_some_and(Trust::is_confirmed);
        Some(match stream.is_encrypted() {
            true if is_confirmed => Encryption::Verified,
            true => Encryption::Unverified,
            false => Encryption::None,
        })
    }

    /// True if its connections are encrypted, also while there is none.
    #[must_use]
    pub fn encrypts(&self) -> bool {
        self.carrier.trust().is_some()
    }

    /// The server's key, while the user has to say whether it is the right one.
    #[must_use]
    pub fn question(&self) -> Option<Fingerprint> {
        match &self.socket {
            Socket::Asking(unknown) => unknown.question(),
            _ => None,
        }
    }

    /// The user says that this key is the right one: connects again, to a server that has it.
    pub fn accept_key(&mut self, now: Instant) {
        if let (Some(key), Some(trust)) = (self.question(), self.carrier.trust_mut()) {
            trust.accept(key);
            self.socket = Socket::Dialing(Dial::begin(&mut self.route, now));
        }
    }

    /// The user says that it is not: why there is no connection.
    pub fn refuse_key(&mut self) -> Option<LinkError> {
        match std::mem::replace(&mut self.socket, Socket::Closed) {
            Socket::Asking(unknown) => Some(LinkError::Untrusted(unknown)),
            other => {
                self.socket = other;
                None
            }
        }
    }

    /// The server's key, if it was accepted in this run and nobody has confirmed it.
    #[must_use]
    pub fn unconfirmed_key(&self) -> Option<Fingerprint> {
        self.carrier.trust()?.unconfirmed()
    }

    /// Something that the user should be told about the server's key.
    pub fn take_notice(&mut self) -> Option<Notice> {
        self.carrier.trust_mut()?.take_notice()
    }

    /// When to serve the link at the latest, if nothing happens before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.socket {
            Socket::Dialing(dial) => dial.wake_at(),
            Socket::ShakingHands(handshake) => Some(handshake.deadline()),
            Socket::Asking(_) => None,
            Socket::Open(_) | Socket::Closed => self.session.poll_timeout(),
        }
    }

    /// True when the link has work that no event will announce: serve it again, without waiting.
    #[must_use]
    pub fn wants_turn(&self) -> bool {
        let Socket::Open(stream) = &self.socket else { return false };
        let has_output = self.session.has_output() || stream.has_pending();
        (self.readable && self.session.wants_input()) || (self.writable && has_output)
    }

    /// Notes what the poll says of this link's token.
    pub fn handle_ready(&mut self, event: &Event) {
        self.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.writable |= event.is_writable() || event.is_write_closed() || event.is_error();
    }

    /// Drops the connection and lets the session reconnect at once.
    ///
    /// # Errors
    /// When the session does not reconnect.
    pub fn reconnect(&mut self, now: Instant) -> Result<(), LinkError> {
        if self.is_connected() {
            let why = io::Error::new(ErrorKind::Interrupted, "given up for a new one");
            self.lose(LinkError::Lost(Some(why)), now)?;
        }
        self.session.reconnect_now(now);
        Ok(())
    }

    /// Connects, or reads what has arrived; `scratch` is at most [`BLOCK_BYTES`] long.
    ///
    /// # Errors
    /// When the link is lost for good: the session is over, and not because of a `Goodbye`.
    pub fn receive(
        &mut self,
        registry: &Registry,
        scratch: &mut [u8],
        now: Instant,
    ) -> Result<(), LinkError> {
        debug_assert!(!scratch.is_empty() && scratch.len() <= BLOCK_BYTES);
        self.connect_if_wanted(registry, now)?;
        for _ in 0..READS_PER_TURN {
            let Socket::Open(stream) = &mut self.socket else { return Ok(()) };
            if !self.readable || !self.session.wants_input() {
                break;
            }
            match stream.read(scratch) {
                Ok(0) => return self.lose(LinkError::Lost(None), now),
                Ok(count) => {
                    let handled = self.session.handle_bytes(&scratch[..count], now);
                    self.close_if_unused();
                    handled?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return self.lose(LinkError::Lost(Some(error)), now),
            }
        }
        if self.is_connected() {
            let handled = self.session.handle_timeout(now);
            self.close_if_unused();
            handled?;
        }
        Ok(())
    }

    /// Sends what the session has to send, as much as the socket accepts.
    ///
    /// # Errors
    /// When the link is lost for good. What had arrived before is handled first: it may say why.
    pub fn transmit(
        &mut self,
        registry: &Registry,
        scratch: &mut [u8],
        now: Instant,
    ) -> Result<(), LinkError> {
        let mut written = 0;
        let error = loop {
            let Socket::Open(stream) = &mut self.socket else { return Ok(()) };
            if let Some(bytes) = self.session.poll_unsent_limit() {
                stream.limit_unsent(bytes);
            }
            if self.writable {
                match stream.flush_pending() {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
                    Err(error) => break error,
                }
            }
            let is_drained = self.session.output()[0].is_empty();
            if !self.writable || is_drained {
                self.session.handle_written(written, !self.writable, now);
                return Ok(());
            }
            let is_piece = self.session.output_is_piece();
            match stream.write(self.session.output(), is_piece) {
                Ok(0) => break io::Error::from(ErrorKind::WriteZero),
                Ok(count) => {
                    written += count;
                    self.session.advance_output(count, now);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break error,
            }
        };
        self.writable = false;
        self.readable = true;
        self.receive(registry, scratch, now)?;
        if self.is_connected() {
            return self.lose(LinkError::Lost(Some(error)), now);
        }
        Ok(())
    }

    /// The connection is lost: the session waits for the next one, or is over.
    fn lose(&mut self, why: LinkError, now: Instant) -> Result<(), LinkError> {
        self.close();
        match &why {
            LinkError::TurnedAway(goodbye) => {
                self.session.handle_turned_away(goodbye.clone(), now);
            }
            why => self.session.handle_lost(why.to_string(), now),
        }
        if self.session.is_over() { Err(why) } else { Ok(()) }
    }

    fn close(&mut self) {
        if let Socket::Open(stream) = &mut self.socket {
            stream.close();
        }
        self.socket = Socket::Closed;
        (self.readable, self.writable) = (false, false);
    }

    /// Closes the socket when the session no longer needs it.
    fn close_if_unused(&mut self) {
        if self.is_connected() && (self.session.is_over() || self.session.is_offline()) {
            self.close();
        }
    }

    /// Connects when the session wants to: begins, or continues.
    fn connect_if_wanted(&mut self, registry: &Registry, now: Instant) -> Result<(), LinkError> {
        if matches!(self.socket, Socket::Closed) && self.session.wants_connection(now) {
            self.session.handle_connecting();
            self.socket = Socket::Dialing(Dial::begin(&mut self.route, now));
        }
        if let Socket::Dialing(dial) = &mut self.socket {
            let dialed = match dial.advance(&mut self.route, registry, self.token, now) {
                Ok(Some(socket)) => self.take_up(socket, now),
                Ok(None) => return Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = dialed {
                return self.lose(LinkError::Connect(error), now);
            }
        }
        self.shake_hands(now)
    }

    /// A socket is connected: it carries the session now, or after a handshake.
    fn take_up(&mut self, socket: TcpStream, now: Instant) -> io::Result<()> {
        socket::configure(&socket);
        if let Some(trust) = self.carrier.trust() {
            let handshake = Handshake::begin(socket, trust, self.carrier.alpn(), now)?;
            self.socket = Socket::ShakingHands(handshake);
            return Ok(());
        }
        let privacy = carrier::privacy_of_plain(&socket);
        self.open(Stream::plain(socket), privacy, now)
    }

    /// Continues a handshake. Nothing else is sent until the server is trusted.
    fn shake_hands(&mut self, now: Instant) -> Result<(), LinkError> {
        let (Socket::ShakingHands(handshake), Some(trust)) =
            (&mut self.socket, self.carrier.trust_mut())
        else {
            return Ok(());
        };
        match handshake.advance(now) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) => return self.lose(error, now),
        }
        let trusted = handshake.judge(trust);
        let Socket::ShakingHands(handshake) = std::mem::replace(&mut self.socket, Socket::Closed)
        else {
            return Ok(());
        };
        match trusted {
            Ok(privacy) => {
                let opened = self.open(Stream::encrypted(handshake.into_stream()), privacy, now);
                return opened.or_else(|error| self.lose(LinkError::Connect(error), now));
            }
            Err(LinkError::Untrusted(unknown)) if unknown.question().is_some() => {
                self.socket = Socket::Asking(unknown);
            }
            // Whether the session would try again does not matter: nobody else may answer it.
            Err(untrusted @ LinkError::Untrusted(_)) => return Err(untrusted),
            Err(error) => return self.lose(error, now),
        }
        Ok(())
    }

    /// The session has its connection.
    fn open(&mut self, mut stream: Stream, privacy: Privacy, now: Instant) -> io::Result<()> {
        if matches!(self.carrier, Carrier::Web(_)) {
            stream.speak_web()?;
        }
        self.session.note_privacy(privacy);
        self.session.handle_connected(now);
        self.socket = Socket::Open(stream);
        (self.readable, self.writable) = (true, true);
        Ok(())
    }
}
