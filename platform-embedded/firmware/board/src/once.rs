//! Statics that are lent once, for ever.

use core::cell::{Cell, UnsafeCell};
use core::mem::MaybeUninit;

/// A value that one place of the program may take.
///
/// A value of zeros lies in .bss: it takes no flash and no start-up code, and never passes over the
/// stack.
pub struct Once<T> {
    taken: Cell<bool>,
    value: UnsafeCell<T>,
}

// SAFETY: `taken` is touched only in a critical section, so `value` is handed to at most one place.
unsafe impl<T: Send> Sync for Once<T> {}

impl<T> Once<T> {
    /// Not taken yet.
    pub const fn new(value: T) -> Self {
        Self {
            taken: Cell::new(false),
            value: UnsafeCell::new(value),
        }
    }

    /// The value, the first time.
    #[expect(clippy::mut_from_ref, reason = "it is lent only once")]
    pub fn take(&'static self) -> Option<&'static mut T> {
        let first = critical_section::with(|_| !self.taken.replace(true));
        // SAFETY: only the first call comes here, so nothing else refers to the value.
        first.then(|| unsafe { &mut *self.value.get() })
    }
}

/// A place for a value that is made at run time, once.
///
/// What is in it before has no bits, so it lies in .bss whatever its type: an `Option` would be in
/// flash as a whole where its `None` is not all zeros.
pub struct Place<T>(Once<MaybeUninit<T>>);

impl<T> Place<T> {
    /// Empty.
    pub const fn new() -> Self {
        Self(Once::new(MaybeUninit::uninit()))
    }

    /// Puts a value there, the first time.
    pub fn fill(&'static self, value: T) -> Option<&'static mut T> {
        self.0.take().map(|place| place.write(value))
    }
}

impl<T> Default for Place<T> {
    fn default() -> Self {
        Self::new()
    }
}
