//! Transfers over the adapter for `embedded-nal`, from end to end over loopback.

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use embedded_nal::{Dns, TcpClientStack};
use muxfer_core::Error;
use muxfer_core::easy::Options;
use muxfer_core::net::IoError;
use muxfer_core::time::Timer;
use muxfer_embedded::nal;
use muxfer_tests::nal::{
    Make, Outcome, Server, Sink, Stingy, Transfer, body, drive, options, stingy_options,
};
use std_embedded_nal::Stack;

fn get(url: String) -> Make {
    get_with(url, Options::DEFAULT)
}

fn get_with(url: String, options: Options) -> Make {
    Box::new(move |sink| {
        let get = Transfer::get(&url, sink).expect("a URL");
        get.options(options)
    })
}

fn post(url: String, body: String) -> Make {
    Box::new(move |sink: Sink| {
        let post = Transfer::new("POST", &url, sink).and_then(|post| post.body(&body));
        post.expect("a request")
    })
}

/// Eight downloads, all at once, from these hosts in turn.
fn eight<S: TcpClientStack + Dns>(
    stack: S,
    options: nal::Options<<S as TcpClientStack>::Error>,
    server: &Server,
    hosts: [&str; 2],
) -> S {
    let url = |n: usize| server.url(hosts[n % 2], &format!("/body/{n}"));
    let (outcomes, stack, _) = drive(stack, options, (1..=8).map(|n| get(url(n))).collect());
    assert_eq!(outcomes.len(), 8);
    for (n, outcome) in (1..).zip(&outcomes) {
        assert_eq!(outcome.result, Ok(()), "transfer {n}");
        assert!(outcome.body == body(n), "transfer {n}: other bytes came");
    }
    stack
}

#[test]
fn eight_transfers_over_four_connections_come_byte_for_byte() {
    let server = Server::start();
    eight(Stack, options(), &server, ["localhost", "localhost"]);
    assert_eq!(server.accepted(), 4, "connections");
}

#[test]
fn with_three_sockets_they_go_over_three_connections() {
    let server = Server::start();
    let stack = Stingy::new(Stack);
    let stack = eight(stack, stingy_options(), &server, ["one.test", "one.test"]);
    assert_eq!(server.accepted(), 3, "connections");
    assert_eq!(stack.sockets(), 0, "each socket is given back");
}

/// The stack panics if it is asked for one name before it has found the other.
#[test]
fn names_are_looked_up_one_after_another() {
    let server = Server::start();
    let stack = Stingy::new(Stack);
    eight(stack, stingy_options(), &server, ["one.test", "two.test"]);
}

#[test]
fn an_upload_goes_whole() {
    let text = "what goes up comes down\n".repeat(5_000);
    let server = Server::start();
    let upload = |server: &Server| vec![post(server.url("localhost", "/echo"), text.clone())];
    let (plain, ..) = drive(Stack, options(), upload(&server));
    let (stingy, ..) = drive(Stingy::new(Stack), stingy_options(), upload(&server));
    for outcome in [&plain[0], &stingy[0]] {
        assert_eq!(outcome.result, Ok(()));
        assert!(outcome.body == text.as_bytes(), "other bytes came back");
    }
}

/// The only outcome, over both stacks, which must be the same.
fn one(make: impl Fn() -> Make) -> Outcome {
    let (mut plain, ..) = drive(Stack, options(), vec![make()]);
    let (stingy, stack, _) = drive(Stingy::new(Stack), stingy_options(), vec![make()]);
    assert_eq!(plain[0].result, stingy[0].result);
    assert_eq!(plain[0].body, stingy[0].body);
    assert_eq!(stack.sockets(), 0, "each socket is given back");
    plain.remove(0)
}

#[test]
fn a_refused_connect_is_an_error() {
    // Nobody listens on a port that was just free.
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = free.local_addr().expect("bound").port();
    drop(free);
    let outcome = one(|| get(format!("http://127.0.0.1:{port}/")));
    assert_eq!(outcome.result, Err(Error::Connect(IoError::Refused)));
}

#[test]
fn an_unknown_name_is_an_error() {
    let outcome = one(|| get("http://nobody.invalid/".to_owned()));
    assert_eq!(outcome.result, Err(Error::Resolve));
}

#[test]
fn a_peer_that_stalls_meets_the_limit() {
    let server = Server::start();
    let limited = Options {
        total: Some(Duration::from_millis(300)),
        ..Options::DEFAULT
    };
    let begun = Instant::now();
    let outcome = one(|| get_with(server.url("127.0.0.1", "/stall"), limited));
    assert_eq!(outcome.result, Err(Error::Timeout(Timer::Total)));
    assert!(begun.elapsed() >= Duration::from_millis(600), "of the two");
    assert!(outcome.body == body(1)[..1000], "what came was delivered");
}

#[test]
fn a_truncated_body_is_an_error() {
    let server = Server::start();
    let outcome = one(|| get(server.url("127.0.0.1", "/short")));
    assert_eq!(outcome.result, Err(Error::PartialBody));
    assert!(outcome.body == body(1)[..1000], "what came was delivered");
}

#[test]
fn a_wait_is_no_spinning() {
    let server = Server::start();
    let limited = Options {
        total: Some(Duration::from_millis(300)),
        ..Options::DEFAULT
    };
    let rare = nal::Options {
        interval: Duration::from_millis(20),
        ..options()
    };
    let stalled = vec![get_with(server.url("127.0.0.1", "/stall"), limited)];
    let (outcomes, _, turns) = drive(Stack, rare, stalled);
    assert_eq!(outcomes[0].result, Err(Error::Timeout(Timer::Total)));
    // 15 intervals; the rest is for the turns in which something came.
    assert!(turns < 40, "{turns} turns in 300 ms");
}
