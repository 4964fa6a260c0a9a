//! The end of a hop, of a connection, of a transfer.

use crate::Error;
use crate::easy::{Body, Easy, Trace};
use crate::features::{QUEUE, RANKS_UNUSED, REUSE, UPLOADS};
use crate::origin::{Lookup, Place};
use crate::platform::Platform;
use crate::store::{ConnId, Handle};
use crate::transfer::{Flag, Outcome, Queue, State, StateKind, Transfer};

use super::{Cx, Multi};

/// How often a request is sent again because idle connections turn out to be dead (CONTRACT R88).
const MAX_RETRIES: u8 = 5;

impl<E: Easy> Multi<'_, E> {
    /// The response is complete: the connection is kept or closed, and the transfer goes on to the
    /// next hop or is done.
    pub(super) fn finish_hop<P: Platform>(
        &mut self,
        cx: &mut Cx<'_, P>,
        handle: Handle,
        tainted: bool,
    ) {
        let Some(transfer) = self.transfers.get_mut(handle) else {
            return;
        };
        let Some(conn) = transfer.conn() else { return };
        let again = transfer.flags.has(Flag::Follow) || transfer.flags.has(Flag::AskAgain);
        let keep = self.may_keep(handle, conn, tainted);
        self.leave_conn(cx, handle, conn, keep);
        if !again {
            self.complete(cx, handle, Ok(()));
            return;
        }
        let Some(transfer) = self.transfers.get_mut(handle) else {
            return;
        };
        transfer
            .flags
            .set_if(Flag::NoExpect, transfer.flags.has(Flag::AskAgain));
        // What is sent next is another request.
        transfer.retries = 0;
        if let Err(error) = rewind(transfer) {
            self.complete(cx, handle, Err(error));
            return;
        }
        self.restart(cx, handle);
    }

    fn may_keep(&self, handle: Handle, conn: ConnId, tainted: bool) -> bool {
        let Some(transfer) = self.transfers.get(handle) else {
            return false;
        };
        REUSE
            && !tainted
            && transfer.exchange.persistent()
            && !transfer.flags.has(Flag::Unflushed)
            && self.conns.get(conn).is_some_and(|conn| {
                // CONTRACT R87, for those who are handed the connection without it ever being idle.
                !conn.no_reuse && self.now.since(conn.opened.into()) <= self.config.lifetime
            })
    }

    /// The transfer has no connection from here on. Its state must change before it is stepped again.
    fn leave_conn<P: Platform>(
        &mut self,
        cx: &mut Cx<'_, P>,
        handle: Handle,
        id: ConnId,
        keep: bool,
    ) {
        let Some(transfer) = self.transfers.get_mut(handle) else {
            return;
        };
        transfer
            .easy
            .on_trace(if keep { Trace::Kept } else { Trace::Closed });
        transfer.exchange.release(&mut self.lines);
        transfer.set_state(handle, State::Init);
        self.feed_starved();
        if REUSE && keep {
            self.hand_on(cx, id);
        } else {
            let origin = self.conns.get(id).map(|conn| conn.origin);
            self.close(cx.platform, id);
            if let Some(origin) = origin {
                self.release_claim(origin);
            }
        }
    }

    /// The next hop, or the same once more.
    fn restart<P: Platform>(&mut self, cx: &mut Cx<'_, P>, handle: Handle) {
        self.leave_origin(cx, handle);
        if let Some(transfer) = self.transfers.get_mut(handle) {
            transfer.timers.clear(crate::time::Timer::Expect);
            transfer.flags.set(Flag::Follow, false);
            transfer.flags.set(Flag::AskAgain, false);
            transfer.flags.set(Flag::Discard, false);
        }
        self.dequeue(handle);
        self.enqueue(handle, Queue::Ready);
        self.promote(cx);
    }

    /// The connection broke. An idle one that the peer had closed meanwhile is replaced silently
    /// (CONTRACT R88); anything else is the end.
    pub(super) fn broken<P: Platform>(&mut self, cx: &mut Cx<'_, P>, handle: Handle, error: Error) {
        let Some(transfer) = self.transfers.get_mut(handle) else {
            return;
        };
        let stale = transfer.flags.has(Flag::Reused) && !transfer.exchange.response_started();
        let Some(conn) = transfer.conn() else { return };
        if !stale || transfer.retries >= MAX_RETRIES {
            // A peer that closes without a word on a connection that served before has no answer.
            self.complete(cx, handle, Err(error));
            return;
        }
        transfer.retries += 1;
        let rewound = rewind(transfer);
        say_debug!("transfer {}: its kept connection was dead: again", handle);
        transfer.easy.on_trace(Trace::Retry);
        self.leave_conn(cx, handle, conn, false);
        if let Err(error) = rewound {
            self.complete(cx, handle, Err(error));
            return;
        }
        if let Some(transfer) = self.transfers.get_mut(handle) {
            transfer.flags.set(Flag::Fresh, true);
        }
        self.restart(cx, handle);
    }

    /// Ends a transfer, wherever it is.
    pub(super) fn complete<P: Platform>(
        &mut self,
        cx: &mut Cx<'_, P>,
        handle: Handle,
        result: Result<(), Error>,
    ) {
        self.detach(cx, handle);
        let now = self.now;
        let Some(transfer) = self.transfers.get_mut(handle) else {
            return;
        };
        transfer.timers.clear_all();
        let at = now.into();
        transfer.set_state(handle, State::Done(Outcome { result, at }));
        report(handle, result);
        self.deadlines.set(handle.raw_index(), None);
        self.enqueue(handle, Queue::Done);
        self.running -= 1;
        self.promote(cx);
    }

    /// Takes away all that a transfer holds: its place in a list, its claim, its connection, its
    /// origin. Nobody is promoted yet.
    pub(super) fn detach<P: Platform>(&mut self, cx: &mut Cx<'_, P>, handle: Handle) {
        let Some(transfer) = self.transfers.get(handle) else {
            return;
        };
        let (kind, origin) = (transfer.state.kind(), transfer.origin);
        self.dequeue(handle);
        match kind {
            StateKind::Pending if QUEUE => {
                self.pending -= 1;
                if let Some(origin) = origin {
                    self.rank(origin);
                }
            }
            StateKind::Resolving => self.abandon_lookup(handle),
            StateKind::Connecting => self.abandon_race(cx, handle),
            StateKind::Sending | StateKind::Awaiting | StateKind::Receiving => {
                if let Some(conn) = self.transfers.get(handle).and_then(Transfer::conn) {
                    self.leave_conn(cx, handle, conn, false);
                }
            }
            StateKind::Init | StateKind::Pending | StateKind::Done | StateKind::Reported => {}
        }
        self.leave_origin(cx, handle);
    }

    fn abandon_lookup(&mut self, handle: Handle) {
        self.reserved -= 1;
        let Some(id) = self
            .transfers
            .get(handle)
            .and_then(|transfer| transfer.origin)
        else {
            return;
        };
        self.release_claim(id);
        // It may have been the one that was woken for the answer: somebody else must ask.
        let next = self
            .origins
            .get(id)
            .and_then(|origin| origin.resolving.front(&self.transfers));
        if let Some(next) = next {
            self.wake(next);
        }
    }

    fn abandon_race<P: Platform>(&mut self, cx: &mut Cx<'_, P>, handle: Handle) {
        let Some(transfer) = self.transfers.get(handle) else {
            return;
        };
        let origin = transfer.origin;
        if matches!(transfer.state, State::Connecting(race) if race.attempts.is_empty()) {
            // Its claim has no place in the table of connections.
            self.reserved -= 1;
        }
        self.close_attempts(cx, handle, None);
        if let Some(origin) = origin {
            self.release_claim(origin);
        }
    }

    /// The transfer refers to no origin from here on.
    fn leave_origin<P: Platform>(&mut self, cx: &mut Cx<'_, P>, handle: Handle) {
        let Some(transfer) = self.transfers.get_mut(handle) else {
            return;
        };
        let Some(id) = transfer.origin.take() else {
            return;
        };
        let Some(origin) = self.origins.get_mut(id) else {
            return;
        };
        origin.users = origin.users.saturating_sub(1);
        if origin.users > 0 {
            return;
        }
        if origin.lookup == Lookup::Asked {
            origin.lookup = Lookup::Unknown;
            cx.platform.cancel(id);
        }
        if RANKS_UNUSED && origin.place == Place::Nowhere {
            origin.place = Place::Unused;
            self.unused.push_back(self.origins.slots(), id);
        }
    }

    /// A line block has come back: the next transfer that waits for one goes on.
    pub(super) fn feed_starved(&mut self) {
        if self.queues.starved.is_empty() || !self.lines.has_free() {
            return;
        }
        if let Some(first) = self.queues.starved.front(&self.transfers) {
            self.wake(first);
        }
    }
}

/// Tells the log how a transfer has ended.
fn report(handle: Handle, result: Result<(), Error>) {
    match result {
        Ok(()) => say_debug!("transfer {}: complete", handle),
        Err(error) if error.is_of_peer() => {
            say_warn!("transfer {}: the peer broke a rule: {:?}", handle, error);
        }
        Err(error) => say_debug!("transfer {}: failed: {:?}", handle, error),
    }
}

/// Sets the body back to its start if a part of it was sent and it will be sent again.
fn rewind<E: Easy>(transfer: &mut Transfer<E>) -> Result<(), Error> {
    let streamed = UPLOADS && matches!(transfer.easy.request().body, Body::Stream { .. });
    let again =
        streamed && !transfer.flags.has(Flag::Rewritten) && transfer.exchange.body_sent() > 0;
    if again && !transfer.easy.rewind() {
        Err(Error::Rewind)
    } else {
        Ok(())
    }
}
