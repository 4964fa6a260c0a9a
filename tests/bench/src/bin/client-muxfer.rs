//! muxfer itself, over its ready-made loop.

use std::error::Error;
use std::io;

use clap::{Parser, ValueEnum};
use muxfer_bench::job::Job;
use muxfer_bench::report::{Meter, resident_kib};
use muxfer_core::easy::{Request, Taken};
use muxfer_core::{Config, Easy};
use muxfer_linux::{
    Capacity, Driver, Epoll, EpollOptions, Loop, Memory, RootSource, SocketOptions, Tls, TlsConfig,
    TlsSettings, Uring, UringOptions,
};

#[derive(Parser)]
struct Arguments {
    /// How it waits and reads
    #[arg(long, value_enum)]
    backend: Kind,
    #[command(flatten)]
    job: Job,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Epoll,
    Uring,
}

/// A transfer that owns no memory.
struct Get<'u> {
    url: &'u str,
    received: u64,
}

impl Easy for Get<'_> {
    fn request(&self) -> Request<'_> {
        Request::get(self.url)
    }

    fn on_body(&mut self, bytes: &[u8]) -> Taken {
        self.received += bytes.len() as u64;
        Taken::All
    }
}

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let Arguments { backend, job } = Arguments::parse();
    let sockets = SocketOptions {
        connections: job.connections + job.stalled,
        ..SocketOptions::default()
    };
    match backend {
        Kind::Epoll => run_secured(
            &job,
            Epoll::new(&EpollOptions {
                sockets,
                ..EpollOptions::default()
            })?,
        ),
        Kind::Uring => run_secured(
            &job,
            Uring::new(&UringOptions {
                sockets,
                ..UringOptions::default()
            })?,
        ),
    }
}

/// Over TLS if there is a CA to trust.
fn run_secured(job: &Job, platform: impl Loop) -> Outcome<()> {
    let Some(ca) = &job.ca else {
        return run(job, platform);
    };
    let config = TlsConfig::new(TlsSettings {
        roots: vec![RootSource::File(ca.clone())],
        resume: job.resume,
        ..TlsSettings::default()
    });
    config.load()?;
    run(job, Tls::new(platform, config))
}

fn run(job: &Job, platform: impl Loop) -> Outcome<()> {
    let conns = job.connections + job.stalled;
    let queued = if job.queued {
        usize::try_from(job.requests)?
    } else {
        0
    };
    let capacity = Capacity {
        conns,
        lines: conns,
        origins: 16,
        ..Capacity::new(conns.max(queued), conns)
    };
    let config = Config {
        max_total_connections: u32::try_from(conns)?,
        ..Config::DEFAULT
    };
    let mut memory = Memory::new(capacity);
    let driver = Driver::new(&mut memory, config, platform)?;
    let (url, warm_url, stall_url) = (job.url(), job.warm_url(), job.stall_url());
    let mut client = Client { driver, job };
    client.stall(&stall_url)?;
    let stalled_kib = resident_kib()?;
    for requests in job.warm_ups() {
        client.fetch(&warm_url, job.warm_length, requests, job.connections)?;
    }
    if job.requests > 0 && !job.fresh {
        client.is_connected()?;
    }
    let at_once = if job.queued { queued } else { job.connections };
    let meter = Meter::start(stalled_kib);
    client.fetch(&url, job.length, job.requests, at_once)?;
    println!("{}", meter.stop(job.requests)?);
    Ok(())
}

struct Client<'s, 'u, L> {
    driver: Driver<'s, Get<'u>, L>,
    job: &'u Job,
}

impl<'u, L: Loop> Client<'_, 'u, L> {
    /// Adds the transfers that never end, and waits until they have all that they will get.
    fn stall(&mut self, url: &'u str) -> Outcome<()> {
        for _ in 0..self.job.stalled {
            self.add(url)?;
        }
        while self.received() < self.job.stalled_bytes() {
            self.driver.turn(None)?;
            if let Some(done) = self.driver.info_read() {
                return Err(format!("a stalled transfer ended: {:?}", done.result).into());
            }
        }
        Ok(())
    }

    /// What all transfers that are in the engine have received.
    fn received(&self) -> u64 {
        let multi = self.driver.multi();
        let each = multi.handles().filter_map(|handle| multi.get(handle));
        each.map(|get| get.received).sum()
    }

    /// So many requests, so many of them at once.
    fn fetch(&mut self, url: &'u str, length: u64, requests: u64, at_once: usize) -> Outcome<()> {
        let (mut added, mut ended) = (0, 0);
        while added < requests.min(at_once as u64) {
            self.add(url)?;
            added += 1;
        }
        while ended < requests {
            self.driver.turn(None)?;
            while let Some(done) = self.driver.info_read() {
                done.result?;
                let get = self.driver.remove(done.handle);
                let received = get.map(|get| get.received);
                if received != Some(length) {
                    return Err(format!("{received:?} bytes instead of {length}").into());
                }
                ended += 1;
                if added < requests {
                    self.add(url)?;
                    added += 1;
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, url: &'u str) -> io::Result<muxfer_core::Handle> {
        let added = self.driver.add(Get { url, received: 0 });
        added.map_err(|_| io::ErrorKind::StorageFull.into())
    }

    /// Else fewer connections are measured than is said.
    fn is_connected(&self) -> Outcome<()> {
        let wanted = self.job.connections + self.job.stalled;
        let connections = self.driver.multi().counts().connections;
        if connections as usize == wanted {
            return Ok(());
        }
        Err(format!("{connections} connections instead of {wanted}").into())
    }
}
