//! The byte streams.

use muxfer_core::ConnId;
use muxfer_core::net::{IoError, Nb, Stall};
use muxfer_core::platform::{Lent, Target, Transport};

use super::Uring;
use super::flow::{End, Flow, Link, Receive};
use super::tag::{Op, Tag};

impl Uring {
    fn open_flow(&mut self, conn: ConnId) -> Result<&mut Flow, IoError> {
        self.flow(conn).ok_or(IoError::Closed)
    }

    /// Makes sure that all committed bytes are with the system, as far as it takes them.
    fn clear_the_way(&mut self, conn: ConnId) -> Nb<()> {
        if self.open_flow(conn)?.sending.is_some() {
            // The send has not been submitted yet. It does not wait, so its end is known then.
            self.pump();
        }
        if self.open_flow(conn)?.sending.is_some() {
            return Err(Stall::WouldBlock);
        }
        self.flush_unsent(conn)
    }

    /// Sends what the system did not take before. A failure is told only when all that the peer had
    /// sent has come.
    pub(super) fn flush_unsent(&mut self, conn: ConnId) -> Nb<()> {
        if self.open_flow(conn)?.send_error.is_none() {
            match self.sockets.flush(conn) {
                Err(Stall::Failed(error)) => self.cannot_send(conn, error),
                flushed => return flushed,
            }
        }
        Err(match self.open_flow(conn)?.send_failure() {
            Some(error) => Stall::Failed(error),
            None => Stall::WouldBlock,
        })
    }

    /// The start of what was received for a connection.
    fn lend_piece(&mut self, conn: ConnId, at_most: usize) -> Nb<Lent<'_>> {
        let flow = self
            .flows
            .get_mut(conn.index())
            .ok_or(Stall::Failed(IoError::Closed))?;
        let bytes = self.pieces.front(&flow.pieces, &self.ring);
        let whole = bytes.len() <= at_most;
        let bytes = &bytes[..bytes.len().min(at_most)];
        // A piece is smaller than 4 GiB.
        flow.lent = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let more = !whole || flow.pieces.has_second() || flow.end != End::Open;
        Ok(Lent { bytes, more })
    }

    /// What follows when there are no pieces.
    fn lend_end(&mut self, conn: ConnId, at_most: usize) -> Nb<Lent<'_>> {
        let flow = self.open_flow(conn)?;
        flow.end_told = flow.end != End::Open;
        match flow.end {
            // What the kernel receives in the background comes with an event.
            End::Open if flow.receive != Receive::Idle => Err(Stall::WouldBlock),
            End::Open => self.sockets.fill(conn, at_most),
            End::Ended => Ok(Lent {
                bytes: &[],
                more: false,
            }),
            End::Failed(error) => {
                flow.end = End::Broken;
                Err(Stall::Failed(error))
            }
            End::Broken => Err(Stall::Failed(IoError::Closed)),
        }
    }
}

impl Transport for Uring {
    /// Two system calls: `socket`, `setsockopt` (`TCP_NODELAY`); the connect goes with the next
    /// wait.
    ///
    /// An id whose place is taken answers `IoError::Other(EEXIST)`, one with an index of 2²⁸ or more
    /// `IoError::NoBuffers`.
    fn open(&mut self, conn: ConnId, target: &Target<'_>) -> Result<(), IoError> {
        let tag = Tag::new(conn, Op::Connect).ok_or(IoError::NoBuffers)?;
        self.ring.hasten_closes();
        match self.sockets.create(conn, target.address) {
            Err(IoError::NoDescriptors) => {
                // Some may only wait to be closed.
                self.pump();
                self.sockets.create(conn, target.address)?;
            }
            created => created?,
        }
        let index = conn.index();
        if index >= self.flows.len() {
            self.flows.resize_with(index + 1, || Flow::NONE);
        }
        self.flows[index].begin(conn);
        if let Some(fd) = self.sockets.fd(conn) {
            self.ring.connect(fd, tag, target.address);
        }
        Ok(())
    }

