//! Transfers of all sorts over one engine, while one call fails; then others, while none does.

use std::collections::{HashMap, HashSet};
use std::io;
use std::time::{Duration, Instant};

use muxfer_core::{Config, Error, Handle, Multi};
use muxfer_linux::{Capacity, Memory};

use super::bench::Bench;
use super::easy::Flaky;
use super::trap::{Kind, Trap};
use crate::hostile::catalogue::{self, Outcome};
use crate::hostile::{Upload, Visitor};

/// More turns than any run needs, and more time.
const MOST_TURNS: usize = 20_000;
const MOST_TIME: Duration = Duration::from_secs(20);

/// Entry, variant, and origin: 0, 1 and 2 are the numeric address with different settings, 3 is the
/// name.
const TRANSFERS: &[(&str, usize, u32)] = &[
    ("sized", 2, 0),
    ("chunked", 2, 0),
    ("put-sized", 0, 1),
    ("closes-when-reused", 0, 1),
    ("hop-away", 0, 2),
    ("hop", 0, 0),
    ("put-chunked", 0, 1),
    ("put-closes-when-reused", 0, 1),
    ("put-closes-when-reused", 0, 1),
    ("until-close", 1, 2),
    ("head", 0, 0),
    // These two wait for one look-up.
    ("sized", 1, 3),
    ("chunked", 2, 3),
];

/// So many of them run once nothing fails any more.
const LATER: usize = 5;

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Transfers that failed, with what.
    pub failed: Vec<(u64, Error)>,
}

/// Runs everything with this trap, and looks for what is left behind.
///
/// # Errors
/// What is wrong, whatever the trap: no end, a message too many, a wrong body, a later transfer that
/// fails, something that was not given back.
pub fn run<B: Bench>(bench: &mut B, trap: &Trap) -> io::Result<Verdict> {
    let mut memory = Memory::new(Capacity {
        line_bytes: 1024,
        ..Capacity::new(TRANSFERS.len(), 6)
    });
    let mut storage = memory.storage();
    // One block for all: if it is lost once, nobody comes through any more.
    let blocks = std::mem::take(&mut storage.lines);
    storage.lines = &mut blocks[..2 * storage.line_bytes];
    let config = Config {
        max_total_connections: 5,
        max_connections_per_host: 2,
        ..Config::DEFAULT
    };
    let multi = Multi::new(storage, config).map_err(io::Error::other)?;
    let mut run = Run {
        bench,
        multi,
        trap,
        number: 0,
        verdict: Verdict::default(),
    };
    // The second batch finds connections that were kept.
    run.batch(TRANSFERS.len())?;
    run.batch(TRANSFERS.len())?;
    let before = run.verdict.failed.len();
    trap.take_away();
    run.batch(LATER)?;
    if let Some((number, error)) = run.verdict.failed.get(before) {
        let why = format!("transfer {number} fails after all is well: {error:?}");
        return Err(io::Error::other(why));
    }
    run.close()
}

struct Run<'a, 's, B> {
    bench: &'a mut B,
    multi: Multi<'s, Flaky>,
    trap: &'a Trap,
    number: u64,
    verdict: Verdict,
}

impl<B: Bench> Run<'_, '_, B> {
    /// The first so many transfers at once, to the end of the last.
    fn batch(&mut self, count: usize) -> io::Result<()> {
        let mut waiting: HashMap<Handle, usize> = HashMap::new();
        for place in 0..count {
            let flaky = Flaky::new(self.visitor(place)?, self.trap.clone());
            let now = self.bench.now();
            let handle = self.multi.add(now, self.bench.platform(), flaky);
            let handle = handle.map_err(|_| io::Error::other("the table is full"))?;
            waiting.insert(handle, place);
        }
        let start = Instant::now();
        let mut seen = HashSet::new();
        for _ in 0..MOST_TURNS {
            if waiting.is_empty() {
                return Ok(());
            }
            if start.elapsed() > MOST_TIME {
                break;
            }
            self.turn()?;
            while let Some(message) = self.multi.info_read() {
                let place = waiting.remove(&message.handle);
                let place = place.filter(|_| seen.insert(message.handle));
                let place = place.ok_or_else(|| io::Error::other("a second message"))?;
                self.judge(message.handle, place, message.result)?;
            }
        }
        let names: Vec<&str> = waiting.values().map(|place| TRANSFERS[*place].0).collect();
        let counts = self.multi.counts();
        let interests: Vec<_> = self.multi.interests().collect();
        let deadline = self.multi.timeout();
        Err(io::Error::other(format!(
            "no end: {names:?} are left; {counts:?}, {interests:?}, {deadline:?}, {:?}",
            self.bench.now()
        )))
    }

