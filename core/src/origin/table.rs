//! The table of origins: found by their whole key in O(1), whoever chose the names.

use core::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::features::SMALL;
use crate::net::Addresses;
use crate::store::{Link, List, OriginId, OriginKind, Slot, Slots};

use crate::wire::text;

use super::{Lookup, Origin, OriginKey, Place};

/// Why an origin has no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FindError {
    /// The table is full.
    Full,
    /// The host's name is longer than the places for names.
    NameTooLong,
}

/// The origins, with their names and the chains that find them.
#[derive(Debug)]
pub(crate) struct Origins<'s> {
    slots: Slots<'s, OriginKind, Origin>,
    names: &'s mut [u8],
    name_bytes: usize,
    /// The first origin of each bucket, counted from 1; 0 for none.
    buckets: &'s mut [u32],
    seed: u64,
}

impl<'s> Origins<'s> {
    pub(crate) fn new(
        slots: &'s mut [Slot<Origin>],
        names: &'s mut [u8],
        buckets: &'s mut [u32],
        seed: u64,
    ) -> Self {
        let name_bytes = names.len().checked_div(slots.len()).unwrap_or(0);
        buckets.fill(0);
        Self {
            slots: Slots::new(slots),
            names,
            name_bytes,
            buckets,
            seed,
        }
    }

