//! Hostile peers on real sockets, over each backend, each alone. Thousands at once: `hostile_thousands.rs`.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use muxfer_core::net::IoError;
use muxfer_core::time::Timer;
use muxfer_core::{Config, Error};
use muxfer_linux::{Capacity, Choice, Driver, Epoll, EpollOptions, Memory};
use muxfer_tests::hostile::runner::{self, Visit};
use muxfer_tests::hostile::{Server, Visitor, catalogue};
use muxfer_tests::recorder::Recorder;
use muxfer_tests::sim::{Act, http, ok};
use muxfer_tests::world::World;

/// How long a silent peer is waited for by those that are alone.
const PATIENCE: Duration = Duration::from_millis(300);

/// Each entry and variant, over a new connection and over one that has served before.
fn all_alone() -> Vec<(Visit, bool)> {
    let mut visits = Vec::new();
    for entry in catalogue::all() {
        for variant in 0..entry.variants {
            for warm in [false, true] {
                if warm && !runner::can_be_warm(entry) {
                    continue;
                }
                let number = visits.len() as u64 + 1;
                let visit = Visit {
                    entry,
                    variant,
                    number,
                };
                visits.push((visit, warm));
            }
        }
    }
    visits
}

#[test]
fn each_hostile_peer_alone_comes_to_just_what_it_must() -> io::Result<()> {
    each_alone(Choice::Epoll)
}

#[test]
fn each_hostile_peer_alone_comes_to_just_what_it_must_over_io_uring() -> io::Result<()> {
    each_alone(Choice::Uring)
}

fn each_alone(choice: Choice) -> io::Result<()> {
    let server = Server::start()?;
    let visits = all_alone();
    let next = AtomicUsize::new(0);
    // Most of the time they wait: several at a time, each with an engine of its own.
    let work = || {
        let mut faults = Vec::new();
        while let Some((visit, warm)) = visits.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(fault) = runner::alone(&server, visit, PATIENCE, *warm, choice) {
                faults.push(fault.to_string());
            }
        }
        faults
    };
    let mut faults = thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(work)).collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined
            .flat_map(|faults| faults.expect("no panic"))
            .collect::<Vec<_>>()
    });
    faults.extend(server.tally().take_faults());
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
    assert!(server.wait_until_idle(runner::SLACK), "open connections");
    Ok(())
}

/// Each connection serves one request, does not say so, and is closed. Each hop of a chain of
/// redirects may find such a connection, and each request is sent again just once.
#[test]
fn checklist_35_the_retries_of_one_hop_are_not_those_of_the_next() {
    let mut world = World::serving(http(|request| {
        if request.nth > 1 {
            return vec![Act::Close];
        }
        let hop: u32 = request.path()[1..].parse().expect("a number");
        if hop == 0 {
            return ok("the end");
        }
        let next = hop - 1;
        vec![
            Act::text(&format!(
                "HTTP/1.1 302 Found\r\nLocation: /{next}\r\nContent-Length: 0\r\n\r\n"
            )),
            Act::Close,
        ]
    }));
    let handle = world.add(Recorder::get("http://10.0.0.1/9").follow(20));
    let (result, easy) = world.finish(handle);
    assert_eq!((result, easy.text()), (Ok(()), "the end"));
    assert_eq!(world.opens(), 10);
    world.assert_clean();
}

/// What a transfer wants beside what its entry does.
type Wish = fn(Visitor) -> Visitor;

/// Runs transfers one after the other over one engine; gives what each came to.
fn in_turn(
    server: &Server,
    visits: &[(&str, Wish)],
) -> io::Result<Vec<(Result<(), Error>, Visitor)>> {
    let mut memory = Memory::new(Capacity::new(4, 4));
    let epoll = Epoll::new(&EpollOptions::default())?;
    let mut driver = Driver::new(&mut memory, Config::DEFAULT, epoll).map_err(io::Error::other)?;
    let mut ended = Vec::new();
    for ((name, wish), number) in visits.iter().zip(1..) {
        let visit = Visit {
            entry: catalogue::find(name).expect("an entry"),
            variant: 0,
            number,
        };
        let visitor = wish(visit.visitor(server, PATIENCE));
        let (result, visitor, _) = runner::drive(&mut driver, visitor, runner::SLACK)?;
        ended.push((result, visitor));
    }
    Ok(ended)
}

fn as_it_is(visitor: Visitor) -> Visitor {
    visitor
}

#[test]
fn checklist_16_bytes_after_the_message_never_become_the_next_response() -> io::Result<()> {
    let server = Server::start()?;
    let leaving = [
        "two-responses",
        "length-too-short",
        "no-content-with-body",
        "not-modified-with-body",
        "head-with-body",
    ];
    for name in leaving {
        let before = server.tally().accepted();
        let ended = in_turn(
            &server,
            &[(name, as_it_is), ("closes-when-reused", as_it_is)],
        )?;
        let (result, next) = &ended[1];
        let got = (*result, next.received, next.wrong, next.reused);
        assert_eq!(got, (Ok(()), 10, None, false), "after {name}");
        assert_eq!(server.tally().accepted() - before, 2, "after {name}");
    }
    Ok(())
}

