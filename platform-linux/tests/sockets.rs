//! The laws of a transport, held by real sockets against real peers.

mod common;

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown};
use std::num::NonZeroU32;
use std::thread;

use common::{epoll, fill, id, listener, pair, send, target, wait};
use muxfer_core::ConnId;
use muxfer_core::net::{Interest, IoError, Stall};
use muxfer_core::platform::{Transport, Watch};
use muxfer_linux::{Epoll, EpollOptions, SocketOptions};
use rustix::net::sockopt;

const CLOSED: Stall<IoError> = Stall::Failed(IoError::Closed);

fn with(sockets: SocketOptions) -> Epoll {
    let options = EpollOptions {
        sockets,
        ..EpollOptions::default()
    };
    Epoll::new(&options).expect("descriptors are left")
}

#[test]
fn what_was_not_consumed_is_lent_again_first() {
    let mut epoll = epoll();
    let mut peer = pair(&mut epoll, id(0));
    peer.write_all(b"abcdef").expect("sent");
    assert_eq!(fill(&mut epoll, id(0), 100), Ok(b"abcdef".to_vec()));
    epoll.consume(id(0), 2);
    peer.write_all(b"ghi").expect("sent");
    assert_eq!(fill(&mut epoll, id(0), 3), Ok(b"cde".to_vec()));
    // No more than what was lent can be consumed.
    epoll.consume(id(0), 100);
    assert_eq!(fill(&mut epoll, id(0), 100), Ok(b"f".to_vec()));
    epoll.consume(id(0), 1);
    assert_eq!(fill(&mut epoll, id(0), 100), Ok(b"ghi".to_vec()));
    epoll.consume(id(0), 3);
    assert_eq!(epoll.fill(id(0), 100).map(|_| ()), Err(Stall::WouldBlock));
}

#[test]
fn unread_bytes_give_way_to_another_connection_and_come_back() {
    let mut epoll = epoll();
    let mut first = pair(&mut epoll, id(0));
    let mut second = pair(&mut epoll, id(1));
    first.write_all(b"first").expect("sent");
    second.write_all(b"second").expect("sent");
    assert_eq!(fill(&mut epoll, id(0), 100), Ok(b"first".to_vec()));
    assert_eq!(epoll.sockets.spilled_bytes(), 0);
    assert_eq!(fill(&mut epoll, id(1), 100), Ok(b"second".to_vec()));
    assert_eq!(epoll.sockets.spilled_bytes(), 5);
    // Consuming what was lent before the move is still possible.
    epoll.consume(id(0), 2);
    assert_eq!(fill(&mut epoll, id(0), 2), Ok(b"rs".to_vec()));
    epoll.consume(id(0), 2);
    epoll.consume(id(1), 6);
    assert_eq!(fill(&mut epoll, id(0), 9), Ok(b"t".to_vec()));
    epoll.consume(id(0), 1);
    assert_eq!(epoll.sockets.spilled_bytes(), 0);
    assert_eq!(epoll.fill(id(1), 9).map(|_| ()), Err(Stall::WouldBlock));
}

#[test]
fn more_is_said_only_of_a_full_read() {
    let mut epoll = epoll();
    let mut peer = pair(&mut epoll, id(0));
    peer.write_all(&[7; 64]).expect("sent");
    wait(&mut epoll, id(0), Interest::READ);
    let lent = epoll.fill(id(0), 32).expect("came");
    assert_eq!((lent.bytes.len(), lent.more), (32, true));
    epoll.consume(id(0), 32);
    let lent = epoll.fill(id(0), 33).expect("came");
    assert_eq!((lent.bytes.len(), lent.more), (32, false));
}

#[test]
fn without_spill_memory_bytes_stay_in_the_system() {
    let mut epoll = with(SocketOptions {
        spill_bytes: 0,
        ..SocketOptions::default()
    });
    let mut first = pair(&mut epoll, id(0));
    let mut second = pair(&mut epoll, id(1));
    first.write_all(b"abcdef").expect("sent");
    second.write_all(b"second").expect("sent");
    assert_eq!(fill(&mut epoll, id(0), 100), Ok(b"abcdef".to_vec()));
    epoll.consume(id(0), 1);
    assert_eq!(fill(&mut epoll, id(1), 100), Ok(b"second".to_vec()));
    // Lent before the other connection came, consumed after.
    epoll.consume(id(0), 1);
    epoll.consume(id(1), 6);
    assert_eq!(fill(&mut epoll, id(0), 100), Ok(b"cdef".to_vec()));
    epoll.consume(id(0), 4);
    assert_eq!(epoll.sockets.spilled_bytes(), 0);
    drop(first);
    assert_eq!(fill(&mut epoll, id(0), 100), Ok(vec![]));
}

#[test]
fn the_end_of_the_stream_stays_the_end() {
    let mut epoll = epoll();
    let mut peer = pair(&mut epoll, id(0));
    peer.write_all(b"x").expect("sent");
    peer.shutdown(Shutdown::Write).expect("open");
    assert_eq!(fill(&mut epoll, id(0), 9), Ok(b"x".to_vec()));
    epoll.consume(id(0), 1);
    for _ in 0..3 {
        let lent = fill(&mut epoll, id(0), 9);
        assert_eq!(lent, Ok(vec![]));
    }
    // The other direction still works.
    assert_eq!(send(&mut epoll, id(0), b"y"), Ok(()));
    let mut byte = [0];
    peer.read_exact(&mut byte).expect("came");
    assert_eq!(&byte, b"y");
}

