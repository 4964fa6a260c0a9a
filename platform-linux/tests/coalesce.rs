//! Gathering completions: a wait that ends early only for enough of them.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use muxfer_core::ConnId;
use muxfer_core::net::{Interest, Scheme};
use muxfer_core::platform::{Target, Transport, Watch};
use muxfer_linux::{Coalesce, Loop, Uring, UringOptions};

/// How long is gathered: far longer than two completions take on loopback.
const GATHER: Duration = Duration::from_millis(400);
/// Nothing takes this long.
const LONG: Duration = Duration::from_secs(10);

/// Two connections that are watched for reading, and their far ends.
fn pair() -> (Uring, Vec<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let options = UringOptions {
        coalesce: Some(Coalesce {
            wait: GATHER,
            completions: 2,
        }),
        ..UringOptions::default()
    };
    let mut uring = Uring::new(&options).expect("io_uring");
    let mut far = Vec::new();
    for index in 0..2 {
        let conn = ConnId::new(index, NonZeroU32::MIN);
        let target = Target {
            scheme: Scheme::Http,
            host: "peer.example",
            settings: 0,
            address: listener.local_addr().expect("an address"),
        };
        uring.open(conn, &target).expect("a connect that starts");
        uring.socket(conn, Interest::WRITE);
        while uring.opened(conn).is_err() {
            uring.wait_for(None, Some(LONG), drop).expect("a wait");
        }
        uring.socket(conn, Interest::READ);
        far.push(listener.accept().expect("a connection").0);
    }
    // The receives are armed.
    let none = Some(Duration::ZERO);
    uring.wait_for(None, none, drop).expect("a wait");
    (uring, far)
}

/// How many events one wait sees, and how long it takes.
fn wait(uring: &mut Uring) -> (usize, Duration) {
    let start = Instant::now();
    let mut events = 0;
    uring
        .wait_for(None, Some(LONG), |_| events += 1)
        .expect("a wait");
    (events, start.elapsed())
}

#[test]
fn one_completion_is_told_when_the_time_for_gathering_is_over() {
    let (mut uring, mut far) = pair();
    far[0].write_all(b"x").expect("a send");
    let (events, took) = wait(&mut uring);
    assert_eq!(events, 1);
    assert!(took >= GATHER * 3 / 4 && took < LONG / 2, "{took:?}");
}

#[test]
fn enough_completions_end_the_wait() {
    let (mut uring, mut far) = pair();
    for stream in &mut far {
        stream.write_all(b"x").expect("a send");
    }
    let (events, took) = wait(&mut uring);
    assert_eq!(events, 2);
    assert!(took < GATHER / 2, "{took:?}");
}
