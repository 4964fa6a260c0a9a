//! The bounds of the adapter for `embedded-nal`: what is full says so, and goes on when there is room.

use std::num::NonZeroU32;
use std::time::Duration;

use muxfer_core::net::{Interest, IoError, Scheme, Stall};
use muxfer_core::platform::{ResolveError, Resolver, Target, Transport, Watch};
use muxfer_core::time::Instant;
use muxfer_core::{ConnId, Event, OriginId};
use muxfer_embedded::nal::{Buffers, Nal, Options};
use muxfer_tests::nal::{Server, Stingy, options, stingy_options};
use std_embedded_nal::Stack;

// All of it can be made by the compiler, for a `static`.
const _: () = {
    let mut buffers = Buffers::<2, 64, 64>::new();
    let nal = Nal::<Stack, 2, 1>::new(Stack, &mut buffers, Options::DEFAULT);
    std::mem::forget(nal);
};

fn conn(index: u32, generation: u32) -> ConnId {
    ConnId::new(index, NonZeroU32::new(generation).expect("not zero"))
}

fn origin(index: u32) -> OriginId {
    OriginId::new(index, NonZeroU32::MIN)
}

fn target(server: &Server) -> Target<'static> {
    let url = server.url("127.0.0.1", "");
    let address = url.trim_start_matches("http://").parse();
    Target {
        scheme: Scheme::Http,
        host: "127.0.0.1",
        settings: 0,
        address: address.expect("an address"),
    }
}

#[test]
fn connections_beyond_the_table_are_given_back_until_one_is_closed() {
    let server = Server::start();
    let mut buffers = Buffers::<2, 64, 64>::new();
    let mut nal = Nal::<Stack, 2, 1>::new(Stack, &mut buffers, options());
    let target = target(&server);
    let full = Err(IoError::NoDescriptors);
    assert_eq!(nal.open(conn(0, 1), &target), Ok(()));
    assert_eq!(nal.open(conn(1, 1), &target), Ok(()));
    assert_eq!(nal.open(conn(2, 1), &target), full);
    assert_eq!(nal.open(conn(1, 2), &target), full, "its place is taken");
    nal.close(conn(1, 1));
    assert_eq!(nal.open(conn(1, 2), &target), Ok(()));
}

#[test]
fn sockets_that_the_stack_does_not_have_are_given_back() {
    let server = Server::start();
    let mut buffers = Buffers::<4, 64, 64>::new();
    let stack = Stingy::new(Stack);
    let mut nal = Nal::<_, 4, 1>::new(stack, &mut buffers, stingy_options());
    let target = target(&server);
    for index in 0..3 {
        assert_eq!(nal.open(conn(index, 1), &target), Ok(()));
    }
    assert_eq!(nal.open(conn(3, 1), &target), Err(IoError::NoDescriptors));
    nal.close(conn(0, 1));
    assert_eq!(nal.open(conn(3, 1), &target), Ok(()));
    assert_eq!(nal.stack().sockets(), 3);
}

#[test]
fn a_look_up_beyond_the_table_fails_and_the_first_goes_on() {
    let mut buffers = Buffers::<1, 64, 64>::new();
    let stack = Stingy::new(Stack);
    let mut nal = Nal::<_, 1, 1>::new(stack, &mut buffers, stingy_options());
    let waits = Err(Stall::WouldBlock);
    let full = Err(Stall::Failed(ResolveError::Failed));
    assert_eq!(nal.resolve(origin(0), "one.test", 80), waits);
    assert_eq!(nal.resolve(origin(1), "two.test", 80), full);
    let found = nal.resolve(origin(1), "::1", 80).expect("it is no name");
    assert_eq!(
        found.addresses,
        ["::1".parse::<std::net::IpAddr>().expect("one")]
    );
    assert_eq!(nal.resolve(origin(0), "one.test", 80), waits);
    let found = nal.resolve(origin(0), "one.test", 80).expect("found");
    assert_eq!(found.addresses, [std::net::IpAddr::from([127, 0, 0, 1])]);
    assert_eq!(nal.resolve(origin(1), "two.test", 80), waits, "its turn");
}

#[test]
fn a_name_is_asked_for_once_in_an_interval() {
    let mut buffers = Buffers::<1, 64, 64>::new();
    let stack = Stingy::new(Stack);
    let mut nal = Nal::<_, 1, 1>::new(stack, &mut buffers, stingy_options());
    assert_eq!(nal.wake_at(Instant::ZERO), None, "nothing is waited for");
    let asked = nal.resolve(origin(0), "one.test", 80);
    assert_eq!(asked, Err(Stall::WouldBlock));
    let mut told = Vec::new();
    for micros in (0..5000).step_by(100) {
        let now = Instant::from_micros(micros);
        nal.events(now, |event| told.push((micros, event)));
    }
    let wanted = [0, 1000, 2000, 3000, 4000].map(|at| (at, Event::Resolved(origin(0))));
    assert_eq!(told, wanted);
    assert_eq!(
        nal.wake_at(Instant::from_micros(4900)),
        Some(Instant::from_micros(5000))
    );
    nal.cancel(origin(0));
    assert_eq!(nal.wake_at(Instant::from_micros(4900)), None);
}

#[test]
fn the_timer_is_told_once_and_bounds_the_wait() {
    let server = Server::start();
    let mut buffers = Buffers::<1, 64, 64>::new();
    let rare = Options {
        interval: Duration::from_millis(50),
        ..options()
    };
    let mut nal = Nal::<Stack, 1, 1>::new(Stack, &mut buffers, rare);
    let at = |millis: u64| Instant::from_micros(millis * 1000);
    assert_eq!(nal.open(conn(0, 1), &target(&server)), Ok(()));
    nal.socket(conn(0, 1), Interest::READ);
    assert_eq!(nal.wake_at(at(0)), Some(at(50)), "the next look");
    nal.timer(Some(at(20)));
    assert_eq!(nal.wake_at(at(0)), Some(at(20)));
    let mut told = Vec::new();
    for millis in [10, 20, 30] {
        nal.events(at(millis), |event| told.push((millis, event)));
    }
    assert_eq!(told, [(20, Event::Timeout)]);
    nal.socket(conn(0, 1), Interest::NONE);
    assert_eq!(nal.wake_at(at(30)), None);
}
