//! An indexed heap of deadlines: one for each place of a table, O(log n) to set, O(1) to see
//! the first.

use crate::features::SMALL;
use crate::time::Instant;

/// How many children a node has: four lie in one line of the cache, and the heap is half as high as
/// with two.
const CHILDREN: usize = 4;

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
        if SMALL {
            let set = self.entries.iter().filter(|entry| entry.position != 0);
            let first = set.min_by_key(|entry| entry.at)?;
            return Some((Instant::from_micros(first.at), first.slot));
        }
        self.entries
            .first()
            .map(|node| (Instant::from_micros(node.at), node.slot))
    }

    /// Sets, moves or clears the deadline of a slot. Slots outside the memory are ignored.
    pub fn set(&mut self, slot: u32, at: Option<Instant>) {
        if SMALL {
            return self.set_in_place(slot, at);
        }
        let Some(entry) = self.entries.get(slot as usize) else {
            return;
        };
        let position = entry.position as usize;
        match (position.checked_sub(1), at) {
            (None, None) => {}
            (None, Some(at)) => {
                let key = (at.as_micros(), slot);
                let node = self.rise(self.len, key);
                self.len += 1;
                self.put(node, key);
            }
            (Some(node), Some(at)) => {
                if self.entries[node].at != at.as_micros() {
                    self.place(node, (at.as_micros(), slot));
                }
            }
            (Some(node), None) => {
                self.entries[slot as usize].position = 0;
                self.len -= 1;
                if node != self.len {
                    self.place(node, self.key(self.len));
                }
            }
        }
        debug_assert!(self.len <= self.entries.len() && self.len <= u32::MAX as usize);
    }

    /// Without a heap: each entry is that of its own slot, and `position` says whether it is set.
    #[cfg_attr(feature = "small", inline(never))]
    fn set_in_place(&mut self, slot: u32, at: Option<Instant>) {
        let Some(entry) = self.entries.get_mut(slot as usize) else {
            return;
        };
        self.len -= entry.position as usize;
        entry.position = u32::from(at.is_some());
        self.len += entry.position as usize;
        entry.slot = slot;
        entry.at = at.map_or(0, Instant::as_micros);
    }

    #[expect(clippy::cast_possible_truncation, reason = "slots are counted in u32")]
    fn put(&mut self, node: usize, (at, slot): (u64, u32)) {
        let entry = &mut self.entries[node];
        (entry.at, entry.slot) = (at, slot);
        self.entries[slot as usize].position = node as u32 + 1;
    }

    fn key(&self, node: usize) -> (u64, u32) {
        let DeadlineEntry { at, slot, .. } = self.entries[node];
        (at, slot)
    }

    /// Finds the place of `key`, from a free node upwards: what is later moves down.
    fn rise(&mut self, mut node: usize, key: (u64, u32)) -> usize {
        while let Some(below) = node.checked_sub(1) {
            let parent = below / CHILDREN;
            let other = self.key(parent);
            if other <= key {
                break;
            }
            self.put(node, other);
            node = parent;
        }
        node
    }

    /// Puts `key` where it belongs, from a free node on. It comes from the end of the heap, so it
    /// mostly belongs there again: the earliest children move up all the way without a look at it.
    fn place(&mut self, mut node: usize, key: (u64, u32)) {
        while let Some(child) = self.least_child(node) {
            self.put(node, self.key(child));
            node = child;
        }
        let node = self.rise(node, key);
        self.put(node, key);
    }

    fn least_child(&self, node: usize) -> Option<usize> {
        let first = CHILDREN * node + 1;
        let children = self.entries.get(first..self.len)?;
        let least = match children.first_chunk::<CHILDREN>() {
            // Without branches, which nobody could foretell.
            Some(all) => {
                let of_two = |one: usize, other: usize| {
                    let (here, there) = (&all[one], &all[other]);
                    let is_earlier =
                        (there.at < here.at) | ((there.at == here.at) & (there.slot < here.slot));
                    if is_earlier { other } else { one }
                };
                of_two(of_two(0, 1), of_two(2, 3))
            }
            None => (0..children.len()).min_by_key(|nth| self.key(first + nth))?,
        };
        Some(first + least)
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
