//! Runs seeds of the swarm on all cores; `cargo xtask swarm` builds and calls it.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use clap::Parser;
use muxfer_tests::swarm::{self, Failure, Report};

/// Random engines in random networks, held against a model.
#[derive(Parser)]
struct Arguments {
    /// How many seeds, from the first on
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Only this seed, with its trace
    #[arg(long)]
    seed: Option<u64>,
}

/// What all runs came to.
#[derive(Default)]
struct Total {
    ends: BTreeMap<String, usize>,
    retries: usize,
    reuses: usize,
    most_quiet_calls: usize,
    failure: Option<(u64, Failure)>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.seed {
        Some(seed) => replay(seed),
        None => search(arguments.from, arguments.seeds),
    }
}

fn search(from: u64, seeds: u64) -> ExitCode {
    let start = Instant::now();
    let next = AtomicU64::new(from);
    let stop = AtomicBool::new(false);
    let total = Mutex::new(Total::default());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed - from >= seeds {
                        return;
                    }
                    let outcome = swarm::attempt(&swarm::of_seed(seed));
                    let mut total = total.lock().expect("no panic holds it");
                    match outcome {
                        Ok(report) => total.add(&report),
                        Err(failure) => {
                            total.failure.get_or_insert((seed, failure));
                            stop.store(true, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    let total = total.into_inner().expect("no panic holds it");
    if let Some((seed, failure)) = total.failure {
        println!("swarm: seed {seed} FAILS: {}", failure.why);
        println!("swarm: replay it: cargo xtask swarm --seed {seed}");
        return ExitCode::FAILURE;
    }
    total.print(seeds, start.elapsed().as_secs_f64());
    ExitCode::SUCCESS
}

impl Total {
    fn add(&mut self, report: &Report) {
        for (end, count) in &report.ends {
            *self.ends.entry(end.clone()).or_default() += count;
        }
        self.retries += report.retries;
        self.reuses += report.reuses;
        self.most_quiet_calls = self.most_quiet_calls.max(report.quiet_calls);
    }

    fn print(&self, seeds: u64, seconds: f64) {
        for (end, count) in &self.ends {
            println!("{count:>9} {end}");
        }
        let transfers: usize = self.ends.values().sum();
        println!(
            "{:>9} requests over a connection that had served before",
            self.reuses
        );
        println!("{:>9} requests sent again (CONTRACT R88)", self.retries);
        println!("{:>9} calls at most until rest", self.most_quiet_calls);
        println!("swarm: {seeds} seeds, {transfers} transfers, no failure, {seconds:.1} s");
    }
}

/// Runs one seed and says what happened in it; if it fails, the same of a smaller script.
fn replay(seed: u64) -> ExitCode {
    let script = swarm::of_seed(seed);
    let (trace, result) = swarm::trace(&script);
    println!("{}", trace.join("\n"));
    let Err(failure) = result else {
        println!("swarm: seed {seed}: no failure");
        return ExitCode::SUCCESS;
    };
    println!("swarm: seed {seed} FAILS: {}", failure.why);
    let small = swarm::smaller(&script, &failure);
    println!("the smallest script found that fails at the same place:\n{small:#?}");
    let (trace, result) = swarm::trace(&small);
    println!("{}", trace.join("\n"));
    if let Err(failure) = result {
        println!("swarm: it FAILS: {}", failure.why);
    }
    ExitCode::FAILURE
}
