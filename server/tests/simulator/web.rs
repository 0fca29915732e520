//! A client's side of WebSocket, as a browser behaves: it masks, cuts messages into fragments,
//! pings now and then between two of them, and closes when the server does.

use std::io::{self, ErrorKind, IoSlice, Read, Write};

use chatshelf_common::websocket::{CloseCode, End, Incoming, Opcode, Sender, frame};
use chatshelf_server::net::web::WebTransport;
use chatshelf_server::net::websocket::WebSocketTransport;

use super::end::End as WireEnd;
use super::layered::Either;
use super::network::{Shared, Speech};
use super::tls::{BaseEnd, Socket};

/// Of so many messages one comes in two fragments, with a ping between them.
const FRAGMENTS_EVERY: u32 = 5;
/// Bytes of one message at most.
const MESSAGE_BYTES_MAX: usize = 20_000;

/// What the server has over its end of a wire: the protocol, or HTTP.
pub(crate) type ServerEnd = Either<MemberEnd, WebTransport<BaseEnd>>;
/// The same of a member, with WebSocket or without.
pub(crate) type MemberEnd = Either<BaseEnd, WebSocketTransport<BaseEnd>>;

/// The client's end of a connection, with the layers that the wire asks for.
#[derive(Debug)]
pub(crate) enum ClientEnd {
    Direct(Socket),
    Web(Box<WebEnd>),
}

impl ClientEnd {
    pub(crate) fn over(end: WireEnd) -> Self {
        let is_web = end.wire().borrow().speech == Speech::WebSocket;
        let socket = Socket::over(end);
        if is_web { Self::Web(Box::new(WebEnd::over(socket))) } else { Self::Direct(socket) }
    }

    /// Without any layer, whatever the wire asks for.
    pub(crate) fn raw(end: WireEnd) -> Self {
        Self::Direct(Socket::Plain(end))
    }

    pub(crate) fn wire(&self) -> &Shared {
        match self {
            Self::Direct(socket) => socket.wire(),
            Self::Web(web) => web.below.wire(),
        }
    }

    /// Sends what the layers keep.
    pub(crate) fn push(&mut self) -> io::Result<()> {
        match self {
            Self::Direct(socket) => socket.push(),
            Self::Web(web) => web.push(),
        }
    }
}

impl Read for ClientEnd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Direct(socket) => socket.read(buffer),
            Self::Web(web) => web.read(buffer),
        }
    }
}

impl Write for ClientEnd {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Direct(socket) => socket.write_vectored(slices),
            Self::Web(web) => web.write_vectored(slices),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A client's side of WebSocket over a socket, agreed on before.
#[derive(Debug)]
pub(crate) struct WebEnd {
    below: Socket,
    incoming: Incoming,
    /// Framed, and not sent.
    outgoing: Vec<u8>,
    messages: u32,
    has_closed: bool,
}

impl WebEnd {
    fn over(below: Socket) -> Self {
        let incoming = Incoming::new(Sender::Server);
        Self { below, incoming, outgoing: Vec::new(), messages: 0, has_closed: false }
    }

    /// Sends what waits.
    fn push(&mut self) -> io::Result<()> {
        while !self.outgoing.is_empty() {
            match self.below.write(&self.outgoing)? {
                // TLS keeps only so much before its handshake is done.
                0 => return Err(ErrorKind::WouldBlock.into()),
                count => drop(self.outgoing.drain(..count)),
            }
        }
        self.below.push()
    }

    fn frame(&mut self, opcode: Opcode, is_last: bool, payload: &[u8]) {
        let start = self.outgoing.len();
        let mask = self.messages.wrapping_mul(0x9e37_79b9).to_be_bytes();
        self.outgoing.extend(frame(opcode, payload, Some(mask)));
        if !is_last {
            self.outgoing[start] &= 0x7f;
        }
    }
}

impl Read for WebEnd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.below.read(buffer)?;
            let opened = self.incoming.open(&mut buffer[..count]);
            match self.incoming.end() {
                Some(End::Broken(code)) => panic!("the server broke WebSocket: {code:?}"),
                Some(End::Closed(code)) if !self.has_closed => {
                    let code = code.unwrap_or(CloseCode::NORMAL);
                    self.frame(Opcode::Close, true, &code.to_bytes());
                    self.has_closed = true;
                    if let Err(why) = self.push()
                        && why.kind() != ErrorKind::WouldBlock
                        && opened == 0
                    {
                        return Err(why);
                    }
                }
                _ => {}
            }
            if opened > 0 || count == 0 {
                return Ok(opened);
            }
        }
    }
}

impl Write for WebEnd {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.push()?;
        let mut message: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        message.truncate(MESSAGE_BYTES_MAX);
        self.messages += 1;
        if self.messages.is_multiple_of(FRAGMENTS_EVERY) {
            let (first, second) = message.split_at(message.len() / 2);
            self.frame(Opcode::Binary, false, first);
            self.frame(Opcode::Ping, true, b"are you there?");
            self.frame(Opcode::Continuation, true, second);
        } else {
            self.frame(Opcode::Binary, true, &message);
        }
        match self.push() {
            Err(why) if why.kind() != ErrorKind::WouldBlock => Err(why),
            _ => Ok(message.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.push()
    }
}
