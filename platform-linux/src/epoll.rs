//! The ready-made loop over epoll.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use muxfer_core::net::{Interest, Ready};
use muxfer_core::time::Instant;
use muxfer_core::{ConnId, Event, OriginId};
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;

use crate::clock::Clock;
use crate::event_loop::{Loop, wait_time};
use crate::resolver::{NameOptions, Names};
use crate::sockets::{SocketOptions, Sockets};
use crate::waker::Waker;
use crate::watcher::{Linux, Watcher};

/// Marks the waker's events. The upper half of an id is never zero, so none can be mistaken.
const WAKER: u64 = 0;
/// Marks the resolver's events.
const NAMES: u64 = 1;

/// How [`Epoll`] behaves.
#[derive(Clone, Debug)]
pub struct EpollOptions {
    /// The connections' part.
    pub sockets: SocketOptions,
    /// The look-ups' part.
    pub names: NameOptions,
    /// How many events one wait takes from the system at most: 1024.
    pub events: usize,
}

impl Default for EpollOptions {
    fn default() -> Self {
        Self {
            sockets: SocketOptions::default(),
            names: NameOptions::default(),
            events: 1024,
        }
    }
}

/// The platform with a loop over epoll, level-triggered.
///
/// ```no_run
/// # fn main() -> std::io::Result<()> {
/// use muxfer_linux::{Epoll, EpollOptions};
///
/// let mut epoll = Epoll::new(&EpollOptions::default())?;
/// let deadline = None; // what the engine wants to wait for
/// for event in epoll.wait(deadline, None)? {
///     // multi.mark(event);
///     let _ = event;
/// }
/// // multi.run(clock.now(), &mut epoll);
/// # Ok(())
/// # }
/// ```
pub type Epoll = Linux<EpollWatcher>;

/// What [`Epoll`] knows about the watched sockets.
///
/// Announcements are only noted down, and carried out by the next wait, which is the first moment
/// at which they matter. So a socket whose interest changes twice between two waits costs one
/// `epoll_ctl`, and one that is closed after `NONE` costs none: closing removes it anyway.
pub struct EpollWatcher {
    fd: OwnedFd,
    /// By the index of the connection's id.
    watched: Vec<Watched>,
    /// Indices of the entries whose `listed` is set.
    changed: Vec<u32>,
    buffer: Box<[epoll::Event]>,
    resolved: VecDeque<OriginId>,
    waker: Waker,
    timer: Option<Instant>,
}

impl fmt::Debug for EpollWatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EpollWatcher")
            .field("fd", &self.fd)
            .field("timer", &self.timer)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Watched {
    conn: Option<ConnId>,
    want: Interest,
    /// What the system was told.
    told: Interest,
    /// Is the entry in the list of changes?
    listed: bool,
}

impl Watcher for EpollWatcher {
    fn socket(&mut self, _fd: BorrowedFd<'_>, conn: ConnId, want: Interest) {
        let index = conn.index();
        if index >= self.watched.len() {
            self.watched.resize(index + 1, Watched::default());
        }
        let entry = &mut self.watched[index];
        if entry.conn != Some(conn) {
            *entry = Watched {
                conn: Some(conn),
                listed: entry.listed,
                ..Watched::default()
            };
        }
        entry.want = want;
        if want != entry.told && !entry.listed {
            entry.listed = true;
            // An index comes out of 32 bits of an id.
            self.changed.extend(u32::try_from(index));
        }
    }

    fn timer(&mut self, at: Option<Instant>) {
        self.timer = at;
    }

    fn closing(&mut self, _fd: BorrowedFd<'_>, conn: ConnId) {
        if let Some(entry) = self.watched.get_mut(conn.index())
            && entry.conn == Some(conn)
        {
            *entry = Watched {
                listed: entry.listed,
                ..Watched::default()
            };
        }
    }
}

impl EpollWatcher {
    /// The time that the engine announced last.
    #[must_use]
    pub fn announced_timer(&self) -> Option<Instant> {
        self.timer
    }

    /// Tells the system what was noted down.
    fn carry_out(&mut self, sockets: &Sockets) -> io::Result<()> {
        while let Some(&index) = self.changed.last() {
            let entry = &mut self.watched[index as usize];
            if let Some(conn) = entry.conn
                && entry.want != entry.told
                && let Some(fd) = sockets.fd(conn)
            {
                tell(&self.fd, fd, conn, *entry)?;
                entry.told = entry.want;
            }
            entry.listed = false;
            self.changed.pop();
        }
        Ok(())
    }
}

/// One `epoll_ctl`.
fn tell(epoll: &OwnedFd, fd: BorrowedFd<'_>, conn: ConnId, entry: Watched) -> io::Result<()> {
    let data = EventData::new_u64(conn.to_u64());
    let mut flags = EventFlags::empty();
    flags.set(EventFlags::IN, entry.want.contains(Interest::READ));
    flags.set(EventFlags::OUT, entry.want.contains(Interest::WRITE));
    if entry.told.is_none() {
        epoll::add(epoll, fd, data, flags)?;
    } else if entry.want.is_none() {
        // Not a watch for nothing: that would still report hang-ups, again and again.
        epoll::delete(epoll, fd)?;
    } else {
        epoll::modify(epoll, fd, data, flags)?;
    }
    Ok(())
}

