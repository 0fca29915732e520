//! What carries an accepted connection. The first byte decides: the protocol's own, that of a TLS
//! record, or a letter, with which a request of HTTP begins; over TLS the two sides may have agreed
//! on it before (ALPN). Until it is decided, and over plain TCP for good, a connection costs no
//! more than its socket.

mod base;

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use chatshelf_common::wire::Code;
use mio::Registry;
use mio::net::TcpStream;
use rustls::ServerConfig;

use super::http;
use super::tls::{TlsContext, TlsTransport};
use super::transport::TcpTransport;
use super::web::WebTransport;
use super::web::site::{Caller, Site};
use super::websocket::WebSocketTransport;
use crate::disk::readahead::FilePart;
use crate::engine::{Refusal, Transport, Visitor};
use crate::peer_scope::PeerScope;
use crate::token::Token;

pub use base::Base;

/// The type of a TLS record with which a handshake begins (RFC 8446, section 5.1). No frame of the
/// protocol that comes first has this number.
const TLS_HANDSHAKE: u8 = 0x16;

/// Bytes that are read before it is decided: a head of HTTP at most. What follows a head stays in
/// the kernel until the request is granted, which can take minutes.
const FIRST_BYTES_MAX: usize = http::HEAD_BYTES_MAX;

/// A connection's transport.
#[derive(Debug)]
pub enum Carrier {
    /// Undecided: nothing has arrived, or nothing over TLS. `None` only while it is being decided.
    Undecided(Option<Box<Undecided>>),
    /// The protocol's bytes, over TCP or TLS.
    Direct(Base),
    /// HTTP.
    Web(Box<WebTransport<Base>>),
    /// The protocol's bytes over WebSocket.
    WebSocket(Box<WebSocketTransport<Base>>),
}

/// What is needed to decide.
#[derive(Debug)]
pub struct Undecided {
    base: Base,
    peer: SocketAddr,
    token: Token,
    carriers: Rc<Carriers>,
}

/// The settings by which it is decided for all connections. They may change while the server runs;
/// existing connections keep what they have.
#[derive(Debug)]
pub struct Carriers {
    tls: Rc<TlsContext>,
    site: Rc<Site>,
    allow_plain: Cell<PeerScope>,
}

impl Carriers {
    /// Creates it with the configuration of TLS, and what browsers find.
    #[must_use]
    pub fn new(config: Arc<ServerConfig>, allow_plain: PeerScope, site: Site) -> Rc<Self> {
        let (tls, site) = (TlsContext::new(config), Rc::new(site));
        Rc::new(Self { tls, site, allow_plain: Cell::new(allow_plain) })
    }

    /// Allows plain TCP to other peers than before from now on.
    pub fn allow_plain(&self, from: PeerScope) {
        self.allow_plain.set(from);
    }

    /// What connections over TLS share.
    #[must_use]
    pub fn tls(&self) -> &Rc<TlsContext> {
        &self.tls
    }

    /// What connections over HTTP share.
    #[must_use]
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// Carries a connected, non-blocking socket, which the poll reports under this token.
    ///
    /// # Errors
    /// If the system cannot register the socket with the poll.
    pub fn carry(
        self: &Rc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Carrier> {
        let mut tcp = TcpTransport::new(stream);
        tcp.register(registry, token)?;
        let base = Base::Plain(tcp);
        let undecided = Undecided { base, peer, token, carriers: Rc::clone(self) };
        Ok(Carrier::Undecided(Some(Box::new(undecided))))
    }
}

impl Undecided {
    /// Begins TLS over the bare socket, from which this was already read.
    fn begin_tls(self, first: &[u8]) -> io::Result<Self> {
        let Base::Plain(tcp) = self.base else { return Ok(self) };
        let tls = TlsTransport::new(tcp, &self.carriers.tls, self.token, first);
        let base = Base::Tls(Box::new(tls.map_err(io::Error::other)?));
        Ok(Self { base, ..self })
    }

    /// Decides by the first bytes, at least one.
    ///
    /// # Errors
    /// A [`Refusal`] if the protocol's bytes may not come as they are.
    fn decide(self, first: &[u8]) -> (Carrier, io::Result<()>) {
        let Self { base, peer, carriers, .. } = self;
        let is_encrypted = matches!(base, Base::Tls(_));
        if carriers.site.is_open() && base.is_web(first[0]) {
            let may_be_plain = carriers.allow_plain.get() != PeerScope::None;
            let caller = Caller { peer, is_encrypted, may_be_plain };
            let web = WebTransport::new(base, &carriers.site, caller, first);
            return (Carrier::Web(Box::new(web)), Ok(()));
        }
        let may_come = match is_encrypted || carriers.allow_plain.get().includes(peer) {
            true => Ok(()),
            false => Err(Refusal(Code::NOT_ENCRYPTED).into()),
        };
        (Carrier::Direct(base), may_come)
    }
}

impl Carrier {
    /// Reads what comes first, and decides by it.
    #[cold]
    fn read_first(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Self::Undecided(undecided) = self else { return Ok(0) };
        let Some(it) = undecided else { return Ok(0) };
        let length = buffer.len().min(FIRST_BYTES_MAX);
        let first = &mut buffer[..length];
        let mut count = it.base.read(first)?;
        if matches!(it.base, Base::Plain(_)) && first[..count].first() == Some(&TLS_HANDSHAKE) {
            let begun = undecided.take().map(|it| it.begin_tls(&first[..count])).transpose()?;
            let Some(it) = begun.map(|it| undecided.insert(Box::new(it))) else { return Ok(0) };
            count = it.base.read(first)?;
        }
        let Some(it) = undecided.take_if(|_| count > 0) else { return Ok(0) };
        let (carrier, may_come) = it.decide(&buffer[..count]);
        *self = carrier;
        match self {
            Self::Web(_) => self.read_web(buffer),
            // There may be more than was read at first, and no event would report it.
            it if count == length => {
                may_come.map(|()| count + it.read(&mut buffer[length..]).unwrap_or(0))
            }
            _ => may_come.map(|()| count),
        }
    }

