//! Names to addresses: where they come from is chosen by type.

use core::net::IpAddr;
use core::time::Duration;

use muxfer_core::OriginId;
use muxfer_core::net::{Addresses, Nb, Stall};
use muxfer_core::platform::{ResolveError, Resolved, Resolver};

use super::net::Stack;

/// How long an address may be used that is written in the program or in the URL.
pub const FIXED_KEEP: Duration = Duration::from_secs(86_400);

/// What looks names up: [`Fixed`], `Dns`, or the application's own.
///
/// It is a [`Resolver`] that is given the network, and is asked after each `Interface::poll`.
pub trait Names {
    /// As [`Resolver::resolve`].
    ///
    /// # Errors
    /// As there.
    fn resolve(
        &mut self,
        stack: &mut Stack<'_, '_>,
        query: OriginId,
        host: &str,
        port: u16,
    ) -> Nb<Resolved, ResolveError>;

    /// As [`Resolver::cancel`].
    fn cancel(&mut self, stack: &mut Stack<'_, '_>, query: OriginId) {
        let _ = (stack, query);
    }

    /// Tells the queries that the engine should ask for again.
    fn answered(&mut self, stack: &mut Stack<'_, '_>, tell: &mut dyn FnMut(OriginId)) {
        let _ = (stack, tell);
    }

    /// Would [`answered`](Self::answered) tell something now, though nothing came from the network?
    fn is_due(&self) -> bool {
        false
    }
}

/// Names whose addresses are known, and addresses.
///
/// A name may stand several times, for several addresses. Names are in lower case.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fixed<'t>(pub &'t [(&'t str, IpAddr)]);

impl Fixed<'_> {
    /// What is known of a host.
    #[must_use]
    pub fn find(&self, host: &str) -> Option<Resolved> {
        let mut addresses = Addresses::new();
        let known = self.0.iter().filter(|(name, _)| *name == host);
        let known = known.map(|(_, address)| *address);
        for address in known.chain(literal(host)) {
            // What does not fit is not used.
            let _ = addresses.push(address);
        }
        (!addresses.is_empty()).then_some(Resolved {
            addresses,
            keep: FIXED_KEEP,
        })
    }
}

impl Names for Fixed<'_> {
    fn resolve(
        &mut self,
        _stack: &mut Stack<'_, '_>,
        _query: OriginId,
        host: &str,
        _port: u16,
    ) -> Nb<Resolved, ResolveError> {
        self.find(host).ok_or(Stall::Failed(ResolveError::NotFound))
    }
}

/// Any other [`Resolver`]. Whoever brings it reports `Event::Resolved` to the engine, too.
#[derive(Clone, Copy, Debug, Default)]
pub struct Custom<T>(pub T);

impl<T: Resolver> Names for Custom<T> {
    fn resolve(
        &mut self,
        _stack: &mut Stack<'_, '_>,
        query: OriginId,
        host: &str,
        port: u16,
    ) -> Nb<Resolved, ResolveError> {
        self.0.resolve(query, host, port)
    }

    fn cancel(&mut self, _stack: &mut Stack<'_, '_>, query: OriginId) {
        self.0.cancel(query);
    }
}

/// The address that a host is, if it is no name.
fn literal(host: &str) -> Option<IpAddr> {
    #[cfg(feature = "ipv6")]
    let parsed = host.parse::<IpAddr>();
    #[cfg(not(feature = "ipv6"))]
    let parsed = host.parse::<core::net::Ipv4Addr>().map(IpAddr::V4);
    parsed.ok()
}
