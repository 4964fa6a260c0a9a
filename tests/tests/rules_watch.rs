//! What the watch is told: CONTRACT R20 to R54, D3 to D6, D8.

use std::time::Duration;

use muxfer_core::net::{Interest, Ready};
use muxfer_core::time::{Instant, Timer};
use muxfer_core::{Config, Error, Event, Pause};
use muxfer_tests::recorder::Recorder;
use muxfer_tests::sim::{Act, Call, Listen, http, ok};
use muxfer_tests::world::World;

const OUT: Interest = Interest::WRITE;
const IN: Interest = Interest::READ;
const NONE: Interest = Interest::NONE;

fn hello() -> World {
    World::serving(http(|_| ok("hello")))
}

fn once(path: &str) -> Recorder {
    Recorder::get(&format!("http://10.0.0.1{path}")).options(|options| options.forbid_reuse = true)
}

#[test]
fn r20_interests_are_read_write_both_or_none() {
    let mut world = hello();
    world.sim.send_window = 8;
    let handle = world.add(once("/"));
    world.run_for(Duration::from_secs(1));
    // The window is full before the head is sent: both ways are wanted.
    assert_eq!(world.told(0), [OUT, Interest::BOTH]);
    world.remove(handle);
    assert_eq!(world.told(0), [OUT, Interest::BOTH, NONE]);
}

#[test]
fn r21_the_same_interest_is_told_once() {
    let mut world = hello();
    world.sim.faults.spurious = 50;
    let handle = world.add(once("/"));
    // The simulator panics if the same is told twice.
    assert_eq!(world.finish(handle).0, Ok(()));
    assert_eq!(world.told(0), [OUT, IN, NONE]);
}

#[test]
fn r24_a_plain_get_wants_write_then_read_then_nothing() {
    let mut world = hello();
    let handle = world.add(once("/"));
    world.done(handle);
    assert_eq!(world.told(0), [OUT, IN, NONE]);
}

#[test]
fn r25_the_watch_ends_before_the_close() {
    let mut world = hello();
    let handle = world.add(once("/"));
    world.done(handle);
    let conn = world.sim.log.iter().find_map(|call| match call {
        Call::Open(conn, _) => Some(*conn),
        Call::Socket(..) | Call::Timer(_) | Call::Close(_) => None,
    });
    let conn = conn.unwrap();
    let place = |wanted: Call| {
        world
            .sim
            .log
            .iter()
            .position(|call| *call == wanted)
            .unwrap()
    };
    assert_eq!(
        place(Call::Socket(conn, NONE)) + 1,
        place(Call::Close(conn))
    );
}

#[test]
fn r26_the_end_is_told_once_for_each_announcement() {
    let mut world = hello();
    world.sim.listen(
        "10.0.0.9:80",
        Listen::Fail(muxfer_core::net::IoError::Unreachable),
    );
    let never = world.add(Recorder::get("http://10.0.0.9/"));
    assert!(world.finish(never).0.is_err());
    assert_eq!(world.told(0), []);
    let handle = world.add(once("/"));
    world.done(handle);
    let ends = world
        .told(1)
        .into_iter()
        .filter(|want| want.is_none())
        .count();
    assert_eq!(ends, 1);
}

#[test]
fn r27_a_place_that_is_used_again_at_once_is_another_connection() {
    let mut world = World::sized(Config::DEFAULT, 4, 1);
    world.sim.serve("10.0.0.1:80", http(|_| ok("x")));
    let handles = [world.add(once("/1")), world.add(once("/2"))];
    for handle in handles {
        assert_eq!(world.finish(handle).0, Ok(()));
    }
    let calls: Vec<_> = world
        .sim
        .log
        .iter()
        .filter(|call| !matches!(call, Call::Timer(_)))
        .collect();
    let close = calls
        .iter()
        .position(|call| matches!(call, Call::Close(_)))
        .unwrap();
    assert!(matches!(calls[close + 1], Call::Open(..)), "{calls:?}");
}

#[test]
fn r30_a_connection_that_is_used_again_needs_no_new_announcement() {
    let mut world = hello();
    for _ in 0..3 {
        let handle = world.get("/");
        assert_eq!(world.finish(handle).0, Ok(()));
    }
    assert_eq!((world.opens(), world.told(0)), (1, vec![OUT, IN]));
}

#[test]
fn r33_losers_of_a_race_end_when_there_is_a_winner() {
    let mut world = hello();
    world.sim.name("a.test", &["10.0.0.9", "10.0.0.1"]);
    world.sim.listen("10.0.0.9:80", Listen::Silent);
    let handle = world.add(Recorder::get("http://a.test/"));
    assert_eq!(world.finish(handle).0, Ok(()));
    assert_eq!(world.told(0), [OUT, NONE]);
    assert_eq!(world.told(1), [OUT, IN]);
    assert_eq!(world.multi.counts().connections, 1);
}

