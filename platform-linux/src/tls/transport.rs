//! The byte streams.

use muxfer_core::ConnId;
use muxfer_core::net::{IoError, Nb, Scheme, Stall};
use muxfer_core::platform::{Lent, Target, Transport, Watch};

use super::buffers::plaintext_room;
use super::session::End;
use super::{Tls, find};

/// How often `fill` looks for plaintext where only messages of TLS come.
const LOOKS: usize = 8;

impl<P: Transport + Watch> Tls<P> {
    /// Is there plaintext to lend?
    fn has_plain(&mut self, conn: ConnId) -> bool {
        !self.buffers.plain_of(conn).is_empty()
            || self
                .session(conn)
                .is_some_and(|session| !session.held().is_empty())
    }

    /// Receives until there is plaintext or an end.
    fn look_for_plain(&mut self, conn: ConnId, at_most: usize) -> Nb<()> {
        for _ in 0..LOOKS {
            if self.has_plain(conn) {
                return Ok(());
            }
            let session = self.session(conn).ok_or(IoError::Closed)?;
            if session.end != End::Open {
                return Ok(());
            }
            if !session.is_up() {
                return Err(Stall::WouldBlock);
            }
            self.pull(conn, at_most)?;
            if self
                .session(conn)
                .is_some_and(|session| session.has_pending())
            {
                // A failure is told to whoever sends next.
                let _ = self.send_unsent(conn);
            }
        }
        match self.has_plain(conn) {
            true => Ok(()),
            false => Err(Stall::WouldBlock),
        }
    }

    /// Lends plaintext, or tells the end.
    fn lend(&mut self, conn: ConnId, at_most: usize) -> Nb<Lent<'_>> {
        let session = find(&mut self.sessions, conn).ok_or(IoError::Closed)?;
        let all = match session.held.is_empty() {
            true => self.buffers.plain_of(conn).len(),
            false => session.held().len(),
        };
        if all == 0 {
            session.end_told = session.end != End::Open;
            return match session.end {
                End::Open => Err(Stall::WouldBlock),
                End::Ended => Ok(Lent {
                    bytes: &[],
                    more: false,
                }),
                End::Failed(error) => Err(Stall::Failed(error)),
            };
        }
        let n = all.min(at_most);
        session.lent = n;
        let more = n < all || session.has_end() || session.more;
        if !std::mem::replace(&mut session.listed, true) {
            self.listed.push(conn);
        }
        let held = session.held();
        let bytes = match held.is_empty() {
            true => self.buffers.plain_of(conn),
            false => held,
        };
        Ok(Lent {
            bytes: &bytes[..n],
            more,
        })
    }

    /// The last word, as far as it finds room.
    fn say_farewell(&mut self, conn: ConnId) {
        // A part of a record, or an alert: nothing can go before it.
        if self.send_unsent(conn).is_err() {
            return;
        }
        let Some(session) = find(&mut self.sessions, conn) else {
            return;
        };
        let sound = session.is_up() && !matches!(session.end, End::Failed(_));
        if sound && let Ok(room) = self.inner.reserve(conn) {
            let n = session.farewell(room);
            // The connection ends, whatever becomes of this.
            let _ = self.inner.commit(conn, n);
        }
    }
}

impl<P: Transport + Watch> Transport for Tls<P> {
    fn supports(&self, scheme: Scheme) -> bool {
        matches!(scheme, Scheme::Https) || self.inner.supports(scheme)
    }

    fn open(&mut self, conn: ConnId, target: &Target<'_>) -> Result<(), IoError> {
        if target.scheme == Scheme::Http {
            return self.inner.open(conn, target);
        }
        let session = self.prepare(conn, target)?;
        let plain = Target {
            scheme: Scheme::Http,
            ..*target
        };
        self.inner.open(conn, &plain)?;
        let index = conn.index();
        if index >= self.sessions.len() {
            self.sessions.resize_with(index + 1, || None);
        }
        self.sessions[index] = Some(session);
        Ok(())
    }

