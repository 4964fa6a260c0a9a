//! QEMU's RISC-V machine `virt`.
//!
//! No interrupt is ever served: they stay masked, and one that is pending ends `wfi` all the same
//! (privileged architecture, 3.3.3). So nothing runs between two instructions of the firmware.

mod pages;
mod trap;
mod virtio;

pub use virtio::Virtio as Mac;

use crate::mmio::Register;

/// The name of the machine.
pub const NAME: &str = "virt";

/// Ticks of the machine's timer in a microsecond.
const TICKS_PER_US: u64 = 10;

/// A register of the timer (CLINT).
const fn timer(offset: usize) -> Register {
    // SAFETY: the machine has its timer at this address; it touches no memory.
    unsafe { Register::at(0x0200_0000 + offset) }
}

const COMPARE_LOW: Register = timer(0x4000);
const COMPARE_HIGH: Register = timer(0x4004);
const TIME_LOW: Register = timer(0xBFF8);
const TIME_HIGH: Register = timer(0xBFFC);

/// A register of the interrupt controller (PLIC).
const fn controller(offset: usize) -> Register {
    // SAFETY: the machine has its interrupt controller at this address; it touches no memory.
    unsafe { Register::at(0x0C00_0000 + offset) }
}

const ENABLED: Register = controller(0x2000);
const THRESHOLD: Register = controller(0x20_0000);
const CLAIM: Register = controller(0x20_0004);

/// Clock and sleep.
pub struct Machine {
    started: u64,
}

/// The machine and its network device. To be called once.
///
/// # Errors
/// What is wrong with the network device.
pub fn start() -> Result<(Machine, Mac), &'static str> {
    riscv::interrupt::disable();
    let mac = Mac::start()?;
    controller(4 * mac.line()).write(1);
    THRESHOLD.write(0);
    ENABLED.write(1 << mac.line());
    // SAFETY: interrupts are masked and stay so: these bits only let them end `wfi`.
    unsafe {
        riscv::register::mie::set_mext();
        riscv::register::mie::set_mtimer();
    }
    let machine = Machine { started: time() };
    Ok((machine, mac))
}

/// Ticks since the machine was switched on. The halves are read until they belong together.
fn time() -> u64 {
    loop {
        let high = TIME_HIGH.read();
        let low = TIME_LOW.read();
        if TIME_HIGH.read() == high {
            return u64::from(high) << 32 | u64::from(low);
        }
    }
}

/// Lets the timer raise its interrupt at this time. The low half is out of reach meanwhile.
#[expect(clippy::cast_possible_truncation, reason = "takes the number apart")]
fn raise_at(ticks: u64) {
    COMPARE_LOW.write(u32::MAX);
    COMPARE_HIGH.write((ticks >> 32) as u32);
    COMPARE_LOW.write(ticks as u32);
}

impl Machine {
    /// Microseconds since the start.
    pub fn now_us(&mut self) -> u64 {
        (time() - self.started) / TICKS_PER_US
    }

    /// Waits for an interrupt of the network device, at most so long. It may end earlier.
    pub fn sleep(&mut self, mac: &mut Mac, at_most_us: u64) {
        mac.acknowledge();
        let line = CLAIM.read();
        if line != 0 {
            CLAIM.write(line);
        }
        if mac.waiting() {
            return;
        }
        raise_at(time().saturating_add(at_most_us.saturating_mul(TICKS_PER_US)));
        riscv::asm::wfi();
        raise_at(u64::MAX);
    }
}
