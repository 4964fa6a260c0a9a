//! The soak: very many requests over real sockets against a real nginx, with the fault proxy between.
//!
//! Everything is drawn from a seed and from the number of the request: what is asked for, how the
//! transfer behaves, which fault its response gets. So the judgement of a run can be repeated; only
//! its timing can't. Every piece of body is compared with what it must be as it comes, and every
//! outcome with what the proxy did. A transfer that fails as it must is counted; it is not tried
//! again by the harness.

mod flight;
mod gauge;
mod judge;
mod probe;
mod report;
mod script;
mod site;

pub use report::Report;

use std::io;
use std::time::Duration;

use muxfer_linux::Choice;

use crate::descriptors;
use crate::nginx::Nginx;
use crate::proxy::{Faults, Proxy};
use crate::scale::backend_word;
use flight::Flight;
use probe::Signals;
use site::Site;

/// What is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Args)]
pub struct Setup {
    /// How many requests
    #[arg(long, default_value_t = 1_000_000)]
    pub requests: u64,
    /// The most connections at once; four times as many transfers are under way
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(4..=4000))]
    pub connections: u32,
    /// How many of 100 responses get a fault
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(..=100))]
    pub faults: u64,
    /// What everything is drawn from
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Over which backend: epoll, uring, or auto
    #[arg(long, default_value = "auto")]
    pub backend: Choice,
    /// After so many seconds it fails; without, after a minute and one second for 300 requests
    #[arg(long)]
    pub limit: Option<u64>,
}

impl Setup {
    /// The time limit of the whole.
    #[must_use]
    pub fn patience(&self) -> Duration {
        Duration::from_secs(self.limit.unwrap_or(60 + self.requests / 300))
    }

    /// The words of a command line that ask for it.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let mut words = vec![
            format!("--requests={}", self.requests),
            format!("--connections={}", self.connections),
            format!("--faults={}", self.faults),
            format!("--seed={}", self.seed),
            format!("--backend={}", backend_word(self.backend)),
        ];
        words.extend(self.limit.map(|limit| format!("--limit={limit}")));
        words
    }
}

/// Runs it. What went wrong is in [`Report::faults`].
///
/// # Errors
/// It could not be set up or measured: no nginx, no descriptor.
pub fn run(setup: &Setup) -> io::Result<Report> {
    descriptors::allow_all()?;
    let nginx = Nginx::start()?;
    let site = Site::new(&nginx.site())?;
    let faults = Faults::all(setup.seed, setup.faults);
    let proxy = Proxy::start(nginx.address(), 2, faults)?;
    let mut report = Report::new(*setup);
    report.descriptors.0 = descriptors::open()?;
    let signals = Signals::default();
    Flight::run(setup, &site, &signals, &proxy, &mut report)?;
    // The engine is gone, and with it its connections. The proxy and the threads that looked names up
    // hear of that a little later.
    let before = report.descriptors.0;
    gauge::wait_until(Duration::from_secs(20), || {
        proxy.counts().open == 0 && descriptors::open().is_ok_and(|count| count == before)
    });
    report.descriptors.1 = descriptors::open()?;
    report.proxy = proxy.stop()?;
    Ok(report)
}
