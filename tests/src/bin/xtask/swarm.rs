//! The swarm: random engines in random networks (`tests/src/swarm`).

use std::ffi::OsString;

use crate::shell::{self, Fault};

/// What the swarm is told.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many seeds, from the first on
    #[arg(long, default_value_t = 20_000)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Only this seed: what happens in it, and a smaller script if it fails
    #[arg(long)]
    seed: Option<u64>,
}

/// Runs it, optimised and with all assertions.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Fault> {
    let words = match arguments.seed {
        Some(seed) => vec![("--seed", seed)],
        None => vec![("--seeds", arguments.seeds), ("--from", arguments.from)],
    };
    let words = words
        .into_iter()
        .flat_map(|(name, value)| [name.into(), value.to_string().into()]);
    shell::run(shell::checked("swarm", words.collect::<Vec<OsString>>()))
}

/// The seeds that CI runs.
pub(crate) fn fixed() -> Result<(), Fault> {
    run(&Arguments {
        seeds: 1000,
        from: 1,
        seed: None,
    })
}
