//! The tasks of the project: `cargo xtask <task>`.
//!
//! All that CI does is here, so that it works from cargo alone. A task has a file of its own.

mod bench;
mod contract;
mod corpus;
mod differential;
mod embedded;
mod fuzz;
mod hostile;
mod identity;
mod instructions;
mod mutants;
mod needs;
mod nginx;
mod scale;
mod shell;
mod sizes;
mod soak;
mod swarm;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use shell::Fault;

/// The tasks of the project.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Everything that CI runs, in order, up to the first failure
    Test,
    /// Look for the programs that the tests need, and install what is missing
    Needs,
    /// Print what the engine's types and its firmware take, and compare it with what was promised
    Sizes(sizes::Options),
    /// Measure muxfer beside other clients, and write docs/performance.md
    #[command(disable_help_flag = true)]
    Bench(bench::Arguments),
    /// Write the names of the tests into docs/contract.md
    Contract,
    /// Write what the engine makes of each response of the corpus into tests/corpus/verdicts.txt
    Corpus,
    /// Compare the engine's verdicts on responses with those of httparse, hyper and h11
    Differential(differential::Arguments),
    /// Build firmware for three machines, and run it under QEMU against real servers
    Embedded(embedded::Options),
    /// Thousands of hostile peers at once, on real sockets
    Hostile(hostile::Options),
    /// Hold generated redirects, credentials and reuse against a model of who may see what
    Identity {
        /// How many seeds
        #[arg(long, default_value_t = 2_000)]
        seeds: u64,
        /// The first seed
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
    /// Count the instructions of the engine's own paths and compare them with the kept ones
    Instructions(instructions::Options),
    /// Plant bugs one by one and show which tests catch them
    Mutants(mutants::Wanted),
    /// Fetch 1 GiB from a real nginx and compare it byte for byte
    Nginx,
    /// A million transfers on 100,000 connections, and 19,000 real connections at once
    Scale(scale::Options),
    /// Random engines in random networks, held against a model
    Swarm(swarm::Arguments),
    /// Send a million requests through epoll to a real nginx, with faults between
    Soak(muxfer_tests::soak::Setup),
    /// Fuzz each target for a while, or merge what was found into the committed corpora
    Fuzz(fuzz::Options),
}

impl Task {
    fn run(self) -> Result<(), Fault> {
        match self {
            Self::Test => test::run(),
            Self::Needs => needs::run(),
            Self::Sizes(options) => sizes::run(&options),
            Self::Bench(arguments) => bench::run(&arguments),
            Self::Contract => contract::run(),
            Self::Corpus => corpus::run(),
            Self::Differential(arguments) => differential::run(&arguments),
            Self::Embedded(options) => embedded::run(&options),
            Self::Hostile(options) => hostile::run(&options),
            Self::Identity { seeds, seed } => identity::run(seed, seeds),
            Self::Instructions(options) => instructions::run(&options),
            Self::Mutants(wanted) => mutants::run(&wanted),
            Self::Nginx => nginx::run(),
            Self::Scale(options) => scale::run(&options),
            Self::Swarm(arguments) => swarm::run(&arguments),
            Self::Soak(setup) => soak::run(&setup),
            Self::Fuzz(options) => fuzz::run(&options),
        }
    }
}

fn main() -> ExitCode {
    match Arguments::parse().task.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("xtask: {fault}");
            ExitCode::FAILURE
        }
    }
}
