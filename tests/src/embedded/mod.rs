//! Firmware that runs: built for three machines, run under QEMU against real servers on loopback, its
//! log decoded, its outcome held against what should come of it; and how large it is.

pub mod build;
pub mod dns;
pub mod elf;
pub mod http;
pub mod lab;
pub mod log;
pub mod machine;
pub mod qemu;
pub mod scenarios;
pub mod sizes;
pub mod toolchain;

use std::path::PathBuf;

use crate::source;

pub use machine::Machine;

/// Where the firmware's own workspace is.
#[must_use]
pub fn workspace() -> PathBuf {
    source::root().join("platform-embedded/firmware")
}
