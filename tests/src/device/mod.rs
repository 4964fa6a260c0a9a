//! A device in a simulated network: a strict flash, a site with an image, and an application that
//! drives ready-made transfers.

mod bench;
mod flash;
mod site;

pub use bench::{Asked, Bench, OPTIONS, URL, image};
pub use flash::Flash;
pub use site::{Reply, Site, Trouble};

use std::time::Duration;

use embedded_storage::nor_flash::NorFlash;
use muxfer_core::time::Instant;
use muxfer_core::{Config, Easy, Error, Handle, Multi};
use muxfer_embedded::Step;
use muxfer_embedded::telemetry::{self, Delivered, Source, Upload};
use muxfer_embedded::update::{self, Update, Verified};
use muxfer_linux::{Capacity, Memory};

use crate::sim::Sim;

/// More steps than any transfer needs.
const MOST_STEPS: usize = 1_000_000;

/// A ready-made transfer, as an application drives it.
pub trait Task: Easy {
    /// What it is when it is complete.
    type Done;
    /// Why it failed.
    type Fault;

    /// What to do next.
    fn step(&mut self, now: Instant) -> Step<Self::Done, Self::Fault>;

    /// How the transfer ended in the engine.
    fn ended(&mut self, now: Instant, result: Result<(), Error>);
}

impl<F: NorFlash, const B: usize, const U: usize> Task for Update<'_, F, B, U> {
    type Done = Verified;
    type Fault = update::Fault;

    fn step(&mut self, now: Instant) -> Step<Verified, update::Fault> {
        Update::step(self, now)
    }

    fn ended(&mut self, now: Instant, result: Result<(), Error>) {
        Update::ended(self, now, result);
    }
}

impl<S: Source, const A: usize, const U: usize> Task for Upload<'_, S, A, U> {
    type Done = Delivered;
    type Fault = telemetry::Fault;

    fn step(&mut self, now: Instant) -> Step<Delivered, telemetry::Fault> {
        Upload::step(self, now)
    }

    fn ended(&mut self, now: Instant, result: Result<(), Error>) {
        Upload::ended(self, now, result);
    }
}

/// How a task went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran<D, F> {
    /// How it ended.
    pub end: Result<D, F>,
    /// How the attempts ended.
    pub attempts: Vec<Result<(), Error>>,
    /// How long was waited before each attempt but the first.
    pub pauses: Vec<Duration>,
}

/// Runs a task to its end in an engine of its own. Time goes on in the network.
pub fn run<T: Task>(sim: &mut Sim, mut task: &mut T) -> Ran<T::Done, T::Fault> {
    let mut memory = Memory::new(Capacity {
        conns: 4,
        line_bytes: 512,
        ..Capacity::new(1, 4)
    });
    let config = Config::DEFAULT;
    let mut multi = Multi::new(memory.storage(), config).expect("a sound configuration");
    let (mut attempts, mut pauses) = (Vec::new(), Vec::new());
    for _ in 0..MOST_STEPS {
        let end = match task.step(sim.now) {
            Step::Start => {
                let added = multi.add(sim.now, sim, task);
                let handle = added.unwrap_or_else(|_| panic!("a free place"));
                let result = transfer(&mut multi, sim, handle);
                task = multi
                    .remove(sim.now, sim, handle)
                    .expect("a transfer that is there");
                attempts.push(result);
                task.ended(sim.now, result);
                continue;
            }
            Step::Wait(at) => {
                assert!(at > sim.now, "waits for what has passed");
                pauses.push(at.since(sim.now));
                idle(&mut multi, sim, at);
                continue;
            }
            Step::Again => continue,
            Step::Complete(done) => Ok(done),
            Step::Failed(why) => Err(why),
        };
        multi.close_all(sim.now, sim);
        return Ran {
            end,
            attempts,
            pauses,
        };
    }
    panic!("no end after {MOST_STEPS} steps");
}

/// Runs the engine until the transfer has ended.
fn transfer<E: Easy>(multi: &mut Multi<'_, E>, sim: &mut Sim, handle: Handle) -> Result<(), Error> {
    for _ in 0..MOST_STEPS {
        if let Some(message) = multi.info_read() {
            assert_eq!(message.handle, handle);
            return message.result;
        }
        assert!(step(multi, sim, None), "waits for what never comes");
    }
    panic!("no end of a transfer after {MOST_STEPS} steps");
}

/// Lets time pass; idle connections may end meanwhile.
fn idle<E: Easy>(multi: &mut Multi<'_, E>, sim: &mut Sim, until: Instant) {
    while step(multi, sim, Some(until)) {}
    sim.now = until;
}

/// Reports what is ready and runs the engine; lets time pass first if nothing is, at most until then.
/// Answers whether anything was left to happen.
pub fn step<E: Easy>(multi: &mut Multi<'_, E>, sim: &mut Sim, until: Option<Instant>) -> bool {
    let mut events = sim.events();
    if events.is_empty() {
        let next = sim.next();
        let Some(next) = next.filter(|next| until.is_none_or(|until| *next <= until)) else {
            return false;
        };
        sim.now = sim.now.max(next);
        events = sim.events();
    }
    for event in events {
        multi.mark(event);
    }
    multi.run(sim.now, sim);
    true
}
