//! For programs that wait with `poll` or `select`: descriptors for a loop elsewhere, and a loop.
//!
//! Nothing is registered here: each wait is given all interests (`Multi::interests`). That is
//! simple, and slow with many connections; [`Epoll`](crate::Epoll) is for those.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

use muxfer_core::net::{Interest, Ready};
use muxfer_core::time::Instant;
use muxfer_core::{ConnId, Event};
use rustix::event::{FdSetElement, PollFd, PollFlags, fd_set_insert, poll};
use rustix::io::Errno;

use crate::clock::Clock;
use crate::epoll::patience;
use crate::resolver::{NameOptions, Names};
use crate::sockets::{SocketOptions, Sockets};
use crate::waker::Waker;
use crate::watcher::{Linux, Watcher};

/// A watcher that watches nothing: the interests are asked for when it is time to wait.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoWatch {
    timer: Option<Instant>,
}

impl NoWatch {
    /// The time that the engine announced last.
    #[must_use]
    pub fn announced_timer(&self) -> Option<Instant> {
        self.timer
    }
}

impl Watcher for NoWatch {
    fn socket(&mut self, _fd: BorrowedFd<'_>, _conn: ConnId, _want: Interest) {}

    fn timer(&mut self, at: Option<Instant>) {
        self.timer = at;
    }
}

/// The platform for [`Poller`], [`waitfds`] and [`fdset`].
pub type Polled = Linux<NoWatch>;

impl Linux<NoWatch> {
    /// A platform without a loop.
    ///
    /// # Errors
    /// No descriptor is left: the look-ups need one.
    pub fn new(sockets: &SocketOptions, names: &NameOptions) -> io::Result<Self> {
        Ok(Self {
            sockets: Sockets::new(sockets),
            resolver: Names::new(names)?,
            watcher: NoWatch::default(),
        })
    }
}

/// Appends what a `poll` elsewhere has to wait for, and returns how many that were:
/// `curl_multi_waitfds` (CONTRACT R71).
///
/// One descriptor for each open connection with an interest, and one for the look-ups if any is
/// under way. After the `poll` call `Multi::perform`, which finds out what is ready by itself.
pub fn waitfds<'a, W>(
    interests: impl IntoIterator<Item = (ConnId, Interest)>,
    platform: &'a Linux<W>,
    into: &mut Vec<PollFd<'a>>,
) -> usize {
    let before = into.len();
    into.extend(open(interests, &platform.sockets).map(|(_, fd, want)| poll_fd(fd, want)));
    if platform.resolver.is_busy() {
        into.push(PollFd::new(&platform.resolver, PollFlags::IN));
    }
    into.len() - before
}

/// Adds what a `select` elsewhere has to wait for to its sets, and returns the highest descriptor
/// that was added: `curl_multi_fdset` (CONTRACT R70).
///
/// The sets are not cleared first. Descriptors beyond their end are left out, so 16 elements on a
/// 64-bit system make an `fd_set` of 1024. `None` means that there is nothing to wait for yet, as
/// while names are looked up: call `Multi::perform` again after a while (libcurl advises 100 ms).
pub fn fdset<W>(
    interests: impl IntoIterator<Item = (ConnId, Interest)>,
    platform: &Linux<W>,
    read: &mut [FdSetElement],
    write: &mut [FdSetElement],
) -> Option<RawFd> {
    let mut highest = None;
    for (_, fd, want) in open(interests, &platform.sockets) {
        let fd = fd.as_raw_fd();
        let mut added = want.contains(Interest::READ) && insert(read, fd);
        added |= want.contains(Interest::WRITE) && insert(write, fd);
        if added {
            highest = highest.max(Some(fd));
        }
    }
    highest
}

/// A descriptor of the program's own that [`Poller`] waits for as well: `struct curl_waitfd`.
#[derive(Clone, Debug)]
pub struct WaitFd<'a> {
    /// The descriptor.
    pub fd: BorrowedFd<'a>,
    /// What to wait for: `IN`, `PRI` and `OUT` count.
    pub want: PollFlags,
    /// What the last wait saw; of `IN`, `PRI` and `OUT`.
    pub saw: PollFlags,
}

