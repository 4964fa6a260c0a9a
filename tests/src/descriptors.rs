//! The descriptors of this process.

use std::{fs, io};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many are open.
///
/// # Errors
/// What the system says.
pub fn open() -> io::Result<usize> {
    // The folder itself is open while it is read.
    Ok(fs::read_dir("/proc/self/fd")?.count() - 1)
}

/// Lets this process, and those that it starts, have as many as the system allows.
///
/// # Errors
/// What the system says.
pub fn allow_all() -> io::Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    allow(maximum)
}

/// Lets this process have so many; `None` is no limit.
///
/// # Errors
/// It is more than the system allows.
pub fn allow(most: Option<u64>) -> io::Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let current = most;
    Ok(setrlimit(Resource::Nofile, Rlimit { current, maximum })?)
}
