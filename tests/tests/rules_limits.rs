//! Time limits, speeds, pauses, progress: CONTRACT R95 to R102.

use std::num::NonZeroU32;
use std::time::Duration;

use muxfer_core::easy::{Expect, LowSpeed, Options};
use muxfer_core::net::IoError;
use muxfer_core::time::Timer;
use muxfer_core::{Config, Error};
use muxfer_tests::recorder::Recorder;
use muxfer_tests::sim::{Act, Listen, http, ok};
use muxfer_tests::world::World;

const SECOND: Duration = Duration::from_secs(1);

fn get(path: &str) -> Recorder {
    Recorder::get(&format!("http://10.0.0.1{path}"))
}

#[test]
fn r95_the_total_limit_covers_redirects_and_retries() {
    let mut world = World::serving(http(|_| {
        vec![
            Act::wait(300),
            Act::text("HTTP/1.1 302 F\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"),
        ]
    }));
    let start = world.sim.now;
    let handle = world.add(
        get("/")
            .follow(u16::MAX)
            .options(|o| o.total = Some(SECOND)),
    );
    let (result, easy) = world.finish(handle);
    assert_eq!(result, Err(Error::Timeout(Timer::Total)));
    assert_eq!(
        (world.sim.now.since(start), easy.redirects.len()),
        (SECOND, 3)
    );
}

#[test]
fn r96_the_connect_limit_covers_names_and_connect_and_not_the_response() {
    let mut world = World::serving(http(|_| [vec![Act::wait(5000)], ok("x")].concat()));
    world.sim.listen("10.0.0.9:80", Listen::Silent);
    world.sim.name("slow.test", &["10.0.0.1"]);
    let limit = |easy: Recorder| easy.options(|o| o.connect = SECOND);
    let slow = world.add(limit(get("/")));
    world.done(slow);
    let start = world.sim.now;
    let silent = world.add(limit(Recorder::get("http://10.0.0.9/")));
    assert_eq!(world.finish(silent).0, Err(Error::Timeout(Timer::Connect)));
    assert_eq!(world.sim.now.since(start), SECOND);
    world.sim.dns_delay = Duration::from_secs(5);
    let name = world.add(limit(Recorder::get("http://slow.test/")));
    assert_eq!(world.finish(name).0, Err(Error::Timeout(Timer::Connect)));
    world.assert_clean();
}

#[test]
fn r96_waiting_for_a_place_of_an_origin_counts_once() {
    let capacity = muxfer_linux::Capacity {
        origins: 1,
        ..muxfer_linux::Capacity::new(2, 2)
    };
    let mut world = World::with(Config::DEFAULT, capacity);
    let late = |_: &muxfer_tests::sim::Request| [vec![Act::wait(300)], ok("x")].concat();
    world.sim.serve("10.0.0.1:80", http(late));
    world.sim.listen("10.0.0.2:80", Listen::Silent);
    let start = world.sim.now;
    let first = world.add(get("/"));
    let other = Recorder::get("http://10.0.0.2/");
    let second = world.add(other.options(|o| o.connect = SECOND / 2));
    let (result, _) = world.finish(second);
    assert_eq!(result, Err(Error::Timeout(Timer::Connect)));
    assert_eq!(world.sim.now.since(start), SECOND / 2);
    world.done(first);
}

#[test]
fn r96_the_earlier_limit_wins() {
    let mut world = World::new(Config::DEFAULT);
    world.sim.listen("10.0.0.1:80", Listen::Silent);
    let handle = world.add(get("/").options(|o| {
        o.connect = Duration::from_secs(3);
        o.total = Some(SECOND);
    }));
    assert_eq!(world.finish(handle).0, Err(Error::Timeout(Timer::Total)));
}

fn slow(easy: Recorder, bytes_per_second: u32, seconds: u64) -> Recorder {
    easy.options(|options| {
        options.low_speed = Some(LowSpeed {
            bytes_per_second: NonZeroU32::new(bytes_per_second).unwrap(),
            time: Duration::from_secs(seconds),
        });
    })
}

#[test]
fn r97_a_transfer_that_is_too_slow_for_too_long_ends() {
    let mut world = World::serving(http(|_| {
        let drops = (0..60).flat_map(|_| [Act::text("0123456789"), Act::wait(1000)]);
        std::iter::once(Act::text("HTTP/1.1 200 OK\r\n\r\n"))
            .chain(drops)
            .collect()
    }));
    let start = world.sim.now;
    let handle = world.add(slow(get("/"), 100, 4));
    assert_eq!(world.finish(handle).0, Err(Error::Timeout(Timer::LowSpeed)));
    let took = world.sim.now.since(start);
    assert!(
        took >= Duration::from_secs(4) && took <= Duration::from_secs(7),
        "{took:?}"
    );
    let fast_enough = world.add(slow(get("/"), 5, 4));
    world.run_for(Duration::from_secs(30));
    assert_eq!(world.multi.result(fast_enough), None);
}

