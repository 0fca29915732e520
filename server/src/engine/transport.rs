//! The transport seam. To the engine, a connection is a non-blocking stream of the protocol's
//! bytes. Whether a bare socket carries them, or a layer over one that encrypts or frames them, the
//! engine never learns.
//!
//! A layer accepts bytes before it can send them: once sealed into a record, they cannot be sealed
//! again. Bytes that are *accepted* are therefore the transport's own from then on, and the engine
//! neither repeats nor keeps them. Bytes that a transport holds and has not sent are *pending*.

use std::fmt;
use std::io;

use chatshelf_common::wire::Code;

use super::visitor::Visitor;
use crate::disk::readahead::FilePart;

/// The error of a read when the transport will not carry the conversation, although the connection
/// is whole: the engine says goodbye with this code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal(pub Code);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::error::Error for Refusal {}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        Self::other(refusal)
    }
}

impl Refusal {
    /// Returns the refusal that this error stands for, if it is one.
    pub(super) fn of(why: &io::Error) -> Option<Self> {
        why.get_ref()?.downcast_ref().copied()
    }
}

/// A connection's byte stream. When a call returns `WouldBlock`, a readiness event follows as soon
/// as it can make progress, unless the method says what must happen first.
pub trait Transport {
    /// Reads what has arrived, up to the length of the buffer; returns 0 at the end of the stream.
    /// Reading may make bytes pending: a reply of the layer's own.
    ///
    /// # Errors
    /// `WouldBlock` if there is nothing to read now, not even in the transport's own memory: as
    /// long as it has something, it returns that. A transport that cannot read on before its own
    /// reply is sent also returns `WouldBlock`, and [`Self::has_buffered`] is true once it can
    /// continue. A [`Refusal`] if it does not carry this conversation. Any other kind, except
    /// `Interrupted`, if the connection is broken.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Returns what the last [`Self::read`] has cost in a layer besides the bytes that it returned,
    /// as the number of bytes that cost as much. A peer can cut what it sends into small pieces.
    fn read_overhead(&self) -> usize {
        0
    }

    /// Returns true if a read would return something that no readiness event reports.
    fn has_buffered(&self) -> bool;

    /// Accepts bytes to send, and returns how many: they are the transport's own from then on, and
    /// `bytes` is borrowed for the call only. While something is pending, it may accept more or
    /// none.
    ///
    /// # Errors
    /// `WouldBlock` if it accepts nothing: until what is pending is sent or, if nothing is, until a
    /// readiness event. Any other kind, except `Interrupted`, if the connection is broken.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Returns true while the transport holds bytes that it has not sent.
    fn has_pending(&self) -> bool;

    /// Sends some of what is pending; returns how many bytes of any kind were sent, at least one.
    /// Called only while something is pending.
    ///
    /// # Errors
    /// `WouldBlock` if none can be sent now. Any other kind, except `Interrupted`, if the
    /// connection is broken.
    fn flush_pending(&mut self) -> io::Result<usize>;

    /// Returns true if a read or write that moves fewer bytes than asked has reached the limit of
    /// what is possible now, and a readiness event will follow when more is. Never true for a
    /// transport that has something buffered.
    fn short_is_blocked(&self) -> bool;

    /// Returns true if bytes can go unchanged from a file to the peer ([`Self::send_file`]). The
    /// answer stays the same once the peer's first bytes were read.
    fn can_send_files(&self) -> bool;

    /// Like [`Self::write`], of `head` and up to all bytes of a part of a file after it; the count
    /// includes both. What it accepts may be held back until [`Self::push`].
    ///
    /// # Errors
    /// As [`Self::write`], if it accepts nothing of either; `UnexpectedEof` if the file ends before
    /// the part.
    fn send_file(&mut self, head: &[u8], part: FilePart<'_>) -> io::Result<usize> {
        let mut buffer = [0; FilePart::COPY_BYTES];
        match part.read(&mut buffer)? {
            count if head.is_empty() => self.write(&buffer[..count]),
            count => self.write_both(head, &buffer[..count]),
        }
    }

    /// Lets go of what [`Self::send_file`] may have held back to fill a segment. Called at the end
    /// of each flush in which it was called.
    fn push(&mut self) {}

    /// Like [`Self::write`], for bytes that must not be queued together with those that follow,
    /// because the limit on unsent bytes ([`Self::limit_unsent`]) is checked only between the
    /// pieces of a queue.
    ///
    /// # Errors
    /// As [`Self::write`].
    fn write_piece(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write(bytes)
    }

    /// Like [`Self::write`], of two pieces in a row; the count includes both.
    ///
    /// # Errors
    /// As [`Self::write`], if it accepts nothing of either.
    fn write_both(&mut self, first: &[u8], second: &[u8]) -> io::Result<usize> {
        let count = self.write(first)?;
        match count == first.len() {
            true => Ok(count + self.write(second).unwrap_or(0)),
            false => Ok(count),
        }
    }

    /// Accepts no more while about this many bytes have not begun to go out. A transport that
    /// cannot tell ignores the limit.
    fn limit_unsent(&mut self, _bytes: u32) {}

    /// Returns the peer as a visitor, if it may be one.
    fn visitor(&mut self) -> Option<&mut dyn Visitor> {
        None
    }

    /// Shuts down the writing side: the peer reads to the end of what was accepted. Called only
    /// while nothing is pending.
    ///
    /// # Errors
    /// `WouldBlock` if the transport must first send closing bytes of its own, which are pending
    /// from then on: the call is repeated once they are sent. Any other kind if the connection is
    /// broken.
    fn shutdown_write(&mut self) -> io::Result<()>;
}
