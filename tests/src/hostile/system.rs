//! What this process takes of the system.

use std::{fs, io};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many descriptors are open.
///
/// # Errors
/// There is no `/proc`.
pub fn descriptors() -> io::Result<usize> {
    // One of them is the folder's own.
    Ok(fs::read_dir("/proc/self/fd")?.count() - 1)
}

/// How much memory is resident.
///
/// # Errors
/// There is no `/proc`, or it is not understood.
pub fn resident_bytes() -> io::Result<usize> {
    let status = fs::read_to_string("/proc/self/status")?;
    let mut lines = status
        .lines()
        .filter_map(|line| line.strip_prefix("VmRSS:"));
    let kib = lines
        .next()
        .and_then(|text| text.trim().strip_suffix(" kB"));
    let kib: Option<usize> = kib.and_then(|text| text.trim().parse().ok());
    kib.map(|kib| kib * 1024)
        .ok_or_else(|| io::Error::other("/proc/self/status is malformed"))
}

/// Makes sure that so many descriptors can be open.
///
/// # Errors
/// The hard limit is lower; the message says so.
pub fn raise_descriptor_limit(needed: u64) -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    if let Some(most) = limit.maximum.filter(|most| *most < needed) {
        return Err(io::Error::other(format!(
            "this needs {needed} descriptors and the hard limit is {most}; raise it (ulimit -Hn)"
        )));
    }
    let raised = Rlimit {
        current: Some(needed),
        maximum: limit.maximum,
    };
    Ok(setrlimit(Resource::Nofile, raised)?)
}
