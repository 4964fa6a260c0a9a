//! What one run of the swarm does: plain data, so that it can be printed and made smaller.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use muxfer_core::Config;
use muxfer_core::easy::Expect;

use crate::sim::{Faults, Listen};

/// A whole run.
#[derive(Clone, Debug)]
pub struct Script {
    /// The engine and the network.
    pub setup: Setup,
    /// All transfers that may be added.
    pub jobs: Vec<Job>,
    /// What happens, in order. After the last the faults end, and all must come to rest.
    pub ops: Vec<Op>,
}

/// The engine and the network.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Of the network's faults.
    pub seed: u64,
    /// Places for transfers.
    pub transfers: usize,
    /// Places for connections.
    pub conns: usize,
    /// Places for origins.
    pub origins: usize,
    /// Line blocks.
    pub lines: usize,
    /// The engine's limits.
    pub config: Config,
    /// Names and their addresses; one without any does not resolve.
    pub names: Vec<(&'static str, Vec<IpAddr>)>,
    /// Names and ports: the hosts that jobs ask.
    pub hosts: Vec<Host>,
    /// What addresses do with a connect. Those that are not named accept after 1 ms.
    pub listens: Vec<(SocketAddr, Listen)>,
    /// The network's faults.
    pub faults: Faults,
    /// Bytes on their way to a peer at most.
    pub send_window: usize,
    /// Sockets of the whole system.
    pub descriptors: usize,
    /// How long a look-up takes.
    pub dns_delay: Duration,
    /// How long its answer may be used.
    pub dns_keep: Duration,
    /// The loop may be up to so many ms late.
    pub late_ms: u64,
}

/// A name and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    /// Index of the name.
    pub name: usize,
    /// The port.
    pub port: u16,
}

impl Setup {
    /// `name:port`, as a URL names it.
    #[must_use]
    pub fn authority(&self, host: usize) -> String {
        let Host { name, port } = self.hosts[host];
        match port {
            80 => self.names[name].0.to_owned(),
            port => format!("{}:{port}", self.names[name].0),
        }
    }

    /// What the addresses of a host do with a connect.
    #[must_use]
    pub fn listens_of(&self, host: usize) -> Vec<Listen> {
        let Host { name, port } = self.hosts[host];
        let of = |ip: &IpAddr| {
            let address = SocketAddr::new(*ip, port);
            let found = self.listens.iter().find(|(at, _)| *at == address);
            found.map_or(Listen::Accept(Duration::from_millis(1)), |(_, what)| *what)
        };
        self.names[name].1.iter().map(of).collect()
    }
}

/// One transfer.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its method.
    pub method: &'static str,
    /// Its settings number.
    pub settings: u32,
    /// Its body.
    pub upload: Upload,
    /// What each request of it meets; all but the last are redirects.
    pub hops: Vec<Hop>,
    /// How many redirects are followed; `None` delivers them.
    pub follow: Option<u16>,
    /// `on_redirect` stops at this hop.
    pub stop_at: Option<usize>,
    /// POST stays POST.
    pub keep_post: bool,
    /// What is secret about it.
    pub secret: Secret,
    /// Body offsets at which receiving is paused.
    pub pauses: Vec<usize>,
    /// Where the easy handle gives up.
    pub abort: Option<Abort>,
    /// Limit of the whole, in ms.
    pub total_ms: Option<u64>,
    /// Limit of connecting, in ms.
    pub connect_ms: Option<u64>,
    /// Bytes a second and seconds.
    pub low_speed: Option<(u32, u64)>,
    /// Bytes a second.
    pub receive_rate: Option<u32>,
    /// Bytes a second.
    pub send_rate: Option<u32>,
    /// How often progress is told, in ms.
    pub progress_ms: Option<u64>,
    /// Whether the peer is asked first.
    pub expect: Expect,
    /// A status of 400 or more is an error.
    pub fail_on_error: bool,
    /// No idle connection is taken.
    pub fresh: bool,
    /// The connection is not kept.
    pub forbid: bool,
    /// The longest body that is accepted.
    pub max_body: Option<u64>,
}

