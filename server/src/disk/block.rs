//! Blocks: the stretches of file content that move between the reactor and the disk thread.

/// Capacity of a block, in bytes.
pub const BLOCK_BYTES: usize = 256 * 1024;

/// Blocks kept for their next use, at most; beyond it they are freed.
pub const POOL_BLOCKS_MAX: usize = 16;

/// Up to [`BLOCK_BYTES`] of a file. Moved, never copied, between threads.
pub type Block = Vec<u8>;

/// Empty blocks at hand.
#[derive(Debug, Default)]
pub struct BlockPool {
    free: Vec<Block>,
}

impl BlockPool {
    /// How many are at hand.
    #[must_use]
    pub fn len(&self) -> usize {
        self.free.len()
    }

    /// True when there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.free.is_empty()
    }

    /// An empty block.
    #[must_use]
    pub fn take(&mut self) -> Block {
        self.free.pop().unwrap_or_else(|| Vec::with_capacity(BLOCK_BYTES))
    }

    /// Takes a block back.
    pub fn give(&mut self, mut block: Block) {
        if self.free.len() < POOL_BLOCKS_MAX {
            block.clear();
            self.free.push(block);
        }
    }
}