#[test]
fn r97_paused_transfers_are_exempt() {
    let mut world = World::serving(http(|_| ok("0123456789")));
    let mut easy = slow(get("/"), 100, 2);
    easy.pause_at = Some((0, 1));
    let handle = world.add(easy);
    world.run_for(Duration::from_secs(60));
    assert_eq!(world.multi.result(handle), None);
    world
        .multi
        .unpause(world.sim.now, &mut world.sim, handle)
        .unwrap();
    assert_eq!(world.done(handle).text(), "0123456789");
}

fn upload(length: usize) -> Recorder {
    let body = vec![b'u'; length];
    Recorder::new("PUT", "http://10.0.0.1/").stream(&body, Some(length as u64))
}

#[test]
fn r98_large_and_unknown_bodies_ask_first() {
    let asks = |easy: Recorder| {
        let mut world = World::serving(http(|_| ok("x")));
        let handle = world.add(easy);
        let head = world.done(handle).sent_head;
        String::from_utf8(head)
            .unwrap()
            .contains("Expect: 100-continue\r\n")
    };
    assert!(!asks(upload(1024 * 1024)));
    assert!(asks(upload(1024 * 1024 + 1)));
    assert!(asks(
        Recorder::new("PUT", "http://10.0.0.1/").stream(b"x", None)
    ));
    assert!(!asks(
        upload(2 * 1024 * 1024).options(|o| o.expect = Expect::Never)
    ));
    assert!(asks(upload(1).options(|o| o.expect = Expect::Always)));
}

/// A peer that sees heads before bodies: it answers the head with this, and counts the body.
fn at_the_head(answer: &'static [(&'static str, u64)]) -> World {
    let mut seen = false;
    World::serving(Box::new(move |inbound| {
        let bytes = inbound.bytes;
        if seen || !bytes.windows(4).any(|window| window == b"\r\n\r\n") {
            return Vec::new();
        }
        seen = true;
        answer
            .iter()
            .flat_map(|(text, wait)| [Act::wait(*wait), Act::text(text)])
            .collect()
    }))
}

#[test]
fn r98_the_body_waits_a_second_at_most() {
    let mut world = World::serving(http(|_| ok("x")));
    let start = world.sim.now;
    let handle = world.add(upload(10).options(|o| o.expect = Expect::Always));
    world.run_for(Duration::from_millis(900));
    assert_eq!(world.multi.info(handle).unwrap().sent, 0);
    world.done(handle);
    assert!(world.sim.now.since(start) >= SECOND);
}

#[test]
fn r98_the_body_goes_when_the_peer_says_continue() {
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    static ANSWER: &[(&str, u64)] = &[("HTTP/1.1 100 Continue\r\n\r\n", 50)];
    let mut world = at_the_head(ANSWER);
    let handle = world.add(upload(10).options(|o| o.expect = Expect::Always));
    world.run_for(Duration::from_millis(100));
    assert_eq!(world.multi.info(handle).unwrap().sent, 10);
    let conn = world.sim.open_connections().next().unwrap();
    world.sim.push(conn, vec![Act::text(ok)]);
    let easy = world.done(handle);
    assert_eq!(easy.statuses, [100, 200]);
}

#[test]
fn r98_after_a_refusal_the_body_is_not_sent_and_the_connection_not_kept() {
    static ANSWER: &[(&str, u64)] = &[("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", 50)];
    let mut world = at_the_head(ANSWER);
    let handle = world.add(upload(10).options(|o| o.expect = Expect::Always));
    world.run();
    assert_eq!(world.multi.info(handle).unwrap().sent, 0);
    assert_eq!(world.done(handle).text(), "no");
    assert_eq!(world.multi.counts().connections, 0);
}

/// Answers an upload at its first bytes, and resets the connection behind the answer.
fn answers_and_resets() -> muxfer_tests::sim::Peer {
    let mut answered = false;
    Box::new(move |inbound| {
        inbound.bytes.clear();
        if std::mem::replace(&mut answered, true) {
            return Vec::new();
        }
        let mut acts = ok(&"x".repeat(5000));
        acts.push(Act::Reset);
        acts
    })
}

#[test]
fn r98_an_answer_is_heard_out_although_sending_has_failed() {
    let small_budget = Config {
        budget: 1000,
        ..Config::DEFAULT
    };
    let slow = |o: &mut Options| o.receive_rate = NonZeroU32::new(1000);
    let cases = [
        (Config::DEFAULT, upload(100_000)),
        (small_budget, upload(100_000)),
        (Config::DEFAULT, upload(100_000).options(slow)),
    ];
    for (config, easy) in cases {
        let mut world = World::new(config);
        world.sim.send_window = 4000;
        world.sim.serve("10.0.0.1:80", answers_and_resets());
        let handle = world.add(easy);
        assert_eq!(world.done(handle).body.len(), 5000);
        world.assert_clean();
    }
}

#[test]
fn r98_an_answer_is_heard_out_after_a_pause_although_sending_has_failed() {
    let mut world = World::serving(answers_and_resets());
    world.sim.send_window = 4000;
    let mut easy = upload(100_000);
    easy.pause_at = Some((0, 0));
    let handle = world.add(easy);
    world.run_for(SECOND);
    assert_eq!(world.multi.result(handle), None);
    world
        .multi
        .unpause(world.sim.now, &mut world.sim, handle)
        .unwrap();
    assert_eq!(world.done(handle).body.len(), 5000);
}

