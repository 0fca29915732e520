//! A connection in memory: the engine holds one end, a test's peer the other. It reports readiness
//! exactly as an edge-triggered poll does.

use std::cell::{RefCell, RefMut};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::rc::Rc;

use chatshelf_common::id::ItemId;
use chatshelf_common::password::Password;
use chatshelf_common::wire::Code;
use chatshelf_common::wire::frame::{Item, Refused};

use crate::disk::readahead::FilePart;
use crate::engine::{Readiness, Transport, Visit, Visitor, Wanted};
use crate::room::shelf::Shelf;

/// What is between the two ends.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) to_engine: VecDeque<u8>,
    pub(super) to_peer: Vec<u8>,
    /// Bytes that the engine may write before it blocks.
    pub(super) room: usize,
    /// The most bytes that one read or write moves; for streams whose short moves mean nothing.
    pub(super) read_max: usize,
    pub(super) write_max: usize,
    /// The peer has closed its side.
    pub(super) ended: bool,
    /// Both sides are gone.
    pub(super) broken: bool,
    /// The engine has closed its side.
    pub(super) shut: bool,
    /// The engine has dropped its end.
    pub(super) dropped: bool,
    /// The engine has run out of `room`, and gets an event when there is more.
    pub(super) blocked: bool,
    /// What each read costs besides its bytes.
    pub(super) overhead: usize,
    /// How often the engine has read.
    pub(super) reads: usize,
    /// Edges not reported yet.
    pub(super) ready: Readiness,
    /// The line that carries the bytes to the peer, unless they arrive at once.
    line: Option<Line>,
    /// The peer is a visitor.
    pub(super) visits: Option<Visits>,
}

/// A visitor: each byte that it sends asks for the item of that number.
#[derive(Debug, Default)]
pub(super) struct Visits {
    pub(super) asked: Option<u8>,
    /// What it shows as the room's password.
    pub(super) password: Option<&'static str>,
    /// Bytes of the answer to a refused visit, and how many of them wait to be written.
    pub(super) answer_bytes: usize,
    pub(super) untaken: usize,
    /// Why visits were refused.
    pub(super) refusals: Vec<Code>,
    /// The engine has said that no further visit is wanted.
    pub(super) is_last: bool,
    /// The engine has said that the time for the next visit is over.
    pub(super) is_late: bool,
}

/// A line with a rate, as behind a kernel: it accepts bytes in pieces of up to [`PIECE_BYTES`]
/// while less than a bound is unsent, and reports room when half of that has been sent.
#[derive(Debug)]
struct Line {
    unsent: VecDeque<u8>,
    unsent_max: usize,
}

const PIECE_BYTES: usize = 64 * 1024;

impl Line {
    fn room(&self) -> usize {
        self.unsent_max.saturating_sub(self.unsent.len()).next_multiple_of(PIECE_BYTES)
    }
}

pub(super) type Shared = Rc<RefCell<Wire>>;

/// The engine's end.
#[derive(Debug)]
pub(super) struct End<const SHORT: bool>(pub(super) Shared);

impl Wire {
    pub(super) fn new() -> Shared {
        let ready = Readiness { writable: true, ..Readiness::default() };
        Rc::new(RefCell::new(Self {
            to_engine: VecDeque::new(),
            to_peer: Vec::new(),
            room: usize::MAX,
            read_max: usize::MAX,
            write_max: usize::MAX,
            ended: false,
            broken: false,
            shut: false,
            dropped: false,
            blocked: false,
            overhead: 0,
            reads: 0,
            ready,
            line: None,
            visits: None,
        }))
    }

    pub(super) fn send(&mut self, bytes: &[u8]) {
        assert!(!self.ended && !self.broken, "a closed peer sends nothing");
        if !bytes.is_empty() {
            self.to_engine.extend(bytes);
            self.ready.readable = true;
        }
    }

    /// Closes the peer's side; what it has sent can still be read.
    pub(super) fn end(&mut self) {
        self.ended = true;
        self.ready.readable = true;
        self.ready.read_closed = true;
    }

    /// Resets the connection: nothing can be read or written any more.
    pub(super) fn reset(&mut self) {
        self.broken = true;
        self.ready = Readiness { readable: true, writable: true, read_closed: true };
    }

