//! Plain TCP: the protocol's bytes, unchanged, on a socket of their own.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;

use mio::net::TcpStream;
use mio::{Interest, Registry};

#[cfg(target_os = "linux")]
use crate::disk::readahead::FilePart;
use crate::engine::Transport;
use crate::token::Token;

/// A connection over plain TCP. Bytes it accepts are in the kernel's hands at once; it buffers
/// nothing itself.
#[derive(Debug)]
pub struct TcpTransport {
    socket: TcpStream,
    /// Only full segments are sent: the connection is in the middle of a file.
    #[cfg(target_os = "linux")]
    is_corked: bool,
}

impl TcpTransport {
    /// Wraps a connected, non-blocking socket.
    #[must_use]
    pub fn new(socket: TcpStream) -> Self {
        Self {
            socket,
            #[cfg(target_os = "linux")]
            is_corked: false,
        }
    }

    /// Registers the socket with the poll once, edge-triggered, for reading and writing.
    ///
    /// # Errors
    /// If the system cannot register it.
    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut self.socket, mio::Token(token.to_mio()), interest)
    }
}

#[cfg(target_os = "linux")]
impl TcpTransport {
    /// Without it, each acknowledgement that arrives during a call makes the kernel send a partial
    /// segment: nearly twice as many segments, each of which costs as much as a full one.
    fn cork(&mut self, is_corked: bool) {
        if std::mem::replace(&mut self.is_corked, is_corked) != is_corked {
            // If the connection is already gone, its next write reports it.
            let _ = rustix::net::sockopt::set_tcp_cork(&self.socket, is_corked);
        }
    }

    fn send_part(&mut self, part: FilePart<'_>) -> io::Result<usize> {
        use rustix::io::Errno;
        let FilePart { source, mut offset, bytes } = part;
        let Some(file) = source.file() else { return self.copy_part(part) };
        match rustix::fs::sendfile(&self.socket, file, Some(&mut offset), bytes) {
            Ok(0) if bytes > 0 => Err(io::ErrorKind::UnexpectedEof.into()),
            // Not every file system supports it.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => self.copy_part(part),
            sent => Ok(sent?),
        }
    }

    fn send_head_and_part(&mut self, head: &[u8], part: FilePart<'_>) -> io::Result<usize> {
        if !head.is_empty() {
            let sent = self.socket.write(head)?;
            if sent < head.len() || part.bytes == 0 {
                return Ok(sent);
            }
        }
        match self.send_part(part) {
            Err(why) if !head.is_empty() && is_passing(&why) => Ok(head.len()),
            sent => sent.map(|count| head.len() + count),
        }
    }

    fn copy_part(&mut self, part: FilePart<'_>) -> io::Result<usize> {
        let mut buffer = [0; FilePart::COPY_BYTES];
        let count = part.read(&mut buffer)?;
        self.socket.write(&buffer[..count])
    }
}

/// Returns true for errors that do not mean a broken connection.
#[cfg(target_os = "linux")]
fn is_passing(why: &io::Error) -> bool {
    matches!(why.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

impl Transport for TcpTransport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.read(buffer)
    }

    fn has_buffered(&self) -> bool {
        false
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes)
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

    fn can_send_files(&self) -> bool {
        cfg!(target_os = "linux")
    }

    #[cfg(target_os = "linux")]
    fn send_file(&mut self, head: &[u8], part: FilePart<'_>) -> io::Result<usize> {
        let was_corked = self.is_corked;
        self.cork(true);
        let sent = self.send_head_and_part(head, part);
        // Nobody lets go of what was held back before this flush, or before a call in vain.
        if sent.is_err() {
            self.cork(was_corked);
        }
        sent
    }

    #[cfg(target_os = "linux")]
    fn push(&mut self) {
        self.cork(false);
    }

    #[cfg(target_os = "linux")]
    fn write_piece(&mut self, bytes: &[u8]) -> io::Result<usize> {
        use rustix::net::{SendFlags, send};
        // The end of a record is the end of a piece in the kernel's queue.
        Ok(send(&self.socket, bytes, SendFlags::EOR | SendFlags::NOSIGNAL)?)
    }

    // Cheaper than writev(2), which looks at the socket as a file first.
    #[cfg(target_os = "linux")]
    fn write_both(&mut self, first: &[u8], second: &[u8]) -> io::Result<usize> {
        use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
        let both = [IoSlice::new(first), IoSlice::new(second)];
        Ok(sendmsg(&self.socket, &both, &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL)?)
    }

    #[cfg(not(target_os = "linux"))]
    fn write_both(&mut self, first: &[u8], second: &[u8]) -> io::Result<usize> {
        self.socket.write_vectored(&[IoSlice::new(first), IoSlice::new(second)])
    }

    #[cfg(target_os = "linux")]
    fn limit_unsent(&mut self, bytes: u32) {
        // If the connection is already gone, its next write reports it.
        let _ = socket2::SockRef::from(&self.socket).set_tcp_notsent_lowat(bytes);
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Write)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_call_in_vain_holds_nothing_back() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let _peer = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let mut tcp = TcpTransport::new(TcpStream::from_std(stream));
        while tcp.write(&[0; 65_536]).is_ok() {}
        let file = tempfile::tempfile().unwrap();
        file.set_len(10).unwrap();
        let part = || FilePart { source: &file, offset: 0, bytes: 10 };
        for head in [&b""[..], b"head"] {
            let why = tcp.send_file(head, part()).unwrap_err();
            assert_eq!(why.kind(), io::ErrorKind::WouldBlock);
            assert!(!rustix::net::sockopt::tcp_cork(&tcp.socket).unwrap());
        }
    }
}
