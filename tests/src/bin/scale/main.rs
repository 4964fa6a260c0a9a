//! Very many transfers: what each costs, in time and in memory. See `cargo xtask scale`.

use std::fmt::Display;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use muxfer_tests::scale::load::{self, Load};
use muxfer_tests::scale::{compare, count, crowd, growth, server, threads};

/// Very many transfers: what each costs
#[derive(Parser)]
#[command(name = "scale")]
struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// Run an engine in a network of memory
    Load {
        #[command(flatten)]
        load: Load,
        /// Do not ask for CPU time: under valgrind the vDSO, which tells it, can't be found
        #[arg(long)]
        untimed: bool,
    },
    /// Compare the CPU time of a transfer with that among a hundredth of them
    Compare {
        #[command(flatten)]
        load: Load,
        /// How often both are run
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// Compare the instructions of a transfer with those among a hundredth of them
    Count(Load),
    /// Hold very many connections at once to a server in another process
    Crowd(crowd::Setup),
    /// Compare the resident memory of 10,000 transfers in flight with that of 100
    Growth(growth::Setup),
    /// Compare the program in several threads with one, on a list of small files from nginx
    Threads(threads::Setup),
    /// The server of a crowd: it ends with its standard input
    Serve {
        /// At how many addresses
        addresses: u8,
    },
}

fn main() -> ExitCode {
    match run(&Arguments::parse().part) {
        Ok(faults) if faults.is_empty() => ExitCode::SUCCESS,
        Ok(faults) => {
            for fault in faults {
                eprintln!("scale: FAILED: {fault}");
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("scale: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a part, and answers with what is not as promised.
fn run(part: &Part) -> io::Result<Vec<String>> {
    let scale = std::env::current_exe()?;
    match part {
        Part::Load { load, untimed } => {
            let clock = if *untimed {
                || Duration::ZERO
            } else {
                muxfer_tests::scale::cost::cpu_time
            };
            println!("{:?}", load::run(load, clock)?);
            Ok(Vec::new())
        }
        Part::Compare { load, rounds } => {
            let comparison = compare::run([load.divided(100), *load], *rounds)?;
            shown(&comparison, comparison.faults())
        }
        Part::Crowd(setup) => {
            let report = crowd::run(&scale, setup)?;
            shown(&report, report.faults())
        }
        Part::Growth(setup) => {
            let growth = growth::run(&scale, setup)?;
            shown(&growth, growth.faults())
        }
        Part::Threads(setup) => shown(&threads::run(setup)?, Vec::new()),
        Part::Serve { addresses } => server::serve(*addresses).map(|()| Vec::new()),
        Part::Count(load) => {
            let counted = count::run(&scale, [load.divided(100), *load])?;
            shown(&counted, counted.faults())
        }
    }
}

fn shown(report: &dyn Display, faults: Vec<String>) -> io::Result<Vec<String>> {
    print!("{report}");
    Ok(faults)
}
