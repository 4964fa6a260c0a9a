//! The platform over io_uring: the kernel receives into buffers that are lent to the engine.

mod carry;
mod complete;
mod flow;
mod kernel;
mod options;
mod pieces;
mod probe;
mod shapes;
mod tag;
mod transport;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use muxfer_core::net::{Interest, Nb, Ready};
use muxfer_core::platform::{ResolveError, Resolved, Resolver, Watch};
use muxfer_core::time::Instant;
use muxfer_core::{ConnId, Event, OriginId};
use rustix::event::PollFlags;

use crate::clock::Clock;
use crate::event_loop::{Loop, wait_time};
use crate::resolver::Names;
use crate::sockets::Sockets;
use crate::waker::Waker;

use flow::Flow;
use kernel::Ring;
use pieces::Pieces;
use shapes::Patience;
use tag::Tag;

pub use options::{Coalesce, UringOptions};
pub use probe::Unsupported;

/// The platform with a loop over io_uring.
///
/// Each connection that is watched for reading has one receive operation, which goes on until it
/// is cancelled. What comes lies in buffers that all connections share, and is lent from there
/// without a copy. Sends are operations that never wait; they go to the kernel with the next wait,
/// all at once. Connects and closes do, too.
///
/// # Bytes that stay
/// What a connection leaves unread and is no longer watched for is copied out of the shared
/// buffers into a block of its own, as long as [`SocketOptions::spill_bytes`](crate::SocketOptions)
/// allows. Above that it stays where it is, and when no buffer is left, the platform receives as
/// [`Epoll`](crate::Epoll) does: it waits for readiness and leaves in the system what nobody takes.
///
/// It belongs to the thread that has made it (it is not `Send`).
pub struct Uring {
    /// Dropped first: afterwards the kernel uses no memory and no descriptor of the others.
    ring: Ring,
    /// The sockets. Their own receiving is used only where there is no receive operation.
    sockets: Sockets,
    /// The look-ups.
    pub resolver: Names,
    /// By the index of the connection's id.
    flows: Vec<Flow>,
    pieces: Pieces,
    /// Indices of connections that need something of the ring.
    changed: Vec<u32>,
    /// Connections of which something is to be told.
    ready: Vec<ConnId>,
    /// Connections that were told last time that they can read.
    told: Vec<ConnId>,
    resolved: VecDeque<OriginId>,
    waker: Waker,
    /// Whose room was lent by `reserve`, and how much.
    room: Option<(ConnId, usize)>,
    coalesce: Option<Coalesce>,
}

impl fmt::Debug for Uring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uring")
            .field("sockets", &self.sockets)
            .finish_non_exhaustive()
    }
}

impl Uring {
    /// A platform with its own ring, after a test of whether it works. Buffers are allocated here.
    ///
    /// # Errors
    /// What this system lacks; then [`Epoll`](crate::Epoll) is the platform to take, as
    /// [`Backend`](crate::Backend) does.
    pub fn new(options: &UringOptions) -> Result<Self, Unsupported> {
        let setup = options.setup();
        probe::check(&setup)?;
        let ring = probe::open(&setup)?;
        let io = |error| Unsupported::new("descriptors", error);
        let connections = options.sockets.connections;
        let mut platform = Self {
            ring,
            sockets: Sockets::new(&options.sockets),
            resolver: Names::new(&options.names).map_err(io)?,
            flows: Vec::with_capacity(connections),
            pieces: Pieces::new(),
            changed: Vec::with_capacity(connections),
            ready: Vec::with_capacity(connections),
            told: Vec::with_capacity(connections),
            resolved: VecDeque::new(),
            waker: Waker::new().map_err(io)?,
            room: None,
            coalesce: options.coalesce,
        };
        platform.watch_names();
        platform.watch_waker();
        Ok(platform)
    }

    /// The sockets, to ask for addresses. Whoever closes one of them here would close it under
    /// operations of the ring, so they are lent for looking only.
    #[must_use]
    pub fn sockets(&self) -> &Sockets {
        &self.sockets
    }

    fn watch_names(&mut self) {
        let fd = self.resolver.as_fd();
        self.ring.poll(fd, Tag::NAMES, PollFlags::IN, true);
    }

    fn watch_waker(&mut self) {
        let fd = self.waker.as_fd();
        self.ring.poll(fd, Tag::WAKER, PollFlags::IN, true);
    }

    /// What is known of an open connection.
    fn flow(&mut self, conn: ConnId) -> Option<&mut Flow> {
        let flow = self.flows.get_mut(conn.index())?;
        (flow.conn == Some(conn)).then_some(flow)
    }

