//! io_uring where it is tight: few places, few buffers, no memory for what stays.

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use common::{LONG, id, listener, target};
use muxfer_core::net::{Interest, IoError, Ready, Stall};
use muxfer_core::platform::{Transport, Watch};
use muxfer_core::{ConnId, Event};
use muxfer_linux::{Clock, Coalesce, Loop, SocketOptions, Uring, UringOptions};
use rustix::net::sockopt;

/// Each receive takes a whole buffer of 4 KiB, and there are two.
fn two_buffers() -> UringOptions {
    UringOptions {
        submissions: 8,
        receive_bytes: 2 * 4096,
        whole_buffers: 2,
        incremental: false,
        ..UringOptions::default()
    }
}

fn without_memory_for_what_stays() -> UringOptions {
    UringOptions {
        sockets: SocketOptions {
            spill_bytes: 0,
            ..SocketOptions::default()
        },
        ..two_buffers()
    }
}

fn open(options: &UringOptions) -> Uring {
    Uring::new(options).expect("io_uring")
}

/// One wait, of this length at most.
fn look(uring: &mut Uring, at_most: Duration) -> Vec<Event> {
    let mut seen = Vec::new();
    let waited = uring.wait_for(None, Some(at_most), |event| seen.push(event));
    waited.expect("can wait");
    seen
}

/// Waits until there is an event of this connection, and answers what it says.
fn event(uring: &mut Uring, conn: ConnId) -> Ready {
    let end = Instant::now() + LONG;
    loop {
        let events = look(uring, LONG);
        let ready = events.iter().find_map(|event| match event {
            Event::Socket(of, ready) if *of == conn => Some(*ready),
            Event::Socket(..) | Event::Resolved(_) | Event::Timeout => None,
        });
        match ready {
            Some(ready) => return ready,
            None => assert!(Instant::now() < end, "no event of {conn} came"),
        }
    }
}

/// Waits until `done`, in steps, with a bound.
fn until(uring: &mut Uring, mut done: impl FnMut(&mut Uring) -> bool) {
    let end = Instant::now() + LONG;
    while !done(uring) {
        assert!(Instant::now() < end, "it never came");
        look(uring, Duration::from_millis(5));
    }
}

fn connect(uring: &mut Uring, conn: ConnId, listener: &TcpListener) -> TcpStream {
    let address = listener.local_addr().expect("bound");
    uring.open(conn, &target(address)).expect("can connect");
    uring.socket(conn, Interest::WRITE);
    event(uring, conn);
    assert_eq!(uring.opened(conn), Ok(()));
    uring.socket(conn, Interest::NONE);
    let (peer, _) = listener.accept().expect("a connection came");
    peer.set_read_timeout(Some(LONG)).expect("not zero");
    peer.set_nodelay(true).expect("a socket");
    peer
}

fn pair(uring: &mut Uring, conn: ConnId) -> TcpStream {
    connect(uring, conn, &listener().0)
}

fn send(uring: &mut Uring, conn: ConnId, bytes: &[u8]) {
    let room = uring.reserve(conn).expect("there is room");
    room[..bytes.len()].copy_from_slice(bytes);
    uring.commit(conn, bytes.len()).expect("it takes them");
}

/// Takes one lent slice; `None` at the end of the stream.
fn take(uring: &mut Uring, conn: ConnId) -> Result<Option<Vec<u8>>, IoError> {
    loop {
        match uring.fill(conn, usize::MAX) {
            Ok(lent) => {
                let bytes = lent.bytes.to_vec();
                uring.consume(conn, bytes.len());
                return Ok(Some(bytes).filter(|bytes| !bytes.is_empty()));
            }
            Err(Stall::Failed(error)) => return Err(error),
            Err(Stall::WouldBlock) => {
                uring.socket(conn, Interest::READ);
                event(uring, conn);
            }
        }
    }
}

/// Bytes in which each place is different from those near it.
fn pattern(len: usize) -> Vec<u8> {
    (0..len)
        .map(|at| u8::try_from(at % 251).expect("< 251"))
        .collect()
}

