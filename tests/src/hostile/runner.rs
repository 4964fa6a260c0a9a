//! Drives a client against the hostile server, and judges what comes of each transfer.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use muxfer_core::{Config, Error, Handle};
use muxfer_linux::{Backend, BackendOptions, Capacity, Choice, Driver, Memory, SocketOptions};

use super::catalogue::{self, Entry, Outcome};
use super::client::Client;
use super::server::{Gate, Server};
use super::system::{descriptors, raise_descriptor_limit, resident_bytes};
use super::visitor::Visitor;
use crate::sim::Prng;

/// How long after its limit, or after its start if it has none, an entry that is alone may end.
pub const SLACK: Duration = Duration::from_secs(5);
/// How long one wait lasts at most.
const TURN: Duration = Duration::from_millis(50);
/// Memory that the platform may hold for connections: small, so that the bound is felt.
const SPILL_BYTES: usize = 4 * 1024 * 1024;
/// What the platform may hold beyond it for a connection whose peer does not read.
const UNSENT_BYTES: usize = 4 * 1024;

/// One transfer of a run.
#[derive(Clone, Copy)]
pub struct Visit {
    /// What the server does.
    pub entry: &'static Entry,
    /// Which variant of it.
    pub variant: usize,
    /// The number of the transfer, different for each.
    pub number: u64,
}

impl Visit {
    /// The easy handle for it.
    #[must_use]
    pub fn visitor(&self, server: &Server, patience: Duration) -> Visitor {
        let Self {
            entry,
            variant,
            number,
        } = *self;
        let address = server.address(entry.gate);
        let millis = patience.as_millis();
        let url = format!(
            "http://{address}/{}/{variant}?n={number}&p={millis}",
            entry.name
        );
        (entry.wish)(Visitor::new(number, url, patience))
    }

    /// What is wrong with what came of it, if anything is.
    #[must_use]
    pub fn fault(
        &self,
        result: Result<(), Error>,
        visitor: &Visitor,
        took: Duration,
    ) -> Option<String> {
        let wanted = (self.entry.outcome)(self.variant);
        let right = match (wanted, result) {
            (Outcome::Success(status, bytes), Ok(())) => {
                (status, bytes) == (visitor.status, visitor.received)
            }
            (Outcome::Failure(wanted), Err(error)) => wanted == error,
            (Outcome::OneOf(wanted), Err(error)) => wanted.contains(&error),
            (Outcome::Success(..), Err(_)) | (Outcome::Failure(_) | Outcome::OneOf(_), Ok(())) => {
                false
            }
        };
        let what = || format!("/{}/{}", self.entry.name, self.variant);
        if !right {
            let (status, bytes) = (visitor.status, visitor.received);
            return Some(format!(
                "{}: {result:?} with status {status} and {bytes} bytes after {took:?}, not {wanted:?}",
                what()
            ));
        }
        if let Some(at) = visitor.wrong {
            return Some(format!("{}: byte {at} of the body is wrong", what()));
        }
        let limit = self.entry.limit.map(|limit| limit(visitor.patience));
        // The clock of the engine starts with the first run, which is not before the add.
        if limit.is_some_and(|limit| took < limit) {
            return Some(format!(
                "{}: ended after {took:?}, before its limit",
                what()
            ));
        }
        None
    }
}

/// Runs an entry alone over an engine of its own, with a connection that has served before or a new
/// one.
///
/// # Errors
/// What was wrong: the result, the body, the time, or what is left behind.
pub fn alone(
    server: &Server,
    visit: &Visit,
    patience: Duration,
    warm: bool,
    choice: Choice,
) -> io::Result<()> {
    let mut memory = Memory::new(Capacity::new(4, 4));
    let backend = Backend::new(&BackendOptions {
        choice,
        ..BackendOptions::default()
    })?;
    let mut driver =
        Driver::new(&mut memory, Config::DEFAULT, backend).map_err(io::Error::other)?;
    let named = |why: String| {
        let how = if warm { "used again" } else { "new" };
        io::Error::other(format!("over a connection that is {how}: {why}"))
    };
    if warm {
        warm_up(&mut driver, server, visit.number, patience)?;
    }
    let limit = visit
        .entry
        .limit
        .map_or(Duration::ZERO, |limit| limit(patience));
    let (result, visitor, took) =
        drive(&mut driver, visit.visitor(server, patience), limit + SLACK)
            .map_err(|why| named(format!("/{}/{}: {why}", visit.entry.name, visit.variant)))?;
    if let Some(fault) = visit.fault(result, &visitor, took) {
        return Err(named(fault));
    }
    if warm && !visitor.reused {
        return Err(named(format!("/{}: it was not", visit.entry.name)));
    }
    let left = visit.entry.leaves;
    let end = Instant::now() + SLACK;
    while driver.multi().counts().connections > left && Instant::now() < end {
        Client::turn(&mut driver, TURN)?;
    }
    let counts = driver.multi().counts();
    if (counts.current, counts.running, counts.pending) != (0, 0, 0)
        || (counts.connections, counts.idle) != (left, left)
    {
        return Err(named(format!(
            "/{}: it leaves {counts:?}",
            visit.entry.name
        )));
    }
    Ok(())
}

