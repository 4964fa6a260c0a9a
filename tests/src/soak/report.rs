//! What a run has shown, and whether it is good.

use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use muxfer_core::{Counts, Error};

use super::Setup;
use super::flight::spill_bytes;
use super::gauge::Resident;
use crate::proxy::{self, Kind};

/// So many unexpected results are told in full.
const TOLD: usize = 5;
/// How much more memory there may be at the end than after the warm-up, in KiB.
const GROWTH_KIB: u64 = 1024;

/// The figures of a run.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What was run.
    pub setup: Option<Setup>,
    /// Over which backend it was.
    pub backend: &'static str,
    /// How long it took.
    pub took: Duration,
    /// Why it did not come to its end.
    pub gave_up: Option<String>,
    /// Transfers that were added.
    pub added: u64,
    /// Messages that were read.
    pub messages: u64,
    /// Transfers that were removed before their end.
    pub removed: u64,
    /// How many ended how.
    pub outcomes: HashMap<Result<(), Error>, u64>,
    /// Bodies or heads with something wrong in them.
    pub wrong: u64,
    /// Results that are not what they must be.
    pub unexpected: u64,
    /// The first of them.
    pub told: Vec<String>,
    /// Bytes of body that were delivered and compared.
    pub body_bytes: u64,
    /// Times that a request was sent again by the engine.
    pub retries: u64,
    /// Connections that the engine made for transfers.
    pub connects: u64,
    /// Transfers that were unpaused.
    pub unpaused: u64,
    /// The longest queue for connections.
    pub most_pending: u32,
    /// What the engine held at the end.
    pub counts: Counts,
    /// Bytes that the platform held at the end.
    pub spilled: usize,
    /// The most bytes that the platform held.
    pub most_spilled: usize,
    /// Open descriptors before the engine was made and after it was gone.
    pub descriptors: (usize, usize),
    /// Resident memory of the process, engine, harness and proxy together: a sample each second, in
    /// KiB.
    pub samples: Vec<u64>,
    /// The machine's load at the start and at the end.
    pub load: (String, String),
    /// What the proxy did.
    pub proxy: proxy::Counts,
}

impl Report {
    pub(super) fn new(setup: Setup) -> Self {
        Self {
            setup: Some(setup),
            ..Self::default()
        }
    }

    /// A result that is not what it must be.
    pub(super) fn unexpected(&mut self, number: u64, why: &str) {
        self.unexpected += 1;
        if self.told.len() < TOLD {
            self.told.push(format!("request {number}: {why}"));
        }
    }

    /// All that is not as it must be; empty after a good run.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = self.told.clone();
        faults.extend(self.gave_up.clone());
        let requests = self.setup.map_or(0, |setup| setup.requests);
        let most_spill = self.setup.map_or(0, |setup| spill_bytes(setup.backend));
        let counts = self.counts;
        let left = counts.current + counts.running + counts.pending + counts.done;
        let ended = self.messages + self.removed;
        let told: u64 = self.outcomes.values().sum();
        let checks = [
            (self.added == requests, "not all requests were added"),
            (ended == self.added, "not every transfer ended exactly once"),
            (
                told == self.messages,
                "the outcomes are not those of the messages",
            ),
            (self.wrong == 0, "wrong responses"),
            (self.unexpected == 0, "unexpected results"),
            (left == 0, "transfers are left in the engine"),
            (
                counts.ever == requests,
                "the engine has counted other transfers",
            ),
            (
                counts.connections == counts.idle,
                "connections are left in use",
            ),
            (self.spilled == 0, "the platform holds bytes of nobody"),
            // A block of the eighth that is kept may be larger than what it holds.
            (
                self.most_spilled <= most_spill / 8 * 9,
                "the platform held more than it may",
            ),
            (
                self.descriptors.0 == self.descriptors.1,
                "descriptors are left open",
            ),
            (self.proxy.open == 0, "connections are left open"),
            (self.proxy.lost == 0, "the proxy lost connections to nginx"),
            (self.memory_is_flat() != Some(false), "memory grows"),
        ];
        let broken = checks.iter().filter(|(good, _)| !good);
        faults.extend(broken.map(|(_, fault)| (*fault).to_owned()));
        faults
    }

    /// Is the median of the last quarter of the samples not above that of the second quarter by more
    /// than 1 MiB? `None` if the run was too short to say.
    #[must_use]
    pub fn memory_is_flat(&self) -> Option<bool> {
        Resident::of(&self.samples).map(|kib| kib.end <= kib.warm + GROWTH_KIB)
    }

    fn memory(&self) -> String {
        Resident::of(&self.samples).map_or_else(
            || "not judged: the run was too short".to_owned(),
            |kib| {
                format!(
                    "{} start, {} after warm-up, {} end, {} most",
                    kib.start, kib.warm, kib.end, kib.most
                )
            },
        )
    }

    /// Resident memory over the time.
    fn tenths(&self) -> String {
        let last = self.samples.len().saturating_sub(1);
        let at = |tenth| self.samples.get(last * tenth / 10);
        let tenths = (1..=10).filter_map(at).map(u64::to_string);
        tenths.collect::<Vec<_>>().join(" ")
    }

    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    fn rate(&self) -> f64 {
        self.added as f64 / self.took.as_secs_f64().max(1e-9)
    }

    /// The outcomes, most frequent first.
    fn outcomes(&self) -> Vec<(String, u64)> {
        let name = |result: &Result<(), Error>| match result {
            Ok(()) => "whole".to_owned(),
            Err(error) => error.to_string(),
        };
        let mut outcomes: Vec<_> = self
            .outcomes
            .iter()
            .map(|(result, count)| (name(result), *count))
            .collect();
        outcomes.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        outcomes.push(("removed in mid-flight".to_owned(), self.removed));
        outcomes
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut row = |name: &str, value: &dyn Display| writeln!(f, "{name:<36} {value}");
        if let Some(setup) = &self.setup {
            row("soak", &setup.words().join(" "))?;
        }
        row("backend", &self.backend)?;
        row("requests", &self.added)?;
        row("seconds", &format_args!("{:.1}", self.took.as_secs_f64()))?;
        row("requests/s", &format_args!("{:.0}", self.rate()))?;
        row("bytes of body, each compared", &self.body_bytes)?;
        for (name, count) in self.outcomes() {
            row(&format!("  {name}"), &count)?;
        }
        row("wrong responses", &self.wrong)?;
        row("unexpected results", &self.unexpected)?;
        for kind in Kind::ALL {
            let count = self.proxy.injected[kind as usize];
            row(&format!("injected: {}", kind.name()), &count)?;
        }
        row("sent again by the engine", &self.retries)?;
        row("paused and unpaused", &self.unpaused)?;
        row("longest queue for connections", &self.most_pending)?;
        row("connections made for transfers", &self.connects)?;
        row("connections accepted by the proxy", &self.proxy.accepted)?;
        row("bytes through the proxy", &self.proxy.bytes)?;
        row("resident memory in KiB", &self.memory())?;
        row("  after each tenth of the time", &self.tenths())?;
        let (start, end) = self.descriptors;
        row(
            "open descriptors",
            &format_args!("{start} start, {end} end"),
        )?;
        row("left in the engine", &format_args!("{:?}", self.counts))?;
        let (most, end) = (self.most_spilled, self.spilled);
        row("spilled bytes", &format_args!("{most} most, {end} end"))?;
        let (start, end) = &self.load;
        row(
            "load of the machine",
            &format_args!("{start} start, {end} end"),
        )
    }
}