impl<'a> WaitFd<'a> {
    /// A descriptor to wait for.
    #[must_use]
    pub fn new(fd: BorrowedFd<'a>, want: PollFlags) -> Self {
        Self {
            fd,
            want,
            saw: PollFlags::empty(),
        }
    }
}

/// How long one wait may last.
#[derive(Clone, Copy, Debug, Default)]
pub struct WaitLimits {
    /// What the engine waits for (`Multi::timeout`): [`Event::Timeout`] is reported then.
    pub deadline: Option<Instant>,
    /// Not longer than this in any case.
    pub at_most: Option<Duration>,
}

/// What one wait saw.
#[derive(Debug)]
pub struct Seen<'a> {
    /// What to hand to the engine.
    pub events: &'a [Event],
    /// How many descriptors were ready, the program's own included, the waker and the look-ups
    /// not (CONTRACT R72).
    pub descriptors: usize,
    /// Has a [`Waker`] ended this wait, or would it have?
    pub woken: bool,
}

/// A loop over `poll`: `curl_multi_wait`, `curl_multi_poll` and `curl_multi_wakeup`.
///
/// ```no_run
/// # fn main() -> std::io::Result<()> {
/// use muxfer_linux::{WaitLimits, NameOptions, Polled, Poller, SocketOptions};
///
/// let mut platform = Polled::new(&SocketOptions::default(), &NameOptions::default())?;
/// let mut poller = Poller::new()?;
/// let interests = []; // multi.interests()
/// let seen = poller.poll(interests, &mut platform, &mut [], WaitLimits::default())?;
/// for event in seen.events {
///     // multi.mark(*event);
///     let _ = event;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Poller {
    waker: Waker,
    conns: Vec<ConnId>,
    events: Vec<Event>,
    /// Always empty between two waits; kept for its memory.
    polled: Vec<PollFd<'static>>,
}

impl Poller {
    /// # Errors
    /// No descriptor is left: the waker needs one.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            waker: Waker::new()?,
            conns: Vec::new(),
            events: Vec::new(),
            polled: Vec::new(),
        })
    }

    /// What makes the waits return from another thread.
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Waits until a descriptor is ready, a wake-up comes or the limits are reached. With nothing
    /// to watch it returns at once (`curl_multi_wait`, CONTRACT R72).
    ///
    /// # Errors
    /// What `poll` says: `EINVAL` for more descriptors than the process may have, `ENOMEM`. A
    /// signal is no error, but ends the wait.
    pub fn wait<W>(
        &mut self,
        interests: impl IntoIterator<Item = (ConnId, Interest)>,
        platform: &mut Linux<W>,
        extra: &mut [WaitFd<'_>],
        limits: WaitLimits,
    ) -> io::Result<Seen<'_>> {
        self.run(interests, platform, extra, limits, true)
    }

    /// Like [`Poller::wait`], but sleeps until the limits are reached if there is nothing to watch
    /// (`curl_multi_poll`).
    ///
    /// # Errors
    /// The same.
    pub fn poll<W>(
        &mut self,
        interests: impl IntoIterator<Item = (ConnId, Interest)>,
        platform: &mut Linux<W>,
        extra: &mut [WaitFd<'_>],
        limits: WaitLimits,
    ) -> io::Result<Seen<'_>> {
        self.run(interests, platform, extra, limits, false)
    }

    fn run<W>(
        &mut self,
        interests: impl IntoIterator<Item = (ConnId, Interest)>,
        platform: &mut Linux<W>,
        extra: &mut [WaitFd<'_>],
        limits: WaitLimits,
        hasty: bool,
    ) -> io::Result<Seen<'_>> {
        self.events.clear();
        self.conns.clear();
        let mut polled = recycle(std::mem::take(&mut self.polled));
        // The order: connections, the program's own, look-ups, waker.
        for (conn, fd, want) in open(interests, &platform.sockets) {
            self.conns.push(conn);
            polled.push(poll_fd(fd, want));
        }
        for wait in extra.iter() {
            let want = wait.want.intersection(OWN_FLAGS);
            polled.push(PollFd::from_borrowed_fd(wait.fd, want));
        }
        let idle = hasty && polled.is_empty() && !platform.resolver.is_busy();
        let waker = self.waker.clone();
        let own = polled.len();
        polled.push(PollFd::new(&platform.resolver, PollFlags::IN));
        polled.push(PollFd::from_borrowed_fd(waker.as_fd(), PollFlags::IN));

        let at_most = if idle {
            Some(Duration::ZERO)
        } else {
            limits.at_most
        };
        match poll(&mut polled, patience(limits.deadline, at_most).as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let descriptors = self.read_back(&polled[..own], extra);
        let answers = !polled[own].revents().is_empty();
        let woken = !polled[own + 1].revents().is_empty() && self.waker.drain();
        self.polled = recycle(polled);
        if answers || platform.resolver.has_answers() {
            let told = |query| self.events.push(Event::Resolved(query));
            platform.resolver.completed(told);
        }
        if limits.deadline.is_some_and(|at| at <= Clock.now()) {
            self.events.push(Event::Timeout);
        }
        Ok(Seen {
            events: &self.events,
            descriptors,
            woken,
        })
    }

    /// Makes events of what `poll` saw. Returns how many descriptors were ready.
    fn read_back(&mut self, polled: &[PollFd<'_>], extra: &mut [WaitFd<'_>]) -> usize {
        let (conns, rest) = polled.split_at(self.conns.len());
        for (conn, fd) in self.conns.iter().zip(conns) {
            let ready = ready(fd.revents());
            if !ready.is_none() {
                self.events.push(Event::Socket(*conn, ready));
            }
        }
        let mut descriptors = self.events.len();
        for (wait, fd) in extra.iter_mut().zip(rest) {
            wait.saw = fd.revents().intersection(OWN_FLAGS);
            descriptors += usize::from(!wait.saw.is_empty());
        }
        descriptors
    }
}

