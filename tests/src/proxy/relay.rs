//! The loop of the proxy's thread: accept, wait, drive.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, accept_with, bind, connect, getsockname, listen,
    socket_with, sockopt,
};

use super::ledger::Ledger;
use super::link::{Buffers, Link, Next};
use super::side::Side;

/// How many events one wait takes.
const EVENTS: usize = 1024;
/// How many clients may wait to be accepted.
const BACKLOG: i32 = 4096;
/// How long nothing is accepted after the descriptors have run out.
const REST: Duration = Duration::from_millis(10);

/// The mark of the event that ends the thread. Marks of links are far below.
const STOP: u64 = u64::MAX;
/// The mark of the first listener; those of others are below it.
const LISTENER: u64 = STOP - 1;

/// A place in the table, and which of its tenants is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct LinkId {
    index: u32,
    generation: u32,
}

impl LinkId {
    /// The mark of the client's or the server's events.
    fn mark(self, server: bool) -> u64 {
        u64::from(self.generation) << 33 | u64::from(self.index) << 1 | u64::from(server)
    }

    #[expect(clippy::cast_possible_truncation, reason = "takes the mark apart")]
    fn of(mark: u64) -> (Self, bool) {
        let id = Self {
            index: (mark >> 1) as u32,
            generation: (mark >> 33) as u32,
        };
        (id, mark & 1 == 1)
    }
}

#[derive(Debug, Default)]
struct Slot {
    /// Of 30 bits, so that no mark of a link is mistaken.
    generation: u32,
    link: Option<Link>,
}

/// Everything that the thread owns.
#[derive(Debug)]
pub(super) struct Relay {
    epoll: OwnedFd,
    listeners: Vec<OwnedFd>,
    /// Nothing is accepted before this time, and no listener is watched.
    resting: Option<Instant>,
    upstream: SocketAddr,
    slots: Vec<Slot>,
    free: Vec<u32>,
    buffers: Vec<Buffers>,
    queue: VecDeque<LinkId>,
    due: BinaryHeap<Reverse<(Instant, LinkId)>>,
    ledger: Arc<Ledger>,
}

