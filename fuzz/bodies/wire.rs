//! A connection in memory: the engine has one end of it, a peer the other. It tells of readiness as
//! an edge-triggered poll does.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read};
use std::rc::Rc;

use chatshelf_server::engine::{Readiness, Transport};

use super::budget;

pub(crate) type Shared = Rc<RefCell<Wire>>;

/// What is between the two ends.
#[derive(Debug)]
pub(crate) struct Wire {
    to_engine: VecDeque<u8>,
    to_peer: Vec<u8>,
    /// Bytes that the engine may write before it blocks.
    room: usize,
    /// Short reads and writes mean that no more is possible now.
    is_short: bool,
    /// The peer has closed its side.
    has_ended: bool,
    /// Both sides are gone.
    is_broken: bool,
    /// The engine has closed its side.
    is_shut: bool,
    /// The engine has met the end of the room, and is owed an event.
    is_blocked: bool,
    /// The engine has dropped its end.
    pub(crate) is_dropped: bool,
    ready: Readiness,
}

/// The engine's end.
#[derive(Debug)]
pub(crate) struct End(pub(crate) Shared);

impl Wire {
    pub(crate) fn new(is_short: bool) -> Shared {
        Rc::new(RefCell::new(Self {
            to_engine: VecDeque::new(),
            to_peer: Vec::new(),
            room: usize::MAX,
            is_short,
            has_ended: false,
            is_broken: false,
            is_shut: false,
            is_blocked: false,
            is_dropped: false,
            ready: Readiness { writable: true, ..Readiness::default() },
        }))
    }

    /// Sends bytes to the engine, unless the peer has closed its side.
    pub(crate) fn send(&mut self, bytes: impl ExactSizeIterator<Item = u8>) {
        if !self.has_ended && !self.is_broken && bytes.len() > 0 {
            self.to_engine.extend(bytes);
            self.ready.readable = true;
        }
    }

    /// The peer closes its side; what it has sent can be read.
    pub(crate) fn end(&mut self) {
        self.has_ended = true;
        (self.ready.readable, self.ready.read_closed) = (true, true);
    }

    /// The connection is reset: nothing can be read or written any more.
    pub(crate) fn reset(&mut self) {
        self.is_broken = true;
        self.ready = Readiness { readable: true, writable: true, read_closed: true };
    }

    /// The peer takes so many bytes from now on.
    pub(crate) fn allow(&mut self, room: usize) {
        self.room = room;
        self.ready.writable |= room > 0 && std::mem::take(&mut self.is_blocked);
    }

    pub(crate) fn take_ready(&mut self) -> Readiness {
        std::mem::take(&mut self.ready)
    }

    /// True if the engine has not been told of something.
    pub(crate) fn has_news(&self) -> bool {
        !self.is_dropped && self.ready != Readiness::default()
    }

    /// What the engine has sent since the last call.
    pub(crate) fn take_sent(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.to_peer)
    }
}

impl Transport for End {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut wire = self.0.borrow_mut();
        if wire.is_broken {
            return Err(ErrorKind::ConnectionReset.into());
        }
        match wire.to_engine.read(buffer)? {
            0 if !wire.has_ended => Err(ErrorKind::WouldBlock.into()),
            count => Ok(count),
        }
    }

    fn has_buffered(&self) -> bool {
        false
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut wire = self.0.borrow_mut();
        assert!(!wire.is_shut, "nothing is written after the end");
        if wire.is_broken {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let count = bytes.len().min(wire.room);
        let would_block = count == 0 && !bytes.is_empty();
        wire.is_blocked |= would_block || (wire.is_short && count < bytes.len());
        if would_block {
            return Err(ErrorKind::WouldBlock.into());
        }
        if wire.room != usize::MAX {
            wire.room -= count;
        }
        wire.to_peer.extend_from_slice(&bytes[..count]);
        budget::note_write();
        Ok(count)
    }

    fn has_pending(&self) -> bool {
        false
    }

    fn flush_pending(&mut self) -> io::Result<usize> {
        Ok(0)
    }

    fn short_is_blocked(&self) -> bool {
        self.0.borrow().is_short
    }

    fn can_send_files(&self) -> bool {
        false
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        let mut wire = self.0.borrow_mut();
        wire.is_shut = true;
        if wire.is_broken { Err(ErrorKind::NotConnected.into()) } else { Ok(()) }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.0.borrow_mut().is_dropped = true;
    }
}
