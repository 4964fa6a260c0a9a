//! The time of a transfer among very many, compared with that among a hundredth of them.

use std::fmt;
use std::io;

use super::cost::cpu_time;
use super::load::{self, Load, Outcome};
use super::{MOST_ENGINE_BYTES, mib};

/// How often more time a transfer may take among very many. The tables of a million transfers are
/// far larger than any cache, so that some of it is the waiting for memory.
pub const MOST_TIME: f64 = 2.0;
/// How often more calls of the platform it may take: reuse and its fairness depend on numbers a
/// little.
const MOST_CALLS: f64 = 1.02;

/// The medians of several rounds, in each of which both were run.
#[derive(Clone, Copy, Debug)]
pub struct Comparison {
    /// Few, and very many.
    pub loads: [Load; 2],
    /// What came of each in the first round.
    pub outcomes: [Outcome; 2],
    /// CPU time of a transfer, from adding to removing, in ns.
    pub transfer_ns: [f64; 2],
    /// CPU time of a step by its events, in ns.
    pub event_ns: [f64; 2],
    /// How often more time a transfer takes: the median of the ratios within each round.
    pub transfer_ratio: f64,
    /// The same of an event.
    pub event_ratio: f64,
}

/// Runs a load and a smaller one by turns.
///
/// # Errors
/// Memory can't be measured.
pub fn run(loads: [Load; 2], rounds: usize) -> io::Result<Comparison> {
    let mut series = Vec::with_capacity(rounds.max(1));
    for _ in 0..rounds.max(1) {
        series.push([
            load::run(&loads[0], cpu_time)?,
            load::run(&loads[1], cpu_time)?,
        ]);
    }
    let transfer = |round: &[Outcome; 2], of: usize| {
        round[of].cpu.as_secs_f64() * 1e9 / loads[of].transfers as f64
    };
    let event = |round: &[Outcome; 2], of: usize| round[of].step.as_secs_f64() * 1e9;
    let over = |value: &dyn Fn(&[Outcome; 2]) -> f64| median(series.iter().map(value).collect());
    Ok(Comparison {
        loads,
        outcomes: series[0],
        transfer_ns: [0, 1].map(|of| over(&|round| transfer(round, of))),
        event_ns: [0, 1].map(|of| over(&|round| event(round, of))),
        transfer_ratio: over(&|round| transfer(round, 1) / transfer(round, 0)),
        event_ratio: over(&|round| event(round, 1) / event(round, 0)),
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

impl Comparison {
    /// Calls of the platform for each transfer.
    fn calls(&self) -> [f64; 2] {
        [0, 1].map(|of| self.outcomes[of].calls.all() as f64 / self.loads[of].transfers as f64)
    }

    /// What is not as promised.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for (load, outcome) in self.loads.iter().zip(&self.outcomes) {
            if outcome.right != load.transfers {
                faults.push(format!("{} of {} right", outcome.right, load.transfers));
            }
            if usize::try_from(outcome.most_conns) != Ok(load.conns) {
                let conns = load.conns;
                faults.push(format!("{} of {conns} connections", outcome.most_conns));
            }
            if outcome.engine_bytes > MOST_ENGINE_BYTES {
                faults.push(format!("{:.1} MiB of tables", mib(outcome.engine_bytes)));
            }
        }
        let [few, many] = self.calls();
        let ratios = [
            ("CPU time of a transfer", self.transfer_ratio, MOST_TIME),
            ("CPU time of an event", self.event_ratio, MOST_TIME),
            ("calls of the platform", many / few, MOST_CALLS),
        ];
        for (what, ratio, most) in ratios {
            if ratio > most {
                faults.push(format!("{what}: {ratio:.2} times that of few, not {most}"));
            }
        }
        faults
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [few, many] = self.loads;
        let [_, outcome] = self.outcomes;
        let number = |f: &mut fmt::Formatter<'_>, what, values: [f64; 2]| {
            writeln!(f, "{what:<38} {:>12.1} {:>12.1}", values[0], values[1])
        };
        let count = |f: &mut fmt::Formatter<'_>, what, of: fn(&Load) -> usize| {
            writeln!(f, "{what:<38} {:>12} {:>12}", of(&few), of(&many))
        };
        count(f, "transfers, all added at first", |load| load.transfers)?;
        count(f, "connections", |load| load.conns)?;
        count(f, "hosts", |load| load.hosts)?;
        number(f, "CPU time of a transfer, ns", self.transfer_ns)?;
        number(f, "CPU time of an event in a step, ns", self.event_ns)?;
        number(f, "calls of the platform a transfer", self.calls())?;
        writeln!(
            f,
            "ratios within a round: transfer {:.2}, event {:.2}",
            self.transfer_ratio, self.event_ratio
        )?;
        writeln!(
            f,
            "tables {:.1} MiB without users' values; resident {:.1} MiB, of which users' values {:.1}",
            mib(outcome.engine_bytes),
            mib(outcome.resident_bytes),
            mib(outcome.easy_bytes)
        )
    }
}