#[test]
fn each_connect_goes_to_its_own_address_whatever_waits_before_it() {
    for before in 0..=8 {
        let mut uring = open(&two_buffers());
        let _peers: Vec<_> = (0..before).map(|at| pair(&mut uring, id(at))).collect();
        let listeners: Vec<_> = (0..4).map(|_| listener()).collect();
        look(&mut uring, Duration::ZERO);
        for at in 0..before {
            send(&mut uring, id(at), b"x");
        }
        for (at, (_, address)) in (100..).zip(&listeners) {
            uring.open(id(at), &target(*address)).expect("can connect");
            uring.socket(id(at), Interest::WRITE);
        }
        for (at, (_, address)) in (100..).zip(&listeners) {
            until(&mut uring, |uring| uring.opened(id(at)).is_ok());
            let peer = uring.sockets().peer_address(id(at));
            assert_eq!(peer, Some(*address), "with {before} sends before it");
        }
    }
}

#[test]
fn a_connect_that_failed_while_nobody_watched_is_told_to_who_watches_later() {
    let mut uring = open(&two_buffers());
    let (listener, address) = listener();
    drop(listener);
    uring.open(id(0), &target(address)).expect("a socket");
    until(&mut uring, |uring| {
        uring.opened(id(0)) != Err(Stall::WouldBlock)
    });
    // A watch of something else, so that what was noted down is told, and dropped.
    look(&mut uring, Duration::ZERO);
    uring.socket(id(0), Interest::WRITE);
    assert!(event(&mut uring, id(0)).contains(Ready::ERROR));
    assert_eq!(uring.opened(id(0)), Err(Stall::Failed(IoError::Refused)));
}

#[test]
fn what_comes_before_a_pause_takes_effect_does_not_keep_the_buffers() {
    let mut uring = open(&two_buffers());
    let mut paused = pair(&mut uring, id(0));
    let sent = pattern(2 * 4096);
    // It has come before the receive starts, so that it comes with the cancel.
    uring.socket(id(0), Interest::READ);
    look(&mut uring, Duration::ZERO);
    paused.write_all(&sent).expect("sent");
    uring.socket(id(0), Interest::NONE);
    let end = Instant::now() + Duration::from_millis(100);
    while Instant::now() < end && uring.spilled_bytes() == 0 {
        look(&mut uring, Duration::from_millis(5));
    }
    // Another one has the buffers for itself.
    let mut other = pair(&mut uring, id(1));
    uring.socket(id(1), Interest::READ);
    look(&mut uring, Duration::ZERO);
    other.write_all(b"other").expect("sent");
    assert_eq!(take(&mut uring, id(1)), Ok(Some(b"other".to_vec())));
    let mut got = Vec::new();
    while got.len() < sent.len() {
        got.extend(take(&mut uring, id(0)).expect("open").expect("more"));
    }
    assert!(got == sent, "other bytes came than were sent");
    assert_eq!(uring.spilled_bytes(), 0);
}

#[test]
fn what_is_left_unread_stays_within_the_spill_memory() {
    let limit = 1024 * 1024;
    let mut options = two_buffers();
    options.sockets.spill_bytes = limit;
    options.receive_bytes = 16 * 4096;
    options.whole_buffers = 16;
    let mut uring = open(&options);
    let mut peers: Vec<_> = (0..8).map(|at| pair(&mut uring, id(at))).collect();
    for peer in &peers {
        peer.set_nonblocking(true).expect("a socket");
    }
    let chunk = pattern(4096);
    for round in 0..400 {
        for (at, peer) in (0..).zip(&mut peers) {
            let _ = peer.write(&chunk);
            let want = if round % 2 == 0 {
                Interest::READ
            } else {
                Interest::NONE
            };
            uring.socket(id(at), want);
        }
        look(&mut uring, Duration::ZERO);
        look(&mut uring, Duration::ZERO);
        let held = uring.spilled_bytes();
        assert!(held <= limit, "{held} bytes are held in round {round}");
    }
    assert!(
        uring.spilled_bytes() > limit / 4,
        "{}",
        uring.spilled_bytes()
    );
}

