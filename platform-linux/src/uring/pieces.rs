//! What was received and not yet consumed: a queue of pieces for each connection, in one pool.

use super::kernel::{Piece, Ring};

/// The end of a list.
const NONE: u32 = u32::MAX;

/// The pieces of one connection, in the order in which they came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queue {
    first: u32,
    last: u32,
    bytes: u32,
}

impl Queue {
    pub(super) const EMPTY: Self = Self {
        first: NONE,
        last: NONE,
        bytes: 0,
    };

    pub(super) const fn is_empty(&self) -> bool {
        self.first == NONE
    }

    /// How many bytes it holds.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes as usize
    }

    /// Is there more than the first piece?
    pub(super) const fn has_second(&self) -> bool {
        self.first != self.last
    }
}

#[derive(Debug)]
struct Slot {
    piece: Option<Piece>,
    /// The next of the same queue, or the next free one.
    next: u32,
}

/// All pieces. It grows to the largest number that was ever held at once, which the number of
/// completions that one wait can see bounds.
#[derive(Debug)]
pub(super) struct Pieces {
    slots: Vec<Slot>,
    free: u32,
}

impl Pieces {
    pub(super) fn new() -> Self {
        Self {
            slots: Vec::with_capacity(256),
            free: NONE,
        }
    }

    /// Puts a piece at the end of a queue.
    pub(super) fn push(&mut self, queue: &mut Queue, piece: Piece) {
        queue.bytes += u32::try_from(piece.len()).unwrap_or(0);
        let piece = match self.piece(queue.last) {
            Some(last) => match Ring::join(last, piece) {
                Ok(()) => return,
                Err(piece) => piece,
            },
            None => piece,
        };
        let index = self.store(piece);
        match self.slots.get_mut(queue.last as usize) {
            Some(last) => last.next = index,
            None => queue.first = index,
        }
        queue.last = index;
    }

    /// The bytes at the front.
    pub(super) fn front<'r>(&self, queue: &Queue, ring: &'r Ring) -> &'r [u8] {
        let slot = self.slots.get(queue.first as usize);
        slot.and_then(|slot| slot.piece.as_ref())
            .map_or(&[], |piece| ring.bytes(piece))
    }

    /// Takes `n` bytes from the front, at most those of the first piece.
    pub(super) fn consume(&mut self, queue: &mut Queue, ring: &mut Ring, n: usize) {
        let Some(slot) = self.slots.get_mut(queue.first as usize) else {
            return;
        };
        let Some(piece) = slot.piece.take() else {
            return;
        };
        let n = n.min(piece.len());
        queue.bytes -= u32::try_from(n).unwrap_or(0);
        slot.piece = ring.consume(piece, n);
        if slot.piece.is_none() {
            let index = queue.first;
            queue.first = std::mem::replace(&mut slot.next, self.free);
            self.free = index;
            if queue.first == NONE {
                queue.last = NONE;
            }
        }
    }

    /// Gives all of a queue back.
    pub(super) fn clear(&mut self, queue: &mut Queue, ring: &mut Ring) {
        while !queue.is_empty() {
            self.consume(queue, ring, usize::MAX);
        }
    }

    fn piece(&mut self, index: u32) -> Option<&mut Piece> {
        self.slots.get_mut(index as usize)?.piece.as_mut()
    }

    fn store(&mut self, piece: Piece) -> u32 {
        let slot = Slot {
            piece: Some(piece),
            next: NONE,
        };
        let index = self.free;
        if let Some(free) = self.slots.get_mut(index as usize) {
            self.free = free.next;
            *free = slot;
            return index;
        }
        self.slots.push(slot);
        // Far fewer than 2³² completions fit into a ring.
        u32::try_from(self.slots.len() - 1).unwrap_or(NONE)
    }
}
