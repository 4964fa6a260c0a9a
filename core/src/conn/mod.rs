//! A connection: its state, what is watched of it, whom it serves.

mod state;

pub(crate) use state::ConnState;

use core::net::IpAddr;

use crate::net::{Interest, Ready};
use crate::store::{ConnId, Handle, Link, Linked, OriginId, POOL, SIBLINGS};
use crate::time::{Instant, Stamp};

/// One place of the table of connections.
#[derive(Debug)]
pub struct Conn {
    pub(crate) state: ConnState,
    pub(crate) origin: OriginId,
    pub(crate) pool: Link,
    pub(crate) siblings: Link,
    /// Its port is that of the origin.
    pub(crate) address: IpAddr,
    pub(crate) opened: Stamp,
    /// What the platform was told to watch.
    pub(crate) announced: Interest,
    /// What the platform saw since the connection was last looked at.
    pub(crate) ready: Ready,
    /// How often in a row it served its own origin while others waited.
    pub(crate) streak: u8,
    /// It is closed after the request that it serves.
    pub(crate) no_reuse: bool,
}

impl Conn {
    pub(crate) fn opening(owner: Handle, origin: OriginId, address: IpAddr, now: Instant) -> Self {
        Self {
            state: ConnState::Opening(owner),
            origin,
            pool: Link::NONE,
            siblings: Link::NONE,
            address,
            opened: now.into(),
            announced: Interest::NONE,
            ready: Ready::NONE,
            streak: 0,
            no_reuse: false,
        }
    }

    /// Moves to another state, which the table of the machine must allow.
    /// Its own id is for the log.
    pub(crate) fn set_state(&mut self, id: ConnId, next: ConnState) {
        debug_assert!(
            self.state.kind().allows(next.kind()),
            "{:?} -> {next:?}",
            self.state
        );
        say_debug!("conn {}: {:?} -> {:?}", id, self.state.kind(), next.kind());
        self.state = next;
    }
}

impl Linked<POOL> for Conn {
    fn link(&mut self) -> &mut Link {
        &mut self.pool
    }
}

impl Linked<SIBLINGS> for Conn {
    fn link(&mut self) -> &mut Link {
        &mut self.siblings
    }
}