#[test]
fn without_spill_memory_each_unread_upload_keeps_4_kib_at_most() {
    let mut options = without_memory_for_what_stays();
    options.send_bytes = 1024 * 1024;
    let mut uring = open(&options);
    let count = 8;
    let peers: Vec<_> = (0..count).map(|at| pair(&mut uring, id(at))).collect();
    let mut stuck = vec![false; count as usize];
    let end = Instant::now() + LONG;
    while stuck.iter().any(|stuck| !stuck) && Instant::now() < end {
        for (at, stuck) in (0..).zip(&mut stuck) {
            match uring.reserve(id(at)) {
                Ok(room) => {
                    let n = room.len();
                    room.fill(7);
                    uring.commit(id(at), n).expect("open");
                }
                Err(Stall::WouldBlock) => *stuck = true,
                Err(Stall::Failed(error)) => panic!("{error}"),
            }
        }
        look(&mut uring, Duration::ZERO);
        let held = uring.spilled_bytes();
        assert!(held <= count as usize * 4096, "{held} bytes are held");
    }
    assert!(stuck.iter().all(|stuck| *stuck), "{stuck:?}");
    drop(peers);
}

#[test]
fn a_deadline_is_met_though_completions_are_gathered() {
    for wait in [Duration::ZERO, Duration::from_nanos(1), LONG] {
        let mut options = two_buffers();
        options.coalesce = Some(Coalesce {
            wait,
            completions: 100,
        });
        let mut uring = open(&options);
        let start = Instant::now();
        let deadline = Clock.now() + Duration::from_millis(20);
        let mut seen = Vec::new();
        while seen.is_empty() {
            uring
                .wait_for(Some(deadline), None, |event| seen.push(event))
                .expect("can wait");
        }
        assert_eq!(seen, [Event::Timeout]);
        assert!(start.elapsed() < LONG / 2, "{wait:?}");
    }
}

#[test]
fn without_time_to_gather_one_completion_ends_the_wait() {
    for wait in [
        Duration::ZERO,
        Duration::from_nanos(1),
        Duration::from_millis(1),
    ] {
        let mut options = two_buffers();
        options.coalesce = Some(Coalesce {
            wait,
            completions: 100,
        });
        let mut uring = open(&options);
        let (listener, address) = listener();
        uring.open(id(0), &target(address)).expect("can connect");
        uring.socket(id(0), Interest::WRITE);
        let start = Instant::now();
        event(&mut uring, id(0));
        assert!(start.elapsed() < LONG / 2, "{wait:?}");
        drop(listener);
    }
}

#[test]
fn a_stream_that_timed_out_in_a_send_does_not_end_well() {
    let mut uring = open(&without_memory_for_what_stays());
    let mut peer = pair(&mut uring, id(0));
    let fd = uring.sockets().fd(id(0)).expect("open");
    sockopt::set_tcp_user_timeout(fd, 50).expect("a socket");
    peer.write_all(b"part").expect("sent");
    // The peer reads nothing: its window closes, and the probes find no end of that.
    let end = Instant::now() + LONG;
    loop {
        match uring.reserve(id(0)) {
            Ok(room) => {
                let n = room.len();
                room.fill(7);
                let _ = uring.commit(id(0), n);
            }
            Err(Stall::WouldBlock) => {}
            Err(Stall::Failed(_)) => break,
        }
        assert!(Instant::now() < end, "it does not time out");
        uring.socket(id(0), Interest::WRITE);
        look(&mut uring, Duration::from_millis(5));
    }
    assert_eq!(take(&mut uring, id(0)), Ok(Some(b"part".to_vec())));
    assert!(take(&mut uring, id(0)).is_err(), "a clean end");
}

#[test]
fn more_completions_than_there_are_places_for_lose_nothing() {
    let mut options = two_buffers();
    // One byte each: 16,384 completions, four times as many as there are places.
    options.receive_bytes = 1 << 14;
    options.whole_buffers = 1 << 14;
    let mut uring = open(&options);
    let mut peers: Vec<_> = (0..4).map(|at| pair(&mut uring, id(at))).collect();
    let sent = pattern(1 << 13);
    for (at, peer) in (0..).zip(&mut peers) {
        uring.socket(id(at), Interest::READ);
        peer.write_all(&sent).expect("sent");
    }
    for (at, peer) in (0..).zip(peers) {
        drop(peer);
        let mut got = Vec::new();
        while let Some(bytes) = take(&mut uring, id(at)).expect("no failure") {
            got.extend(bytes);
        }
        assert!(got == sent, "connection {at}: {} bytes", got.len());
    }
}

