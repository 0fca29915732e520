//! A connection that stands: a byte stream of the protocol, plain or encrypted. Owns the socket;
//! what goes over it is the session's matter.

use std::io::{self, IoSlice, Read};

use mio::net::TcpStream;

use super::socket;
use super::tls::TlsStream;

/// One of two kinds.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream>),
}

impl Stream {
    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    pub(super) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(into),
            Self::Tls(tls) => tls.read(into),
        }
    }

    /// Takes both slices, or the beginning of them: sent, or kept by [`Self::flush_pending`]. With
    /// `is_piece` they become a piece of their own in the kernel's queue, on systems where that
    /// makes a difference. Nothing may be pending.
    pub(super) fn write(&mut self, slices: [&[u8]; 2], is_piece: bool) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket::send(socket, &slices.map(IoSlice::new), is_piece),
            Self::Tls(tls) => tls.write(slices, is_piece),
        }
    }

    /// True while something that was taken is not sent.
    pub(super) fn has_pending(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(tls) => tls.has_pending(),
        }
    }

    /// Sends that.
    ///
    /// # Errors
    /// `WouldBlock` when some of it is left.
    pub(super) fn flush_pending(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(tls) => tls.flush_pending(false),
        }
    }

    /// Says that nothing follows, where the stream has a way to.
    pub(super) fn close(&mut self) {
        if let Self::Tls(tls) = self {
            tls.close();
        }
    }

    /// Lets the socket accept no more while `bytes` of what it holds are unsent.
    pub(super) fn limit_unsent(&self, bytes: u32) {
        match self {
            Self::Plain(socket) => socket::limit_unsent(socket, bytes),
            Self::Tls(tls) => socket::limit_unsent(tls.socket(), bytes),
        }
    }
}
