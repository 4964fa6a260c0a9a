//! The simulated platform: a network of scripted peers in virtual time, with faults from a seed.
//!
//! It is strict: an engine that breaks a law of the platform, or that tells the watch something
//! twice, makes it panic with the reason.

mod faults;
mod peer;
mod prng;
mod socket;

pub use faults::Faults;
pub use peer::{Act, Inbound, Peer, Request, http, ok};
pub use prng::Prng;
pub use socket::Target;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use muxfer_core::net::{Addresses, Interest, IoError, Nb, Ready, Stall};
use muxfer_core::platform::{self, Lent, ResolveError, Resolved, Resolver, Transport, Watch};
use muxfer_core::time::Instant;
use muxfer_core::{ConnId, Event, OriginId};

use socket::Socket;

/// What an address does with a connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    /// Accepts after this delay.
    Accept(Duration),
    /// Refuses after this delay.
    Refuse(Duration),
    /// Never answers.
    Silent,
    /// The system refuses to try.
    Fail(IoError),
}

/// What the engine did to the platform, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Opened a connection.
    Open(ConnId, SocketAddr),
    /// Told an interest.
    Socket(ConnId, Interest),
    /// Told a time.
    Timer(Option<Instant>),
    /// Closed a connection.
    Close(ConnId),
}

/// The most connections of which late events are still reported.
const REMEMBERED: usize = 16;

/// A network and its clock.
pub struct Sim {
    /// The time.
    pub now: Instant,
    /// All calls so far.
    pub log: Vec<Call>,
    /// What goes wrong.
    pub faults: Faults,
    /// How long a look-up takes.
    pub dns_delay: Duration,
    /// How long an answer may be used.
    pub dns_keep: Duration,
    /// How many look-ups were begun.
    pub lookups: usize,
    /// How many look-ups were cancelled.
    pub cancelled: usize,
    /// How many connections can be open; more is [`IoError::NoDescriptors`].
    pub descriptors: usize,
    /// Room for bytes that are on their way to the peer or that it has not used.
    pub send_window: usize,
    /// Bytes consumed and committed, connections opened and closed, names looked up: what counts
    /// as progress.
    pub moved: u64,
    /// How often [`Sim::descriptors`] was hit.
    pub refused: usize,
    random: Prng,
    sockets: BTreeMap<ConnId, Socket>,
    opened: HashSet<ConnId>,
    names: HashMap<String, Vec<IpAddr>>,
    listeners: HashMap<SocketAddr, Listen>,
    peers: HashMap<SocketAddr, Peer>,
    queries: BTreeMap<OriginId, Instant>,
    announced: BTreeSet<OriginId>,
    closed: VecDeque<ConnId>,
    timer: Option<Instant>,
    fired: bool,
    room: Vec<u8>,
}

