//! What one client reports: a line of names and numbers.

use std::fmt;
use std::fs;
use std::io;
use std::str::FromStr;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use rustix::time::{ClockId, clock_gettime};

/// What one measurement took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Requests that were answered in full.
    pub requests: u64,
    /// From the first request to the last answer.
    pub wall_ns: u64,
    /// CPU time of the process meanwhile, user and system.
    pub cpu_ns: u64,
    /// Resident memory once all stalled transfers had their part.
    pub stalled_kib: u64,
    /// The most resident memory that the process has had.
    pub peak_kib: u64,
}

/// A measurement that has begun.
#[derive(Debug)]
pub struct Meter {
    stalled_kib: u64,
    cpu: Duration,
    wall: Instant,
}

impl Meter {
    /// Begins it; `stalled_kib` is what [`resident_kib`] said before.
    #[must_use]
    pub fn start(stalled_kib: u64) -> Self {
        Self {
            stalled_kib,
            cpu: cpu_time(),
            wall: Instant::now(),
        }
    }

    /// Ends it after so many requests.
    ///
    /// # Errors
    /// `/proc` can't be read.
    pub fn stop(&self, requests: u64) -> io::Result<Report> {
        let (wall, cpu) = (self.wall.elapsed(), cpu_time());
        Ok(Report {
            requests,
            wall_ns: nanos(wall),
            cpu_ns: nanos(cpu.saturating_sub(self.cpu)),
            stalled_kib: self.stalled_kib,
            peak_kib: status("VmHWM:")?,
        })
    }
}

impl Report {
    /// Microseconds of CPU time for each request.
    #[must_use]
    pub fn cpu_us(&self) -> f64 {
        self.cpu_ns as f64 / 1e3 / self.requests as f64
    }

    /// Requests in each second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.requests as f64 * 1e9 / self.wall_ns as f64
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "requests {} wall_ns {} cpu_ns {} stalled_kib {} peak_kib {}",
            self.requests, self.wall_ns, self.cpu_ns, self.stalled_kib, self.peak_kib
        )
    }
}

impl FromStr for Report {
    type Err = io::Error;

    fn from_str(line: &str) -> io::Result<Self> {
        let mut words = line.split_whitespace();
        let mut next = |name: &str| {
            let value = (words.next() == Some(name)).then(|| words.next()).flatten();
            let value = value.and_then(|value| value.parse().ok());
            value.ok_or_else(|| io::Error::other(format!("no {name} in {line:?}")))
        };
        Ok(Self {
            requests: next("requests")?,
            wall_ns: next("wall_ns")?,
            cpu_ns: next("cpu_ns")?,
            stalled_kib: next("stalled_kib")?,
            peak_kib: next("peak_kib")?,
        })
    }
}

/// Resident memory of this process now.
///
/// # Errors
/// `/proc` can't be read.
pub fn resident_kib() -> io::Result<u64> {
    status("VmRSS:")
}

/// User and system time of all processes that this one has started and that have ended.
///
/// # Errors
/// The system does not say.
pub fn cpu_of_children() -> io::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let mut sum = Duration::ZERO;
    for time in [usage.user_time(), usage.system_time()] {
        let parts = (u64::try_from(time.tv_sec()), u64::try_from(time.tv_usec()));
        let (Ok(seconds), Ok(micros)) = parts else {
            return Err(io::Error::other("a negative time"));
        };
        sum += Duration::from_secs(seconds) + Duration::from_micros(micros);
    }
    Ok(sum)
}

/// A number out of `/proc/self/status`.
fn status(name: &str) -> io::Result<u64> {
    let text = fs::read_to_string("/proc/self/status")?;
    let rest = text.lines().find_map(|line| line.strip_prefix(name));
    let number = rest.and_then(|rest| rest.split_whitespace().next());
    let number = number.and_then(|number| number.parse().ok());
    number.ok_or_else(|| io::Error::other(format!("no {name} in /proc/self/status")))
}

/// User and system time of all threads of this process.
fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_as_it_was_written() -> io::Result<()> {
        let report = Report {
            requests: 1,
            wall_ns: 2,
            cpu_ns: 3,
            stalled_kib: 4,
            peak_kib: 5,
        };
        assert_eq!(report.to_string().parse::<Report>()?, report);
        assert!("requests 1 wall_ns x".parse::<Report>().is_err());
        Ok(())
    }

    #[test]
    fn a_meter_counts_the_work_of_this_process() -> io::Result<()> {
        let meter = Meter::start(resident_kib()?);
        while meter.wall.elapsed() < Duration::from_millis(20) {}
        let report = meter.stop(1)?;
        assert!(report.cpu_ns > 5_000_000 && report.cpu_ns <= report.wall_ns * 2);
        assert!(report.peak_kib >= report.stalled_kib && report.stalled_kib > 0);
        Ok(())
    }
}