#[test]
fn buffers_of_any_size_and_number_receive_what_was_sent() {
    for incremental in [false, true] {
        for (bytes, buffers) in [(0, 0), (1, 1), (4097, 1), (10_000, 3), (65_537, 65_535)] {
            let mut uring = open(&UringOptions {
                receive_bytes: bytes,
                buffers,
                whole_buffers: buffers,
                incremental,
                ..two_buffers()
            });
            let mut peer = pair(&mut uring, id(0));
            let sent = pattern(3000);
            uring.socket(id(0), Interest::READ);
            look(&mut uring, Duration::ZERO);
            peer.write_all(&sent).expect("sent");
            drop(peer);
            let mut got = Vec::new();
            while let Some(bytes) = take(&mut uring, id(0)).expect("no failure") {
                got.extend(bytes);
            }
            assert!(got == sent, "{bytes} bytes in {buffers}");
        }
    }
}

#[test]
fn others_go_on_while_paused_connections_keep_all_buffers() {
    let mut options = two_buffers();
    // Enough to receive into buffers, too little to copy out of them later.
    options.sockets.spill_bytes = 512 * 1024;
    let mut uring = open(&options);
    let sent = pattern(4096 * 3);
    let mut paused: Vec<_> = (0..4).map(|at| pair(&mut uring, id(at))).collect();
    for (at, peer) in (0..).zip(&mut paused) {
        uring.socket(id(at), Interest::READ);
        look(&mut uring, Duration::ZERO);
        peer.write_all(&sent).expect("sent");
        uring.socket(id(at), Interest::NONE);
    }
    for at in 10..20 {
        let mut peer = pair(&mut uring, id(at));
        peer.write_all(&sent).expect("sent");
        drop(peer);
        let mut got = Vec::new();
        while let Some(bytes) = take(&mut uring, id(at)).expect("no failure") {
            got.extend(bytes);
        }
        assert!(got == sent, "connection {at}");
    }
    for (at, peer) in (0..).zip(paused) {
        drop(peer);
        let mut got = Vec::new();
        while let Some(bytes) = take(&mut uring, id(at)).expect("no failure") {
            got.extend(bytes);
        }
        assert!(got == sent, "connection {at} that was paused");
    }
}

#[test]
fn a_pause_and_its_end_in_any_order_lose_no_byte_and_no_event() {
    for turns in 0..4 {
        let mut uring = open(&two_buffers());
        let mut peer = pair(&mut uring, id(0));
        let sent = pattern(200_000);
        let expected = sent.clone();
        let writer = std::thread::spawn(move || peer.write_all(&sent).expect("sent"));
        let mut got = Vec::new();
        while let Some(bytes) = take(&mut uring, id(0)).expect("no failure") {
            got.extend(bytes);
            uring.socket(id(0), Interest::NONE);
            for _ in 0..turns {
                look(&mut uring, Duration::ZERO);
            }
            uring.socket(id(0), Interest::READ);
        }
        writer.join().expect("no panic");
        assert!(got == expected, "{turns} turns");
    }
}

#[test]
fn waits_end_only_for_a_reason() {
    let mut uring = open(&two_buffers());
    let mut peers: Vec<_> = (0..6).map(|at| pair(&mut uring, id(at))).collect();
    for (at, peer) in (0..).zip(&mut peers) {
        uring.socket(id(at), Interest::READ);
        peer.write_all(b"x").expect("sent");
        assert_eq!(take(&mut uring, id(at)), Ok(Some(b"x".to_vec())));
    }
    // Paused, idle, ended: nothing of it wakes the loop again and again.
    peers.pop();
    assert_eq!(take(&mut uring, id(5)), Ok(None));
    uring.socket(id(5), Interest::NONE);
    uring.socket(id(4), Interest::NONE);
    peers[4].write_all(&pattern(10_000)).expect("sent");
    let start = Instant::now();
    let mut waits = 0;
    while start.elapsed() < Duration::from_millis(200) {
        look(&mut uring, Duration::from_millis(200));
        waits += 1;
    }
    assert!(waits < 10, "{waits} waits");
}

