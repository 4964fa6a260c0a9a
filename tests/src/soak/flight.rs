//! The run itself: adds, turns, reads messages, removes, unpauses, measures.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use muxfer_core::{Config, Handle, Message};
use muxfer_linux::{
    Backend, BackendOptions, Capacity, Choice, Driver, Loop, Memory, SocketOptions,
};

use super::judge::{judge, judge_unfinished};
use super::probe::{Probe, Signal, Signals};
use super::report::Report;
use super::script::{Remove, Script};
use super::site::Site;
use super::{Setup, gauge};
use crate::proxy::Proxy;

/// So many transfers are under way for each connection.
const DEPTH: u32 = 4;
/// How much memory the platform may take for bytes that paused transfers leave unread. It is so little
/// that it is short now and then, when bytes are only looked at and stay in the system. And the part
/// that the platform keeps for later, an eighth, is full after the warm-up: with the default of 64 MiB
/// that alone makes memory grow for minutes.
///
/// io_uring receives into its buffers only while there is memory for what one connection may hold of
/// them, 512 KiB.
pub(super) const fn spill_bytes(backend: Choice) -> usize {
    match backend {
        Choice::Epoll => 320 * 1024,
        Choice::Auto | Choice::Uring => 768 * 1024,
    }
}
/// If nothing ends for so long, something hangs.
const STALL: Duration = Duration::from_secs(90);
/// How long a turn may wait: the harness has clocks of its own.
const TURN: Duration = Duration::from_millis(20);

/// A run.
pub(super) struct Flight<'a> {
    setup: &'a Setup,
    site: &'a Site,
    signals: &'a Signals,
    proxy: &'a Proxy,
    report: &'a mut Report,
    driver: Driver<'a, Probe<'a>, Backend>,
    bases: [String; Script::ORIGINS],
    /// The transfers that were added and have not ended, by the numbers of their requests.
    aloft: BTreeMap<u64, Handle>,
    /// Of each request whether it has ended, a bit each.
    ended: Vec<u64>,
    /// What is to be done at which turn.
    later: Vec<(u64, u64, Signal)>,
    /// The same, while it is looked through.
    again: Vec<(u64, u64, Signal)>,
    turn: u64,
    last_end: Instant,
}

