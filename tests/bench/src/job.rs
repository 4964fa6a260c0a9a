//! What one client is told to do.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser};

/// One measurement of one client. All clients, the one in C included, take these arguments.
///
/// A client starts the stalled transfers and waits until all of them have their part of the body;
/// then it makes one request on each connection at once, then so many more to warm up, and then
/// the ones that are measured. Each step is over when all of its requests are.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Where the server listens
    #[arg(long)]
    pub address: SocketAddr,
    /// What is fetched
    #[arg(long)]
    pub path: String,
    /// How long each body must be
    #[arg(long)]
    pub length: u64,
    /// How many requests are measured
    #[arg(long)]
    pub requests: u64,
    /// How many are under way at once
    #[arg(long)]
    pub connections: usize,
    /// What is fetched to warm up
    #[arg(long)]
    pub warm_path: String,
    /// How long its body is
    #[arg(long)]
    pub warm_length: u64,
    /// How many requests warm up, besides the first on each connection
    #[arg(long)]
    pub warm_up: u64,
    /// Where transfers stall: part of the body comes and then nothing
    #[arg(long)]
    pub stall_address: SocketAddr,
    /// How much of the body comes there
    #[arg(long)]
    pub stall_part: u64,
    /// How many transfers are stalled beside those that are measured
    #[arg(long)]
    pub stalled: usize,
    /// How many bytes one read takes, by a client that can be told
    #[arg(long)]
    pub read: usize,
    /// All transfers that are measured are added before the first one starts
    #[arg(long)]
    pub queued: bool,
    /// Each request has a connection of its own, which the server closes
    #[arg(long)]
    pub fresh: bool,
    /// Fetch over TLS, and trust the certificate in this file and no other
    #[arg(long)]
    pub ca: Option<PathBuf>,
    /// Resume the sessions of earlier connections; else each handshake is a full one
    #[arg(long)]
    pub resume: bool,
}

impl Job {
    /// The job as arguments.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut say = |name: &str, value: String| words.extend([format!("--{name}"), value]);
        say("address", self.address.to_string());
        say("path", self.path.clone());
        say("length", self.length.to_string());
        say("requests", self.requests.to_string());
        say("connections", self.connections.to_string());
        say("warm-path", self.warm_path.clone());
        say("warm-length", self.warm_length.to_string());
        say("warm-up", self.warm_up.to_string());
        say("stall-address", self.stall_address.to_string());
        say("stall-part", self.stall_part.to_string());
        say("stalled", self.stalled.to_string());
        say("read", self.read.to_string());
        if let Some(ca) = &self.ca {
            say("ca", ca.display().to_string());
        }
        words.extend(self.queued.then(|| "--queued".to_owned()));
        words.extend(self.fresh.then(|| "--fresh".to_owned()));
        words.extend(self.resume.then(|| "--resume".to_owned()));
        words
    }

    /// The URL of what is fetched.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of(&self.path)
    }

    /// The URL of what is fetched to warm up.
    #[must_use]
    pub fn warm_url(&self) -> String {
        self.url_of(&self.warm_path)
    }

    fn url_of(&self, path: &str) -> String {
        let scheme = if self.ca.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.address)
    }

    /// The URL of a transfer that stalls.
    #[must_use]
    pub fn stall_url(&self) -> String {
        format!("http://{}/", self.stall_address)
    }

    /// How many body bytes all stalled transfers together get.
    #[must_use]
    pub fn stalled_bytes(&self) -> u64 {
        self.stalled as u64 * self.stall_part
    }

    /// The requests of each step that warms up; there are none where nothing is measured.
    #[must_use]
    pub fn warm_ups(&self) -> [u64; 2] {
        if self.requests == 0 {
            return [0, 0];
        }
        [self.connections as u64, self.warm_up]
    }
}

/// The arguments of a client that can do nothing else.
#[derive(Debug, Parser)]
pub struct Only {
    /// What to do
    #[command(flatten)]
    pub job: Job,
}
