//! The large download, which takes too long and too much room for `cargo xtask test`.

use muxfer_tests::program::{self, Build};

use crate::shell::Fault;

const ONE_GIB: u64 = 1 << 30;

/// Fetches 1 GiB and compares it.
pub(crate) fn run() -> Result<(), Fault> {
    let took =
        program::fetch_one(Build::Release, ONE_GIB).map_err(|error| Fault(error.to_string()))?;
    println!("1 GiB in {:.2} s, each byte right", took.as_secs_f64());
    Ok(())
}