    fn opened(&mut self, conn: ConnId) -> Nb<()> {
        match self.open_flow(conn)?.link {
            Link::Up => Ok(()),
            Link::Connecting => Err(Stall::WouldBlock),
            Link::Failed(error) => Err(Stall::Failed(error)),
        }
    }

    fn fill(&mut self, conn: ConnId, at_most: usize) -> Nb<Lent<'_>> {
        let flow = self.open_flow(conn)?;
        flow.lent = 0;
        let empty = flow.pieces.is_empty();
        let more = !empty || flow.end != End::Open;
        if self.sockets.holds(conn) {
            let lent = self.sockets.fill(conn, at_most)?;
            return Ok(Lent {
                more: more || lent.more,
                ..lent
            });
        }
        if empty {
            self.lend_end(conn, at_most)
        } else {
            self.lend_piece(conn, at_most)
        }
    }

    fn consume(&mut self, conn: ConnId, n: usize) {
        let Some(flow) = self.flows.get_mut(conn.index()) else {
            return;
        };
        if flow.conn != Some(conn) {
            return;
        }
        if flow.lent == 0 {
            return self.sockets.consume(conn, n);
        }
        let n = n.min(flow.lent as usize);
        flow.lent -= u32::try_from(n).unwrap_or(flow.lent);
        if n > 0 {
            self.pieces.consume(&mut flow.pieces, &mut self.ring, n);
        }
    }

    fn reserve(&mut self, conn: ConnId) -> Nb<&mut [u8]> {
        self.clear_the_way(conn)?;
        if !self.ring.has_room() {
            self.pump();
        }
        if !self.ring.has_room() {
            self.room = None;
            return self.sockets.reserve(conn);
        }
        let waiting = self.ring.queued_bytes();
        let room = self.ring.room(self.sockets.most_room(waiting));
        self.room = Some((conn, room.len()));
        Ok(room)
    }

    /// What the system does not take at once is kept, and sent as soon as it can be.
    ///
    /// Without a `reserve` just before, or with one of another connection between, the room is
    /// gone: that is `IoError::Other(EINVAL)`.
    fn commit(&mut self, conn: ConnId, n: usize) -> Result<(), IoError> {
        self.open_flow(conn)?;
        let size = match self.room.take() {
            Some((owner, size)) if owner == conn => size,
            // The room of the sockets, or none.
            Some(_) | None => return self.sockets.commit(conn, n),
        };
        let n = n.min(size);
        if n == 0 {
            return Ok(());
        }
        let (Some(tag), Some(fd)) = (Tag::new(conn, Op::Send), self.sockets.fd(conn)) else {
            return Err(IoError::Closed);
        };
        let span = self.ring.send(fd, tag, n);
        self.open_flow(conn)?.sending = Some(span);
        Ok(())
    }

    /// What was handed to the ring is with the system: the next `reserve` waits for it.
    fn flush(&mut self, conn: ConnId) -> Nb<()> {
        if self.open_flow(conn)?.sending.is_some() {
            return Ok(());
        }
        self.flush_unsent(conn)
    }

    /// What is under way is cancelled, then the descriptor is closed; both go with the next wait.
    fn close(&mut self, conn: ConnId) {
        let Some(flow) = self.flow(conn) else { return };
        let listed = flow.listed;
        let mut flow = std::mem::replace(flow, Flow::NONE);
        self.flows[conn.index()].listed = listed;
        self.pieces.clear(&mut flow.pieces, &mut self.ring);
        let under_way = [
            (flow.receive != Receive::Idle, Op::Receive),
            (flow.poll_in, Op::PollIn),
            (flow.poll_out, Op::PollOut),
            (flow.poll_end, Op::PollEnd),
            (flow.link == Link::Connecting, Op::Connect),
        ];
        for (_, op) in under_way.into_iter().filter(|(is, _)| *is) {
            if let Some(tag) = Tag::new(conn, op) {
                self.ring.cancel(tag);
            }
        }
        if let Some(fd) = self.sockets.take(conn) {
            self.ring.close(fd);
        }
        if self.room.is_some_and(|(owner, _)| owner == conn) {
            self.room = None;
        }
    }
}