    pub(crate) const fn slots(&mut self) -> &mut Slots<'s, OriginKind, Origin> {
        &mut self.slots
    }

    pub(crate) fn get(&self, id: OriginId) -> Option<&Origin> {
        self.slots.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: OriginId) -> Option<&mut Origin> {
        self.slots.get_mut(id)
    }

    pub(crate) const fn len(&self) -> u32 {
        self.slots.len()
    }

    /// The whole key of an origin.
    pub(crate) fn key(&self, id: OriginId) -> Option<OriginKey<'_>> {
        let origin = self.slots.get(id)?;
        Some(OriginKey {
            scheme: origin.scheme,
            host: self.name(id, origin.host_len),
            port: origin.port,
            settings: origin.settings,
        })
    }

    fn name(&self, id: OriginId, len: u16) -> &str {
        text(self.name_bytes(id, len)).unwrap_or("")
    }

    fn name_bytes(&self, id: OriginId, len: u16) -> &[u8] {
        let start = id.index() * self.name_bytes;
        let behind = self.names.get(start..);
        let bytes = behind.and_then(|behind| behind.get(..usize::from(len)));
        bytes.unwrap_or(&[])
    }

    fn has_name(&self, id: OriginId, host: &str) -> bool {
        let len = self.slots.get(id).map_or(0, |origin| origin.host_len);
        self.name_bytes(id, len) == host.as_bytes()
    }

    /// Peers choose names by redirects, so the hash is keyed: nobody can fill one bucket.
    fn hash(&self, key: &OriginKey<'_>) -> u32 {
        let OriginKey {
            scheme,
            host,
            port,
            settings,
        } = *key;
        let mut hasher = SipHasher13::new_with_keys(self.seed, !self.seed);
        // What has always the same length goes first: the host ends with the text.
        let rest = u64::from(settings) << 32 | u64::from(port) << 16 | (scheme as u64) << 8;
        hasher.write_u64(rest.to_le());
        hasher.write(host.as_bytes());
        let hash = hasher.finish();
        u32::try_from(hash >> 32).unwrap_or(0)
    }

    fn bucket(&self, hash: u32) -> usize {
        (hash as usize).checked_rem(self.buckets.len()).unwrap_or(0)
    }

    pub(crate) fn find(&self, key: &OriginKey<'_>) -> Option<OriginId> {
        if SMALL {
            let ids = (0..self.slots.used()).filter_map(|index| self.slots.id_at(index));
            return ids.into_iter().find(|id| self.is_it(*id, key));
        }
        let hash = self.hash(key);
        let mut next = self.buckets.get(self.bucket(hash)).copied()?;
        while let Some(index) = next.checked_sub(1) {
            let id = self.slots.id_at(index)?;
            let origin = self.slots.get(id)?;
            if origin.hash == hash && origin.is_keyed(key) && self.has_name(id, key.host) {
                return Some(id);
            }
            next = origin.chain;
        }
        None
    }

    fn is_it(&self, id: OriginId, key: &OriginKey<'_>) -> bool {
        self.get(id).is_some_and(|origin| origin.is_keyed(key)) && self.has_name(id, key.host)
    }

    /// Puts a new origin in, which nobody refers to yet.
    pub(crate) fn insert(&mut self, key: &OriginKey<'_>) -> Result<OriginId, FindError> {
        let OriginKey {
            scheme,
            host,
            port,
            settings,
        } = *key;
        let host_len = u16::try_from(host.len())
            .ok()
            .filter(|len| usize::from(*len) <= self.name_bytes)
            .ok_or(FindError::NameTooLong)?;
        // The tables of a device are short: without a hash they are looked through.
        let hash = if SMALL { 0 } else { self.hash(key) };
        let bucket = if SMALL { 0 } else { self.bucket(hash) };
        let first = self.buckets.get(bucket).copied().unwrap_or(0);
        let make = |()| Origin {
            scheme,
            port,
            settings,
            host_len,
            hash,
            chain: first,
            addresses: Addresses::new(),
            edition: 0,
            lookup: Lookup::Unknown,
            conns: 0,
            users: 0,
            waiting: List::EMPTY,
            resolving: List::EMPTY,
            idle: List::EMPTY,
            place: Place::Nowhere,
            link: Link::NONE,
        };
        let id = self
            .slots
            .insert_with((), make)
            .map_err(|()| FindError::Full)?;
        let start = id.index() * self.name_bytes;
        if let Some(name) = self.names.get_mut(start..start + host.len()) {
            name.copy_from_slice(host.as_bytes());
        }
        if !SMALL && let Some(first) = self.buckets.get_mut(bucket) {
            *first = id.raw_index() + 1;
        }
        Ok(id)
    }

    /// One that no transfer refers to.
    pub(crate) fn any_unused(&self) -> Option<OriginId> {
        let mut ids = (0..self.slots.used()).filter_map(|index| self.slots.id_at(index));
        ids.find(|id| self.get(*id).is_some_and(|origin| origin.users == 0))
    }

    /// Takes an origin out of the table and of its chain.
    pub(crate) fn remove(&mut self, id: OriginId) {
        let chained = self
            .slots
            .remove_with(id, |origin| (origin.hash, origin.chain));
        let Some((hash, chain)) = chained else {
            return;
        };
        if SMALL {
            return;
        }
        let bucket = self.bucket(hash);
        let this = id.raw_index() + 1;
        let Some(mut next) = self.buckets.get(bucket).copied() else {
            return;
        };
        if next == this {
            if let Some(first) = self.buckets.get_mut(bucket) {
                *first = chain;
            }
            return;
        }
        while let Some(before) = next
            .checked_sub(1)
            .and_then(|index| self.slots.id_at(index))
        {
            let Some(value) = self.slots.get_mut(before) else {
                return;
            };
            if value.chain == this {
                value.chain = chain;
                return;
            }
            next = value.chain;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Scheme;

    const KEY: OriginKey<'_> = OriginKey {
        scheme: Scheme::Http,
        host: "a.test",
        port: 80,
        settings: 0,
    };

    #[test]
    fn r85_each_part_of_the_key_makes_another_origin() {
        let mut slots = [const { Slot::EMPTY }; 8];
        let (mut names, mut buckets) = ([0; 8 * 16], [0; 1]);
        let mut origins = Origins::new(&mut slots, &mut names, &mut buckets, 7);
        let keys = [
            KEY,
            OriginKey {
                scheme: Scheme::Https,
                ..KEY
            },
            OriginKey {
                host: "b.test",
                ..KEY
            },
            OriginKey {
                host: "a.test.",
                ..KEY
            },
            OriginKey { port: 81, ..KEY },
            OriginKey { settings: 1, ..KEY },
        ];
        for key in keys {
            assert_eq!(origins.find(&key), None);
            let id = origins.insert(&key).unwrap();
            assert_eq!(origins.key(id), Some(key));
        }
        // One bucket holds them all: any of them can leave the chain.
        for key in [keys[3], keys[5], keys[0], keys[1], keys[4], keys[2]] {
            let id = origins.find(&key).unwrap();
            origins.remove(id);
            assert_eq!(origins.find(&key), None);
        }
        assert_eq!(origins.len(), 0);
    }

    #[test]
    fn a_full_table_and_a_long_name_are_told_apart() {
        let mut slots = [const { Slot::EMPTY }; 1];
        let (mut names, mut buckets) = ([0; 8], [0; 1]);
        let mut origins = Origins::new(&mut slots, &mut names, &mut buckets, 7);
        let long = OriginKey {
            host: "a.example.test",
            ..KEY
        };
        assert_eq!(origins.insert(&long), Err(FindError::NameTooLong));
        origins.insert(&KEY).unwrap();
        assert_eq!(origins.insert(&KEY), Err(FindError::Full));
    }
}
