//! The swarm: random engines, transfers, users and networks, each from one seed, held against a
//! model after every call.
//!
//! A [`Script`] is plain data. [`run()`] plays it with a real engine in the simulator. The peers
//! ([`Site`](site::Site)) check each request and remember it; the easy handles
//! ([`Agent`](agent::Agent)) check what they are told; [`judge`](verdict::judge) says whether an end
//! is right, given what the peers did. After each call the counts, interests, deadlines and limits
//! are compared with what the model knows. After the last op the faults end: then all transfers
//! must end within a bounded number of calls, with exactly one message each.

pub mod agent;
pub mod answer;
pub mod draw;
mod generate;
pub mod run;
pub mod script;
mod shrink;
pub mod site;
pub mod verdict;

pub use draw::Bytes;
pub use generate::script;
pub use run::{Report, run};
pub use script::Script;

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use crate::sim::Prng;

/// A run that went wrong.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What was wrong, and where.
    pub why: String,
}

thread_local! {
    static TRACE: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
    static WHY: RefCell<Option<String>> = const { RefCell::new(None) };
    static QUIET: RefCell<bool> = const { RefCell::new(false) };
}

/// The script of a seed.
#[must_use]
pub fn of_seed(seed: u64) -> Script {
    script(&mut Prng::new(seed))
}

/// Runs a script; a panic is a failure.
///
/// # Errors
/// What went wrong.
pub fn attempt(script: &Script) -> Result<Report, Failure> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if QUIET.with(|quiet| *quiet.borrow()) {
                WHY.with(|why| *why.borrow_mut() = Some(info.to_string()));
            } else {
                before(info);
            }
        }));
    });
    QUIET.with(|quiet| *quiet.borrow_mut() = true);
    let result = panic::catch_unwind(AssertUnwindSafe(|| run(script)));
    QUIET.with(|quiet| *quiet.borrow_mut() = false);
    result.map_err(|_| Failure {
        why: WHY.with(|why| why.borrow_mut().take().unwrap_or_default()),
    })
}

/// Runs a script and says what happened in it, line by line, up to the failure if there is one.
pub fn trace(script: &Script) -> (Vec<String>, Result<Report, Failure>) {
    TRACE.with(|trace| *trace.borrow_mut() = Some(Vec::new()));
    let result = attempt(script);
    let trace = TRACE.with(|trace| trace.borrow_mut().take());
    (trace.unwrap_or_default(), result)
}

/// Adds a line to the trace, if there is one.
fn note(line: impl FnOnce() -> String) {
    TRACE.with(|trace| {
        if let Some(trace) = trace.borrow_mut().as_mut() {
            trace.push(line());
        }
    });
}

/// The smallest script found that fails at the same place.
#[must_use]
pub fn smaller(script: &Script, failure: &Failure) -> Script {
    let place = place(&failure.why);
    shrink::shrink(
        script,
        4000,
        |candidate| matches!(attempt(candidate), Err(other) if self::place(&other.why) == place),
    )
}

/// File and line of a panic.
fn place(why: &str) -> &str {
    why.lines().next().unwrap_or("")
}
