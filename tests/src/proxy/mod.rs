//! A TCP proxy that does to some responses what networks do: it delays, slices, resets, truncates.
//!
//! It runs in a thread of its own over one epoll, never blocks, and holds a bounded number of bytes
//! for each connection: what one side does not take is not read from the other. It knows just enough
//! HTTP to see where responses lie on a kept connection: requests without bodies, one at a time, and
//! responses with `Content-Length`.
//!
//! Which request gets which fault follows from a seed, from the request's number (`?n=…` in its
//! target) and from how often it has passed, so the judgement of a run can be repeated.

mod buffer;
mod fault;
mod head;
mod ledger;
mod link;
mod relay;
mod side;

pub use fault::{Fault, Faults, Kind};
pub use ledger::{Counts, Pass, Passes, What};

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rustix::event::{EventfdFlags, eventfd};

use ledger::Ledger;
use relay::Relay;

/// A running proxy. Dropping it ends it and closes all its connections.
#[derive(Debug)]
pub struct Proxy {
    addresses: Vec<SocketAddr>,
    ledger: Arc<Ledger>,
    stop: OwnedFd,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Proxy {
    /// Listens on so many free ports of the loopback and passes everything on to `upstream`.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(upstream: SocketAddr, ports: usize, faults: Faults) -> io::Result<Self> {
        let ledger = Arc::new(Ledger::new(faults));
        let stop = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let relay = Relay::new(upstream, ports, Arc::clone(&ledger), &stop)?;
        let addresses = relay.addresses()?;
        let thread = thread::Builder::new()
            .name("proxy".to_owned())
            .spawn(move || relay.run())?;
        Ok(Self {
            addresses,
            ledger,
            stop,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Keeps record from now on of what happens to the request of this number.
    pub fn expect(&self, number: u64) {
        self.ledger.expect(number);
    }

    /// What happened to it, each time that it passed; no record is kept any more. `None` if it was
    /// not expected.
    #[must_use]
    pub fn take(&self, number: u64) -> Option<Passes> {
        self.ledger.take(number)
    }

    /// What it has done so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.ledger.counts()
    }

    /// Ends it.
    ///
    /// # Errors
    /// What had ended it before, or that it panicked.
    pub fn stop(mut self) -> io::Result<Counts> {
        self.end()?;
        Ok(self.counts())
    }

    fn end(&mut self) -> io::Result<()> {
        let Some(thread) = self.thread.take() else {
            return Ok(());
        };
        rustix::io::write(&self.stop, &1_u64.to_ne_bytes())?;
        thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the proxy panicked")))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Whoever wants to know how it ended calls `stop`.
        let _ = self.end();
    }
}
