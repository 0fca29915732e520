//! A member's connection: plain, over TLS with rustls's own client, or over WebSocket.

use std::io::{self, ErrorKind, Read, Write};

use chatshelf_common::websocket::{self, Incoming, Opcode, Sender};
use chatshelf_testkit::tls::client_connection;
use memchr::memmem;
use mio::net::TcpStream;
use rustls::ClientConnection;

use crate::contenders::Carrier;

/// Any key will do, and any mask: nothing between us and the servers could be misled.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
/// Longest answer to the request for WebSocket.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// A connection that does not block.
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<Tls>),
    Web(Box<Web>),
}

pub(crate) struct Tls {
    tcp: TcpStream,
    tls: ClientConnection,
}

/// What is sent waits until the server has agreed to speak WebSocket.
pub(crate) struct Web {
    tcp: TcpStream,
    /// The server's answer, as far as it has come; none once it has agreed.
    answer: Option<Vec<u8>>,
    incoming: Incoming,
    held: Vec<u8>,
    unsent: Vec<u8>,
}

impl Stream {
    pub(crate) fn new(tcp: TcpStream, carrier: Carrier) -> io::Result<Self> {
        let mut stream = match carrier {
            Carrier::Tcp => Self::Plain(tcp),
            Carrier::Tls => Self::Tls(Box::new(Tls { tcp, tls: client_connection() })),
            Carrier::WebSocket { path, subprotocol } => {
                let host = tcp.peer_addr()?;
                let mut request = format!(
                    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n\
                     Connection: Upgrade\r\nSec-WebSocket-Version: {}\r\n\
                     Sec-WebSocket-Key: {KEY}\r\n",
                    websocket::VERSION
                );
                if let Some(name) = subprotocol {
                    request += &format!("Sec-WebSocket-Protocol: {name}\r\n");
                }
                request += "\r\n";
                Self::Web(Box::new(Web {
                    tcp,
                    answer: Some(Vec::new()),
                    incoming: Incoming::new(Sender::Server),
                    held: Vec::new(),
                    unsent: request.into_bytes(),
                }))
            }
        };
        stream.push()?;
        Ok(stream)
    }

    /// True when a read that does not fill its buffer says that there is no more for now.
    pub(crate) fn is_short(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// Sends what the carrier keeps.
    pub(crate) fn push(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(it) => it.push(),
            Self::Web(it) => it.push(),
        }
    }
}

impl Tls {
    fn push(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.tcp) {
                Err(why) if why.kind() == ErrorKind::WouldBlock => return Ok(()),
                sent => drop(sent?),
            }
        }
        Ok(())
    }
}

impl Web {
    fn push(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.tcp.write(&self.unsent) {
                Err(why) if why.kind() == ErrorKind::WouldBlock => return Ok(()),
                sent => drop(self.unsent.drain(..sent?)),
            }
        }
        Ok(())
    }

    fn send(&mut self, opcode: Opcode, bytes: &[u8]) {
        let frame = websocket::frame(opcode, bytes, Some(MASK));
        let out = if self.answer.is_some() { &mut self.held } else { &mut self.unsent };
        out.extend(frame);
    }

    /// Reads, and takes frames apart; returns how many bytes they carried, which may be none.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let mut count = self.tcp.read(buffer)?;
        if count == 0 {
            return Ok(Some(0));
        }
        if let Some(answer) = &mut self.answer {
            answer.extend_from_slice(&buffer[..count]);
            let Some(end) = memmem::find(answer, b"\r\n\r\n") else {
                let is_endless = answer.len() > ANSWER_BYTES_MAX;
                let endless = || Err(io::Error::other("no end of the answer"));
                return if is_endless { endless() } else { Ok(None) };
            };
            if !answer.starts_with(b"HTTP/1.1 101 ") {
                let line = String::from_utf8_lossy(&answer[..end]).into_owned();
                return Err(io::Error::other(format!("no WebSocket: {line}")));
            }
            let rest = answer.split_off(end + 4);
            count = rest.len();
            buffer[..count].copy_from_slice(&rest);
            self.answer = None;
            self.unsent.append(&mut self.held);
        }
        let carried = self.incoming.open(&mut buffer[..count]);
        if let Some(end) = self.incoming.end() {
            return Err(io::Error::other(format!("the server has closed: {end:?}")));
        }
        if let Some(ping) = self.incoming.take_ping() {
            self.send(Opcode::Pong, &ping);
        }
        self.push()?;
        Ok(Some(carried).filter(|carried| *carried > 0))
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self {
                Self::Plain(tcp) => return tcp.read(buffer),
                Self::Tls(it) => {
                    match it.tls.reader().read(buffer) {
                        Err(why) if why.kind() == ErrorKind::WouldBlock => {}
                        read => return read,
                    }
                    it.tls.read_tls(&mut it.tcp)?;
                    it.tls.process_new_packets().map_err(io::Error::other)?;
                }
                Self::Web(it) => {
                    if let Some(count) = it.read(buffer)? {
                        return Ok(count);
                    }
                }
            }
            self.push()?;
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => return tcp.write(bytes),
            Self::Tls(it) => it.tls.writer().write_all(bytes)?,
            Self::Web(it) => it.send(Opcode::Binary, bytes),
        }
        self.push()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
