//! After the work: the one place that compares what was announced with what is wanted, and then
//! calls `Watch`.

use crate::easy::Easy;
use crate::net::Interest;
use crate::platform::{Transport, Watch};
use crate::store::{ConnId, Handle};
use crate::time::{Instant, Timer};
use crate::transfer::{Flag, Queue, Transfer};

use super::{Cx, Multi};

/// What a transfer wants of the connection that serves it.
fn wanted<E>(transfer: &Transfer<E>) -> Interest {
    // It waits for a line block, not for its socket: an event would find nothing to do.
    if transfer.queue == Queue::Starved {
        return Interest::NONE;
    }
    let mut want = Interest::NONE;
    let flags = &transfer.flags;
    let held = |timer| transfer.timers.at(transfer.started, timer).is_some();
    // A rate limit holds back one direction or both until its timer fires (CONTRACT R101).
    let rate_held = held(Timer::Rate);
    if !flags.has(Flag::ReceivePaused) && !rate_held {
        want |= Interest::READ;
    }
    let has_to_send = transfer.exchange.is_sending() && !transfer.exchange.is_awaiting();
    if flags.has(Flag::Unflushed) || (has_to_send && !flags.has(Flag::SendPaused) && !rate_held) {
        want |= Interest::WRITE;
    }
    want
}

impl<E: Easy> Multi<'_, E> {
    /// Derives the interest and the deadline of one transfer.
    pub(super) fn settle<P: Watch>(&mut self, cx: &mut Cx<'_, P>, handle: Handle) {
        let Some(transfer) = self.transfers.get(handle) else {
            return;
        };
        if transfer.state.is_over() {
            // Its end has settled that.
            return;
        }
        let earliest = transfer.timers.first(transfer.started);
        let interest = transfer.conn().map(|conn| (conn, wanted(transfer)));
        self.deadlines.set(handle.raw_index(), earliest);
        if let Some((conn, want)) = interest {
            self.announce(cx.platform, conn, want);
        }
    }

    /// Tells the watch what is wanted of a connection, if it was not told before (CONTRACT R21).
    pub(super) fn announce<W: Watch>(&mut self, watch: &mut W, id: ConnId, want: Interest) {
        let Some(conn) = self.conns.get_mut(id) else {
            return;
        };
        if conn.announced != want {
            conn.announced = want;
            say_trace!("watch {}: {:?}", id, want);
            watch.socket(id, want);
        }
    }

    /// Closes a connection: first it is no longer watched (CONTRACT R25).
    pub(super) fn close<P: Watch + Transport>(&mut self, platform: &mut P, id: ConnId) {
        self.announce(platform, id, Interest::NONE);
        if self.conns.remove_with(id, drop).is_some() {
            say_debug!("conn {}: closed", id);
            platform.close(id);
        }
    }

    /// The time at which there is something to do (CONTRACT R43).
    pub(super) fn due(&self) -> Option<Instant> {
        if self.queues.ready.is_empty() {
            self.deadlines.first().map(|(at, _)| at)
        } else {
            Some(self.now)
        }
    }

    /// Tells the watch the earliest deadline, if it was not told before (CONTRACT R41).
    pub(super) fn settle_timer<P: Watch>(&mut self, cx: &mut Cx<'_, P>) {
        let due = self.due();
        if self.told != due {
            self.told = due;
            say_trace!("timer: {:?}", due);
            cx.platform.timer(due);
        }
    }
}
