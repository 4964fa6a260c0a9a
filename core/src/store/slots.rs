//! A table over a borrowed slice: insert, remove and look-up in O(1), ids that go stale.

use core::marker::PhantomData;
use core::num::NonZeroU32;

use super::id::Id;

/// Behind the last place of the free list.
const NIL: u32 = u32::MAX;

/// One place of a table. An empty table is all zeros, so a `static` one needs no image in flash.
#[repr(u8)]
#[derive(Debug)]
pub enum Slot<T> {
    /// Nobody is here.
    Vacant {
        /// Of the last tenant; 0 if there was none.
        generation: u32,
        /// The next free place, counted from 1; 0 ends the list.
        next: u32,
    } = 0,
    /// Somebody is.
    Occupied {
        /// Which tenant this is.
        generation: NonZeroU32,
        /// The tenant.
        value: T,
    } = 1,
}

impl<T> Slot<T> {
    /// A place that was never used.
    pub const EMPTY: Self = Self::Vacant {
        generation: 0,
        next: 0,
    };
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// A table of at most `slots.len()` values of type `T`, named by ids of kind `K`.
#[derive(Debug)]
pub struct Slots<'s, K, T> {
    slots: &'s mut [Slot<T>],
    free: u32,
    /// Places from here on were never used: no list of them has to be built at the start, and their
    /// memory stays untouched.
    fresh: u32,
    len: u32,
    kind: PhantomData<fn() -> K>,
}

impl<'s, K, T> Slots<'s, K, T> {
    /// A table over these places, which are emptied. At most 2³² − 2 of them are used.
    pub fn new(slots: &'s mut [Slot<T>]) -> Self {
        let usable = slots.len().min(NIL as usize - 1);
        let slots = slots.split_at_mut(usable).0;
        for slot in slots.iter_mut() {
            // The generations are kept: ids of an earlier table over this memory stay stale.
            let generation = match slot {
                Slot::Vacant { next: 0, .. } => continue,
                Slot::Vacant { generation, .. } => *generation,
                Slot::Occupied { generation, .. } => generation.get(),
            };
            *slot = Slot::Vacant {
                generation,
                next: 0,
            };
        }
        Self {
            slots,
            free: NIL,
            fresh: 0,
            len: 0,
            kind: PhantomData,
        }
    }

    /// How many values are in it.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.len
    }

    /// Is it empty?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many values fit.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "cut to u32 in new")]
    pub const fn capacity(&self) -> u32 {
        self.slots.len() as u32
    }

    /// Is it full?
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.len == self.capacity()
    }

    /// Puts a value in and names it.
    ///
    /// # Errors
    /// Full: the value comes back.
    pub fn insert(&mut self, value: T) -> Result<Id<K>, T> {
        self.insert_with(value, |value| value)
    }

    /// Puts a value in that is made of `seed` where it will lie, and names it.
    ///
    /// # Errors
    /// Full: the seed comes back.
    #[inline]
    pub fn insert_with<S>(&mut self, seed: S, make: impl FnOnce(S) -> T) -> Result<Id<K>, S> {
        let index = if self.free == NIL {
            self.fresh
        } else {
            self.free
        };
        let Some(slot) = self.slots.get_mut(index as usize) else {
            return Err(seed);
        };
        let Slot::Vacant { generation, next } = *slot else {
            return Err(seed);
        };
        if self.free == NIL {
            self.fresh += 1;
        } else {
            self.free = next.checked_sub(1).unwrap_or(NIL);
        }
        self.len += 1;
        // Skips 0 when it wraps, so that no id is ever all zeros.
        let generation = NonZeroU32::new(generation.wrapping_add(1)).unwrap_or(NonZeroU32::MIN);
        let value = make(seed);
        *slot = Slot::Occupied { generation, value };
        Ok(Id::new(index, generation))
    }

    /// Takes a value out. A stale id gives `None`.
    pub fn remove(&mut self, id: Id<K>) -> Option<T> {
        self.remove_with(id, |value| value)
    }

    /// Takes a value out and keeps only what `part` takes of it. A stale id gives `None`.
    #[inline]
    pub fn remove_with<R>(&mut self, id: Id<K>, part: impl FnOnce(T) -> R) -> Option<R> {
        self.get(id)?;
        let next = if self.free == NIL { 0 } else { self.free + 1 };
        let slot = self.slots.get_mut(id.index())?;
        let vacant = Slot::Vacant {
            generation: id.generation(),
            next,
        };
        match core::mem::replace(slot, vacant) {
            Slot::Occupied { value, .. } => {
                self.free = id.raw_index();
                self.len -= 1;
                Some(part(value))
            }
            Slot::Vacant { .. } => None,
        }
    }

    /// The value that `id` names.
    #[must_use]
    #[cfg_attr(feature = "small", inline(never))]
    pub fn get(&self, id: Id<K>) -> Option<&T> {
        match self.slots.get(id.index()) {
            Some(Slot::Occupied { generation, value }) if generation.get() == id.generation() => {
                Some(value)
            }
            _ => None,
        }
    }

    /// The value that `id` names.
    #[cfg_attr(feature = "small", inline(never))]
    pub fn get_mut(&mut self, id: Id<K>) -> Option<&mut T> {
        match self.slots.get_mut(id.index()) {
            Some(Slot::Occupied { generation, value }) if generation.get() == id.generation() => {
                Some(value)
            }
            _ => None,
        }
    }

    /// The id of whoever is at this place now.
    #[must_use]
    #[cfg_attr(feature = "small", inline(never))]
    pub fn id_at(&self, index: u32) -> Option<Id<K>> {
        match self.slots.get(index as usize) {
            Some(Slot::Occupied { generation, .. }) => Some(Id::new(index, *generation)),
            _ => None,
        }
    }

    /// The value at this place, whoever it is: for lists, whose links hold places.
    #[cfg_attr(feature = "small", inline(never))]
    pub(super) fn at_mut(&mut self, index: u32) -> Option<&mut T> {
        match self.slots.get_mut(index as usize) {
            Some(Slot::Occupied { value, .. }) => Some(value),
            _ => None,
        }
    }

    /// All values with their ids, in the order of their places. O(capacity used so far).
    pub fn iter(&self) -> impl Iterator<Item = (Id<K>, &T)> {
        let used = self.slots.get(..self.fresh as usize).unwrap_or(&[]);
        (0..self.fresh)
            .zip(used)
            .filter_map(|(index, slot)| match slot {
                Slot::Occupied { generation, value } => Some((Id::new(index, *generation), value)),
                Slot::Vacant { .. } => None,
            })
    }

    /// How many places were ever used: a bound for walks by [`Slots::id_at`].
    #[must_use]
    pub const fn used(&self) -> u32 {
        self.fresh
    }
}

