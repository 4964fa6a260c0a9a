//! The comparison with other readers of HTTP, on more responses than `cargo xtask test` tries.

use clap::Args;
use muxfer_tests::differential;

use crate::shell::Fault;

/// What is compared.
#[derive(Args)]
pub(crate) struct Arguments {
    /// How many responses are generated
    #[arg(long, default_value_t = 100_000)]
    cases: u64,
    /// The seed of the first; each next one has the next seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Compares, prints what came of it, and fails at the first disagreement without a class.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Fault> {
    let fault = |error: std::io::Error| Fault(error.to_string());
    let responses = differential::responses(arguments.seed, arguments.cases).map_err(fault)?;
    let report = differential::compare(responses).map_err(fault)?;
    print!("{report}");
    for text in report.unexplained.iter().take(10) {
        println!("{text}");
    }
    match report.unexplained.len() {
        0 => Ok(()),
        count => Err(Fault(format!("{count} disagreements fit no class"))),
    }
}
