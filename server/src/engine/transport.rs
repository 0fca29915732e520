//! What a connection is to the engine: a non-blocking stream of the protocol's bytes. What carries
//! them is behind this seam, and the engine never learns it.

use std::io::{self, PipeReader};

/// A connection. Whoever holds it is told by a readiness event when a call that would have blocked
/// can move something again.
pub trait Transport {
    /// Reads what has come, up to the length of the buffer; 0 bytes at the end of the stream.
    ///
    /// # Errors
    /// `WouldBlock` when there is nothing to read now; anything but that and `Interrupted` when the
    /// connection is broken.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Takes bytes that are to be sent, and says how many it has accepted.
    ///
    /// # Errors
    /// `WouldBlock` when it accepts none now; anything but that and `Interrupted` when the
    /// connection is broken.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// True when a read or write that moves fewer bytes than asked has met the end of what is
    /// possible now, and a readiness event will follow when more is.
    fn short_is_blocked(&self) -> bool;

    /// Accepts up to so many bytes out of a pipe, which holds as many; says how many.
    ///
    /// # Errors
    /// As [`Self::write`].
    fn splice(&mut self, _pipe: &PipeReader, _bytes: usize) -> io::Result<usize> {
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

    /// Shuts the writing side: the peer reads to the end of what was accepted.
    ///
    /// # Errors
    /// When the connection is broken already.
    fn shutdown_write(&mut self) -> io::Result<()>;
}
