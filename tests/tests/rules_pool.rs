//! Connections: limits, queues, reuse, retry, racing: CONTRACT R74 to R78, R85 to R90, R99.

use std::time::Duration;

use muxfer_core::net::IoError;
use muxfer_core::{Config, Error};
use muxfer_tests::recorder::Recorder;
use muxfer_tests::sim::{Act, Call, Listen, http, ok};
use muxfer_tests::world::World;

fn limited(total: u32, per_host: u32) -> World {
    let config = Config {
        max_total_connections: total,
        max_connections_per_host: per_host,
        ..Config::DEFAULT
    };
    let mut world = World::new(config);
    for host in 1..=4 {
        let address = format!("10.0.0.{host}:80");
        world
            .sim
            .serve(&address, http(|_| [vec![Act::wait(10)], ok("x")].concat()));
    }
    world
}

fn host(number: u8, path: &str) -> Recorder {
    Recorder::get(&format!("http://10.0.0.{number}{path}"))
}

/// The most connections that were open at once.
fn most_open(world: &World) -> i32 {
    let (mut open, mut most) = (0, 0);
    for call in &world.sim.log {
        match call {
            Call::Open(..) => open += 1,
            Call::Close(_) => open -= 1,
            Call::Socket(..) | Call::Timer(_) => {}
        }
        most = most.max(open);
    }
    most
}

#[test]
fn r74_over_the_idle_limit_the_longest_idle_goes() {
    let mut world = World::new(Config {
        max_idle: 2,
        ..Config::DEFAULT
    });
    for number in 1..=3 {
        world
            .sim
            .serve(&format!("10.0.0.{number}:80"), http(|_| ok("x")));
    }
    for number in 1..=3 {
        let handle = world.add(host(number, "/"));
        world.done(handle);
    }
    assert_eq!(world.multi.counts().idle, 2);
    let again = world.add(host(1, "/"));
    world.done(again);
    assert_eq!(world.opens(), 4, "the first one was closed");
}

#[test]
fn r75_the_limits_on_connections_are_kept() {
    let mut world = limited(3, 2);
    for number in 0..40 {
        world.add(host(number % 4 + 1, "/"));
    }
    world.run();
    assert!(most_open(&world) <= 3);
    assert!(world.messages.iter().all(|message| message.result.is_ok()));
    let mut world = limited(0, 2);
    for _ in 0..10 {
        world.add(host(1, "/"));
    }
    world.run();
    assert_eq!((most_open(&world), world.opens()), (2, 2));
}

#[test]
fn r75_an_idle_connection_makes_room_before_anyone_waits() {
    let mut world = limited(1, 0);
    let first = world.add(host(1, "/"));
    world.done(first);
    let other = world.add(host(2, "/"));
    world.step();
    assert!(!world.multi.is_pending(other));
    world.done(other);
    assert_eq!(most_open(&world), 1);
}

#[test]
fn r76_waiting_transfers_of_a_host_go_on_in_their_order() {
    let mut world = limited(1, 0);
    let handles: Vec<_> = (0..10).map(|_| world.add(host(1, "/"))).collect();
    world.run();
    let order: Vec<_> = world
        .messages
        .iter()
        .map(|message| message.handle)
        .collect();
    assert_eq!(order, handles);
    assert_eq!(world.opens(), 1);
}

#[test]
fn r76_no_origin_starves() {
    let mut world = limited(1, 0);
    world.add(host(1, "/"));
    world.step();
    let other = world.add(host(2, "/"));
    for _ in 0..60 {
        world.add(host(1, "/"));
    }
    world.run();
    let place = world
        .messages
        .iter()
        .position(|message| message.handle == other)
        .unwrap();
    assert!(
        place <= 2 + usize::from(Config::DEFAULT.overtakes),
        "served as number {place}"
    );
}

#[test]
fn r76_waiting_transfers_are_not_forgotten_when_others_fail_or_go() {
    let mut world = limited(1, 0);
    world
        .sim
        .listen("10.0.0.9:80", Listen::Refuse(Duration::from_millis(5)));
    let refused: Vec<_> = (0..5).map(|_| world.add(host(9, "/"))).collect();
    let gone: Vec<_> = (0..5).map(|_| world.add(host(1, "/"))).collect();
    let last = world.add(host(2, "/"));
    world.step();
    for handle in gone {
        world.remove(handle);
    }
    world.done(last);
    for handle in refused {
        assert_eq!(
            world.finish(handle).0,
            Err(Error::Connect(IoError::Refused))
        );
    }
    world.assert_clean();
}

