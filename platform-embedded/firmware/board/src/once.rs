//! Statics that are lent once, for ever.

use core::cell::{Cell, UnsafeCell};

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
    pub fn take(&'static self) -> Option<&'static mut T> {
        let first = critical_section::with(|_| !self.taken.replace(true));
        // SAFETY: only the first call comes here, so nothing else refers to the value.
        first.then(|| unsafe { &mut *self.value.get() })
    }
}