#[test]
fn a_successor_hears_nothing_of_its_predecessor() {
    let mut uring = open(&two_buffers());
    let (listener, address) = listener();
    for generation in 1..200 {
        let generation = NonZeroU32::new(generation).expect("not zero");
        let conn = ConnId::new(0, generation);
        uring.open(conn, &target(address)).expect("can connect");
        uring.socket(conn, Interest::BOTH);
        if generation.get().is_multiple_of(3) {
            // Closed while it connects.
            uring.close(conn);
            continue;
        }
        assert!(!event(&mut uring, conn).contains(Ready::ERROR));
        assert_eq!(uring.opened(conn), Ok(()));
        assert_eq!(uring.fill(conn, 9).map(|_| ()), Err(Stall::WouldBlock));
        let own = uring.sockets().local_address(conn).expect("bound");
        let mut peer = loop {
            let (peer, from) = listener.accept().expect("a connection came");
            if from == own {
                break peer;
            }
        };
        peer.write_all(&generation.get().to_le_bytes())
            .expect("sent");
        uring.socket(conn, Interest::READ);
        let word = generation.get().to_le_bytes().to_vec();
        if generation.get().is_multiple_of(2) {
            assert_eq!(take(&mut uring, conn), Ok(Some(word)));
        }
        send(&mut uring, conn, b"request");
        peer.write_all(b"late").expect("sent");
        uring.close(conn);
        look(&mut uring, Duration::ZERO);
        peer.set_read_timeout(Some(LONG)).expect("not zero");
        let mut got = Vec::new();
        // It is closed with bytes unread: a reset after what was sent, or instead.
        if peer.read_to_end(&mut got).is_ok() {
            assert_eq!(got, b"request");
        }
    }
}

#[test]
fn an_upload_goes_on_when_its_peer_reads_again() {
    let mut uring = open(&without_memory_for_what_stays());
    let mut peer = pair(&mut uring, id(0));
    let mut sent = 0;
    let mut chunk = |room: &mut [u8]| {
        for byte in room.iter_mut() {
            *byte = u8::try_from(sent % 251).expect("< 251");
            sent += 1;
        }
        room.len()
    };
    let mut stalls = 0;
    while stalls < 3 {
        match uring.reserve(id(0)) {
            Ok(room) => {
                let n = chunk(room);
                uring.commit(id(0), n).expect("open");
            }
            Err(Stall::WouldBlock) => stalls += 1,
            Err(Stall::Failed(error)) => panic!("{error}"),
        }
        look(&mut uring, Duration::ZERO);
    }
    // It has answered that all is flushed or not; the wait sends the rest, watched or not.
    let reader = std::thread::spawn(move || {
        let mut got = Vec::new();
        peer.read_to_end(&mut got).expect("read");
        got
    });
    until(&mut uring, |uring| uring.flush(id(0)) == Ok(()));
    look(&mut uring, Duration::ZERO);
    assert_eq!(uring.flush(id(0)), Ok(()));
    uring.close(id(0));
    look(&mut uring, Duration::ZERO);
    let got = reader.join().expect("no panic");
    assert_eq!(got.len(), sent);
    assert!(got == pattern(sent));
}

