//! What carries an accepted connection. The first byte decides: the protocol's own, or that of a
//! TLS record. Until then, and for plain TCP ever after, a connection costs no more than its
//! socket.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use chatshelf_common::wire::Code;
use mio::Registry;
use mio::net::TcpStream;
use rustls::ServerConfig;

use super::tls::{TlsContext, TlsTransport};
use super::transport::TcpTransport;
use crate::disk::readahead::Pipe;
use crate::engine::{Refusal, Transport};
use crate::peer_scope::PeerScope;
use crate::token::Token;

/// The type of a TLS record with which a handshake begins (RFC 8446, section 5.1). No frame of the
/// protocol that comes first has this number.
const TLS_HANDSHAKE: u8 = 0x16;

/// A connection's transport.
#[derive(Debug)]
pub enum Carrier {
    /// Nothing has come. `None` only while it is being decided.
    Undecided(Option<Box<Undecided>>),
    /// Plain TCP.
    Plain(TcpTransport),
    /// TLS.
    Tls(Box<TlsTransport<TcpTransport>>),
}

/// What it takes to decide.
#[derive(Debug)]
pub struct Undecided {
    tcp: TcpTransport,
    token: Token,
    tls: Rc<TlsContext>,
    is_plain_allowed: bool,
}

/// What decides for all connections. It may change while the server runs; connections there are
/// keep what they have.
#[derive(Debug)]
pub struct Carriers {
    tls: Rc<TlsContext>,
    allow_plain: Cell<PeerScope>,
}

impl Carriers {
    /// Creates it with the configuration of TLS.
    #[must_use]
    pub fn new(config: Arc<ServerConfig>, allow_plain: PeerScope) -> Rc<Self> {
        Rc::new(Self { tls: TlsContext::new(config), allow_plain: Cell::new(allow_plain) })
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

    /// Carries a connected, non-blocking socket, which the poll reports under this token.
    ///
    /// # Errors
    /// If the system cannot register the socket with the poll.
    pub fn carry(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Carrier> {
        let mut tcp = TcpTransport::new(stream);
        tcp.register(registry, token)?;
        let is_plain_allowed = self.allow_plain.get().includes(peer);
        let undecided = Undecided { tcp, token, tls: Rc::clone(&self.tls), is_plain_allowed };
        Ok(Carrier::Undecided(Some(Box::new(undecided))))
    }
}

impl Undecided {
    /// Decides by the first bytes.
    fn decide(self, first: &[u8]) -> io::Result<Carrier> {
        let Self { tcp, token, tls, .. } = self;
        if first.first() == Some(&TLS_HANDSHAKE) {
            let tls = TlsTransport::new(tcp, &tls, token, first).map_err(io::Error::other)?;
            return Ok(Carrier::Tls(Box::new(tls)));
        }
        Ok(Carrier::Plain(tcp))
    }
}

/// Has whichever it is do it; if it is undecided, the socket.
macro_rules! whichever {
    ($self:ident, $none:expr, $it:ident => $call:expr) => {
        match $self {
            Self::Plain($it) => $call,
            Self::Tls($it) => $call,
            Self::Undecided(Some(undecided)) => {
                let $it = &mut undecided.tcp;
                $call
            }
            Self::Undecided(None) => $none,
        }
    };
}

impl Transport for Carrier {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let undecided = match self {
            Self::Plain(tcp) => return tcp.read(buffer),
            Self::Tls(tls) => return tls.read(buffer),
            Self::Undecided(undecided) => undecided,
        };
        let Some(it) = undecided else { return Ok(0) };
        let count = it.tcp.read(buffer)?;
        let is_plain_allowed = it.is_plain_allowed;
        if count == 0 {
            return Ok(0);
        }
        if let Some(it) = undecided.take() {
            *self = it.decide(&buffer[..count])?;
        }
        match self {
            Self::Tls(tls) => tls.read(buffer),
            _ if is_plain_allowed => Ok(count),
            _ => Err(Refusal(Code::NOT_ENCRYPTED).into()),
        }
    }

    fn has_buffered(&self) -> bool {
        matches!(self, Self::Tls(tls) if tls.has_buffered())
    }

    // Who has said nothing may speak either; what is said first is plain.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Self::Undecided(undecided) = self
            && let Some(it) = undecided.take()
        {
            *self = it.decide(&[])?;
        }
        whichever!(self, Ok(0), it => it.write(bytes))
    }

    fn has_pending(&self) -> bool {
        matches!(self, Self::Tls(tls) if tls.has_pending())
    }

    fn flush_pending(&mut self) -> io::Result<usize> {
        whichever!(self, Ok(0), it => it.flush_pending())
    }

    fn short_is_blocked(&self) -> bool {
        match self {
            Self::Tls(tls) => tls.short_is_blocked(),
            Self::Plain(tcp) => tcp.short_is_blocked(),
            Self::Undecided(undecided) => {
                undecided.as_ref().is_some_and(|it| it.tcp.short_is_blocked())
            }
        }
    }

    fn can_splice(&self) -> bool {
        matches!(self, Self::Plain(tcp) if tcp.can_splice())
    }

    fn splice(&mut self, pipe: &Pipe, bytes: usize) -> io::Result<usize> {
        whichever!(self, Ok(0), it => it.splice(pipe, bytes))
    }

    fn write_piece(&mut self, bytes: &[u8]) -> io::Result<usize> {
        whichever!(self, Ok(0), it => it.write_piece(bytes))
    }

    fn limit_unsent(&mut self, bytes: u32) {
        whichever!(self, (), it => it.limit_unsent(bytes));
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        whichever!(self, Ok(()), it => it.shutdown_write())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_tcp_takes_no_more_than_a_box() {
        let word = size_of::<usize>();
        assert!(size_of::<Carrier>() <= size_of::<TcpTransport>().next_multiple_of(word) + word);
    }
}
