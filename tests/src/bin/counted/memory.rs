//! The least platform that there can be: what is sent is dropped, what is received is canned.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use muxfer_core::net::{Addresses, Interest, IoError, Nb, Stall};
use muxfer_core::platform::{Lent, ResolveError, Resolved, Resolver, Target, Transport, Watch};
use muxfer_core::time::Instant;
use muxfer_core::{ConnId, OriginId};

/// Room for a request.
const ROOM: usize = 4096;

/// The platform.
pub(crate) struct Canned {
    /// What each connection has still to give, by its index.
    inboxes: Vec<&'static [u8]>,
    room: Box<[u8]>,
    /// Who has sent something last.
    pub(crate) sender: Option<ConnId>,
    /// Who was opened last.
    pub(crate) fresh: Option<ConnId>,
    pub(crate) opened: u32,
}

impl Canned {
    pub(crate) fn new(connections: usize) -> Self {
        Self {
            inboxes: vec![&[]; connections],
            room: vec![0; ROOM].into_boxed_slice(),
            sender: None,
            fresh: None,
            opened: 0,
        }
    }

    /// These bytes come next.
    pub(crate) fn give(&mut self, conn: ConnId, bytes: &'static [u8]) {
        self.inboxes[conn.index()] = bytes;
    }
}

impl Transport for Canned {
    fn open(&mut self, conn: ConnId, _target: &Target<'_>) -> Result<(), IoError> {
        self.opened += 1;
        self.fresh = Some(conn);
        self.give(conn, &[]);
        Ok(())
    }

    fn opened(&mut self, _conn: ConnId) -> Nb<()> {
        Ok(())
    }

    fn fill(&mut self, conn: ConnId, at_most: usize) -> Nb<Lent<'_>> {
        let inbox = self.inboxes[conn.index()];
        if inbox.is_empty() {
            return Err(Stall::WouldBlock);
        }
        let bytes = &inbox[..inbox.len().min(at_most)];
        Ok(Lent { bytes, more: false })
    }

    fn consume(&mut self, conn: ConnId, n: usize) {
        let inbox = &mut self.inboxes[conn.index()];
        *inbox = &inbox[n..];
    }

    fn reserve(&mut self, _conn: ConnId) -> Nb<&mut [u8]> {
        Ok(&mut self.room)
    }

    fn commit(&mut self, conn: ConnId, _n: usize) -> Result<(), IoError> {
        self.sender = Some(conn);
        Ok(())
    }

    fn flush(&mut self, _conn: ConnId) -> Nb<()> {
        Ok(())
    }

    fn close(&mut self, conn: ConnId) {
        self.give(conn, &[]);
    }
}

impl Watch for Canned {
    fn socket(&mut self, _conn: ConnId, _want: Interest) {}

    fn timer(&mut self, _at: Option<Instant>) {}
}

impl Resolver for Canned {
    fn resolve(&mut self, _query: OriginId, _host: &str, _port: u16) -> Nb<Resolved, ResolveError> {
        let mut addresses = Addresses::new();
        // There is room for one.
        let _ = addresses.push(IpAddr::V4(Ipv4Addr::LOCALHOST));
        Ok(Resolved {
            addresses,
            keep: Duration::from_secs(86_400),
        })
    }

    fn cancel(&mut self, _query: OriginId) {}
}
