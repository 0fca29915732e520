//! What carries a session: plain TCP or TLS, as the user has chosen. Leads from a connected socket
//! to a trusted server; never falls back from TLS to plain TCP.

use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use chatshelf_common::limits::ALPN;
use mio::net::TcpStream;

use super::tls::{PlainGoodbye, TlsStream};
use super::{LinkError, web};
use crate::lang::tr;
use crate::session::Privacy;
use crate::trust::Trust;

/// How long a handshake may take.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// What carries a session.
#[derive(Debug)]
pub enum Carrier {
    /// TCP, which everyone on the way can read and change.
    Plain,
    /// TLS, to a server that is trusted.
    Tls(Box<Trust>),
    /// WebSocket inside one of them.
    Web(Option<Box<Trust>>),
}

impl Carrier {
    /// What is trusted, where there is TLS.
    pub(super) fn trust(&self) -> Option<&Trust> {
        match self {
            Self::Tls(trust) | Self::Web(Some(trust)) => Some(trust),
            Self::Plain | Self::Web(None) => None,
        }
    }

    /// The same, to be updated with what is learnt about the server.
    pub(super) fn trust_mut(&mut self) -> Option<&mut Trust> {
        match self {
            Self::Tls(trust) | Self::Web(Some(trust)) => Some(trust),
            Self::Plain | Self::Web(None) => None,
        }
    }

    /// The protocol to be spoken inside TLS.
    pub(super) fn alpn(&self) -> &'static [u8] {
        if matches!(self, Self::Web(_)) { web::ALPN } else { ALPN }
    }
}

/// Who can read what is sent over plain TCP: nobody else if it stays on this machine.
pub(super) fn privacy_of_plain(socket: &TcpStream) -> Privacy {
    match socket.peer_addr().is_ok_and(|peer| peer.ip().to_canonical().is_loopback()) {
        true => Privacy::Private,
        false => Privacy::Unencrypted,
    }
}

/// A handshake.
#[derive(Debug)]
pub(super) struct Handshake {
    tls: Box<TlsStream>,
    peer: IpAddr,
    deadline: Instant,
}

impl Handshake {
    /// Begins a handshake on a connected socket.
    pub(super) fn begin(
        socket: TcpStream,
        trust: &Trust,
        alpn: &'static [u8],
        now: Instant,
    ) -> io::Result<Self> {
        let peer = socket.peer_addr()?.ip();
        let tls = Box::new(TlsStream::begin(socket, trust.name(peer), alpn)?);
        Ok(Self { tls, peer, deadline: now + HANDSHAKE_TIMEOUT })
    }

    /// When the handshake must be over.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Continues it; true once the server has proved which key it has.
    ///
    /// # Errors
    /// When the handshake fails, is refused, or takes too long.
    pub(super) fn advance(&mut self, now: Instant) -> Result<bool, LinkError> {
        let is_over = self.tls.shake_hands().map_err(|error| match error.downcast() {
            Ok(PlainGoodbye(goodbye)) => LinkError::TurnedAway(goodbye),
            Err(error) => LinkError::Connect(error),
        })?;
        if !is_over && now >= self.deadline {
            let why = tr!("no answer in time when asked for TLS; is it a chatshelf server?");
            return Err(LinkError::Connect(io::Error::new(ErrorKind::TimedOut, why)));
        }
        Ok(is_over)
    }

    /// Asks whether the server is trusted, once it has proved its key.
    ///
    /// # Errors
    /// When the server is not trusted, or not yet.
    pub(super) fn judge(&mut self, trust: &mut Trust) -> Result<Privacy, LinkError> {
        let key = self.tls.key().map_err(LinkError::Connect)?;
        let judged = trust.judge(key, self.tls.certificates(), self.peer);
        if judged.is_err() {
            self.tls.close();
        }
        judged.map_err(LinkError::Untrusted)?;
        Ok(if trust.is_confirmed() { Privacy::Private } else { Privacy::Unconfirmed })
    }

    /// The stream of a handshake that is over.
    pub(super) fn into_stream(self) -> Box<TlsStream> {
        self.tls
    }
}
