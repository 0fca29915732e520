//! Plain TCP: the protocol's bytes, unchanged, on a socket of their own.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;

use mio::net::TcpStream;
use mio::{Interest, Registry};

#[cfg(target_os = "linux")]
use crate::disk::readahead::Pipe;
use crate::engine::Transport;
use crate::token::Token;

/// A connection over plain TCP. Bytes it accepts are in the kernel's hands at once; it buffers
/// nothing itself.
#[derive(Debug)]
pub struct TcpTransport(TcpStream);

impl TcpTransport {
    /// Wraps a connected, non-blocking socket.
    #[must_use]
    pub fn new(stream: TcpStream) -> Self {
        Self(stream)
    }

    /// Registers the socket with the poll once, edge-triggered, for reading and writing.
    ///
    /// # Errors
    /// If the system cannot register it.
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

    // Cheaper than writev(2), which looks at the socket as a file first.
    #[cfg(target_os = "linux")]
    fn write_both(&mut self, first: &[u8], second: &[u8]) -> io::Result<usize> {
        use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
        let both = [IoSlice::new(first), IoSlice::new(second)];
        Ok(sendmsg(&self.0, &both, &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL)?)
    }

    #[cfg(not(target_os = "linux"))]
    fn write_both(&mut self, first: &[u8], second: &[u8]) -> io::Result<usize> {
        self.0.write_vectored(&[IoSlice::new(first), IoSlice::new(second)])
    }

    #[cfg(target_os = "linux")]
    fn limit_unsent(&mut self, bytes: u32) {
        // If the connection is already gone, its next write reports it.
        let _ = socket2::SockRef::from(&self.0).set_tcp_notsent_lowat(bytes);
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.0.shutdown(Shutdown::Write)
    }
}
