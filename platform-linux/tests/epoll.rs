//! The loop: what one wait tells, and what it costs.

mod common;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown};
use std::num::NonZeroU32;
use std::thread;
use std::time::Duration;

use common::{LONG, epoll, fill, id, listener, pair, send, target, wait};
use muxfer_core::net::{Interest, Ready, Stall};
use muxfer_core::platform::{Resolver, Transport, Watch};
use muxfer_core::{ConnId, Event, OriginId};
use muxfer_linux::{Clock, Epoll};

/// All that can be seen now.
fn look(epoll: &mut Epoll) -> Vec<Event> {
    let events = epoll.wait(None, Some(Duration::ZERO));
    events.expect("can wait").collect()
}

/// What the system watches of this epoll instance, from `/proc`.
fn watched(epoll: &Epoll, conn: ConnId) -> bool {
    use std::os::fd::AsRawFd;
    let fd = epoll.sockets.fd(conn).expect("open").as_raw_fd();
    let folder = std::fs::read_dir("/proc/self/fdinfo").expect("has /proc");
    let line = format!("tfd:{fd:>9} ");
    folder
        .filter_map(|entry| std::fs::read_to_string(entry.ok()?.path()).ok())
        .any(|text| text.contains(&line) && text.contains(&format!("{:x}", conn.to_u64())))
}

#[test]
fn ten_thousand_requests_over_one_connection() {
    let mut epoll = epoll();
    let mut peer = pair(&mut epoll, id(0));
    let echo = thread::spawn(move || {
        let mut request = [0; 100];
        while peer.read_exact(&mut request).is_ok() {
            peer.write_all(&request).expect("sent");
        }
    });
    epoll.socket(id(0), Interest::READ);
    for round in 0..10_000_u32 {
        let request = [round.to_le_bytes()[0]; 100];
        assert_eq!(send(&mut epoll, id(0), &request), Ok(()));
        let mut got = 0;
        while got < request.len() {
            let seen = epoll.wait(None, Some(LONG)).expect("can wait").next();
            assert_eq!(seen, Some(Event::Socket(id(0), Ready::READ)));
            let lent = epoll.fill(id(0), 4096).expect("it is readable");
            assert!(lent.bytes.iter().all(|byte| *byte == request[0]));
            let n = lent.bytes.len();
            epoll.consume(id(0), n);
            got += n;
        }
    }
    assert_eq!(epoll.sockets.spilled_bytes(), 0);
    epoll.close(id(0));
    echo.join().expect("no panic");
}

#[test]
fn a_connect_is_told_as_writable_and_an_early_question_would_block_or_succeed() {
    let mut epoll = epoll();
    let (listener, address) = listener();
    epoll.open(id(0), &target(address)).expect("can connect");
    assert!(matches!(
        epoll.opened(id(0)),
        Ok(()) | Err(Stall::WouldBlock)
    ));
    wait(&mut epoll, id(0), Interest::WRITE);
    assert_eq!(epoll.opened(id(0)), Ok(()));
    drop(listener);
}

#[test]
fn interest_is_level_triggered_and_none_means_silence() {
    let mut epoll = epoll();
    let mut peer = pair(&mut epoll, id(0));
    peer.write_all(b"x").expect("sent");
    wait(&mut epoll, id(0), Interest::READ);
    let readable = [Event::Socket(id(0), Ready::READ)];
    assert_eq!(look(&mut epoll), readable);
    assert_eq!(look(&mut epoll), readable);
    epoll.socket(id(0), Interest::NONE);
    assert_eq!(look(&mut epoll), []);
    // Not even a hang-up is told.
    peer.shutdown(Shutdown::Both).expect("open");
    drop(peer);
    assert_eq!(look(&mut epoll), []);
    epoll.socket(id(0), Interest::BOTH);
    let seen = look(&mut epoll);
    assert!(matches!(seen[..], [Event::Socket(_, ready)] if ready.contains(Ready::READ)));
}