impl Sim {
    /// A network without hosts.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            now: Instant::from_micros(1_000_000),
            log: Vec::new(),
            faults: Faults::default(),
            dns_delay: Duration::ZERO,
            dns_keep: Duration::from_secs(60),
            lookups: 0,
            cancelled: 0,
            descriptors: usize::MAX,
            send_window: 16 * 1024 * 1024,
            moved: 0,
            refused: 0,
            random: Prng::new(seed),
            sockets: BTreeMap::new(),
            opened: HashSet::new(),
            names: HashMap::new(),
            listeners: HashMap::new(),
            peers: HashMap::new(),
            queries: BTreeMap::new(),
            announced: BTreeSet::new(),
            closed: VecDeque::new(),
            timer: None,
            fired: true,
            room: vec![0; 64 * 1024],
        }
    }

    /// A name with its addresses.
    pub fn name(&mut self, name: &str, addresses: &[&str]) {
        let addresses = addresses
            .iter()
            .map(|address| address.parse().expect("an address"));
        self.names.insert(name.to_string(), addresses.collect());
    }

    /// What an address does with a connect. Addresses that are not named refuse at once.
    pub fn listen(&mut self, address: &str, what: Listen) {
        self.listeners
            .insert(address.parse().expect("an address"), what);
    }

    /// A peer at `10.0.0.1`-like addresses, which accepts at once.
    pub fn serve(&mut self, address: &str, peer: Peer) {
        let address = address.parse().expect("an address");
        self.listeners
            .entry(address)
            .or_insert(Listen::Accept(Duration::from_millis(1)));
        self.peers.insert(address, peer);
    }

    /// The connections that are open.
    pub fn open_connections(&self) -> impl Iterator<Item = ConnId> {
        self.sockets.keys().copied()
    }

    /// What is watched now, by what was told.
    pub fn watched(&self) -> Vec<(ConnId, Interest)> {
        let watched = self
            .sockets
            .iter()
            .map(|(id, socket)| (*id, socket.interest));
        watched
            .filter(|(_, interest)| !interest.is_none())
            .collect()
    }

    /// The time that was told last and has not fired.
    #[must_use]
    pub const fn timer(&self) -> Option<Instant> {
        self.timer
    }

    /// What an open connection was opened for, and whether the engine was told that it stands.
    #[must_use]
    pub fn target(&self, id: ConnId) -> Option<(&Target, bool)> {
        let socket = self.sockets.get(&id)?;
        Some((&socket.target, socket.stands))
    }

    /// The peer of a connection does something now, without having been asked.
    pub fn push(&mut self, id: ConnId, acts: Vec<Act>) {
        let (now, delay) = (self.now, self.delay());
        if let Some(socket) = self.sockets.get_mut(&id) {
            socket.schedule(now, delay, acts);
        }
    }

    /// What a connection's peer has been sent and has not used yet. It is used now, which makes room
    /// for more.
    pub fn take(&mut self, id: ConnId) -> Vec<u8> {
        let socket = self.sockets.get_mut(&id);
        socket.map_or_else(Vec::new, |socket| std::mem::take(&mut socket.inbox))
    }

    /// All events that a level-triggered system would report now, and what the faults add to them.
    pub fn events(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        let spurious = self.random.chance(self.faults.spurious);
        let ids: Vec<ConnId> = self.sockets.keys().copied().collect();
        for id in ids {
            let (now, window) = (self.now, self.send_window);
            let socket = self.socket(id, "events");
            let mut ready = socket.ready(now, window);
            if spurious && !socket.interest.is_none() {
                ready |= Ready::READ | Ready::WRITE;
            }
            if !ready.is_none() {
                let ready = self.mask(ready);
                events.push(Event::Socket(id, ready));
            }
        }
        for (query, at) in &self.queries {
            if *at <= self.now && self.announced.insert(*query) {
                events.push(Event::Resolved(*query));
            }
        }
        self.disturb(&mut events);
        if self.timer.is_some_and(|at| at <= self.now) {
            self.timer = None;
            self.fired = true;
            events.push(Event::Timeout);
        }
        events
    }

    /// A mask is only a hint (CONTRACT R52).
    fn mask(&mut self, ready: Ready) -> Ready {
        if !self.random.chance(self.faults.masks) {
            return ready;
        }
        let masks = [Ready::NONE, Ready::ALL, Ready::ERROR, Ready::WRITE];
        masks[self.index(masks.len())]
    }

    /// Events of the past, events that come twice, and another order.
    fn disturb(&mut self, events: &mut Vec<Event>) {
        if self.random.chance(self.faults.stale) && !self.closed.is_empty() {
            let nth = self.index(self.closed.len());
            let late = self.closed[nth];
            events.push(Event::Socket(late, Ready::ALL));
        }
        if self.random.chance(self.faults.double) && !events.is_empty() {
            let nth = self.index(events.len());
            events.push(events[nth]);
        }
        if self.faults.shuffle {
            self.random.shuffle(events);
        }
    }

    /// When the next thing happens, if nothing is told to the platform before.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        let sockets = self
            .sockets
            .values()
            .filter_map(|socket| socket.next(self.now));
        let queries = self
            .queries
            .iter()
            .filter(|(query, _)| !self.announced.contains(query));
        let queries = queries.map(|(_, at)| *at);
        sockets.chain(queries).chain(self.timer).min()
    }

    /// The timer fires, whatever the time.
    pub const fn fire(&mut self) {
        self.timer = None;
        self.fired = true;
    }

    /// An open connection, in which all has happened that is due.
    fn socket(&mut self, id: ConnId, call: &str) -> &mut Socket {
        let (now, delay) = (self.now, self.delay());
        let Some(socket) = self.sockets.get_mut(&id) else {
            panic!("{call} of {id}, which is not open")
        };
        let peer = self.peers.get_mut(&socket.target.address);
        socket.arrive(id, now, delay, peer);
        socket
    }

    fn stalls(&mut self) -> bool {
        self.random.chance(self.faults.would_block)
    }

    fn index(&mut self, limit: usize) -> usize {
        usize::try_from(self.random.below(limit.max(1) as u64)).unwrap_or(0)
    }

    /// How long what is sent now is on its way.
    fn delay(&mut self) -> Duration {
        let most = u64::try_from(self.faults.latency.as_micros()).unwrap_or(0);
        if most == 0 {
            return Duration::ZERO;
        }
        Duration::from_micros(self.random.below(most + 1))
    }

    /// A bound of the faults, or less; 0 is none.
    fn bound(&mut self, limit: usize) -> usize {
        match limit {
            0 => usize::MAX,
            _ if self.faults.ragged => self.index(limit) + 1,
            _ => limit,
        }
    }
}

impl Transport for Sim {
    fn open(&mut self, conn: ConnId, target: &platform::Target<'_>) -> Result<(), IoError> {
        assert!(self.opened.insert(conn), "{conn} was opened before");
        self.log.push(Call::Open(conn, target.address));
        if self.sockets.len() >= self.descriptors {
            self.refused += 1;
            return Err(IoError::NoDescriptors);
        }
        let listen = self.listeners.get(&target.address).copied();
        let listen = listen.unwrap_or(Listen::Refuse(Duration::ZERO));
        if let Listen::Fail(error) = listen {
            return Err(error);
        }
        let target = Target {
            host: target.host.to_owned(),
            settings: target.settings,
            address: target.address,
        };
        self.moved += 1;
        self.sockets
            .insert(conn, Socket::new(target, listen, self.now));
        Ok(())
    }