#[test]
fn r35_a_paused_transfer_is_not_watched_for_what_it_would_not_take() {
    let mut world = World::serving(http(|_| {
        vec![
            Act::text("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234"),
            Act::wait(50),
            Act::text("56789"),
        ]
    }));
    let mut easy = once("/");
    easy.pause_at = Some((0, 2));
    let handle = world.add(easy);
    world.run_for(Duration::from_secs(5));
    assert_eq!(world.told(0), [OUT, IN, NONE]);
    assert_eq!(world.multi.result(handle), None);
    world
        .multi
        .unpause(world.sim.now, &mut world.sim, handle)
        .unwrap();
    let (result, easy) = world.finish(handle);
    assert_eq!((result, easy.text()), (Ok(()), "0123456789"));
}

#[test]
fn r37_what_was_told_is_always_what_is_wanted() {
    // World::check holds one against the other after each step of every test.
    let mut world = hello();
    world.sim.faults.split = 3;
    for _ in 0..20 {
        world.get("/");
    }
    world.run();
    world.assert_clean();
}

#[test]
fn r40_a_time_replaces_the_former_and_none_deletes_it() {
    let mut world = World::serving(http(|_| Vec::new()));
    let long = world.add(once("/").options(|o| o.total = Some(Duration::from_secs(9))));
    let short = world.add(once("/").options(|o| o.total = Some(Duration::from_secs(3))));
    world.run_for(Duration::from_secs(1));
    let start = Instant::from_micros(1_000_000);
    assert_eq!(world.sim.timer(), Some(start + Duration::from_secs(3)));
    world.remove(short);
    assert_eq!(world.sim.timer(), Some(start + Duration::from_secs(9)));
    world.remove(long);
    assert_eq!(world.sim.timer(), None);
}

#[test]
fn r41_the_timer_is_told_only_when_the_earliest_time_changes() {
    let mut world = World::serving(http(|_| {
        (0..10)
            .flat_map(|_| [Act::wait(10), Act::text("HTTP/1.1 102 P\r\n\r\n")])
            .collect()
    }));
    world.add(once("/").options(|o| o.total = Some(Duration::from_secs(9))));
    world.run_for(Duration::from_millis(20));
    let told = world
        .sim
        .log
        .iter()
        .filter(|call| matches!(call, Call::Timer(_)))
        .count();
    world.run_for(Duration::from_millis(100));
    let later = world
        .sim
        .log
        .iter()
        .filter(|call| matches!(call, Call::Timer(_)))
        .count();
    assert_eq!(told, later);
}

#[test]
fn r42_deadlines_are_never_early() {
    let mut world = World::serving(http(|_| Vec::new()));
    world.sim.now = Instant::from_micros(1_234_567);
    let limit = Duration::from_micros(20_300);
    let handle = world.add(once("/").options(|o| o.total = Some(limit)));
    let start = world.sim.now;
    assert!(world.finish(handle).0.is_err());
    let took = world.sim.now.since(start);
    assert!(
        took >= limit && took < limit + Duration::from_millis(1),
        "{took:?}"
    );
}

#[test]
fn r43_work_that_is_left_is_due_at_once() {
    let mut world = hello();
    world.get("/");
    let deadline = world.multi.timeout().unwrap();
    assert_eq!((deadline.at, deadline.handle), (world.sim.now, None));
}

#[test]
fn r44_after_it_fired_the_time_is_told_again() {
    let mut world = World::serving(http(|_| Vec::new()));
    world.add(once("/").options(|o| o.total = Some(Duration::from_secs(9))));
    world.run_for(Duration::from_secs(1));
    let timer = world.sim.timer();
    // The platform fires early: harmless, and the same time is told again.
    world.sim.fire();
    world
        .multi
        .socket_action(world.sim.now, &mut world.sim, Event::Timeout);
    assert_eq!(world.sim.log.last(), Some(&Call::Timer(timer)));
}

#[test]
fn r45_a_late_timer_is_judged_against_the_real_time() {
    let mut world = World::serving(http(|_| {
        let mut acts = vec![Act::wait(100)];
        acts.extend(ok("in time, but nobody looked"));
        acts
    }));
    let handle = world.add(once("/").options(|o| o.total = Some(Duration::from_millis(200))));
    world.run_for(Duration::from_millis(50));
    world.sim.now = world.sim.now + Duration::from_secs(60);
    world.step();
    assert_eq!(
        world.multi.result(handle),
        Some(Err(Error::Timeout(Timer::Total)))
    );
}

