//! Who runs on which core.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Outcome;

/// One core for the server and one for the clients.
pub(crate) struct Cores {
    pub(crate) server: usize,
    pub(crate) client: usize,
}

impl Cores {
    /// The first two that this process may use.
    pub(crate) fn choose() -> Outcome<Self> {
        let allowed = sched_getaffinity(None)?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core));
        match (cores.next(), cores.next()) {
            (Some(server), Some(client)) => Ok(Self { server, client }),
            (_, _) => Err("two cores are needed: one for the server, one for the clients".into()),
        }
    }
}

/// This thread, and the threads and processes that it starts from now on, run there only.
pub(crate) fn pin(core: usize) -> Outcome<()> {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}

/// 10,000 connections need as many descriptors on each side, and some clients open more while they
/// start. Where the limit can't be raised a client says so by failing.
pub(crate) fn raise_descriptor_limit() {
    const WANTED: u64 = 65_536;
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.map_or(WANTED, |most| most.max(WANTED));
    for maximum in [Some(most), limit.maximum] {
        let current = maximum.map(|most| most.min(WANTED));
        if setrlimit(Resource::Nofile, Rlimit { current, maximum }).is_ok() {
            return;
        }
    }
}
