//! A platform for any loop: sockets and names as they are, the watching by whoever runs the loop.

use std::os::fd::BorrowedFd;

use muxfer_core::net::{Interest, IoError, Nb, Scheme};
use muxfer_core::platform::{Lent, ResolveError, Resolved, Resolver, Target, Transport, Watch};
use muxfer_core::time::Instant;
use muxfer_core::{ConnId, OriginId};

use crate::resolver::Names;
use crate::sockets::Sockets;

/// `CURLMOPT_SOCKETFUNCTION` and `CURLMOPT_TIMERFUNCTION` for a program with a loop of its own.
///
/// Both are called from within calls into the engine, and must not block. The events go back by
/// `Multi::mark` or `Multi::socket_action`, with the id that was given here: an event that is late
/// names an id that is gone, and is dropped, even if the descriptor's number has a new owner
/// (CONTRACT R27).
pub trait Watcher {
    /// Watch this descriptor for exactly these directions from now on; [`Interest::NONE`] is
    /// `CURL_POLL_REMOVE`. Level-triggered readiness is expected.
    fn socket(&mut self, fd: BorrowedFd<'_>, conn: ConnId, want: Interest);

    /// Call the engine with [`Event::Timeout`](muxfer_core::Event) at this time of
    /// [`Clock`](crate::Clock), once; `None` means no time.
    fn timer(&mut self, at: Option<Instant>);

    /// The descriptor is closed right after this: `CURLOPT_CLOSESOCKETFUNCTION` without the close.
    /// It comes after the last [`Watcher::socket`] of the connection (CONTRACT R25).
    fn closing(&mut self, fd: BorrowedFd<'_>, conn: ConnId) {
        let _ = (fd, conn);
    }
}

/// The whole platform of the engine, but for the loop, which `W` stands for.
///
/// [`Epoll`](crate::Epoll) and [`Polled`](crate::Polled) are this with a loop. For another loop,
/// watch [`Names::as_fd`](Names) too, and hand what [`Names::completed`] tells to the engine as
/// [`Event::Resolved`](muxfer_core::Event).
#[derive(Debug)]
pub struct Linux<W> {
    /// The connections.
    pub sockets: Sockets,
    /// The look-ups.
    pub resolver: Names,
    /// What watches sockets and time.
    pub watcher: W,
}

impl<W: Watcher> Watch for Linux<W> {
    fn socket(&mut self, conn: ConnId, want: Interest) {
        if let Some(fd) = self.sockets.fd(conn) {
            self.watcher.socket(fd, conn, want);
        }
    }

    fn timer(&mut self, at: Option<Instant>) {
        self.watcher.timer(at);
    }
}

impl<W: Watcher> Transport for Linux<W> {
    fn supports(&self, scheme: Scheme) -> bool {
        self.sockets.supports(scheme)
    }

    fn open(&mut self, conn: ConnId, target: &Target<'_>) -> Result<(), IoError> {
        self.sockets.open(conn, target)
    }

    fn opened(&mut self, conn: ConnId) -> Nb<()> {
        self.sockets.opened(conn)
    }

    fn fill(&mut self, conn: ConnId, at_most: usize) -> Nb<Lent<'_>> {
        self.sockets.fill(conn, at_most)
    }

    fn consume(&mut self, conn: ConnId, n: usize) {
        self.sockets.consume(conn, n);
    }

    fn reserve(&mut self, conn: ConnId) -> Nb<&mut [u8]> {
        self.sockets.reserve(conn)
    }

    fn commit(&mut self, conn: ConnId, n: usize) -> Result<(), IoError> {
        self.sockets.commit(conn, n)
    }

    fn flush(&mut self, conn: ConnId) -> Nb<()> {
        self.sockets.flush(conn)
    }

    fn close(&mut self, conn: ConnId) {
        if let Some(fd) = self.sockets.fd(conn) {
            self.watcher.closing(fd, conn);
        }
        self.sockets.close(conn);
    }
}

impl<W> Resolver for Linux<W> {
    fn resolve(&mut self, query: OriginId, host: &str, port: u16) -> Nb<Resolved, ResolveError> {
        self.resolver.resolve(query, host, port)
    }

    fn cancel(&mut self, query: OriginId) {
        self.resolver.cancel(query);
    }
}