#[test]
fn r46_events_of_sockets_process_overdue_timers_of_all() {
    let mut world = World::serving(http(|_| Vec::new()));
    let overdue = world.add(once("/").options(|o| o.total = Some(Duration::from_millis(200))));
    let other = world.get("/");
    world.run_for(Duration::from_millis(50));
    world.sim.now = world.sim.now + Duration::from_secs(1);
    let conn = world.sim.open_connections().last().unwrap();
    world.multi.mark(Event::Socket(conn, Ready::READ));
    world.multi.run(world.sim.now, &mut world.sim);
    assert!(world.multi.result(overdue).is_some());
    assert!(world.multi.result(other).is_none());
}

#[test]
fn r47_a_transfer_that_is_done_has_no_timer() {
    let mut world = hello();
    let handle = world.add(once("/").options(|o| {
        o.total = Some(Duration::from_secs(9));
        o.progress = Some(Duration::from_millis(100));
    }));
    world.run();
    assert_eq!((world.sim.timer(), world.multi.timeout()), (None, None));
    assert!(world.multi.result(handle).is_some());
}

#[test]
fn r49_asking_for_the_timeout_changes_nothing() {
    let mut world = hello();
    world.get("/");
    let told = world.sim.log.len();
    assert_eq!(world.multi.timeout(), world.multi.timeout());
    assert_eq!(world.sim.log.len(), told);
}

#[test]
fn r50_asking_and_being_told_agree() {
    // World::check compares them after each step of every test.
    let mut world = hello();
    world.get("/");
    assert_eq!(
        world.multi.timeout().map(|deadline| deadline.at),
        world.sim.timer()
    );
    world.run();
    assert_eq!(world.sim.timer(), None);
}

#[test]
fn r51_what_becomes_due_meanwhile_runs_in_the_same_call() {
    let mut world = World::new(Config {
        max_total_connections: 1,
        ..Config::DEFAULT
    });
    world.sim.serve("10.0.0.1:80", http(|_| ok("x")));
    let first = world.get("/");
    let second = world.get("/");
    while world.multi.result(first).is_none() {
        world.step();
    }
    let sent = &world.multi.get(second).unwrap().sent_head;
    assert!(
        sent.starts_with(b"GET / "),
        "the request went in the round that freed its connection"
    );
}

#[test]
fn r52_readiness_is_a_hint() {
    let mut world = hello();
    let handle = world.add(once("/"));
    for mask in [
        Ready::WRITE,
        Ready::NONE,
        Ready::READ,
        Ready::ERROR,
        Ready::ALL,
    ]
    .iter()
    .cycle()
    {
        if world.multi.result(handle).is_some() {
            break;
        }
        let open: Vec<_> = world.sim.open_connections().collect();
        for conn in open {
            world.multi.mark(Event::Socket(conn, *mask));
            world.multi.mark(Event::Socket(conn, *mask));
        }
        world.run_once();
        world.sim.now = world.sim.now + Duration::from_micros(300);
        world.sim.events();
    }
    assert_eq!(world.multi.result(handle), Some(Ok(())));
}

#[test]
fn r53_an_event_of_a_closed_connection_drives_nothing() {
    let mut world = hello();
    let handle = world.add(once("/"));
    world.step();
    let conn = world.sim.open_connections().next().unwrap();
    world.done(handle);
    let calls = world.sim.log.len();
    let running = world.multi.socket_action(
        world.sim.now,
        &mut world.sim,
        Event::Socket(conn, Ready::ALL),
    );
    assert_eq!((running.transfers, running.again), (0, false));
    assert_eq!(world.sim.log.len(), calls);
}

#[test]
fn r54_the_timeout_event_drives_only_what_is_due() {
    let mut world = hello();
    let handle = world.get("/");
    world.run_for(Duration::from_micros(10));
    world.sim.now = world.sim.now + Duration::from_millis(5);
    world.sim.events();
    world.sim.fire();
    world
        .multi
        .socket_action(world.sim.now, &mut world.sim, Event::Timeout);
    assert_eq!(world.multi.result(handle), None, "the socket was not named");
    assert_eq!(world.finish(handle).0, Ok(()));
}

#[test]
fn d3_an_idle_connection_is_closed_as_soon_as_the_peer_closes_it() {
    for acts in [
        vec![Act::Close],
        vec![Act::Reset],
        vec![Act::text("HTTP/1.1 200 OK\r\n\r\n")],
    ] {
        let mut world = hello();
        let handle = world.get("/");
        world.done(handle);
        let conn = world.sim.open_connections().next().unwrap();
        world.sim.push(conn, acts);
        world.run_for(Duration::from_millis(1));
        assert_eq!(world.multi.counts().connections, 0);
        let again = world.get("/");
        assert_eq!(world.finish(again).0, Ok(()));
        assert_eq!(world.opens(), 2);
    }
}

