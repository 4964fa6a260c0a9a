//! The platform for one turn of the loop.

use ::smoltcp::iface::{Interface, PollResult, SocketSet};
use ::smoltcp::phy::Device;
use ::smoltcp::socket::tcp::Socket;
use muxfer_core::net::{IoError, Nb, Ready};
use muxfer_core::platform::{ResolveError, Resolved, Resolver};
use muxfer_core::time::Instant;
use muxfer_core::{ConnId, Event, OriginId};

use super::names::Names;
use super::place::{Place, Tick};
use super::sockets::Shared;
use super::to_smoltcp;
use super::transport::connect;
use super::watch::readiness;

/// The application's network: its interface, and the set that holds its sockets.
pub struct Stack<'n, 's> {
    /// The interface.
    pub iface: &'n mut Interface,
    /// All sockets, those of the engine among them.
    pub set: &'n mut SocketSet<'s>,
}

/// The platform of the engine, for one turn of the loop. [`Sockets::net`](super::Sockets::net) makes
/// it; nothing is lost when it goes.
pub struct Net<'n, 's, R> {
    pub(super) now: Instant,
    pub(super) places: &'n mut [Place],
    pub(super) shared: &'n mut Shared,
    pub(super) stack: Stack<'n, 's>,
    pub(super) names: &'n mut R,
}

impl<'n, 's, R> Net<'n, 's, R> {
    /// `Interface::poll` at this time, which is the platform's from now on. For a loop that keeps one
    /// platform; it may poll the interface of [`stack`](Self::stack) otherwise, and say
    /// [`at`](Self::at).
    pub fn poll(&mut self, now: Instant, device: &mut (impl Device + ?Sized)) -> PollResult {
        self.now = now;
        let (iface, set) = (&mut self.stack.iface, &mut self.stack.set);
        iface.poll(to_smoltcp(now), device, set)
    }

    /// It is so late now.
    pub const fn at(&mut self, now: Instant) {
        self.now = now;
    }

    /// What looks names up.
    pub const fn names(&mut self) -> &mut R {
        self.names
    }

    /// How many sockets carry a connection of the engine.
    #[must_use]
    pub fn open(&self) -> usize {
        let carries = |place: &&Place| place.conn().is_some();
        self.places.iter().filter(carries).count()
    }

    /// How many sockets still say goodbye, though the engine has closed their connections.
    #[must_use]
    pub fn lingering(&self) -> usize {
        let lingers = |place: &&Place| place.is_lingering();
        self.places.iter().filter(lingers).count()
    }

    /// The network, for what else the application does with it.
    pub const fn stack(&mut self) -> &mut Stack<'n, 's> {
        &mut self.stack
    }
}

impl<R: Names> Net<'_, '_, R> {
    /// Tells what is ready, after `Interface::poll`: for [`Multi::mark`](muxfer_core::Multi::mark).
    /// O(sockets).
    pub fn events(&mut self, mut tell: impl FnMut(Event)) {
        if self.shared.timer.is_some_and(|at| at <= self.now) {
            self.shared.timer = None;
            tell(Event::Timeout);
        }
        for index in 0..self.places.len() {
            if let Some((conn, ready)) = self.look(index) {
                tell(Event::Socket(conn, ready));
            }
        }
        self.names.answered(&mut self.stack, &mut |origin| {
            tell(Event::Resolved(origin));
        });
    }

    /// When the next turn must come at the latest, after the engine has run; `None`: not before the
    /// network has something. A time that is not later than now means at once. O(sockets).
    pub fn wake_at(&mut self) -> Option<Instant> {
        let ready = (0..self.places.len()).any(|index| self.look(index).is_some());
        if ready || self.names.is_due() {
            return Some(self.now);
        }
        let now = to_smoltcp(self.now);
        let polled = self.stack.iface.poll_at(now, self.stack.set).map(|at| {
            let micros = u64::try_from(at.total_micros()).unwrap_or(0);
            Instant::from_micros(micros)
        });
        let tended = self.places.iter().filter_map(|place| place.due(self.now));
        tended.chain(polled).chain(self.shared.timer).min()
    }
}

impl<'s, R> Net<'_, 's, R> {
    /// Moves one socket on. What is ready of it, and watched.
    fn look(&mut self, index: usize) -> Option<(ConnId, Ready)> {
        let now = Tick::at(self.now);
        let place = self.places.get_mut(index)?;
        connect(place, self.shared, &mut self.stack, now);
        let socket = self.stack.set.get_mut::<Socket<'_>>(place.handle?);
        place.tend(socket, now);
        let conn = place.conn()?;
        if place.is_waiting() {
            return None;
        }
        let ready = readiness(socket, place.want);
        (!ready.is_none()).then_some((conn, ready))
    }

    /// The place of a connection and its socket. Law 7: of an id that is not open, `Closed`.
    pub(super) fn find(&mut self, conn: ConnId) -> Result<(&mut Place, &mut Socket<'s>), IoError> {
        let place = self
            .places
            .iter_mut()
            .find(|place| place.conn() == Some(conn))
            .ok_or(IoError::Closed)?;
        let handle = place.handle.ok_or(IoError::Closed)?;
        Ok((place, self.stack.set.get_mut(handle)))
    }
}

impl<R: Names> Resolver for Net<'_, '_, R> {
    fn resolve(&mut self, query: OriginId, host: &str, port: u16) -> Nb<Resolved, ResolveError> {
        self.names.resolve(&mut self.stack, query, host, port)
    }

    fn cancel(&mut self, query: OriginId) {
        self.names.cancel(&mut self.stack, query);
    }
}
