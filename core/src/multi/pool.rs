//! Idle connections: kept, taken, looked at, closed; and the origins that nobody uses.

use crate::conn::ConnState;
use crate::easy::Easy;
use crate::features::{RANKS_UNUSED, REUSE};
use crate::net::{Interest, Ready, Stall};
use crate::origin::Place;
use crate::platform::{Platform, Transport, Watch};
use crate::store::{ConnId, OriginId};

use super::{Cx, Multi};

impl<E: Easy> Multi<'_, E> {
    /// Puts a connection in the pool. It stays watched, so that its end is heard of (CONTRACT D3).
    pub(super) fn put_idle<P: Platform>(&mut self, cx: &mut Cx<'_, P>, id: ConnId) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        conn.set_state(id, ConnState::Idle(self.now.into()));
        conn.ready = Ready::NONE;
        conn.streak = 0;
        let origin = conn.origin;
        self.idle.push_back(&mut self.conns, id);
        if let Some(origin) = self.origins.get_mut(origin) {
            origin.idle.push_back(&mut self.conns, id);
        }
        self.announce(cx.platform, id, Interest::READ);
        // CONTRACT R74: over the limit the longest idle one goes, which may be this one.
        let most = self.config.max_idle;
        while most > 0 && self.idle.len() + self.stray.len() > most {
            if !self.evict_idle(cx) {
                return;
            }
        }
    }

    /// Takes a usable idle connection of an origin, the one that was used last.
    pub(super) fn take_idle<P: Platform>(
        &mut self,
        cx: &mut Cx<'_, P>,
        origin: OriginId,
    ) -> Option<ConnId> {
        loop {
            let id = self.origins.get(origin)?.idle.back(&self.conns)?;
            let conn = self.conns.get(id)?;
            let (state, opened, ready) = (conn.state, conn.opened, conn.ready);
            let since = match state {
                ConnState::Idle(since) | ConnState::Stray(since) => since,
                ConnState::Opening(_) | ConnState::Busy(_) => return None,
            };
            // CONTRACT R87: not too long idle, not too old, and nothing heard of it that means its end.
            let young = self.now.since(since.into()) <= self.config.idle
                && self.now.since(opened.into()) <= self.config.lifetime;
            if young && (ready.is_none() || is_quiet(cx.platform, id)) {
                self.unpool(id);
                return Some(id);
            }
            self.close_idle(cx, id);
        }
    }

    /// Looks at idle connections that something was heard of: the peer has closed them, or has sent
    /// what nobody asked for. Either way they can't be used.
    pub(super) fn probe_strays<P: Platform>(&mut self, cx: &mut Cx<'_, P>) {
        if !REUSE {
            return;
        }
        let mut closed = false;
        for _ in 0..self.stray.len() {
            let Some(id) = self.stray.front(&self.conns) else {
                break;
            };
            if is_quiet(cx.platform, id) {
                self.stray.remove(&mut self.conns, id);
                let Some(conn) = self.conns.get_mut(id) else {
                    break;
                };
                if let ConnState::Stray(since) = conn.state {
                    conn.set_state(id, ConnState::Idle(since));
                }
                conn.ready = Ready::NONE;
                self.idle.push_back(&mut self.conns, id);
            } else {
                self.close_idle(cx, id);
                closed = true;
            }
        }
        if closed {
            self.promote(cx);
        }
    }

    /// Closes the connection that has been idle longest.
    pub(super) fn evict_idle<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> bool {
        let oldest = self
            .stray
            .front(&self.conns)
            .or_else(|| self.idle.front(&self.conns));
        if let Some(id) = oldest {
            self.close_idle(cx, id);
        }
        oldest.is_some()
    }

    /// Takes a connection out of the pool.
    fn unpool(&mut self, id: ConnId) {
        let Some(conn) = self.conns.get(id) else {
            return;
        };
        let origin = conn.origin;
        match conn.state {
            ConnState::Idle(_) => self.idle.remove(&mut self.conns, id),
            ConnState::Stray(_) => self.stray.remove(&mut self.conns, id),
            ConnState::Opening(_) | ConnState::Busy(_) => return,
        }
        if let Some(origin) = self.origins.get_mut(origin) {
            origin.idle.remove(&mut self.conns, id);
        }
    }

    fn close_idle<P: Platform>(&mut self, cx: &mut Cx<'_, P>, id: ConnId) {
        self.unpool(id);
        let origin = self.conns.get(id).map(|conn| conn.origin);
        self.close(cx.platform, id);
        if let Some(origin) = origin {
            self.release_claim(origin);
        }
    }

    /// Closes all idle connections of an origin, or of all.
    pub(super) fn close_all_idle<P: Platform>(&mut self, cx: &mut Cx<'_, P>, of: Option<OriginId>) {
        while REUSE {
            let next = match of {
                Some(origin) => self
                    .origins
                    .get(origin)
                    .and_then(|origin| origin.idle.front(&self.conns)),
                None => self
                    .stray
                    .front(&self.conns)
                    .or_else(|| self.idle.front(&self.conns)),
            };
            let Some(id) = next else { return };
            self.close_idle(cx, id);
        }
    }

    /// Makes a place in the table of origins: forgets the one that was unused longest.
    pub(super) fn forget_unused<P: Platform>(&mut self, cx: &mut Cx<'_, P>) -> Option<OriginId> {
        let id = if RANKS_UNUSED {
            self.unused.pop_front(self.origins.slots())?
        } else {
            self.origins.any_unused()?
        };
        if let Some(origin) = self.origins.get_mut(id) {
            origin.place = Place::Nowhere;
        }
        self.close_all_idle(cx, Some(id));
        self.origins.remove(id);
        Some(id)
    }
}

/// Is there nothing to be read of an idle connection, and does it still live?
fn is_quiet<P: Transport + Watch>(platform: &mut P, id: ConnId) -> bool {
    let heard = platform.fill(id, 1);
    if matches!(&heard, Ok(lent) if !lent.bytes.is_empty()) {
        say_warn!("conn {}: the peer sent what nobody asked for", id);
    }
    matches!(heard, Err(Stall::WouldBlock))
}