    fn opened(&mut self, conn: ConnId) -> Nb<()> {
        let now = self.now;
        self.socket(conn, "opened").opened(now)
    }

    fn fill(&mut self, conn: ConnId, at_most: usize) -> Nb<Lent<'_>> {
        assert!(at_most > 0, "fill of nothing");
        let (stalls, eager) = (self.stalls(), self.random.chance(self.faults.eager));
        let split = self.bound(self.faults.split);
        let socket = self.socket(conn, "fill");
        if stalls && socket.can_stall() {
            return Err(Stall::WouldBlock);
        }
        socket.fill(at_most.min(split), eager)
    }

    fn consume(&mut self, conn: ConnId, n: usize) {
        self.moved += n as u64;
        self.socket(conn, "consume").consume(n);
    }

    fn reserve(&mut self, conn: ConnId) -> Nb<&mut [u8]> {
        let stalls = self.stalls();
        self.flush(conn)?;
        let (window, limit) = (self.send_window, self.bound(self.faults.window));
        let room = self.socket(conn, "reserve").room(window)?;
        if stalls || room == 0 {
            return Err(Stall::WouldBlock);
        }
        let room = room.min(limit).min(self.room.len());
        self.socket(conn, "reserve").reserved = room;
        self.room.fill(0xaa);
        Ok(&mut self.room[..room])
    }

    fn commit(&mut self, conn: ConnId, n: usize) -> Result<(), IoError> {
        let (now, delay) = (self.now, self.delay());
        let taken = if self.faults.ragged {
            self.index(n + 1)
        } else {
            n
        };
        self.moved += n as u64;
        let Some(socket) = self.sockets.get_mut(&conn) else {
            panic!("commit of {conn}")
        };
        assert!(
            n <= socket.reserved,
            "{conn}: committed {n} of {}",
            socket.reserved
        );
        socket.reserved = 0;
        socket.commit(now, &self.room[..n], taken, delay)?;
        // What takes no time has arrived by now.
        self.socket(conn, "commit");
        Ok(())
    }

    fn flush(&mut self, conn: ConnId) -> Nb<()> {
        let (now, window, delay) = (self.now, self.send_window, self.delay());
        let result = self.socket(conn, "flush").flush(now, window, delay);
        self.socket(conn, "flush");
        result
    }

    fn close(&mut self, conn: ConnId) {
        let socket = self.sockets.remove(&conn);
        let socket = socket.unwrap_or_else(|| panic!("close of {conn}, which is not open"));
        assert!(
            socket.interest.is_none(),
            "CONTRACT R25: {conn} is closed and still watched"
        );
        self.moved += 1;
        self.log.push(Call::Close(conn));
        self.closed.push_back(conn);
        if self.closed.len() > REMEMBERED {
            self.closed.pop_front();
        }
    }
}

impl Watch for Sim {
    fn socket(&mut self, conn: ConnId, want: Interest) {
        let Some(socket) = self.sockets.get_mut(&conn) else {
            panic!("{conn} is watched and not open")
        };
        assert_ne!(
            socket.interest, want,
            "CONTRACT R21: {conn} was told so before"
        );
        socket.interest = want;
        self.log.push(Call::Socket(conn, want));
    }

    fn timer(&mut self, at: Option<Instant>) {
        let first = std::mem::take(&mut self.fired);
        assert!(
            first || at != self.timer,
            "CONTRACT R41: {at:?} was told before"
        );
        assert!(
            at.is_some() || self.timer.is_some(),
            "CONTRACT R41: none was set"
        );
        self.timer = at;
        self.log.push(Call::Timer(at));
    }
}

impl Resolver for Sim {
    fn resolve(&mut self, query: OriginId, host: &str, _port: u16) -> Nb<Resolved, ResolveError> {
        if let Ok(address) = host.parse::<IpAddr>() {
            let addresses = Addresses::from_iter([address]);
            return Ok(Resolved {
                addresses,
                keep: self.dns_keep,
            });
        }
        if !self.queries.contains_key(&query) {
            self.lookups += 1;
            self.queries.insert(query, self.now + self.dns_delay);
        }
        if self.queries[&query] > self.now {
            return Err(Stall::WouldBlock);
        }
        if self.random.chance(self.faults.slow_names) {
            // Told again, as if the answer had got lost.
            self.announced.remove(&query);
            return Err(Stall::WouldBlock);
        }
        self.moved += 1;
        self.queries.remove(&query);
        self.announced.remove(&query);
        match self.names.get(host) {
            Some(found) => {
                let addresses = found.iter().copied().collect();
                Ok(Resolved {
                    addresses,
                    keep: self.dns_keep,
                })
            }
            None => Err(Stall::Failed(ResolveError::NotFound)),
        }
    }

    fn cancel(&mut self, query: OriginId) {
        self.cancelled += 1;
        self.queries.remove(&query);
        self.announced.remove(&query);
    }
}
