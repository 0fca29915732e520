//! Blocks: pieces of file content on their way from an upload to the disk thread.

/// Capacity of a block, in bytes.
pub const BLOCK_BYTES: usize = 256 * 1024;

/// Spare blocks that are kept; more are freed.
pub const POOL_BLOCKS_MAX: usize = 16;

/// Up to [`BLOCK_BYTES`] of a file. Blocks move between threads without being copied.
pub type Block = Vec<u8>;

/// Spare blocks.
#[derive(Debug, Default)]
pub struct BlockPool {
    free: Vec<Block>,
}

impl BlockPool {
    /// The number of spare blocks.
    #[must_use]
    pub fn spare(&self) -> usize {
        self.free.len()
    }

    /// An empty block, a spare one if there is one.
    #[must_use]
    pub fn take(&mut self) -> Block {
        self.free.pop().unwrap_or_else(|| Vec::with_capacity(BLOCK_BYTES))
    }

    /// Frees all spare blocks.
    pub fn clear(&mut self) {
        self.free = Vec::new();
    }

    /// Takes a block back.
    pub fn give(&mut self, mut block: Block) {
        if self.free.len() < POOL_BLOCKS_MAX {
            block.clear();
            self.free.push(block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_reused_empty_and_few_are_kept() {
        let mut pool = BlockPool::default();
        let mut block = pool.take();
        assert_eq!((block.len(), block.capacity()), (0, BLOCK_BYTES));
        block.push(7);
        let place = block.as_ptr();
        pool.give(block);
        assert_eq!(pool.spare(), 1);
        let block = pool.take();
        assert_eq!((block.as_ptr(), block.len(), pool.spare()), (place, 0, 0));
        (0..2 * POOL_BLOCKS_MAX).for_each(|_| pool.give(Block::new()));
        assert_eq!(pool.spare(), POOL_BLOCKS_MAX);
    }
}
