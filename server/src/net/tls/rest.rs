//! Bytes that wait: what was opened and not handed out, what was sealed and not sent. They take
//! memory only while there are some.

use chatshelf_common::lazy_box::{Empty, LazyBox};

/// Bytes that wait, in order.
#[derive(Debug, Default)]
pub(super) struct Rest(LazyBox<Kept>);

/// Bytes, of which those before `taken` are done with.
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

    /// Returns the buffer, for whoever appends to it.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.0.bytes
    }

    /// Is done with the first `count`; the last of them frees the memory.
    pub(super) fn take(&mut self, count: usize) {
        debug_assert!(count <= self.waiting().len());
        if count == self.waiting().len() {
            self.0 = LazyBox::default();
        } else {
            self.0.taken += count;
        }
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.0.bytes.capacity()
    }
}
