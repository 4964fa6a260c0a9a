//! What the scenario runs on: a simulated network, and real sockets.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use muxfer_core::Event;
use muxfer_core::platform::Platform;
use muxfer_core::time::Instant;
use muxfer_linux::{Clock, Loop};

use super::platform::Faulty;
use super::trap::Trap;
use crate::hostile::{self, Gate, Server, catalogue, pattern};
use crate::sim::{Act, Listen, Peer, Request, Sim, http};

/// A platform with its peers, which answer as the entries of the hostile catalogue say. They are at
/// a numeric address, and at the name `localhost` with another address before it that refuses.
pub trait Bench {
    /// What the trap is around.
    type Platform: Platform;

    /// The platform.
    fn platform(&mut self) -> &mut Faulty<Self::Platform>;

    /// The time.
    fn now(&self) -> Instant;

    /// The numeric address of the peers.
    fn address(&self) -> SocketAddr;

    /// How large an upload must be to take several sends.
    fn upload_bytes(&self) -> u64;

    /// Lets things happen until there is an event, for a bounded time.
    ///
    /// # Errors
    /// Waiting failed, or nothing will ever happen again.
    fn events(&mut self, deadline: Option<Instant>) -> io::Result<Vec<Event>>;

    /// Is nothing left of all connections, and nothing watched, once the engine has closed them?
    fn is_clean(&mut self) -> bool;
}

/// The simulated network.
pub struct SimBench {
    platform: Faulty<Sim>,
}

const SIM_ADDRESS: &str = "10.0.0.1:80";
const SIM_REFUSES: &str = "10.0.0.9";
/// Room that is lent for sending.
const SIM_WINDOW: usize = 1000;

impl SimBench {
    /// A network whose streams come in pieces of so many bytes.
    #[must_use]
    pub fn new(split: usize, trap: &Trap) -> Self {
        let mut sim = Sim::new(1);
        sim.faults.split = split;
        sim.faults.window = SIM_WINDOW;
        sim.dns_delay = Duration::from_millis(3);
        sim.name("localhost", &[SIM_REFUSES, "10.0.0.1"]);
        let refusing = format!("{SIM_REFUSES}:80");
        sim.listen(&refusing, Listen::Refuse(Duration::from_millis(1)));
        sim.serve(SIM_ADDRESS, peer());
        Self {
            platform: Faulty::new(sim, trap.clone()),
        }
    }
}

/// A peer that does what the catalogue says.
fn peer() -> Peer {
    http(|request| {
        check_body(request);
        let nth = u32::try_from(request.nth).unwrap_or(u32::MAX);
        let acts = catalogue::answer(&request.head, nth, 0);
        acts.into_iter().filter_map(simulated).collect()
    })
}

/// Bodies of requests are those of their number, too.
fn check_body(request: &Request) {
    let number = request
        .path()
        .split_once("?n=")
        .map_or("", |(_, rest)| rest);
    let number = number.split('&').next().and_then(|text| text.parse().ok());
    let wrong = pattern::difference(number.unwrap_or(0), 0, &request.body);
    assert_eq!(wrong, None, "the body of {}", request.path());
}

fn simulated(act: hostile::Act) -> Option<Act> {
    match act {
        hostile::Act::Send(bytes) => Some(Act::Send(bytes)),
        hostile::Act::Wait(time) => Some(Act::Wait(time)),
        hostile::Act::Close => Some(Act::Close),
        hostile::Act::Reset => Some(Act::Reset),
        // It has come whole before the peer is asked.
        hostile::Act::Body => None,
        hostile::Act::Flood(_)
        | hostile::Act::Drip(..)
        | hostile::Act::Urgent(_)
        | hostile::Act::Deaf
        | hostile::Act::HalfClose
        | hostile::Act::Stay => panic!("{act:?} is for real sockets"),
    }
}

impl Bench for SimBench {
    type Platform = Sim;

    fn platform(&mut self) -> &mut Faulty<Sim> {
        &mut self.platform
    }

    fn now(&self) -> Instant {
        self.platform.inner.now
    }

    fn address(&self) -> SocketAddr {
        SIM_ADDRESS.parse().expect("an address")
    }

    fn upload_bytes(&self) -> u64 {
        SIM_WINDOW as u64 * 5 / 2
    }

    fn events(&mut self, _deadline: Option<Instant>) -> io::Result<Vec<Event>> {
        let sim = &mut self.platform.inner;
        let events = sim.events();
        if !events.is_empty() {
            return Ok(events);
        }
        let next = sim.next();
        let next = next.ok_or_else(|| io::Error::other("nothing will ever happen again"))?;
        sim.now = sim.now.max(next);
        Ok(sim.events())
    }

    fn is_clean(&mut self) -> bool {
        let sim = &self.platform.inner;
        let open = sim.open_connections().count();
        open == 0 && sim.watched().is_empty() && sim.timer().is_none()
    }
}

/// A platform of Linux, and the hostile server.
pub struct SocketBench<'a, L> {
    platform: Faulty<L>,
    server: &'a Server,
}

impl<'a, L: Loop> SocketBench<'a, L> {
    /// This platform with this server.
    #[must_use]
    pub fn new(mut platform: L, server: &'a Server, trap: &Trap) -> Self {
        let port = server.address(Gate::Open).port();
        // Nobody listens at the first: the whole of 127.0.0.0/8 is this host, the server just .1.
        let addresses = [Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::LOCALHOST];
        platform
            .names()
            .pin("localhost", port, addresses.map(IpAddr::V4));
        Self {
            platform: Faulty::new(platform, trap.clone()),
            server,
        }
    }
}

impl<L: Loop> Bench for SocketBench<'_, L> {
    type Platform = L;

    fn platform(&mut self) -> &mut Faulty<L> {
        &mut self.platform
    }

    fn now(&self) -> Instant {
        Clock.now()
    }

    fn address(&self) -> SocketAddr {
        self.server.address(Gate::Open)
    }

    fn upload_bytes(&self) -> u64 {
        150_000
    }

    fn events(&mut self, deadline: Option<Instant>) -> io::Result<Vec<Event>> {
        let at_most = Some(Duration::from_millis(50));
        let mut events = Vec::new();
        let platform = &mut self.platform.inner;
        platform.wait_for(deadline, at_most, |event| events.push(event))?;
        Ok(events)
    }

    fn is_clean(&mut self) -> bool {
        let platform = &mut self.platform.inner;
        // Some platforms close only when they wait.
        let mut told = false;
        let waited = platform.wait_for(None, Some(Duration::ZERO), |_| told = true);
        if waited.is_err() || told {
            return false;
        }
        platform.spilled_bytes() == 0 && self.server.wait_until_idle(Duration::from_secs(5))
    }
}
