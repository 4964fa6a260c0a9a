//! Identity: no connection, credential or cached address of one origin is ever used for another.
//!
//! A seed makes a world of origins that differ in one part of the key each, and transfers with
//! secrets over chains of redirects between them. Every connection that is opened and every request
//! that reaches a peer is held against a model that knows beforehand where each hop must lead.

mod asker;
mod links;
mod model;
mod net;
mod peers;
mod plan;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use muxfer_core::time::{Instant, Timer};
use muxfer_core::{Config, Error, Handle, Multi};
use muxfer_linux::{Capacity, Memory};

use crate::sim::Prng;

use asker::Asker;
use net::Net;
use peers::Director;
use plan::{Plan, Script, index};

/// More steps than any run needs.
const MOST_STEPS: u64 = 200_000;

/// What happened in runs: a check of nothing would show here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests that were held against the model.
    pub requests: u32,
    /// Of them, over connections that had served before.
    pub reused: u32,
    /// Of them, of transfers that had left their first origin.
    pub away: u32,
    /// Of them, back at the first origin after having left it.
    pub homecomings: u32,
    /// Of them, with credentials.
    pub authorized: u32,
    /// Requests that were not answered, over connections that had served before.
    pub unanswered: u32,
    /// Requests that were answered before their body came.
    pub early: u32,
    /// Requests that were refused because of `Expect`.
    pub refused_expect: u32,
    /// Answers with a whole further response behind them.
    pub smuggled: u32,
    /// Look-ups that were made.
    pub lookups: u32,
    /// Transfers that ended well, each with the body that was meant for it.
    pub succeeded: u32,
    /// Transfers that ended with an error that their plan explains.
    pub failed: u32,
    /// Transfers that were removed on their way.
    pub removed: u32,
    /// Changes of the network.
    pub changes: u32,
}

impl Tally {
    /// Adds up two runs.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            reused: self.reused + other.reused,
            away: self.away + other.away,
            homecomings: self.homecomings + other.homecomings,
            authorized: self.authorized + other.authorized,
            unanswered: self.unanswered + other.unanswered,
            early: self.early + other.early,
            refused_expect: self.refused_expect + other.refused_expect,
            smuggled: self.smuggled + other.smuggled,
            lookups: self.lookups + other.lookups,
            succeeded: self.succeeded + other.succeeded,
            failed: self.failed + other.failed,
            removed: self.removed + other.removed,
            changes: self.changes + other.changes,
        }
    }
}

/// Runs the world of a seed.
///
/// # Errors
/// What was used for whom it was not meant for, or went otherwise than planned.
///
/// # Panics
/// The engine broke a law of the platform. The seed is printed.
pub fn check(seed: u64) -> Result<Tally, String> {
    let _named = Named(seed);
    let mut run = Run::new(seed);
    run.finish();
    let director = run.director.borrow();
    match director.faults.first() {
        None => Ok(director.tally),
        Some(first) => Err(format!(
            "seed {seed}: {} faults, the first: {first}",
            director.faults.len()
        )),
    }
}

/// Runs so many seeds from `first` on, up to the first that fails.
///
/// # Errors
/// As [`check`].
pub fn check_all(first: u64, count: u64) -> Result<Tally, String> {
    (first..first.saturating_add(count)).try_fold(Tally::default(), |tally, seed| {
        check(seed).map(|more| tally.and(more))
    })
}

/// Names the seed of a run that panics.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("identity: seed {}", self.0);
        }
    }
}

/// One transfer that was added.
struct Added {
    id: usize,
    handle: Handle,
    /// It is removed at this step.
    removed_at: Option<u64>,
}