    /// Returns how many of this many bytes the engine may write now.
    fn takes<const SHORT: bool>(&mut self, asked: usize) -> io::Result<usize> {
        assert!(!self.shut, "nothing is written after the shutdown");
        if self.broken {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let on_line = self.line.as_ref().map_or(usize::MAX, Line::room);
        let most = asked.min(self.room).min(self.write_max).min(on_line);
        if most == 0 && asked > 0 {
            self.blocked = true;
            return Err(ErrorKind::WouldBlock.into());
        }
        self.blocked |= SHORT && most < asked;
        if self.room != usize::MAX {
            self.room -= most;
        }
        Ok(most)
    }

    /// Puts a line between the two ends, which moves only what [`Self::carry`] says.
    pub(super) fn begin_line(&mut self) {
        self.line = Some(Line { unsent: VecDeque::new(), unsent_max: 128 * 1024 });
    }

    /// Carries this many bytes of the line to the peer.
    pub(super) fn carry(&mut self, bytes: usize) {
        let Some(line) = &mut self.line else { return };
        let carried = bytes.min(line.unsent.len());
        self.to_peer.extend(line.unsent.drain(..carried));
        if line.unsent.len() < line.unsent_max / 2 && std::mem::take(&mut self.blocked) {
            self.ready.writable = true;
        }
    }

    fn put(&mut self, bytes: &[u8]) {
        match &mut self.line {
            Some(line) => line.unsent.extend(bytes),
            None => self.to_peer.extend_from_slice(bytes),
        }
    }

    /// Lets the engine write this many bytes from now on.
    pub(super) fn allow(&mut self, room: usize) {
        self.room = room;
        if room > 0 && std::mem::take(&mut self.blocked) {
            self.ready.writable = true;
        }
    }
}

impl<const SHORT: bool> Transport for End<SHORT> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut wire = self.0.borrow_mut();
        wire.reads += 1;
        if wire.broken {
            return Err(ErrorKind::ConnectionReset.into());
        }
        let bytes = buffer.len().min(wire.to_engine.len()).min(wire.read_max);
        if bytes == 0 && !wire.ended {
            return Err(ErrorKind::WouldBlock.into());
        }
        for (place, byte) in buffer.iter_mut().zip(wire.to_engine.drain(..bytes)) {
            *place = byte;
        }
        if let Some(visits) = wire.visits.as_mut().filter(|_| bytes > 0) {
            visits.asked = Some(buffer[0]);
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(bytes)
    }

    fn read_overhead(&self) -> usize {
        self.0.borrow().overhead
    }

    fn has_buffered(&self) -> bool {
        false
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut wire = self.0.borrow_mut();
        let most = wire.takes::<SHORT>(bytes.len())?;
        wire.put(&bytes[..most]);
        Ok(most)
    }

    fn has_pending(&self) -> bool {
        self.0.borrow().visits.as_ref().is_some_and(|visits| visits.untaken > 0)
    }

    fn flush_pending(&mut self) -> io::Result<usize> {
        let untaken = self.visits().untaken;
        let most = self.0.borrow_mut().takes::<SHORT>(untaken)?;
        self.visits().untaken -= most;
        Ok(most)
    }

    fn short_is_blocked(&self) -> bool {
        SHORT
    }

    // On Linux, where a short write means that no more is possible, files are sent as they are.
    fn can_send_files(&self) -> bool {
        SHORT
    }

    fn send_file(&mut self, head: &[u8], part: FilePart<'_>) -> io::Result<usize> {
        let most = self.0.borrow_mut().takes::<SHORT>(head.len() + part.bytes)?;
        let mut content = vec![0; part.bytes];
        assert_eq!(part.source.read_at(&mut content, part.offset)?, part.bytes);
        self.0.borrow_mut().put(&[head, &content].concat()[..most]);
        Ok(most)
    }

    fn limit_unsent(&mut self, bytes: u32) {
        if let Some(line) = &mut self.0.borrow_mut().line {
            line.unsent_max = bytes as usize;
        }
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        let mut wire = self.0.borrow_mut();
        wire.shut = true;
        if wire.broken { Err(ErrorKind::NotConnected.into()) } else { Ok(()) }
    }

    fn visitor(&mut self) -> Option<&mut dyn Visitor> {
        let is_visitor = self.0.borrow().visits.is_some();
        is_visitor.then_some(self)
    }
}

impl<const SHORT: bool> End<SHORT> {
    fn visits(&self) -> RefMut<'_, Visits> {
        RefMut::map(self.0.borrow_mut(), |wire| wire.visits.as_mut().expect("a visitor"))
    }
}

impl<const SHORT: bool> Visitor for End<SHORT> {
    fn take_visit(&mut self) -> Option<Visit> {
        let wanted = Wanted::Item(ItemId(self.visits().asked.take()?.into()));
        let password = self.visits().password.map(|it| Password::new(it.as_bytes()).unwrap());
        Some(Visit { wanted, password, link: None })
    }

    fn make_last(&mut self) {
        self.visits().is_last = true;
    }

    fn show_page(&mut self) -> u64 {
        panic!("nobody has asked for it");
    }

    fn show_shelf(&mut self, _: &Shelf) -> u64 {
        panic!("nobody has asked for it");
    }

    fn show_item(&mut self, item: &Item) -> Option<Range<u64>> {
        Some(0..item.size)
    }

    fn begin_content(&mut self) {}

    fn accept_content(&mut self) {
        panic!("nobody brings any");
    }

    fn show_shelved(&mut self, _: &Item) {
        panic!("nobody has put it there");
    }

    fn refuse(&mut self, refused: &Refused) -> bool {
        let mut visits = self.visits();
        visits.refusals.push(refused.code);
        visits.untaken = visits.answer_bytes;
        true
    }

    fn time_out(&mut self) {
        self.visits().is_late = true;
    }
}

impl<const SHORT: bool> Drop for End<SHORT> {
    fn drop(&mut self) {
        self.0.borrow_mut().dropped = true;
    }
}