#[test]
fn r98_without_an_answer_what_sending_said_is_the_error() {
    let mut world = World::serving(Box::new(|inbound| {
        inbound.bytes.clear();
        vec![Act::text("HTTP/1.1 200 OK\r\n"), Act::Reset]
    }));
    world.sim.send_window = 4000;
    let handle = world.add(upload(100_000));
    let result = world.finish(handle).0;
    assert_eq!(result, Err(Error::Send(IoError::Reset)));
}

#[test]
fn r98_417_is_asked_again_without() {
    let mut world = World::new(Config::DEFAULT);
    let mut refused = false;
    world.sim.serve(
        "10.0.0.1:80",
        Box::new(move |inbound| {
            let bytes = inbound.bytes;
            let text = String::from_utf8_lossy(bytes).into_owned();
            if text.contains("Expect:") && !refused {
                refused = true;
                bytes.clear();
                return vec![Act::text("HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n")];
            }
            if text.ends_with("uuu") {
                ok("stored")
            } else {
                Vec::new()
            }
        }),
    );
    let handle = world.add(upload(3).options(|o| o.expect = Expect::Always));
    let easy = world.done(handle);
    assert_eq!(
        (easy.text(), &easy.statuses[..]),
        ("stored", &[417, 200][..])
    );
}

#[test]
fn r100_what_was_not_taken_comes_again_and_no_end_before() {
    for taken in [0, 3, 10] {
        let mut world = World::serving(http(|_| ok("0123456789")));
        let mut easy = get("/");
        easy.pause_at = Some((0, taken));
        let handle = world.add(easy);
        world.run_for(SECOND);
        if taken < 10 {
            assert_eq!(world.multi.result(handle), None, "taken {taken}");
            world
                .multi
                .unpause(world.sim.now, &mut world.sim, handle)
                .unwrap();
        }
        let easy = world.done(handle);
        assert_eq!(easy.text(), "0123456789");
    }
}

#[test]
fn r100_unpausing_delivers_inside_the_call() {
    let mut world = World::serving(http(|_| ok("0123456789")));
    let mut easy = get("/");
    easy.pause_at = Some((0, 0));
    let handle = world.add(easy);
    world.run_for(SECOND);
    world
        .multi
        .unpause(world.sim.now, &mut world.sim, handle)
        .unwrap();
    assert_eq!(world.multi.get(handle).unwrap().text(), "0123456789");
}

#[test]
fn r100_time_limits_run_while_paused() {
    let mut world = World::serving(http(|_| ok("0123456789")));
    let mut easy = get("/").options(|o| o.total = Some(SECOND));
    easy.pause_at = Some((0, 0));
    let handle = world.add(easy);
    assert_eq!(world.finish(handle).0, Err(Error::Timeout(Timer::Total)));
}

#[test]
fn r100_only_a_transfer_with_a_connection_can_be_paused() {
    let mut world = World::serving(http(|_| ok("x")));
    let handle = world.get("/");
    let paused = world.multi.pause(
        world.sim.now,
        &mut world.sim,
        handle,
        muxfer_core::Pause::BOTH,
    );
    assert_eq!(paused, Err(muxfer_core::PauseError::NotConnected));
}

#[test]
fn r100_a_source_that_pauses_is_asked_again_after_unpausing() {
    let mut world = World::serving(http(|request| ok(&request.body.len().to_string())));
    let mut easy = upload(1000);
    easy.source_pause = Some(0);
    let handle = world.add(easy);
    world.run_for(SECOND);
    assert_eq!(world.multi.result(handle), None);
    world
        .multi
        .unpause(world.sim.now, &mut world.sim, handle)
        .unwrap();
    assert_eq!(world.done(handle).text(), "1000");
}

#[test]
fn r101_rates_are_limited_each_way() {
    let mut world = World::serving(http(|request| match request.method() {
        "GET" => ok(&"x".repeat(50_000)),
        _ => ok("stored"),
    }));
    for easy in [get("/"), upload(50_000)] {
        let start = world.sim.now;
        let handle = world.add(easy.options(|o| {
            o.receive_rate = NonZeroU32::new(10_000);
            o.send_rate = NonZeroU32::new(10_000);
        }));
        world.done(handle);
        let took = world.sim.now.since(start);
        assert!(
            took >= Duration::from_secs(4) && took < Duration::from_secs(6),
            "{took:?}"
        );
    }
    assert!(
        world.told(0).iter().any(|want| want.is_none()),
        "not watched while there are no tokens"
    );
}

#[test]
fn r102_the_progress_callback_can_end_the_transfer() {
    let mut world = World::serving(http(|_| Vec::new()));
    let mut easy = get("/").options(|o| o.progress = Some(SECOND));
    easy.abort_at_progress = true;
    let handle = world.add(easy);
    assert_eq!(world.finish(handle).0, Err(Error::AbortedByCallback));
}