/// The body of a request.
#[derive(Clone, Debug)]
pub struct Upload {
    /// Where it comes from.
    pub kind: UploadKind,
    /// Its length.
    pub len: usize,
    /// Offsets at which `read_body` pauses once.
    pub pauses: Vec<usize>,
    /// `read_body` gives up here.
    pub fails_at: Option<usize>,
    /// `rewind` works.
    pub can_rewind: bool,
}

/// Where a body comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadKind {
    /// There is none.
    None,
    /// Memory.
    Bytes,
    /// `read_body`, of known length.
    Sized,
    /// `read_body`, in chunks.
    Chunked,
}

/// What must not reach another origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secret {
    /// Nothing.
    None,
    /// User and password.
    Basic,
    /// A token.
    Bearer,
    /// In the URL.
    Url,
    /// A cookie.
    Cookie,
}

/// Where an easy handle gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abort {
    /// At the status of the last hop.
    Status,
    /// At the end of its head.
    Head,
    /// At this body offset.
    Body(usize),
    /// At the first progress.
    Progress,
}

/// One request and what it meets.
#[derive(Clone, Debug)]
pub struct Hop {
    /// Which host it goes to.
    pub host: usize,
    /// The status of the answer.
    pub status: u16,
    /// How `Location` names the next hop.
    pub location: Location,
    /// How the body's end is shown.
    pub framing: Framing,
    /// The body's length.
    pub body: usize,
    /// 1xx responses before it.
    pub interim: u8,
    /// `100 Continue` is said if it is asked for.
    pub continues: bool,
    /// 417 is said if `100 Continue` is asked for.
    pub refuses_expect: bool,
    /// The answer does not wait for the body of the request.
    pub early: bool,
    /// The connection is closed behind it.
    pub close: bool,
    /// The peer closes an idle connection after so many ms.
    pub patience_ms: Option<u64>,
    /// Before the answer, in ms.
    pub wait_ms: u64,
    /// The answer comes in pieces of so many bytes; 0 is whole.
    pub piece: usize,
    /// Between the pieces, in ms.
    pub gap_ms: u64,
    /// What is wrong with it.
    pub fault: Option<Fault>,
}

/// How a `Location` is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// A whole URL.
    Absolute,
    /// `//host/path`.
    SchemeRelative,
    /// `/path`, if the host is the same.
    Path,
}

/// How the end of a body is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// `Content-Length`.
    Sized,
    /// Chunks of this size, with an extension and a trailer.
    Chunked(usize),
    /// The end of the connection.
    Close,
}

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It ends here, counted round its length, by a close or a reset.
    Cut {
        /// Bytes.
        at: usize,
        /// By a reset.
        reset: bool,
    },
    /// Nothing more comes from here on.
    Stall(usize),
    /// The peer does not even read.
    Deaf,
    /// Bytes follow that nobody asked for.
    Extra,
    /// The first attempts end without a word.
    Drop {
        /// How many.
        times: usize,
        /// By a reset.
        reset: bool,
    },
    /// It is malformed.
    Bad(Bad),
}

/// How an answer is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// No HTTP.
    NotHttp,
    /// Two lengths.
    Lengths,
    /// A length and chunks.
    Conflict,
    /// A size that is none.
    ChunkSize,
    /// No line end behind a chunk.
    ChunkEnd,
    /// A folded line.
    Folded,
    /// An unknown coding.
    Coding,
    /// Another protocol.
    Upgrade,
    /// Too many 1xx.
    Interim,
    /// A line longer than a block.
    Line,
}

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// The job of this number is added.
    Add(usize),
    /// The job is removed, wherever it is.
    Remove(usize),
    /// Directions of the job are paused.
    Pause(usize, bool, bool),
    /// The job goes on.
    Unpause(usize),
    /// So many rounds of the loop.
    Turns(usize),
    /// So many ms pass without the loop.
    Sleep(u64),
    /// Up to so many messages are read.
    Read(usize),
    /// The timer fires early.
    FireTimer,
    /// `perform`.
    Perform,
    /// The network has changed.
    NetworkChanged,
    /// The peer of one of the open connections resets or closes it.
    Disturb(usize, bool),
    /// The system has so many descriptors from now on.
    Descriptors(usize),
    /// Everything is closed.
    CloseAll,
}