struct Run {
    random: Prng,
    plans: Vec<Rc<Plan>>,
    director: Rc<RefCell<Director>>,
    net: Net,
    multi: Multi<'static, Asker>,
    start: Instant,
    /// Those that are not added yet, the last first.
    coming: Vec<usize>,
    added: Vec<Added>,
    step: u64,
    changes: bool,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut random = Prng::new(seed);
        let script = Rc::new(Script::new(&mut random));
        let plans: Vec<_> = script.plans.iter().cloned().map(Rc::new).collect();
        let director = Director::new(script.clone(), plans.clone(), Prng::new(random.next()));
        let director = Rc::new(RefCell::new(director));
        let mut net = Net::new(Prng::new(random.next()), &script.origins, director.clone());
        faults(&mut random, &mut net, &mut director.borrow_mut());
        let config = config(&mut random);
        director.borrow_mut().lifetime = config.lifetime;
        // A run is short: the memory is given back with the process.
        let memory = Box::leak(Box::new(Memory::new(capacity(&mut random))));
        let multi = Multi::new(memory.storage(), config).expect("a sound configuration");
        let mut coming: Vec<_> = (0..plans.len()).collect();
        coming.sort_by_key(|id| std::cmp::Reverse(plans[*id].starts));
        Self {
            start: net.sim.now,
            changes: random.chance(25),
            random,
            plans,
            director,
            net,
            multi,
            coming,
            added: Vec::new(),
            step: 0,
        }
    }

    fn finish(&mut self) {
        while !(self.coming.is_empty() && self.added.is_empty()) {
            self.step += 1;
            if self.step > MOST_STEPS {
                return self.fault(format!("no end after {MOST_STEPS} steps"));
            }
            self.add_those_due();
            if !self.let_time_pass() {
                return self.fault("transfers wait for something that never comes".to_string());
            }
            self.multi.run(self.net.sim.now, &mut self.net);
            self.read_messages();
            self.interfere();
            if !self.director.borrow().faults.is_empty() {
                return;
            }
        }
        self.multi.close_all(self.net.sim.now, &mut self.net);
        if self.net.sim.open_connections().count() > 0 {
            self.fault("connections are left open".to_string());
        }
    }

    fn fault(&self, what: String) {
        self.director.borrow_mut().fault(what);
    }

    fn add_those_due(&mut self) {
        while let Some(id) = self.coming.last().copied() {
            let now = self.net.sim.now;
            if self.start + self.plans[id].starts > now {
                return;
            }
            let easy = Asker::new(id, self.plans[id].clone(), self.director.clone());
            let Ok(handle) = self.multi.add(now, &mut self.net, easy) else {
                return;
            };
            self.coming.pop();
            let removed = self.plans[id].removed;
            self.added.push(Added {
                id,
                handle,
                removed_at: removed.map(|steps| self.step + steps),
            });
        }
    }

    /// Marks what is ready, after time has passed if nothing is. Answers whether anything is left to
    /// happen.
    fn let_time_pass(&mut self) -> bool {
        let mut events = self.net.events();
        if events.is_empty() {
            let joins = self
                .coming
                .last()
                .map(|id| self.start + self.plans[*id].starts);
            let joins = joins.filter(|at| *at > self.net.sim.now);
            let Some(next) = self.net.next().into_iter().chain(joins).min() else {
                return false;
            };
            self.net.sim.now = self.net.sim.now.max(next);
            events = self.net.events();
        }
        for event in events {
            self.multi.mark(event);
        }
        true
    }

    fn read_messages(&mut self) {
        while let Some(message) = self.multi.info_read() {
            let place = self
                .added
                .iter()
                .position(|added| added.handle == message.handle);
            let Some(place) = place else {
                self.fault(format!("a message of nobody: {message:?}"));
                continue;
            };
            let added = self.added.swap_remove(place);
            let easy = self
                .multi
                .remove(self.net.sim.now, &mut self.net, added.handle);
            match easy {
                Some(easy) if easy.id == added.id => self.judge(&easy, message.result),
                Some(_) | None => self.fault(format!("{} is not there", added.id)),
            }
        }
    }

    /// Holds the end of a transfer against its plan.
    fn judge(&self, easy: &Asker, result: Result<(), Error>) {
        let (id, plan) = (easy.id, &self.plans[easy.id]);
        let mut director = self.director.borrow_mut();
        let standing = &mut director.standings[id];
        standing.over = true;
        let standing = standing.clone();
        let last = plan.allowed_hops();
        let explained = match result {
            Ok(()) => standing.hop == last && last_body(plan, id) == easy.body,
            Err(Error::TooManyRedirects) => standing.hop == last && last < plan.hops.len(),
            Err(Error::Timeout(Timer::Total)) => plan.options.total.is_some(),
            // An address that keeps silent can hold the only connection for half of the limit.
            Err(Error::Timeout(Timer::Connect)) => true,
            Err(Error::Resolve) => self.net.missing > 0,
            Err(Error::Rewind) => {
                !plan.can_rewind && (0..plan.hops.len()).any(|hop| model::streams(plan, hop))
            }
            Err(Error::EmptyReply | Error::Receive(_) | Error::Send(_)) => standing.stales > 5,
            Err(_) => false,
        };
        if explained {
            director.tally.succeeded += u32::from(result.is_ok());
            director.tally.failed += u32::from(result.is_err());
        } else {
            let body = String::from_utf8_lossy(&easy.body);
            director.fault(format!(
                "transfer {id} ended with {result:?} after {} of {last} hops and {body:?}",
                standing.hop
            ));
        }
    }

    /// Removes transfers on their way, and changes the network.
    fn interfere(&mut self) {
        while let Some(place) = self
            .added
            .iter()
            .position(|added| added.removed_at.is_some_and(|at| at <= self.step))
        {
            let added = self.added.swap_remove(place);
            self.multi
                .remove(self.net.sim.now, &mut self.net, added.handle);
            let mut director = self.director.borrow_mut();
            director.standings[added.id].over = true;
            director.tally.removed += 1;
        }
        if self.changes && self.random.chance(2) {
            let now = self.net.sim.now;
            self.director.borrow_mut().network_changed(now);
            self.multi.network_changed(now, &mut self.net);
            self.director.borrow_mut().tally.changes += 1;
        }
    }
}

