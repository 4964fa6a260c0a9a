//! The engine over smoltcp, against a scripted server behind a cable that does harm. In virtual time, from
//! seeds; the scene itself panics where the loop spins.

use std::num::NonZeroU32;
use std::time::Duration;

use muxfer_core::easy::LowSpeed;
use muxfer_core::net::IoError;
use muxfer_core::time::{Instant, Timer};
use muxfer_core::{Error, Handle};
use muxfer_embedded::smoltcp::Fixed;
use muxfer_tests::recorder::Recorder;
use muxfer_tests::stack::{Faults, Scene, Setting, body};

const HARM: Faults = Faults {
    lose: 5,
    double: 5,
    reorder: 5,
    corrupt: 3,
    delay: Duration::from_millis(3),
};
const TURNS_WHILE_NOTHING_COMES: usize = 60;

type World = Scene<Fixed<'static>>;

fn scene(setting: &Setting) -> World {
    Scene::new(setting, |_| Fixed(&[]))
}

fn plain() -> World {
    scene(&Setting::PLAIN)
}

fn limited(path: &str, total: Duration) -> Recorder {
    Recorder::get(&format!("http://10.0.0.2{path}")).options(|options| options.total = Some(total))
}

/// Eight transfers of three kinds, and what must come of each.
fn eight(scene: &mut World, seed: u64) -> Vec<(Handle, Vec<u8>)> {
    let start = |nth: u64| {
        let length = usize::try_from((seed * 131 + nth * 977) % 6000).unwrap_or(0);
        let kind = ["body", "chunked", "close"][usize::try_from(nth % 3).unwrap_or(0)];
        (scene.get(&format!("/{kind}/{length}")), body(length))
    };
    (0..8).map(start).collect()
}

fn assert_all_come(setting: &Setting) {
    let mut scene = scene(setting);
    for (handle, expected) in eight(&mut scene, setting.seed) {
        let (result, easy) = scene.finish(handle);
        let seed = setting.seed;
        assert_eq!(result, Ok(()), "seed {seed}: {}", easy.url);
        assert!(easy.body == expected, "seed {seed}: {} differs", easy.url);
    }
    scene.assert_clean();
}

#[test]
fn all_bodies_come_whole_whatever_the_cable_does() {
    for seed in 1..=300 {
        let faults = HARM;
        let ring = [128, 256, 1000, 2048, 4096][usize::try_from(seed % 5).unwrap_or(0)];
        assert_all_come(&Setting {
            seed,
            faults,
            ring,
            ..Setting::PLAIN
        });
    }
}

#[test]
fn fewer_sockets_than_connections_are_enough() {
    for seed in 1..=50 {
        assert_all_come(&Setting {
            seed,
            faults: HARM,
            sockets: 1 + usize::try_from(seed % 3).unwrap_or(0),
            ..Setting::PLAIN
        });
    }
}

#[test]
fn a_cable_that_loses_most_of_it_gives_all_or_an_error() {
    let (mut whole, mut late) = (0, 0);
    for seed in 1..=60 {
        let faults = Faults { lose: 40, ..HARM };
        let mut scene = scene(&Setting {
            seed,
            faults,
            ..Setting::PLAIN
        });
        let limit = Duration::from_secs(40);
        let handles = [(); 8].map(|()| scene.add(limited("/body/5000", limit)));
        for handle in handles {
            let (result, easy) = scene.finish(handle);
            match result {
                Ok(()) => {
                    assert!(easy.body == body(5000), "seed {seed}");
                    whole += 1;
                }
                Err(Error::Timeout(Timer::Total)) => late += 1,
                // What the server had given up is reset.
                Err(error) => assert_eq!(error, Error::Receive(IoError::Reset), "seed {seed}"),
            }
        }
        assert!(
            scene.ended <= Instant::ZERO + limit,
            "seed {seed}: too late"
        );
        scene.assert_clean();
    }
    assert!(whole > 20 && late > 20, "{whole} came, {late} did not");
}

#[test]
fn a_reset_in_a_body_is_an_error() {
    for come in [0, 1, 1000, 4999] {
        let mut scene = plain();
        let handle = scene.get(&format!("/reset/{come}"));
        let (result, easy) = scene.finish(handle);
        assert_eq!(result, Err(Error::Receive(IoError::Reset)));
        assert!(easy.body == body(5000)[..come], "what came is delivered");
        scene.assert_clean();
    }
}

