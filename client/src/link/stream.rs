//! An established connection: a byte stream of the protocol, plain or encrypted, in messages or
//! not. Owns the socket; what goes over it is the session's matter.

use std::io::{self, ErrorKind, IoSlice, Read};

use mio::net::TcpStream;

use super::socket;
use super::tls::TlsStream;
use super::web::{Messages, PATH};

/// A stream, and the messages in it if it has any.
#[derive(Debug)]
pub(super) struct Stream {
    below: Below,
    web: Option<Box<Messages>>,
}

/// One of two kinds.
#[derive(Debug)]
enum Below {
    Plain(TcpStream),
    Tls(Box<TlsStream>),
}

impl Stream {
    pub(super) fn plain(socket: TcpStream) -> Self {
        Self { below: Below::Plain(socket), web: None }
    }

    pub(super) fn encrypted(tls: Box<TlsStream>) -> Self {
        Self { below: Below::Tls(tls), web: None }
    }

    /// Asks for WebSocket.
    ///
    /// # Errors
    /// If the connection has ended, or the system provides no random numbers.
    pub(super) fn speak_web(&mut self) -> io::Result<()> {
        let host = self.socket().peer_addr()?.to_string();
        self.web = Some(Box::new(Messages::begin(&host, PATH, None)?));
        Ok(())
    }

    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self.below, Below::Tls(_))
    }

    fn socket(&self) -> &TcpStream {
        match &self.below {
            Below::Plain(socket) => socket,
            Below::Tls(tls) => tls.socket(),
        }
    }

    pub(super) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = match &mut self.below {
                Below::Plain(socket) => socket.read(into)?,
                Below::Tls(tls) => tls.read(into)?,
            };
            let Some(web) = &mut self.web else { return Ok(count) };
            if count == 0 {
                return Ok(0);
            }
            if let Some(carried) = web.take_in(into, count)? {
                return Ok(carried);
            }
        }
    }

    /// Takes both slices, or the beginning of them: sent, or kept by [`Self::flush_pending`]. With
    /// `is_piece` they become a piece of their own in the kernel's queue, on systems where that
    /// makes a difference. Nothing may be pending.
    pub(super) fn write(&mut self, slices: [&[u8]; 2], is_piece: bool) -> io::Result<usize> {
        let Some(web) = &mut self.web else { return self.below.write(slices, is_piece) };
        let count = web.put_message(slices)?;
        match self.flush_pending() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            flushed => flushed?,
        }
        Ok(count)
    }

    /// True while something that was taken is not sent yet.
    pub(super) fn has_pending(&self) -> bool {
        self.web.as_ref().is_some_and(|web| !web.ready().is_empty()) || self.below.has_pending()
    }

    /// Sends what was taken.
    ///
    /// # Errors
    /// `WouldBlock` when some of it is left.
    pub(super) fn flush_pending(&mut self) -> io::Result<()> {
        self.below.flush_pending()?;
        let Some(web) = &mut self.web else { return Ok(()) };
        while !web.ready().is_empty() {
            let count = self.below.write([web.ready(), &[]], false)?;
            web.advance(count);
            self.below.flush_pending()?;
        }
        Ok(())
    }

    /// Says that nothing follows, where the stream has a way to.
    pub(super) fn close(&mut self) {
        if let Some(web) = &mut self.web
            && let Err(error) = web.put_close().and_then(|()| self.flush_pending())
        {
            log::debug!("the end of WebSocket: {error}");
        }
        if let Below::Tls(tls) = &mut self.below {
            tls.close();
        }
    }

    /// Lets the socket accept no more while `bytes` of what it holds are unsent.
    pub(super) fn limit_unsent(&self, bytes: u32) {
        socket::limit_unsent(self.socket(), bytes);
    }
}

impl Below {
    fn write(&mut self, slices: [&[u8]; 2], is_piece: bool) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket::send(socket, &slices.map(IoSlice::new), is_piece),
            Self::Tls(tls) => tls.write(slices, is_piece),
        }
    }

    fn has_pending(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(tls) => tls.has_pending(),
        }
    }

    fn flush_pending(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(tls) => tls.flush_pending(false),
        }
    }
}