#[cfg(test)]
mod tests {
    use super::super::id::ConnKind;
    use super::*;

    type Table<'s> = Slots<'s, ConnKind, u8>;

    #[test]
    fn full_gives_the_value_back() {
        let mut memory = [const { Slot::EMPTY }; 2];
        let mut table = Table::new(&mut memory);
        table.insert(1).unwrap();
        table.insert(2).unwrap();
        assert_eq!(table.insert(3), Err(3));
        assert!(table.is_full());
    }

    #[test]
    fn a_stale_id_is_none_and_never_names_the_successor() {
        let mut memory = [const { Slot::EMPTY }; 2];
        let mut table = Table::new(&mut memory);
        let first = table.insert(1).unwrap();
        assert_eq!(table.remove(first), Some(1));
        let second = table.insert(2).unwrap();
        assert_eq!(first.index(), second.index());
        assert_eq!(table.get(first), None);
        assert_eq!(table.remove(first), None);
        assert_eq!(table.get(second), Some(&2));
    }

    #[test]
    fn freed_places_are_used_again_before_fresh_ones() {
        let mut memory = [const { Slot::EMPTY }; 8];
        let mut table = Table::new(&mut memory);
        let ids: [_; 4] = [0, 1, 2, 3].map(|n| table.insert(n).unwrap());
        table.remove(ids[1]).unwrap();
        table.remove(ids[3]).unwrap();
        assert_eq!(table.insert(9).unwrap().index(), 3);
        assert_eq!(table.insert(8).unwrap().index(), 1);
        assert_eq!(table.insert(7).unwrap().index(), 4);
        assert_eq!(table.iter().count(), 5);
    }

    #[test]
    fn a_table_made_twice_over_the_same_memory_starts_empty() {
        let mut memory = [const { Slot::EMPTY }; 2];
        Table::new(&mut memory).insert(1).unwrap();
        let table = Table::new(&mut memory);
        assert!(table.is_empty());
        assert_eq!(table.iter().count(), 0);
    }

    #[test]
    fn a_generation_that_wraps_skips_zero() {
        let mut memory = [Slot::Vacant {
            generation: u32::MAX,
            next: 0,
        }];
        let mut table = Table::new(&mut memory);
        assert_eq!(table.insert(1).unwrap().generation(), 1);
    }

    #[test]
    fn an_empty_slot_costs_eight_bytes_more_than_its_value() {
        assert_eq!(size_of::<Slot<u64>>(), 16);
    }
}
