//! What carries a client's bytes: a socket, TLS over one, WebSocket over either. The frames of
//! WebSocket are tungstenite's, which knows nothing of this project's own.

use std::io::{self, Error, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket};

use crate::tls::{self, TlsStream};

/// A socket, or TLS over one.
#[derive(Debug)]
pub enum Base {
    /// The bare socket.
    Plain(TcpStream),
    /// TLS.
    Tls(Box<TlsStream>),
}

/// What carries a client's bytes.
#[derive(Debug)]
pub enum Stream {
    /// The bytes as they are.
    Direct(Base),
    /// Binary messages.
    Web(Box<WebStream>),
}

/// WebSocket, whose messages become a stream of bytes.
#[derive(Debug)]
pub struct WebStream {
    socket: WebSocket<Base>,
    /// Of the newest message, what was not read.
    unread: Vec<u8>,
}

impl Base {
    /// The socket.
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => &tls.sock,
        }
    }

    /// Over TLS that offers no protocol by ALPN.
    pub fn foreign_tls(tcp: TcpStream) -> Self {
        Self::Tls(Box::new(tls::foreign_stream(tcp)))
    }
}

impl Stream {
    /// The socket.
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Self::Direct(base) => base.tcp(),
            Self::Web(web) => web.socket.get_ref().tcp(),
        }
    }
}

impl WebStream {
    /// Asks the server for its WebSocket.
    ///
    /// # Errors
    /// When it refuses, with its answer.
    pub fn open(mut base: Base, server: SocketAddr) -> io::Result<Self> {
        let request = format!(
            "GET /ws HTTP/1.1\r\nHost: {server}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        base.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            base.read_exact(&mut byte)?;
            answer.extend(byte);
        }
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let accepts = "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
        if !answer.starts_with("HTTP/1.1 101 ") || !answer.contains(accepts) {
            return Err(Error::new(ErrorKind::InvalidData, answer));
        }
        let socket = WebSocket::from_raw_socket(base, Role::Client, None);
        Ok(Self { socket, unread: Vec::new() })
    }

    /// The WebSocket itself.
    pub fn socket(&mut self) -> &mut WebSocket<Base> {
        &mut self.socket
    }
}

/// What a socket's error is below tungstenite.
fn plain(why: tungstenite::Error) -> Error {
    match why {
        tungstenite::Error::Io(why) => why,
        tungstenite::Error::ConnectionClosed => ErrorKind::UnexpectedEof.into(),
        why => Error::new(ErrorKind::InvalidData, why.to_string()),
    }
}

impl Read for WebStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.unread.is_empty() {
            match self.socket.read() {
                Ok(Message::Binary(bytes)) => self.unread = bytes.to_vec(),
                Ok(Message::Close(_)) | Err(tungstenite::Error::ConnectionClosed) => return Ok(0),
                Ok(Message::Text(text)) => {
                    return Err(Error::new(ErrorKind::InvalidData, text.to_string()));
                }
                Ok(_) => {}
                Err(why) => return Err(plain(why)),
            }
        }
        let count = buffer.len().min(self.unread.len());
        buffer[..count].copy_from_slice(&self.unread[..count]);
        self.unread.drain(..count);
        Ok(count)
    }
}

impl Write for WebStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.send(Message::binary(bytes.to_vec())).map_err(plain)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush().map_err(plain)
    }
}

impl Read for Base {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read(buffer),
            Self::Tls(tls) => tls.read(buffer),
        }
    }
}

impl Write for Base {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.flush(),
            Self::Tls(tls) => tls.flush(),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Direct(base) => base.read(buffer),
            Self::Web(web) => web.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Direct(base) => base.write(bytes),
            Self::Web(web) => web.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Direct(base) => base.flush(),
            Self::Web(web) => web.flush(),
        }
    }
}
