//! After a wait: what completions mean to connections.

use muxfer_core::ConnId;
use muxfer_core::net::{Interest, IoError, Ready, Stall};
use rustix::event::PollFlags;
use rustix::io::Errno;

use crate::error::io_error;

use super::Uring;
use super::flow::{End, Link, Receive};
use super::shapes::Done;
use super::tag::Op;

impl Uring {
    /// Looks at all completions that have come.
    pub(super) fn reap(&mut self) {
        while let Some(done) = self.ring.next() {
            self.complete(done);
        }
    }

    /// Hands all operations to the kernel and looks at what has come, without a wait.
    pub(super) fn pump(&mut self) {
        self.ring.submit();
        self.reap();
    }

    fn complete(&mut self, done: Done) {
        let conn = done.tag.conn().filter(|&conn| self.flow(conn).is_some());
        match (done.tag.op(), conn) {
            (Op::Names, _) if !done.more => self.watch_names(),
            (Op::Waker, _) if !done.more => self.watch_waker(),
            (Op::Names | Op::Waker | Op::Ignored, _) => {}
            (Op::Receive, Some(conn)) => self.received(conn, done),
            (Op::Send, Some(conn)) => self.sent(conn, done.result),
            (Op::Connect, Some(conn)) => self.connected(conn, done.result),
            (Op::PollIn, Some(conn)) => self.readable(conn, done.result),
            (Op::PollOut, Some(conn)) => self.writable(conn, done.result),
            (Op::PollEnd, Some(conn)) => self.hung_up(conn),
            // Of a connection that was closed: only its bytes must go back.
            (
                Op::Receive | Op::Send | Op::Connect | Op::PollIn | Op::PollOut | Op::PollEnd,
                None,
            ) => {
                if let Some(piece) = done.piece {
                    let len = piece.len();
                    self.ring.consume(piece, len);
                }
            }
        }
    }

    fn connected(&mut self, conn: ConnId, result: Result<u32, Errno>) {
        let Some(flow) = self.flow(conn) else { return };
        let (link, ready) = match result {
            Ok(_) => (Link::Up, Ready::WRITE),
            Err(errno) => (Link::Failed(io_error(errno)), Ready::WRITE | Ready::ERROR),
        };
        flow.link = link;
        self.report(conn, ready);
        self.list(conn);
    }

    fn received(&mut self, conn: ConnId, done: Done) {
        let Some(flow) = self.flows.get_mut(conn.index()) else {
            return;
        };
        if let Some(piece) = done.piece {
            self.pieces.push(&mut flow.pieces, piece);
        }
        if done.more {
            self.report(conn, Ready::READ);
            return;
        }
        flow.receive = Receive::Idle;
        flow.end = match done.result {
            Ok(0) => match self.sockets.ended(conn) {
                Ok(()) => End::Ended,
                Err(error) => End::Failed(error),
            },
            // It ends by itself where no buffer is left, when it is cancelled, and where the kernel
            // thinks fit: the next wait starts it anew if it is wanted.
            Ok(_) | Err(Errno::NOBUFS | Errno::CANCELED | Errno::AGAIN | Errno::INTR) => End::Open,
            Err(errno) => End::Failed(io_error(errno)),
        };
        let failed = flow.send_error.is_some();
        if flow.has_news() {
            self.report(conn, Ready::READ);
        }
        if failed {
            self.report(conn, Ready::ERROR);
        }
        self.list(conn);
    }

    fn sent(&mut self, conn: ConnId, result: Result<u32, Errno>) {
        let Some(flow) = self.flows.get_mut(conn.index()) else {
            return;
        };
        let Some(span) = flow.sending.take() else {
            return;
        };
        let sent = match result {
            Ok(sent) => sent as usize,
            Err(Errno::AGAIN | Errno::INTR) => 0,
            Err(errno) => {
                let error = self.sockets.send_failed(conn, errno);
                return self.cannot_send(conn, error);
            }
        };
        if sent < span.len() {
            self.sockets.keep_unsent(conn, self.ring.unsent(span, sent));
            self.list(conn);
        } else if flow.want.contains(Interest::WRITE) {
            self.report(conn, Ready::WRITE);
            self.list(conn);
        }
    }

    /// Nothing can be sent any more. What the peer sent before is still received; so that this
    /// comes to an end, the connection is shut down.
    pub(super) fn cannot_send(&mut self, conn: ConnId, error: IoError) {
        self.sockets.shut_down(conn);
        if let Some(flow) = self.flow(conn) {
            flow.send_error = Some(error);
            self.report(conn, Ready::ERROR);
        }
    }

    fn readable(&mut self, conn: ConnId, result: Result<u32, Errno>) {
        if let Some(flow) = self.flow(conn) {
            flow.poll_in = false;
        }
        self.report(conn, Ready::READ | failure(result));
        self.list(conn);
    }

    fn hung_up(&mut self, conn: ConnId) {
        if let Some(flow) = self.flow(conn) {
            flow.hung_up = true;
            self.list(conn);
        }
    }

    fn writable(&mut self, conn: ConnId, result: Result<u32, Errno>) {
        if let Some(flow) = self.flow(conn) {
            flow.poll_out = false;
        }
        self.list(conn);
        if self.flush_unsent(conn) != Err(Stall::WouldBlock) {
            self.report(conn, Ready::WRITE | failure(result));
        }
    }
}

/// Does a poll tell of a failure?
fn failure(result: Result<u32, Errno>) -> Ready {
    let failures = PollFlags::ERR | PollFlags::HUP;
    match result {
        Ok(mask) if mask & u32::from(failures.bits()) == 0 => Ready::NONE,
        Ok(_) | Err(_) => Ready::ERROR,
    }
}
