//! Ids: an index with a generation, so that the id of something gone never names its successor.

use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;
use core::num::NonZeroU32;

/// Marks the ids of transfers.
#[derive(Clone, Copy, Debug)]
pub enum TransferKind {}
/// Marks the ids of connections.
#[derive(Clone, Copy, Debug)]
pub enum ConnKind {}
/// Marks the ids of origins.
#[derive(Clone, Copy, Debug)]
pub enum OriginKind {}

/// Names one transfer; what libcurl calls an easy handle in a multi.
pub type Handle = Id<TransferKind>;
/// Names one connection. It exists before its socket does and is never used twice for two sockets
/// of one slot until 2³² − 1 others have come and gone (CONTRACT D1).
pub type ConnId = Id<ConnKind>;
/// Names one origin.
pub type OriginId = Id<OriginKind>;

/// A place in a table, and which of its tenants is meant.
///
/// 8 bytes; `Option<Id>` too. [`Id::to_u64`] packs it for `epoll_event.data` or an SQE's
/// `user_data`.
pub struct Id<K> {
    index: u32,
    generation: NonZeroU32,
    kind: PhantomData<fn() -> K>,
}

impl<K> Id<K> {
    /// The id of the tenant `generation` of the place `index`.
    #[must_use]
    pub const fn new(index: u32, generation: NonZeroU32) -> Self {
        Self {
            index,
            generation,
            kind: PhantomData,
        }
    }

    /// Which place of the table; below the table's capacity. A platform may key its own table by it.
    #[must_use]
    pub const fn index(self) -> usize {
        self.index as usize
    }

    /// Which tenant of the place.
    #[must_use]
    pub const fn generation(self) -> u32 {
        self.generation.get()
    }

    /// The id as one number that is never zero.
    #[must_use]
    pub const fn to_u64(self) -> u64 {
        ((self.generation.get() as u64) << 32) | self.index as u64
    }

    /// The id that [`Id::to_u64`] packed; `None` if it can't have been one.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "takes the number apart")]
    pub const fn from_u64(packed: u64) -> Option<Self> {
        match NonZeroU32::new((packed >> 32) as u32) {
            Some(generation) => Some(Self::new(packed as u32, generation)),
            None => None,
        }
    }

    pub(crate) const fn raw_index(self) -> u32 {
        self.index
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Id<K> {}

impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.to_u64() == other.to_u64()
    }
}

impl<K> Eq for Id<K> {}

impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.to_u64().cmp(&other.to_u64())
    }
}

impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.to_u64().hash(state);
    }
}

impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.index, self.generation)
    }
}

#[cfg(feature = "defmt")]
impl<K> defmt::Format for Id<K> {
    fn format(&self, to: defmt::Formatter<'_>) {
        defmt::write!(to, "{=u32}.{=u32}", self.index, self.generation.get());
    }
}

impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_packing_and_zero_is_none() {
        let id = ConnId::new(7, NonZeroU32::MAX);
        assert_eq!(ConnId::from_u64(id.to_u64()), Some(id));
        assert_eq!(ConnId::from_u64(7), None);
        assert_eq!(size_of::<Option<ConnId>>(), 8);
    }
}
