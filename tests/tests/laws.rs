//! The laws of `core/src/platform.rs`, on the simulated platform, on epoll, on io_uring and on smoltcp.

use std::net::SocketAddr;
use std::time::Duration;

use muxfer_core::{ConnId, Event};
use muxfer_linux::{Epoll, EpollOptions, Loop, SocketOptions, Uring, UringOptions};
use muxfer_tests::laws::{self, Lab};
use muxfer_tests::remotes::Remotes;
use muxfer_tests::sim::{Act, Call, Listen, Sim};
use muxfer_tests::stack::LoopbackLab;

/// How long one `settle` of a real platform lasts at most.
const SETTLE: Duration = Duration::from_millis(40);
const SIM_ADDRESS: &str = "10.0.0.1:80";

/// The simulated network: its peer does what the test says, and keeps what it is sent.
struct SimLab {
    sim: Sim,
    last: Option<ConnId>,
}

impl SimLab {
    fn new() -> Self {
        let mut sim = Sim::new(1);
        sim.listen(SIM_ADDRESS, Listen::Accept(Duration::from_millis(1)));
        sim.send_window = 300_000;
        Self { sim, last: None }
    }

    fn act(&mut self, act: Act) {
        self.sim.push(self.last.expect("a connection"), vec![act]);
    }
}

impl Lab for SimLab {
    type Platform = Sim;

    fn platform(&mut self) -> &mut Sim {
        &mut self.sim
    }

    fn address(&self) -> SocketAddr {
        SIM_ADDRESS.parse().expect("an address")
    }

    fn accept(&mut self) {
        let opened = self.sim.log.iter().rev().find_map(|call| match call {
            Call::Open(conn, _) => Some(*conn),
            Call::Socket(..) | Call::Timer(_) | Call::Close(_) => None,
        });
        self.last = opened;
    }

    fn remote_send(&mut self, bytes: &[u8]) {
        self.act(Act::Send(bytes.to_vec()));
    }

    fn remote_read(&mut self) -> Vec<u8> {
        self.sim.take(self.last.expect("a connection"))
    }

    fn remote_close(&mut self) {
        self.act(Act::Close);
    }

    fn remote_reset(&mut self) {
        self.act(Act::Reset);
    }

    fn settle(&mut self) -> Vec<Event> {
        loop {
            let events = self.sim.events();
            if !events.is_empty() {
                return events;
            }
            match self.sim.next() {
                Some(at) => self.sim.now = at,
                None => return events,
            }
        }
    }
}

/// A platform of Linux, with sockets of the standard library as the far ends.
struct SocketLab<L> {
    platform: L,
    remotes: Remotes,
}

fn epoll() -> SocketLab<Epoll> {
    SocketLab::new(Epoll::new(&EpollOptions::default()).expect("an epoll instance"))
}

fn uring(options: &UringOptions) -> SocketLab<Uring> {
    SocketLab::new(Uring::new(options).expect("io_uring"))
}

/// Each receive takes a whole buffer, as before Linux 6.12.
fn whole_buffers() -> UringOptions {
    UringOptions {
        incremental: false,
        ..UringOptions::default()
    }
}

/// Hardly any memory: buffers run dry, queues overflow, and nothing may be copied.
fn hardly_any_memory() -> UringOptions {
    UringOptions {
        sockets: SocketOptions {
            spill_bytes: 0,
            ..SocketOptions::default()
        },
        submissions: 8,
        receive_bytes: 2 * 4096,
        buffers: 2,
        whole_buffers: 2,
        send_bytes: 0,
        ..UringOptions::default()
    }
}

/// The same, but what is left unread is copied.
fn few_buffers() -> UringOptions {
    UringOptions {
        sockets: SocketOptions::default(),
        ..hardly_any_memory()
    }
}

impl<L: Loop> SocketLab<L> {
    fn new(platform: L) -> Self {
        Self {
            platform,
            remotes: Remotes::new(),
        }
    }
}

impl<L: Loop> Lab for SocketLab<L> {
    type Platform = L;

    fn platform(&mut self) -> &mut L {
        &mut self.platform
    }

    fn address(&self) -> SocketAddr {
        self.remotes.address()
    }

    fn accept(&mut self) {
        let platform = &mut self.platform;
        // Some platforms connect only while they wait. What they tell is not lost: readiness is told
        // again.
        self.remotes.accept(|| {
            let wait = Some(Duration::from_millis(1));
            platform.wait_for(None, wait, drop).expect("a wait");
        });
    }

    fn remote_send(&mut self, bytes: &[u8]) {
        self.remotes.send(bytes);
    }

    fn remote_read(&mut self) -> Vec<u8> {
        self.remotes.read()
    }

    fn remote_close(&mut self) {
        self.remotes.close();
    }

    fn remote_reset(&mut self) {
        self.remotes.reset();
    }

    fn settle(&mut self) -> Vec<Event> {
        self.remotes.pump();
        let mut events = Vec::new();
        self.platform
            .wait_for(None, Some(SETTLE), |event| events.push(event))
            .expect("a wait");
        events
    }
}

macro_rules! on_each_platform {
    ($real:ident; $($law:ident)*) => {
        mod sim {
            $(#[test] fn $law() { super::laws::$law(&mut super::SimLab::new()); })*
        }

        on_real! { epoll, super::epoll(), $real $($law)* }
        on_real! { uring, super::uring(&super::UringOptions::default()), $real $($law)* }
        on_real! { uring_whole_buffers, super::uring(&super::whole_buffers()), $real $($law)* }
        on_real! { uring_few_buffers, super::uring(&super::few_buffers()), $real $($law)* }
        on_real! { uring_hardly_any_memory, super::uring(&super::hardly_any_memory()), $real $($law)* }
        on_real! { smoltcp, super::LoopbackLab::new(65_535), $real $($law)* }
        on_real! { smoltcp_small_rings, super::LoopbackLab::new(1000), $real $($law)* }
    };
}

macro_rules! on_real {
    ($name:ident, $lab:expr, $($law:ident)*) => {
        mod $name {
            $(#[test] fn $law() { super::laws::$law(&mut $lab); })*
        }
    };
}

muxfer_tests::with_all_laws!(on_each_platform);
