//! A client and the transport, with a line between them that moves as few bytes at a time as a test
//! asks for.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::sync::Arc;

use chatshelf_testkit::tls::client_connection;
use rustls::ClientConnection;

use super::super::*;
use crate::identity::{Identity, Origin};

/// The server's end of a line.
#[derive(Clone, Debug, Default)]
pub(super) struct Line(pub(super) Rc<RefCell<Ends>>);

#[derive(Debug, Default)]
pub(super) struct Ends {
    pub(super) to_server: VecDeque<u8>,
    pub(super) to_client: VecDeque<u8>,
    /// Bytes that one read or one write moves at most; 0 for all.
    pub(super) most: usize,
    /// Bytes that the server may send before the line is full.
    pub(super) room: Option<usize>,
    pub(super) has_ended: bool,
    pub(super) is_shut: bool,
}

impl Transport for Line {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut ends = self.0.borrow_mut();
        let most = if ends.most == 0 { buffer.len() } else { buffer.len().min(ends.most) };
        match ends.to_server.read(&mut buffer[..most])? {
            0 if !ends.has_ended => Err(ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }

    fn has_buffered(&self) -> bool {
        false
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut ends = self.0.borrow_mut();
        let most = if ends.most == 0 { bytes.len() } else { bytes.len().min(ends.most) };
        let count = most.min(ends.room.unwrap_or(usize::MAX));
        assert!(!ends.is_shut && !bytes.is_empty());
        if count == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        ends.room = ends.room.map(|room| room - count);
        ends.to_client.extend(&bytes[..count]);
        Ok(count)
    }

    fn has_pending(&self) -> bool {
        false
    }

    fn flush_pending(&mut self) -> io::Result<usize> {
        unreachable!("nothing is pending")
    }

    fn short_is_blocked(&self) -> bool {
        false
    }

    fn can_send_files(&self) -> bool {
        true
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.0.borrow_mut().is_shut = true;
        Ok(())
    }
}

/// What all connections of a test share.
pub(super) fn context() -> Rc<TlsContext> {
    thread_local! {
        static CONFIG: Arc<rustls::ServerConfig> = {
            let dir = tempfile::tempdir().unwrap();
            Identity::open(&Origin::Own(dir.path().into(), None)).unwrap().config
        };
    }
    TlsContext::new(CONFIG.with(Arc::clone))
}

/// A client and a server with a line between them.
pub(super) struct Pair {
    pub(super) line: Line,
    pub(super) client: ClientConnection,
    pub(super) server: TlsTransport<Line>,
    pub(super) context: Rc<TlsContext>,
    /// Bytes of the client that have gone into the line, and where that pauses.
    pub(super) sent: usize,
    pub(super) pause_at: Option<usize>,
    pub(super) buffer: Vec<u8>,
    /// What the server has read, and the client.
    pub(super) read: Vec<u8>,
    pub(super) heard: Vec<u8>,
    pub(super) has_ended: bool,
}

impl Pair {
    pub(super) fn new() -> Self {
        Self::within(&context(), 0)
    }

    pub(super) fn within(context: &Rc<TlsContext>, number: usize) -> Self {
        let (line, context) = (Line::default(), Rc::clone(context));
        let token = Token::new(number, 0);
        Self {
            server: TlsTransport::new(line.clone(), &context, token, &[]).unwrap(),
            line,
            client: client_connection(),
            context,
            sent: 0,
            pause_at: None,
            buffer: vec![0; 64 * 1024],
            read: Vec::new(),
            heard: Vec::new(),
            has_ended: false,
        }
    }

    pub(super) fn established() -> Self {
        let mut pair = Self::new();
        pair.settle();
        assert!(pair.server.flags.is_established && !pair.client.is_handshaking());
        pair
    }

    /// Lets everything go through that can.
    pub(super) fn settle(&mut self) {
        loop {
            let moved = self.client_sends() + self.server_reads() + self.server_sends();
            let waiting = self.context.begin_turn().len();
            if moved + self.client_reads() + waiting == 0 {
                return;
            }
        }
    }

    pub(super) fn client_sends(&mut self) -> usize {
        let mut bytes = Vec::new();
        while self.client.wants_write() {
            self.client.write_tls(&mut bytes).unwrap();
        }
        let mut ends = self.line.0.borrow_mut();
        let (before, count) = (self.sent, bytes.len());
        self.sent += count;
        match self.pause_at {
            Some(at) if (before..self.sent).contains(&at) => {
                let rest = bytes.split_off(at - before);
                ends.to_server.extend(bytes);
                drop(ends);
                self.server_reads();
                self.line.0.borrow_mut().to_server.extend(rest);
            }
            _ => ends.to_server.extend(bytes),
        }
        count
    }

    /// Reads as the engine does: until the call would block.
    pub(super) fn server_reads(&mut self) -> usize {
        let mut count = 0;
        while !self.has_ended {
            match self.server.read(&mut self.buffer) {
                Ok(0) => self.has_ended = true,
                Ok(bytes) => {
                    self.read.extend(&self.buffer[..bytes]);
                    count += bytes;
                }
                Err(why) if why.kind() == ErrorKind::WouldBlock => {
                    assert!(!self.server.has_buffered());
                    break;
                }
                Err(_) => self.has_ended = true,
            }
        }
        count
    }

    pub(super) fn server_sends(&mut self) -> usize {
        let mut count = 0;
        while self.server.has_pending() {
            match self.server.flush_pending() {
                Ok(sent) => count += sent,
                Err(why) if why.kind() == ErrorKind::WouldBlock => break,
                Err(why) => panic!("{why}"),
            }
        }
        count
    }

    pub(super) fn client_reads(&mut self) -> usize {
        let mut bytes: Vec<u8> = self.line.0.borrow_mut().to_client.drain(..).collect();
        let count = bytes.len();
        let mut rest = &mut bytes[..] as &[u8];
        while !rest.is_empty() {
            self.client.read_tls(&mut rest).unwrap();
            self.client.process_new_packets().unwrap();
            let mut reader = self.client.reader();
            while let Ok(count @ 1..) = reader.read(&mut self.buffer) {
                self.heard.extend(&self.buffer[..count]);
            }
        }
        count
    }

    pub(super) fn client_says(&mut self, bytes: &[u8]) {
        self.client.writer().write_all(bytes).unwrap();
    }

    /// Writes all of it, and flushes as often as that takes.
    pub(super) fn server_says(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match self.server.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(why) => {
                    assert_eq!(why.kind(), ErrorKind::WouldBlock);
                    assert!(self.server_sends() > 0, "it accepts nothing, and has nothing to send");
                }
            }
        }
        self.server_sends();
    }

    pub(super) fn has_no_buffers(&self) -> bool {
        let server = &self.server;
        let bytes = [server.incoming.capacity(), server.gathered.capacity()];
        let rests = [server.received.capacity(), server.outgoing.capacity()];
        bytes == [0, 0] && rests == [0, 0]
    }

    /// The records on their way to the client.
    pub(super) fn records(&self) -> Vec<usize> {
        let ends = self.line.0.borrow();
        let bytes: Vec<u8> = ends.to_client.iter().copied().collect();
        let (mut rest, mut lengths) = (&bytes[..], Vec::new());
        while let [_, _, _, high, low, after @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            lengths.push(length);
            rest = &after[length..];
        }
        assert!(rest.is_empty());
        lengths
    }
}