    /// Reads HTTP, and continues as a WebSocket once the two sides have agreed on that.
    #[cold]
    fn read_web(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Self::Web(web) = self else { return Ok(0) };
        let read = web.read(buffer);
        if !web.is_upgraded() {
            return read;
        }
        let Self::Web(web) = std::mem::replace(self, Self::Undecided(None)) else { return read };
        let mut websocket = Box::new(web.into_websocket());
        let read = websocket.read(buffer);
        *self = Self::WebSocket(websocket);
        read
    }
}

/// Calls whichever it is; if it is undecided, what is below.
macro_rules! whichever {
    ($self:ident, $none:expr, $($call:tt)*) => {
        match $self {
            Self::Direct(it) => it.$($call)*,
            Self::WebSocket(it) => it.$($call)*,
            Self::Web(it) => it.$($call)*,
            Self::Undecided(Some(it)) => it.base.$($call)*,
            Self::Undecided(None) => $none,
        }
    };
}

impl Transport for Carrier {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Direct(it) => it.read(buffer),
            Self::WebSocket(it) => it.read(buffer),
            Self::Web(_) => self.read_web(buffer),
            Self::Undecided(_) => self.read_first(buffer),
        }
    }

    fn read_overhead(&self) -> usize {
        whichever!(self, 0, read_overhead())
    }

    fn has_buffered(&self) -> bool {
        whichever!(self, false, has_buffered())
    }

    // A peer that has said nothing may be sent the protocol's own bytes.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Self::Undecided(undecided) = self
            && let Some(it) = undecided.take()
        {
            *self = Self::Direct(it.base);
        }
        whichever!(self, Ok(0), write(bytes))
    }

    fn has_pending(&self) -> bool {
        whichever!(self, false, has_pending())
    }

    fn flush_pending(&mut self) -> io::Result<usize> {
        whichever!(self, Ok(0), flush_pending())
    }

    fn short_is_blocked(&self) -> bool {
        whichever!(self, false, short_is_blocked())
    }

    fn can_send_files(&self) -> bool {
        whichever!(self, false, can_send_files())
    }

    fn send_file(&mut self, head: &[u8], part: FilePart<'_>) -> io::Result<usize> {
        whichever!(self, Ok(0), send_file(head, part))
    }

    fn push(&mut self) {
        whichever!(self, (), push());
    }

    fn write_piece(&mut self, bytes: &[u8]) -> io::Result<usize> {
        whichever!(self, Ok(0), write_piece(bytes))
    }

    fn write_both(&mut self, first: &[u8], second: &[u8]) -> io::Result<usize> {
        whichever!(self, Ok(0), write_both(first, second))
    }

    fn limit_unsent(&mut self, bytes: u32) {
        whichever!(self, (), limit_unsent(bytes));
    }

    fn visitor(&mut self) -> Option<&mut dyn Visitor> {
        match self {
            Self::Web(web) => web.visitor(),
            _ => None,
        }
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        whichever!(self, Ok(()), shutdown_write())
    }
}
#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

    use chatshelf_testkit::wait::eventually;

    use super::*;
    use crate::web_mode::WebMode;

    /// What a carrier makes of these bytes, if all of them have arrived before it reads.
    fn carried(bytes: &[u8]) -> (Carrier, usize) {
        let poll = mio::Poll::new().unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let mut peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, address) = listener.accept().unwrap();
        peer.write_all(bytes).unwrap();
        let mut seen = vec![0; bytes.len()];
        eventually("all of it", || (stream.peek(&mut seen).unwrap() == bytes.len()).then_some(()));
        stream.set_nonblocking(true).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let origin = crate::identity::Origin::Own(dir.path().into(), None);
        let config = crate::identity::Identity::open(&origin).unwrap().config;
        let site = Site::new(WebMode::Https, None, "box".into(), None);
        let carriers = Carriers::new(config, PeerScope::Loopback, site);
        let stream = TcpStream::from_std(stream);
        let token = Token::new(0, 0);
        let mut carrier = carriers.carry(stream, address, poll.registry(), token).unwrap();
        let count = carrier.read(&mut [0; 64 * 1024]).unwrap_or(0);
        (carrier, count)
    }

    #[test]
    fn all_that_has_come_of_the_protocol_is_read_at_once() {
        for bytes in [1, FIRST_BYTES_MAX - 1, FIRST_BYTES_MAX, FIRST_BYTES_MAX + 1, 50_000] {
            assert_eq!(carried(&vec![1; bytes]).1, bytes);
        }
    }

    #[test]
    fn content_behind_a_request_stays_in_the_kernel() {
        let mut bytes =
            b"PUT /shelf/x HTTP/1.1\r\nHost: box\r\nContent-Length: 50000\r\n\r\n".to_vec();
        bytes.resize(bytes.len() + 50_000, b'x');
        let (Carrier::Web(web), 0) = carried(&bytes) else { panic!("it is HTTP, and not granted") };
        assert!(web.kept_bytes() < FIRST_BYTES_MAX, "{} bytes", web.kept_bytes());
    }

    #[test]
    fn plain_tcp_takes_no_more_than_a_box() {
        let word = size_of::<usize>();
        assert!(size_of::<Carrier>() <= size_of::<TcpTransport>().next_multiple_of(word) + word);
    }
}
