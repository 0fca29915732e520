//! Plain TCP: the protocol's bytes on a socket of their own, as they are.

use std::io::{self, Read, Write};
use std::net::Shutdown;

use mio::net::TcpStream;
use mio::{Interest, Registry};

#[cfg(target_os = "linux")]
use crate::disk::readahead::Pipe;
use crate::engine::Transport;
use crate::token::Token;

/// A connection over plain TCP. What it accepts is the kernel's from then on: it owns nothing
/// itself.
#[derive(Debug)]
pub struct TcpTransport(TcpStream);

impl TcpTransport {
    /// Over a socket that is connected and does not block.
    #[must_use]
    pub fn new(stream: TcpStream) -> Self {
        Self(stream)
    }

    /// Has the poll tell of it, once and for good: edge-triggered, for reading and writing.
    ///
    /// # Errors
    /// When the system has no room for it in the poll.
    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut self.0, mio::Token(token.to_mio()), interest)
    }
}

impl Transport for TcpTransport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }

    fn has_buffered(&self) -> bool {
        false
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn has_pending(&self) -> bool {
        false
    }

    fn flush_pending(&mut self) -> io::Result<usize> {
        Ok(0)
    }

    // epoll and kqueue promise the event; on Windows mio needs to see the call that would block.
    fn short_is_blocked(&self) -> bool {
        cfg!(unix)
    }

    fn can_splice(&self) -> bool {
        cfg!(target_os = "linux")
    }

    #[cfg(target_os = "linux")]
    fn splice(&mut self, pipe: &Pipe, bytes: usize) -> io::Result<usize> {
        let flags = rustix::pipe::SpliceFlags::NONBLOCK;
        Ok(rustix::pipe::splice(pipe.reader(), None, &self.0, None, bytes, flags)?)
    }

    #[cfg(target_os = "linux")]
    fn write_piece(&mut self, bytes: &[u8]) -> io::Result<usize> {
        use rustix::net::{SendFlags, send};
        // The end of a record is the end of a piece in the kernel's queue.
        Ok(send(&self.0, bytes, SendFlags::EOR | SendFlags::NOSIGNAL)?)
    }

    #[cfg(target_os = "linux")]
    fn limit_unsent(&mut self, bytes: u32) {
        // A connection that is gone already says so at its next write.
        let _ = socket2::SockRef::from(&self.0).set_tcp_notsent_lowat(bytes);
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.0.shutdown(Shutdown::Write)
    }
}
