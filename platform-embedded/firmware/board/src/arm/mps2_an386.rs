//! Arm MPS2 with the image AN386.

use super::Line;
pub use super::lan9118::Lan9118 as Mac;
use super::systick::alarm;
use super::ticks::Ticks;

/// The name of the machine.
pub const NAME: &str = "mps2-an386";

/// The interrupt of the network device.
const NETWORK: Line = Line::new(13);

/// Ticks of the processor's clock in a microsecond.
const TICKS_PER_US: u64 = 25;

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
    let mac = Mac::start()?;
    NETWORK.enable();
    // The network chip counts at 25 MHz, in 32 bits.
    let ticks = Ticks::new(1, u32::MAX);
    Ok((Machine { ticks }, mac))
}

impl Machine {
    /// Microseconds since the start.
    pub fn now_us(&mut self) -> u64 {
        self.ticks.us(Mac::free_run())
    }

    /// Waits for an interrupt of the network device, at most so long. It may end earlier.
    pub fn sleep(&mut self, mac: &mut Mac, at_most_us: u64) {
        mac.acknowledge();
        NETWORK.unpend();
        if !mac.waiting() {
            let ticks = at_most_us.saturating_mul(TICKS_PER_US);
            alarm::sleep(u32::try_from(ticks).unwrap_or(u32::MAX));
        }
    }
}
