//! Before a wait: operations are made to fit what is wanted of each connection.

use muxfer_core::ConnId;
use muxfer_core::net::{Interest, Ready};
use rustix::event::PollFlags;

use super::Uring;
use super::flow::{End, Link, Receive};
use super::tag::{Op, Tag};

/// A connection that holds more than this is not received for until it has less: 512 KiB.
const MOST_HELD: usize = 512 * 1024;

impl Uring {
    /// Sees to the connections that were told of bytes.
    ///
    /// Those that have left some and still want to read are told again, as level-triggered
    /// readiness would; the bytes of the others make room for those of all. Those that held too
    /// much may be received for again.
    pub(super) fn look_after_the_told(&mut self) {
        let mut told = std::mem::take(&mut self.told);
        for &conn in &told {
            let news = self.has_news(conn);
            let Some(flow) = self.flow(conn) else {
                continue;
            };
            let full = flow.pieces.bytes() > MOST_HELD;
            if full || flow.receive == Receive::Idle {
                self.list(conn);
            }
            if news {
                self.tell_again(conn);
            }
            self.watch_end(conn);
        }
        told.clear();
        self.told = told;
    }

    fn tell_again(&mut self, conn: ConnId) {
        let Some(flow) = self.flow(conn) else { return };
        if flow.want.contains(Interest::READ) {
            self.report(conn, Ready::READ);
        } else {
            self.spill(conn);
        }
    }

    /// Carries out what was noted down.
    pub(super) fn carry_out(&mut self) {
        let mut changed = std::mem::take(&mut self.changed);
        for &index in &changed {
            let Some(flow) = self.flows.get_mut(index as usize) else {
                continue;
            };
            flow.listed = false;
            if let Some(conn) = flow.conn {
                self.arrange_reading(conn);
                self.arrange_writing(conn);
            }
        }
        // What was listed meanwhile is for the next time.
        changed.clear();
        changed.append(&mut self.changed);
        self.changed = changed;
    }

    /// Watches for the end of the stream of a connection that goes on after it was told of bytes.
    ///
    /// A receive that goes on can miss the end: where the kernel says "try again" for a reason of its
    /// own, as it does for a signal at an urgent byte, nothing wakes the operation again (6.18).
    fn watch_end(&mut self, conn: ConnId) {
        let Some(flow) = self.flow(conn) else { return };
        if flow.receive != Receive::Armed || flow.poll_end {
            return;
        }
        flow.poll_end = true;
        if let (Some(tag), Some(fd)) = (Tag::new(conn, Op::PollEnd), self.sockets.fd(conn)) {
            self.ring.poll(fd, tag, PollFlags::RDHUP, false);
        }
    }

    fn arrange_reading(&mut self, conn: ConnId) {
        let Some(flow) = self.flow(conn) else { return };
        match flow.link {
            Link::Connecting => return,
            // Whoever did not watch when it failed hears of it now.
            Link::Failed(_) => return self.report(conn, Ready::WRITE | Ready::ERROR),
            Link::Up => {}
        }
        let wants = flow.want.contains(Interest::READ);
        if wants && self.has_news(conn) {
            self.report(conn, Ready::READ);
        }
        let Some(flow) = self.flow(conn) else { return };
        let may = wants && flow.end == End::Open && flow.pieces.bytes() <= MOST_HELD;
        // Beside the watch for the end a receive that has not told it may have missed it.
        let missed = std::mem::take(&mut flow.hung_up) && flow.end == End::Open;
        match flow.receive {
            Receive::Idle if may && !flow.poll_in => self.arm(conn),
            Receive::Armed if !may || missed => {
                flow.receive = Receive::Cancelling;
                if let Some(tag) = Tag::new(conn, Op::Receive) {
                    self.ring.cancel(tag);
                }
            }
            Receive::Idle | Receive::Armed | Receive::Cancelling => {}
        }
    }

    /// Starts to receive; without a free buffer, or without memory for what nobody would take,
    /// waits for readiness instead.
    fn arm(&mut self, conn: ConnId) {
        let by_buffers = self.ring.free_buffers() > 0 && self.sockets.fits(MOST_HELD);
        let op = if by_buffers { Op::Receive } else { Op::PollIn };
        let (Some(tag), Some(fd)) = (Tag::new(conn, op), self.sockets.fd(conn)) else {
            return;
        };
        if by_buffers {
            self.ring.receive(fd, tag);
        } else {
            self.ring.poll(fd, tag, PollFlags::IN, false);
        }
        if let Some(flow) = self.flow(conn) {
            if by_buffers {
                flow.receive = Receive::Armed;
            } else {
                flow.poll_in = true;
            }
        }
    }

    fn arrange_writing(&mut self, conn: ConnId) {
        let unsent = self.sockets.has_unsent(conn);
        let Some(flow) = self.flow(conn) else { return };
        if flow.send_error.is_some() {
            // The end of the receive reports it.
            return;
        }
        // A send that is under way reports its end itself.
        let wants = flow.want.contains(Interest::WRITE) && flow.sending.is_none();
        if flow.link != Link::Up || flow.poll_out || !(wants || unsent) {
            return;
        }
        flow.poll_out = true;
        if let (Some(tag), Some(fd)) = (Tag::new(conn, Op::PollOut), self.sockets.fd(conn)) {
            self.ring.poll(fd, tag, PollFlags::OUT, false);
        }
    }

    /// Will each connection be heard of that is waited for? What has come already must have been
    /// told, and for what has not there must be an operation.
    pub(super) fn is_awake(&self) -> bool {
        self.flows.iter().all(|flow| {
            let Some(conn) = flow.conn.filter(|_| flow.link == Link::Up) else {
                return true;
            };
            let receives = flow.poll_in || flow.receive != Receive::Idle || flow.end_told;
            let reads = receives && !flow.has_news() && !self.sockets.holds(conn);
            let sends = flow.poll_out || flow.sending.is_some() || flow.send_error.is_some();
            (reads || !flow.want.contains(Interest::READ))
                && (sends || !flow.want.contains(Interest::WRITE))
                && (sends || !self.sockets.has_unsent(conn))
        })
    }

    /// Copies what a connection holds out of the shared buffers, if there is memory for it.
    fn spill(&mut self, conn: ConnId) {
        let Some(flow) = self.flows.get_mut(conn.index()) else {
            return;
        };
        if !self.sockets.fits(flow.pieces.bytes()) {
            return;
        }
        flow.lent = 0;
        while !flow.pieces.is_empty() {
            let bytes = self.pieces.front(&flow.pieces, &self.ring);
            self.sockets.hold(conn, bytes);
            let n = bytes.len();
            self.pieces.consume(&mut flow.pieces, &mut self.ring, n);
        }
    }
}
