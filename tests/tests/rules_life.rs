//! Life cycle, results and counts: CONTRACT R1 to R19, R55 to R64, R80, R81, D7.

use std::time::Duration;

use muxfer_core::error::{RequestError, ResponseError, UrlError};
use muxfer_core::net::IoError;
use muxfer_core::time::Timer;
use muxfer_core::{AddErrorKind, Config, ConfigError, Error, Event, Multi, Resources};
use muxfer_linux::Capacity;
use muxfer_tests::recorder::Recorder;
use muxfer_tests::sim::{Act, Call, Listen, http, ok};
use muxfer_tests::world::World;

fn hello() -> World {
    World::serving(http(|_| ok("hello")))
}

/// A server that never answers.
fn silent() -> World {
    World::serving(http(|_| Vec::new()))
}

#[test]
fn r1_a_removed_transfer_can_be_added_anew() {
    let mut world = hello();
    for _ in 0..3 {
        let handle = world.get("/");
        let (result, easy) = world.finish(handle);
        assert_eq!((result, easy.text()), (Ok(()), "hello"));
        let again = world.add(Recorder::get(&easy.url));
        assert_eq!(world.finish(again).0, Ok(()));
    }
    world.assert_clean();
}

#[test]
fn r2_add_does_nothing_on_the_network() {
    let mut world = hello();
    world.get("/");
    assert_eq!(world.opens(), 0);
    assert_eq!(world.sim.log.len(), 1);
}

#[test]
fn r3_add_makes_the_timer_due_at_once() {
    let mut world = hello();
    world.get("/");
    assert_eq!(world.sim.log, [Call::Timer(Some(world.sim.now))]);
    world.sim.now = world.sim.now + Duration::from_millis(1);
    world.get("/");
    assert_eq!(
        world.sim.log.last(),
        Some(&Call::Timer(Some(world.sim.now)))
    );
}

#[test]
fn r5_removing_what_is_gone_is_harmless() {
    let mut world = hello();
    let handle = world.get("/");
    world.run();
    assert!(world.remove(handle).is_some());
    assert!(world.remove(handle).is_none());
    assert!(
        world
            .multi
            .unpause(world.sim.now, &mut world.sim, handle)
            .is_err()
    );
    assert_eq!(world.multi.get(handle).map(|_| ()), None);
}

#[test]
fn r6_removing_an_unfinished_transfer_closes_and_promotes() {
    let mut world = World::new(Config {
        max_total_connections: 1,
        ..Config::DEFAULT
    });
    world.sim.serve(
        "10.0.0.1:80",
        http(|request| match request.path() {
            "/never" => Vec::new(),
            _ => ok("x"),
        }),
    );
    let stuck = world.get("/never");
    let waiting = world.get("/");
    world.run_for(Duration::from_secs(1));
    assert!(world.multi.is_pending(waiting));
    assert!(world.remove(stuck).is_some());
    let close = world
        .sim
        .log
        .iter()
        .position(|call| matches!(call, Call::Close(_)))
        .unwrap();
    assert!(matches!(world.sim.log[close - 1], Call::Socket(_, want) if want.is_none()));
    assert!(matches!(world.sim.log[close + 1], Call::Timer(_)));
    assert!(!world.multi.is_pending(waiting), "it is its turn");
    assert_eq!(world.finish(waiting).0, Ok(()));
    assert_eq!(
        world.messages.len(),
        1,
        "no message for the one that was removed"
    );
    world.assert_clean();
}

#[test]
fn r6_a_transfer_can_be_removed_at_any_point() {
    for steps in 0..12 {
        let mut world = hello();
        world.sim.name("a.test", &["10.0.0.1", "10.0.0.2"]);
        world.sim.dns_delay = Duration::from_millis(5);
        world.sim.faults.split = 7;
        let handle = world.add(Recorder::get("http://a.test/"));
        for _ in 0..steps {
            world.step();
        }
        assert!(world.remove(handle).is_some());
        world.run_for(Duration::from_secs(1));
        assert!(world.messages.len() <= 1);
        world.assert_clean();
    }
}

