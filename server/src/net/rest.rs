//! Bytes that wait in a layer: received but not handed out, or accepted but not sent. They take
//! memory only while there are any.

use std::io;

use chatshelf_common::lazy_box::{Empty, LazyBox};

use crate::engine::Transport;

/// Bytes that wait, in order.
#[derive(Debug, Default)]
pub(super) struct Rest(LazyBox<Kept>);

/// Bytes; those before `taken` are done with.
#[derive(Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    taken: usize,
}

impl Empty for Kept {
    const EMPTY: &'static Self = &Self { bytes: Vec::new(), taken: 0 };
}

impl Rest {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting().is_empty()
    }

    pub(super) fn waiting(&self) -> &[u8] {
        &self.0.bytes[self.0.taken..]
    }

    pub(super) fn extend(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.0.bytes.extend_from_slice(bytes);
        }
    }

    /// Returns the buffer, to be appended to.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.0.bytes
    }

    /// Drops the first `count` bytes; dropping the last one frees the memory.
    pub(super) fn take(&mut self, count: usize) {
        debug_assert!(count <= self.waiting().len());
        if count == self.waiting().len() {
            self.0 = LazyBox::default();
        } else {
            self.0.taken += count;
        }
    }

    /// Hands out as many bytes as fit into `buffer`; returns how many.
    pub(super) fn hand_out(&mut self, buffer: &mut [u8]) -> usize {
        let count = self.waiting().len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.waiting()[..count]);
        self.take(count);
        count
    }

    /// Sends some of what waits in the transport below, or else of these bytes; returns how many
    /// were sent.
    ///
    /// # Errors
    /// As [`Transport::flush_pending`].
    pub(super) fn send(&mut self, below: &mut impl Transport) -> io::Result<usize> {
        if below.has_pending() {
            return below.flush_pending();
        }
        let count = below.write(self.waiting())?;
        self.take(count);
        Ok(count)
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.0.bytes.capacity()
    }
}
