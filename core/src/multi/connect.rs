//! From a claim to a connection: addresses, then attempts that race (CONTRACT R99, RFC 8305).

use core::net::SocketAddr;

use crate::Error;
use crate::conn::Conn;
use crate::easy::{Easy, Trace};
use crate::features::{QUEUE, RACES};
use crate::net::{Interest, IoError, Stall};
use crate::origin::{Lookup, Origin, OriginKey};
use crate::platform::{Platform, Resolved, Target};
use crate::store::{Attempts, ConnId, Handle, OriginId};
use crate::time::Timer;
use crate::transfer::{Flag, Queue, Race, State, StateKind};

use super::{Cx, Multi};

/// What came of asking for one more address.
enum Next {
    /// An attempt is under way.
    Opened,
    /// There is no further address, or no slot for one.
    Exhausted,
    /// The system has no descriptor: the transfer was put back in the queue.
    Queued,
}

impl<E: Easy> Multi<'_, E> {
    /// Asks for the addresses of a transfer's origin, and begins to connect when they are known.
    pub(super) fn resolve<P: Platform>(&mut self, cx: &mut Cx<'_, P>, handle: Handle) {
        let Some(id) = self
            .transfers
            .get(handle)
            .and_then(|transfer| transfer.origin)
        else {
            return;
        };
        if self
            .origins
            .get(id)
            .is_some_and(|origin| origin.is_known(self.now))
        {
            self.begin_race(cx, handle);
            return;
        }
        // A look-up is told the name and the port; whose it is, `id` says.
        let Some(OriginKey {
            scheme: _,
            host,
            port,
            settings: _,
        }) = self.origins.key(id)
        else {
            return;
        };
        match cx.platform.resolve(id, host, port) {
            Ok(found) if !found.addresses.is_empty() => {
                self.learn(id, found);
                self.begin_race(cx, handle);
            }
            Err(Stall::WouldBlock) => {
                if let Some(origin) = self.origins.get_mut(id) {
                    origin.lookup = Lookup::Asked;
                }
                self.enqueue(handle, Queue::Resolving);
            }
            Ok(_) | Err(Stall::Failed(_)) => self.resolve_failed(cx, handle, id),
        }
    }

    /// One look-up serves all who wait for it.
    fn learn(&mut self, id: OriginId, found: Resolved) {
        let Some(origin) = self.origins.get_mut(id) else {
            return;
        };
        origin.learn(found.addresses, self.now + found.keep);
        while let Some(waiting) = self
            .origins
            .get(id)
            .and_then(|origin| origin.resolving.front(&self.transfers))
        {
            self.wake(waiting);
        }
    }

    fn resolve_failed<P: Platform>(&mut self, cx: &mut Cx<'_, P>, handle: Handle, id: OriginId) {
        if let Some(origin) = self.origins.get_mut(id) {
            origin.lookup = Lookup::Unknown;
        }
        self.complete(cx, handle, Err(Error::Resolve));
        while let Some(waiting) = self
            .origins
            .get(id)
            .and_then(|origin| origin.resolving.front(&self.transfers))
        {
            self.complete(cx, waiting, Err(Error::Resolve));
        }
    }

    fn begin_race<P: Platform>(&mut self, cx: &mut Cx<'_, P>, handle: Handle) {
        let Some(transfer) = self.transfers.get_mut(handle) else {
            return;
        };
        transfer.times.resolved = transfer.elapsed(self.now);
        transfer.flags.set(Flag::NextAddress, false);
        let race = Race {
            attempts: Attempts::EMPTY,
            error: IoError::Unreachable,
            next: 0,
            edition: 0,
            patient: false,
        };
        transfer.set_state(handle, State::Connecting(race));
        self.try_addresses(cx, handle);
        self.settle(cx, handle);
    }

    /// Opens the next attempt; with none under way and no address left the transfer fails.
    fn try_addresses<P: Platform>(&mut self, cx: &mut Cx<'_, P>, handle: Handle) {
        match self.open_next(cx, handle) {
            Next::Opened | Next::Queued => {}
            Next::Exhausted => {
                let Some(transfer) = self.transfers.get(handle) else {
                    return;
                };
                let State::Connecting(race) = transfer.state else {
                    return;
                };
                if race.attempts.is_empty() {
                    // The addresses are not to be trusted any more.
                    let origin = transfer.origin.and_then(|id| self.origins.get_mut(id));
                    if let Some(origin) = origin {
                        origin.lookup = Lookup::Unknown;
                    }
                    self.complete(cx, handle, Err(Error::Connect(race.error)));
                }
            }
        }
    }

    fn open_next<P: Platform>(&mut self, cx: &mut Cx<'_, P>, handle: Handle) -> Next {
        loop {
            let Some(transfer) = self.transfers.get_mut(handle) else {
                return Next::Exhausted;
            };
            let Some(id) = transfer.origin else {
                return Next::Exhausted;
            };
            let State::Connecting(race) = &mut transfer.state else {
                return Next::Exhausted;
            };
            let Some(origin) = self.origins.get(id) else {
                return Next::Exhausted;
            };
            if core::mem::replace(&mut race.edition, origin.edition()) != origin.edition() {
                // Another transfer has asked anew meanwhile: the numbers mean other addresses.
                race.next = 0;
            }
            let Some(ip) = origin.address(race.next.into()) else {
                return Next::Exhausted;
            };
            let address = SocketAddr::new(ip, origin.port());
            let beside = RACES && !race.attempts.is_empty();
            if beside && !self.has_spare_slot() {
                return Next::Exhausted;
            }
            let Some(transfer) = self.transfers.get_mut(handle) else {
                return Next::Exhausted;
            };
            let State::Connecting(race) = &mut transfer.state else {
                return Next::Exhausted;
            };
            race.next += 1;
            transfer.easy.on_trace(Trace::Connecting(address));
            match self.open(cx, handle, id, address) {
                Ok(conn) => {
                    if !beside {
                        self.reserved -= 1;
                    }
                    self.attempt_opened(cx, handle, id, conn);
                    return Next::Opened;
                }
                Err(IoError::NoDescriptors) if QUEUE && self.claims > 1 && !beside => {
                    self.put_back(cx, handle, id);
                    return Next::Queued;
                }
                Err(error) => self.attempt_failed(handle, address, error),
            }
        }
    }

    fn open<P: Platform>(
        &mut self,
        cx: &mut Cx<'_, P>,
        handle: Handle,
        id: OriginId,
        address: SocketAddr,
    ) -> Result<ConnId, IoError> {
        let conn = self
            .conns
            .insert_with((), |()| Conn::opening(handle, id, address.ip(), self.now))
            .map_err(|()| IoError::NoDescriptors)?;
        // The port is that of the address.
        let OriginKey {
            scheme,
            host,
            port: _,
            settings,
        } = self.origins.key(id).ok_or(IoError::Unsupported)?;
        let target = Target {
            scheme,
            host,
            settings,
            address,
        };
        cx.platform.open(conn, &target).inspect_err(|_| {
            self.conns.remove_with(conn, drop);
        })?;
        say_debug!("conn {}: Opening for transfer {}", conn, handle);
        Ok(conn)
    }

    fn attempt_opened<P: Platform>(
        &mut self,
        cx: &mut Cx<'_, P>,
        handle: Handle,
        id: OriginId,
        conn: ConnId,
    ) {
        self.announce(cx.platform, conn, Interest::WRITE);
        let Some(transfer) = self.transfers.get_mut(handle) else {
            return;
        };
        let State::Connecting(race) = &mut transfer.state else {
            return;
        };
        race.attempts.push_back(&mut self.conns, conn);
        race.patient = false;
        let next = race.next;
        let more = RACES
            && self
                .origins
                .get(id)
                .is_some_and(|o| o.address(next.into()).is_some());
        if more {
            let delay = self.config.eyeballs;
            transfer
                .timers
                .set(transfer.started, self.now, Timer::Eyeballs, delay);
        }
    }

    fn attempt_failed(&mut self, handle: Handle, address: SocketAddr, error: IoError) {
        let Some(transfer) = self.transfers.get_mut(handle) else {
            return;
        };
        say_debug!("transfer {}: an address failed: {:?}", handle, error);
        transfer.easy.on_trace(Trace::ConnectFailed(address, error));
        if let State::Connecting(race) = &mut transfer.state {
            race.error = error;
        }
    }

    /// The system has no descriptor left, but others are connected: wait for one of them.
    fn put_back<P: Platform>(&mut self, cx: &mut Cx<'_, P>, handle: Handle, id: OriginId) {
        say_debug!("transfer {}: no descriptor is left", handle);
        self.lower_ceiling();
        self.reserved -= 1;
        if let Some(transfer) = self.transfers.get_mut(handle) {
            transfer.timers.clear(Timer::Eyeballs);
        }
        self.wait(handle);
        self.release_claim(id);
        if self.claims == self.idle.len() + self.stray.len() {
            // Nobody who works will give a place back: an idle connection must.
            self.promote(cx);
        }
    }

    /// Looks at the attempts of which something was heard. The first that stands wins.
    pub(super) fn race<P: Platform>(&mut self, cx: &mut Cx<'_, P>, handle: Handle) {
        let Some(transfer) = self.transfers.get(handle) else {
            return;
        };
        let State::Connecting(Race { attempts, .. }) = transfer.state else {
            return;
        };
        let mut next = attempts.front(&self.conns);
        let mut failed = false;
        while let Some(id) = next {
            next = attempts.after(&mut self.conns, id);
            let Some(conn) = self.conns.get_mut(id) else {
                break;
            };
            let port = self.origins.get(conn.origin).map_or(0, Origin::port);
            let address = SocketAddr::new(conn.address, port);
            if core::mem::take(&mut conn.ready).is_none() {
                continue;
            }
            match cx.platform.opened(id) {
                Ok(()) => {
                    self.win(cx, handle, id);
                    return;
                }
                Err(Stall::WouldBlock) => {}
                Err(Stall::Failed(error)) => {
                    self.close_attempt(cx, handle, id);
                    self.attempt_failed(handle, address, error);
                    if let IoError::Tls(_) = error {
                        // A host whose certificate is refused is not asked again elsewhere.
                        self.complete(cx, handle, Err(Error::Connect(error)));
                        return;
                    }
                    failed = true;
                }
            }
        }
        let due = self
            .transfers
            .get_mut(handle)
            .is_some_and(|transfer| transfer.flags.take(Flag::NextAddress));
        // CONTRACT R99: a failure brings on the next address at once.
        if failed || (due && !self.be_patient(cx, handle)) {
            self.try_addresses(cx, handle);
        }
    }

    /// With no slot for an attempt beside the present one, that one has half of the time that is
    /// left; then the next address takes its place. Answers whether the time was just given.
    fn be_patient<P: Platform>(&mut self, cx: &mut Cx<'_, P>, handle: Handle) -> bool {
        if self.has_spare_slot() {
            return false;
        }
        let Some(transfer) = self.transfers.get_mut(handle) else {
            return false;
        };
        let State::Connecting(race) = &mut transfer.state else {
            return false;
        };
        if core::mem::replace(&mut race.patient, true) {
            let oldest = race.attempts.front(&self.conns);
            if let Some(oldest) = oldest {
                self.close_attempt(cx, handle, oldest);
            }
            return false;
        }
        let limit = transfer.timers.at(transfer.started, Timer::Connect);
        let left = limit.map_or(self.config.eyeballs, |at| at.since(self.now) / 2);
        let wait = left.max(self.config.eyeballs);
        transfer
            .timers
            .set(transfer.started, self.now, Timer::Eyeballs, wait);
        true
    }

    fn close_attempt<P: Platform>(&mut self, cx: &mut Cx<'_, P>, handle: Handle, id: ConnId) {
        let Some(transfer) = self.transfers.get_mut(handle) else {
            return;
        };
        let State::Connecting(race) = &mut transfer.state else {
            return;
        };
        race.attempts.remove(&mut self.conns, id);
        if race.attempts.is_empty() {
            self.reserved += 1;
        }
        self.close(cx.platform, id);
    }

    /// Closes all attempts but one, or all. Whoever calls promotes: there are free places now.
    pub(super) fn close_attempts<P: Platform>(
        &mut self,
        cx: &mut Cx<'_, P>,
        handle: Handle,
        but: Option<ConnId>,
    ) {
        while let Some(transfer) = self.transfers.get_mut(handle) {
            let State::Connecting(race) = &mut transfer.state else {
                return;
            };
            let Some(id) = race.attempts.pop_front(&mut self.conns) else {
                return;
            };
            if Some(id) != but {
                self.close(cx.platform, id);
            }
        }
    }

    fn win<P: Platform>(&mut self, cx: &mut Cx<'_, P>, handle: Handle, id: ConnId) {
        self.close_attempts(cx, handle, Some(id));
        if let Some(transfer) = self.transfers.get_mut(handle) {
            debug_assert_eq!(transfer.state.kind(), StateKind::Connecting);
            transfer.connects = transfer.connects.saturating_add(1);
            transfer.times.connected = transfer.elapsed(self.now);
        }
        self.assign(handle, id, false);
        self.drive(cx, handle, None);
        self.promote(cx);
    }
}
