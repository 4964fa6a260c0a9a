//! Measuring this process: CPU time and resident memory.

use std::time::Duration;
use std::{fs, io};

use rustix::time::{ClockId, clock_gettime};

/// CPU time of this thread so far.
#[must_use]
pub fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// Resident memory of its own, to the page: what is not mapped from a file. Of the program's file the
/// system maps some more pages around those that were touched, as many as its cache happens to hold.
/// `RssAnon` would be cheaper and is only near it: the system counts with a counter for each core.
///
/// # Errors
/// There is no `/proc`, or it is not understood.
pub fn resident_bytes() -> io::Result<usize> {
    let text = fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Anonymous:"));
    let kib = line.and_then(|line| {
        line.trim()
            .strip_suffix(" kB")?
            .trim()
            .parse::<usize>()
            .ok()
    });
    kib.map(|kib| kib * 1024)
        .ok_or_else(|| io::Error::other("/proc/self/smaps_rollup does not tell Anonymous"))
}