#[test]
fn an_early_answer_is_received_though_the_peer_resets() {
    let mut uring = open(&two_buffers());
    let mut peer = pair(&mut uring, id(0));
    uring.socket(id(0), Interest::BOTH);
    send(&mut uring, id(0), &pattern(5000));
    look(&mut uring, Duration::ZERO);
    let mut byte = [0];
    peer.peek(&mut byte).expect("came");
    peer.write_all(b"early").expect("sent");
    // Unread bytes make it a reset.
    drop(peer);
    let end = Instant::now() + LONG;
    let error = loop {
        let failed = match uring.reserve(id(0)) {
            Ok(_) => uring.commit(id(0), 100).err(),
            Err(Stall::WouldBlock) => None,
            Err(Stall::Failed(error)) => Some(error),
        };
        if let Some(error) = failed {
            break error;
        }
        assert!(Instant::now() < end, "the failure is never told");
        look(&mut uring, Duration::from_millis(5));
    };
    assert!(matches!(error, IoError::Reset | IoError::Closed), "{error}");
    assert_eq!(take(&mut uring, id(0)), Ok(Some(b"early".to_vec())));
    assert!(take(&mut uring, id(0)).is_err(), "a clean end");
}

#[test]
fn wake_ups_of_another_thread_end_waits_under_load() {
    let mut uring = open(&two_buffers());
    let mut peer = pair(&mut uring, id(0));
    let waker = uring.waker();
    let (told, heard) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        for _ in 0..500 {
            waker.wake();
            let _ = peer.write_all(b"load");
            if heard.recv_timeout(LONG).is_err() {
                return;
            }
        }
    });
    uring.socket(id(0), Interest::READ);
    for _ in 0..500 {
        let start = Instant::now();
        look(&mut uring, LONG);
        assert!(start.elapsed() < LONG, "a wake-up was lost");
        while let Ok(lent) = uring.fill(id(0), 1000) {
            let n = lent.bytes.len();
            if n == 0 {
                break;
            }
            uring.consume(id(0), n);
        }
        told.send(()).expect("the thread waits");
    }
    thread.join().expect("no panic");
}

#[test]
fn a_loop_that_is_dropped_with_everything_under_way_closes_it_at_once() {
    let mut uring = open(&two_buffers());
    let mut first = pair(&mut uring, id(0));
    let mut second = pair(&mut uring, id(1));
    let (listener, address) = listener();
    uring.socket(id(0), Interest::BOTH);
    uring.socket(id(1), Interest::READ);
    look(&mut uring, Duration::ZERO);
    first.write_all(&pattern(9000)).expect("sent");
    look(&mut uring, Duration::ZERO);
    uring.open(id(2), &target(address)).expect("can connect");
    send(&mut uring, id(1), b"last words");
    uring.close(id(1));
    let start = Instant::now();
    drop(uring);
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
    let mut got = Vec::new();
    second.read_to_end(&mut got).expect("the end");
    assert_eq!(got, b"last words");
    first
        .read_to_end(&mut got)
        .expect_err("closed with bytes unread: a reset");
    drop(listener);
}

#[test]
fn two_loops_of_one_thread_do_not_disturb_each_other() {
    let mut loops = [open(&two_buffers()), open(&two_buffers())];
    let mut peers = Vec::new();
    for uring in &mut loops {
        peers.push(pair(uring, id(0)));
    }
    for (uring, peer) in loops.iter_mut().zip(&mut peers) {
        send(uring, id(0), b"ping");
        look(uring, Duration::ZERO);
        let mut word = [0; 4];
        peer.read_exact(&mut word).expect("came");
        peer.write_all(&word).expect("sent");
    }
    let [first, mut second] = loops;
    drop(first);
    assert_eq!(take(&mut second, id(0)), Ok(Some(b"ping".to_vec())));
}

#[test]
fn new_connections_do_not_come_on_top_of_many_closed_ones() {
    let mut uring = open(&UringOptions::default());
    let (listener, address) = listener();
    let count = 100;
    let mut peers: Vec<_> = (0..count)
        .map(|at| connect(&mut uring, id(at), &listener))
        .collect();
    for (at, peer) in (0..).zip(&mut peers) {
        peer.set_nonblocking(true).expect("a socket");
        uring.socket(id(at), Interest::BOTH);
    }
    look(&mut uring, Duration::ZERO);
    for at in 0..count {
        uring.close(id(at));
    }
    uring.open(id(count), &target(address)).expect("a socket");
    // No wait was needed for that.
    let closed = peers.iter_mut().filter_map(|peer| peer.read(&mut [0]).ok());
    assert_eq!(closed.count(), peers.len());
}
