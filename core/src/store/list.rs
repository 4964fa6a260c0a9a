//! Doubly linked lists through the places of a table: none can overflow, all moves are O(1).

use super::id::Id;
use super::slots::Slots;

const NIL: u32 = u32::MAX;

/// Of connections: the list of the idle ones, the longest idle first, or that of those that were
/// heard of.
pub(crate) const POOL: usize = 0;
/// Of connections: the list of an origin's idle ones, or of a transfer's attempts to connect.
pub(crate) const SIBLINGS: usize = 1;

/// The neighbours of a value in a list. A value has one for each kind of list that it can be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    prev: u32,
    next: u32,
}

impl Link {
    /// In no list.
    pub const NONE: Self = Self {
        prev: NIL,
        next: NIL,
    };
}

/// A value that can be in a list of kind `N`. Whoever puts it in remembers in which list it is: at
/// most one of each kind.
pub trait Linked<const N: usize> {
    /// Its neighbours in that list.
    fn link(&mut self) -> &mut Link;
}

/// A first-in-first-out list of kind `N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List<const N: usize> {
    head: u32,
    tail: u32,
    len: u32,
}

impl<const N: usize> Default for List<N> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<const N: usize> List<N> {
    /// Nobody.
    pub const EMPTY: Self = Self {
        head: NIL,
        tail: NIL,
        len: 0,
    };

    /// How many are in it.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.len
    }

    /// Is it empty?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.head == NIL
    }

    /// The first.
    #[must_use]
    pub fn front<K, T>(&self, slots: &Slots<'_, K, T>) -> Option<Id<K>> {
        slots.id_at(self.head)
    }

    /// The last.
    #[must_use]
    pub fn back<K, T>(&self, slots: &Slots<'_, K, T>) -> Option<Id<K>> {
        slots.id_at(self.tail)
    }

    /// Who follows `id`, which must be in this list.
    pub fn after<K, T: Linked<N>>(&self, slots: &mut Slots<'_, K, T>, id: Id<K>) -> Option<Id<K>> {
        let next = slots.get_mut(id)?.link().next;
        slots.id_at(next)
    }

    /// Puts `id`, which must be in no list of this kind, at the end.
    pub fn push_back<K, T: Linked<N>>(&mut self, slots: &mut Slots<'_, K, T>, id: Id<K>) {
        let tail = self.tail;
        let Some(value) = slots.get_mut(id) else {
            return;
        };
        *value.link() = Link {
            prev: tail,
            next: NIL,
        };
        match slots.at_mut(tail) {
            Some(last) => last.link().next = id.raw_index(),
            None => self.head = id.raw_index(),
        }
        self.tail = id.raw_index();
        self.len += 1;
    }

    /// Puts `id`, which must be in no list of this kind, at the front.
    pub fn push_front<K, T: Linked<N>>(&mut self, slots: &mut Slots<'_, K, T>, id: Id<K>) {
        let head = self.head;
        let Some(value) = slots.get_mut(id) else {
            return;
        };
        *value.link() = Link {
            prev: NIL,
            next: head,
        };
        match slots.at_mut(head) {
            Some(first) => first.link().prev = id.raw_index(),
            None => self.tail = id.raw_index(),
        }
        self.head = id.raw_index();
        self.len += 1;
    }

    /// Takes `id`, which must be in this list, out.
    pub fn remove<K, T: Linked<N>>(&mut self, slots: &mut Slots<'_, K, T>, id: Id<K>) {
        let Some(value) = slots.get_mut(id) else {
            return;
        };
        let Link { prev, next } = core::mem::replace(value.link(), Link::NONE);
        match slots.at_mut(prev) {
            Some(before) => before.link().next = next,
            None => self.head = next,
        }
        match slots.at_mut(next) {
            Some(behind) => behind.link().prev = prev,
            None => self.tail = prev,
        }
        self.len = self.len.saturating_sub(1);
    }

    /// Takes the first out.
    pub fn pop_front<K, T: Linked<N>>(&mut self, slots: &mut Slots<'_, K, T>) -> Option<Id<K>> {
        let first = self.front(slots)?;
        self.remove(slots, first);
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::super::id::TransferKind;
    use super::super::slots::Slot;
    use super::*;

    struct Item(Link);

    impl Linked<0> for Item {
        fn link(&mut self) -> &mut Link {
            &mut self.0
        }
    }

    #[test]
    fn items_leave_in_the_order_in_which_they_came_wherever_one_is_taken_out() {
        for gone in 0..4 {
            let mut memory = [const { Slot::EMPTY }; 4];
            let mut slots = Slots::<TransferKind, Item>::new(&mut memory);
            let mut list = List::<0>::EMPTY;
            let ids: [_; 4] = core::array::from_fn(|_| {
                let id = slots.insert(Item(Link::NONE)).ok().unwrap();
                list.push_back(&mut slots, id);
                id
            });
            list.remove(&mut slots, ids[gone]);
            list.push_front(&mut slots, ids[gone]);
            assert_eq!(list.pop_front(&mut slots), Some(ids[gone]));
            for (n, id) in ids.iter().enumerate() {
                if n != gone {
                    assert_eq!(list.pop_front(&mut slots), Some(*id));
                }
            }
            assert_eq!(list, List::EMPTY);
        }
    }
}
