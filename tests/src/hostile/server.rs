//! The hostile server: one thread, any number of connections.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketFlags, SocketType, accept_with, bind, connect, getsockname, listen,
    socket_with,
};

use super::catalogue;
use super::conn::{Conn, Next};

/// How the server treats a connection before it has heard a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gate {
    /// It waits for a request; the path says what comes.
    Open,
    /// It sends a whole response at once.
    Eager,
    /// It sends a whole response at once, and closes.
    EagerClose,
    /// It resets at once.
    Reset,
    /// It closes at once.
    Close,
    /// It reads nothing and says nothing.
    Mute,
    /// Its queue is full: connects stay unanswered.
    Full,
    /// Nobody listens.
    Shut,
}

impl Gate {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Open,
        Self::Eager,
        Self::EagerClose,
        Self::Reset,
        Self::Close,
        Self::Mute,
        Self::Full,
        Self::Shut,
    ];

    const fn accepts(self) -> bool {
        !matches!(self, Self::Full | Self::Shut)
    }
}

/// What the server has seen, for the tests.
#[derive(Debug, Default)]
pub struct Tally {
    accepted: AtomicU64,
    open: AtomicUsize,
    most_open: AtomicUsize,
    deaf: AtomicUsize,
    asked: Mutex<HashMap<u64, u32>>,
    faults: Mutex<Vec<String>>,
}

impl Tally {
    /// Connections that were accepted.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Acquire)
    }

    /// Connections that are open at this end.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    /// Those of them that read nothing any more. Such an end is not told of the client's close as
    /// long as the client's system has something left to send.
    #[must_use]
    pub fn deaf(&self) -> usize {
        self.deaf.load(Ordering::Acquire)
    }

    /// The most that were open at once.
    #[must_use]
    pub fn most_open(&self) -> usize {
        self.most_open.load(Ordering::Acquire)
    }

    /// How often a transfer's request has come.
    #[must_use]
    pub fn requests_of(&self, number: u64) -> u32 {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.get(&number).copied().unwrap_or(0)
    }

    /// What clients did wrong, and what went wrong in the server itself; empties the list.
    #[must_use]
    pub fn take_faults(&self) -> Vec<String> {
        std::mem::take(&mut *self.faults.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn asked(&self, number: u64) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        *asked.entry(number).or_default() += 1;
    }

    pub(super) fn fault(&self, why: String) {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.push(why);
    }

    fn opened(&self) {
        self.accepted.fetch_add(1, Ordering::AcqRel);
        let open = self.open.fetch_add(1, Ordering::AcqRel) + 1;
        self.most_open.fetch_max(open, Ordering::AcqRel);
    }

    pub(super) fn deafened(&self) {
        self.deaf.fetch_add(1, Ordering::AcqRel);
    }

    fn closed(&self, conn: &Conn) {
        if conn.is_deaf() {
            self.deaf.fetch_sub(1, Ordering::AcqRel);
        }
        self.open.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A running server. Dropping it closes all its connections and ends its thread.
pub struct Server {
    addresses: HashMap<Gate, SocketAddr>,
    tally: Arc<Tally>,
    stop: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
    /// The sockets of [`Gate::Full`] and [`Gate::Shut`], and those that fill the former's queue.
    _held: Vec<OwnedFd>,
}

impl Server {
    /// Starts it on ports that the system chooses, on the loopback interface.
    ///
    /// # Errors
    /// What the system says; or the queue of [`Gate::Full`] would not become full.
    pub fn start() -> io::Result<Self> {
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC)?);
        let tally = Arc::new(Tally::default());
        let (mut addresses, mut held, mut gates) = (HashMap::new(), Vec::new(), Vec::new());
        for gate in Gate::ALL {
            let fd = new_socket()?;
            bind(&fd, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            let address: SocketAddr = getsockname(&fd)?.try_into()?;
            addresses.insert(gate, address);
            if gate.accepts() {
                listen(&fd, 4096)?;
                gates.push((gate, fd));
                continue;
            }
            if gate == Gate::Full {
                listen(&fd, 0)?;
                held.extend(fill_queue(address)?);
            }
            held.push(fd);
        }
        let mut run = Loop::new(gates, Arc::clone(&stop), Arc::clone(&tally))?;
        let name = "hostile-server".to_owned();
        let thread = thread::Builder::new().name(name).spawn(move || run.run())?;
        Ok(Self {
            addresses,
            tally,
            stop,
            thread: Some(thread),
            _held: held,
        })
    }

    /// Where a gate is.
    #[must_use]
    pub fn address(&self, gate: Gate) -> SocketAddr {
        self.addresses[&gate]
    }

    /// What it has seen.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Waits until the server has seen the end of all connections that it reads of; false if that
    /// takes too long.
    #[must_use]
    pub fn wait_until_idle(&self, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        while self.tally.open() > self.tally.deaf() {
            if Instant::now() > end {
                return false;
            }
            // Nothing tells when another thread has seen a close.
            thread::yield_now();
        }
        true
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It can fail only if it was written to 2⁶⁴ times.
        let _ = rustix::io::write(&*self.stop, &1_u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed, and the test misses its answers.
            let _ = thread.join();
        }
    }
}

fn new_socket() -> io::Result<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    Ok(socket_with(
        AddressFamily::INET,
        SocketType::STREAM,
        flags,
        None,
    )?)
}

