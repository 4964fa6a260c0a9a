//! Who gets a connection: reuse, limits, the queues, and their promotion (CONTRACT R75, R76).

use core::net::SocketAddr;

use crate::Error;
use crate::conn::ConnState;
use crate::easy::{Easy, Trace};
use crate::features::{QUEUE, REUSE};
use crate::net::IoError;
use crate::origin::{Origin, Place};
use crate::platform::Platform;
use crate::store::{ConnId, Handle, OriginId};
use crate::transfer::{Flag, Queue, State, StateKind};

use super::drive::begin_exchange;
use super::{Cx, Multi};

impl<E: Easy> Multi<'_, E> {
    /// Gives a transfer an idle connection, or a claim to a new one, or a place in the queue of its
    /// origin. `promoted`: it is its turn; otherwise those that wait already go first.
    pub(super) fn acquire<P: Platform>(
        &mut self,
        cx: &mut Cx<'_, P>,
        handle: Handle,
        promoted: bool,
    ) {
        let Some(transfer) = self.transfers.get(handle) else {
            return;
        };
        let Some(id) = transfer.origin else { return };
        let fresh = transfer.flags.has(Flag::Fresh);
        let in_turn =
            !QUEUE || promoted || self.origins.get(id).is_some_and(|o| o.waiting.is_empty());
        if REUSE
            && in_turn
            && !fresh
            && let Some(conn) = self.take_idle(cx, id)
        {
            self.assign(handle, conn, true);
            return;
        }
        if in_turn && self.has_room(cx, id) {
            self.claim(handle, id);
            if promoted {
                // What it does next may fail and promote another: not from inside this one.
                self.enqueue(handle, Queue::Ready);
            } else {
                self.resolve(cx, handle);
            }
            return;
        }
        if !QUEUE {
            let none = Error::Connect(IoError::NoDescriptors);
            return self.complete(cx, handle, Err(none));
        }
        self.wait(handle);
        self.rank(id);
    }

    fn claim(&mut self, handle: Handle, id: OriginId) {
        self.claims += 1;
        self.reserved += 1;
        if let Some(origin) = self.origins.get_mut(id) {
            origin.conns += 1;
        }
        let Some(transfer) = self.transfers.get_mut(handle) else {
            return;
        };
        if QUEUE && transfer.state.kind() == StateKind::Pending {
            self.pending -= 1;
        }
        transfer.set_state(handle, State::Resolving);
    }

    /// Puts a transfer in the queue of its origin.
    pub(super) fn wait(&mut self, handle: Handle) {
        self.set_pending(handle);
        self.enqueue(handle, Queue::Waiting);
    }

    /// A transfer waits from now on; one that waited already begins anew.
    pub(super) fn set_pending(&mut self, handle: Handle) {
        let ticket = self.ticket;
        self.ticket = self.ticket.wrapping_add(1);
        let Some(transfer) = self.transfers.get_mut(handle) else {
            return;
        };
        if transfer.state.kind() != StateKind::Pending {
            self.pending += 1;
        }
        transfer.set_state(handle, State::Pending(ticket));
    }

    fn below_host_limit(&self, id: OriginId) -> bool {
        let most = self.config.max_connections_per_host;
        most == 0
            || self
                .origins
                .get(id)
                .is_some_and(|origin| origin.conns < most)
    }

    /// May one more connection be made? An idle one makes room for it (CONTRACT R75).
    fn has_room<P: Platform>(&mut self, cx: &mut Cx<'_, P>, id: OriginId) -> bool {
        if !self.below_host_limit(id) {
            return self.trade_own_idle(cx, id);
        }
        self.has_free_slot() || (REUSE && self.evict_idle(cx) && self.has_free_slot())
    }

    /// At the host's limit only an idle connection of the same host makes room: for a transfer that
    /// wants a fresh one.
    fn trade_own_idle<P: Platform>(&mut self, cx: &mut Cx<'_, P>, id: OriginId) -> bool {
        let idle = self.origins.get(id).map(|origin| origin.idle);
        if !REUSE || idle.is_none_or(|idle| idle.is_empty()) {
            return false;
        }
        self.close_all_idle(cx, Some(id));
        self.below_host_limit(id) && self.has_free_slot()
    }

    fn has_free_slot(&self) -> bool {
        let most = match self.config.max_total_connections {
            0 => self.ceiling,
            most => most.min(self.ceiling),
        };
        self.claims < most && self.conns.len() + self.reserved < self.conns.capacity()
    }

    /// May an attempt to connect run beside another? It must not take a place that somebody has a
    /// claim to.
    pub(super) fn has_spare_slot(&self) -> bool {
        self.conns.len() + self.reserved < self.conns.capacity()
    }

    /// The system has no descriptor left: no more connections than there are.
    pub(super) fn lower_ceiling(&mut self) {
        self.ceiling = self.claims.saturating_sub(1).max(1);
    }

    /// A connection, or a claim to one, is gone.
    pub(super) fn release_claim(&mut self, id: OriginId) {
        self.claims = self.claims.saturating_sub(1);
        if self.claims == 0 {
            // Nothing is open any more: what the system said then may not be true now.
            self.ceiling = u32::MAX;
        }
        if let Some(origin) = self.origins.get_mut(id) {
            origin.conns = origin.conns.saturating_sub(1);
        }
        self.rank(id);
    }

    /// Derives whether an origin is hungry: somebody waits whom only the total limit holds back.
    pub(super) fn rank(&mut self, id: OriginId) {
        if !QUEUE {
            return;
        }
        let below = self.below_host_limit(id);
        let Some(origin) = self.origins.get_mut(id) else {
            return;
        };
        let hungry = below && !origin.waiting.is_empty();
        match (origin.place, hungry) {
            (Place::Nowhere, true) => {
                origin.place = Place::Hungry;
                self.hungry.push_back(self.origins.slots(), id);
            }
            (Place::Hungry, false) => {
                origin.place = Place::Nowhere;
                self.hungry.remove(self.origins.slots(), id);
            }
            (Place::Nowhere | Place::Unused, false) | (Place::Hungry | Place::Unused, true) => {}
        }
    }

    /// A connection has become free: it serves the next of its own origin, or makes room for
    /// another origin that has waited longer, or becomes idle.
    pub(super) fn hand_on<P: Platform>(&mut self, cx: &mut Cx<'_, P>, id: ConnId) {
        let Some(conn) = self.conns.get(id) else {
            return;
        };
        let (origin, streak) = (conn.origin, conn.streak);
        let own = self
            .origins
            .get(origin)
            .and_then(|o| o.waiting.front(&self.transfers));
        let other = self.first_of_others(origin);
        let own_first = match (own, other) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(own), Some(other)) => {
                streak < self.config.overtakes || self.waits_longer(own, other)
            }
        };
        match own {
            Some(own) if own_first && !self.wants_fresh(own) => {
                if let Some(conn) = self.conns.get_mut(id) {
                    conn.streak = if other.is_some() {
                        streak.saturating_add(1)
                    } else {
                        0
                    };
                }
                self.dequeue(own);
                self.assign(own, id, true);
                self.enqueue(own, Queue::Ready);
                self.rank(origin);
            }
            None if other.is_none() => self.put_idle(cx, id),
            Some(_) | None => {
                self.close(cx.platform, id);
                self.release_claim(origin);
                self.promote(cx);
            }
        }
    }

    /// The first waiting transfer of the first hungry origin that is not `origin`.
    fn first_of_others(&mut self, origin: OriginId) -> Option<Handle> {
        let first = self.hungry.front(self.origins.slots())?;
        let first = if first == origin {
            self.hungry.after(self.origins.slots(), first)?
        } else {
            first
        };
        self.origins.get(first)?.waiting.front(&self.transfers)
    }

    fn waits_longer(&self, one: Handle, other: Handle) -> bool {
        let ticket = |handle| match self.transfers.get(handle).map(|transfer| transfer.state) {
            Some(State::Pending(ticket)) => ticket,
            _ => 0,
        };
        // The tickets wrap.
        ticket(other).wrapping_sub(ticket(one)) < u32::MAX / 2
    }

    fn wants_fresh(&self, handle: Handle) -> bool {
        self.transfers
            .get(handle)
            .is_some_and(|transfer| transfer.flags.has(Flag::Fresh))
    }

    /// Lets waiting transfers go on as long as there is room, one of each origin in turn.
    pub(super) fn promote<P: Platform>(&mut self, cx: &mut Cx<'_, P>) {
        if !QUEUE {
            return;
        }
        while let Some(id) = self.hungry.front(self.origins.slots()) {
            if !self.has_room(cx, id) {
                break;
            }
            let first = self
                .origins
                .get(id)
                .and_then(|origin| origin.waiting.front(&self.transfers));
            let Some(first) = first else {
                self.rank(id);
                continue;
            };
            self.dequeue(first);
            self.acquire(cx, first, true);
            self.ready_or_settled(cx, first);
            self.send_back(id);
        }
        self.place_the_next();
    }

    /// A promoted transfer that can go on at once does so in the next round.
    fn ready_or_settled<P: Platform>(&mut self, cx: &mut Cx<'_, P>, handle: Handle) {
        let moving = self
            .transfers
            .get(handle)
            .is_some_and(|transfer| transfer.queue == Queue::Nowhere && transfer.conn().is_some());
        if moving {
            self.enqueue(handle, Queue::Ready);
        } else {
            self.settle(cx, handle);
        }
    }

    /// Round robin: an origin that was served goes behind the others.
    fn send_back(&mut self, id: OriginId) {
        self.rank(id);
        if self
            .origins
            .get(id)
            .is_some_and(|origin| origin.place == Place::Hungry)
        {
            self.hungry.remove(self.origins.slots(), id);
            self.hungry.push_back(self.origins.slots(), id);
        }
    }

    /// A transfer that waits for a place in the table of origins tries again when there may be one.
    fn place_the_next(&mut self) {
        if self.unused.is_empty() {
            return;
        }
        let Some(first) = self.queues.unplaced.front(&self.transfers) else {
            return;
        };
        self.dequeue(first);
        if let Some(transfer) = self.transfers.get_mut(first) {
            transfer.set_state(first, State::Init);
            self.pending -= 1;
        }
        self.enqueue(first, Queue::Ready);
    }

    /// A connection serves a transfer from now on.
    pub(super) fn assign(&mut self, handle: Handle, id: ConnId, reused: bool) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        conn.set_state(id, ConnState::Busy(handle));
        let (address, origin) = (conn.address, conn.origin);
        let port = self.origins.get(origin).map_or(0, Origin::port);
        let address = SocketAddr::new(address, port);
        let Some(transfer) = self.transfers.get_mut(handle) else {
            return;
        };
        if QUEUE && transfer.state.kind() == StateKind::Pending {
            self.pending -= 1;
        }
        begin_exchange(transfer, handle, id, reused);
        let trace = if reused {
            Trace::Reused(address)
        } else {
            Trace::Connected(address)
        };
        transfer.easy.on_trace(trace);
    }
}
