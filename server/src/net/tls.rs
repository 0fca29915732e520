//! TLS 1.3 over any transport. rustls seals and opens records and keeps no buffer of its own (its
//! unbuffered interface); records that are incomplete, and those that are sealed but not sent, are
//! kept here, and only while there are any: an idle connection has no buffers.
//!
//! What the engine writes is gathered and sealed when it is flushed, so a flush makes one record,
//! however many pieces it consists of. Never reads a file, and knows no socket.

mod context;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, ErrorKind};
use std::rc::Rc;

use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus, WriteTraffic,
};

use super::rest::Rest;
use crate::engine::Transport;
use crate::token::Token;

pub use context::{HANDSHAKES_PER_TURN, TlsContext};
use context::{Place, Queue};

/// Plaintext bytes of one record at most (RFC 8446, section 5.1). Sealing more at once costs more
/// for each byte.
pub const RECORD_BYTES_MAX: usize = 16 * 1024;
/// Bytes kept of an incomplete record: the longest there is (RFC 8446, section 5.2).
const INCOMING_BYTES_MAX: usize = 5 + RECORD_BYTES_MAX + 256;
/// Bytes kept of an incomplete handshake message. A hello has a few hundred, or two thousand with a
/// post-quantum key.
pub const HANDSHAKE_BYTES_MAX: usize = 8 * 1024;
/// Bytes of ciphertext read at once, at most and at least.
const READ_BYTES_MAX: usize = 64 * 1024;
const READ_BYTES_MIN: usize = 4 * 1024;
/// Reads of one turn that bring nothing but records without content, and what they may cost.
const FRUITLESS_READS_MAX: usize = 4;
const FRUITLESS_COST_BYTES_MAX: usize = READ_BYTES_MAX;
/// Opening a record costs as much as reading this many bytes, besides those that it has.
pub const RECORD_COST_BYTES: usize = 256;

/// A connection over TLS.
pub struct TlsTransport<T> {
    below: T,
    tls: UnbufferedServerConnection,
    context: Rc<TlsContext>,
    /// The connection's token in the poll.
    token: Token,
    /// Received, but not yet a whole record or message.
    incoming: Vec<u8>,
    /// Opened, but not handed out yet.
    received: Rest,
    /// Accepted, but not sealed yet.
    gathered: Vec<u8>,
    /// Sealed, but not sent yet.
    outgoing: Rest,
    reading: Reading,
    /// Records that the last read has opened.
    opened_records: usize,
    /// Its place in the queue of those that continue in another turn.
    place: Option<Place>,
    flags: Flags,
}

#[derive(Clone, Copy, Debug, Default)]
struct Flags {
    /// The peer's hello was answered.
    is_answered: bool,
    /// Messages can be sent and received.
    is_established: bool,
    /// `incoming` has bytes that were not processed yet.
    has_news: bool,
    /// The last read brought fewer bytes than there was room for.
    is_drained: bool,
    /// What is gathered may not be joined with more.
    is_piece: bool,
    /// The writing side ends: a close_notify is sealed, if the peer could understand it.
    has_said_end: bool,
}

/// How reading continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Open,
    /// The peer has said that nothing follows, or has shut its side.
    Ended,
    /// It has broken the protocol.
    Broken,
}

impl<T> fmt::Debug for TlsTransport<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlsTransport({:?}, {:?})", self.reading, self.flags)
    }
}

impl<T: Transport> TlsTransport<T> {
    /// Begins the server's side over a transport from which `first` was already read.
    ///
    /// # Errors
    /// If rustls cannot begin.
    pub fn new(
        below: T,
        context: &Rc<TlsContext>,
        token: Token,
        first: &[u8],
    ) -> Result<Self, rustls::Error> {
        Ok(Self {
            below,
            tls: UnbufferedServerConnection::new(context.config())?,
            context: Rc::clone(context),
            token,
            incoming: first.to_vec(),
            received: Rest::default(),
            gathered: Vec::new(),
            outgoing: Rest::default(),
            reading: Reading::Open,
            opened_records: 0,
            place: None,
            flags: Flags { has_news: !first.is_empty(), ..Flags::default() },
        })
    }

    /// The transport below.
    pub fn below(&self) -> &T {
        &self.below
    }

    /// The protocol that the client and this side have agreed on (ALPN), if they have.
    pub(super) fn protocol(&self) -> Option<&[u8]> {
        self.tls.alpn_protocol()
    }

