//! The whole run: one session, or one for each thread, and what they come to together.

use std::thread;

use muxfer_linux::{Capacity, Memory};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::args::Args;
use crate::console;
use crate::failure::Failure;
use crate::session::{Limits, Session};
use crate::shared::Shared;

/// Descriptors that are not for transfers: of the program, and of each thread.
const SPARE_DESCRIPTORS: u64 = 32;
const SPARE_PER_THREAD: u64 = 8;

/// Fetches all, and gives the exit status.
pub(crate) fn run(args: &Args) -> u8 {
    let ended = Shared::new(args).and_then(|shared| fetch_all(args, &shared));
    ended.unwrap_or_else(|failure| {
        if !args.silent || args.show_error {
            console::error_line(&format!("muxfer: ({}) {}", failure.code, failure.why));
        }
        failure.code
    })
}

fn fetch_all(args: &Args, shared: &Shared<'_>) -> Result<u8, Failure> {
    if let Some(warning) = shared.security.warning()
        && (!args.silent || args.show_error)
    {
        console::error_line(&format!("muxfer: warning: {warning}"));
    }
    let total = most_connections(args.max_connections, args.threads);
    let limits = limits(args.threads, total, args.max_per_host);
    if let [only] = limits.as_slice() {
        session(shared, *only)?;
    } else {
        thread::scope(|scope| {
            let threads: Vec<_> = limits
                .iter()
                .map(|limits| scope.spawn(|| session(shared, *limits)))
                .collect();
            // All are waited for, and the first that failed is told of.
            let ends: Vec<_> = threads
                .into_iter()
                .map(thread::ScopedJoinHandle::join)
                .collect();
            ends.into_iter()
                .try_for_each(|end| end.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })?;
    }
    shared.progress().finish();
    if !args.silent && !args.no_progress_meter {
        let summary = shared.report.summary();
        console::error_line(&(summary + &shared.security.summary()));
    }
    Ok(shared.report.exit_status())
}

/// An engine with all that it needs, made in the thread that runs it. If it fails the others end,
/// too: what it held would never be done.
fn session(shared: &Shared<'_>, limits: Limits) -> Result<(), Failure> {
    let _guard = shared.guard();
    let capacity = Capacity::new(limits.transfers, limits.conns as usize);
    let mut memory = Memory::new(capacity);
    let ended = Session::new(shared, limits, &mut memory).and_then(|mut session| session.run());
    ended.inspect_err(|_| shared.give_up())
}

/// What each thread gets of the limits. No more threads than there are connections, or than one host
/// may have of them: the limits hold for all threads together, and each needs one at least.
fn limits(threads: u32, conns: u32, per_host: u32) -> Vec<Limits> {
    let most = if per_host == 0 {
        conns
    } else {
        conns.min(per_host)
    };
    let threads = threads.clamp(1, most.max(1));
    let share = |of: u32, nth: u32| of / threads + u32::from(nth < of % threads);
    (0..threads)
        .map(|nth| {
            let conns = share(conns, nth);
            // Alone it takes more transfers than it has connections, so that one is ready when a
            // connection becomes free. Among others it must not hoard what another could begin.
            let transfers = if threads == 1 {
                conns as usize * 2 + 16
            } else {
                conns as usize
            };
            Limits {
                nth: nth as usize,
                transfers,
                conns,
                per_host: share(per_host, nth),
            }
        })
        .collect()
}

/// Each transfer needs a socket and a file. The limit is raised if it may be.
fn most_connections(wanted: u32, threads: u32) -> u32 {
    let spare = SPARE_DESCRIPTORS + SPARE_PER_THREAD * u64::from(threads);
    let needed = u64::from(wanted) * 2 + spare;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < needed) {
        let raised = Rlimit {
            current: Some(limit.maximum.map_or(needed, |most| most.min(needed))),
            maximum: limit.maximum,
        };
        // If that is not allowed, the limit stands.
        let _ = setrlimit(Resource::Nofile, raised);
    }
    let current = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let possible = current.saturating_sub(spare) / 2;
    wanted
        .min(u32::try_from(possible).unwrap_or(u32::MAX))
        .max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Connections and connections to one host, thread by thread.
    fn shares(threads: u32, conns: u32, per_host: u32) -> Vec<(u32, u32)> {
        let limits = limits(threads, conns, per_host);
        limits.iter().map(|l| (l.conns, l.per_host)).collect()
    }

    #[test]
    fn limits_hold_for_all_threads_together() {
        assert_eq!(shares(1, 100, 6), [(100, 6)]);
        assert_eq!(shares(3, 100, 0), [(34, 0), (33, 0), (33, 0)]);
        assert_eq!(shares(4, 100, 6), [(25, 2), (25, 2), (25, 1), (25, 1)]);
        assert_eq!(shares(4, 100, 2), [(50, 1), (50, 1)]);
        assert_eq!(shares(4, 2, 0), [(1, 0), (1, 0)]);
    }
}
