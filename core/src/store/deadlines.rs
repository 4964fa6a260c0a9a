//! An indexed binary heap of deadlines: one for each place of a table, O(log n) to set, O(1) to see
//! the first.

use crate::time::Instant;

/// One entry of the heap's memory: a node of the heap, and the position of one slot's node. Both
/// live in one array of 16 bytes an entry.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeadlineEntry {
    at: u64,
    slot: u32,
    /// Where the node of slot `i` (`i` is this entry's index) is in the heap, counted from 1; 0 if
    /// it has none.
    position: u32,
}

impl DeadlineEntry {
    /// An entry that was never used.
    pub const EMPTY: Self = Self {
        at: 0,
        slot: 0,
        position: 0,
    };
}

/// The deadlines of a table: at most one for each slot, the earliest first, equal ones by slot.
#[derive(Debug)]
pub struct Deadlines<'s> {
    entries: &'s mut [DeadlineEntry],
    len: usize,
}

impl<'s> Deadlines<'s> {
    /// A heap for the slots 0 to `entries.len()` − 1.
    pub fn new(entries: &'s mut [DeadlineEntry]) -> Self {
        for entry in entries.iter_mut().filter(|entry| entry.position != 0) {
            entry.position = 0;
        }
        Self { entries, len: 0 }
    }

    /// How many slots have a deadline.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Has none a deadline?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The earliest, and whose it is.
    #[must_use]
    pub fn first(&self) -> Option<(Instant, u32)> {
        if self.len == 0 {
            return None;
        }
        self.entries
            .first()
            .map(|node| (Instant::from_micros(node.at), node.slot))
    }

    /// Sets, moves or clears the deadline of a slot. Slots outside the memory are ignored.
    pub fn set(&mut self, slot: u32, at: Option<Instant>) {
        let Some(entry) = self.entries.get(slot as usize) else {
            return;
        };
        let position = entry.position as usize;
        match (position.checked_sub(1), at) {
            (None, None) => {}
            (None, Some(at)) => {
                let end = self.len;
                self.len += 1;
                self.put(end, at.as_micros(), slot);
                self.rise(end);
            }
            (Some(node), Some(at)) => {
                if self.entries[node].at != at.as_micros() {
                    self.entries[node].at = at.as_micros();
                    let node = self.rise(node);
                    self.sink(node);
                }
            }
            (Some(node), None) => {
                self.entries[slot as usize].position = 0;
                self.len -= 1;
                if node != self.len {
                    let DeadlineEntry { at, slot, .. } = self.entries[self.len];
                    self.put(node, at, slot);
                    let node = self.rise(node);
                    self.sink(node);
                }
            }
        }
        debug_assert!(self.len <= self.entries.len() && self.len <= u32::MAX as usize);
    }

    #[expect(clippy::cast_possible_truncation, reason = "slots are counted in u32")]
    fn put(&mut self, node: usize, at: u64, slot: u32) {
        self.entries[node].at = at;
        self.entries[node].slot = slot;
        self.entries[slot as usize].position = node as u32 + 1;
    }

    fn key(&self, node: usize) -> (u64, u32) {
        (self.entries[node].at, self.entries[node].slot)
    }

    fn swap(&mut self, one: usize, other: usize) {
        let ((at, slot), (other_at, other_slot)) = (self.key(one), self.key(other));
        self.put(one, other_at, other_slot);
        self.put(other, at, slot);
    }

    fn rise(&mut self, mut node: usize) -> usize {
        while node > 0 {
            let parent = (node - 1) / 2;
            if self.key(parent) <= self.key(node) {
                break;
            }
            self.swap(parent, node);
            node = parent;
        }
        node
    }

    fn sink(&mut self, mut node: usize) {
        loop {
            let left = 2 * node + 1;
            if left >= self.len {
                return;
            }
            let right = left + 1;
            let least = if right < self.len && self.key(right) < self.key(left) {
                right
            } else {
                left
            };
            if self.key(node) <= self.key(least) {
                return;
            }
            self.swap(node, least);
            node = least;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_sets_and_clears_agree_with_a_scan() {
        const SLOTS: u32 = 37;
        let mut memory = [DeadlineEntry::EMPTY; SLOTS as usize];
        let mut heap = Deadlines::new(&mut memory);
        let mut model = [None; SLOTS as usize];
        let mut random = 0x9e37_79b9_u32;
        for _ in 0..20_000 {
            random ^= random << 13;
            random ^= random >> 17;
            random ^= random << 5;
            let slot = random % SLOTS;
            let at = (!random.is_multiple_of(3))
                .then(|| Instant::from_micros(u64::from(random >> 8) % 64));
            heap.set(slot, at);
            model[slot as usize] = at;
            let least = (0..SLOTS)
                .filter_map(|n| model[n as usize].map(|at| (at, n)))
                .min();
            assert_eq!(heap.first(), least);
            assert_eq!(heap.len(), model.iter().flatten().count());
        }
    }
}