#[test]
fn r78_after_a_change_of_network_nothing_old_is_used() {
    let mut world = limited(0, 0);
    world.sim.name("a.test", &["10.0.0.1"]);
    let first = world.add(Recorder::get("http://a.test/"));
    world.done(first);
    let busy = world.add(host(2, "/"));
    world.run_for(Duration::from_millis(5));
    world.multi.network_changed(world.sim.now, &mut world.sim);
    assert_eq!(world.multi.counts().idle, 0);
    world.done(busy);
    assert_eq!(world.multi.counts().connections, 0, "it was not kept");
    let again = world.add(Recorder::get("http://a.test/"));
    world.done(again);
    assert_eq!(world.sim.lookups, 2);
}

#[test]
fn r85_connections_are_shared_only_within_an_origin() {
    let mut world = limited(0, 0);
    world.sim.serve("10.0.0.1:81", http(|_| ok("x")));
    world.sim.name("a.test", &["10.0.0.1"]);
    world.sim.name("b.test", &["10.0.0.1"]);
    let settings = Recorder {
        settings: 1,
        ..host(1, "/")
    };
    let others = [
        host(1, "/"),
        Recorder::get("http://10.0.0.1:81/"),
        Recorder::get("http://a.test/"),
        Recorder::get("http://b.test/"),
        settings,
    ];
    for (nth, easy) in others.into_iter().enumerate() {
        let handle = world.add(easy);
        world.done(handle);
        assert_eq!(world.opens(), nth + 1);
    }
    let same = world.add(Recorder::get("http://A.TEST:80/other?path#x"));
    world.done(same);
    assert_eq!(
        world.opens(),
        5,
        "case and the default port make no other origin"
    );
}

#[test]
fn r86_a_busy_connection_serves_nobody_else() {
    let mut world = limited(0, 0);
    let handles = [world.add(host(1, "/")), world.add(host(1, "/"))];
    for handle in handles {
        world.done(handle);
    }
    assert_eq!(world.opens(), 2);
}

#[test]
fn r87_a_connection_that_idled_or_lived_too_long_is_not_used() {
    for config in [
        Config {
            idle: Duration::from_secs(5),
            ..Config::DEFAULT
        },
        Config {
            lifetime: Duration::from_secs(5),
            ..Config::DEFAULT
        },
    ] {
        let mut world = World::new(config);
        world.sim.serve("10.0.0.1:80", http(|_| ok("x")));
        for (wait, opens) in [(0, 1), (4, 1), (6, 2)] {
            world.run_for(Duration::from_secs(wait));
            let handle = world.add(host(1, "/"));
            world.done(handle);
            assert_eq!(world.opens(), opens);
        }
    }
}

/// Answers the first request of each connection and breaks at the second.
fn breaks_at_the_second(how: fn() -> Vec<Act>) -> World {
    World::serving(http(
        move |request| if request.nth == 1 { ok("x") } else { how() },
    ))
}

#[test]
fn r88_a_dead_idle_connection_is_replaced_silently() {
    for how in [|| vec![Act::Close], || vec![Act::Reset]] as [fn() -> Vec<Act>; 2] {
        let mut world = breaks_at_the_second(how);
        let first = world.get("/");
        world.done(first);
        let again = world.add(Recorder::new("POST", "http://10.0.0.1/").bytes(b"body"));
        world.run();
        let info = world.multi.info(again).unwrap();
        assert_eq!((info.connects, info.retries), (1, 1));
        assert_eq!(world.done(again).text(), "x");
        assert_eq!(world.opens(), 2);
    }
}

#[test]
fn r88_a_fresh_connection_is_not_tried_again() {
    let mut world = World::serving(http(|_| vec![Act::Close]));
    let handle = world.get("/");
    assert_eq!(world.finish(handle).0, Err(Error::EmptyReply));
    assert_eq!(world.opens(), 1);
}

