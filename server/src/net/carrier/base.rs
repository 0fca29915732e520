//! What is below HTTP and WebSocket, and otherwise carries the protocol by itself: plain TCP or
//! TLS.

use std::io;

use chatshelf_common::limits::ALPN;

use crate::disk::readahead::FilePart;
use crate::engine::Transport;
use crate::net::tls::TlsTransport;
use crate::net::transport::TcpTransport;

/// A bare socket, or TLS over one.
#[derive(Debug)]
pub enum Base {
    /// Plain TCP.
    Plain(TcpTransport),
    /// TLS.
    Tls(Box<TlsTransport<TcpTransport>>),
}

impl Base {
    /// Returns true if what begins with this byte is HTTP.
    pub(super) fn is_web(&self, first: u8) -> bool {
        match self {
            Self::Tls(tls) => match tls.protocol() {
                Some(protocol) => protocol != ALPN,
                None => first.is_ascii_uppercase(),
            },
            Self::Plain(_) => first.is_ascii_uppercase(),
        }
    }
}

/// Calls whichever of the two it is.
macro_rules! either {
    ($self:ident, $($call:tt)*) => {
        match $self {
            Self::Plain(it) => it.$($call)*,
            Self::Tls(it) => it.$($call)*,
        }
    };
}

impl Transport for Base {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        either!(self, read(buffer))
    }

    fn read_overhead(&self) -> usize {
        either!(self, read_overhead())
    }

    fn has_buffered(&self) -> bool {
        either!(self, has_buffered())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        either!(self, write(bytes))
    }

    fn has_pending(&self) -> bool {
        either!(self, has_pending())
    }

    fn flush_pending(&mut self) -> io::Result<usize> {
        either!(self, flush_pending())
    }

    fn short_is_blocked(&self) -> bool {
        either!(self, short_is_blocked())
    }

    fn can_send_files(&self) -> bool {
        either!(self, can_send_files())
    }

    fn send_file(&mut self, head: &[u8], part: FilePart<'_>) -> io::Result<usize> {
        either!(self, send_file(head, part))
    }

    fn push(&mut self) {
        either!(self, push());
    }

    fn write_piece(&mut self, bytes: &[u8]) -> io::Result<usize> {
        either!(self, write_piece(bytes))
    }

    fn write_both(&mut self, first: &[u8], second: &[u8]) -> io::Result<usize> {
        either!(self, write_both(first, second))
    }

    fn limit_unsent(&mut self, bytes: u32) {
        either!(self, limit_unsent(bytes));
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        either!(self, shutdown_write())
    }
}
