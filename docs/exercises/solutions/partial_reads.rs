//! Solution 2: from a stream that is cut anywhere, to frames.

const HEADER_BYTES: usize = 6;

/// A frame announced more bytes than are allowed. Nothing that follows has a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// Makes frames of bytes as they arrive. A frame is a type (1 byte), flags (1), the length of its
/// value (4, big-endian), and the value.
#[derive(Debug)]
pub struct Frames {
    limit: u32,
    /// The start of a frame whose rest has not arrived.
    partial: Vec<u8>,
    has_failed: bool,
}

impl Frames {
    /// A decoder that refuses values longer than `limit` bytes.
    #[must_use]
    pub fn new(limit: u32) -> Self {
        Self { limit, partial: Vec::new(), has_failed: false }
    }

    /// Takes what one read has brought; returns the type and the value of each frame that is whole
    /// now.
    ///
    /// # Errors
    /// As soon as a header announces more than the limit, and from then on always.
    pub fn receive(&mut self, mut bytes: &[u8]) -> Result<Vec<(u8, Vec<u8>)>, TooLong> {
        let mut frames = Vec::new();
        while !self.has_failed {
            if !self.gather(&mut bytes, HEADER_BYTES) {
                return Ok(frames);
            }
            let length = [2, 3, 4, 5].map(|at| self.partial[at]);
            let length = u32::from_be_bytes(length);
            if length > self.limit {
                self.has_failed = true;
                self.partial = Vec::new();
            } else if !self.gather(&mut bytes, HEADER_BYTES + length as usize) {
                return Ok(frames);
            } else {
                let frame = std::mem::take(&mut self.partial);
                frames.push((frame[0], frame[HEADER_BYTES..].to_vec()));
            }
        }
        Err(TooLong)
    }

    /// Moves bytes until `need` are held; true when they are.
    fn gather(&mut self, bytes: &mut &[u8], need: usize) -> bool {
        let take = bytes.len().min(need.saturating_sub(self.partial.len()));
        let (taken, rest) = bytes.split_at(take);
        self.partial.extend_from_slice(taken);
        *bytes = rest;
        self.partial.len() >= need
    }

    /// Bytes that are held for a frame that has arrived in part.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.partial.len()
    }
}