    /// Reads what has come below, and opens it into `buffer`; returns how many bytes that made. It
    /// may be none.
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.flags.has_said_end {
            return self.discard(buffer);
        }
        // Handshakes cost the most: each turn continues only so many.
        if !self.flags.is_answered && !self.context.may_shake_hands() {
            return Err(self.wait_for(Queue::Handshakes));
        }
        let context = Rc::clone(&self.context);
        let mut scratch = context.take_incoming(INCOMING_BYTES_MAX + READ_BYTES_MAX);
        let filled = self.fill_by(&mut scratch, buffer);
        context.give_incoming(scratch);
        filled
    }

    /// Reads what comes after the end was said, and looks at none of it: rustls could want to
    /// answer.
    fn discard(&mut self, scratch: &mut [u8]) -> io::Result<usize> {
        self.incoming = Vec::new();
        self.flags.has_news = false;
        let count = self.below.read(scratch)?;
        self.flags.is_drained = count < scratch.len();
        if count == 0 {
            self.reading = Reading::Ended;
        }
        Ok(0)
    }

    /// Has reading continue in another turn.
    fn wait_for(&mut self, queue: Queue) -> io::Error {
        if !self.is_waiting() {
            self.place = Some(self.context.wait(queue, self.token));
        }
        ErrorKind::WouldBlock.into()
    }

    fn is_waiting(&self) -> bool {
        self.place.is_some_and(|place| self.context.is_waiting(place))
    }

    fn fill_by(&mut self, scratch: &mut [u8], buffer: &mut [u8]) -> io::Result<usize> {
        let kept = self.incoming.len();
        scratch[..kept].copy_from_slice(&self.incoming);
        // What arrives then fits into the buffer, if that is as large as the engine's.
        let room = buffer.len().saturating_sub(kept).clamp(READ_BYTES_MIN, READ_BYTES_MAX);
        let count = match self.below.read(&mut scratch[kept..kept + room]) {
            Ok(0) => {
                self.reading = Reading::Ended;
                return Ok(0);
            }
            Err(why) if why.kind() == ErrorKind::WouldBlock && self.flags.has_news => 0,
            read => read?,
        };
        (self.flags.has_news, self.flags.is_drained) = (false, count < room);
        let bytes = &mut scratch[..kept + count];
        let mut filled = 0;
        let used = self.open(bytes, buffer, &mut filled);
        self.incoming = bytes[used..].to_vec();
        let most = match self.flags.is_established {
            true => INCOMING_BYTES_MAX,
            false => HANDSHAKE_BYTES_MAX,
        };
        // rustls refuses a record that is too long; this is about messages of several records.
        if self.reading == Reading::Open && self.incoming.len() >= most {
            self.break_off("a message is too long", &mut []);
        }
        Ok(filled)
    }

    /// Opens all whole records of `bytes` into `buffer` from `filled` on, and beyond its end into
    /// memory of its own; returns how many bytes of them are done with.
    fn open(&mut self, bytes: &mut [u8], buffer: &mut [u8], filled: &mut usize) -> usize {
        let was_established = self.flags.is_established;
        let was_answered = self.flags.is_answered;
        let mut used = 0;
        while self.reading == Reading::Open {
            let UnbufferedStatus { discard, state } =
                self.tls.process_tls_records(&mut bytes[used..]);
            used += discard;
            match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(Ok(record)) = traffic.next_record() {
                        used += record.discard;
                        self.opened_records += 1;
                        let fits = record.payload.len().min(buffer.len() - *filled);
                        buffer[*filled..*filled + fits].copy_from_slice(&record.payload[..fits]);
                        *filled += fits;
                        self.received.extend(&record.payload[fits..]);
                    }
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    encode(&mut data, self.outgoing.buffer());
                    self.flags.is_answered = true;
                }
                // What is encoded is kept until it is sent.
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed) => self.reading = Reading::Ended,
                Ok(ConnectionState::BlockedHandshake) => break,
                Ok(_) => {
                    self.flags.is_established = true;
                    break;
                }
                Err(why) => self.break_off(&why.to_string(), &mut bytes[used..]),
            }
        }
        if self.flags.is_answered && !was_answered {
            self.context.note_answered();
        }
        if self.flags.is_established && !was_established {
            self.context.note_established();
        }
        used
    }

    /// Ends the connection because of what the peer has sent, and tries to tell it why.
    fn break_off(&mut self, why: &str, rest: &mut [u8]) {
        log::debug!("a connection over TLS has failed: {why}");
        if !self.flags.is_established {
            self.context.note_failed();
        }
        self.reading = Reading::Broken;
        let mut alert = Vec::new();
        // rustls is asked only for what it already has: it would process the rest again.
        while self.tls.wants_write()
            && let Ok(ConnectionState::EncodeTlsData(mut data)) =
                self.tls.process_tls_records(rest).state
        {
            encode(&mut data, &mut alert);
        }
        if !alert.is_empty() && !self.has_outgoing() {
            // If it does not go out at once, the end of the connection has to say it.
            let _ = self.below.write(&alert);
        }
    }

    fn has_outgoing(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Lets rustls seal something, into `sealed` from its beginning; returns how many bytes that
    /// made.
    fn seal(
        &mut self,
        sealed: &mut Vec<u8>,
        mut act: impl FnMut(Sealer<'_>, &mut [u8]) -> Result<usize, EncryptError>,
    ) -> io::Result<usize> {
        if self.reading == Reading::Broken {
            return Err(ErrorKind::NotConnected.into());
        }
        loop {
            let UnbufferedStatus { discard, state } =
                self.tls.process_tls_records(&mut self.incoming);
            debug_assert_eq!(discard, 0, "whole records are opened when they are read");
            match state {
                Ok(ConnectionState::WriteTraffic(sealer)) => match act(sealer, sealed) {
                    Ok(count) => return Ok(count),
                    Err(EncryptError::InsufficientSize(why)) => {
                        sealed.resize(why.required_size, 0);
                    }
                    Err(why @ EncryptError::EncryptExhausted) => {
                        return Err(io::Error::other(why));
                    }
                },
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    encode(&mut data, self.outgoing.buffer());
                }
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(ConnectionState::PeerClosed) => self.reading = Reading::Ended,
                Ok(_) => return Err(ErrorKind::NotConnected.into()),
                Err(why) => return Err(io::Error::new(ErrorKind::InvalidData, why)),
            }
        }
    }

    /// Seals what is gathered, and sends as much of it as goes out.
    fn send_gathered(&mut self) -> io::Result<usize> {
        let context = Rc::clone(&self.context);
        let mut sealed = context.take_sealed();
        let gathered = std::mem::take(&mut self.gathered);
        let count = self.seal(&mut sealed, |mut sealer, out| sealer.encrypt(&gathered, out))?;
        context.give_gathered(gathered);
        // An answer of our own may have to go out first.
        let result = if self.has_outgoing() {
            self.outgoing.extend(&sealed[..count]);
            self.send_outgoing()
        } else {
            let sent = match self.flags.is_piece {
                true => self.below.write_piece(&sealed[..count]),
                false => self.below.write(&sealed[..count]),
            };
            let taken = *sent.as_ref().unwrap_or(&0);
            self.outgoing.extend(&sealed[taken..count]);
            sent
        };
        self.flags.is_piece = false;
        context.give_sealed(sealed);
        result
    }

    fn send_outgoing(&mut self) -> io::Result<usize> {
        let count = self.below.write(self.outgoing.waiting())?;
        self.outgoing.take(count);
        Ok(count)
    }

    fn gather(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Before the handshake is done, the only thing to say is goodbye, and there is no way to
        // say it.
        if !self.flags.is_established || self.reading == Reading::Broken {
            return Err(ErrorKind::NotConnected.into());
        }
        let room = RECORD_BYTES_MAX - self.gathered.len();
        if self.has_outgoing() || self.flags.is_piece || room == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        debug_assert!(!self.flags.has_said_end);
        if self.gathered.capacity() == 0 {
            self.gathered = self.context.take_gathered();
        }
        let count = room.min(bytes.len());
        self.gathered.extend_from_slice(&bytes[..count]);
        Ok(count)
    }
}

