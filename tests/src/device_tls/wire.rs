//! A stream in memory as the transport below: it lends and takes as little at once as it is told.

use std::collections::VecDeque;

use muxfer_core::ConnId;
use muxfer_core::net::{Interest, IoError, Nb, Stall};
use muxfer_core::platform::{Lent, Target, Transport, Watch};
use muxfer_core::time::Instant;

/// The stream, seen from the client; the other end reaches into it.
pub struct Wire {
    /// On its way to the client.
    pub to_client: VecDeque<u8>,
    /// On its way to the server.
    pub to_server: Vec<u8>,
    /// Nothing follows what is on its way to the client.
    pub ended: bool,
    /// The most bytes that are lent at once.
    pub lends: usize,
    /// The most bytes that are taken before the server has read.
    pub takes: usize,
    /// What the client watches.
    pub watched: Interest,
    /// The connection, while it is open.
    pub open: Option<ConnId>,
    room: Vec<u8>,
}

impl Default for Wire {
    fn default() -> Self {
        Self {
            to_client: VecDeque::new(),
            to_server: Vec::new(),
            ended: false,
            lends: usize::MAX,
            takes: usize::MAX,
            watched: Interest::NONE,
            open: None,
            room: Vec::new(),
        }
    }
}

impl Wire {
    fn check(&self, conn: ConnId) -> Result<(), IoError> {
        if self.open == Some(conn) {
            Ok(())
        } else {
            Err(IoError::Closed)
        }
    }

    fn space(&self) -> usize {
        self.takes.saturating_sub(self.to_server.len()).min(20_000)
    }

    /// Would an event follow for what is watched?
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let readable = !self.to_client.is_empty() || self.ended;
        (self.watched.contains(Interest::READ) && readable)
            || (self.watched.contains(Interest::WRITE) && self.space() > 0)
    }
}

impl Transport for Wire {
    fn open(&mut self, conn: ConnId, _target: &Target<'_>) -> Result<(), IoError> {
        assert_eq!(self.open.replace(conn), None, "one connection at a time");
        Ok(())
    }

    fn opened(&mut self, conn: ConnId) -> Nb<()> {
        Ok(self.check(conn)?)
    }

    fn fill(&mut self, conn: ConnId, at_most: usize) -> Nb<Lent<'_>> {
        self.check(conn)?;
        assert!(at_most > 0, "asked for nothing");
        if self.to_client.is_empty() && !self.ended {
            return Err(Stall::WouldBlock);
        }
        let bytes = self.to_client.make_contiguous();
        let n = bytes.len().min(at_most).min(self.lends);
        Ok(Lent {
            bytes: &bytes[..n],
            more: n < bytes.len(),
        })
    }

    fn consume(&mut self, conn: ConnId, n: usize) {
        assert_eq!(self.open, Some(conn));
        self.to_client.drain(..n);
    }

    fn reserve(&mut self, conn: ConnId) -> Nb<&mut [u8]> {
        self.check(conn)?;
        let space = self.space();
        if space == 0 {
            return Err(Stall::WouldBlock);
        }
        self.room.resize(space, 0);
        Ok(&mut self.room)
    }

    fn commit(&mut self, conn: ConnId, n: usize) -> Result<(), IoError> {
        self.check(conn)?;
        self.to_server.extend_from_slice(&self.room[..n]);
        Ok(())
    }

    fn flush(&mut self, conn: ConnId) -> Nb<()> {
        Ok(self.check(conn)?)
    }

    fn close(&mut self, conn: ConnId) {
        assert_eq!(self.open.take(), Some(conn));
        assert!(self.watched.is_none(), "closed while it was watched");
    }
}

impl Watch for Wire {
    fn socket(&mut self, conn: ConnId, want: Interest) {
        assert_eq!(self.open, Some(conn), "watched, but not open");
        assert_ne!(self.watched, want, "told twice");
        self.watched = want;
    }

    fn timer(&mut self, _at: Option<Instant>) {}
}