/// Connects until a connect stays unanswered: then the queue is full, and stays so.
fn fill_queue(address: SocketAddr) -> io::Result<Vec<OwnedFd>> {
    let mut held = Vec::new();
    for _ in 0..64 {
        let fd = new_socket()?;
        match connect(&fd, &address) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(errno) => return Err(errno.into()),
        }
        let patience = Timespec {
            tv_sec: 0,
            tv_nsec: 100_000_000,
        };
        let mut polled = [PollFd::new(&fd, PollFlags::OUT)];
        let answered = poll(&mut polled, Some(&patience))? > 0;
        held.push(fd);
        if !answered {
            return Ok(held);
        }
    }
    Err(io::Error::other("the queue of a listener has no end here"))
}

/// Ids of the watched descriptors: connections are numbered from here on.
const FIRST_CONNECTION: u64 = 100;
const STOP: u64 = 99;

struct Loop {
    epoll: OwnedFd,
    gates: Vec<(Gate, OwnedFd)>,
    /// Lives as long as it is watched.
    _stop: Arc<OwnedFd>,
    tally: Arc<Tally>,
    conns: HashMap<u64, Conn>,
    timers: BinaryHeap<Reverse<(Instant, u64)>>,
    next: u64,
    buffer: Vec<u8>,
}

impl Loop {
    fn new(gates: Vec<(Gate, OwnedFd)>, stop: Arc<OwnedFd>, tally: Arc<Tally>) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        for (id, (_, fd)) in (0..).zip(&gates) {
            epoll::add(&epoll, fd, EventData::new_u64(id), EventFlags::IN)?;
        }
        epoll::add(&epoll, &*stop, EventData::new_u64(STOP), EventFlags::IN)?;
        Ok(Self {
            epoll,
            gates,
            _stop: stop,
            tally,
            conns: HashMap::new(),
            timers: BinaryHeap::new(),
            next: FIRST_CONNECTION,
            buffer: vec![0; 64 * 1024],
        })
    }

    fn run(&mut self) {
        let none = epoll::Event {
            flags: EventFlags::empty(),
            data: EventData::new_u64(STOP),
        };
        let mut events = vec![none; 512];
        loop {
            let patience = self.patience();
            let count = match epoll::wait(&self.epoll, &mut events[..], patience.as_ref()) {
                Ok(count) => count,
                Err(Errno::INTR) => 0,
                Err(errno) => return self.tally.fault(format!("epoll_wait: {errno}")),
            };
            for event in &events[..count] {
                match event.data.u64() {
                    STOP => return,
                    id if id < FIRST_CONNECTION => self.accept(id),
                    id => self.go_on(id, event.flags),
                }
            }
            self.expire();
        }
    }

    fn patience(&self) -> Option<Timespec> {
        let Reverse((at, _)) = self.timers.peek()?;
        Timespec::try_from(at.saturating_duration_since(Instant::now())).ok()
    }

    fn expire(&mut self) {
        let now = Instant::now();
        while let Some(Reverse((at, id))) = self.timers.peek().copied() {
            if at > now {
                return;
            }
            self.timers.pop();
            // Too early for what it does by now: then it asks again.
            self.go_on(id, EventFlags::empty());
        }
    }

    fn accept(&mut self, id: u64) {
        loop {
            let index = usize::try_from(id).unwrap_or(usize::MAX);
            let Some((gate, listener)) = self.gates.get(index) else {
                return;
            };
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let fd = match accept_with(listener, flags) {
                Ok(fd) => fd,
                Err(Errno::AGAIN) => return,
                // Gone before it was taken.
                Err(Errno::CONNABORTED | Errno::INTR) => continue,
                Err(errno) => return self.tally.fault(format!("accept: {errno}")),
            };
            let number = self.next;
            self.next += 1;
            self.tally.opened();
            let conn = Conn::new(fd, number, catalogue::greeting(*gate));
            if let Err(errno) = self.watch(number, conn) {
                self.tally.fault(format!("epoll_ctl: {errno}"));
            }
            self.go_on(number, EventFlags::empty());
        }
    }

    fn watch(&mut self, number: u64, mut conn: Conn) -> Result<(), Errno> {
        let data = EventData::new_u64(number);
        conn.told = conn.wanted();
        let told = epoll::add(&self.epoll, &conn.fd, data, conn.told);
        self.conns.insert(number, conn);
        told
    }

    fn go_on(&mut self, id: u64, flags: EventFlags) {
        let Some(conn) = self.conns.get_mut(&id) else {
            return;
        };
        match conn.go_on(flags, &self.tally, &mut self.buffer, Instant::now()) {
            Next::Over => {
                if let Some(conn) = self.conns.remove(&id) {
                    self.tally.closed(&conn);
                }
                return;
            }
            Next::At(at) => self.timers.push(Reverse((at, id))),
            Next::Events => {}
        }
        let want = conn.wanted();
        if want != conn.told {
            conn.told = want;
            let data = EventData::new_u64(id);
            if let Err(errno) = epoll::modify(&self.epoll, conn.fd.as_fd(), data, want) {
                self.tally.fault(format!("epoll_ctl: {errno}"));
            }
        }
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        for (_, conn) in self.conns.drain() {
            self.tally.closed(&conn);
        }
    }
}
