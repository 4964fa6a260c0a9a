//! An engine over smoltcp, a server, and the cable between them, in virtual time.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use muxfer_core::time::Instant;
use muxfer_core::{Config, Error, Handle, Multi};
use muxfer_embedded::smoltcp::{Names, Net, Sockets};
use muxfer_linux::{Capacity, Memory};
use smoltcp::iface::{PollResult, SocketSet};
use smoltcp::socket::AnySocket;
use smoltcp::socket::tcp::Socket;

use super::host::{add_ipv6, interface, socket};
use super::server::Server;
use super::wire::{End, Faults, Wire};
use crate::recorder::Recorder;

const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// So many turns in a row may find nothing to do at one time; one more is a spin.
const FRUITLESS: u32 = 2;
/// More turns than any test needs.
const MOST_TURNS: usize = 200_000;
/// The sockets that a scene can have at most.
const PLACES: usize = 8;

/// How a scene is built.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Of the cable, the interfaces and the ports.
    pub seed: u64,
    /// Of the cable.
    pub faults: Faults,
    /// Connections of the engine.
    pub conns: usize,
    /// Sockets lent to it.
    pub sockets: usize,
    /// Bytes of each of their rings.
    pub ring: usize,
    /// Sockets of the server that listen.
    pub listeners: usize,
}

impl Setting {
    /// 4 connections over 4 sockets with rings of 1 KiB, and a sound cable.
    pub const PLAIN: Self = Self {
        seed: 1,
        faults: Faults {
            lose: 0,
            double: 0,
            reorder: 0,
            corrupt: 0,
            delay: Duration::ZERO,
        },
        conns: 4,
        sockets: 4,
        ring: 1024,
        listeners: 8,
    };
}

/// The whole.
pub struct Scene<R: 'static> {
    /// The engine.
    pub multi: Multi<'static, Recorder>,
    /// Its platform.
    pub net: Net<'static, 'static, R>,
    /// The other side.
    pub server: Server,
    /// What is between them.
    pub wire: Wire,
    /// How late it is.
    pub now: Instant,
    /// When the last transfer ended.
    pub ended: Instant,
    /// How many turns the engine's loop has made.
    pub turns: usize,
    device: End,
    results: BTreeMap<Handle, Result<(), Error>>,
    fruitless: u32,
}