impl Linux<EpollWatcher> {
    /// A platform with its own epoll instance. Buffers are allocated here.
    ///
    /// # Errors
    /// No descriptor is left: it needs three.
    pub fn new(options: &EpollOptions) -> io::Result<Self> {
        let fd = epoll::create(CreateFlags::CLOEXEC)?;
        let waker = Waker::new()?;
        let resolver = Names::new(&options.names)?;
        // Edge-triggered: each is told once, so nothing need be read to make it quiet.
        let edge = EventFlags::IN | EventFlags::ET;
        epoll::add(&fd, waker.as_fd(), EventData::new_u64(WAKER), edge)?;
        epoll::add(&fd, &resolver, EventData::new_u64(NAMES), edge)?;
        let none = epoll::Event {
            flags: EventFlags::empty(),
            data: EventData::new_u64(WAKER),
        };
        Ok(Self {
            sockets: Sockets::new(&options.sockets),
            resolver,
            watcher: EpollWatcher {
                fd,
                watched: Vec::with_capacity(options.sockets.connections),
                changed: Vec::with_capacity(options.sockets.connections),
                buffer: vec![none; options.events.max(1)].into_boxed_slice(),
                resolved: VecDeque::new(),
                waker,
                timer: None,
            },
        })
    }

    /// Waits until something happens, `deadline` comes, `at_most` has passed or a [`Waker`] wakes
    /// it, whichever is first; then says what happened.
    ///
    /// The system is told a time in milliseconds, rounded up: a deadline is met up to 1 ms late and
    /// never early. [`Event::Timeout`] is reported when `deadline` has come. A signal ends the wait
    /// without events. Of the events that are not taken out of the iterator none is lost.
    ///
    /// # Errors
    /// The system can't watch a socket: `ENOSPC` above `/proc/sys/fs/epoll/max_user_watches`,
    /// `ENOMEM`. The next wait tries again.
    pub fn wait(
        &mut self,
        deadline: Option<Instant>,
        at_most: Option<Duration>,
    ) -> io::Result<Events<'_>> {
        let watcher = &mut self.watcher;
        watcher.carry_out(&self.sockets)?;
        let idle = watcher.resolved.is_empty();
        let at_most = if idle { at_most } else { Some(Duration::ZERO) };
        let patience = patience(deadline, at_most);
        let count = match epoll::wait(&watcher.fd, &mut *watcher.buffer, patience.as_ref()) {
            Ok(count) => count,
            Err(Errno::INTR) => 0,
            Err(errno) => return Err(errno.into()),
        };
        if self.resolver.has_answers() {
            let resolved = &mut watcher.resolved;
            self.resolver.completed(|query| resolved.push_back(query));
        }
        Ok(Events {
            ready: watcher.buffer[..count].iter(),
            resolved: &mut watcher.resolved,
            timeout: deadline.is_some_and(|at| at <= Clock.now()),
            woken: watcher.waker.take(),
        })
    }

    /// What makes [`Epoll::wait`] return from another thread.
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.watcher.waker.clone()
    }
}

impl Loop for Linux<EpollWatcher> {
    fn wait_for(
        &mut self,
        deadline: Option<Instant>,
        at_most: Option<Duration>,
        tell: impl FnMut(Event),
    ) -> io::Result<()> {
        self.wait(deadline, at_most)?.for_each(tell);
        Ok(())
    }

    fn waker(&self) -> Waker {
        Self::waker(self)
    }

    fn names(&mut self) -> &mut Names {
        &mut self.resolver
    }

    fn spilled_bytes(&self) -> usize {
        self.sockets.spilled_bytes()
    }
}

/// How long to wait, as the system wants it; `None` is for ever.
pub(crate) fn patience(deadline: Option<Instant>, at_most: Option<Duration>) -> Option<Timespec> {
    wait_time(deadline, at_most).and_then(|wait| Timespec::try_from(wait).ok())
}

/// What one wait saw; sockets first, then look-ups, then the deadline.
pub struct Events<'a> {
    ready: std::slice::Iter<'a, epoll::Event>,
    resolved: &'a mut VecDeque<OriginId>,
    timeout: bool,
    woken: bool,
}

impl Events<'_> {
    /// Has a [`Waker`] ended this wait, or would it have?
    #[must_use]
    pub fn woken(&self) -> bool {
        self.woken
    }
}

impl Iterator for Events<'_> {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        for event in self.ready.by_ref() {
            // `None` is the waker or the resolver: they are seen to by the wait itself.
            if let Some(conn) = ConnId::from_u64(event.data.u64()) {
                return Some(Event::Socket(conn, ready(event.flags)));
            }
        }
        if let Some(query) = self.resolved.pop_front() {
            return Some(Event::Resolved(query));
        }
        std::mem::take(&mut self.timeout).then_some(Event::Timeout)
    }
}

fn ready(flags: EventFlags) -> Ready {
    let mut ready = Ready::NONE;
    if flags.intersects(EventFlags::IN | EventFlags::PRI | EventFlags::RDHUP) {
        ready |= Ready::READ;
    }
    if flags.contains(EventFlags::OUT) {
        ready |= Ready::WRITE;
    }
    if flags.intersects(EventFlags::ERR | EventFlags::HUP) {
        ready |= Ready::ERROR;
    }
    ready
}