impl Flight<'_> {
    /// Runs to the end of all requests, or to the first limit of time.
    pub(super) fn run(
        setup: &Setup,
        site: &Site,
        signals: &Signals,
        proxy: &Proxy,
        report: &mut Report,
    ) -> io::Result<()> {
        let depth = setup.connections * DEPTH;
        // Just as many places as are needed: one that leaked would be missing.
        let capacity = Capacity::new(depth as usize, setup.connections as usize);
        let mut memory = Memory::new(capacity);
        let config = Config {
            max_total_connections: setup.connections,
            // All origins together want more than there may be, so they compete.
            max_connections_per_host: (setup.connections * 2 / 5).max(1),
            seed: setup.seed,
            ..Config::DEFAULT
        };
        let backend = Backend::new(&BackendOptions {
            choice: setup.backend,
            sockets: SocketOptions {
                spill_bytes: spill_bytes(setup.backend),
                ..SocketOptions::default()
            },
            ..BackendOptions::default()
        })?;
        report.backend = backend.name();
        let driver = Driver::new(&mut memory, config, backend).map_err(io::Error::other)?;
        let port = |at: usize| proxy.addresses()[at].port();
        let mut flight = Flight {
            setup,
            site,
            signals,
            proxy,
            report,
            driver,
            bases: [
                format!("http://127.0.0.1:{}", port(0)),
                format!("http://localhost:{}", port(0)),
                format!("http://127.0.0.1:{}", port(1)),
                format!("http://localhost:{}", port(1)),
            ],
            aloft: BTreeMap::new(),
            ended: vec![0; usize::try_from(setup.requests / 64 + 1).map_err(io::Error::other)?],
            later: Vec::new(),
            again: Vec::new(),
            turn: 0,
            last_end: Instant::now(),
        };
        flight.fly(depth as usize)
    }

    fn fly(&mut self, depth: usize) -> io::Result<()> {
        self.report.load.0 = gauge::load()?;
        let mut memory = gauge::Memory::new(self.setup.patience())?;
        let start = Instant::now();
        while self.report.added < self.setup.requests || !self.aloft.is_empty() {
            while self.report.added < self.setup.requests && self.aloft.len() < depth {
                self.add()?;
            }
            self.turn += 1;
            self.driver.turn(Some(TURN))?;
            let pending = self.driver.multi().counts().pending;
            self.report.most_pending = self.report.most_pending.max(pending);
            let spilled = self.driver.platform().spilled_bytes();
            self.report.most_spilled = self.report.most_spilled.max(spilled);
            self.obey();
            while let Some(message) = self.driver.info_read() {
                self.finish(message);
            }
            memory.sample()?;
            if let Some(why) = self.out_of_time(start) {
                self.report.gave_up = Some(why);
                break;
            }
        }
        self.report.took = start.elapsed();
        self.report.samples = memory.samples();
        self.report.load.1 = gauge::load()?;
        self.report.counts = self.driver.multi().counts();
        self.report.spilled = self.driver.platform().spilled_bytes();
        Ok(())
    }

    fn out_of_time(&self, start: Instant) -> Option<String> {
        let why = if start.elapsed() > self.setup.patience() {
            "the time limit has passed".to_owned()
        } else if self.last_end.elapsed() > STALL {
            format!("nothing has ended for {} s", STALL.as_secs())
        } else {
            return None;
        };
        let counts = self.driver.multi().counts();
        Some(format!("{why}; {counts:?}, {:?}", self.proxy.counts()))
    }

    fn add(&mut self) -> io::Result<()> {
        let (site, number) = (self.site, self.report.added);
        let length = |file| site.content(file).len();
        let script = Script::draw(self.setup.seed, number, site.count(), length);
        let base = &self.bases[script.origin];
        let probe = Probe::new(number, script, base, site, self.signals);
        self.proxy.expect(number);
        let handle = self.driver.add(probe).map_err(|error| {
            let counts = self.driver.multi().counts();
            io::Error::other(format!("request {number}: {:?}; {counts:?}", error.why))
        })?;
        self.report.added += 1;
        self.aloft.insert(number, handle);
        match script.remove {
            // Before it ran at all.
            Some(Remove::Soon(0)) => self.remove(number),
            Some(Remove::Soon(turns)) => {
                self.later.push((self.turn + turns, number, Signal::Remove));
            }
            Some(Remove::AtBody) | None => {}
        }
        Ok(())
    }

    /// Does what callbacks and scripts want to be done by now.
    fn obey(&mut self) {
        for (number, signal) in self.signals.borrow_mut().drain(..) {
            let turns = match signal {
                Signal::Unpause(turns) => turns,
                Signal::Remove => 0,
            };
            self.again.push((self.turn + turns, number, signal));
        }
        self.again.append(&mut self.later);
        while let Some((turn, number, signal)) = self.again.pop() {
            match signal {
                _ if turn > self.turn => self.later.push((turn, number, signal)),
                Signal::Unpause(_) => self.unpause(number),
                Signal::Remove => self.remove(number),
            }
        }
    }

    fn unpause(&mut self, number: u64) {
        let Some(&handle) = self.aloft.get(&number) else {
            // It was removed meanwhile.
            return;
        };
        match self.driver.unpause(handle) {
            Ok(()) => self.report.unpaused += 1,
            Err(error) => self.report.unexpected(number, &error.to_string()),
        }
    }

    /// Removes a transfer in mid-flight. One that has ended by now has its message.
    fn remove(&mut self, number: u64) {
        let Some(&handle) = self.aloft.get(&number) else {
            return;
        };
        if self.driver.multi().result(handle).is_some() {
            return;
        }
        self.count_retries(handle);
        match self.driver.remove(handle) {
            Some(probe) => {
                self.report.removed += 1;
                let passes = self.proxy.take(number).unwrap_or_default();
                self.count(&probe, judge_unfinished(&passes, &probe.got));
            }
            None => self
                .report
                .unexpected(number, "there is nothing to be removed"),
        }
        self.end(number);
    }

    /// A message has come: judges and removes the transfer.
    fn finish(&mut self, message: Message) {
        self.count_retries(message.handle);
        let Some(probe) = self.driver.remove(message.handle) else {
            let text = format!("{message:?} is of nobody");
            return self.report.unexpected(u64::MAX, &text);
        };
        self.report.messages += 1;
        *self.report.outcomes.entry(message.result).or_default() += 1;
        let passes = self.proxy.take(probe.number).unwrap_or_default();
        let verdict = judge(message.result, &passes, &probe.want, &probe.got);
        self.count(&probe, verdict.map_err(|why| format!("{why}; {passes:?}")));
        self.end(probe.number);
    }

    fn count_retries(&mut self, handle: Handle) {
        let info = self.driver.multi().info(handle).unwrap_or_default();
        self.report.retries += u64::from(info.retries);
        self.report.connects += u64::from(info.connects);
    }

    fn count(&mut self, probe: &Probe<'_>, verdict: Result<(), String>) {
        self.report.body_bytes += probe.got.bytes as u64;
        if let Err(why) = verdict {
            let text = format!("{why}; {probe:?}");
            self.report.unexpected(probe.number, &text);
            self.report.wrong += u64::from(probe.got.wrong.is_some());
        }
    }

    /// A transfer has ended: by its message or by its removal, and never by both.
    fn end(&mut self, number: u64) {
        self.last_end = Instant::now();
        self.aloft.remove(&number);
        let word = usize::try_from(number / 64).unwrap_or(usize::MAX);
        let bit = 1 << (number % 64);
        match self.ended.get_mut(word) {
            Some(bits) if *bits & bit == 0 => *bits |= bit,
            Some(_) | None => self.report.unexpected(number, "it has ended twice"),
        }
    }
}
