//! Names that smoltcp's DNS socket looks up.

use core::net::IpAddr;
use core::time::Duration;

use ::smoltcp::config::DNS_MAX_RESULT_COUNT;
use ::smoltcp::iface::{Interface, SocketHandle};
use ::smoltcp::socket::dns::{GetQueryResultError, QueryHandle, Socket, StartQueryError};
use ::smoltcp::wire::{DnsQueryType, IpAddress};
use heapless::Vec;
use muxfer_core::OriginId;
use muxfer_core::net::{Addresses, Nb, Stall};
use muxfer_core::platform::{ResolveError, Resolved};

use super::names::{Fixed, Names};
use super::net::Stack;

/// How long an address may be used: smoltcp does not say what the server said.
pub const DNS_KEEP: Duration = Duration::from_secs(60);

/// Looks names up with a DNS socket of the set, at most `Q` at once: as many as the engine has
/// origins, or transfers if those are fewer. One more fails with [`ResolveError::Failed`].
///
/// The socket may have fewer places for queries; then some wait. Addresses in the place of names, and
/// the names of a [`Fixed`], need no query. It asks for IPv4 addresses; with the feature `ipv6`, and if
/// there are none, for IPv6 addresses.
pub struct Dns<'t, const Q: usize> {
    socket: SocketHandle,
    fixed: Fixed<'t>,
    queries: [Option<Query>; Q],
    /// A place of the socket became free, and nobody was told.
    freed: bool,
}

/// A name that the engine has asked for.
struct Query {
    origin: OriginId,
    state: State,
}

/// How far it is.
enum State {
    /// To be asked of the socket when the engine asks again.
    Waiting(Kind),
    /// The socket has it.
    Asked(Kind, QueryHandle),
    /// It has these addresses.
    Answered(Vec<IpAddress, DNS_MAX_RESULT_COUNT>),
    /// It has none, or no server has answered.
    Failed,
}

/// Which addresses are asked for.
#[derive(Clone, Copy)]
enum Kind {
    V4,
    #[cfg(feature = "ipv6")]
    V6,
}

impl<'t, const Q: usize> Dns<'t, Q> {
    /// Over this DNS socket of the set. The names of `fixed` are not looked up.
    #[must_use]
    pub const fn new(socket: SocketHandle, fixed: Fixed<'t>) -> Self {
        Self {
            socket,
            fixed,
            queries: [const { None }; Q],
            freed: false,
        }
    }
}

impl<const Q: usize> Names for Dns<'_, Q> {
    fn resolve(
        &mut self,
        stack: &mut Stack<'_, '_>,
        query: OriginId,
        host: &str,
        _port: u16,
    ) -> Nb<Resolved, ResolveError> {
        if let Some(found) = self.fixed.find(host) {
            return Ok(found);
        }
        let of = |place: &Option<Query>, origin| place.as_ref().map(|q| q.origin) == origin;
        let known = self.queries.iter().position(|q| of(q, Some(query)));
        let place = known
            .or_else(|| self.queries.iter().position(|q| of(q, None)))
            .and_then(|index| self.queries.get_mut(index))
            .ok_or(Stall::Failed(ResolveError::Failed))?;
        let state = match place.take().map(|query| query.state) {
            None => ask(stack, self.socket, host, Kind::V4)?,
            Some(State::Waiting(kind)) => ask(stack, self.socket, host, kind)?,
            Some(asked @ State::Asked(..)) => asked,
            Some(State::Answered(addresses)) => return Ok(resolved(&addresses)),
            Some(State::Failed) => return Err(Stall::Failed(ResolveError::Failed)),
        };
        *place = Some(Query {
            origin: query,
            state,
        });
        Err(Stall::WouldBlock)
    }

    fn cancel(&mut self, stack: &mut Stack<'_, '_>, query: OriginId) {
        let is = |place: &&mut Option<Query>| place.as_ref().is_some_and(|q| q.origin == query);
        let Some(gone) = self.queries.iter_mut().find(is).and_then(Option::take) else {
            return;
        };
        if let State::Asked(_, handle) = gone.state {
            let socket = stack.set.get_mut::<Socket<'_>>(self.socket);
            socket.cancel_query(handle);
            self.freed = true;
        }
    }

    fn answered(&mut self, stack: &mut Stack<'_, '_>, tell: &mut dyn FnMut(OriginId)) {
        let socket = stack.set.get_mut::<Socket<'_>>(self.socket);
        let mut asked = false;
        for query in self.queries.iter_mut().flatten() {
            let State::Asked(kind, handle) = query.state else {
                continue;
            };
            match socket.get_query_result(handle) {
                Err(GetQueryResultError::Pending) => {
                    asked = true;
                    continue;
                }
                Ok(addresses) => {
                    query.state = State::Answered(addresses);
                    tell(query.origin);
                }
                Err(GetQueryResultError::Failed) => match next(stack.iface, kind) {
                    // Told below, as the place is free.
                    Some(kind) => query.state = State::Waiting(kind),
                    None => {
                        query.state = State::Failed;
                        tell(query.origin);
                    }
                },
            }
            self.freed = true;
        }
        // If none is ours, others have the socket's places, and nothing says when they give them back.
        if core::mem::take(&mut self.freed) || !asked {
            self.waiting().for_each(tell);
        }
    }

    fn is_due(&self) -> bool {
        self.freed && self.waiting().next().is_some()
    }
}

impl<const Q: usize> Dns<'_, Q> {
    fn waiting(&self) -> impl Iterator<Item = OriginId> {
        let waits = |query: &&Query| matches!(query.state, State::Waiting(_));
        let waiting = self.queries.iter().flatten().filter(waits);
        waiting.map(|query| query.origin)
    }
}

/// Asks the socket, if it has a place.
fn ask(
    stack: &mut Stack<'_, '_>,
    socket: SocketHandle,
    host: &str,
    kind: Kind,
) -> Result<State, ResolveError> {
    let wire_type = match kind {
        Kind::V4 => DnsQueryType::A,
        #[cfg(feature = "ipv6")]
        Kind::V6 => DnsQueryType::Aaaa,
    };
    let socket = stack.set.get_mut::<Socket<'_>>(socket);
    match socket.start_query(stack.iface.context(), host, wire_type) {
        Ok(handle) => Ok(State::Asked(kind, handle)),
        Err(StartQueryError::NoFreeSlot) => Ok(State::Waiting(kind)),
        Err(StartQueryError::InvalidName | StartQueryError::NameTooLong) => {
            Err(ResolveError::NotFound)
        }
    }
}

/// What is asked for when there was no address of this kind.
#[cfg(feature = "ipv6")]
fn next(iface: &Interface, kind: Kind) -> Option<Kind> {
    match kind {
        Kind::V4 => iface.ipv6_addr().map(|_| Kind::V6),
        Kind::V6 => None,
    }
}

/// What is asked for when there was no address of this kind.
#[cfg(not(feature = "ipv6"))]
const fn next(_iface: &Interface, _kind: Kind) -> Option<Kind> {
    None
}

fn resolved(found: &[IpAddress]) -> Resolved {
    let mut addresses = Addresses::new();
    for address in found {
        // What does not fit is not used.
        let _ = addresses.push(IpAddr::from(*address));
    }
    Resolved {
        addresses,
        keep: DNS_KEEP,
    }
}
