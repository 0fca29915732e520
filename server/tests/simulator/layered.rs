//! A transport for tests, over any other: it does with the bytes whatever a layer such as TLS or
//! WebSocket may do. It accepts them and holds them back, in portions of any size, sends something
//! of its own in between, reads ahead, and stops reading while it owes an answer.
//!
//! The engine's own tests use it as well as the simulator.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};

use chatshelf_server::disk::readahead::FilePart;
use chatshelf_server::engine::{Transport, Visitor};

/// Bytes read ahead at once.
const READ_BYTES: usize = 2 * 1024;

/// How a layer behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Habits {
    /// Most bytes that it owns.
    pub(crate) record_bytes: usize,
    /// Accepts more while it owns some.
    pub(crate) gathers: bool,
    /// Sends nothing before it is asked to flush.
    pub(crate) holds_back: bool,
    /// Most bytes of those accepted that one flush moves.
    pub(crate) flush_bytes: usize,
    /// Most bytes that one read hands out of those that were read ahead.
    pub(crate) read_bytes: usize,
    /// Bytes of its own with each portion that it accepts, for each read ahead, and before the end.
    /// The peer's layer takes them out again.
    pub(crate) own_bytes: usize,
    /// What it says that is not so.
    pub(crate) lie: Option<Lie>,
}

/// A lie that whoever relies on a layer must not survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// Nothing is pending.
    NothingPending,
    /// Nothing is buffered.
    NothingBuffered,
    /// It has accepted one byte more than it keeps.
    AcceptedMore,
}

impl Habits {
    /// Those of a number.
    pub(crate) fn of(number: u64) -> Self {
        let mut rest = number;
        let mut pick = |choices: &[usize]| {
            rest = rest.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(number | 1);
            choices[(rest >> 33) as usize % choices.len()]
        };
        Self {
            record_bytes: pick(&[7, 300, 4_093, 16_384, 16_384]),
            gathers: pick(&[0, 1]) == 1,
            holds_back: pick(&[0, 1]) == 1,
            flush_bytes: pick(&[5, 1_000, usize::MAX, usize::MAX, usize::MAX]),
            read_bytes: pick(&[300, 4_093, usize::MAX]),
            own_bytes: pick(&[0, 1, 29]),
            lie: None,
        }
    }
}

/// One of two transports.
#[derive(Debug)]
pub(crate) enum Either<A, B> {
    This(A),
    That(B),
}

/// What is under the seam: a transport, or a layer over one.
pub(crate) type TestTransport<T> = Either<T, Layered<T>>;

/// A layer over a transport.
#[derive(Debug)]
pub(crate) struct Layered<T> {
    below: T,
    habits: Habits,
    /// Accepted, and not sent.
    accepted: VecDeque<u8>,
    /// Bytes of its own that go before them.
    own: usize,
    /// Read ahead, and not handed out.
    ahead: VecDeque<u8>,
    /// How reading goes on after that.
    reading: Reading,
    has_said_last_word: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Open,
    /// The answer to what was read has to be sent first.
    HeldUp,
    Ended,
    Broken(ErrorKind),
}

impl<T: Transport> Layered<T> {
    pub(crate) fn over(below: T, habits: Habits) -> Self {
        Self {
            below,
            habits,
            accepted: VecDeque::new(),
            own: 0,
            ahead: VecDeque::new(),
            reading: Reading::Open,
            has_said_last_word: false,
        }
    }

    fn is_pending(&self) -> bool {
        self.own > 0 || !self.accepted.is_empty()
    }

    /// Reads all that has come, if the answer to what came before is sent, so that no event will
    /// tell of it again.
    pub(crate) fn read_ahead(&mut self) {
        let mut bytes = vec![0; READ_BYTES];
        while self.ahead.len() < READ_BYTES && self.reading == Reading::Open {
            match self.below.read(&mut bytes) {
                Ok(0) => self.reading = Reading::Ended,
                Ok(count) => {
                    self.ahead.extend(&bytes[..count]);
                    if !self.has_said_last_word {
                        self.own += self.habits.own_bytes;
                    }
                }
                Err(why) if why.kind() == ErrorKind::WouldBlock => return,
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(why) => self.reading = Reading::Broken(why.kind()),
            }
        }
    }

    fn flush_some(&mut self) -> io::Result<usize> {
        if self.own > 0 {
            return Ok(std::mem::take(&mut self.own));
        }
        let (front, _) = self.accepted.as_slices();
        let moved = self.below.write(&front[..front.len().min(self.habits.flush_bytes)])?;
        self.accepted.drain(..moved);
        Ok(moved)
    }
}

