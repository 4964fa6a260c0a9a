//! Events, and the run that does their work.

use crate::Event;
use crate::conn::ConnState;
use crate::easy::Easy;
use crate::features::REUSE;
use crate::net::Ready;
use crate::platform::Platform;
use crate::store::{ConnId, Handle};
use crate::time::Instant;
use crate::transfer::{Queue, StateKind};

use super::{Cx, Multi};

/// The answer of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Running {
    /// Transfers that were added and are not done, queued ones included (CONTRACT R55).
    pub transfers: u32,
    /// Work is left: the deadline is due at once (CONTRACT R43).
    pub again: bool,
}

impl<E: Easy> Multi<'_, E> {
    /// Notes an event, in O(1). An event for something that is gone is ignored (CONTRACT R53).
    pub fn mark(&mut self, event: Event) {
        say_trace!("mark {:?}", event);
        match event {
            Event::Socket(conn, ready) => self.mark_socket(conn, ready),
            Event::Resolved(origin) => {
                let first = self
                    .origins
                    .get(origin)
                    .and_then(|o| o.resolving.front(&self.transfers));
                if let Some(first) = first {
                    self.wake(first);
                }
            }
            // CONTRACT R44: the timer has fired, so nothing is set any more.
            Event::Timeout => self.told = None,
        }
    }

    fn mark_socket(&mut self, id: ConnId, ready: Ready) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        conn.ready |= if ready.is_none() { Ready::ALL } else { ready };
        match conn.state {
            ConnState::Opening(owner) | ConnState::Busy(owner) => {
                let waits = |queue| queue == Queue::Nowhere;
                if self
                    .transfers
                    .get(owner)
                    .is_some_and(|owner| waits(owner.queue))
                {
                    self.enqueue(owner, Queue::Ready);
                }
            }
            ConnState::Idle(since) if REUSE => {
                conn.set_state(id, ConnState::Stray(since));
                self.idle.remove(&mut self.conns, id);
                self.stray.push_back(&mut self.conns, id);
            }
            ConnState::Idle(_) | ConnState::Stray(_) => {}
        }
    }

    /// Does the work of all that was marked and of all deadlines that have come: a bounded piece of
    /// it, see [`Multi`].
    pub fn run<P: Platform>(&mut self, now: Instant, platform: &mut P) -> Running {
        say_trace!("run at {:?}", now);
        self.now = self.now.max(now);
        let mut cx = Cx { platform };
        self.expire(&mut cx);
        self.probe_strays(&mut cx);
        // CONTRACT R51: once, and once more for what became ready meanwhile.
        for _ in 0..2 {
            for _ in 0..self.queues.ready.len() {
                let Some(handle) = self.queues.ready.front(&self.transfers) else {
                    break;
                };
                self.dequeue(handle);
                self.step(&mut cx, handle);
            }
        }
        self.settle_timer(&mut cx);
        debug_assert!(
            self.running > 0 || self.is_at_rest(),
            "claims that nobody holds"
        );
        let (transfers, again) = (self.running, !self.queues.ready.is_empty());
        say_trace!("run: {} transfers, again: {}", transfers, again);
        Running { transfers, again }
    }

    /// With no transfer running there are only idle connections.
    fn is_at_rest(&self) -> bool {
        let idle = self.idle.len() + self.stray.len();
        self.reserved == 0 && self.pending == 0 && self.claims == idle && self.conns.len() == idle
    }

    /// `curl_multi_socket_action`: [`mark`](Self::mark) and [`run`](Self::run).
    pub fn socket_action<P: Platform>(
        &mut self,
        now: Instant,
        platform: &mut P,
        event: Event,
    ) -> Running {
        say_trace!("socket_action");
        self.mark(event);
        self.run(now, platform)
    }

    /// `curl_multi_perform`: looks at every transfer, whatever was heard of it. For loops that
    /// can't say what is ready. O(all transfers).
    pub fn perform<P: Platform>(&mut self, now: Instant, platform: &mut P) -> Running {
        say_trace!("perform");
        for index in 0..self.conns.used() {
            if let Some(conn) = self.conns.id_at(index) {
                self.mark_socket(conn, Ready::NONE);
            }
        }
        for index in 0..self.transfers.used() {
            let Some(handle) = self.transfers.id_at(index) else {
                continue;
            };
            let kind = self
                .transfers
                .get(handle)
                .map(|transfer| transfer.state.kind());
            if kind == Some(StateKind::Resolving) {
                self.wake(handle);
            }
        }
        self.run(now, platform)
    }

    /// `curl_multi_socket`: [`socket_action`](Self::socket_action) for callers that do not know
    /// what the socket is ready for.
    #[deprecated = "use `socket_action`, which takes what the socket is ready for"]
    pub fn socket<P: Platform>(&mut self, now: Instant, platform: &mut P, conn: ConnId) -> Running {
        self.socket_action(now, platform, Event::Socket(conn, Ready::NONE))
    }

    /// `curl_multi_socket_all`: like [`perform`](Self::perform) (CONTRACT R59).
    #[deprecated = "use `socket_action`, which does only the work that there is"]
    pub fn socket_all<P: Platform>(&mut self, now: Instant, platform: &mut P) -> Running {
        self.perform(now, platform)
    }

    /// Runs one transfer until it can't go on without I/O or time.
    pub(super) fn step<P: Platform>(&mut self, cx: &mut Cx<'_, P>, handle: Handle) {
        if self.check_deadlines(cx, handle) {
            return;
        }
        let Some(transfer) = self.transfers.get(handle) else {
            return;
        };
        match transfer.state.kind() {
            StateKind::Init => {
                let parts = self.start(cx, handle);
                // Over an idle connection the request goes at once (CONTRACT R30).
                self.drive(cx, handle, parts.as_ref());
            }
            StateKind::Resolving => self.resolve(cx, handle),
            StateKind::Connecting => self.race(cx, handle),
            StateKind::Sending | StateKind::Awaiting | StateKind::Receiving => {
                self.drive(cx, handle, None);
            }
            StateKind::Pending | StateKind::Done | StateKind::Reported => {}
        }
        self.settle(cx, handle);
    }
}