#[test]
fn an_end_in_a_body_is_a_partial_body() {
    for seed in 1..=20 {
        let mut scene = scene(&Setting {
            seed,
            faults: HARM,
            ..Setting::PLAIN
        });
        let handle = scene.get("/truncate/3000");
        let (result, easy) = scene.finish(handle);
        assert_eq!(result, Err(Error::PartialBody));
        assert!(easy.body == body(5000)[..3000]);
        scene.assert_clean();
    }
}

#[test]
fn a_stall_ends_at_the_total_limit_without_a_spin() {
    let mut scene = plain();
    let limit = Duration::from_secs(30);
    let handle = scene.add(limited("/stall/3000", limit));
    let (result, easy) = scene.finish(handle);
    assert_eq!(result, Err(Error::Timeout(Timer::Total)));
    assert_eq!(easy.body.len(), 3000);
    assert_eq!(scene.ended, Instant::ZERO + limit);
    assert!(
        scene.turns < TURNS_WHILE_NOTHING_COMES,
        "{} turns",
        scene.turns
    );
    scene.assert_clean();
}

#[test]
fn a_stall_ends_at_the_low_speed_limit() {
    let mut scene = plain();
    let slow = LowSpeed {
        bytes_per_second: NonZeroU32::new(100).expect("not zero"),
        time: Duration::from_secs(5),
    };
    let easy = Recorder::get("http://10.0.0.2/stall/3000");
    let handle = scene.add(easy.options(|options| options.low_speed = Some(slow)));
    let (result, _) = scene.finish(handle);
    assert_eq!(result, Err(Error::Timeout(Timer::LowSpeed)));
    // The speed over five seconds must be too low for five seconds.
    assert!(scene.ended <= Instant::ZERO + Duration::from_secs(13));
    scene.assert_clean();
}

#[test]
fn a_port_where_nobody_listens_is_refused() {
    let mut scene = plain();
    let handle = scene.add(Recorder::get("http://10.0.0.2:81/body/1"));
    let (result, _) = scene.finish(handle);
    assert_eq!(result, Err(Error::Connect(IoError::Refused)));
    assert!(scene.ended < Instant::ZERO + Duration::from_secs(1));
    scene.assert_clean();
}

#[test]
fn a_host_that_is_silent_ends_at_the_connect_limit() {
    // A cable that is cut, a neighbour that is not there, and no route.
    for address in ["10.0.0.2", "10.0.0.77", "192.168.9.9"] {
        let mut scene = plain();
        scene.wire.cut(address == "10.0.0.2");
        let limit = Duration::from_secs(20);
        let easy = Recorder::get(&format!("http://{address}/body/1"));
        let handle = scene.add(easy.options(|options| options.connect = limit));
        let (result, _) = scene.finish(handle);
        assert_eq!(result, Err(Error::Timeout(Timer::Connect)), "{address}");
        assert_eq!(scene.ended, Instant::ZERO + limit);
        assert!(
            scene.turns < TURNS_WHILE_NOTHING_COMES,
            "{} turns",
            scene.turns
        );
        scene.assert_clean();
    }
}

#[test]
fn the_sockets_own_limit_on_connecting_is_told_as_such() {
    let mut scene = plain();
    scene.limit_sockets(Duration::from_secs(5));
    scene.wire.cut(true);
    let handle = scene.get("/body/1");
    let (result, _) = scene.finish(handle);
    assert_eq!(result, Err(Error::Connect(IoError::TimedOut)));
    scene.wire.cut(false);
    scene.assert_clean();
}

#[test]
fn an_address_of_a_family_that_is_not_configured_is_unusable() {
    let mut scene = plain();
    let handle = scene.add(Recorder::get("http://[2001:db8::1]/body/1"));
    let (result, _) = scene.finish(handle);
    assert_eq!(result, Err(Error::Connect(IoError::AddressUnusable)));
    scene.assert_clean();
}