#[cfg(test)]
mod tests {
    use muxfer_linux::Choice;

    use super::*;

    fn good() -> Report {
        Report {
            setup: Some(Setup {
                requests: 10,
                connections: 4,
                faults: 0,
                seed: 1,
                backend: Choice::Epoll,
                limit: None,
            }),
            added: 10,
            messages: 9,
            removed: 1,
            outcomes: HashMap::from([(Ok(()), 8), (Err(Error::PartialBody), 1)]),
            counts: Counts {
                ever: 10,
                connections: 3,
                idle: 3,
                ..Counts::default()
            },
            samples: vec![5_000; 40],
            ..Report::default()
        }
    }

    /// A good report with something changed.
    fn faults(change: impl FnOnce(&mut Report)) -> usize {
        let mut report = good();
        change(&mut report);
        report.faults().len()
    }

    #[test]
    fn each_thing_that_is_not_as_it_must_be_is_a_fault() {
        assert_eq!(good().faults(), Vec::<String>::new());
        assert_eq!(faults(|report| report.gave_up = Some("late".to_owned())), 1);
        assert_eq!(faults(|report| report.messages = 8), 2);
        assert_eq!(faults(|report| report.removed = 2), 1);
        assert_eq!(faults(|report| report.wrong = 1), 1);
        assert_eq!(faults(|report| report.unexpected(3, "why")), 2);
        assert_eq!(faults(|report| report.counts.current = 1), 1);
        assert_eq!(faults(|report| report.counts.ever = 9), 1);
        assert_eq!(faults(|report| report.counts.idle = 2), 1);
        assert_eq!(faults(|report| report.spilled = 1), 1);
        assert_eq!(
            faults(|report| report.most_spilled = spill_bytes(Choice::Epoll) * 2),
            1
        );
        assert_eq!(faults(|report| report.descriptors.1 = 1), 1);
        assert_eq!(faults(|report| report.proxy.lost = 1), 1);
        assert_eq!(faults(|report| report.samples[25..].fill(6_025)), 1);
        assert_eq!(faults(|report| report.samples[25..].fill(6_024)), 0);
    }

    #[test]
    fn the_table_shows_the_outcomes_and_the_first_unexpected_results_are_kept() {
        let mut report = good();
        for number in 0..20 {
            report.unexpected(number, "why");
        }
        assert_eq!((report.unexpected, report.told.len()), (20, TOLD));
        let table = report.to_string();
        assert!(
            table.contains("the connection ended before the body did 1"),
            "{table}"
        );
        assert!(table.contains("requests/s"), "{table}");
    }
}
