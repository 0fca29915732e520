//! A member's connection: plain, or over TLS with rustls's own client.

use std::io::{self, ErrorKind, Read, Write};

use chatshelf_testkit::tls::client_connection;
use mio::net::TcpStream;
use rustls::ClientConnection;

/// A connection that does not block.
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<Tls>),
}

pub(crate) struct Tls {
    tcp: TcpStream,
    tls: ClientConnection,
}

impl Stream {
    pub(crate) fn new(tcp: TcpStream, is_encrypted: bool) -> Self {
        match is_encrypted {
            true => Self::Tls(Box::new(Tls { tcp, tls: client_connection() })),
            false => Self::Plain(tcp),
        }
    }

    /// True when a read that does not fill its buffer says that there is no more for now.
    pub(crate) fn is_short(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// Sends what TLS keeps.
    pub(crate) fn push(&mut self) -> io::Result<()> {
        let Self::Tls(it) = self else { return Ok(()) };
        while it.tls.wants_write() {
            match it.tls.write_tls(&mut it.tcp) {
                Err(why) if why.kind() == ErrorKind::WouldBlock => return Ok(()),
                sent => drop(sent?),
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
        }
        self.push()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
