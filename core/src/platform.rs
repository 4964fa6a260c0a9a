//! What the engine asks of a platform: byte streams, a watch on sockets and time, names.
//!
//! A platform is passed by `&mut` into each call that needs one. No method may block, and none can
//! call back into the engine: the borrow checker sees to it (CONTRACT D2).
//!
//! # The laws of a transport
//! 1. What was lent by [`Transport::fill`] and not consumed is lent again, first and unchanged.
//! 2. Between [`Transport::reserve`] and [`Transport::commit`] no other call names that connection,
//!    and nothing is reserved for another.
//! 3. After [`Stall::WouldBlock`](crate::net::Stall) an event follows once the call can go on, as
//!    long as the direction is watched.
//! 4. [`Transport::close`] is final: no event of that id is reported afterwards, even if the system
//!    gives the same descriptor to the next connection.
//! 5. Lent slices are contiguous and may be short.
//! 6. What was committed is sent in order and not lost: the transport keeps what the system did not
//!    take, and [`Transport::reserve`] answers `WouldBlock` until it is gone.
//! 7. An id is opened once. Calls that name an id that is not open answer
//!    [`IoError::Closed`](crate::net::IoError), or do nothing.
//!
//! The test crate's contract suite holds every platform to them.

use core::net::SocketAddr;
use core::time::Duration;

use crate::net::{Addresses, Interest, IoError, Nb, Scheme};
use crate::store::{ConnId, OriginId};
use crate::time::Instant;

/// What a connection is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// Plain or secured.
    pub scheme: Scheme,
    /// The host as the URL names it, in lower case, without brackets: for SNI and verification.
    pub host: &'a str,
    /// The settings that the transfer asked for ([`Request::settings`](crate::easy::Request)).
    pub settings: u32,
    /// Where to connect to.
    pub address: SocketAddr,
}

/// Bytes that a transport lends to the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lent<'a> {
    /// What came; empty only at the end of the stream.
    pub bytes: &'a [u8],
    /// Whether another `fill` may give more at once. With `false` the engine waits for an event,
    /// which saves the system call that would only say `WouldBlock`.
    pub more: bool,
}

/// Non-blocking byte streams that lend their buffers.
pub trait Transport {
    /// Can it open connections of this scheme? Asked before a name is looked up.
    fn supports(&self, scheme: Scheme) -> bool {
        matches!(scheme, Scheme::Http)
    }

    /// Starts to connect. The id is new; the socket may be watched from now on.
    ///
    /// # Errors
    /// Whatever the system says at once. [`IoError::NoDescriptors`] makes the engine queue the
    /// transfer if other connections are open. Nothing is open afterwards.
    fn open(&mut self, conn: ConnId, target: &Target<'_>) -> Result<(), IoError>;

    /// Has the connect ended, and well? For a secured origin: the handshake, too.
    ///
    /// # Errors
    /// `WouldBlock` while it goes on.
    fn opened(&mut self, conn: ConnId) -> Nb<()>;

    /// Lends what has come, at most `at_most` bytes (never 0); an empty slice is the end of the stream.
    ///
    /// # Errors
    /// `WouldBlock` if nothing has come.
    fn fill(&mut self, conn: ConnId, at_most: usize) -> Nb<Lent<'_>>;

    /// Takes the first `n` of the bytes that the last `fill` of this connection lent.
    fn consume(&mut self, conn: ConnId, n: usize);

    /// Lends room for bytes to send; at least one byte.
    ///
    /// # Errors
    /// `WouldBlock` if there is no room, or while committed bytes wait (law 6).
    fn reserve(&mut self, conn: ConnId) -> Nb<&mut [u8]>;

    /// Sends the first `n` bytes of the room that the last `reserve` of this connection lent. It
    /// takes all of them, now or later.
    ///
    /// # Errors
    /// The stream is broken.
    fn commit(&mut self, conn: ConnId, n: usize) -> Result<(), IoError>;

    /// Have all committed bytes been handed to the system?
    ///
    /// # Errors
    /// `WouldBlock` while some wait; a write event follows.
    fn flush(&mut self, conn: ConnId) -> Nb<()>;

    /// Closes it and forgets all that is held for it.
    fn close(&mut self, conn: ConnId);
}

/// `CURLMOPT_SOCKETFUNCTION` and `CURLMOPT_TIMERFUNCTION`: told changes only (CONTRACT R21, R41).
pub trait Watch {
    /// From now on report these events of the connection. [`Interest::NONE`] means stop watching,
    /// and is told before a watched connection is closed (CONTRACT R25).
    fn socket(&mut self, conn: ConnId, want: Interest);

    /// Call the engine at this time at the latest; it replaces what was said before. A time that
    /// is not later than now means as soon as possible, `None` that there is nothing to wait for
    /// (CONTRACT R40). It is single-shot: it is told again if it is still wanted.
    fn timer(&mut self, at: Option<Instant>);
}

/// What a look-up found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The addresses in the resolver's order; the engine sorts them (CONTRACT R99). Not empty.
    pub addresses: Addresses,
    /// How long they may be used.
    pub keep: Duration,
}

/// Why a name has no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ResolveError {
    /// The name does not exist or has no address.
    NotFound,
    /// The look-up failed for now: no server answered.
    Failed,
}

/// Names to addresses, now or later. Each origin has at most one query under way: the engine
/// coalesces, and caches what is found.
pub trait Resolver {
    /// Looks up `host`. The first call for a `query` starts it; when an answer has come the
    /// platform reports [`Event::Resolved`](crate::Event) and the engine calls again.
    ///
    /// # Errors
    /// `WouldBlock` while the answer is awaited. A full queue is `WouldBlock` too: the platform
    /// keeps the query in mind or reports `Resolved` when the engine should ask again.
    fn resolve(&mut self, query: OriginId, host: &str, port: u16) -> Nb<Resolved, ResolveError>;

    /// Nobody wants the answer any more. An answer that still comes is dropped.
    fn cancel(&mut self, query: OriginId);
}

/// Everything that the engine asks of a platform.
pub trait Platform: Transport + Watch + Resolver {}

impl<P: Transport + Watch + Resolver> Platform for P {}
