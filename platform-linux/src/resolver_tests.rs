use std::net::{Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;

use rustix::event::{PollFd, PollFlags, poll};

use super::*;

fn id(index: u32) -> OriginId {
    OriginId::new(index, NonZeroU32::MIN)
}

fn names() -> Names {
    Names::new(&NameOptions::default()).expect("descriptors are left")
}

/// Waits for the descriptor, then says which queries have answers.
fn wait(names: &mut Names) -> Vec<OriginId> {
    poll(&mut [PollFd::new(names, PollFlags::IN)], None).expect("can poll");
    let mut done = Vec::new();
    names.completed(|query| done.push(query));
    done
}

fn is_quiet(names: &Names) -> bool {
    let none = Duration::ZERO.try_into().expect("zero fits");
    poll(&mut [PollFd::new(names, PollFlags::IN)], Some(&none)) == Ok(0)
}

#[test]
fn literal_addresses_need_no_look_up() {
    let mut names = names();
    for host in ["127.0.0.1", "::1"] {
        let found = names.resolve(id(0), host, 80).expect("at once");
        assert_eq!(found.addresses[0], host.parse::<IpAddr>().expect("literal"));
    }
    assert_eq!(names.under_way(), 0);
}

#[test]
fn fixed_entries_count_for_their_port_only_and_can_be_removed() {
    let mut names = names();
    let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    names.pin("Example.INVALID", 80, [address]);
    let found = names.resolve(id(0), "example.invalid", 80).expect("fixed");
    assert_eq!(found.addresses, [address]);
    assert_eq!(
        names.resolve(id(1), "example.invalid", 81),
        Err(Stall::WouldBlock)
    );
    names.pin("example.invalid", 80, []);
    assert_eq!(
        names.resolve(id(0), "example.invalid", 80),
        Err(Stall::WouldBlock)
    );
}

#[test]
fn localhost_is_found_by_the_system_and_the_answer_is_kept_until_asked_for() {
    let mut names = names();
    assert_eq!(
        names.resolve(id(3), "localhost", 80),
        Err(Stall::WouldBlock)
    );
    assert_eq!(wait(&mut names), [id(3)]);
    assert!(is_quiet(&names));
    let found = names.resolve(id(3), "localhost", 80).expect("answered");
    assert!(found.addresses.iter().all(IpAddr::is_loopback));
    assert_eq!(found.keep, Duration::from_secs(60));
    assert!(!names.is_busy());
}

#[test]
fn asking_twice_is_one_query() {
    let mut names = names();
    for _ in 0..2 {
        // The answer may be there by the second time: then it is handed over at once.
        match names.resolve(id(1), "localhost", 80) {
            Err(Stall::WouldBlock) => {}
            Ok(_) => return,
            Err(Stall::Failed(error)) => panic!("{error:?}"),
        }
    }
    assert_eq!(names.under_way(), 1);
    assert_eq!(wait(&mut names), [id(1)]);
}

#[test]
fn an_unknown_name_is_an_error() {
    let mut names = names();
    let host = "no-such-host.invalid";
    assert_eq!(names.resolve(id(0), host, 80), Err(Stall::WouldBlock));
    assert_eq!(wait(&mut names), [id(0)]);
    // Without a network the system can't know whether the name exists.
    assert!(matches!(
        names.resolve(id(0), host, 80),
        Err(Stall::Failed(ResolveError::NotFound | ResolveError::Failed))
    ));
}

#[test]
fn a_cancelled_query_is_not_told_and_may_be_asked_again() {
    let mut names = names();
    let _ = names.resolve(id(1), "localhost", 80);
    names.cancel(id(1));
    let _ = names.resolve(id(2), "localhost", 80);
    let mut told = Vec::new();
    while !told.contains(&id(2)) {
        told.extend(wait(&mut names));
    }
    assert_eq!(told, [id(2)]);
    let _ = names.resolve(id(1), "localhost", 80);
    while !told.contains(&id(1)) {
        told.extend(wait(&mut names));
    }
    assert!(names.resolve(id(1), "localhost", 80).is_ok());
}

#[test]
fn more_queries_than_threads_are_all_answered() {
    let mut names = names();
    for index in 0..100 {
        let _ = names.resolve(id(index), "localhost", 80);
    }
    let mut told = 0;
    while told < 100 {
        told += wait(&mut names).len();
    }
    assert_eq!((told, names.under_way()), (100, 0));
}

#[test]
fn resolver_errors_that_may_pass_are_told_apart() {
    let again = io::Error::other(
        "failed to lookup address information: Temporary failure in name resolution",
    );
    let never = io::Error::other("failed to lookup address information: Name or service not known");
    assert_eq!(why(&again), ResolveError::Failed);
    assert_eq!(why(&never), ResolveError::NotFound);
    assert_eq!(why(&io::Error::from_raw_os_error(24)), ResolveError::Failed);
}

#[test]
fn no_family_crowds_out_the_other() {
    let six = |n| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n));
    let four = |n| IpAddr::V4(Ipv4Addr::new(192, 0, 2, n));
    let many = (0..9).map(six).chain((0..9).map(four));
    let chosen = choose(many).expect("some");
    assert_eq!(chosen, [six(0), six(1), six(2), four(0), four(1), four(2)]);
    let one_four = choose((0..9).map(six).chain([four(1), four(1)])).expect("some");
    assert_eq!(one_four.len(), 6);
    assert_eq!(one_four[5], four(1));
    assert_eq!(choose((0..9).map(six)).expect("some").len(), 6);
    assert_eq!(choose((0..2).map(four)).expect("some").len(), 2);
    assert_eq!(choose(std::iter::empty()), None);
}
