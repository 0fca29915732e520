//! WebSocket over any transport: the protocol's bytes in binary messages (PROTOCOL.md, "Over
//! WebSocket"). What the engine writes becomes a message with the same bytes: of the room's log,
//! nothing is copied unless the peer takes only a part of it. Frames that come are taken apart in
//! the buffer they were read into. Knows neither HTTP nor a socket.

#[cfg(test)]
mod tests;

use std::io::{self, ErrorKind};

use chatshelf_common::websocket::{self, CloseCode, End, Head, Incoming, Opcode, Sender};
use chatshelf_common::wire::Code;

use super::rest::Rest;
use super::tls::RECORD_BYTES_MAX;
use crate::engine::{Refusal, Transport};

/// Bytes of a message at most. With its head it fills a TLS record.
pub const MESSAGE_BYTES_MAX: usize = RECORD_BYTES_MAX - 4;
/// Bytes of heads and control frames that may arrive without any payload between them. Nobody needs
/// more at once.
pub const FRUITLESS_BYTES_MAX: usize = 16 * 1024;

/// Taking a byte of a head apart costs as much as reading this many bytes.
pub const HEAD_BYTE_COST: usize = 16;

/// A connection over WebSocket, once it has been agreed on.
#[derive(Debug)]
pub struct WebSocketTransport<T> {
    below: T,
    incoming: Incoming,
    /// Taken out of frames, but not handed out yet.
    received: Rest,
    /// Accepted bytes and those of its own, not sent yet.
    outgoing: Rest,
    /// Bytes of heads and control frames that the last read has taken apart.
    head_bytes: usize,
    /// What the close frame will say; `None` says nothing, in answer to one that did not either.
    close: Option<CloseCode>,
    flags: Flags,
}

#[derive(Clone, Copy, Debug, Default)]
struct Flags {
    /// The last read brought fewer bytes than there was room for.
    is_drained: bool,
    /// The engine knows that the peer has closed or broken the protocol.
    is_end_told: bool,
    /// The close frame is on its way.
    has_closed: bool,
}

impl<T: Transport> WebSocketTransport<T> {
    /// Begins over a transport on which `outgoing` has to be sent first, and from which `early` was
    /// already read.
    pub fn new(below: T, outgoing: &[u8], early: &[u8]) -> Self {
        let mut transport = Self {
            below,
            incoming: Incoming::new(Sender::Client),
            received: Rest::default(),
            outgoing: Rest::default(),
            head_bytes: 0,
            close: Some(CloseCode::NORMAL),
            flags: Flags::default(),
        };
        transport.outgoing.extend(outgoing);
        let mut early = early.to_vec();
        let count = transport.incoming.open(&mut early);
        transport.received.extend(&early[..count]);
        transport.answer_ping();
        transport
    }

    /// The transport below.
    pub fn below(&self) -> &T {
        &self.below
    }

    /// Answers the newest ping, unless the peer does not even take what was sent before.
    fn answer_ping(&mut self) {
        if let Some(ping) = self.incoming.take_ping()
            && self.outgoing.waiting().len() < websocket::CONTROL_BYTES_MAX
            && !self.flags.has_closed
        {
            self.outgoing.extend(&websocket::frame(Opcode::Pong, &ping, None));
        }
    }

    /// Tells the engine that nothing more will come.
    fn tell_end(&mut self, end: End) -> io::Result<usize> {
        self.flags.is_end_told = true;
        match end {
            End::Closed(code) => {
                self.close = code;
                Ok(0)
            }
            End::Broken(code) => {
                self.close = Some(code);
                Err(Refusal(Code::MALFORMED).into())
            }
        }
    }

    fn has_news(&self) -> bool {
        !self.received.is_empty() || (self.incoming.end().is_some() && !self.flags.is_end_told)
    }

    /// Returns how many bytes may be accepted now.
    fn room(&self) -> io::Result<usize> {
        match self.outgoing.is_empty() && !self.flags.has_closed {
            true => Ok(MESSAGE_BYTES_MAX),
            false => Err(ErrorKind::WouldBlock.into()),
        }
    }
}

impl<T: Transport> Transport for WebSocketTransport<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut fruitless = 0;
        self.head_bytes = 0;
        while fruitless <= FRUITLESS_BYTES_MAX {
            if !self.received.is_empty() {
                return Ok(self.received.hand_out(buffer));
            }
            match self.incoming.end() {
                Some(end) if !self.flags.is_end_told => return self.tell_end(end),
                // What follows is discarded.
                Some(_) => return self.below.read(buffer),
                None => {}
            }
            let count = self.below.read(buffer)?;
            if count == 0 {
                return Ok(0);
            }
            self.flags.is_drained = count < buffer.len() && self.below.short_is_blocked();
            let opened = self.incoming.open(&mut buffer[..count]);
            self.head_bytes += count - opened;
            self.answer_ping();
            if opened > 0 {
                return Ok(opened);
            }
            fruitless += count;
        }
        self.tell_end(End::Broken(CloseCode::POLICY))
    }

    fn read_overhead(&self) -> usize {
        self.below.read_overhead() + self.head_bytes * HEAD_BYTE_COST
    }

    fn has_buffered(&self) -> bool {
        self.has_news() || self.below.has_buffered()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.room()?);
        // Only the last read says so: a message may be shorter than what was asked for.
        self.flags.is_drained = false;
        let head = Head::new(Opcode::Binary, count, None);
        let (head, bytes) = (head.as_bytes(), &bytes[..count]);
        let sent = self.below.write_both(head, bytes)?;
        self.outgoing.extend(head.get(sent..).unwrap_or_default());
        self.outgoing.extend(&bytes[sent.saturating_sub(head.len())..]);
        Ok(count)
    }

    fn has_pending(&self) -> bool {
        !self.outgoing.is_empty() || self.below.has_pending()
    }

    fn flush_pending(&mut self) -> io::Result<usize> {
        self.outgoing.send(&mut self.below)
    }

    fn short_is_blocked(&self) -> bool {
        self.flags.is_drained && !self.has_buffered()
    }

    fn can_send_files(&self) -> bool {
        false
    }

    fn write_piece(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.room()?);
        self.flags.is_drained = false;
        let frame = websocket::frame(Opcode::Binary, &bytes[..count], None);
        let sent = self.below.write_piece(&frame)?;
        self.outgoing.extend(&frame[sent..]);
        Ok(count)
    }

    fn limit_unsent(&mut self, bytes: u32) {
        self.below.limit_unsent(bytes);
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        if self.flags.has_closed {
            return self.below.shutdown_write();
        }
        self.flags.has_closed = true;
        let code = self.close.map(CloseCode::to_bytes);
        let code = code.as_ref().map_or(&[][..], |code| &code[..]);
        self.outgoing.extend(&websocket::frame(Opcode::Close, code, None));
        Err(ErrorKind::WouldBlock.into())
    }
}
