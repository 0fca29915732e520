//! What a connection is to the engine: a non-blocking stream of the protocol's bytes. What carries
//! them, a bare socket or a layer over one that encrypts or frames them, is behind this seam, and
//! the engine never learns it.
//!
//! A layer accepts bytes before it can send them: it has sealed them into a record, and cannot make
//! that again. So what is *accepted* is the transport's own from then on, and the engine neither
//! repeats nor keeps it. What a transport owns and has not sent is *pending*.

use std::io;

use crate::disk::readahead::Pipe;

/// A connection. When a call answers `WouldBlock`, a readiness event follows as soon as it can move
/// something, unless the call says what comes first.
pub trait Transport {
    /// Reads what has come, up to the length of the buffer; 0 bytes at the end of the stream.
    /// Reading may make something pending: an answer of the layer's own.
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing to read now, not even in the transport's own memory: as
    /// long as it has something, it hands that out. A transport that reads no more before its own
    /// answer is sent says so too, and [`Self::has_buffered`] once it can continue. Any other kind,
    /// `Interrupted` excepted, when the connection is broken.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// True when a read would bring something that no readiness event will tell of.
    fn has_buffered(&self) -> bool;

    /// Takes bytes that are to be sent, and says how many it has accepted: they are the transport's
    /// own from then on, and `bytes` is lent for the call only. While something is pending it may
    /// accept more or none, as it likes.
    ///
    /// # Errors
    /// `WouldBlock` when it accepts nothing: before what is pending is sent, or, if nothing is,
    /// before a readiness event. Any other kind, `Interrupted` excepted, when the connection is
    /// broken.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// True while the transport owns bytes that it has not sent.
    fn has_pending(&self) -> bool;

    /// Sends some of what is pending; says how many bytes of whatever kind went, at least one.
    /// Called only while something is.
    ///
    /// # Errors
    /// `WouldBlock` when none can go now. Any other kind, `Interrupted` excepted, when the
    /// connection is broken.
    fn flush_pending(&mut self) -> io::Result<usize>;

    /// True when a read or write that moves fewer bytes than asked has met the end of what is
    /// possible now, and a readiness event will follow when more is. Never true of a transport that
    /// has something buffered.
    fn short_is_blocked(&self) -> bool;

    /// True when bytes can go from a pipe to the peer as they are ([`Self::splice`]). The answer
    /// stays the same once the peer's first bytes were read.
    fn can_splice(&self) -> bool;

    /// Accepts up to so many bytes out of a pipe, which holds as many; says how many. Called only
    /// if it can.
    ///
    /// # Errors
    /// As [`Self::write`].
    fn splice(&mut self, _pipe: &Pipe, _bytes: usize) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// As [`Self::write`], of bytes that are not to be queued together with those that follow,
    /// where the bound on what is unsent ([`Self::limit_unsent`]) is looked at only between pieces
    /// of a queue.
    ///
    /// # Errors
    /// As [`Self::write`].
    fn write_piece(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write(bytes)
    }

    /// Accepts no more while so many bytes, or about so many, have not begun to go out. A transport
    /// that cannot tell accepts what it accepts.
    fn limit_unsent(&mut self, _bytes: u32) {}

    /// Shuts the writing side: the peer reads to the end of what was accepted. Called only while
    /// nothing is pending.
    ///
    /// # Errors
    /// `WouldBlock` when the transport has a last word of its own, which is pending from then on:
    /// once that is sent, the call is repeated. Any other kind when the connection is broken.
    fn shutdown_write(&mut self) -> io::Result<()>;
}