#[test]
fn checklist_16_a_response_that_comes_unasked_closes_the_idle_connection() -> io::Result<()> {
    let server = Server::start()?;
    let mut memory = Memory::new(Capacity::new(4, 4));
    let epoll = Epoll::new(&EpollOptions::default())?;
    let mut driver = Driver::new(&mut memory, Config::DEFAULT, epoll).map_err(io::Error::other)?;
    for number in 1..=3 {
        let entry = catalogue::find("late-surplus").expect("an entry");
        let visit = Visit {
            entry,
            variant: 0,
            number,
        };
        let visitor = visit.visitor(&server, PATIENCE);
        let (result, visitor, took) = runner::drive(&mut driver, visitor, runner::SLACK)?;
        assert_eq!(visit.fault(result, &visitor, took), None);
        assert_eq!(driver.multi().counts().idle, 1);
        let end = Instant::now() + runner::SLACK;
        while driver.multi().counts().connections > 0 && Instant::now() < end {
            driver.turn(Some(Duration::from_millis(50)))?;
        }
        assert_eq!(driver.multi().counts().connections, 0);
    }
    assert_eq!(server.tally().accepted(), 3);
    Ok(())
}

#[test]
fn checklist_35_a_request_is_sent_twice_at_most_and_only_over_a_connection_that_served_before()
-> io::Result<()> {
    let server = Server::start()?;
    let cases = [
        ("closes-when-reused", Ok(()), 2),
        ("resets-when-reused", Ok(()), 2),
        ("put-closes-when-reused", Ok(()), 2),
        ("closes-always", Err(Error::EmptyReply), 2),
        (
            "closes-after-a-byte",
            Err(Error::Receive(IoError::Closed)),
            1,
        ),
    ];
    for (name, wanted, requests) in cases {
        let before = (1..=2).map(|number| server.tally().requests_of(number));
        let before: Vec<u32> = before.collect();
        let ended = in_turn(&server, &[("sized", as_it_is), (name, as_it_is)])?;
        assert_eq!((ended[1].0, ended[1].1.reused), (wanted, true), "{name}");
        let asked = |number: u64, before: u32| server.tally().requests_of(number) - before;
        assert_eq!(asked(1, before[0]), 1, "{name}");
        assert_eq!(asked(2, before[1]), requests, "{name}");
    }
    // Alone it has a new connection, and one try.
    let before = server.tally().requests_of(1);
    assert_eq!(
        in_turn(&server, &[("closes-always", as_it_is)])?[0].0,
        Err(Error::EmptyReply)
    );
    assert_eq!(server.tally().requests_of(1) - before, 1);
    Ok(())
}

#[test]
fn checklist_35_a_body_that_can_not_be_rewound_is_not_sent_again() -> io::Result<()> {
    let server = Server::start()?;
    let without_rewind = |mut visitor: Visitor| {
        visitor.rewinds = false;
        visitor
    };
    let ended = in_turn(
        &server,
        &[
            ("sized", as_it_is),
            ("put-closes-when-reused", without_rewind),
        ],
    )?;
    assert_eq!(ended[1].0, Err(Error::Rewind));
    assert_eq!(server.tally().requests_of(2), 1);
    Ok(())
}

#[test]
fn the_judge_sees_wrong_results_wrong_bytes_and_early_ends() {
    let visit = |name| Visit {
        entry: catalogue::find(name).expect("an entry"),
        variant: 2,
        number: 7,
    };
    let sized = visit("sized");
    let mut visitor = Visitor::new(7, String::new(), PATIENCE);
    (visitor.status, visitor.received) = (200, 100);
    assert_eq!(sized.fault(Ok(()), &visitor, PATIENCE), None);
    assert!(
        sized
            .fault(Err(Error::PartialBody), &visitor, PATIENCE)
            .is_some()
    );
    visitor.wrong = Some(99);
    assert!(sized.fault(Ok(()), &visitor, PATIENCE).is_some());
    (visitor.wrong, visitor.received) = (None, 99);
    assert!(sized.fault(Ok(()), &visitor, PATIENCE).is_some());
    let silent = visit("silent");
    let error = Err(Error::Timeout(Timer::Total));
    assert_eq!(silent.fault(error, &visitor, PATIENCE), None);
    assert!(silent.fault(error, &visitor, PATIENCE / 2).is_some());
    assert!(
        silent
            .fault(Err(Error::Timeout(Timer::Connect)), &visitor, PATIENCE)
            .is_some()
    );
}

#[test]
fn entries_have_names_of_their_own_that_need_no_escape_in_a_path() {
    let mut names: Vec<&str> = catalogue::all().iter().map(|entry| entry.name).collect();
    assert!(names.iter().all(|name| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
        name.bytes().all(plain)
    }));
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
