//! Identity, from a seed: `cargo xtask identity` runs more of it.

use std::time::Duration;

use muxfer_core::Config;
use muxfer_core::time::Instant;
use muxfer_tests::identity;
use muxfer_tests::recorder::Recorder;
use muxfer_tests::sim::{Act, Listen, http, ok};
use muxfer_tests::world::World;

/// As many as take a few seconds.
const SEEDS: u64 = 400;

#[test]
fn checklist_1_and_5_nothing_of_one_origin_is_used_for_another() {
    let tally = identity::check_all(0, SEEDS).unwrap_or_else(|why| panic!("{why}"));
    // All that could go wrong has been tried, and often.
    for (what, count, least) in [
        ("requests", tally.requests, 8_000),
        (
            "over connections that were used before",
            tally.reused,
            1_000,
        ),
        ("of transfers that had left their origin", tally.away, 2_000),
        ("of transfers that had come back", tally.homecomings, 400),
        ("with credentials", tally.authorized, 3_000),
        ("without an answer", tally.unanswered, 100),
        ("answered early", tally.early, 80),
        ("refused for what they expect", tally.refused_expect, 20),
        ("with bytes behind the answer", tally.smuggled, 100),
        ("look-ups", tally.lookups, 2_000),
        ("successes", tally.succeeded, 2_500),
        ("removed", tally.removed, 80),
        ("changes of the network", tally.changes, 100),
    ] {
        assert!(count >= least, "{what}: {count} of {least}");
    }
}

#[test]
fn r87_a_connection_is_not_handed_on_past_its_lifetime() {
    let mut world = World::new(Config {
        max_total_connections: 1,
        lifetime: Duration::from_millis(25),
        ..Config::DEFAULT
    });
    let peer = http(|_| [vec![Act::wait(10)], ok("x")].concat());
    world.sim.serve("10.0.0.1:80", peer);
    let handles: Vec<_> = (0..6).map(|_| world.get("/")).collect();
    for handle in handles {
        world.done(handle);
    }
    // Each serves those that end within its 25 ms, and the one that it has by then.
    assert_eq!(world.opens(), 2);
}

#[test]
fn r99_a_race_goes_on_with_addresses_that_were_found_anew() {
    let mut world = World::new(Config::DEFAULT);
    world.sim.dns_keep = Duration::from_millis(1);
    world.sim.name("a.test", &["10.0.0.1", "10.0.0.2"]);
    world.sim.listen("10.0.0.1:80", Listen::Silent);
    world.sim.serve("10.0.0.3:80", http(|_| ok("x")));
    let first = world.add(Recorder::get("http://a.test/"));
    world.run_for(Duration::from_millis(100));
    world.sim.name("a.test", &["10.0.0.3"]);
    let other = world.add(Recorder::get("http://a.test/").options(|o| o.forbid_reuse = true));
    world.run_for(Duration::from_millis(50));
    assert_eq!(world.done(other).text(), "x");
    // The second of the addresses is the first of the new ones.
    assert_eq!(world.done(first).text(), "x");
    assert!(world.sim.now < Instant::from_micros(2_000_000));
}
