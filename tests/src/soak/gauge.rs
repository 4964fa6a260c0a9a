//! Measuring this process.

use std::time::{Duration, Instant};
use std::{fs, io};

/// How many samples are too few to judge by.
const FEWEST: usize = 8;

/// Resident memory, sampled once a second.
#[derive(Debug)]
pub(super) struct Memory {
    samples: Vec<u64>,
    next: Instant,
}

impl Memory {
    /// Room for the samples of this time is taken at once: they must not grow what they measure.
    pub(super) fn new(time: Duration) -> io::Result<Self> {
        let seconds = usize::try_from(time.as_secs()).unwrap_or(0);
        let mut memory = Self {
            samples: Vec::with_capacity(seconds + 16),
            next: Instant::now(),
        };
        memory.sample()?;
        Ok(memory)
    }

    /// Takes a sample if a second has passed.
    pub(super) fn sample(&mut self) -> io::Result<()> {
        let now = Instant::now();
        if now >= self.next {
            self.next = now + Duration::from_secs(1);
            self.samples.push(resident_kib()?);
        }
        Ok(())
    }

    /// All of them, in KiB.
    pub(super) fn samples(self) -> Vec<u64> {
        self.samples
    }
}

/// Resident memory over the time of a run, in KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resident {
    pub(super) start: u64,
    /// The median of the second quarter: the first is the warm-up.
    pub(super) warm: u64,
    /// The median of the last quarter.
    pub(super) end: u64,
    pub(super) most: u64,
}

impl Resident {
    /// `None` if there are too few samples.
    pub(super) fn of(samples: &[u64]) -> Option<Self> {
        let quarter = samples.len() / 4;
        if samples.len() < FEWEST {
            return None;
        }
        Some(Self {
            start: samples[0],
            warm: median(&samples[quarter..2 * quarter]),
            end: median(&samples[samples.len() - quarter..]),
            most: samples.iter().copied().max()?,
        })
    }
}

fn median(samples: &[u64]) -> u64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

/// What `/proc/self/statm` tells in pages, in KiB.
fn resident_kib() -> io::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .ok_or_else(|| io::Error::other("/proc/self/status does not tell VmRSS"))
}

/// The load of the machine over the last minute.
pub(super) fn load() -> io::Result<String> {
    let load = fs::read_to_string("/proc/loadavg")?;
    Ok(load.split(' ').next().unwrap_or_default().to_owned())
}

/// Asks again and again, as there is nothing to wait for, until it is so or the time is over.
pub(super) fn wait_until(patience: Duration, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() && start.elapsed() < patience {
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_warm_up_is_left_out_and_the_end_is_compared_with_what_follows_it() {
        let samples = [10, 50, 100, 101, 102, 103, 100, 100, 100, 107, 108, 109];
        let want = Resident {
            start: 10,
            warm: 102,
            end: 108,
            most: 109,
        };
        assert_eq!(Resident::of(&samples), Some(want));
        assert_eq!(Resident::of(&samples[..7]), None);
    }
}
