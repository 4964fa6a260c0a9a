//! What the tests share: ids, a blocking peer, a connected pair.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::time::Duration;

use muxfer_core::net::{Interest, IoError, Nb, Scheme, Stall};
use muxfer_core::platform::{Target, Transport, Watch};
use muxfer_core::{ConnId, Event};
use muxfer_linux::{Epoll, EpollOptions};

/// Nothing takes this long; a test that hangs fails instead.
pub(crate) const LONG: Duration = Duration::from_secs(10);

pub(crate) fn id(index: u32) -> ConnId {
    ConnId::new(index, NonZeroU32::MIN)
}

pub(crate) fn epoll() -> Epoll {
    Epoll::new(&EpollOptions::default()).expect("descriptors are left")
}

pub(crate) fn target(address: SocketAddr) -> Target<'static> {
    Target {
        scheme: Scheme::Http,
        host: "localhost",
        settings: 0,
        address,
    }
}

pub(crate) fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

/// Waits for an event of this connection.
pub(crate) fn wait(epoll: &mut Epoll, conn: ConnId, want: Interest) {
    epoll.socket(conn, want);
    loop {
        let mut events = epoll.wait(None, Some(LONG)).expect("can wait").peekable();
        assert!(events.peek().is_some(), "no event of {conn} came");
        if events.any(|event| matches!(event, Event::Socket(of, _) if of == conn)) {
            return;
        }
    }
}

/// A connection and its peer.
pub(crate) fn pair(epoll: &mut Epoll, conn: ConnId) -> TcpStream {
    let (listener, address) = listener();
    epoll.open(conn, &target(address)).expect("can connect");
    let (peer, _) = listener.accept().expect("a connection came");
    peer.set_read_timeout(Some(LONG)).expect("not zero");
    peer.set_nodelay(true).expect("a socket");
    wait(epoll, conn, Interest::WRITE);
    assert_eq!(epoll.opened(conn), Ok(()));
    peer
}

/// Fills until something other than `WouldBlock` comes, and copies it.
pub(crate) fn fill(epoll: &mut Epoll, conn: ConnId, at_most: usize) -> Result<Vec<u8>, IoError> {
    loop {
        match epoll.fill(conn, at_most) {
            Ok(lent) => return Ok(lent.bytes.to_vec()),
            Err(Stall::Failed(error)) => return Err(error),
            Err(Stall::WouldBlock) => wait(epoll, conn, Interest::READ),
        }
    }
}

/// Sends all of it, as the system has room.
pub(crate) fn send(epoll: &mut Epoll, conn: ConnId, bytes: &[u8]) -> Nb<()> {
    let room = epoll.reserve(conn)?;
    room[..bytes.len()].copy_from_slice(bytes);
    epoll.commit(conn, bytes.len())?;
    Ok(())
}
