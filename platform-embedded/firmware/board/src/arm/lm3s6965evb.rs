//! TI Stellaris LM3S6965 on its evaluation board.

use super::Line;
pub use super::stellaris::Stellaris as Mac;
use super::systick::{self, counter};
use super::ticks::Ticks;
use crate::mmio::Register;

/// The name of the machine.
pub const NAME: &str = "lm3s6965evb";

/// The interrupt of the network device.
const NETWORK: Line = Line::new(42);
/// The interrupt of timer 0.
const TIMER: Line = Line::new(19);

/// The longest sleep in microseconds: the clock must be read once in its period of 1.3 s.
const LONGEST_US: u64 = 500_000;

/// A register of timer 0 (LM3S6965 data sheet, chapter 10).
const fn timer(offset: usize) -> Register {
    // SAFETY: the caller names registers that the chip has; none makes a device touch memory.
    unsafe { Register::at(0x4003_0000 + offset) }
}

const CONFIG: Register = timer(0x00);
const MODE: Register = timer(0x04);
const CONTROL: Register = timer(0x0C);
const MASK: Register = timer(0x18);
const CLEAR: Register = timer(0x24);
const LOAD: Register = timer(0x28);

// SAFETY: the clock gates of the chip (RCGC1 and RCGC2), which touch no memory.
const GATES_1: Register = unsafe { Register::at(0x400F_E104) };
// SAFETY: as above.
const GATES_2: Register = unsafe { Register::at(0x400F_E108) };
const GATE_TIMER_0: u32 = 1 << 16;
const GATE_MAC: u32 = 1 << 28;
const GATE_PHY: u32 = 1 << 30;

/// Clock and sleep.
pub struct Machine {
    ticks: Ticks,
}

/// The machine and its network device. To be called once.
///
/// # Errors
/// What is wrong with the network device.
pub fn start() -> Result<(Machine, Mac), &'static str> {
    cortex_m::interrupt::disable();
    GATES_1.set(GATE_TIMER_0);
    GATES_2.set(GATE_MAC | GATE_PHY);
    counter::start();
    // 32 bits, once; its end is an interrupt.
    CONFIG.write(0);
    MODE.write(1);
    MASK.write(1);
    TIMER.enable();
    let mac = Mac::start()?;
    NETWORK.enable();
    // The processor's clock is 12.5 MHz as long as the PLL is not chosen.
    let ticks = Ticks::new(2, systick::LAST);
    Ok((Machine { ticks }, mac))
}

impl Machine {
    /// Microseconds since the start.
    pub fn now_us(&mut self) -> u64 {
        self.ticks.us(counter::read())
    }

    /// Waits for an interrupt of the network device, at most so long. It may end earlier.
    pub fn sleep(&mut self, mac: &mut Mac, at_most_us: u64) {
        mac.acknowledge();
        NETWORK.unpend();
        if mac.waiting() {
            return;
        }
        let us = u32::try_from(at_most_us.clamp(1, LONGEST_US)).unwrap_or(1);
        LOAD.write(us * 25 / 2);
        CONTROL.write(1);
        cortex_m::asm::dsb();
        cortex_m::asm::wfi();
        CONTROL.write(0);
        CLEAR.write(1);
        TIMER.unpend();
    }
}
