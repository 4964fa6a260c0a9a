//! Identity, from many seeds.

use std::time::Instant;

use muxfer_tests::identity;

use crate::shell::Fault;

/// Runs so many seeds from `first` on; the first that fails is a fault that names it.
pub(crate) fn run(first: u64, seeds: u64) -> Result<(), Fault> {
    let start = Instant::now();
    let tally = identity::check_all(first, seeds).map_err(Fault)?;
    println!("{tally:#?}");
    println!(
        "{seeds} seeds from {first} on, each request as it must be, in {:.1} s",
        start.elapsed().as_secs_f64()
    );
    Ok(())
}
