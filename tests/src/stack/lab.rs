//! The bench for the laws: smoltcp on its loopback device, the far ends on the same interface.

use std::net::SocketAddr;
use std::time::Duration;

use muxfer_core::Event;
use muxfer_core::time::Instant;
use muxfer_embedded::smoltcp::{Fixed, Net, Sockets, to_smoltcp};
use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::phy::{Loopback, Medium};
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

use crate::laws::Lab;

/// How long one `settle` lasts at most: longer than any lingering.
const SETTLE: Duration = Duration::from_secs(20);
/// More turns than any `settle` needs.
const MOST_TURNS: usize = 10_000;
const PORT: u16 = 80;
/// As many connections as the laws have at once.
const SOCKETS: usize = 2;

/// smoltcp in virtual time.
pub struct LoopbackLab {
    net: Net<'static, 'static, Fixed<'static>>,
    device: Loopback,
    now: Instant,
    ring: usize,
    /// The far ends; the last one listens.
    remotes: Vec<Remote>,
}

struct Remote {
    handle: SocketHandle,
    /// What has no room in the ring yet.
    outbox: Vec<u8>,
    closing: bool,
}

impl LoopbackLab {
    /// With rings of so many bytes, on both sides.
    #[must_use]
    pub fn new(ring: usize) -> Self {
        let mut device = Loopback::new(Medium::Ip);
        let config = Config::new(HardwareAddress::Ip);
        let mut iface = Interface::new(config, &mut device, to_smoltcp(Instant::ZERO));
        iface.update_ip_addrs(|addresses| {
            let own = IpCidr::new(IpAddress::v4(127, 0, 0, 1), 8);
            addresses.push(own).expect("room for an address");
        });
        let mut set = SocketSet::new(Vec::new());
        let mut sockets = Sockets::<SOCKETS>::new();
        for _ in 0..SOCKETS {
            let handle = set.add(socket(ring));
            sockets.add(handle).expect("a place");
        }
        // A test is short: the memory is given back with the process.
        let net = Box::leak(Box::new(sockets)).net(
            Instant::ZERO,
            Box::leak(Box::new(iface)),
            Box::leak(Box::new(set)),
            Box::leak(Box::new(Fixed(&[]))),
        );
        let mut lab = Self {
            net,
            device,
            now: Instant::ZERO,
            ring,
            remotes: Vec::new(),
        };
        lab.listen();
        lab
    }

    fn listen(&mut self) {
        let mut listener = socket(self.ring);
        listener.listen(PORT).expect("a port");
        self.remotes.push(Remote {
            handle: self.net.stack().set.add(listener),
            outbox: Vec::new(),
            closing: false,
        });
    }

    /// The far end of the connection that was opened last, and its socket.
    fn remote(&mut self) -> (&mut Remote, &mut Socket<'static>) {
        let accepted = self.remotes.len().checked_sub(2).expect("a connection");
        let remote = &mut self.remotes[accepted];
        let socket = self.net.stack().set.get_mut(remote.handle);
        (remote, socket)
    }

    /// The far ends go on with what they have to send.
    fn pump(&mut self) {
        for remote in &mut self.remotes {
            let socket = self.net.stack().set.get_mut::<Socket<'_>>(remote.handle);
            if !remote.outbox.is_empty() && socket.can_send() {
                let sent = socket.send_slice(&remote.outbox).expect("an open socket");
                remote.outbox.drain(..sent);
            }
            if remote.outbox.is_empty() && std::mem::take(&mut remote.closing) {
                socket.close();
            }
        }
    }

    /// One turn without a sleep. Did anything happen?
    fn turn(&mut self) -> bool {
        self.pump();
        let polled = self.net.poll(self.now, &mut self.device);
        polled == PollResult::SocketStateChanged
    }
}

impl Lab for LoopbackLab {
    type Platform = Net<'static, 'static, Fixed<'static>>;

    fn platform(&mut self) -> &mut Self::Platform {
        &mut self.net
    }

    fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], PORT))
    }

    fn accept(&mut self) {
        let listener = self.remotes.last().expect("a listener").handle;
        while self.turn() {
            let socket = self.net.stack().set.get::<Socket<'_>>(listener);
            if socket.may_send() {
                self.listen();
                return;
            }
        }
        panic!("nobody connected");
    }

    fn remote_send(&mut self, bytes: &[u8]) {
        self.remote().0.outbox.extend_from_slice(bytes);
    }

    fn remote_read(&mut self) -> Vec<u8> {
        let (_, socket) = self.remote();
        let mut got = Vec::new();
        while socket.can_recv() {
            let piece = socket.recv(|bytes| (bytes.len(), bytes.to_vec()));
            got.extend(piece.expect("bytes"));
        }
        got
    }

    fn remote_close(&mut self) {
        self.remote().0.closing = true;
    }

    fn remote_reset(&mut self) {
        self.remote().1.abort();
    }

    fn settle(&mut self) -> Vec<Event> {
        let end = self.now + SETTLE;
        for _ in 0..MOST_TURNS {
            let busy = self.turn();
            let mut events = Vec::new();
            self.net.events(|event| events.push(event));
            if !events.is_empty() {
                return events;
            }
            match self.net.wake_at() {
                _ if busy => {}
                Some(at) if at <= end => self.now = self.now.max(at),
                Some(_) | None => return events,
            }
        }
        panic!("it spins at {:?}", self.now)
    }
}

fn socket(ring: usize) -> Socket<'static> {
    Socket::new(
        SocketBuffer::new(vec![0; ring]),
        SocketBuffer::new(vec![0; ring]),
    )
}
