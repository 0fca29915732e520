//! Slices: pieces of snapshots, encoded once and shared by all snapshots that contain them, with a
//! tally of the memory they all take.

use std::cell::Cell;
use std::rc::Rc;

use crate::work;

/// Approximate overhead of a slice on top of its bytes.
const SLICE_BYTES: usize = 64;

/// A piece of a snapshot: whole fields, encoded for the wire.
#[derive(Debug)]
pub(super) struct Slice {
    bytes: Box<[u8]>,
    _held: Held,
}

impl Slice {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Counts bytes in a tally for as long as it lives.
#[derive(Debug)]
pub(super) struct Held {
    tally: Tally,
    bytes: usize,
}

/// Bytes of all living slices and snapshots, each counted once.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally(Rc<Cell<usize>>);

impl Tally {
    pub(super) fn bytes(&self) -> usize {
        self.0.get()
    }

    pub(super) fn hold(&self, bytes: usize) -> Held {
        self.0.set(self.0.get() + bytes);
        Held { tally: self.clone(), bytes }
    }

    pub(super) fn slice(&self, bytes: Vec<u8>) -> Rc<Slice> {
        work::spend_bytes(bytes.len());
        let held = self.hold(SLICE_BYTES + bytes.len());
        Rc::new(Slice { bytes: bytes.into(), _held: held })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        debug_assert!(self.bytes <= self.tally.bytes());
        self.tally.0.set(self.tally.0.get() - self.bytes);
    }
}
