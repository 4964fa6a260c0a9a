//! The loop over `poll`, and descriptors for loops elsewhere.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::os::fd::AsFd;
use std::time::Duration;

use muxfer_core::net::{Interest, Ready, Scheme, Stall};
use muxfer_core::platform::{Resolver, Target, Transport, Watch};
use muxfer_core::{ConnId, Event, OriginId};
use muxfer_linux::{
    Clock, NameOptions, Polled, Poller, SocketOptions, WaitFd, WaitLimits, fdset, waitfds,
};
use rustix::event::{FdSetElement, FdSetIter, PollFlags, poll};

const LONG: WaitLimits = WaitLimits {
    deadline: None,
    at_most: Some(Duration::from_secs(10)),
};
const BRIEF: WaitLimits = WaitLimits {
    deadline: None,
    at_most: Some(Duration::from_millis(2)),
};

fn id(index: u32) -> ConnId {
    ConnId::new(index, NonZeroU32::MIN)
}

fn origin(index: u32) -> OriginId {
    OriginId::new(index, NonZeroU32::MIN)
}

fn platform() -> Polled {
    Polled::new(&SocketOptions::default(), &NameOptions::default()).expect("descriptors are left")
}

fn poller() -> Poller {
    Poller::new().expect("descriptors are left")
}

fn pair(platform: &mut Polled, conn: ConnId) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let target = Target {
        scheme: Scheme::Http,
        host: "localhost",
        settings: 0,
        address: listener.local_addr().expect("bound"),
    };
    platform.open(conn, &target).expect("can connect");
    listener.accept().expect("a connection came").0
}

#[test]
fn a_whole_exchange_by_poll() {
    let mut platform = platform();
    let mut poller = poller();
    let mut peer = pair(&mut platform, id(0));
    let seen = poller.wait([(id(0), Interest::WRITE)], &mut platform, &mut [], LONG);
    let seen = seen.expect("can wait");
    assert_eq!(seen.events, [Event::Socket(id(0), Ready::WRITE)]);
    assert_eq!((seen.descriptors, seen.woken), (1, false));
    assert_eq!(platform.opened(id(0)), Ok(()));
    platform.reserve(id(0)).expect("room")[0] = b'x';
    platform.commit(id(0), 1).expect("sent");
    peer.read_exact(&mut [0]).expect("came");

    let reading = [(id(0), Interest::READ)];
    let seen = poller.wait(reading, &mut platform, &mut [], BRIEF);
    assert_eq!(seen.expect("can wait").descriptors, 0);
    peer.write_all(b"y").expect("sent");
    let seen = poller.wait(reading, &mut platform, &mut [], LONG);
    let events = seen.expect("can wait").events;
    assert_eq!(events, [Event::Socket(id(0), Ready::READ)]);
    assert_eq!(platform.fill(id(0), 9).expect("came").bytes, b"y");
    // No interest, no event, although it is readable.
    platform.close(id(0));
    let seen = poller.wait(reading, &mut platform, &mut [], LONG);
    assert_eq!(seen.expect("can wait").events, []);
}

#[test]
fn r72_with_nothing_to_watch_wait_returns_and_poll_sleeps() {
    let mut platform = platform();
    let mut poller = poller();
    let before = Clock.now();
    let seen = poller
        .wait([], &mut platform, &mut [], LONG)
        .expect("can wait");
    assert_eq!(seen.descriptors, 0);
    assert!(Clock.now().since(before) < Duration::from_secs(10));
    let before = Clock.now();
    let seen = poller
        .poll([], &mut platform, &mut [], BRIEF)
        .expect("can wait");
    assert_eq!((seen.descriptors, seen.events), (0, &[][..]));
    assert!(Clock.now().since(before) >= Duration::from_millis(2));
    let limits = WaitLimits {
        deadline: Some(Clock.now() + Duration::from_millis(1)),
        ..LONG
    };
    let seen = poller
        .poll([], &mut platform, &mut [], limits)
        .expect("can wait");
    assert_eq!(seen.events, [Event::Timeout]);
    platform.timer(limits.deadline);
    assert_eq!(platform.watcher.announced_timer(), limits.deadline);
}