/// What a transfer must have been given at its end.
fn last_body(plan: &Plan, id: usize) -> Vec<u8> {
    let last = plan.allowed_hops() - 1;
    if model::method(plan, last) == "HEAD" {
        Vec::new()
    } else {
        peers::body(id, last)
    }
}

fn faults(random: &mut Prng, net: &mut Net, director: &mut Director) {
    let faults = &mut net.sim.faults;
    faults.split = [0, 0, 0, 1, 17][index(random, 5)];
    faults.window = [0, 0, 7, 50][index(random, 4)];
    faults.would_block = [0, 0, 10][index(random, 3)];
    faults.spurious = [0, 10][index(random, 2)];
    faults.shuffle = random.chance(50);
    faults.ragged = random.chance(20);
    faults.eager = [0, 0, 20][index(random, 3)];
    faults.stale = [0, 20][index(random, 2)];
    faults.double = [0, 20][index(random, 2)];
    faults.latency = Duration::from_millis([0, 0, 8][index(random, 3)]);
    director.latency = faults.latency;
    director.may_smuggle = faults.would_block == 0;
    net.missing = [0, 0, 0, 8][index(random, 4)];
}

fn config(random: &mut Prng) -> Config {
    let mut one_of = |numbers: &[u32]| numbers[index(random, numbers.len())];
    Config {
        max_total_connections: one_of(&[0, 1, 2, 3]),
        max_connections_per_host: one_of(&[0, 0, 1, 2]),
        max_idle: one_of(&[0, 0, 1, 2]),
        idle: Duration::from_millis(one_of(&[20, 1_000, 118_000]).into()),
        lifetime: Duration::from_millis(one_of(&[60, 2_000, 100_000, 100_000]).into()),
        budget: one_of(&[50, 1024 * 1024]) as usize,
        overtakes: u8::try_from(one_of(&[0, 1, 16])).unwrap_or(0),
        drain_bytes: one_of(&[0, 100, 64 * 1024]),
        seed: one_of(&[0, 1, 2]).into(),
        ..Config::DEFAULT
    }
}

fn capacity(random: &mut Prng) -> Capacity {
    Capacity {
        transfers: 1 + index(random, 8),
        conns: 1 + index(random, 6),
        lines: 1 + index(random, 3),
        origins: 1 + index(random, 5),
        name_bytes: 64,
        line_bytes: 512,
    }
}