/// What counts of the program's own descriptors (CONTRACT R72).
const OWN_FLAGS: PollFlags = PollFlags::IN.union(PollFlags::PRI).union(PollFlags::OUT);

/// The connections that are open and are to be watched, with their descriptors.
fn open<'a>(
    interests: impl IntoIterator<Item = (ConnId, Interest)>,
    sockets: &'a Sockets,
) -> impl Iterator<Item = (ConnId, BorrowedFd<'a>, Interest)> {
    let wanted = interests.into_iter().filter(|(_, want)| !want.is_none());
    wanted.filter_map(|(conn, want)| Some((conn, sockets.fd(conn)?, want)))
}

fn poll_fd(fd: BorrowedFd<'_>, want: Interest) -> PollFd<'_> {
    let mut flags = PollFlags::empty();
    flags.set(PollFlags::IN, want.contains(Interest::READ));
    flags.set(PollFlags::OUT, want.contains(Interest::WRITE));
    PollFd::from_borrowed_fd(fd, flags)
}

fn ready(flags: PollFlags) -> Ready {
    let mut ready = Ready::NONE;
    if flags.intersects(PollFlags::IN | PollFlags::PRI | PollFlags::RDHUP) {
        ready |= Ready::READ;
    }
    if flags.contains(PollFlags::OUT) {
        ready |= Ready::WRITE;
    }
    if flags.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL) {
        ready |= Ready::ERROR;
    }
    ready
}

/// Sets the bit of `fd` if the set reaches that far.
fn insert(set: &mut [FdSetElement], fd: RawFd) -> bool {
    let places = set.len().saturating_mul(size_of::<FdSetElement>() * 8);
    let fits = usize::try_from(fd).is_ok_and(|place| place < places);
    if fits {
        fd_set_insert(set, fd);
    }
    fits
}

/// Empties the list and lets it borrow from elsewhere. The standard library does it in place, so
/// the memory is used again.
fn recycle<'b>(mut list: Vec<PollFd<'_>>) -> Vec<PollFd<'b>> {
    list.clear();
    list.into_iter().map_while(|_| None).collect()
}
