//! An engine in a simulated network: add transfers, let time pass, look at what came of it.

use std::time::Duration;

use muxfer_core::time::Instant;
use muxfer_core::{Config, Error, Handle, Message, Multi};
use muxfer_linux::{Capacity, Memory};

use crate::recorder::Recorder;
use crate::sim::{Call, Peer, Sim};

/// More steps than any test needs.
const MOST_STEPS: usize = 2_000_000;

/// An engine, its network, and all messages that were read.
pub struct World {
    /// The network.
    pub sim: Sim,
    /// The engine.
    pub multi: Multi<'static, Recorder>,
    /// What was read of results, in order.
    pub messages: Vec<Message>,
    removed: usize,
}

impl World {
    /// A world with this configuration, 64 transfers and 64 connections.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self::sized(config, 64, 64)
    }

    /// A world with these capacities.
    #[must_use]
    pub fn sized(config: Config, transfers: usize, conns: usize) -> Self {
        let capacity = Capacity {
            conns,
            line_bytes: 1024,
            ..Capacity::new(transfers, conns)
        };
        Self::with(config, capacity)
    }

    /// A world with these capacities, each of them.
    #[must_use]
    pub fn with(config: Config, capacity: Capacity) -> Self {
        // A test is short: the memory is given back with the process.
        let memory = Box::leak(Box::new(Memory::new(capacity)));
        let multi = Multi::new(memory.storage(), config).expect("a sound configuration");
        Self {
            sim: Sim::new(1),
            multi,
            messages: Vec::new(),
            removed: 0,
        }
    }

    /// A world with libcurl's defaults and this peer at `10.0.0.1:80`.
    #[must_use]
    pub fn serving(peer: Peer) -> Self {
        let mut world = Self::new(Config::DEFAULT);
        world.sim.serve("10.0.0.1:80", peer);
        world
    }

    /// Adds a transfer.
    pub fn add(&mut self, easy: Recorder) -> Handle {
        self.multi
            .add(self.sim.now, &mut self.sim, easy)
            .expect("a free place")
    }

    /// Adds a GET of `http://10.0.0.1` with this path.
    pub fn get(&mut self, path: &str) -> Handle {
        self.add(Recorder::get(&format!("http://10.0.0.1{path}")))
    }

    /// Takes a transfer out.
    pub fn remove(&mut self, handle: Handle) -> Option<Recorder> {
        let running = self.multi.result(handle).is_none() && self.multi.get(handle).is_some();
        self.removed += usize::from(running);
        self.multi.remove(self.sim.now, &mut self.sim, handle)
    }

    /// Reports what is ready now and runs the engine; lets time pass first if nothing is. Answers
    /// whether anything is left to happen.
    pub fn step(&mut self) -> bool {
        self.step_until(None)
    }

    fn step_until(&mut self, end: Option<Instant>) -> bool {
        let mut events = self.sim.events();
        if events.is_empty() {
            let Some(next) = self
                .sim
                .next()
                .filter(|next| end.is_none_or(|end| *next <= end))
            else {
                return false;
            };
            self.sim.now = self.sim.now.max(next);
            events = self.sim.events();
        }
        for event in events {
            self.multi.mark(event);
        }
        self.run_once();
        true
    }

    /// Runs the engine once, without events.
    pub fn run_once(&mut self) {
        let running = self.multi.run(self.sim.now, &mut self.sim);
        while let Some(message) = self.multi.info_read() {
            self.messages.push(message);
        }
        assert_eq!(
            running.transfers,
            self.multi.counts().running + self.multi.counts().pending
        );
        self.check();
    }

    /// Runs until no transfer is running.
    pub fn run(&mut self) {
        for _ in 0..MOST_STEPS {
            let counts = self.multi.counts();
            if counts.running + counts.pending == 0 {
                return;
            }
            assert!(self.step(), "transfers wait for something that never comes");
        }
        panic!("no end after {MOST_STEPS} steps");
    }

    /// Runs until this time has passed, whatever happens.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.sim.now + time;
        for _ in 0..MOST_STEPS {
            if !self.step_until(Some(end)) {
                self.sim.now = end;
                return;
            }
        }
        panic!("no end after {MOST_STEPS} steps");
    }

    /// Runs to the end and gives a transfer back with its result.
    pub fn finish(&mut self, handle: Handle) -> (Result<(), Error>, Recorder) {
        self.run();
        let result = self
            .multi
            .result(handle)
            .expect("a transfer that has ended");
        (
            result,
            self.remove(handle).expect("a transfer that is there"),
        )
    }

    /// Runs to the end and gives a transfer back that must have been a success.
    pub fn done(&mut self, handle: Handle) -> Recorder {
        let (result, easy) = self.finish(handle);
        assert_eq!(result, Ok(()), "{}", easy.url);
        easy
    }

    /// Holds engine and platform against each other.
    fn check(&self) {
        let told = self.sim.watched();
        let mut wanted: Vec<_> = self.multi.interests().collect();
        wanted.sort_by_key(|(conn, _)| *conn);
        assert_eq!(told, wanted, "CONTRACT R37");
        let counts = self.multi.counts();
        let open = self.sim.open_connections().count();
        assert_eq!(
            counts.connections as usize, open,
            "connections that nobody owns"
        );
        let asked = self.multi.timeout().map(|deadline| deadline.at);
        assert_eq!(asked, self.sim.timer(), "CONTRACT R50");
    }

    /// Nothing is left: no transfer, and after closing all no connection and no timer.
    pub fn assert_clean(&mut self) {
        self.multi.close_all(self.sim.now, &mut self.sim);
        let counts = self.multi.counts();
        assert_eq!((counts.running, counts.pending), (0, 0));
        assert_eq!(counts.connections, 0);
        assert!(self.sim.watched().is_empty());
        assert_eq!(self.sim.timer(), None);
    }

    /// The interests that were told of the nth connection that was opened.
    #[must_use]
    pub fn told(&self, nth: usize) -> Vec<muxfer_core::net::Interest> {
        let mut opened = self.sim.log.iter().filter_map(|call| match call {
            Call::Open(conn, _) => Some(*conn),
            Call::Socket(..) | Call::Timer(_) | Call::Close(_) => None,
        });
        let conn = opened.nth(nth);
        let told = self.sim.log.iter().filter_map(|call| match call {
            Call::Socket(of, want) if Some(*of) == conn => Some(*want),
            Call::Socket(..) | Call::Open(..) | Call::Timer(_) | Call::Close(_) => None,
        });
        told.collect()
    }

    /// How many connections were opened.
    #[must_use]
    pub fn opens(&self) -> usize {
        self.sim
            .log
            .iter()
            .filter(|call| matches!(call, Call::Open(..)))
            .count()
    }
}
