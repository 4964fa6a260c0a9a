//! The two Cortex-M machines.
//!
//! No interrupt is ever served: they stay masked, and one that is pending ends `wfi` all the same
//! (Arm v7-M, B1.5.19). So nothing runs between two instructions of the firmware.

#[cfg(feature = "mps2-an386")]
mod lan9118;
#[cfg(feature = "lm3s6965evb")]
pub mod lm3s6965evb;
#[cfg(feature = "mps2-an386")]
pub mod mps2_an386;
#[cfg(feature = "lm3s6965evb")]
mod stellaris;
mod systick;
mod ticks;
mod trap;

use crate::mmio::Register;

/// One line of the interrupt controller.
#[derive(Clone, Copy)]
struct Line {
    enable: Register,
    unpend: Register,
    bit: u32,
}

impl Line {
    /// The line of this number.
    const fn new(number: usize) -> Self {
        let offset = number / 32 * 4;
        Self {
            // SAFETY: NVIC_ISER of Arm v7-M (B3.4.3). No interrupt is served, so none touches memory.
            enable: unsafe { Register::at(0xE000_E100 + offset) },
            // SAFETY: NVIC_ICPR, as above.
            unpend: unsafe { Register::at(0xE000_E280 + offset) },
            bit: 1 << (number % 32),
        }
    }

    /// Lets it end a sleep.
    fn enable(self) {
        self.enable.write(self.bit);
    }

    /// Forgets that it was raised. It is pending again at once if it is still raised.
    fn unpend(self) {
        self.unpend.write(self.bit);
    }
}
