//! From the bytes that a server sends to what they are: frames, events of the room, data of files.
//! It keeps no state but the decoder's, and judges nothing.

use chatshelf_common::id::TransferId;
use chatshelf_common::wire::deframer::FrameError;
use chatshelf_common::wire::field::DecodeError;
use chatshelf_common::wire::{Deframer, Event, ServerFrame, Unit};

/// One thing that a server sends.
#[derive(Debug)]
pub enum Received<'a> {
    /// A frame that is for this connection alone.
    Frame(ServerFrame),
    /// An event of the room.
    Event {
        /// The event.
        event: Event,
        /// The value of its frame, as it came.
        value: &'a [u8],
    },
    /// The next bytes of a file.
    Data {
        /// Which download they belong to.
        transfer: TransferId,
        /// Where in the file they begin.
        offset: u64,
        /// The bytes, at least one.
        bytes: &'a [u8],
    },
}

/// Why the bytes of a server could not be read.
#[derive(Debug)]
pub enum ReceiveError {
    /// A frame breaks a limit.
    Frame(FrameError),
    /// A frame is not what its type says.
    Decode(DecodeError),
}

/// Decodes one connection.
#[derive(Debug)]
pub struct Receiver(Deframer);

impl Default for Receiver {
    fn default() -> Self {
        Self(Deframer::joined())
    }
}

impl Receiver {
    /// Takes large data frames from now on.
    pub fn accept_large_data(&mut self) {
        self.0.accept_large_data();
    }

    /// The next thing in `input`, from which its bytes are taken; none when more must come.
    ///
    /// # Errors
    /// When the bytes cannot be read. Nothing that follows can be.
    pub fn next<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<Received<'a>>, ReceiveError> {
        let received = match self.0.next(input).map_err(ReceiveError::Frame)? {
            None => return Ok(None),
            Some(Unit::Chunk { transfer, offset, bytes }) => {
                Received::Data { transfer, offset, bytes }
            }
            Some(Unit::Control { header, value }) => match Event::decode(header.kind, value) {
                Ok(event) => Received::Event { event, value },
                Err(DecodeError::UnknownType(_)) => {
                    let frame = ServerFrame::decode(header.kind, value);
                    Received::Frame(frame.map_err(ReceiveError::Decode)?)
                }
                Err(why) => return Err(ReceiveError::Decode(why)),
            },
        };
        Ok(Some(received))
    }

    /// True where one frame has ended and the next has not begun.
    pub fn is_between_frames(&self) -> bool {
        self.0.is_between_frames()
    }
}

/// The events in bytes of a room's log.
///
/// # Panics
/// When they are not whole events.
#[track_caller]
pub fn events_in(mut log: &[u8]) -> Vec<Event> {
    let (mut receiver, mut events) = (Receiver::default(), Vec::new());
    while let Some(received) = receiver.next(&mut log).expect("a log can be read") {
        match received {
            Received::Event { event, .. } => events.push(event),
            other => panic!("a log holds events only: {other:?}"),
        }
    }
    assert!(receiver.is_between_frames(), "a log holds whole events");
    events
}

impl std::fmt::Display for ReceiveError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Frame(why) => why.fmt(f),
            Self::Decode(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for ReceiveError {}
