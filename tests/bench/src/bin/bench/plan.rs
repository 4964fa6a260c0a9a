//! What is measured: the workloads.

use muxfer_bench::job::Job;

use crate::client::Client;
use crate::server::{self, Servers};
use crate::stall;

/// One of the workloads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Workload {
    /// How it is chosen.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) path: &'static str,
    pub(crate) length: u64,
    pub(crate) connections: usize,
    /// How many requests are measured: enough for about a second.
    pub(crate) requests: u64,
    /// How many in a quick run.
    pub(crate) quick: u64,
    /// Transfers that stall beside the others.
    pub(crate) stalled: usize,
    pub(crate) queued: bool,
    pub(crate) fresh: bool,
    /// Over TLS, and how.
    pub(crate) tls: Option<Tls>,
    /// What muxfer is to reach.
    pub(crate) targets: &'static [Target],
}

/// What is done over TLS.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Tls {
    /// Each handshake is a full one.
    Full,
    /// Each handshake but the first resumes a session.
    Resumed,
}

/// How many times another client's CPU time muxfer may take at most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Target {
    pub(crate) most: f64,
    pub(crate) than: Client,
}

/// 1 KiB over kept connections.
pub(crate) const KEPT: Workload = Workload {
    name: "",
    title: "",
    path: server::SMALL,
    length: server::SMALL_BYTES,
    connections: 0,
    requests: 100_000,
    quick: 20_000,
    stalled: 0,
    queued: false,
    fresh: false,
    tls: None,
    targets: &[],
};

/// In the order of the tables.
pub(crate) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "kept-1",
        title: "1 KiB over 1 kept connection",
        connections: 1,
        requests: 20_000,
        quick: 5_000,
        ..KEPT
    },
    Workload {
        name: "kept-100",
        title: "1 KiB over 100 kept connections",
        connections: 100,
        ..KEPT
    },
    Workload {
        name: "kept-1000",
        title: "1 KiB over 1,000 kept connections",
        connections: 1_000,
        ..KEPT
    },
    Workload {
        name: "kept-10000",
        title: "1 KiB over 10,000 kept connections",
        connections: 10_000,
        ..KEPT
    },
    Workload {
        name: "new-100",
        title: "1 KiB over a new connection each, 100 at once",
        path: server::CLOSE,
        connections: 100,
        requests: 10_000,
        quick: 2_000,
        fresh: true,
        ..KEPT
    },
    Workload {
        name: "16k-100",
        title: "16 KiB over 100 kept connections",
        path: server::MEDIUM,
        length: server::MEDIUM_BYTES,
        connections: 100,
        requests: 30_000,
        quick: 5_000,
        ..KEPT
    },
    Workload {
        name: "bulk-1",
        title: "1 GiB, one at a time",
        path: server::BULK,
        length: server::BULK_BYTES,
        connections: 1,
        requests: 3,
        quick: 1,
        ..KEPT
    },
    Workload {
        name: "bulk-8",
        title: "1 GiB, 8 at once",
        path: server::BULK,
        length: server::BULK_BYTES,
        connections: 8,
        requests: 8,
        quick: 8,
        ..KEPT
    },
    Workload {
        name: "idle-9900",
        title: "1 KiB over 100 kept connections, beside 9,900 transfers that stall",
        connections: 100,
        requests: 50_000,
        stalled: 9_900,
        ..KEPT
    },
    Workload {
        name: "queued",
        title: "1,000,000 transfers added at once, over 100 connections",
        connections: 100,
        requests: 1_000_000,
        quick: 50_000,
        queued: true,
        ..KEPT
    },
];

impl Workload {
    /// 1 KiB over so many kept connections, for what is counted.
    pub(crate) const fn kept(connections: usize) -> Self {
        Self {
            connections,
            ..KEPT
        }
    }

    /// 1 KiB over a new connection each, so many at once, for what is counted.
    pub(crate) const fn new(connections: usize) -> Self {
        Self {
            path: server::CLOSE,
            fresh: true,
            ..Self::kept(connections)
        }
    }

    /// So many transfers that stall, and no others.
    pub(crate) const fn stalled(stalled: usize) -> Self {
        Self {
            stalled,
            ..Self::kept(1)
        }
    }

    /// It repeats one small request; it knows nothing else.
    pub(crate) const fn suits_wrk(&self) -> bool {
        !self.queued && self.stalled == 0 && !self.is_bulk()
    }

    /// One of those that differ in their connections alone.
    pub(crate) fn is_kept(&self) -> bool {
        self.name.starts_with("kept-")
    }

    pub(crate) const fn is_bulk(&self) -> bool {
        self.length >= server::BULK_BYTES
    }

    /// What a client is told.
    pub(crate) fn job(&self, servers: &Servers, requests: u64) -> Job {
        // A new connection for each belongs to what is warmed up; a gigabyte does not.
        let warm_path = if self.fresh {
            server::CLOSE
        } else {
            server::SMALL
        };
        Job {
            address: servers.address(self.tls.is_some()),
            path: self.path.to_owned(),
            length: self.length,
            requests,
            connections: self.connections,
            warm_path: warm_path.to_owned(),
            warm_length: server::SMALL_BYTES,
            warm_up: (self.connections as u64).max(1_000),
            stall_address: servers.stall_address(),
            stall_part: stall::PART,
            stalled: self.stalled,
            read: if self.is_bulk() {
                512 * 1024
            } else {
                16 * 1024
            },
            queued: self.queued,
            fresh: self.fresh,
            ca: self.tls.and(servers.ca()),
            resume: self.tls == Some(Tls::Resumed),
        }
    }
}
