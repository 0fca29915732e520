//! A member's connection: plain, over TLS with rustls's own client, or over WebSocket.

use std::io::{self, ErrorKind, Read, Write};

use chatshelf_client::link::web::Messages;
use chatshelf_testkit::tls::client_connection;
use mio::net::TcpStream;
use rustls::ClientConnection;

use crate::contenders::Carrier;

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

pub(crate) struct Web {
    tcp: TcpStream,
    messages: Messages,
}

impl Stream {
    pub(crate) fn new(tcp: TcpStream, carrier: Carrier) -> io::Result<Self> {
        let mut stream = match carrier {
            Carrier::Tcp => Self::Plain(tcp),
            Carrier::Tls => Self::Tls(Box::new(Tls { tcp, tls: client_connection() })),
            Carrier::WebSocket { path, subprotocol } => {
                let host = tcp.peer_addr()?.to_string();
                let messages = Messages::begin(&host, path, subprotocol)?;
                Self::Web(Box::new(Web { tcp, messages }))
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
        while !self.messages.ready().is_empty() {
            match self.tcp.write(self.messages.ready()) {
                Err(why) if why.kind() == ErrorKind::WouldBlock => return Ok(()),
                sent => self.messages.advance(sent?),
            }
        }
        Ok(())
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
                    let count = it.tcp.read(buffer)?;
                    if count == 0 {
                        return Ok(0);
                    }
                    let carried = it.messages.take_in(buffer, count)?;
                    // The server's answer sets free what waited for it.
                    it.push()?;
                    if let Some(carried) = carried {
                        return Ok(carried);
                    }
                }
            }
            self.push()?;
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = match self {
            Self::Plain(tcp) => return tcp.write(bytes),
            Self::Tls(it) => it.tls.writer().write_all(bytes).map(|()| bytes.len())?,
            Self::Web(it) => it.messages.put_message([bytes, &[]])?,
        };
        self.push()?;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