#[test]
fn r7_remove_takes_the_unread_message_along() {
    let mut world = hello();
    let handle = world.add(Recorder::get("nonsense"));
    world.multi.run(world.sim.now, &mut world.sim);
    assert!(world.multi.result(handle).is_some());
    world.multi.remove(world.sim.now, &mut world.sim, handle);
    assert_eq!(world.multi.info_read(), None);
}

#[test]
fn r7_a_removed_message_does_not_hide_those_behind_it() {
    let mut world = hello();
    let handles = [(); 3].map(|()| world.add(Recorder::get("nonsense")));
    world.multi.run(world.sim.now, &mut world.sim);
    let [first, second, third] = handles;
    for gone in [first, second] {
        world.multi.remove(world.sim.now, &mut world.sim, gone);
    }
    let read: Vec<_> = std::iter::from_fn(|| world.multi.info_read()).collect();
    let read: Vec<_> = read.iter().map(|message| message.handle).collect();
    assert_eq!(read, [third]);
}

#[test]
fn r11_closing_ends_all_and_leaves_the_handles() {
    let mut world = silent();
    let handles: Vec<_> = (0..5).map(|_| world.get("/")).collect();
    world.run_for(Duration::from_secs(1));
    world.assert_clean();
    for handle in handles {
        assert!(world.remove(handle).is_some());
    }
}

#[test]
fn r19_info_stays_until_the_transfer_is_removed() {
    let mut world = hello();
    let handle = world.get("/");
    world.run();
    let info = world.multi.info(handle).unwrap();
    assert_eq!((info.status, info.received, info.connects), (200, 5, 1));
    assert_eq!(info.length, Some(5));
    assert!(info.total >= info.start_transfer && info.start_transfer >= info.connect);
    world.run_for(Duration::from_secs(9));
    assert_eq!(world.multi.info(handle), Some(info));
}

#[test]
fn r55_running_counts_waiting_transfers_too() {
    let mut world = World::new(Config {
        max_total_connections: 1,
        ..Config::DEFAULT
    });
    world.sim.serve("10.0.0.1:80", http(|_| ok("x")));
    for _ in 0..3 {
        world.get("/");
    }
    let running = world.multi.run(world.sim.now, &mut world.sim);
    assert_eq!(running.transfers, 3);
    world.run();
    assert_eq!(world.multi.run(world.sim.now, &mut world.sim).transfers, 0);
}

#[test]
fn r57_a_fast_transfer_gives_way_after_its_budget() {
    let config = Config {
        budget: 1000,
        ..Config::DEFAULT
    };
    let mut world = World::new(config);
    world
        .sim
        .serve("10.0.0.1:80", http(|_| ok(&"x".repeat(10_000))));
    let handle = world.get("/");
    let mut rounds = 0;
    let mut before = 0;
    while world.multi.result(handle).is_none() {
        world.step();
        let received = world.multi.info(handle).unwrap().received;
        // Two rounds of a budget each in one run.
        assert!(received - before <= 2000);
        if received > before && received < 10_000 {
            assert_eq!(
                world.multi.timeout().map(|deadline| deadline.at),
                Some(world.sim.now)
            );
            rounds += 1;
        }
        before = received;
    }
    assert!(rounds >= 4);
}

#[test]
fn r58_one_failure_does_not_touch_the_others() {
    let mut world = hello();
    let good: Vec<_> = (0..3).map(|_| world.get("/")).collect();
    let bad = world.add(Recorder::get("http://10.9.9.9/"));
    let (result, _) = world.finish(bad);
    assert_eq!(result, Err(Error::Connect(IoError::Refused)));
    for handle in good {
        assert_eq!(world.finish(handle).0, Ok(()));
    }
}