type Sealer<'a> = WriteTraffic<'a, ServerConnectionData>;

/// Appends a handshake message, whose size is already known.
fn encode(data: &mut EncodeTlsData<'_, ServerConnectionData>, out: &mut Vec<u8>) {
    let start = out.len();
    if let Err(EncodeError::InsufficientSize(why)) = data.encode(&mut []) {
        out.resize(start + why.required_size, 0);
        let encoded = data.encode(&mut out[start..]);
        debug_assert!(encoded.is_ok_and(|count| count == why.required_size));
    }
}

impl<T: Transport> Transport for TlsTransport<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut left = FRUITLESS_READS_MAX;
        self.opened_records = 0;
        loop {
            if !self.received.is_empty() {
                return Ok(self.received.hand_out(buffer));
            }
            match self.reading {
                Reading::Ended => return Ok(0),
                Reading::Broken => return Err(ErrorKind::InvalidData.into()),
                Reading::Open if left == 0 || self.read_overhead() > FRUITLESS_COST_BYTES_MAX => {
                    return Err(self.wait_for(Queue::Fruitless));
                }
                Reading::Open => left -= 1,
            }
            let filled = self.fill(buffer)?;
            if filled > 0 {
                return Ok(filled);
            }
        }
    }

    fn read_overhead(&self) -> usize {
        self.below.read_overhead() + self.opened_records * RECORD_COST_BYTES
    }

    fn has_buffered(&self) -> bool {
        !self.received.is_empty() || (self.flags.has_news && !self.is_waiting())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.gather(bytes)
    }

    fn has_pending(&self) -> bool {
        self.has_outgoing() || !self.gathered.is_empty()
    }

    fn flush_pending(&mut self) -> io::Result<usize> {
        if self.has_outgoing() { self.send_outgoing() } else { self.send_gathered() }
    }

    fn short_is_blocked(&self) -> bool {
        self.flags.is_drained && !self.has_buffered() && self.below.short_is_blocked()
    }

    fn can_send_files(&self) -> bool {
        false
    }

    fn write_piece(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.gathered.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = self.gather(bytes)?;
        self.flags.is_piece = true;
        Ok(count)
    }

    fn limit_unsent(&mut self, bytes: u32) {
        self.below.limit_unsent(bytes);
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        if !std::mem::replace(&mut self.flags.has_said_end, true) && self.flags.is_established {
            let mut sealed = Vec::new();
            let count = self.seal(&mut sealed, |mut sealer, out| sealer.queue_close_notify(out))?;
            self.outgoing.extend(&sealed[..count]);
            return Err(ErrorKind::WouldBlock.into());
        }
        self.below.shutdown_write()
    }
}