    /// Connect and handshake.
    fn opened(&mut self, conn: ConnId) -> Nb<()> {
        if self.session(conn).is_none() {
            return self.inner.opened(conn);
        }
        let opened = self.greet(conn);
        self.rewatch(conn);
        opened
    }

    fn fill(&mut self, conn: ConnId, at_most: usize) -> Nb<Lent<'_>> {
        if self.session(conn).is_none() {
            return self.inner.fill(conn, at_most);
        }
        let looked = self.look_for_plain(conn, at_most);
        self.rewatch(conn);
        looked?;
        self.lend(conn, at_most)
    }

    fn consume(&mut self, conn: ConnId, n: usize) {
        let Some(session) = find(&mut self.sessions, conn) else {
            return self.inner.consume(conn, n);
        };
        let n = n.min(session.lent);
        session.lent -= n;
        if session.held.is_empty() {
            if n > 0 {
                self.buffers.consume(n);
            }
            return;
        }
        session.held_at += n;
        self.buffers.held -= n;
        if session.held().is_empty() {
            session.held_at = 0;
            self.buffers.take_back(&mut session.held);
        }
    }

    fn reserve(&mut self, conn: ConnId) -> Nb<&mut [u8]> {
        let Some(session) = self.session(conn) else {
            return self.inner.reserve(conn);
        };
        if let End::Failed(error) = session.end {
            return Err(Stall::Failed(error));
        }
        if !session.is_up() {
            return Err(Stall::WouldBlock);
        }
        let sent = self.send_unsent(conn);
        self.rewatch(conn);
        sent?;
        // It is lent again at the commit: the records go there, not the plaintext.
        let size = plaintext_room(self.inner.reserve(conn)?.len());
        self.buffers.room = Some((conn, size));
        Ok(&mut self.buffers.out[..size])
    }

    /// Records that the inner transport has no room for are kept, and go out as soon as it has.
    ///
    /// Without a `reserve` just before, or with one of another connection between, the room is
    /// gone: that is `IoError::Other(EINVAL)`.
    fn commit(&mut self, conn: ConnId, n: usize) -> Result<(), IoError> {
        let Some(session) = find(&mut self.sessions, conn) else {
            return self.inner.commit(conn, n);
        };
        let size = match self.buffers.room.take() {
            Some((owner, size)) if owner == conn => size,
            Some(_) | None => return Err(crate::io_error(rustix::io::Errno::INVAL)),
        };
        let plaintext = &self.buffers.out[..n.min(size)];
        if plaintext.is_empty() {
            return Ok(());
        }
        let room = match self.inner.reserve(conn) {
            Ok(room) => room,
            Err(Stall::WouldBlock) => &mut [],
            Err(Stall::Failed(error)) => return Err(error),
        };
        let used = session.encrypt(plaintext, room)?;
        if used > 0 {
            return self.inner.commit(conn, used);
        }
        let sent = self.send_unsent(conn);
        self.rewatch(conn);
        match sent {
            Ok(()) | Err(Stall::WouldBlock) => Ok(()),
            Err(Stall::Failed(error)) => Err(error),
        }
    }

    fn flush(&mut self, conn: ConnId) -> Nb<()> {
        if self
            .session(conn)
            .is_some_and(|session| session.has_pending())
        {
            let sent = self.send_unsent(conn);
            self.rewatch(conn);
            sent?;
        }
        self.inner.flush(conn)
    }

    /// Says to the peer that nothing more comes, if there is room for that.
    fn close(&mut self, conn: ConnId) {
        self.say_farewell(conn);
        if let Some(session) = find(&mut self.sessions, conn) {
            self.buffers.held -= session.held().len();
            for block in [&mut session.held, &mut session.partial, &mut session.unsent] {
                self.buffers.take_back(block);
            }
            self.buffers.forget(conn);
            self.sessions[conn.index()] = None;
        }
        self.inner.close(conn);
    }
}
