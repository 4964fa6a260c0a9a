//! A platform without a network: the least that the engine can be run with.

use core::time::Duration;

use muxfer_embedded::muxfer_core::net::{Addresses, Interest, IoError, Nb, Stall};
use muxfer_embedded::muxfer_core::platform::{
    Lent, ResolveError, Resolved, Resolver, Target, Transport, Watch,
};
use muxfer_embedded::muxfer_core::time::Instant;
use muxfer_embedded::muxfer_core::{ConnId, OriginId};

/// It resolves no name and opens no connection, and notes what it is told to wait for.
pub(crate) struct Nothing {
    /// What was last told to [`Watch::timer`].
    pub(crate) timer: Option<Instant>,
}

impl Transport for Nothing {
    fn open(&mut self, _conn: ConnId, _target: &Target<'_>) -> Result<(), IoError> {
        Err(IoError::Unreachable)
    }

    fn opened(&mut self, _conn: ConnId) -> Nb<()> {
        Err(Stall::Failed(IoError::Closed))
    }

    fn fill(&mut self, _conn: ConnId, _at_most: usize) -> Nb<Lent<'_>> {
        Err(Stall::Failed(IoError::Closed))
    }

    fn consume(&mut self, _conn: ConnId, _n: usize) {}

    fn reserve(&mut self, _conn: ConnId) -> Nb<&mut [u8]> {
        Err(Stall::Failed(IoError::Closed))
    }

    fn commit(&mut self, _conn: ConnId, _n: usize) -> Result<(), IoError> {
        Err(IoError::Closed)
    }

    fn flush(&mut self, _conn: ConnId) -> Nb<()> {
        Err(Stall::Failed(IoError::Closed))
    }

    fn close(&mut self, _conn: ConnId) {}
}

impl Watch for Nothing {
    fn socket(&mut self, _conn: ConnId, _want: Interest) {}

    fn timer(&mut self, at: Option<Instant>) {
        self.timer = at;
    }
}

impl Resolver for Nothing {
    fn resolve(&mut self, _: OriginId, host: &str, _: u16) -> Nb<Resolved, ResolveError> {
        let address = host.parse().map_err(|_| ResolveError::NotFound)?;
        let mut addresses = Addresses::new();
        addresses.push(address).map_err(|_| ResolveError::Failed)?;
        Ok(Resolved {
            addresses,
            keep: Duration::MAX,
        })
    }

    fn cancel(&mut self, _query: OriginId) {}
}