    fn turn(&mut self) -> io::Result<()> {
        let deadline = self.multi.timeout().map(|deadline| deadline.at);
        let events = if deadline.is_some_and(|at| at <= self.bench.now()) {
            Vec::new()
        } else {
            self.bench.events(deadline)?
        };
        for event in events {
            self.multi.mark(event);
        }
        let now = self.bench.now();
        self.multi.run(now, self.bench.platform());
        Ok(())
    }

    fn visitor(&mut self, place: usize) -> io::Result<Visitor> {
        let (name, variant, origin) = TRANSFERS[place];
        let entry = catalogue::find(name).ok_or_else(|| io::Error::other("no entry"))?;
        self.number += 1;
        let (number, address) = (self.number, self.bench.address());
        let host = match origin {
            3 => format!("localhost:{}", address.port()),
            _ => address.to_string(),
        };
        let url = format!("http://{host}/{name}/{variant}?n={number}&p=0");
        let mut visitor = (entry.wish)(Visitor::new(number, url, Duration::ZERO));
        visitor.settings = if origin == 3 { 0 } else { origin };
        let bytes = self.bench.upload_bytes();
        visitor.upload = match visitor.upload {
            Upload::None => Upload::None,
            Upload::Sized(_) => Upload::Sized(bytes),
            Upload::Chunked(_) => Upload::Chunked(bytes),
        };
        visitor.options.progress = Some(Duration::from_millis(1));
        Ok(visitor)
    }

    /// A success must be one, byte for byte; a failure is noted down.
    fn judge(&mut self, handle: Handle, place: usize, result: Result<(), Error>) -> io::Result<()> {
        let (name, variant, _) = TRANSFERS[place];
        let entry = catalogue::find(name).ok_or_else(|| io::Error::other("no entry"))?;
        let now = self.bench.now();
        let flaky = self.multi.remove(now, self.bench.platform(), handle);
        let flaky = flaky.ok_or_else(|| io::Error::other("the handle is gone"))?;
        let visitor = &flaky.visitor;
        let got = Outcome::Success(visitor.status, visitor.received);
        let wanted = (entry.outcome)(variant);
        if visitor.wrong.is_some() || (result.is_ok() && got != wanted) {
            let wrong = visitor.wrong;
            let why = format!("{name}: {got:?}, wrong byte {wrong:?}, not {wanted:?}");
            return Err(io::Error::other(why));
        }
        if flaky.called_after_end > 0 {
            return Err(io::Error::other(format!("{name} is called after its end")));
        }
        if let Err(error) = result {
            self.verdict.failed.push((visitor.number, error));
        }
        Ok(())
    }

    /// Closes all that is left, and looks for what is not given back.
    fn close(mut self) -> io::Result<Verdict> {
        let now = self.bench.now();
        self.multi.close_all(now, self.bench.platform());
        // The engine checks its own claims when it runs with nothing to do.
        self.multi.run(now, self.bench.platform());
        let counts = self.multi.counts();
        let left = (counts.current, counts.running, counts.pending);
        if left != (0, 0, 0) || (counts.connections, counts.idle) != (0, 0) {
            return Err(io::Error::other(format!("it leaves {counts:?}")));
        }
        if self.multi.timeout().is_some() || self.multi.interests().next().is_some() {
            return Err(io::Error::other("it waits for something"));
        }
        if !self.bench.is_clean() {
            return Err(io::Error::other("the platform is left with something"));
        }
        Ok(self.verdict)
    }
}

/// May a call of this kind, which said this, make a transfer fail with that?
#[must_use]
pub fn is_right(kind: Kind, said: muxfer_core::net::IoError, error: Error) -> bool {
    use muxfer_core::net::IoError;
    match kind {
        Kind::Open | Kind::Opened => error == Error::Connect(said),
        // A stream that ends in a body has left it short.
        Kind::Fill => {
            error == Error::Receive(said)
                || (said == IoError::Closed && error == Error::PartialBody)
        }
        Kind::Reserve | Kind::Commit | Kind::Flush => error == Error::Send(said),
        Kind::Resolve => error == Error::Resolve,
        Kind::OnStatus | Kind::OnField | Kind::OnHead | Kind::OnBody | Kind::OnTrailer => {
            error == Error::Write
        }
        Kind::ReadBody => error == Error::Read,
        Kind::Rewind => error == Error::Rewind,
        Kind::OnRedirect => error == Error::BadUrl(muxfer_core::error::UrlError::TooLong),
        Kind::OnProgress => error == Error::AbortedByCallback,
    }
}