#[test]
fn own_descriptors_are_waited_for_and_counted() {
    let mut platform = platform();
    let mut poller = poller();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("bound");
    let mut own = [WaitFd::new(listener.as_fd(), PollFlags::IN)];
    let seen = poller
        .wait([], &mut platform, &mut own, BRIEF)
        .expect("can wait");
    assert_eq!(seen.descriptors, 0);
    assert!(own[0].saw.is_empty());
    let _client = TcpStream::connect(address).expect("listens");
    let seen = poller
        .wait([], &mut platform, &mut own, LONG)
        .expect("can wait");
    assert_eq!((seen.descriptors, seen.events), (1, &[][..]));
    assert_eq!(own[0].saw, PollFlags::IN);
}

#[test]
fn r73_a_wake_up_is_consumed_by_one_poll() {
    let mut platform = platform();
    let mut poller = poller();
    let waker = poller.waker();
    for _ in 0..3 {
        waker.wake();
        waker.wake();
        let seen = poller
            .poll([], &mut platform, &mut [], LONG)
            .expect("can wait");
        assert_eq!((seen.woken, seen.descriptors), (true, 0));
        let seen = poller
            .poll([], &mut platform, &mut [], BRIEF)
            .expect("can wait");
        assert!(!seen.woken);
    }
}

#[test]
fn look_ups_end_a_wait() {
    let mut platform = platform();
    let mut poller = poller();
    let answer = platform.resolve(origin(0), "localhost", 80);
    assert_eq!(answer, Err(Stall::WouldBlock));
    let seen = poller
        .wait([], &mut platform, &mut [], LONG)
        .expect("can wait");
    assert_eq!(seen.events, [Event::Resolved(origin(0))]);
    assert_eq!(seen.descriptors, 0);
    assert!(platform.resolve(origin(0), "localhost", 80).is_ok());
}

#[test]
fn r71_waitfds_has_one_for_each_connection_and_one_for_look_ups() {
    let mut platform = platform();
    let _peers = [pair(&mut platform, id(0)), pair(&mut platform, id(1))];
    let interests = [
        (id(0), Interest::WRITE),
        (id(1), Interest::NONE),
        (id(7), Interest::BOTH),
    ];
    let mut list = Vec::new();
    assert_eq!(waitfds(interests, &platform, &mut list), 1);
    assert_eq!(poll(&mut list, None), Ok(1));
    assert_eq!(list[0].revents(), PollFlags::OUT);
    let _ = platform.resolve(origin(0), "localhost", 80);
    let mut list = Vec::new();
    assert_eq!(waitfds(interests, &platform, &mut list), 2);
}

#[test]
fn r70_fdset_adds_to_the_sets_and_skips_what_does_not_fit() {
    let mut platform = platform();
    let _peers = [pair(&mut platform, id(0)), pair(&mut platform, id(1))];
    let mut read = [FdSetElement::default(); 16];
    let mut write = [FdSetElement::default(); 16];
    // Look-ups alone are nothing to select on.
    let _ = platform.resolve(origin(0), "localhost", 80);
    assert_eq!(fdset([], &platform, &mut read, &mut write), None);

    let raw = |conn| {
        use std::os::fd::AsRawFd;
        platform.sockets.fd(conn).expect("open").as_raw_fd()
    };
    let interests = [(id(0), Interest::READ), (id(1), Interest::BOTH)];
    let highest = fdset(interests, &platform, &mut read, &mut write);
    assert_eq!(highest, Some(raw(id(0)).max(raw(id(1)))));
    let mut both = [raw(id(0)), raw(id(1))];
    both.sort_unstable();
    assert!(FdSetIter::new(&read).eq(both));
    assert!(FdSetIter::new(&write).eq([raw(id(1))]));
    // Sets without room.
    assert_eq!(fdset(interests, &platform, &mut [], &mut []), None);
    // What was in the sets stays.
    fdset([(id(0), Interest::WRITE)], &platform, &mut read, &mut write);
    assert!(FdSetIter::new(&write).eq(both));
}