/// Makes a connection that can be used again.
fn warm_up(
    client: &mut impl Client,
    server: &Server,
    number: u64,
    patience: Duration,
) -> io::Result<()> {
    let entry = catalogue::find("sized").ok_or_else(|| io::Error::other("no entry"))?;
    let visit = Visit {
        entry,
        variant: 2,
        number,
    };
    let (result, visitor, took) = drive(client, visit.visitor(server, patience), SLACK)?;
    match visit.fault(result, &visitor, took) {
        Some(fault) => Err(io::Error::other(fault)),
        None => Ok(()),
    }
}

/// Runs one transfer to its end.
///
/// # Errors
/// It has no end in this time, or waiting failed.
pub fn drive(
    client: &mut impl Client,
    visitor: Visitor,
    bound: Duration,
) -> io::Result<(Result<(), Error>, Visitor, Duration)> {
    let start = Instant::now();
    let handle = client
        .add(visitor)
        .ok_or_else(|| io::Error::other("no place"))?;
    loop {
        client.turn(TURN)?;
        if let Some(message) = client.info_read() {
            let visitor = client.remove(handle);
            let visitor = visitor.ok_or_else(|| io::Error::other("the handle is gone"))?;
            return Ok((message.result, visitor, start.elapsed()));
        }
        if start.elapsed() > bound {
            return Err(io::Error::other(format!("no end after {bound:?}")));
        }
    }
}

/// A mix of everything.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Everything follows from it but the time.
    pub seed: u64,
    /// How many transfers.
    pub transfers: usize,
    /// How many connections at most.
    pub connections: usize,
    /// How long a silent peer is waited for.
    pub patience: Duration,
    /// All transfers must have ended by then.
    pub bound: Duration,
    /// Over which backend.
    pub backend: Choice,
}

/// What a mix came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// Transfers, by what was right for them.
    pub successes: usize,
    /// Those that had to fail, and did.
    pub failures: usize,
    /// Connections that were open at once at most.
    pub most_connections: usize,
    /// Retries over a new connection because a kept one was dead.
    pub retries: u64,
    /// From the first add to the last message.
    pub took: Duration,
    /// The memory of the process at its most, beyond what it was before.
    pub grown_bytes: usize,
    /// What the platform held for connections at most.
    pub held_bytes: usize,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: usize| bytes as f64 / (1024.0 * 1024.0);
        write!(
            f,
            "{} transfers in {:.2} s: {} succeeded, {} failed, each as it had to; at most {} \
             connections at once, {} retries, {:.1} MiB of memory, {:.1} MiB held by the platform",
            self.successes + self.failures,
            self.took.as_secs_f64(),
            self.successes,
            self.failures,
            self.most_connections,
            self.retries,
            mib(self.grown_bytes),
            mib(self.held_bytes),
        )
    }
}

impl Plan {
    /// The transfers. Those that last come first, so that the rest meets full tables.
    #[must_use]
    pub fn visits(&self) -> Vec<Visit> {
        let mut random = Prng::new(self.seed);
        let lasting: Vec<&'static Entry> = catalogue::all()
            .iter()
            .filter(|entry| entry.limit.is_some() || entry.name == "late")
            .collect();
        let all: Vec<&'static Entry> = catalogue::all().iter().collect();
        let first = self.connections * 9 / 10;
        (0..self.transfers)
            .map(|nth| {
                let among = if nth < first { &lasting } else { &all };
                let entry = pick(among, &mut random);
                let variants = entry.variants as u64;
                Visit {
                    entry,
                    variant: usize::try_from(random.below(variants)).unwrap_or(0),
                    number: self.seed.wrapping_mul(1_000_003) + nth as u64 + 1,
                }
            })
            .collect()
    }
}

