//! Blocks for bytes that must outlive a shared buffer: received and not yet wanted, or committed
//! and not yet taken by the system.

use std::num::NonZeroU32;

/// Names one block of a [`Spill`]. 4 bytes, also as an `Option`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockId(NonZeroU32);

impl BlockId {
    fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

#[derive(Debug, Default)]
struct Block {
    bytes: Vec<u8>,
    /// How many of the bytes have been consumed.
    at: usize,
}

/// All blocks of one transport. Freed blocks keep a bounded amount of memory for their successors.
#[derive(Debug)]
pub(crate) struct Spill {
    blocks: Vec<Block>,
    free: Vec<BlockId>,
    /// Bytes of memory behind the blocks that hold something.
    used: usize,
    /// Bytes of memory behind the free blocks.
    pooled: usize,
    /// What `used` should not exceed.
    limit: usize,
}

impl Spill {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            blocks: Vec::new(),
            free: Vec::new(),
            used: 0,
            pooled: 0,
            limit,
        }
    }

    /// Bytes of memory that are taken by held bytes.
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// Is more than half of the limit in use? Then less should be read ahead.
    pub(crate) fn is_scarce(&self) -> bool {
        self.used > self.limit / 2
    }

    /// Would `more` bytes stay within the limit?
    pub(crate) fn fits(&self, more: usize) -> bool {
        self.used.saturating_add(more) <= self.limit
    }

    /// Keeps a copy of `bytes`. The caller looks after the limit.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> BlockId {
        let id = self.free.pop().unwrap_or_else(|| {
            self.blocks.push(Block::default());
            let count = u32::try_from(self.blocks.len()).unwrap_or(u32::MAX);
            BlockId(NonZeroU32::new(count).unwrap_or(NonZeroU32::MAX))
        });
        let block = &mut self.blocks[id.index()];
        self.pooled -= block.bytes.capacity();
        block.at = 0;
        block.bytes.clear();
        block.bytes.reserve_exact(bytes.len());
        block.bytes.extend_from_slice(bytes);
        self.used += block.bytes.capacity();
        id
    }

    /// Puts more behind what the block holds.
    pub(crate) fn append(&mut self, id: BlockId, bytes: &[u8]) {
        let block = &mut self.blocks[id.index()];
        let before = block.bytes.capacity();
        block.bytes.drain(..block.at);
        block.at = 0;
        // A vector that grows by itself takes up to twice what it needs: only where there is room.
        let len = block.bytes.len() + bytes.len();
        if self.used.saturating_add(len) > self.limit {
            block.bytes.reserve_exact(bytes.len());
        }
        block.bytes.extend_from_slice(bytes);
        self.used += block.bytes.capacity() - before;
    }

    /// What the block still holds; never empty.
    pub(crate) fn bytes(&self, id: BlockId) -> &[u8] {
        let block = &self.blocks[id.index()];
        &block.bytes[block.at..]
    }

    /// Takes `n` bytes from the front. An emptied block is freed, and the answer is `None`.
    pub(crate) fn consume(&mut self, id: BlockId, n: usize) -> Option<BlockId> {
        let block = &mut self.blocks[id.index()];
        block.at = block.at.saturating_add(n).min(block.bytes.len());
        if block.at == block.bytes.len() {
            self.free(id);
            return None;
        }
        Some(id)
    }

    /// Gives the block back. Its memory is kept for the next one, up to an eighth of the limit.
    pub(crate) fn free(&mut self, id: BlockId) {
        let block = &mut self.blocks[id.index()];
        let capacity = block.bytes.capacity();
        self.used -= capacity;
        if self.pooled.saturating_add(capacity) > self.limit / 8 {
            block.bytes = Vec::new();
        } else {
            self.pooled += capacity;
        }
        self.free.push(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_in_order_and_blocks_are_used_again() {
        let mut spill = Spill::new(1024);
        let first = spill.put(b"abcdef");
        assert_eq!(spill.consume(first, 2), Some(first));
        assert_eq!(spill.bytes(first), b"cdef");
        assert_eq!(spill.consume(first, 9), None);
        assert_eq!(spill.used(), 0);
        let again = spill.put(b"x");
        assert_eq!(again, first);
        spill.append(again, b"yz");
        assert_eq!(spill.consume(again, 1), Some(again));
        spill.append(again, b"!");
        assert_eq!(spill.bytes(again), b"yz!");
        assert_eq!(spill.consume(again, 3), None);
        assert_eq!(spill.used(), 0);
    }

    #[test]
    fn a_block_that_grows_takes_no_more_than_what_fits() {
        let mut spill = Spill::new(1000);
        let block = spill.put(&[1; 600]);
        assert!(spill.fits(300));
        spill.append(block, &[2; 300]);
        assert_eq!(spill.used(), 900);
        // Of what was consumed nothing counts twice.
        assert_eq!(spill.consume(block, 500), Some(block));
        spill.append(block, &[3; 400]);
        assert_eq!((spill.used(), spill.bytes(block).len()), (900, 800));
    }

    #[test]
    fn free_blocks_keep_no_more_than_an_eighth() {
        let mut spill = Spill::new(800);
        let ids: Vec<_> = (0..4).map(|_| spill.put(&[1; 60])).collect();
        for id in ids {
            spill.free(id);
        }
        assert_eq!(spill.used(), 0);
        assert!(spill.pooled <= 100);
        assert!(!spill.is_scarce());
        let big = spill.put(&[2; 500]);
        assert!(spill.is_scarce() && spill.fits(100) && !spill.fits(400));
        assert_eq!(spill.bytes(big).len(), 500);
    }
}
