//! Registers of peripherals: the one place where they are touched.

/// A 32-bit register.
#[derive(Clone, Copy)]
pub(crate) struct Register(usize);

impl Register {
    /// The register at this address.
    ///
    /// # Safety
    /// The machine has a register of 32 bits there, the address is a multiple of 4, and no value
    /// that is written to it makes a device touch memory that Rust owns.
    pub(crate) const unsafe fn at(address: usize) -> Self {
        Self(address)
    }

    /// Reads it.
    pub(crate) fn read(self) -> u32 {
        // SAFETY: `at` was promised that there is an aligned register here.
        unsafe { (self.0 as *const u32).read_volatile() }
    }

    /// Writes it.
    pub(crate) fn write(self, value: u32) {
        // SAFETY: `at` was promised that there is an aligned register here, and that no value harms.
        unsafe { (self.0 as *mut u32).write_volatile(value) }
    }

    /// Sets bits.
    #[cfg(feature = "lm3s6965evb")]
    pub(crate) fn set(self, bits: u32) {
        self.write(self.read() | bits);
    }

    /// Reads it until all of `bits` are clear, at most `tries` times. Says whether they are.
    #[cfg(any(feature = "mps2-an386", feature = "lm3s6965evb"))]
    pub(crate) fn wait_clear(self, bits: u32, tries: u32) -> bool {
        (0..tries).any(|_| self.read() & bits == 0)
    }
}
