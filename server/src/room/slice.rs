//! Slices: pieces of snapshots, encoded once and shared by all snapshots that contain them, and a
//! tally of the memory that all of them take.

use std::cell::Cell;
use std::rc::Rc;

use crate::work;

/// What a slice takes in addition to its bytes, about.
const SLICE_BYTES: usize = 64;

/// Some of a snapshot's bytes: whole fields, as on the wire.
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
