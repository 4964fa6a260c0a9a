//! A list of at most one, with the calls of [`List`](super::List): for attempts to connect that never
//! run side by side.

use super::id::Id;
use super::slots::Slots;

/// Nobody, or one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Single<K>(Option<Id<K>>);

impl<K> Single<K> {
    /// Nobody.
    pub(crate) const EMPTY: Self = Self(None);

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) const fn front<T>(&self, _: &Slots<'_, K, T>) -> Option<Id<K>> {
        self.0
    }

    pub(crate) const fn after<T>(&self, _: &mut Slots<'_, K, T>, _: Id<K>) -> Option<Id<K>> {
        None
    }

    pub(crate) const fn push_back<T>(&mut self, _: &mut Slots<'_, K, T>, id: Id<K>) {
        self.0 = Some(id);
    }

    pub(crate) const fn remove<T>(&mut self, _: &mut Slots<'_, K, T>, _: Id<K>) {
        self.0 = None;
    }

    pub(crate) const fn pop_front<T>(&mut self, _: &mut Slots<'_, K, T>) -> Option<Id<K>> {
        self.0.take()
    }
}
