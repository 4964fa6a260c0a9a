//! The swarm itself: it gives the same run for the same seed, it reaches what it is for, and it
//! finds what is wrong.

use std::collections::BTreeMap;

use muxfer_tests::swarm::{self, Bytes};

#[test]
fn a_seed_gives_the_same_run_every_time() {
    for seed in 1..=40 {
        let script = swarm::of_seed(seed);
        let (one, result) = swarm::trace(&script);
        assert!(result.is_ok(), "seed {seed}: {result:?}");
        let (other, _) = swarm::trace(&swarm::of_seed(seed));
        assert_eq!(one, other, "seed {seed}");
        assert!(one.len() > 3, "seed {seed}: {one:?}");
    }
}

#[test]
fn all_kinds_of_ends_come_up() {
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    let (mut retries, mut reuses) = (0, 0);
    for seed in 1..=400 {
        let report = swarm::attempt(&swarm::of_seed(seed)).expect("no failure");
        for (end, count) in report.ends {
            *ends.entry(end).or_default() += count;
        }
        retries += report.retries;
        reuses += report.reuses;
    }
    for end in [
        "success",
        "removed",
        "AbortedByCallback",
        "BodyTooLarge",
        "EmptyReply",
        "PartialBody",
        "Read",
        "Receive(Reset)",
        "Resolve",
        "Rewind",
        "Timeout(Connect)",
        "Timeout(Total)",
        "TooManyRedirects",
        "TransferCoding",
        "Write",
    ] {
        assert!(ends.contains_key(end), "no {end} in {ends:?}");
    }
    for start in ["BadResponse", "Connect(", "HttpStatus", "Limit("] {
        assert!(ends.keys().any(|end| end.starts_with(start)), "{ends:?}");
    }
    assert!(
        retries > 0 && reuses > 0,
        "{retries} retries, {reuses} reuses"
    );
}

#[test]
fn bytes_make_scripts_too() {
    let bytes: Vec<u8> = (0..2000_u32).map(|n| (n * 37 % 251) as u8).collect();
    for end in [0, 1, 10, 300, 2000] {
        let script = swarm::script(&mut Bytes(&bytes[..end]));
        swarm::attempt(&script).expect("no failure");
    }
}

#[test]
fn a_failing_script_is_made_smaller_and_still_fails() {
    // It fails as soon as its first job is added.
    let mut script = swarm::of_seed(3);
    script.jobs[0].hops[0].host = script.setup.hosts.len();
    let failure = swarm::attempt(&script).expect_err("a host that is not there");
    let small = swarm::smaller(&script, &failure);
    assert!(swarm::attempt(&small).is_err());
    assert!(small.ops.len() <= 1, "{:?}", small.ops);
}