#[test]
fn a_reset_is_never_a_clean_end() {
    let mut epoll = epoll();
    let peer = pair(&mut epoll, id(0));
    assert_eq!(send(&mut epoll, id(0), b"never read"), Ok(()));
    // Closing with unread bytes resets.
    let mut byte = [0];
    assert_eq!(peer.peek(&mut byte).expect("came"), 1);
    drop(peer);
    assert_eq!(fill(&mut epoll, id(0), 9), Err(IoError::Reset));
    assert!(matches!(epoll.fill(id(0), 9), Err(Stall::Failed(_))));
}

#[test]
fn a_reset_that_a_send_was_told_is_never_a_clean_end() {
    let mut epoll = epoll();
    let peer = pair(&mut epoll, id(0));
    assert_eq!(send(&mut epoll, id(0), b"never read"), Ok(()));
    let mut byte = [0];
    assert_eq!(peer.peek(&mut byte).expect("came"), 1);
    drop(peer);
    wait(&mut epoll, id(0), Interest::READ);
    assert_eq!(
        send(&mut epoll, id(0), b"more"),
        Err(Stall::Failed(IoError::Reset))
    );
    assert_eq!(fill(&mut epoll, id(0), 9), Err(IoError::Reset));
    assert_eq!(
        send(&mut epoll, id(0), b"more"),
        Err(Stall::Failed(IoError::Closed))
    );
}

#[test]
fn a_time_out_that_a_send_was_told_is_never_a_clean_end() {
    let mut epoll = epoll();
    let mut peer = pair(&mut epoll, id(0));
    let fd = epoll.sockets.fd(id(0)).expect("open");
    sockopt::set_tcp_user_timeout(fd, 50).expect("a socket");
    peer.write_all(b"part").expect("sent");
    // The peer reads nothing, so its window closes and stays closed.
    let chunk = [7; 50_000];
    while !matches!(send(&mut epoll, id(0), &chunk), Err(Stall::Failed(_))) {
        wait(&mut epoll, id(0), Interest::WRITE);
    }
    assert_eq!(fill(&mut epoll, id(0), 9), Ok(b"part".to_vec()));
    epoll.consume(id(0), 4);
    assert!(fill(&mut epoll, id(0), 9).is_err(), "a clean end");
}

#[test]
fn a_refused_connect_fails_at_once_or_when_asked() {
    let mut epoll = epoll();
    let (listener, address) = listener();
    drop(listener);
    match epoll.open(id(0), &target(address)) {
        Err(error) => assert_eq!(error, IoError::Refused),
        Ok(()) => {
            wait(&mut epoll, id(0), Interest::WRITE);
            assert_eq!(epoll.opened(id(0)), Err(Stall::Failed(IoError::Refused)));
            epoll.close(id(0));
        }
    }
    assert!(epoll.sockets.fd(id(0)).is_none());
}

#[test]
fn what_the_system_does_not_take_is_kept_and_sent_in_order() {
    const CHUNK: usize = 50_000;
    let mut epoll = epoll();
    let mut peer = pair(&mut epoll, id(0));
    let mut next = 0_u8;
    let mut chunk = || {
        let mut bytes = vec![0; CHUNK];
        for byte in &mut bytes {
            *byte = next;
            next = next.wrapping_add(7);
        }
        bytes
    };
    let mut sent = 0;
    while send(&mut epoll, id(0), &chunk()).is_ok() {
        sent += CHUNK;
    }
    assert_eq!(epoll.flush(id(0)), Err(Stall::WouldBlock));
    assert!(epoll.sockets.spilled_bytes() > 0);
    let reader = thread::spawn(move || {
        let mut all = Vec::new();
        peer.read_to_end(&mut all).expect("read");
        all
    });
    while epoll.flush(id(0)) == Err(Stall::WouldBlock) {
        wait(&mut epoll, id(0), Interest::WRITE);
    }
    assert_eq!(epoll.sockets.spilled_bytes(), 0);
    assert_eq!(epoll.flush(id(0)), Ok(()));
    epoll.close(id(0));
    let all = reader.join().expect("no panic");
    assert_eq!(all.len(), sent);
    assert!(all.windows(2).all(|two| two[1] == two[0].wrapping_add(7)));
}

#[test]
fn ids_that_are_not_open_answer_closed() {
    let mut epoll = epoll();
    let _peer = pair(&mut epoll, id(0));
    let later = ConnId::new(0, NonZeroU32::MIN.saturating_add(1));
    for unknown in [later, id(5)] {
        assert_eq!(epoll.opened(unknown), Err(CLOSED));
        assert_eq!(epoll.fill(unknown, 1).map(|_| ()), Err(CLOSED));
        assert_eq!(epoll.reserve(unknown).map(|_| ()), Err(CLOSED));
        assert_eq!(epoll.commit(unknown, 1), Err(IoError::Closed));
        assert_eq!(epoll.flush(unknown), Err(CLOSED));
        epoll.consume(unknown, 1);
        epoll.socket(unknown, Interest::BOTH);
        epoll.close(unknown);
    }
    assert_eq!(epoll.opened(id(0)), Ok(()));
    epoll.close(id(0));
    epoll.close(id(0));
    assert_eq!(epoll.opened(id(0)), Err(CLOSED));
}