#[test]
fn r58_a_line_that_was_cut_leaves_nothing_behind() {
    let capacity = Capacity {
        lines: 1,
        ..Capacity::new(4, 4)
    };
    let mut world = World::with(Config::DEFAULT, capacity);
    let peer = http(|request| {
        let end = match request.path() {
            "/whole" => Act::text("ces: 1\r\nContent-Length: 1\r\n\r\nx"),
            "/wrong" => Act::text("\0\r\n\r\n"),
            _ => Act::Close,
        };
        vec![Act::text("HTTP/1.1 200 OK\r\nX-Pie"), Act::wait(1), end]
    });
    world.sim.serve("10.0.0.1:80", peer);
    // The only block is held by each of them in turn.
    for path in ["/cut", "/wrong", "/removed", "/whole"] {
        let handle = world.get(path);
        if path == "/removed" {
            world.run_for(Duration::from_micros(1_500));
            assert!(world.remove(handle).is_some());
        } else {
            let result = world.finish(handle).0;
            assert_eq!(result.is_ok(), path == "/whole", "{path}: {result:?}");
        }
    }
}

#[test]
#[expect(deprecated, reason = "the deprecated calls must work")]
fn r59_the_deprecated_calls_find_out_themselves() {
    let mut world = hello();
    let handle = world.get("/");
    for _ in 0..50 {
        if world.multi.result(handle).is_some() {
            break;
        }
        world.multi.socket_all(world.sim.now, &mut world.sim);
        world.sim.now = world.sim.now + Duration::from_millis(1);
        let open: Vec<_> = world.sim.open_connections().collect();
        for conn in open {
            world.multi.socket(world.sim.now, &mut world.sim, conn);
        }
    }
    assert_eq!(world.multi.result(handle), Some(Ok(())));
}

#[test]
fn r60_an_end_promotes_in_the_same_call() {
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
    assert!(!world.multi.is_pending(second));
    assert!(!world.done(second).sent_head.is_empty());
    assert_eq!(world.opens(), 1);
}

#[test]
fn r61_each_transfer_has_one_message_in_the_order_of_their_ends() {
    let mut world = World::serving(http(|request| {
        let millis = request.path()[1..].parse().unwrap();
        let mut acts = vec![Act::wait(millis)];
        acts.extend(ok("x"));
        acts
    }));
    let handles = [300, 100, 200].map(|millis| world.get(&format!("/{millis}")));
    world.run();
    let order: Vec<_> = world
        .messages
        .iter()
        .map(|message| message.handle)
        .collect();
    assert_eq!(order, [handles[1], handles[2], handles[0]]);
    assert_eq!(world.multi.info_read(), None);
}

#[test]
fn r63_a_read_message_leaves_the_transfer_in_its_place() {
    let mut world = hello();
    let handle = world.get("/");
    world.run();
    assert_eq!(world.multi.counts().done, 1);
    assert_eq!(world.multi.get(handle).map(Recorder::text), Some("hello"));
}

#[test]
fn r64_each_cause_has_libcurls_number() {
    let codes: [(Error, u8); 20] = [
        (Error::UnsupportedScheme, 1),
        (UrlError::Host.into(), 3),
        (Error::Resolve, 6),
        (Error::Connect(IoError::Refused), 7),
        (ResponseError::ContentLength.into(), 8),
        (Error::PartialBody, 18),
        (Error::HttpStatus(404), 22),
        (Error::Write, 23),
        (Error::Read, 26),
        (Error::Timeout(Timer::Total), 28),
        (Error::RangeIgnored, 33),
        (Error::AbortedByCallback, 42),
        (RequestError::Method.into(), 43),
        (Error::TooManyRedirects, 47),
        (Error::EmptyReply, 52),
        (Error::Send(IoError::Reset), 55),
        (Error::Receive(IoError::Reset), 56),
        (Error::TransferCoding, 61),
        (Error::BodyTooLarge, 63),
        (Error::Rewind, 65),
    ];
    for (error, code) in codes {
        assert_eq!(error.curl_code(), code, "{error}");
    }
    let mut world = hello();
    for (url, code) in [
        ("x", 3),
        ("ftp://a/", 1),
        ("https://a/", 1),
        ("http://no.test/", 6),
        ("http://10.0.0.1:9/", 7),
    ] {
        let handle = world.add(Recorder::get(url));
        assert_eq!(
            world.finish(handle).0.unwrap_err().curl_code(),
            code,
            "{url}"
        );
    }
}

