//! What the engine's types take, and what firmware takes on a device.

use std::fs;

use clap::Args;
use muxfer_tests::embedded::sizes::{FILE, Figures};
use muxfer_tests::source;

use crate::embedded;
use crate::shell::Fault;

/// What is asked for.
#[derive(Args, Default)]
pub(crate) struct Options {
    /// Keep what is measured of firmware
    #[arg(long)]
    keep: bool,
}

/// Prints both tables; a figure that is more than was promised, or has risen, is a fault.
pub(crate) fn run(options: &Options) -> Result<(), Fault> {
    types()?;
    firmware(options.keep)
}

/// The same as a step of the tests.
pub(crate) fn check() -> Result<(), Fault> {
    run(&Options::default())
}

fn types() -> Result<(), Fault> {
    let table = muxfer_tests::sizes::table();
    println!("{:<28} {:>6} {:>9}", "of", "bytes", "promised");
    for row in table {
        println!("{:<28} {:>6} {:>9}", row.what, row.bytes, row.promised);
    }
    match table.iter().find(|row| row.bytes > row.promised) {
        None => Ok(()),
        Some(row) => Err(Fault(format!(
            "{} takes {} bytes, but {} were promised (tests/src/sizes.rs)",
            row.what, row.bytes, row.promised
        ))),
    }
}

fn firmware(keep: bool) -> Result<(), Fault> {
    let page = embedded::measure()?;
    let measured = Figures::parse(&page).map_err(Fault)?;
    println!("\n{:<58} {:>6} {:>8}", "of firmware", "bytes", "at most");
    for figure in &measured.figures {
        let limit = figure
            .limit
            .map_or(String::new(), |limit| limit.to_string());
        println!("{:<58} {:>6} {:>8}", figure.what, figure.bytes, limit);
    }
    let path = source::root().join(FILE);
    if keep {
        return fs::write(&path, page).map_err(|error| Fault(format!("{FILE}: {error}")));
    }
    let kept = fs::read_to_string(&path).map_err(|error| Fault(format!("{FILE}: {error}")))?;
    let kept = Figures::parse(&kept).map_err(|line| Fault(format!("{FILE}: {line}")))?;
    let faults = measured.faults(&kept);
    if faults.is_empty() {
        return Ok(());
    }
    Err(Fault(format!(
        "{}; `cargo xtask sizes --keep` keeps what is right",
        faults.join("; ")
    )))
}