#[test]
fn a_place_that_is_taken_is_not_opened_twice() {
    let mut epoll = epoll();
    let peer = pair(&mut epoll, id(0));
    let address = peer.local_addr().expect("bound");
    assert!(epoll.open(id(0), &target(address)).is_err());
    assert_eq!(epoll.opened(id(0)), Ok(()));
}

#[test]
fn a_room_is_for_one_commit_of_its_connection() {
    let mut epoll = epoll();
    let _first = pair(&mut epoll, id(0));
    let _second = pair(&mut epoll, id(1));
    assert!(epoll.reserve(id(0)).is_ok());
    assert!(epoll.reserve(id(1)).is_ok());
    assert_eq!(epoll.commit(id(0), 1), Err(IoError::Other(22)));
    assert!(epoll.reserve(id(1)).is_ok());
    assert_eq!(epoll.commit(id(1), 0), Ok(()));
    assert_eq!(epoll.commit(id(1), 1), Err(IoError::Other(22)));
}

#[test]
fn closing_forgets_unread_and_unsent_bytes() {
    let mut epoll = epoll();
    let mut first = pair(&mut epoll, id(0));
    let _second = pair(&mut epoll, id(1));
    first.write_all(b"unread").expect("sent");
    assert_eq!(fill(&mut epoll, id(0), 100), Ok(b"unread".to_vec()));
    let _ = epoll.fill(id(1), 1);
    assert_eq!(epoll.sockets.spilled_bytes(), 6);
    while send(&mut epoll, id(0), &[1; 60_000]).is_ok() {}
    epoll.close(id(0));
    assert_eq!(epoll.sockets.spilled_bytes(), 0);
    let next = ConnId::new(0, NonZeroU32::MIN.saturating_add(1));
    let mut peer = pair(&mut epoll, next);
    peer.write_all(b"new").expect("sent");
    assert_eq!(fill(&mut epoll, next, 100), Ok(b"new".to_vec()));
}

#[test]
fn a_connection_knows_both_ends_and_starts_at_the_address_asked_for() {
    let mut epoll = with(SocketOptions {
        local: Some(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9))),
        keepalive: Some(common::LONG),
        ..SocketOptions::default()
    });
    let peer = pair(&mut epoll, id(0));
    let local = epoll.sockets.local_address(id(0)).expect("connected");
    assert_eq!(local.ip(), Ipv4Addr::new(127, 0, 0, 9));
    assert_eq!(peer.peer_addr().ok(), Some(local));
    assert_eq!(epoll.sockets.peer_address(id(0)), peer.local_addr().ok());
    let other_family = target((Ipv6Addr::LOCALHOST, 1).into());
    assert_eq!(
        epoll.open(id(1), &other_family),
        Err(IoError::AddressUnusable)
    );
}

#[test]
fn when_memory_is_scarce_reads_shrink_and_then_bytes_stay_in_the_system() {
    const SENT: usize = 30_000;
    const SHORT: usize = 16 * 1024;
    let mut epoll = with(SocketOptions {
        spill_bytes: 50_000,
        ..SocketOptions::default()
    });
    let mut peers: Vec<_> = (0..4).map(|index| pair(&mut epoll, id(index))).collect();
    for (index, peer) in (0..).zip(&mut peers) {
        peer.write_all(&[index; SENT]).expect("sent");
        let fd = epoll.sockets.fd(id(index.into())).expect("open");
        while rustix::io::ioctl_fionread(fd) != Ok(30_000) {
            thread::yield_now();
        }
    }
    let mut fill = |index| {
        let lent = epoll.fill(id(index), 40_000).expect("came");
        let (length, more) = (lent.bytes.len(), lent.more);
        (length, more, epoll.sockets.spilled_bytes())
    };
    assert_eq!(fill(0), (SENT, false, 0));
    // What the first left takes more than half of the memory.
    assert_eq!(fill(1), (SHORT, true, SENT));
    // What the second left takes the rest: the third's bytes are not taken, the fourth's neither.
    assert_eq!(fill(2), (SHORT, true, SENT + SHORT));
    assert_eq!(fill(3), (SHORT, true, SENT + SHORT));
    // Whatever was lent to whom: each gets its own bytes, all of them and no more.
    for index in 0..4_u8 {
        let mut all = 0;
        while let Ok(lent) = epoll.fill(id(index.into()), SENT) {
            assert!(lent.bytes.iter().all(|byte| *byte == index));
            let n = lent.bytes.len();
            epoll.consume(id(index.into()), n);
            all += n;
        }
        assert_eq!(all, SENT);
    }
    assert_eq!(epoll.sockets.spilled_bytes(), 0);
}