#[test]
fn d3_a_spurious_event_leaves_an_idle_connection_in_the_pool() {
    let mut world = hello();
    let handle = world.get("/");
    world.done(handle);
    let conn = world.sim.open_connections().next().unwrap();
    world.multi.mark(Event::Socket(conn, Ready::READ));
    world.run_once();
    let again = world.get("/");
    assert_eq!(world.finish(again).0, Ok(()));
    assert_eq!(world.opens(), 1);
}

#[test]
fn d4_a_waiting_transfer_times_out_on_time() {
    let mut world = World::new(Config {
        max_total_connections: 1,
        ..Config::DEFAULT
    });
    world.sim.serve("10.0.0.1:80", http(|_| Vec::new()));
    world.get("/");
    let waiting = world.add(once("/").options(|o| o.total = Some(Duration::from_millis(200))));
    let start = world.sim.now;
    while world.multi.result(waiting).is_none() {
        world.step();
    }
    assert_eq!(
        world.multi.result(waiting),
        Some(Err(Error::Timeout(Timer::Total)))
    );
    assert_eq!(world.sim.now.since(start), Duration::from_millis(200));
}

#[test]
fn d5_progress_is_told_while_nothing_moves() {
    let mut world = World::serving(http(|_| Vec::new()));
    let handle = world.add(once("/").options(|o| o.progress = Some(Duration::from_millis(100))));
    world.run_for(Duration::from_millis(1050));
    assert_eq!(world.multi.get(handle).unwrap().progress, 10);
}

#[test]
#[expect(deprecated, reason = "the deprecated call must work")]
fn d6_the_deprecated_calls_tell_changes_in_the_same_call() {
    let mut world = hello();
    let handle = world.add(once("/"));
    world.run_for(Duration::from_micros(1100));
    world.sim.now = world.sim.now + Duration::from_millis(10);
    world.sim.events();
    world.multi.socket_all(world.sim.now, &mut world.sim);
    assert_eq!(world.multi.result(handle), Some(Ok(())));
    assert_eq!(world.told(0).last(), Some(&NONE));
}

#[test]
fn d8_only_connections_of_transfers_are_watched() {
    let mut world = hello();
    world.sim.name("a.test", &["10.0.0.1"]);
    world.sim.dns_delay = Duration::from_millis(50);
    world.add(Recorder::get("http://a.test/"));
    world.run_for(Duration::from_millis(20));
    assert!(
        world.sim.watched().is_empty(),
        "a look-up is under way, and nothing is watched"
    );
    world.run();
}

#[test]
fn pausing_both_ways_by_command_ends_the_watch() {
    let mut world = World::serving(http(|_| {
        vec![
            Act::wait(10),
            Act::text("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"),
        ]
    }));
    let handle = world.add(once("/"));
    world.run_for(Duration::from_millis(5));
    world
        .multi
        .pause(world.sim.now, &mut world.sim, handle, Pause::BOTH)
        .unwrap();
    world.run_for(Duration::from_secs(1));
    assert_eq!(
        (world.told(0), world.multi.result(handle)),
        (vec![OUT, IN, NONE], None)
    );
    world
        .multi
        .unpause(world.sim.now, &mut world.sim, handle)
        .unwrap();
    assert_eq!(world.finish(handle).0, Ok(()));
}

#[test]
fn r35_a_transfer_that_waits_for_a_line_block_is_not_watched() {
    let capacity = muxfer_linux::Capacity {
        lines: 1,
        ..muxfer_linux::Capacity::new(2, 2)
    };
    let config = Config {
        budget: 100,
        ..Config::DEFAULT
    };
    let mut world = World::with(config, capacity);
    world.sim.serve(
        "10.0.0.1:80",
        http(|_| {
            let rest = "ngth: 0\r\n\r\n";
            vec![
                Act::text("HTTP/1.1 200 OK\r\nContent-Le"),
                Act::wait(1000),
                Act::text(rest),
            ]
        }),
    );
    // The answer begins while the upload is under way, and its first line is cut.
    let mut first = true;
    let early = move |inbound: muxfer_tests::sim::Inbound<'_>| {
        inbound.bytes.clear();
        if !std::mem::take(&mut first) {
            return Vec::new();
        }
        vec![
            Act::text("HTTP/1.1 20"),
            Act::wait(1),
            Act::text("0 OK\r\nContent-Length: 0\r\n\r\n"),
        ]
    };
    world.sim.serve("10.0.0.2:80", Box::new(early));
    let holder = world.get("/");
    world.run_for(Duration::from_millis(10));
    let upload = Recorder::new("PUT", "http://10.0.0.2/").bytes(&[7; 5000]);
    let starved = world.add(upload);
    for _ in 0..20 {
        world.step();
    }
    assert_eq!(world.told(1).last(), Some(&Interest::NONE));
    assert_eq!(world.sim.events(), []);
    world.done(holder);
    world.done(starved);
}