#[test]
fn r88_nothing_is_sent_again_after_the_first_byte_of_the_response() {
    let mut world = breaks_at_the_second(|| vec![Act::text("HTTP/1.1 2"), Act::Close]);
    let first = world.get("/");
    world.done(first);
    let again = world.get("/");
    assert!(world.finish(again).0.is_err());
    assert_eq!(world.opens(), 1);
}

#[test]
fn r88_a_body_that_can_not_be_rewound_is_an_error() {
    for (can_rewind, result) in [(true, Ok(())), (false, Err(Error::Rewind))] {
        let mut world = breaks_at_the_second(|| vec![Act::Close]);
        let first = world.get("/");
        world.done(first);
        let mut easy = Recorder::new("PUT", "http://10.0.0.1/").stream(b"body", Some(4));
        easy.can_rewind = can_rewind;
        let again = world.add(easy);
        assert_eq!(world.finish(again).0, result);
    }
}

#[test]
fn r89_what_can_not_be_kept_is_closed() {
    let closing = [
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx",
        "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxy",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive, Close\r\n\r\nx",
    ];
    for response in closing {
        let mut world = World::serving(http(move |_| vec![Act::text(response)]));
        let handle = world.get("/");
        assert_eq!(world.done(handle).text(), "x");
        assert_eq!(world.multi.counts().connections, 0, "{response}");
    }
    let old = "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: Keep-Alive\r\n\r\nx";
    let mut world = World::serving(http(move |_| vec![Act::text(old)]));
    let handle = world.get("/");
    world.done(handle);
    assert_eq!(world.multi.counts().idle, 1);
}

#[test]
fn r90_a_fresh_connection_is_pooled_afterwards() {
    let mut world = limited(0, 0);
    let first = world.add(host(1, "/"));
    world.done(first);
    let fresh = world.add(host(1, "/").options(|options| options.fresh_connect = true));
    world.done(fresh);
    assert_eq!((world.opens(), world.multi.counts().idle), (2, 2));
    let third = world.add(host(1, "/"));
    world.done(third);
    assert_eq!(world.opens(), 2);
}

#[test]
fn r99_a_failure_brings_on_the_next_address_at_once() {
    let mut world = limited(0, 0);
    world
        .sim
        .name("a.test", &["10.0.0.8", "10.0.0.9", "10.0.0.1"]);
    let handle = world.add(Recorder::get("http://a.test/"));
    let start = world.sim.now;
    world.done(handle);
    assert!(world.sim.now.since(start) < Duration::from_millis(100));
    assert_eq!(world.opens(), 3);
}

#[test]
fn r99_a_silent_address_has_200_ms_and_ipv6_comes_first() {
    let mut world = limited(0, 0);
    world.sim.name("a.test", &["10.0.0.1", "2001:db8::1"]);
    world.sim.listen("[2001:db8::1]:80", Listen::Silent);
    let handle = world.add(Recorder::get("http://a.test/"));
    world.done(handle);
    let opened: Vec<_> = world
        .sim
        .log
        .iter()
        .filter_map(|call| match call {
            Call::Open(_, address) => Some(address.to_string()),
            Call::Socket(..) | Call::Timer(_) | Call::Close(_) => None,
        })
        .collect();
    assert_eq!(opened, ["[2001:db8::1]:80", "10.0.0.1:80"]);
    let connect = Duration::from_millis(201);
    assert!(
        world
            .sim
            .now
            .since(muxfer_core::time::Instant::from_micros(1_000_000))
            >= connect
    );
}

#[test]
fn r99_with_one_slot_a_silent_address_gives_way_in_time() {
    let mut world = World::sized(Config::DEFAULT, 2, 1);
    world.sim.serve("10.0.0.1:80", http(|_| ok("x")));
    world.sim.name("a.test", &["10.0.0.9", "10.0.0.1"]);
    world.sim.listen("10.0.0.9:80", Listen::Silent);
    let easy = Recorder::get("http://a.test/").options(|o| o.connect = Duration::from_secs(8));
    let handle = world.add(easy);
    world.done(handle);
    assert_eq!(most_open(&world), 1);
}

