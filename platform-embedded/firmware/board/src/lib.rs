//! What the firmware of muxfer needs of a machine: network, clock, sleep, log, flash, settings, an end.
//!
//! Three machines that QEMU emulates, one feature each; the code of a machine is in a module of its
//! own. All `unsafe` code of the firmware is in this crate.
#![no_std]

#[cfg(not(any(feature = "mps2-an386", feature = "lm3s6965evb", feature = "virt")))]
compile_error!("name one machine: the feature mps2-an386, lm3s6965evb or virt");

#[cfg(any(feature = "mps2-an386", feature = "lm3s6965evb"))]
mod arm;
pub mod ethernet;
pub mod faults;
pub mod flash;
mod log;
mod mmio;
pub mod once;
mod panic;
#[cfg(feature = "virt")]
pub mod riscv;
pub mod settings;
pub mod stack;

#[cfg(any(feature = "mps2-an386", feature = "lm3s6965evb"))]
pub use cortex_m_rt::entry;
#[cfg(feature = "virt")]
pub use riscv_rt::entry;

#[cfg(feature = "lm3s6965evb")]
pub use arm::lm3s6965evb as machine;
#[cfg(feature = "mps2-an386")]
pub use arm::mps2_an386 as machine;
#[cfg(feature = "virt")]
pub use riscv as machine;

/// Ends the emulator with this status.
pub fn exit(status: u8) -> ! {
    semihosting::process::exit(status.into())
}