#[test]
fn r80_counts_of_each_condition() {
    let mut world = World::new(Config {
        max_total_connections: 1,
        ..Config::DEFAULT
    });
    world.sim.serve(
        "10.0.0.1:80",
        http(|request| {
            if request.path() == "/" {
                ok("x")
            } else {
                Vec::new()
            }
        }),
    );
    let done = world.get("/");
    world.run();
    world.get("/stuck");
    world.get("/");
    world.run_for(Duration::from_secs(1));
    let counts = world.multi.counts();
    assert_eq!(
        (
            counts.current,
            counts.running,
            counts.pending,
            counts.done,
            counts.ever
        ),
        (3, 1, 1, 1, 3)
    );
    assert_eq!(world.multi.handles().count(), 3);
    world.remove(done);
    assert_eq!(world.multi.counts().current, 2);
}

#[test]
fn r81_a_transfer_that_was_never_driven_is_running() {
    let mut world = hello();
    world.get("/");
    assert_eq!(world.multi.counts().running, 1);
}

#[test]
fn d1_an_event_for_a_closed_connection_never_reaches_its_successor() {
    let mut world = hello();
    let handle = world.add(Recorder::get("http://10.0.0.1/").options(|o| o.forbid_reuse = true));
    world.step();
    let old = world.sim.open_connections().next().unwrap();
    world.done(handle);
    let next = world.get("/");
    world.step();
    let new = world.sim.open_connections().next().unwrap();
    assert_eq!(old.index(), new.index());
    assert_ne!(old, new);
    world
        .multi
        .mark(Event::Socket(old, muxfer_core::net::Ready::ALL));
    assert_eq!(world.finish(next).0, Ok(()));
}

#[test]
fn d7_a_full_table_gives_the_transfer_back() {
    let mut world = World::sized(Config::DEFAULT, 2, 2);
    world.get("/");
    world.get("/");
    let easy = Recorder::get("http://10.0.0.1/third");
    let back = world
        .multi
        .add(world.sim.now, &mut world.sim, easy)
        .unwrap_err();
    assert_eq!(back.why, AddErrorKind::TableFull);
    assert_eq!(back.easy.url, "http://10.0.0.1/third");
}

#[test]
fn zero_capacities_are_named() {
    let none = Resources::<Recorder, 0, 1, 1, 8, 2, 64>::new().storage_error();
    assert_eq!(none, ConfigError::NoTransfers);
    let none = Resources::<Recorder, 1, 0, 1, 8, 2, 64>::new().storage_error();
    assert_eq!(none, ConfigError::NoConnections);
    let none = Resources::<Recorder, 1, 1, 0, 8, 2, 64>::new().storage_error();
    assert_eq!(none, ConfigError::NoOrigins);
    let few = Resources::<Recorder, 1, 1, 1, 8, 1, 64>::new().storage_error();
    assert_eq!(few, ConfigError::TooFewLines);
}

trait StorageError {
    fn storage_error(self) -> ConfigError;
}

impl<const A: usize, const B: usize, const C: usize, const D: usize, const F: usize, const G: usize>
    StorageError for Resources<Recorder, A, B, C, D, F, G>
{
    fn storage_error(mut self) -> ConfigError {
        Multi::new(self.storage(), Config::DEFAULT)
            .map(|_| ())
            .unwrap_err()
    }
}

#[test]
fn the_smallest_engine_serves_one_after_the_other() {
    let mut world = World::with(
        Config::DEFAULT,
        Capacity {
            transfers: 3,
            conns: 1,
            lines: 1,
            origins: 1,
            name_bytes: 16,
            line_bytes: 128,
        },
    );
    world.sim.serve("10.0.0.1:80", http(|_| ok("x")));
    world.sim.serve("10.0.0.2:80", http(|_| ok("y")));
    world
        .sim
        .listen("10.0.0.3:80", Listen::Refuse(Duration::ZERO));
    let handles = ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
        .map(|host| world.add(Recorder::get(&format!("http://{host}/"))));
    world.run();
    let results = handles.map(|handle| world.multi.result(handle).unwrap());
    assert_eq!(
        results,
        [Ok(()), Ok(()), Err(Error::Connect(IoError::Refused))]
    );
}
