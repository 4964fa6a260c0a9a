//! The soak as a program: `cargo xtask soak`.

use std::process::ExitCode;

use clap::Parser;
use muxfer_tests::soak::{self, Setup};

/// Sends very many requests over real sockets to a real nginx, with faults between
#[derive(Parser)]
#[command(name = "soak")]
struct Arguments {
    #[command(flatten)]
    setup: Setup,
}

fn main() -> ExitCode {
    let Arguments { setup } = Arguments::parse();
    let report = match soak::run(&setup) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("soak: {error}");
            return ExitCode::FAILURE;
        }
    };
    print!("{report}");
    let faults = report.faults();
    for fault in &faults {
        eprintln!("soak: FAILED with seed {}: {fault}", setup.seed);
    }
    if faults.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
