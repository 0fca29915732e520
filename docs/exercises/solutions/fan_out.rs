//! Solution 7: one log for all members, a cursor for each, and memory that has a bound.

/// A member fell so far behind that what comes next for it is no longer held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Bytes that it will never see.
    pub missed: u64,
}

/// The newest bytes of all that was said. A cursor is a count of bytes since the beginning of time.
#[derive(Debug)]
pub struct Log {
    window: usize,
    bytes: Vec<u8>,
    /// The cursor of the first byte that is held.
    start: u64,
}

impl Log {
    /// An empty log. It holds at most twice `window` bytes, and the newest `window` always.
    #[must_use]
    pub fn new(window: usize) -> Self {
        Self { window, bytes: Vec::new(), start: 0 }
    }

    /// Appends an event, which is never longer than the window. Moves the bytes it holds once for
    /// each `window` bytes that are appended, not each time.
    pub fn append(&mut self, event: &[u8]) {
        if self.bytes.len() + event.len() > 2 * self.window {
            let surplus = self.bytes.len() + event.len() - self.window;
            self.bytes.drain(..surplus);
            self.start += surplus as u64;
        }
        self.bytes.extend_from_slice(event);
    }

    /// What a member at this cursor has not been sent, as one slice.
    ///
    /// # Errors
    /// When its next byte is no longer held. It then goes on at the end.
    pub fn after(&self, cursor: u64) -> Result<&[u8], Gap> {
        match cursor.checked_sub(self.start) {
            Some(at) => Ok(&self.bytes[at as usize..]),
            None => Err(Gap { missed: self.end() - cursor }),
        }
    }

    /// The cursor of a member that has seen everything.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// Bytes that the log holds.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.bytes.len()
    }
}
