//! WebSocket as a browser would speak it (RFC 6455; PROTOCOL.md, "Over WebSocket"): for the load
//! test and the benchmarks, whose members come as browsers too. Owns the request, the server's
//! answer to it, and frames on their way in and out; sees no socket.

use std::io::{self, ErrorKind};

use chatshelf_common::websocket::{self, Incoming, Opcode, Sender};
use data_encoding::BASE64;

/// Where our servers speak WebSocket.
pub const PATH: &str = "/ws";
/// The protocol that a browser names inside TLS (RFC 7301).
pub(super) const ALPN: &[u8] = b"http/1.1";
/// The longest head of an answer.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Bytes that one message carries at most.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// The messages of one connection.
#[derive(Debug)]
pub struct Messages {
    /// The part of the server's answer that has arrived; none once it speaks WebSocket.
    answer: Option<Vec<u8>>,
    /// What it must answer to the key that was sent.
    accept: String,
    incoming: Incoming,
    /// Frames that wait for that answer, or to be sent.
    out: Vec<u8>,
    /// Bytes of `out` from its beginning that may be sent.
    ready: usize,
}

impl Messages {
    /// Asks a server of this name for WebSocket at this path, with this subprotocol if it wants
    /// one.
    ///
    /// # Errors
    /// If the system provides no random numbers.
    pub fn begin(host: &str, path: &str, subprotocol: Option<&str>) -> io::Result<Self> {
        let key = BASE64.encode(&random::<16>()?);
        let wanted = subprotocol.map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n"));
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: {}\r\nSec-WebSocket-Key: {key}\r\n{}\r\n",
            websocket::VERSION,
            wanted.unwrap_or_default()
        );
        Ok(Self {
            answer: Some(Vec::new()),
            accept: websocket::accept(&key),
            incoming: Incoming::new(Sender::Server),
            ready: request.len(),
            out: request.into_bytes(),
        })
    }

    /// Takes in the first `count` bytes of a buffer, and has what they carry at its beginning;
    /// returns how much that is. None if more has to come, 0 at the end.
    ///
    /// # Errors
    /// If the server does not speak WebSocket.
    pub fn take_in(&mut self, buffer: &mut [u8], mut count: usize) -> io::Result<Option<usize>> {
        if self.answer.is_some() {
            let Some(rest) = self.take_answer(&buffer[..count])? else { return Ok(None) };
            buffer[..rest.len()].copy_from_slice(&rest);
            count = rest.len();
        }
        let carried = self.incoming.open(&mut buffer[..count]);
        if let Some(ping) = self.incoming.take_ping() {
            self.put(Opcode::Pong, &ping)?;
        }
        let is_over = self.incoming.end().is_some();
        Ok((carried > 0 || is_over).then_some(carried))
    }

    /// Takes in some of the answer to our request; returns what follows it, once it is whole.
    fn take_answer(&mut self, bytes: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let Some(answer) = &mut self.answer else { return Ok(None) };
        answer.extend_from_slice(bytes);
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
        let refused = |why: String| Err(io::Error::new(ErrorKind::InvalidData, why));
        let Some(end) = end else {
            let is_endless = answer.len() > HEAD_BYTES_MAX;
            return if is_endless { refused("an endless answer".into()) } else { Ok(None) };
        };
        let rest = answer.split_off(end + 4);
        let head = String::from_utf8_lossy(answer).into_owned();
        let line = head.lines().next().unwrap_or_default();
        if !line.starts_with("HTTP/1.1 101 ") {
            return refused(format!("it does not speak WebSocket: {line}"));
        }
        let accepts = |line: &str| {
            let (name, value) = line.split_once(':').unwrap_or_default();
            name.eq_ignore_ascii_case("sec-websocket-accept") && value.trim() == self.accept
        };
        if !head.lines().any(accepts) {
            return refused("it did not read the request for WebSocket".into());
        }
        self.answer = None;
        self.ready = self.out.len();
        Ok(Some(rest))
    }

    /// Makes the beginning of both slices a message; returns how much that is.
    ///
    /// # Errors
    /// If the system provides no random numbers.
    pub fn put_message(&mut self, slices: [&[u8]; 2]) -> io::Result<usize> {
        let mut message = slices.concat();
        message.truncate(MESSAGE_BYTES_MAX);
        self.put(Opcode::Binary, &message)?;
        Ok(message.len())
    }

    /// Says that nothing follows.
    ///
    /// # Errors
    /// If the system provides no random numbers.
    pub fn put_close(&mut self) -> io::Result<()> {
        self.put(Opcode::Close, &[])
    }

    fn put(&mut self, opcode: Opcode, bytes: &[u8]) -> io::Result<()> {
        self.out.extend(websocket::frame(opcode, bytes, Some(random()?)));
        if self.answer.is_none() {
            self.ready = self.out.len();
        }
        Ok(())
    }

    /// What may be sent.
    #[must_use]
    pub fn ready(&self) -> &[u8] {
        &self.out[..self.ready]
    }

    /// This many bytes from its beginning are sent.
    pub fn advance(&mut self, count: usize) {
        self.out.drain(..count);
        self.ready -= count;
    }
}

fn random<const BYTES: usize>() -> io::Result<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}
