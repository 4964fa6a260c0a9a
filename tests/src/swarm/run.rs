//! Runs a script: the engine in the simulated network, held against the model after each call.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use muxfer_core::time::Instant;
use muxfer_core::{AddErrorKind, Error, Event, Handle, Message, Multi, Pause, PauseError, Running};
use muxfer_linux::{Capacity, Memory};

use super::agent::Agent;
use super::answer::LINE_BYTES;
use super::note;
use super::script::{Op, Script};
use super::site::Site;
use super::verdict::{Circumstances, judge};
use crate::sim::{Act, Faults, Prng, Sim};

/// How long transfers may take to come to rest, in ms of virtual time: several connect limits of
/// 300 s, one after the other.
const LONGEST_REST_MS: u128 = 4 * 3600 * 1000;

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many transfers ended how; removed ones are `removed`.
    pub ends: BTreeMap<String, usize>,
    /// Calls of `run` after the faults had ended.
    pub quiet_calls: usize,
    /// Requests that were sent again.
    pub retries: usize,
    /// Requests that went over a connection that had served before.
    pub reuses: usize,
}

/// A transfer, as the model knows it.
#[derive(Clone, Copy, Debug)]
struct Known {
    handle: Handle,
    started: Option<Instant>,
    result: Option<Result<(), Error>>,
    /// Calls of the easy handle when it was done.
    calls: u64,
    reported: bool,
    closed_all: bool,
}

struct Run<'s> {
    sim: Sim,
    multi: Multi<'s, Agent>,
    script: Rc<Script>,
    site: Rc<RefCell<Site>>,
    random: Prng,
    late_ms: u64,
    known: BTreeMap<usize, Known>,
    /// Jobs that have ended and are not read, in the order of the calls that ended them.
    unread: VecDeque<Vec<usize>>,
    ever: u64,
    /// How much of the platform's log is in the trace.
    noted: usize,
    report: Report,
}

/// Runs a script to its end.
///
/// # Panics
/// Something is not as it must be: the message says what.
#[must_use]
pub fn run(script: &Script) -> Report {
    let setup = &script.setup;
    let mut memory = Memory::new(Capacity {
        transfers: setup.transfers,
        conns: setup.conns,
        origins: setup.origins,
        name_bytes: 16,
        line_bytes: LINE_BYTES,
        lines: setup.lines,
    });
    let multi = Multi::new(memory.storage(), setup.config).expect("a sound configuration");
    let mut run = Run::new(script, multi);
    for op in &script.ops {
        run.op(*op);
    }
    run.come_to_rest();
    run.finish()
}

