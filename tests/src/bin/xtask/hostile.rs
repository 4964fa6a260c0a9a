//! Thousands of hostile peers at once, as many as wanted.

use std::time::Duration;

use clap::Args;
use muxfer_linux::Choice;
use muxfer_tests::hostile::runner::{self, Plan};

use crate::shell::Fault;

/// What is asked for.
#[derive(Args)]
pub(crate) struct Options {
    /// The most connections at once; there are twice as many transfers
    #[arg(long, default_value_t = 2400)]
    connections: usize,
    /// Which mix
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Over which backend: epoll, uring, or auto
    #[arg(long, default_value = "auto")]
    backend: Choice,
    /// How many mixes, with seeds that follow each other
    #[arg(long, default_value_t = 1)]
    rounds: u64,
}

/// Runs the mixes, and prints a line about each.
pub(crate) fn run(options: &Options) -> Result<(), Fault> {
    for seed in (options.seed..).take(usize::try_from(options.rounds).unwrap_or(usize::MAX)) {
        let plan = Plan {
            seed,
            transfers: options.connections * 2,
            connections: options.connections,
            patience: Duration::from_secs(3),
            bound: Duration::from_secs(60 + options.connections as u64 / 100),
            backend: options.backend,
        };
        let report = runner::mix(&plan).map_err(|error| Fault(error.to_string()))?;
        println!("seed {seed}: {report}");
    }
    Ok(())
}
