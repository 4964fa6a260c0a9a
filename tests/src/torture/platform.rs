//! A platform with a trap around it.

use muxfer_core::net::{Interest, IoError, Nb, Scheme, Stall};
use muxfer_core::platform::{Lent, ResolveError, Resolved, Resolver, Target, Transport, Watch};
use muxfer_core::time::Instant;
use muxfer_core::{ConnId, OriginId};

use super::trap::{Kind, Trap};

/// A platform of which one call fails.
pub struct Faulty<P> {
    /// The platform.
    pub inner: P,
    trap: Trap,
}

impl<P> Faulty<P> {
    /// A platform with this trap around it.
    pub const fn new(inner: P, trap: Trap) -> Self {
        Self { inner, trap }
    }

    fn check(&self, kind: Kind) -> Result<(), IoError> {
        self.trap.spring(kind).map_or(Ok(()), Err)
    }
}

impl<P: Transport> Transport for Faulty<P> {
    fn supports(&self, scheme: Scheme) -> bool {
        self.inner.supports(scheme)
    }

    fn open(&mut self, conn: ConnId, target: &Target<'_>) -> Result<(), IoError> {
        self.check(Kind::Open)?;
        self.inner.open(conn, target)
    }

    fn opened(&mut self, conn: ConnId) -> Nb<()> {
        self.check(Kind::Opened)?;
        self.inner.opened(conn)
    }

    fn fill(&mut self, conn: ConnId, at_most: usize) -> Nb<Lent<'_>> {
        self.check(Kind::Fill)?;
        self.inner.fill(conn, at_most)
    }

    fn consume(&mut self, conn: ConnId, n: usize) {
        self.inner.consume(conn, n);
    }

    fn reserve(&mut self, conn: ConnId) -> Nb<&mut [u8]> {
        self.check(Kind::Reserve)?;
        self.inner.reserve(conn)
    }

    fn commit(&mut self, conn: ConnId, n: usize) -> Result<(), IoError> {
        self.check(Kind::Commit)?;
        self.inner.commit(conn, n)
    }

    fn flush(&mut self, conn: ConnId) -> Nb<()> {
        self.check(Kind::Flush)?;
        self.inner.flush(conn)
    }

    fn close(&mut self, conn: ConnId) {
        self.inner.close(conn);
    }
}

impl<P: Watch> Watch for Faulty<P> {
    fn socket(&mut self, conn: ConnId, want: Interest) {
        self.inner.socket(conn, want);
    }

    fn timer(&mut self, at: Option<Instant>) {
        self.inner.timer(at);
    }
}

impl<P: Resolver> Resolver for Faulty<P> {
    fn resolve(&mut self, query: OriginId, host: &str, port: u16) -> Nb<Resolved, ResolveError> {
        if let Some(error) = self.trap.spring(Kind::Resolve) {
            // The look-up has ended: nobody waits for the answer to what began before.
            self.inner.cancel(query);
            return Err(Stall::Failed(if error == IoError::Unreachable {
                ResolveError::NotFound
            } else {
                ResolveError::Failed
            }));
        }
        self.inner.resolve(query, host, port)
    }

    fn cancel(&mut self, query: OriginId) {
        self.inner.cancel(query);
    }
}
