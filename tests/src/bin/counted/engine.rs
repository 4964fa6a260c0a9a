//! The engine's own paths, each in a function of its own that nothing is folded into.

use std::collections::VecDeque;
use std::error::Error;
use std::time::Duration;

use muxfer_core::net::Ready;
use muxfer_core::time::Instant;
use muxfer_core::{Config, ConnId, Event, Handle, Multi};
use muxfer_linux::{Capacity, Memory};
use muxfer_tests::instructions::Case;

use crate::exchange::{BODY_BYTES, ENDLESS_HEAD, Get, HEAD};
use crate::memory::Canned;

/// Each path is taken at least so often.
const TIMES: u32 = 2_000;
/// One answer, and a piece of an endless one.
const ANSWER: &[u8] = &answer();
const PIECE: &[u8] = &[b'x'; BODY_BYTES];

/// Takes all paths and says how often each.
pub(crate) fn run(case: Case) -> Result<Vec<(&'static str, u32)>, Box<dyn Error>> {
    let urls: Vec<_> = (0..case.origins)
        .map(|n| format!("http://host-{n}.example.test/path/to/file-{n}.bin?query=1"))
        .collect();
    let rounds = TIMES.div_ceil(case.connections);
    let mut counts = Vec::new();
    counts.extend(requests(case, &urls, rounds)?);
    counts.extend(bodies(case, &urls, rounds)?);
    counts.extend(timers(case, &urls, rounds)?);
    Ok(counts)
}

type Counts<const N: usize> = Result<[(&'static str, u32); N], Box<dyn Error>>;

/// Requests on kept connections, then additions and removals without any I/O.
fn requests(case: Case, urls: &[String], rounds: u32) -> Counts<3> {
    let mut memory = Bench::memory(case);
    let mut bench = Bench::new(&mut memory, case)?;
    bench.fill(urls, None, ANSWER)?;
    let times = rounds * case.connections;
    for _ in 0..times {
        measured_request(&mut bench);
    }
    bench.hold(times)?;
    bench.finish();
    for _ in 0..rounds {
        while let Some(handle) = bench.done.pop_front() {
            measured_remove(&mut bench, handle);
        }
        let gets: Vec<_> = bench.gets(urls).collect();
        for get in gets {
            measured_add(&mut bench, get);
        }
        bench.run_ready();
        bench.finish();
    }
    bench.hold(2 * times)?;
    Ok([("request", times), ("add", times), ("remove", times)])
}

/// Pieces of bodies that have no end.
fn bodies(case: Case, urls: &[String], rounds: u32) -> Counts<1> {
    let mut memory = Bench::memory(case);
    let mut bench = Bench::new(&mut memory, case)?;
    bench.fill(urls, None, PIECE)?;
    for conn in bench.waiting.clone() {
        bench.answer_with(conn, ENDLESS_HEAD);
    }
    let times = rounds * case.connections;
    for _ in 0..times {
        measured_body(&mut bench);
    }
    let expected = rounds as usize * PIECE.len();
    let all = bench
        .multi
        .handles()
        .filter_map(|handle| bench.multi.get(handle));
    let right = all.filter(|get| get.received == expected).count();
    expect(
        "transfers with all pieces",
        right,
        case.connections as usize,
    )?;
    Ok([("body", times)])
}

/// A timer a transfer that fires again and again; never two at once.
fn timers(case: Case, urls: &[String], rounds: u32) -> Counts<1> {
    let mut memory = Bench::memory(case);
    let mut bench = Bench::new(&mut memory, case)?;
    let every = Duration::from_millis(case.connections.into());
    bench.fill(urls, Some(every), ANSWER)?;
    let begun: u32 = bench.ticks();
    let times = rounds * case.connections;
    for _ in 0..times {
        measured_timer(&mut bench);
    }
    expect("timers", (bench.ticks() - begun) as usize, times as usize)?;
    Ok([("timer", times)])
}

/// From the event that brings an answer to the next request on the same connection: the answer is
/// read, the result taken, the transfer removed, the next one added and its request sent.
#[inline(never)]
fn measured_request(bench: &mut Bench<'_>) {
    let Some(conn) = bench.waiting.pop_front() else {
        return;
    };
    bench.answer(conn);
    let Some(message) = bench.multi.info_read() else {
        return;
    };
    let Some(mut get) = bench
        .multi
        .remove(bench.now, &mut bench.platform, message.handle)
    else {
        return;
    };
    bench.right += u32::from(message.result.is_ok() && get.is_right());
    (get.code, get.received) = (0, 0);
    bench.add(get);
    bench.multi.run(bench.now, &mut bench.platform);
    bench.waiting.extend(bench.platform.sender.take());
}

#[inline(never)]
fn measured_body(bench: &mut Bench<'_>) {
    let Some(conn) = bench.waiting.pop_front() else {
        return;
    };
    bench.answer(conn);
    bench.waiting.push_back(conn);
}

#[inline(never)]
fn measured_timer(bench: &mut Bench<'_>) {
    bench.now = bench.now + Duration::from_millis(1);
    bench
        .multi
        .socket_action(bench.now, &mut bench.platform, Event::Timeout);
}

#[inline(never)]
fn measured_add<'u>(bench: &mut Bench<'u>, get: Get<'u>) {
    bench.add(get);
}

#[inline(never)]
fn measured_remove(bench: &mut Bench<'_>, handle: Handle) {
    let removed = bench.multi.remove(bench.now, &mut bench.platform, handle);
    bench.right += u32::from(removed.is_some_and(|get| get.is_right()));
}

/// An engine with its platform.
struct Bench<'s> {
    multi: Multi<'s, Get<'s>>,
    platform: Canned,
    now: Instant,
    case: Case,
    /// What an event brings.
    bytes: &'static [u8],
    /// Connections with a request that was not answered.
    waiting: VecDeque<ConnId>,
    /// Transfers that are done and not removed.
    done: VecDeque<Handle>,
    /// Right answers.
    right: u32,
}