fn pick(among: &[&'static Entry], random: &mut Prng) -> &'static Entry {
    let sum: u64 = among.iter().map(|entry| u64::from(entry.weight)).sum();
    let mut at = random.below(sum);
    for entry in among {
        match at.checked_sub(entry.weight.into()) {
            Some(left) => at = left,
            None => return entry,
        }
    }
    among[0]
}

/// Runs a mix.
///
/// # Errors
/// The first thing that was wrong, with the seed.
pub fn mix(plan: &Plan) -> io::Result<Report> {
    // Both ends are here.
    raise_descriptor_limit(plan.connections as u64 * 2 + 200)?;
    let (before, resident) = (descriptors()?, resident_bytes()?);
    let server = Server::start()?;
    let window = plan.connections + plan.connections / 8;
    let mut memory = Memory::new(Capacity::new(window, plan.connections));
    let options = BackendOptions {
        choice: plan.backend,
        sockets: SocketOptions {
            spill_bytes: SPILL_BYTES,
            ..SocketOptions::default()
        },
        ..BackendOptions::default()
    };
    let config = Config {
        max_total_connections: u32::try_from(plan.connections).map_err(io::Error::other)?,
        seed: plan.seed,
        ..Config::DEFAULT
    };
    let seeded = |why: &dyn fmt::Display| io::Error::other(format!("seed {}: {why}", plan.seed));
    let backend = Backend::new(&options)?;
    let mut driver = Driver::new(&mut memory, config, backend).map_err(io::Error::other)?;
    let mut mix = Mix::new(plan, &server, &mut driver, window, resident);
    let report = mix.run().map_err(|error| seeded(&error))?;
    // Idle connections go with it.
    drop(driver);
    if !server.wait_until_idle(SLACK) {
        let open = server.tally().open();
        return Err(seeded(&format!("{open} connections are still open")));
    }
    let faults = server.tally().take_faults();
    drop(server);
    let after = descriptors()?;
    if after != before {
        let why = format!("{after} descriptors are open, {before} were before");
        return Err(seeded(&why));
    }
    match faults.first() {
        Some(fault) => Err(seeded(fault)),
        None => Ok(report),
    }
}

/// A mix that runs.
struct Mix<'a, C> {
    plan: &'a Plan,
    server: &'a Server,
    client: &'a mut C,
    visits: Vec<Visit>,
    /// How many transfers are in the engine at most.
    window: usize,
    /// Those that are.
    under_way: HashMap<Handle, (Visit, Instant)>,
    resident: usize,
    report: Report,
}

impl<'a, C: Client> Mix<'a, C> {
    fn new(
        plan: &'a Plan,
        server: &'a Server,
        client: &'a mut C,
        window: usize,
        resident: usize,
    ) -> Self {
        let mut visits = plan.visits();
        visits.reverse();
        Self {
            plan,
            server,
            client,
            visits,
            window,
            under_way: HashMap::new(),
            resident,
            report: Report::default(),
        }
    }

    fn run(&mut self) -> io::Result<Report> {
        let start = Instant::now();
        while !self.visits.is_empty() || !self.under_way.is_empty() {
            self.add()?;
            self.client.turn(TURN)?;
            self.read()?;
            self.measure()?;
            if start.elapsed() > self.plan.bound {
                return Err(self.late());
            }
        }
        self.report.took = start.elapsed();
        self.report.most_connections = self.server.tally().most_open();
        let counts = self.client.counts();
        if (counts.current, counts.running, counts.pending) != (0, 0, 0)
            || counts.connections != counts.idle
        {
            return Err(io::Error::other(format!("the engine keeps {counts:?}")));
        }
        Ok(self.report)
    }

    fn add(&mut self) -> io::Result<()> {
        while self.under_way.len() < self.window {
            let Some(visit) = self.visits.pop() else {
                return Ok(());
            };
            let mut visitor = visit.visitor(self.server, self.plan.patience);
            // A few origins at the same address, so that kept connections meet all sorts of peers.
            visitor.settings = u32::try_from(visit.number % 8).unwrap_or(0);
            if visit.entry.apart {
                let own = visit.number % (1 << 31);
                visitor.settings = u32::try_from(own).unwrap_or(0) + 8;
            }
            let handle = self.client.add(visitor);
            let handle = handle.ok_or_else(|| io::Error::other("the table is full too early"))?;
            self.under_way.insert(handle, (visit, Instant::now()));
        }
        Ok(())
    }

    fn read(&mut self) -> io::Result<()> {
        while let Some(message) = self.client.info_read() {
            let gone = |what: &str| io::Error::other(format!("a message of {what}"));
            let known = self.under_way.remove(&message.handle);
            let (visit, added) = known.ok_or_else(|| gone("nobody, or a second one"))?;
            self.report.retries += u64::from(self.client.info(message.handle).retries);
            let visitor = self.client.remove(message.handle);
            let visitor = visitor.ok_or_else(|| gone("a transfer that is gone"))?;
            if let Some(fault) = visit.fault(message.result, &visitor, added.elapsed()) {
                return Err(io::Error::other(fault));
            }
            match message.result {
                Ok(()) => self.report.successes += 1,
                Err(_) => self.report.failures += 1,
            }
        }
        Ok(())
    }

    fn measure(&mut self) -> io::Result<()> {
        let grown = resident_bytes()?.saturating_sub(self.resident);
        self.report.grown_bytes = self.report.grown_bytes.max(grown);
        let held = self.client.held_bytes();
        self.report.held_bytes = self.report.held_bytes.max(held);
        let most = SPILL_BYTES + self.plan.connections * UNSENT_BYTES;
        if held > most {
            return Err(io::Error::other(format!(
                "the platform holds {held} bytes, more than {most}"
            )));
        }
        Ok(())
    }

    /// What is still under way when there is no time left.
    fn late(&self) -> io::Error {
        let mut names: Vec<String> = self
            .under_way
            .values()
            .map(|(visit, _)| format!("/{}/{}", visit.entry.name, visit.variant))
            .collect();
        names.sort();
        let (bound, count) = (self.plan.bound, names.len() + self.visits.len());
        names.truncate(20);
        io::Error::other(format!("{count} left after {bound:?}: {}", names.join(" ")))
    }
}

/// Can an entry run over a connection that has served before?
#[must_use]
pub const fn can_be_warm(entry: &Entry) -> bool {
    matches!(entry.gate, Gate::Open)
}