#[test]
fn announcements_are_carried_out_by_the_next_wait_and_only_if_something_has_changed() {
    let mut epoll = epoll();
    let _peer = pair(&mut epoll, id(0));
    epoll.socket(id(0), Interest::READ);
    assert_eq!(look(&mut epoll), []);
    assert!(watched(&epoll, id(0)));
    // Not removed yet, and never: the next announcement restores what the system knows.
    epoll.socket(id(0), Interest::NONE);
    assert!(watched(&epoll, id(0)));
    epoll.socket(id(0), Interest::READ);
    assert_eq!(look(&mut epoll), []);
    assert!(watched(&epoll, id(0)));
    epoll.socket(id(0), Interest::NONE);
    assert_eq!(look(&mut epoll), []);
    assert!(!watched(&epoll, id(0)));
}

#[test]
fn a_successor_on_the_same_descriptor_hears_nothing_of_its_predecessor() {
    let mut epoll = epoll();
    let mut peer = pair(&mut epoll, id(0));
    peer.write_all(b"x").expect("sent");
    wait(&mut epoll, id(0), Interest::READ);
    epoll.socket(id(0), Interest::NONE);
    epoll.close(id(0));
    let next = ConnId::new(0, NonZeroU32::MIN.saturating_add(1));
    let mut new_peer = pair(&mut epoll, next);
    epoll.socket(next, Interest::READ);
    assert_eq!(look(&mut epoll), []);
    new_peer.write_all(b"y").expect("sent");
    assert_eq!(fill(&mut epoll, next, 9), Ok(b"y".to_vec()));
}

#[test]
fn a_deadline_is_never_early_and_is_told() {
    let mut epoll = epoll();
    let deadline = Clock.now() + Duration::from_micros(1_500);
    let mut events = epoll.wait(Some(deadline), Some(LONG)).expect("can wait");
    assert_eq!(events.next(), Some(Event::Timeout));
    assert_eq!(events.next(), None);
    assert!(Clock.now() >= deadline);
    let later = Clock.now() + LONG;
    let at_most = Some(Duration::from_millis(1));
    assert_eq!(
        epoll.wait(Some(later), at_most).expect("can wait").next(),
        None
    );
}

#[test]
fn r73_a_wake_up_stays_until_one_wait_has_consumed_it() {
    let mut epoll = epoll();
    let waker = epoll.waker();
    for _ in 0..3 {
        waker.wake();
        waker.clone().wake();
        let before = Clock.now();
        let events = epoll.wait(None, Some(LONG)).expect("can wait");
        assert!(events.woken());
        assert_eq!(events.count(), 0);
        assert!(Clock.now().since(before) < LONG);
        let at_most = Duration::from_millis(2);
        let before = Clock.now();
        let events = epoll.wait(None, Some(at_most)).expect("can wait");
        assert!(!events.woken());
        assert!(Clock.now().since(before) >= at_most);
    }
}

#[test]
fn another_thread_ends_a_wait() {
    let mut epoll = epoll();
    let waker = epoll.waker();
    let thread = thread::spawn(move || waker.wake());
    let events = epoll.wait(None, Some(LONG)).expect("can wait");
    assert!(events.woken());
    thread.join().expect("no panic");
}

#[test]
fn look_ups_are_told_and_none_is_lost_with_the_iterator() {
    let mut epoll = epoll();
    let query = |index| OriginId::new(index, NonZeroU32::MIN);
    for index in 0..10 {
        let answer = epoll.resolve(query(index), "localhost", 80);
        assert_eq!(answer, Err(Stall::WouldBlock));
    }
    let mut told = Vec::new();
    while told.len() < 10 {
        // Only one of each wait's events is taken.
        let event = epoll.wait(None, Some(LONG)).expect("can wait").next();
        if let Some(Event::Resolved(query)) = event {
            told.push(query);
        }
    }
    told.sort();
    assert_eq!(told, (0..10).map(query).collect::<Vec<_>>());
    let found = epoll.resolve(query(0), "localhost", 80).expect("answered");
    assert!(
        found.addresses.iter().any(|ip| *ip == Ipv4Addr::LOCALHOST) || found.addresses[0].is_ipv6()
    );
}