    /// Puts a connection on the list of those that need something of the ring.
    fn list(&mut self, conn: ConnId) {
        let Some(flow) = self.flow(conn) else { return };
        if !flow.listed {
            flow.listed = true;
            // An index comes out of 32 bits of an id.
            self.changed.extend(u32::try_from(conn.index()));
        }
    }

    /// Is there something that `fill` would lend without a system call?
    fn has_news(&mut self, conn: ConnId) -> bool {
        self.flow(conn).is_some_and(|flow| flow.has_news()) || self.sockets.holds(conn)
    }

    /// Notes down what is to be told of a connection.
    fn report(&mut self, conn: ConnId, ready: Ready) {
        let Some(flow) = self.flow(conn) else { return };
        let first = flow.ready.is_none();
        flow.ready |= ready;
        if first {
            self.ready.push(conn);
        }
    }

    /// Tells what was noted down, as far as it is wanted: sockets first, then look-ups, then the
    /// deadline.
    fn tell(&mut self, deadline: Option<Instant>, mut tell: impl FnMut(Event)) {
        let ready = std::mem::take(&mut self.ready);
        for &conn in &ready {
            let Some(flow) = self.flow(conn) else {
                continue;
            };
            let ready = wanted(std::mem::take(&mut flow.ready), flow.want);
            if ready.is_none() {
                continue;
            }
            if ready.contains(Ready::READ) {
                self.told.push(conn);
            }
            tell(Event::Socket(conn, ready));
        }
        self.ready = ready;
        self.ready.clear();
        while let Some(query) = self.resolved.pop_front() {
            tell(Event::Resolved(query));
        }
        if deadline.is_some_and(|at| at <= Clock.now()) {
            tell(Event::Timeout);
        }
    }

    /// Until when, and for how many completions, the next wait lasts.
    fn patience(&self, deadline: Option<Instant>, at_most: Option<Duration>) -> Option<Patience> {
        if !self.ready.is_empty() || !self.resolved.is_empty() || self.waker.is_pending() {
            return None;
        }
        let at_most = wait_time(deadline, at_most);
        if at_most == Some(Duration::ZERO) {
            return None;
        }
        let (completions, gather) = match self.coalesce {
            Some(Coalesce {
                completions, wait, ..
            }) => (completions, wait),
            None => (1, Duration::ZERO),
        };
        Some(Patience {
            at_most,
            completions,
            gather,
        })
    }
}

/// What of `ready` may be told to one who wants `want`; a failure is told to everybody who watches.
fn wanted(ready: Ready, want: Interest) -> Ready {
    let mut told = Ready::NONE;
    if want.contains(Interest::READ) && ready.contains(Ready::READ) {
        told |= Ready::READ;
    }
    if want.contains(Interest::WRITE) && ready.contains(Ready::WRITE) {
        told |= Ready::WRITE;
    }
    if !want.is_none() && ready.contains(Ready::ERROR) {
        told |= Ready::ERROR;
    }
    told
}

impl Loop for Uring {
    fn wait_for(
        &mut self,
        deadline: Option<Instant>,
        at_most: Option<Duration>,
        tell: impl FnMut(Event),
    ) -> io::Result<()> {
        self.look_after_the_told();
        self.carry_out();
        let patience = self.patience(deadline, at_most);
        debug_assert!(patience.is_none() || self.is_awake(), "an event is lost");
        self.ring.enter(patience)?;
        self.reap();
        if self.resolver.has_answers() {
            let resolved = &mut self.resolved;
            self.resolver.completed(|query| resolved.push_back(query));
        }
        self.waker.take();
        self.tell(deadline, tell);
        Ok(())
    }

    fn waker(&self) -> Waker {
        self.waker.clone()
    }

    fn names(&mut self) -> &mut Names {
        &mut self.resolver
    }

    fn spilled_bytes(&self) -> usize {
        self.sockets.spilled_bytes()
    }
}

impl Watch for Uring {
    fn socket(&mut self, conn: ConnId, want: Interest) {
        if let Some(flow) = self.flow(conn) {
            flow.want = want;
            self.list(conn);
        }
    }

    /// The deadline comes with each wait.
    fn timer(&mut self, _at: Option<Instant>) {}
}

impl Resolver for Uring {
    fn resolve(&mut self, query: OriginId, host: &str, port: u16) -> Nb<Resolved, ResolveError> {
        self.resolver.resolve(query, host, port)
    }

    fn cancel(&mut self, query: OriginId) {
        self.resolver.cancel(query);
    }
}
