//! Exercise 2: from a stream that is cut anywhere, to frames.

/// A frame announced more bytes than are allowed. Nothing that follows has a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// Makes frames of bytes as they arrive. A frame is a type (1 byte), flags (1), the length of its
/// value (4, big-endian), and the value.
#[derive(Debug)]
pub struct Frames {
    limit: u32,
    // What else do you have to remember between two reads?
}

impl Frames {
    /// A decoder that refuses values longer than `limit` bytes.
    #[must_use]
    pub fn new(limit: u32) -> Self {
        Self { limit }
    }

    /// Takes what one read has brought; returns the type and the value of each frame that is whole
    /// now.
    ///
    /// # Errors
    /// As soon as a header announces more than the limit, and from then on always. Frames that were
    /// whole before that one need not be returned.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<Vec<(u8, Vec<u8>)>, TooLong> {
        todo!("{} bytes, values of at most {}", bytes.len(), self.limit)
    }

    /// Bytes that are held for a frame that has arrived in part.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        todo!()
    }
}
