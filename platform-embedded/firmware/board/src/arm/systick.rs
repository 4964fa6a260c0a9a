//! The timer of the processor (Arm v7-M, B3.3).

use crate::mmio::Register;

// SAFETY: registers that each Arm v7-M processor has; none makes anything touch memory.
const CONTROL: Register = unsafe { Register::at(0xE000_E010) };
// SAFETY: as above.
const RELOAD: Register = unsafe { Register::at(0xE000_E014) };
// SAFETY: as above.
const COUNT: Register = unsafe { Register::at(0xE000_E018) };

/// The highest count.
pub(super) const LAST: u32 = 0x00FF_FFFF;

const ENABLE: u32 = 1;
#[cfg(feature = "mps2-an386")]
const INTERRUPT: u32 = 1 << 1;
const PROCESSOR_CLOCK: u32 = 1 << 2;

#[cfg(feature = "lm3s6965evb")]
pub(super) mod counter {
    //! It counts for ever.

    use super::{CONTROL, COUNT, ENABLE, LAST, PROCESSOR_CLOCK, RELOAD};

    /// Lets it count from 0.
    pub(in crate::arm) fn start() {
        // The clock first: nothing else is sure to tick.
        CONTROL.write(PROCESSOR_CLOCK);
        RELOAD.write(LAST);
        COUNT.write(0);
        CONTROL.write(ENABLE | PROCESSOR_CLOCK);
    }

    /// How far it is; behind [`LAST`] comes 0.
    pub(in crate::arm) fn read() -> u32 {
        LAST - (COUNT.read() & LAST)
    }
}

#[cfg(feature = "mps2-an386")]
pub(super) mod alarm {
    //! It ends a sleep.

    use super::{CONTROL, COUNT, ENABLE, INTERRUPT, LAST, PROCESSOR_CLOCK, RELOAD};
    use crate::mmio::Register;

    // SAFETY: the interrupt control and state register of each Arm v7-M processor; only its bit for a
    // pending tick is written.
    const STATE: Register = unsafe { Register::at(0xE000_ED04) };
    const FORGET_TICK: u32 = 1 << 25;

    /// Waits for an interrupt, at most so many ticks or one period.
    pub(in crate::arm) fn sleep(ticks: u32) {
        // The clock first: nothing else is sure to tick.
        CONTROL.write(PROCESSOR_CLOCK);
        RELOAD.write(ticks.clamp(1, LAST));
        COUNT.write(0);
        CONTROL.write(ENABLE | INTERRUPT | PROCESSOR_CLOCK);
        cortex_m::asm::dsb();
        cortex_m::asm::wfi();
        CONTROL.write(PROCESSOR_CLOCK);
        STATE.write(FORGET_TICK);
    }
}
