//! An engine with very many transfers in a lean network.

use std::fmt::Write;
use std::io;
use std::time::Duration;

use muxfer_core::easy::{Flow, Options, Request, Status, Taken};
use muxfer_core::{Config, Easy, Multi};
use muxfer_linux::{Capacity, Memory};

use super::cost::resident_bytes;
use super::net::{BATCH, BODY, Calls, Net};

/// The longest URL of a load: `http://h0000000/`.
const URL_BYTES: usize = 20;

/// How much is run. All transfers are added before the first of them runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Args)]
pub struct Load {
    /// How many transfers
    #[arg(long, default_value_t = 1_000_000)]
    pub transfers: usize,
    /// Over how many connections at most
    #[arg(long, default_value_t = 100_000)]
    pub conns: usize,
    /// To how many hosts, by turns
    #[arg(long, default_value_t = 10_000)]
    pub hosts: usize,
}

impl Load {
    /// The load of the promise, and that which it is compared with: a hundredth of it.
    pub const LARGE: Self = Self {
        transfers: 1_000_000,
        conns: 100_000,
        hosts: 10_000,
    };

    /// So many times less of everything.
    #[must_use]
    pub const fn divided(self, by: usize) -> Self {
        Self {
            transfers: self.transfers / by,
            conns: self.conns / by,
            hosts: self.hosts.div_ceil(by),
        }
    }

    /// The capacity of the engine that runs it. Each connection may go to another host, whose name
    /// may be as long as DNS allows. Of header lines that come in pieces a hundredth of the
    /// connections may have one at the same time.
    #[must_use]
    pub fn capacity(&self) -> Capacity {
        Capacity {
            conns: self.conns,
            origins: self.conns,
            lines: self.conns.div_ceil(100),
            ..Capacity::new(self.transfers, self.conns)
        }
    }

    /// The words of a command line that ask for it.
    #[must_use]
    pub fn words(&self) -> [String; 3] {
        [
            format!("--transfers={}", self.transfers),
            format!("--conns={}", self.conns),
            format!("--hosts={}", self.hosts),
        ]
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Transfers whose response was right to the byte.
    pub right: usize,
    /// The most connections at once.
    pub most_conns: u32,
    /// What the engine called.
    pub calls: Calls,
    /// CPU time of adding, running and removing all transfers.
    pub cpu: Duration,
    /// CPU time for each event of a step: the median of the steps that dealt with many.
    pub step: Duration,
    /// What the tables of the engine take, without the users' values.
    pub engine_bytes: usize,
    /// How much resident memory grew by the tables, the users' values included.
    pub resident_bytes: usize,
    /// What the users' values take.
    pub easy_bytes: usize,
}

/// A GET that compares what it gets.
struct Ask {
    url: heapless::String<URL_BYTES, u8>,
    code: u16,
    received: u8,
    wrong: bool,
}

impl Ask {
    fn of(host: usize) -> Self {
        let mut url = heapless::String::default();
        write!(url, "http://h{host}/").expect("a short URL");
        Self {
            url,
            code: 0,
            received: 0,
            wrong: false,
        }
    }

    fn is_right(&self) -> bool {
        self.code == 200 && usize::from(self.received) == BODY.len() && !self.wrong
    }
}

impl Easy for Ask {
    fn request(&self) -> Request<'_> {
        Request::get(&self.url)
    }

    fn options(&self) -> Options {
        Options {
            total: Some(Duration::from_secs(24 * 3600)),
            ..Options::DEFAULT
        }
    }

    fn on_status(&mut self, status: &Status<'_>) -> Flow {
        self.code = status.code;
        Flow::Continue
    }

    fn on_body(&mut self, bytes: &[u8]) -> Taken {
        let at = usize::from(self.received);
        self.wrong |= BODY.get(at..at + bytes.len()) != Some(bytes);
        self.received = u8::try_from(at + bytes.len()).unwrap_or(u8::MAX);
        Taken::All
    }
}

/// Tells CPU time. One that stands still is for tools under which the system's can't be read.
pub type Clock = fn() -> Duration;

/// Runs it.
///
/// # Errors
/// Resident memory can't be read.
///
/// # Panics
/// A transfer fails, or waits for something that never comes.
pub fn run(load: &Load, clock: Clock) -> io::Result<Outcome> {
    let capacity = load.capacity();
    let engine_bytes = Memory::<()>::new(capacity).bytes();
    let mut net = Net::new(capacity.conns, capacity.origins);
    let mut steps = Vec::with_capacity(load.transfers / 16);
    let before = resident_bytes()?;
    let mut memory = Memory::new(capacity);
    let config = Config {
        seed: 1,
        ..Config::DEFAULT
    };
    let mut multi = Multi::new(memory.storage(), config).expect("a sound configuration");
    let begun = clock();
    let (right, most_conns) = drive(load, clock, &mut multi, &mut net, &mut steps);
    let cpu = clock().saturating_sub(begun);
    steps.sort_unstable();
    Ok(Outcome {
        right,
        most_conns,
        calls: net.calls,
        cpu,
        step: steps.get(steps.len() / 2).copied().unwrap_or_default(),
        engine_bytes,
        resident_bytes: resident_bytes()?.saturating_sub(before),
        easy_bytes: load.transfers * size_of::<Ask>(),
    })
}

/// Adds all transfers, runs them to their end and takes them out: what is measured. It is a function
/// of its own, so that a tool which counts instructions can be told to count those of it alone.
#[inline(never)]
fn drive(
    load: &Load,
    clock: Clock,
    multi: &mut Multi<'_, Ask>,
    net: &mut Net,
    steps: &mut Vec<Duration>,
) -> (usize, u32) {
    for number in 0..load.transfers {
        let added = multi.add(net.now, net, Ask::of(number % load.hosts));
        assert!(added.is_ok(), "no place for transfer {number}");
    }
    let (mut right, mut most_conns) = (0, 0);
    let whole = load.conns.min(BATCH) / 2;
    let mut at = clock();
    while multi.counts().current > 0 {
        let mut events = 0_u32;
        let happened = net.step(|event| {
            events += 1;
            multi.mark(event);
        });
        let running = multi.run(net.now, net);
        assert!(happened || running.again, "transfers that wait for nothing");
        while let Some(message) = multi.info_read() {
            assert_eq!(message.result, Ok(()));
            let ask = multi.remove(net.now, net, message.handle);
            right += usize::from(ask.is_some_and(|ask| ask.is_right()));
        }
        most_conns = most_conns.max(multi.counts().connections);
        let now = clock();
        if events as usize >= whole {
            steps.push(now.saturating_sub(at) / events);
        }
        at = now;
    }
    (right, most_conns)
}
