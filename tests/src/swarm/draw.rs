//! Where a script's choices come from: a seed, or the bytes of a fuzzer.

use crate::sim::Prng;

/// A source of choices.
pub trait Draw {
    /// A number below `limit`, which is not 0.
    fn below(&mut self, limit: u64) -> u64;

    /// A number from `low` to `high`, both included.
    fn between(&mut self, low: usize, high: usize) -> usize {
        let span = (high - low) as u64 + 1;
        low + usize::try_from(self.below(span)).unwrap_or(0)
    }

    /// True in so many of 100 cases.
    fn chance(&mut self, percent: u64) -> bool {
        // The first choice is "no": bytes that have run out give the plainest script.
        self.below(100) >= 100 - percent
    }

    /// One of a list that is not empty.
    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.between(0, list.len() - 1)]
    }
}

impl Draw for Prng {
    fn below(&mut self, limit: u64) -> u64 {
        Self::below(self, limit)
    }
}

/// Choices from bytes; when they have run out every choice is the first.
pub struct Bytes<'a>(pub &'a [u8]);

impl Draw for Bytes<'_> {
    fn below(&mut self, limit: u64) -> u64 {
        let mut number = 0;
        let mut reach = 1;
        while reach < limit {
            let Some((first, rest)) = self.0.split_first() else {
                break;
            };
            number = number << 8 | u64::from(*first);
            reach <<= 8;
            self.0 = rest;
        }
        number % limit
    }
}