impl<R: Names> Scene<R> {
    /// A scene; `names` may add a socket of its own to the set.
    #[must_use]
    pub fn new(setting: &Setting, names: impl FnOnce(&mut SocketSet<'static>) -> R) -> Self {
        let (wire, mut near, far) = Wire::new(setting.seed, setting.faults);
        let iface = interface(&mut near, ADDRESS, setting.seed);
        let mut set = SocketSet::new(Vec::new());
        let names = names(&mut set);
        let mut sockets = Sockets::<PLACES>::new();
        sockets.seed(u32::try_from(setting.seed).expect("a small seed"));
        for _ in 0..setting.sockets {
            let handle = set.add(socket(setting.ring));
            sockets.add(handle).expect("a place");
        }
        let capacity = Capacity {
            conns: setting.conns,
            line_bytes: 512,
            ..Capacity::new(16, setting.conns)
        };
        // A test is short: the memory is given back with the process.
        let memory = Box::leak(Box::new(Memory::new(capacity)));
        let net = Box::leak(Box::new(sockets)).net(
            Instant::ZERO,
            Box::leak(Box::new(iface)),
            Box::leak(Box::new(set)),
            Box::leak(Box::new(names)),
        );
        Self {
            multi: Multi::new(memory.storage(), Config::DEFAULT).expect("a sound configuration"),
            net,
            server: Server::new(far, setting.listeners, 2048),
            wire,
            now: Instant::ZERO,
            ended: Instant::ZERO,
            turns: 0,
            device: near,
            results: BTreeMap::new(),
            fruitless: 0,
        }
    }

    /// Adds a transfer.
    pub fn add(&mut self, easy: Recorder) -> Handle {
        self.multi
            .add(self.now, &mut self.net, easy)
            .expect("a free place")
    }

    /// Adds a GET of this path of the server's address.
    pub fn get(&mut self, path: &str) -> Handle {
        self.add(Recorder::get(&format!("http://10.0.0.2{path}")))
    }

    /// One turn of the application's loop, and of the server's; then time passes until there is
    /// something to do. Answers whether there ever is.
    pub fn step(&mut self, end: Option<Instant>) -> bool {
        self.turns += 1;
        self.wire.at(self.now);
        let sent = self.wire.sent();
        let mut busy = self.net.poll(self.now, &mut self.device) != PollResult::None;
        let multi = &mut self.multi;
        self.net.events(|event| multi.mark(event));
        self.multi.run(self.now, &mut self.net);
        while let Some(message) = self.multi.info_read() {
            self.results.insert(message.handle, message.result);
            self.ended = self.now;
            busy = true;
        }
        self.server.turn(self.now);
        busy |= self.wire.sent() != sent;

        let next = [
            self.net.wake_at(),
            self.server.wake_at(self.now),
            self.wire.next(),
        ];
        let Some(next) = next.into_iter().flatten().min() else {
            return false;
        };
        if end.is_some_and(|end| next > end) {
            return false;
        }
        self.fruitless = if busy || next > self.now {
            0
        } else {
            self.fruitless + 1
        };
        assert!(self.fruitless <= FRUITLESS, "it spins at {:?}", self.now);
        self.now = self.now.max(next);
        true
    }

    /// Runs until no transfer is running.
    pub fn run(&mut self) {
        for _ in 0..MOST_TURNS {
            if !self.is_running() {
                return;
            }
            let more = self.step(None);
            assert!(
                more || !self.is_running(),
                "transfers wait for something that never comes"
            );
        }
        panic!("no end after {MOST_TURNS} turns");
    }

    fn is_running(&self) -> bool {
        let counts = self.multi.counts();
        counts.running + counts.pending > 0
    }

    /// Runs until this time has passed, whatever happens.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..MOST_TURNS {
            if !self.step(Some(end)) {
                self.now = end;
                return;
            }
        }
        panic!("no end after {MOST_TURNS} turns");
    }

    /// Runs to the end and gives a transfer back with its result.
    pub fn finish(&mut self, handle: Handle) -> (Result<(), Error>, Recorder) {
        self.run();
        let result = self.results.remove(&handle).expect("a message");
        let easy = self.multi.remove(self.now, &mut self.net, handle);
        (result, easy.expect("a transfer that is there"))
    }

    /// Each socket of the engine gives up after this time.
    pub fn limit_sockets(&mut self, time: Duration) {
        let time =
            smoltcp::time::Duration::from_micros(u64::try_from(time.as_micros()).unwrap_or(0));
        let sockets = self.net.stack().set.iter_mut();
        for socket in sockets.filter_map(|(_, socket)| Socket::downcast_mut(socket)) {
            socket.set_timeout(Some(time));
        }
    }

    /// Both sides have an IPv6 address, too: `fd00::1` and `fd00::2`.
    pub fn add_ipv6(&mut self) {
        add_ipv6(self.net.stack().iface, 1);
        add_ipv6(self.server.iface(), 2);
    }

    /// The local ports of all sockets of the set, in its order; 0 for one without.
    #[must_use]
    pub fn local_ports(&mut self) -> Vec<u16> {
        let sockets = self.net.stack().set.iter();
        let sockets = sockets.filter_map(|(_, socket)| Socket::downcast(socket));
        let port = |socket: &Socket<'_>| socket.local_endpoint().map_or(0, |local| local.port);
        sockets.map(port).collect()
    }

    /// Closes all connections and lets them say goodbye: then every socket is free and nothing is
    /// waited for.
    pub fn assert_clean(&mut self) {
        self.multi.close_all(self.now, &mut self.net);
        self.run_for(Duration::from_secs(60));
        assert_eq!(self.net.lingering(), 0, "a socket says goodbye for ever");
        assert_eq!(self.net.open(), 0, "a connection that nobody owns");
        assert_eq!(self.net.wake_at(), None, "nobody waits, but a time is told");
    }
}