impl Relay {
    /// Listens. An event of `stop` will end it.
    pub(super) fn new(
        upstream: SocketAddr,
        ports: usize,
        ledger: Arc<Ledger>,
        stop: &OwnedFd,
    ) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, stop, EventData::new_u64(STOP), EventFlags::IN)?;
        let listeners = (0..ports).map(|_| listener()).collect::<io::Result<_>>()?;
        let relay = Self {
            epoll,
            listeners,
            resting: None,
            upstream,
            slots: Vec::new(),
            free: Vec::new(),
            buffers: Vec::new(),
            queue: VecDeque::new(),
            due: BinaryHeap::new(),
            ledger,
        };
        relay.watch_listeners()?;
        Ok(relay)
    }

    /// Where it listens.
    pub(super) fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        let address = |fd: &OwnedFd| Ok(getsockname(fd)?.try_into()?);
        self.listeners.iter().map(address).collect()
    }

    /// Runs until it is told to stop.
    pub(super) fn run(mut self) -> io::Result<()> {
        let none = epoll::Event {
            flags: EventFlags::empty(),
            data: EventData::new_u64(STOP),
        };
        let mut events = vec![none; EVENTS];
        loop {
            let count = self.wait(&mut events)?;
            let mut knocked = false;
            for event in &events[..count] {
                match event.data.u64() {
                    STOP => return Ok(()),
                    mark if mark > LISTENER - self.listeners.len() as u64 => knocked = true,
                    mark => self.note(mark, event.flags),
                }
            }
            self.wake_those_due();
            for _ in 0..self.queue.len() {
                if let Some(id) = self.queue.pop_front() {
                    self.drive(id)?;
                }
            }
            if knocked || self.rest_is_over() {
                self.accept_all()?;
            }
        }
    }

    fn wait(&self, events: &mut [epoll::Event]) -> io::Result<usize> {
        let first = self.due.peek().map(|Reverse((at, _))| *at);
        let until = first.into_iter().chain(self.resting).min();
        let patience = if self.queue.is_empty() {
            until.map(|at| at.saturating_duration_since(Instant::now()))
        } else {
            Some(Duration::ZERO)
        };
        // Rounded up to milliseconds by the system or by us: too early would only turn the loop.
        let patience = patience.map(|patience| Timespec {
            tv_sec: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: patience.subsec_nanos().into(),
        });
        match epoll::wait(&self.epoll, events, patience.as_ref()) {
            Err(Errno::INTR) => Ok(0),
            result => Ok(result?),
        }
    }

    fn note(&mut self, mark: u64, flags: EventFlags) {
        let (id, server) = LinkId::of(mark);
        if let Some(link) = self.link(id) {
            let side = if server {
                &mut link.server
            } else {
                &mut link.client
            };
            side.note(flags);
            self.enqueue(id);
        }
    }

    fn wake_those_due(&mut self) {
        while let Some(&Reverse((at, id))) = self.due.peek() {
            if at > Instant::now() {
                break;
            }
            self.due.pop();
            self.enqueue(id);
        }
    }

    /// The link of exactly this id.
    fn link(&mut self, id: LinkId) -> Option<&mut Link> {
        let slot = self.slots.get_mut(id.index as usize)?;
        slot.link
            .as_mut()
            .filter(|_| slot.generation == id.generation)
    }

    fn enqueue(&mut self, id: LinkId) {
        if let Some(link) = self.link(id)
            && !std::mem::replace(&mut link.queued, true)
        {
            self.queue.push_back(id);
        }
    }

    fn drive(&mut self, id: LinkId) -> io::Result<()> {
        let ledger = Arc::clone(&self.ledger);
        let Some(link) = self.link(id) else {
            return Ok(());
        };
        link.queued = false;
        match link.drive(&ledger) {
            Next::Event => {}
            Next::Time(at) => self.due.push(Reverse((at, id))),
            Next::Turn => self.enqueue(id),
            Next::Close => self.close(id, false)?,
            Next::Reset => self.close(id, true)?,
        }
        Ok(())
    }

    fn accept_all(&mut self) -> io::Result<()> {
        for at in 0..self.listeners.len() {
            loop {
                match self.accept(at) {
                    Ok(()) => {}
                    Err(Errno::AGAIN) => break,
                    // The client has left meanwhile.
                    Err(Errno::CONNABORTED) => {}
                    Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                        return self.rest();
                    }
                    Err(errno) => return Err(errno.into()),
                }
            }
        }
        Ok(())
    }

    fn accept(&mut self, listener: usize) -> Result<(), Errno> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        // First of all, so that no client is accepted that can't be served.
        let server = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        let client = retry_on_intr(|| accept_with(&self.listeners[listener], flags))?;
        self.ledger.count(|counts| counts.accepted += 1);
        match self.open(client, server) {
            Ok(()) => self.ledger.count(|counts| counts.open += 1),
            Err(_) => self.ledger.count(|counts| counts.lost += 1),
        }
        Ok(())
    }

    /// A new link.
    fn open(&mut self, client: OwnedFd, server: OwnedFd) -> Result<(), Errno> {
        for fd in [&client, &server] {
            sockopt::set_tcp_nodelay(fd, true)?;
        }
        // It is only ever given up: a reset leaves no port behind that waits for a minute.
        sockopt::set_socket_linger(&server, Some(Duration::ZERO))?;
        match connect(&server, &self.upstream) {
            Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            u32::try_from(self.slots.len() - 1).expect("fewer links than descriptors")
        });
        let slot = &mut self.slots[index as usize];
        let id = LinkId {
            index,
            generation: slot.generation,
        };
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        for (fd, server) in [(&client, false), (&server, true)] {
            if let Err(errno) =
                epoll::add(&self.epoll, fd, EventData::new_u64(id.mark(server)), flags)
            {
                self.free.push(index);
                return Err(errno);
            }
        }
        let buffers = self.buffers.pop().unwrap_or_else(Buffers::new);
        slot.link = Some(Link::new(Side::new(client), Side::new(server), buffers));
        Ok(())
    }

    /// Ends a link. Closing takes its sockets out of the epoll.
    fn close(&mut self, id: LinkId, reset: bool) -> io::Result<()> {
        let slot = &mut self.slots[id.index as usize];
        let Some(link) = slot.link.take() else {
            return Ok(());
        };
        slot.generation = (slot.generation + 1) & 0x3fff_ffff;
        if reset {
            sockopt::set_socket_linger(&link.client.fd, Some(Duration::ZERO))?;
        }
        self.buffers.push(link.into_buffers());
        self.free.push(id.index);
        self.ledger.count(|counts| counts.open -= 1);
        Ok(())
    }

    /// No descriptor is left: listeners would be readable again and again.
    fn rest(&mut self) -> io::Result<()> {
        self.ledger.count(|counts| counts.starved += 1);
        if self.resting.is_none() {
            for listener in &self.listeners {
                epoll::delete(&self.epoll, listener)?;
            }
        }
        self.resting = Instant::now().checked_add(REST);
        Ok(())
    }

    /// Has the rest ended just now? Then it is accepted again.
    fn rest_is_over(&mut self) -> bool {
        let over = self.resting.is_some_and(|at| at <= Instant::now());
        if over && self.watch_listeners().is_ok() {
            self.resting = None;
        }
        over
    }

    fn watch_listeners(&self) -> io::Result<()> {
        for (number, listener) in (0..).zip(&self.listeners) {
            let mark = EventData::new_u64(LISTENER - number);
            epoll::add(&self.epoll, listener, mark, EventFlags::IN)?;
        }
        Ok(())
    }
}

/// A listener on a free port of the loopback.
fn listener() -> io::Result<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let fd = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    bind(fd.as_fd(), &SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    listen(&fd, BACKLOG)?;
    Ok(fd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_name_one_side_of_one_link() {
        let id = LinkId {
            index: u32::MAX >> 1,
            generation: 0x3fff_ffff,
        };
        assert_eq!(LinkId::of(id.mark(false)), (id, false));
        assert_eq!(LinkId::of(id.mark(true)), (id, true));
        assert!(id.mark(true) < LISTENER - 1_000);
    }
}