#[test]
fn long_lines_pass_through_short_rings() {
    for seed in 1..=20 {
        let mut scene = scene(&Setting {
            seed,
            faults: HARM,
            ring: 128,
            ..Setting::PLAIN
        });
        let handles = [(); 6].map(|()| scene.get("/head/480"));
        for handle in handles {
            let (result, easy) = scene.finish(handle);
            assert_eq!(result, Ok(()), "seed {seed}");
            let line = easy.got_fields.iter().find(|(name, _)| name == "X-Long");
            assert_eq!(line.map(|(_, value)| value.len()), Some(480));
            assert!(easy.body == body(100));
        }
        scene.assert_clean();
    }
}

#[test]
fn uploads_wait_while_the_window_is_full() {
    for (seed, faults) in (1..=20).flat_map(|seed| [(seed, Faults::default()), (seed, HARM)]) {
        let mut scene = scene(&Setting {
            seed,
            faults,
            ring: [128, 1024][usize::try_from(seed % 2).unwrap_or(0)],
            ..Setting::PLAIN
        });
        let bytes = body(9000);
        let length = Some(9000);
        let upload = || Recorder::new("PUT", "http://10.0.0.2/echo/200");
        let streamed = scene.add(upload().stream(&bytes, length));
        let held = scene.add(upload().bytes(&bytes));
        for handle in [streamed, held] {
            let (result, easy) = scene.finish(handle);
            assert_eq!(result, Ok(()), "seed {seed}");
            assert!(easy.body == bytes, "seed {seed}: the echo differs");
        }
        scene.assert_clean();
    }
}

#[test]
fn acknowledgements_out_of_order_stop_no_upload() {
    for seed in 1..=60 {
        let faults = Faults {
            lose: 15,
            reorder: 30,
            ..Faults::default()
        };
        let mut scene = scene(&Setting {
            seed,
            faults,
            ring: 4096,
            ..Setting::PLAIN
        });
        let bytes = body(9000);
        let easy = Recorder::new("PUT", "http://10.0.0.2/echo/150").bytes(&bytes);
        let handle = scene.add(easy);
        let (result, easy) = scene.finish(handle);
        assert_eq!(result, Ok(()), "seed {seed}");
        assert!(easy.body == bytes, "seed {seed}: the echo differs");
        scene.assert_clean();
    }
}

#[test]
fn an_answer_before_the_upload_is_read_is_taken() {
    let mut scene = plain();
    let easy = Recorder::new("PUT", "http://10.0.0.2/early/0").bytes(&body(50_000));
    let handle = scene.add(easy);
    let (result, easy) = scene.finish(handle);
    assert_eq!((result, easy.statuses), (Ok(()), vec![413]));
    scene.assert_clean();
}

#[test]
fn a_kept_connection_serves_the_next_until_the_server_closes_it() {
    let mut scene = plain();
    for expected in [1, 0, 0] {
        let handle = scene.get("/body/10");
        scene.run();
        let connects = scene.multi.info(handle).map(|info| info.connects);
        assert_eq!(connects, Some(expected));
        assert_eq!(scene.finish(handle).0, Ok(()));
        // Idle, and quiet.
        let turns = scene.turns;
        scene.run_for(Duration::from_secs(20));
        assert!(scene.turns - turns < TURNS_WHILE_NOTHING_COMES);
        assert_eq!(scene.net.open(), 1);
    }
    scene.server.close_all();
    scene.run_for(Duration::from_secs(1));
    assert_eq!(scene.net.open(), 0, "the end was not noticed");
    let handle = scene.get("/body/10");
    assert_eq!(scene.finish(handle).0, Ok(()));
    scene.assert_clean();
}

#[test]
fn it_goes_over_ipv6_too() {
    let mut scene = plain();
    scene.add_ipv6();
    let handle = scene.add(Recorder::get("http://[fd00::2]/body/5000"));
    let (result, easy) = scene.finish(handle);
    assert_eq!(result, Ok(()));
    assert!(easy.body == body(5000));
    scene.assert_clean();
}

#[test]
fn an_address_that_the_interface_loses_breaks_its_connections() {
    let mut scene = plain();
    let handle = scene.add(limited("/stall/3000", Duration::from_secs(30)));
    scene.run_for(Duration::from_secs(1));
    let addresses = &mut scene.net.stack().iface;
    addresses.update_ip_addrs(|addresses| addresses.clear());
    let (result, _) = scene.finish(handle);
    assert_eq!(result, Err(Error::Receive(IoError::Reset)));
    assert!(scene.ended < Instant::ZERO + Duration::from_secs(2));
}