#[test]
fn all_addresses_fail_with_what_the_last_one_said() {
    let mut world = World::new(Config::DEFAULT);
    world.sim.name("a.test", &["10.0.0.8", "10.0.0.9"]);
    world
        .sim
        .listen("10.0.0.9:80", Listen::Fail(IoError::Unreachable));
    let handle = world.add(Recorder::get("http://a.test/"));
    assert_eq!(
        world.finish(handle).0,
        Err(Error::Connect(IoError::Unreachable))
    );
    world.assert_clean();
}

#[test]
fn one_look_up_serves_all_who_wait_and_is_cached() {
    let mut world = limited(0, 0);
    world.sim.name("a.test", &["10.0.0.1"]);
    world.sim.dns_delay = Duration::from_millis(50);
    let handles: Vec<_> = (0..20)
        .map(|_| world.add(Recorder::get("http://a.test/")))
        .collect();
    for handle in handles {
        world.done(handle);
    }
    assert_eq!(world.sim.lookups, 1);
}

#[test]
fn a_look_up_that_nobody_waits_for_is_cancelled() {
    let mut world = limited(0, 0);
    world.sim.dns_delay = Duration::from_secs(50);
    let handles = [0, 1].map(|_| world.add(Recorder::get("http://a.test/")));
    world.run_for(Duration::from_secs(1));
    world.remove(handles[0]);
    assert_eq!(world.sim.cancelled, 0);
    world.remove(handles[1]);
    assert_eq!(world.sim.cancelled, 1);
}

#[test]
fn when_the_first_waiter_times_out_the_others_still_get_the_answer() {
    let mut world = limited(0, 0);
    world.sim.name("a.test", &["10.0.0.1"]);
    world.sim.dns_delay = Duration::from_millis(200);
    let hasty =
        Recorder::get("http://a.test/").options(|o| o.total = Some(Duration::from_millis(200)));
    world.add(hasty);
    let patient = world.add(Recorder::get("http://a.test/"));
    world.done(patient);
}

#[test]
fn checklist_33_without_descriptors_transfers_wait_for_one() {
    let mut world = limited(0, 0);
    world.sim.descriptors = 2;
    let handles: Vec<_> = (0..10).map(|n| world.add(host(n % 4 + 1, "/"))).collect();
    for handle in handles {
        world.done(handle);
    }
    world.assert_clean();
}

/// Idle connections have descriptors too, and nobody who works will give one back.
#[test]
fn checklist_33_without_descriptors_an_idle_connection_makes_room() {
    let mut world = limited(0, 0);
    world.sim.descriptors = 2;
    for number in 1..=2 {
        let handle = world.add(host(number, "/"));
        world.done(handle);
    }
    assert_eq!(world.multi.counts().idle, 2);
    let handle = world.add(host(3, "/"));
    world.done(handle);
    world.assert_clean();
}

#[test]
fn a_full_table_of_origins_makes_others_wait() {
    let capacity = muxfer_linux::Capacity {
        origins: 2,
        line_bytes: 256,
        ..muxfer_linux::Capacity::new(16, 8)
    };
    let mut world = World::with(Config::DEFAULT, capacity);
    for number in 1..=6 {
        world
            .sim
            .serve(&format!("10.0.0.{number}:80"), http(|_| ok("x")));
    }
    let handles: Vec<_> = (1..=6).map(|number| world.add(host(number, "/"))).collect();
    for handle in handles {
        world.done(handle);
    }
    assert!(world.multi.counts().origins <= 2);
    world.assert_clean();
}

#[test]
fn waiting_transfers_that_fail_at_once_do_not_nest() {
    let config = Config {
        max_total_connections: 1,
        ..Config::DEFAULT
    };
    let mut world = World::sized(config, 20_000, 1);
    world.sim.serve("10.0.0.1:80", http(|_| ok("x")));
    world
        .sim
        .listen("10.0.0.9:80", Listen::Fail(IoError::Unreachable));
    let first = world.add(host(1, "/"));
    for _ in 0..19_999 {
        world.add(host(9, "/"));
    }
    world.done(first);
    world.run();
    let unreachable = Err(Error::Connect(IoError::Unreachable));
    let failed = world
        .messages
        .iter()
        .filter(|message| message.result == unreachable);
    assert_eq!(failed.count(), 19_999);
}
