//! A pool of equal blocks for header lines that the end of a slice has cut.
//!
//! A connection needs at most one block at a time, and a line that does not fit into one is an
//! error, so whoever holds a block can always finish with it: no two wait for each other.

use core::num::NonZeroU32;

/// A block that is on loan. It is not `Copy`: who has it gives it back.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    /// Counted from 1, so that `Option<Block>` is no larger.
    number: NonZeroU32,
    len: u32,
}

impl Block {
    const fn index(&self) -> u32 {
        self.number.get() - 1
    }

    /// How many bytes it holds.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Does it hold nothing?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// The pool.
#[derive(Debug)]
pub struct Lines<'s> {
    memory: &'s mut [u8],
    block_bytes: usize,
    /// The first free block, counted from 1; 0 if there is none. Each free block begins with the
    /// number of the next.
    free: u32,
    fresh: u32,
    count: u32,
}

impl<'s> Lines<'s> {
    /// The least that a block may hold.
    pub const MIN_BLOCK: usize = 64;

    /// A pool of as many blocks of `block_bytes` as fit into the memory; a `block_bytes` below
    /// [`Lines::MIN_BLOCK`] gives none.
    pub fn new(memory: &'s mut [u8], block_bytes: usize) -> Self {
        let usable = block_bytes >= Self::MIN_BLOCK;
        let count = if usable {
            memory.len() / block_bytes
        } else {
            0
        };
        Self {
            memory,
            block_bytes,
            free: 0,
            fresh: 0,
            count: u32::try_from(count).unwrap_or(u32::MAX - 1),
        }
    }

    /// The longest line, its end included.
    #[must_use]
    pub const fn block_bytes(&self) -> usize {
        self.block_bytes
    }

    /// How many blocks there are.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Is a block free?
    #[must_use]
    pub const fn has_free(&self) -> bool {
        self.free != 0 || self.fresh < self.count
    }

    /// Lends a block; `None` if all are on loan.
    pub fn acquire(&mut self) -> Option<Block> {
        let index = if let Some(index) = self.free.checked_sub(1) {
            let next: [u8; 4] = self.block(index)?.first_chunk().copied()?;
            self.free = u32::from_le_bytes(next);
            index
        } else if self.fresh < self.count {
            self.fresh += 1;
            self.fresh - 1
        } else {
            return None;
        };
        NonZeroU32::new(index + 1).map(|number| Block { number, len: 0 })
    }

    /// Takes a block back.
    pub fn release(&mut self, block: Block) {
        let next = self.free.to_le_bytes();
        if let Some(memory) = self
            .block_mut(block.index())
            .and_then(<[u8]>::first_chunk_mut)
        {
            *memory = next;
            self.free = block.number.get();
        }
    }

    /// What a block holds.
    #[must_use]
    pub fn bytes(&self, block: &Block) -> &[u8] {
        self.block(block.index())
            .and_then(|bytes| bytes.get(..block.len()))
            .unwrap_or(&[])
    }

    /// Adds to a block; `false` if it does not fit, and then nothing was added.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a block is far below 4 GiB"
    )]
    pub fn append(&mut self, block: &mut Block, bytes: &[u8]) -> bool {
        let (start, end) = (block.len(), block.len().saturating_add(bytes.len()));
        let room = self
            .block_mut(block.index())
            .and_then(|memory| memory.get_mut(start..end));
        let Some(room) = room else { return false };
        room.copy_from_slice(bytes);
        block.len = end as u32;
        true
    }

    fn range(&self, index: u32) -> core::ops::Range<usize> {
        let start = index as usize * self.block_bytes;
        start..start + self.block_bytes
    }

    fn block(&self, index: u32) -> Option<&[u8]> {
        self.memory.get(self.range(index))
    }

    fn block_mut(&mut self, index: u32) -> Option<&mut [u8]> {
        let range = self.range(index);
        self.memory.get_mut(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_blocks_are_lent_once_and_again_after_they_came_back() {
        let mut memory = [0; 64 * 3 + 10];
        let mut lines = Lines::new(&mut memory, 64);
        for _ in 0..3 {
            let mut blocks: [_; 3] = core::array::from_fn(|_| lines.acquire().unwrap());
            assert_eq!(lines.acquire(), None);
            for (n, block) in (0_u8..).zip(blocks.iter_mut()) {
                assert!(lines.append(block, &[n; 64]));
                assert!(!lines.append(block, &[1]));
            }
            for (n, block) in (0_u8..).zip(blocks) {
                assert_eq!(lines.bytes(&block), [n; 64]);
                lines.release(block);
            }
        }
    }

    #[test]
    fn blocks_that_are_too_small_give_an_empty_pool() {
        let mut memory = [0; 640];
        assert_eq!(Lines::new(&mut memory, 63).count(), 0);
    }
}
