//! Solution 5: receives a file no faster than the disk writes it.

/// Blocks of one upload that may be at the disk at once.
pub const IN_FLIGHT_MAX: usize = 2;
/// Bytes of a block.
pub const BLOCK_BYTES: usize = 100;

/// An upload between the socket and the disk thread.
#[derive(Debug, Default)]
pub struct Upload {
    /// What has been received and not given to the disk.
    block: Vec<u8>,
    in_flight: usize,
}

impl Upload {
    /// True while the socket may be read. Else TCP holds the sender back.
    #[must_use]
    pub fn may_read(&self) -> bool {
        self.in_flight < IN_FLIGHT_MAX
    }

    /// Takes what was read; returns the blocks for the disk that are full now. Called only while
    /// the socket may be read, with at most a block's bytes.
    pub fn receive(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.block.extend_from_slice(bytes);
        let mut full = Vec::new();
        while self.block.len() >= BLOCK_BYTES {
            let rest = self.block.split_off(BLOCK_BYTES);
            full.push(std::mem::replace(&mut self.block, rest));
        }
        self.in_flight += full.len();
        full
    }

    /// The disk has written a block.
    pub fn note_written(&mut self) {
        self.in_flight -= 1;
    }

    /// The sender is done: the rest for the disk, if there is one.
    pub fn finish(&mut self) -> Option<Vec<u8>> {
        if self.block.is_empty() {
            return None;
        }
        self.in_flight += 1;
        Some(std::mem::take(&mut self.block))
    }

    /// Bytes that the upload takes: those received, and those at the disk.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.block.len() + self.in_flight * BLOCK_BYTES
    }
}