impl<'s> Run<'s> {
    fn new(script: &Script, multi: Multi<'s, Agent>) -> Self {
        let script = Rc::new(script.clone());
        let setup = &script.setup;
        let site = Rc::new(RefCell::new(Site::new(Rc::clone(&script))));
        let mut sim = Sim::new(setup.seed);
        sim.faults = setup.faults;
        sim.send_window = setup.send_window;
        sim.descriptors = setup.descriptors;
        sim.dns_delay = setup.dns_delay;
        sim.dns_keep = setup.dns_keep;
        for (name, addresses) in &setup.names {
            if !addresses.is_empty() {
                let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                sim.name(name, &texts.iter().map(String::as_str).collect::<Vec<_>>());
            }
        }
        for (address, what) in &setup.listens {
            sim.listen(&address.to_string(), *what);
        }
        for host in &setup.hosts {
            for ip in &setup.names[host.name].1 {
                let site = Rc::clone(&site);
                let address = SocketAddr::new(*ip, host.port).to_string();
                let peer = Box::new(move |inbound: crate::sim::Inbound<'_>| {
                    site.borrow_mut().hear(inbound)
                });
                sim.serve(&address, peer);
            }
        }
        Self {
            random: Prng::new(!setup.seed),
            late_ms: setup.late_ms,
            sim,
            multi,
            site,
            known: BTreeMap::new(),
            unread: VecDeque::new(),
            ever: 0,
            noted: 0,
            report: Report::default(),
            script,
        }
    }

    fn op(&mut self, op: Op) {
        note(|| format!("{op:?}"));
        match op {
            Op::Add(number) => self.add(number),
            Op::Remove(number) => self.remove(number),
            Op::Pause(number, receive, send) => self.pause(number, Some(Pause { receive, send })),
            Op::Unpause(number) => self.pause(number, None),
            Op::Turns(count) => {
                for _ in 0..count {
                    if !self.turn() {
                        break;
                    }
                }
            }
            Op::Sleep(ms) => self.sim.now = self.sim.now + Duration::from_millis(ms),
            Op::Read(count) => {
                for _ in 0..count {
                    self.read();
                }
            }
            Op::FireTimer => {
                self.sim.fire();
                self.multi.mark(Event::Timeout);
                self.call(|multi, sim| multi.run(sim.now, sim));
            }
            Op::Perform => self.call(|multi, sim| multi.perform(sim.now, sim)),
            Op::NetworkChanged => {
                self.multi.network_changed(self.sim.now, &mut self.sim);
                self.check();
            }
            Op::Disturb(nth, reset) => self.disturb(nth, reset),
            Op::Descriptors(count) => self.sim.descriptors = count,
            Op::CloseAll => self.close_all(),
        }
    }

    fn add(&mut self, number: usize) {
        if self.known.contains_key(&number) {
            return;
        }
        let agent = Agent::new(Rc::clone(&self.script), number);
        let full = self.known.len() == self.script.setup.transfers;
        match self.multi.add(self.sim.now, &mut self.sim, agent) {
            Ok(handle) => {
                assert!(!full, "CONTRACT D7: added to a full table");
                self.ever += 1;
                self.known.insert(
                    number,
                    Known {
                        handle,
                        started: None,
                        result: None,
                        calls: 0,
                        reported: false,
                        closed_all: false,
                    },
                );
            }
            Err(error) => {
                assert!(full, "refused though there is a place");
                assert_eq!(error.why, AddErrorKind::TableFull);
                assert_eq!(error.easy.number, number, "another easy handle came back");
            }
        }
        self.check();
    }

    fn remove(&mut self, number: usize) {
        let Some(known) = self.known.remove(&number) else {
            return;
        };
        let sim = &mut self.sim;
        let agent = self.multi.remove(sim.now, sim, known.handle);
        let agent = agent.expect("a transfer that is there");
        assert_eq!(agent.number, number);
        if known.result.is_none() {
            self.count("removed");
        } else {
            assert_eq!(agent.calls, known.calls, "called after its end");
        }
        for group in &mut self.unread {
            group.retain(|other| *other != number);
        }
        let gone = known.handle;
        let again = self.multi.remove(self.sim.now, &mut self.sim, gone);
        assert!(again.is_none(), "CONTRACT R5: removed twice");
        assert!(self.multi.get(gone).is_none() && self.multi.result(gone).is_none());
        self.check();
    }

    fn pause(&mut self, number: usize, which: Option<Pause>) {
        let Some(known) = self.known.get(&number).copied() else {
            return;
        };
        let (sim, handle) = (&mut self.sim, known.handle);
        let result = match which {
            Some(which) => self.multi.pause(sim.now, sim, handle, which),
            None => self.multi.unpause(sim.now, sim, handle),
        };
        let over = known.result.is_some();
        assert_eq!(result == Err(PauseError::Gone), over, "job {number}");
        self.check();
    }

    fn disturb(&mut self, nth: usize, reset: bool) {
        let open: Vec<_> = self.sim.open_connections().collect();
        let Some(conn) = open.get(nth).copied() else {
            return;
        };
        let address = self.sim.target(conn).map(|(target, _)| target.address);
        self.site
            .borrow_mut()
            .tainted
            .extend(address.map(|at| (conn, at)));
        let act = if reset { Act::Reset } else { Act::Hangup };
        self.sim.push(conn, vec![act]);
    }

    fn close_all(&mut self) {
        for known in self.known.values_mut() {
            known.closed_all |= known.result.is_none();
        }
        self.multi.close_all(self.sim.now, &mut self.sim);
        assert_eq!(self.multi.counts().connections, 0, "CONTRACT R11");
        self.check();
    }

    /// One round of the loop. Answers whether anything is left to happen.
    fn turn(&mut self) -> bool {
        let mut events = self.sim.events();
        if events.is_empty() {
            let Some(next) = self.sim.next() else {
                return false;
            };
            let late = match self.late_ms {
                0 => 0,
                most => self.random.below(most + 1),
            };
            self.sim.now = self.sim.now.max(next) + Duration::from_millis(late);
            events = self.sim.events();
        }
        for event in events {
            note(|| format!("event {event:?}"));
            self.multi.mark(event);
        }
        self.call(|multi, sim| multi.run(sim.now, sim));
        true
    }

    fn call(&mut self, call: impl FnOnce(&mut Multi<'s, Agent>, &mut Sim) -> Running) {
        let now = self.sim.now;
        for known in self.known.values_mut() {
            known.started.get_or_insert(now);
        }
        for handle in self.multi.handles().collect::<Vec<_>>() {
            if let Some(agent) = self.multi.get_mut(handle) {
                agent.moved = 0;
            }
        }
        let running = call(&mut self.multi, &mut self.sim);
        self.check();
        self.check_run(running);
    }

    /// Reads one message.
    fn read(&mut self) {
        while self.unread.front().is_some_and(Vec::is_empty) {
            self.unread.pop_front();
        }
        let message = self.multi.info_read();
        let Some(first) = self.unread.front_mut() else {
            assert_eq!(message, None, "CONTRACT R61: a message from nowhere");
            return;
        };
        let Message { handle, result } = message.expect("CONTRACT R61: a message is missing");
        let number = self.multi.get(handle).expect("CONTRACT R63").number;
        let place = first.iter().position(|other| *other == number);
        first.remove(place.expect("CONTRACT R61: out of order"));
        let known = self
            .known
            .get_mut(&number)
            .expect("a transfer that was added");
        assert!(
            !std::mem::replace(&mut known.reported, true),
            "reported twice"
        );
        assert_eq!(known.result, Some(result));
        note(|| format!("read: job {number}: {result:?}"));
    }

    fn count(&mut self, end: &str) {
        *self.report.ends.entry(end.to_owned()).or_default() += 1;
    }

    /// What must hold after every call.
    fn check(&mut self) {
        self.note_calls();
        self.note_ends();
        let told = self.sim.watched();
        let mut wanted: Vec<_> = self.multi.interests().collect();
        wanted.sort_by_key(|(conn, _)| *conn);
        assert_eq!(told, wanted, "CONTRACT R37");
        let counts = self.multi.counts();
        let open: Vec<_> = self.sim.open_connections().collect();
        assert_eq!(counts.connections as usize, open.len(), "connections");
        // What is overdue is due at once, whenever it was told.
        let due = |at: Option<Instant>| at.map(|at| at.max(self.sim.now));
        let asked = self.multi.timeout().map(|deadline| deadline.at);
        assert_eq!(due(asked), due(self.sim.timer()), "CONTRACT R50");
        let alive = self.known.values().filter(|known| known.result.is_none());
        assert_eq!((counts.running + counts.pending) as usize, alive.count());
        assert_eq!(counts.current as usize, self.known.len());
        assert_eq!(counts.ever, self.ever);
        self.check_limits();
    }

    /// Adds to the trace what the engine asked of the platform.
    fn note_calls(&mut self) {
        for call in &self.sim.log[self.noted..] {
            note(|| format!("    {call:?}"));
        }
        self.noted = self.sim.log.len();
        let (now, moved) = (self.sim.now.as_micros(), self.sim.moved);
        note(|| format!("  at {now} µs, {moved} moved"));
    }

    /// Notes which transfers have ended, and judges how.
    fn note_ends(&mut self) {
        let mut ended = Vec::new();
        for (number, known) in &mut self.known {
            let agent = self
                .multi
                .get(known.handle)
                .expect("a transfer that is there");
            let result = self.multi.result(known.handle);
            if let Some(before) = known.result {
                assert_eq!(result, Some(before), "job {number} has another result");
                assert_eq!(
                    agent.calls, known.calls,
                    "job {number} called after its end"
                );
                continue;
            }
            let Some(result) = result else { continue };
            let info = self.multi.info(known.handle).expect("it is there");
            let seen = Circumstances {
                started: known.started.unwrap_or(self.sim.now),
                now: self.sim.now,
                closed_all: known.closed_all,
                no_descriptors: self.sim.refused > 0,
                retries: info.retries,
            };
            let verdict = judge(&self.script, &self.site.borrow(), agent, &seen, result);
            if let Err(why) = verdict {
                panic!("job {number} ended with {result:?}: {why}");
            }
            self.report.retries += usize::from(info.retries);
            known.result = Some(result);
            known.calls = agent.calls;
            ended.push((*number, result));
        }
        for (_, result) in &ended {
            let end = match result {
                Ok(()) => "success".to_owned(),
                Err(error) => format!("{error:?}"),
            };
            self.count(&end);
        }
        if !ended.is_empty() {
            self.unread
                .push_back(ended.into_iter().map(|(number, _)| number).collect());
        }
    }

    /// CONTRACT R75: no more connections than the limits allow. Attempts that race do not count.
    fn check_limits(&self) {
        let config = &self.script.setup.config;
        let mut by_origin = BTreeMap::new();
        for conn in self.sim.open_connections() {
            if let Some((target, true)) = self.sim.target(conn) {
                let key = (&target.host, target.address.port(), target.settings);
                *by_origin.entry(key).or_insert(0_u32) += 1;
            }
        }
        let total: u32 = by_origin.values().sum();
        let within = |most: u32, count: u32| most == 0 || count <= most;
        assert!(within(config.max_total_connections, total), "{by_origin:?}");
        for count in by_origin.values() {
            let most = config.max_connections_per_host;
            assert!(within(most, *count), "CONTRACT R75: {by_origin:?}");
        }
        let idle = self.multi.counts().idle;
        assert!(within(config.max_idle, idle), "CONTRACT R74: {idle} idle");
    }

    /// What must hold after a run.
    fn check_run(&mut self, running: Running) {
        let now = self.sim.now;
        let alive = self.known.values().filter(|known| known.result.is_none());
        assert_eq!(running.transfers as usize, alive.count(), "CONTRACT R55");
        if let Some(deadline) = self.multi.timeout() {
            let due = deadline.at <= now;
            assert_eq!(
                due, running.again,
                "overdue after a run: {deadline:?} at {now:?}"
            );
        }
        let most = self.script.setup.config.budget.saturating_mul(2);
        for (number, known) in &self.known {
            let Some(agent) = self.multi.get(known.handle) else {
                continue;
            };
            assert!(
                agent.moved <= most,
                "CONTRACT R57: job {number} {}",
                agent.moved
            );
            if known.result.is_some() {
                continue;
            }
            // Deadlines are whole milliseconds, rounded up.
            let late = |limit: Option<u64>| {
                let started = known.started.unwrap_or(now);
                limit.is_some_and(|ms| now > started + Duration::from_millis(ms + 1))
            };
            assert!(
                !late(agent.job().total_ms),
                "R95: job {number} outlives its limit"
            );
            // The limit begins anew with each hop and each retry.
            let info = self.multi.info(known.handle).expect("it is there");
            let first = agent.hop == 0 && agent.calls == 0 && info.retries == 0;
            let connecting = first && info.peer.is_none();
            let limit = agent.job().connect_ms.filter(|_| connecting);
            assert!(!late(limit), "R96: job {number} outlives its connect limit");
        }
    }

    /// The faults end; everything must come to an end within a bounded number of calls.
    fn come_to_rest(&mut self) {
        self.sim.faults = Faults::default();
        self.sim.descriptors = usize::MAX;
        self.late_ms = 0;
        let numbers: Vec<usize> = self.known.keys().copied().collect();
        let (mut spins, mut quiet) = (0, 0_u128);
        let (start, before) = (self.sim.now, self.sim.moved);
        while self.known.values().any(|known| known.result.is_none()) {
            let state = (self.sim.now, self.sim.moved, self.unread.len());
            for number in &numbers {
                self.pause(*number, None);
            }
            let more = self.turn();
            let after = (self.sim.now, self.sim.moved, self.unread.len());
            spins = if more && state != after { 0 } else { spins + 1 };
            let why = if more {
                "the engine spins"
            } else {
                "nothing comes any more"
            };
            assert!(spins < 20, "liveness: {why}, and transfers wait");
            quiet += 1;
            let elapsed = self.sim.now.since(start).as_millis();
            let moved = self.sim.moved - before;
            let bound = 2000 + elapsed / 20 + u128::from(moved);
            // Timers that come again and again keep time moving: that is no progress.
            assert!(
                elapsed < LONGEST_REST_MS,
                "liveness: no rest after {elapsed} ms"
            );
            assert!(
                quiet < bound,
                "liveness: {quiet} calls in {elapsed} ms for {moved} bytes"
            );
        }
        self.report.quiet_calls = usize::try_from(quiet).unwrap_or(usize::MAX);
        let waiting = self.unread.iter().flatten().count();
        for _ in 0..waiting {
            self.read();
        }
        self.read();
        assert!(
            self.known.values().all(|known| known.reported),
            "a message is missing"
        );
    }

    /// Nothing is left; and there is as much room as at the start.
    fn finish(mut self) -> Report {
        let numbers: Vec<usize> = self.known.keys().copied().collect();
        for number in numbers {
            self.remove(number);
        }
        let counts = self.multi.counts();
        assert_eq!((counts.current, counts.done), (0, 0));
        assert_eq!(
            counts.connections, counts.idle,
            "connections that serve nobody"
        );
        assert_eq!(self.sim.timer(), None, "a timer without transfers");
        self.multi.close_all(self.sim.now, &mut self.sim);
        assert_eq!(self.multi.counts().connections, 0);
        assert!(self.sim.watched().is_empty(), "watched after the end");
        self.check();
        let visits = &self.site.borrow().visits;
        self.report.reuses = visits.iter().flatten().filter(|v| v.nth > 1).count();
        self.report
    }
}
