//! What the processor itself objects to.

use cortex_m_rt::{ExceptionFrame, exception};

/// Says where, and ends.
// SAFETY: it shares nothing with the code that it interrupts, and never returns to it.
#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    defmt::error!("hard fault at {=u32:#x}", frame.pc());
    crate::exit(102)
}
