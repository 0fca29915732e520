//! The file that is sent: made in memory, so that the load reads no disk, and neither constant nor
//! small enough for a server's cache to hold it.

use chatshelf_common::id::Digest;

/// Bytes that are sent at once, and read at once.
pub(super) const BLOCK_BYTES: usize = 256 * 1024;

/// After so many bytes the content comes again; no multiple of a block, so that no two blocks are
/// the same.
const CYCLE_BYTES: usize = (4 << 20) + 7;

/// A file's content.
#[derive(Debug)]
pub(super) struct Content {
    /// The cycle, and the beginning of the next one: every block is a slice of it.
    cycle: Vec<u8>,
    bytes: u64,
    digest: Digest,
}

impl Content {
    /// Makes and hashes it.
    pub(super) fn new(bytes: u64) -> Self {
        let mut cycle = vec![0; CYCLE_BYTES + BLOCK_BYTES];
        let (first, next) = cycle.split_at_mut(CYCLE_BYTES);
        blake3::Hasher::new().finalize_xof().fill(first);
        next.copy_from_slice(&first[..BLOCK_BYTES]);
        let mut content = Self { cycle, bytes, digest: Digest([0; 32]) };
        let mut hasher = blake3::Hasher::new();
        for (_, block) in content.blocks() {
            hasher.update(block);
        }
        content.digest = hasher.finalize().into();
        content
    }

    /// Its length.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Its BLAKE3.
    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    /// It all, in blocks, each with its place in the file.
    pub(super) fn blocks(&self) -> impl Iterator<Item = (u64, &[u8])> {
        (0..self.bytes).step_by(BLOCK_BYTES).map(|offset| {
            let bytes = (self.bytes - offset).min(BLOCK_BYTES as u64) as usize;
            let from = (offset % CYCLE_BYTES as u64) as usize;
            (offset, &self.cycle[from..from + bytes])
        })
    }
}