impl<T: Transport> Transport for Layered<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ahead.is_empty() && self.own > 0 && self.reading == Reading::Open {
            self.reading = Reading::HeldUp;
        }
        if self.reading == Reading::HeldUp && self.own == 0 {
            self.reading = Reading::Open;
        }
        if self.ahead.is_empty() {
            self.read_ahead();
        }
        let most = buffer.len().min(self.habits.read_bytes).min(self.ahead.len());
        for (place, byte) in buffer.iter_mut().zip(self.ahead.drain(..most)) {
            *place = byte;
        }
        match self.reading {
            _ if most > 0 => Ok(most),
            Reading::Ended => Ok(0),
            Reading::Broken(kind) => Err(kind.into()),
            Reading::Open | Reading::HeldUp => Err(ErrorKind::WouldBlock.into()),
        }
    }

    fn has_buffered(&self) -> bool {
        let may_continue = self.reading == Reading::HeldUp && self.own == 0;
        (!self.ahead.is_empty() || may_continue) && self.habits.lie != Some(Lie::NothingBuffered)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        assert!(!self.has_said_last_word, "nothing is written after the end");
        let room = self.habits.record_bytes.saturating_sub(self.accepted.len());
        if room == 0 || (self.is_pending() && !self.habits.gathers) {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = room.min(bytes.len());
        let is_short_of_one = self.habits.lie == Some(Lie::AcceptedMore);
        self.accepted.extend(&bytes[..count - usize::from(is_short_of_one)]);
        self.own += self.habits.own_bytes;
        if !self.habits.holds_back && self.is_pending() {
            match self.flush_some() {
                Err(why)
                    if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                flushed => drop(flushed?),
            }
        }
        Ok(count)
    }

    fn has_pending(&self) -> bool {
        self.is_pending() && self.habits.lie != Some(Lie::NothingPending)
    }

    fn flush_pending(&mut self) -> io::Result<usize> {
        assert!(self.is_pending(), "nothing is pending");
        self.flush_some()
    }

    fn short_is_blocked(&self) -> bool {
        false
    }

    fn can_send_files(&self) -> bool {
        false
    }

    fn send_file(&mut self, _: &[u8], _: FilePart<'_>) -> io::Result<usize> {
        panic!("it has said that it can't");
    }

    fn limit_unsent(&mut self, bytes: u32) {
        self.below.limit_unsent(bytes);
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        assert!(!self.is_pending(), "it is shut before all is sent that it has accepted");
        if !self.has_said_last_word && self.habits.own_bytes > 0 {
            (self.has_said_last_word, self.own) = (true, self.habits.own_bytes);
            return Err(ErrorKind::WouldBlock.into());
        }
        self.has_said_last_word = true;
        self.below.shutdown_write()
    }
}

/// Has whichever it is do it.
macro_rules! either {
    ($self:ident, $it:ident => $call:expr) => {
        match $self {
            Self::This($it) => $call,
            Self::That($it) => $call,
        }
    };
}

impl<A: Transport, B: Transport> Transport for Either<A, B> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        either!(self, it => it.read(buffer))
    }

    fn read_overhead(&self) -> usize {
        either!(self, it => it.read_overhead())
    }

    fn has_buffered(&self) -> bool {
        either!(self, it => it.has_buffered())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        either!(self, it => it.write(bytes))
    }

    fn has_pending(&self) -> bool {
        either!(self, it => it.has_pending())
    }

    fn flush_pending(&mut self) -> io::Result<usize> {
        either!(self, it => it.flush_pending())
    }

    fn short_is_blocked(&self) -> bool {
        either!(self, it => it.short_is_blocked())
    }

    fn can_send_files(&self) -> bool {
        either!(self, it => it.can_send_files())
    }

    fn send_file(&mut self, head: &[u8], part: FilePart<'_>) -> io::Result<usize> {
        either!(self, it => it.send_file(head, part))
    }

    fn write_piece(&mut self, bytes: &[u8]) -> io::Result<usize> {
        either!(self, it => it.write_piece(bytes))
    }

    fn write_both(&mut self, first: &[u8], second: &[u8]) -> io::Result<usize> {
        either!(self, it => it.write_both(first, second))
    }

    fn limit_unsent(&mut self, bytes: u32) {
        either!(self, it => it.limit_unsent(bytes));
    }

    fn visitor(&mut self) -> Option<&mut dyn Visitor> {
        either!(self, it => it.visitor())
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        either!(self, it => it.shutdown_write())
    }
}