impl<'s> Bench<'s> {
    fn memory(case: Case) -> Memory<Get<'s>> {
        let connections = case.connections as usize;
        Memory::new(Capacity {
            // No more than the tables need: the rest is not looked at.
            line_bytes: 1024,
            lines: 16,
            ..Capacity::new(connections, connections)
        })
    }

    fn new(memory: &'s mut Memory<Get<'s>>, case: Case) -> Result<Self, Box<dyn Error>> {
        let connections = case.connections as usize;
        Ok(Self {
            multi: Multi::new(memory.storage(), Config::DEFAULT)?,
            platform: Canned::new(connections * 2),
            now: Instant::from_micros(1_000_000),
            case,
            bytes: &[],
            waiting: VecDeque::with_capacity(connections + 1),
            done: VecDeque::with_capacity(connections + 1),
            right: 0,
        })
    }

    /// One transfer for each connection.
    fn gets(&self, urls: &'s [String]) -> impl Iterator<Item = Get<'s>> + use<'s> {
        let all = urls.iter().cycle().take(self.case.connections as usize);
        all.map(|url| Get::new(url))
    }

    /// All connections are opened, a millisecond after each other, and each has a request.
    fn fill(
        &mut self,
        urls: &'s [String],
        progress: Option<Duration>,
        bytes: &'static [u8],
    ) -> Result<(), Box<dyn Error>> {
        self.bytes = bytes;
        for get in self.gets(urls) {
            self.now = self.now + Duration::from_millis(1);
            self.add(Get { progress, ..get });
            self.multi.run(self.now, &mut self.platform);
            let conn = self
                .platform
                .fresh
                .take()
                .ok_or("no connection was opened")?;
            let event = Event::Socket(conn, Ready::WRITE);
            self.multi
                .socket_action(self.now, &mut self.platform, event);
            self.waiting.extend(self.platform.sender.take());
        }
        let connections = self.case.connections as usize;
        expect("requests", self.waiting.len(), connections)
    }

    fn add(&mut self, get: Get<'s>) {
        // There is a place for each.
        let _ = self.multi.add(self.now, &mut self.platform, get);
    }

    fn answer(&mut self, conn: ConnId) {
        self.answer_with(conn, self.bytes);
    }

    fn answer_with(&mut self, conn: ConnId, bytes: &'static [u8]) {
        self.platform.give(conn, bytes);
        let event = Event::Socket(conn, Ready::READ);
        self.multi
            .socket_action(self.now, &mut self.platform, event);
    }

    /// Sends the requests of what was added, one run each.
    fn run_ready(&mut self) {
        let ids: Vec<_> = self.multi.interests().map(|(conn, _)| conn).collect();
        while self.multi.run(self.now, &mut self.platform).again {}
        self.waiting.extend(ids);
    }

    /// Answers all that wait, and takes the results.
    fn finish(&mut self) {
        while let Some(conn) = self.waiting.pop_front() {
            self.answer(conn);
        }
        while let Some(message) = self.multi.info_read() {
            self.done.push_back(message.handle);
        }
    }

    fn ticks(&self) -> u32 {
        let all = self.multi.handles();
        all.filter_map(|handle| self.multi.get(handle))
            .map(|get| get.ticks)
            .sum()
    }

    /// Everything went over the first connections, and the answers were right.
    fn hold(&self, right: u32) -> Result<(), Box<dyn Error>> {
        let opened = self.platform.opened;
        expect(
            "connections",
            opened as usize,
            self.case.connections as usize,
        )?;
        expect("right answers", self.right as usize, right as usize)
    }
}

fn expect(what: &str, is: usize, should: usize) -> Result<(), Box<dyn Error>> {
    if is == should {
        Ok(())
    } else {
        Err(format!("{what}: {is}, not {should}").into())
    }
}

const fn answer() -> [u8; HEAD.len() + BODY_BYTES] {
    let mut bytes = [b'x'; HEAD.len() + BODY_BYTES];
    let mut at = 0;
    while at < HEAD.len() {
        bytes[at] = HEAD[at];
        at += 1;
    }
    bytes
}
