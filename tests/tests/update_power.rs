//! Updates whose power fails: in any operation of the flash, whatever was half done.

use muxfer_embedded::update::{Fault, UpdateOptions};
use muxfer_tests::device::{Bench, OPTIONS, Site, Trouble, image};
use muxfer_tests::sim::Prng;

/// Enough to see every record, and the turn from one sector of records to the other.
const LENGTH: usize = 20_000;

/// One update in which the power fails in the nth operation, and another that goes on. Answers
/// whether the first was cut at all.
fn cut<const WRITE: usize, const ERASE: usize, const BUFFER: usize>(
    nth: usize,
    every: u32,
    checks: bool,
) -> bool {
    let image = image(LENGTH, 1);
    let mut bench = Bench::<WRITE, ERASE, BUFFER>::new(Site::new(&image, "\"v1\""), nth as u64);
    bench.options = UpdateOptions {
        record_every: every,
        ..OPTIONS
    };
    bench.flash.checks = checks;
    bench.flash.cut_at = Some(nth);
    let (first, position) = bench.boot();
    if first.is_ok() {
        assert!(!bench.flash.is_dead());
        return false;
    }
    assert!(matches!(first, Err(Fault::Flash(_))), "{first:?}");
    bench.requests().clear();
    bench.flash.reboot();
    let (second, _) = bench.boot();
    assert_eq!(
        second.map(|image| image.length as usize),
        Ok(LENGTH),
        "cut {nth}"
    );
    bench.assert_image();
    // What a reset costs is bounded: what the last record did not know of, and an erase unit.
    let lost = every as usize + ERASE + BUFFER;
    let from = match &bench.requests()[..] {
        [] => LENGTH,
        [request] => request.from,
        more => panic!("{more:?}"),
    };
    assert!(from + lost >= position, "cut {nth}: {from} of {position}");
    true
}

fn cut_everywhere<const WRITE: usize, const ERASE: usize, const BUFFER: usize>(every: u32) {
    for checks in [false, true] {
        let cuts = (0..).take_while(|nth| cut::<WRITE, ERASE, BUFFER>(*nth, every, checks));
        let cuts = cuts.count();
        let writes = LENGTH / BUFFER + LENGTH / ERASE;
        assert!(cuts > writes, "{cuts} operations");
    }
}

#[test]
fn a_cut_in_any_operation_is_resumed_on_a_flash_of_bytes() {
    cut_everywhere::<1, 4096, 256>(4096);
}

#[test]
fn a_cut_in_any_operation_is_resumed_on_a_flash_of_words() {
    cut_everywhere::<8, 2048, 128>(1);
}

#[test]
fn a_cut_in_any_operation_is_resumed_on_a_flash_of_pages() {
    cut_everywhere::<256, 1024, 256>(4096);
}

#[test]
fn a_cut_in_any_operation_is_resumed_with_units_as_small_as_a_record() {
    cut_everywhere::<4, 128, 128>(1);
}

/// Cuts the power in each boot after some operations, until one gets through. Answers where the
/// first request of each boot began.
fn cut_each_boot(seed: u64, checks: bool) -> Vec<usize> {
    let mut random = Prng::new(seed);
    let image = image(LENGTH, 1);
    let mut bench = Bench::<4, 1024, 256>::new(Site::new(&image, "\"v1\""), seed);
    bench.flash.checks = checks;
    bench.options.record_every = 1;
    let mut starts = Vec::new();
    loop {
        assert!(starts.len() < 1000, "no end");
        bench.flash.reboot();
        // From none to enough for two units and their records.
        let after = usize::try_from(random.below(18)).expect("small");
        bench.flash.cut_at = Some(bench.flash.operations + after);
        bench.requests().clear();
        let (end, _) = bench.boot();
        starts.extend(bench.requests().first().map(|asked| asked.from));
        if end.is_ok() {
            bench.assert_image();
            return starts;
        }
    }
}

#[test]
fn power_that_fails_in_each_boot_never_sets_it_back() {
    for seed in 0..10 {
        let starts = cut_each_boot(seed, false);
        assert!(starts.is_sorted(), "seed {seed}: {starts:?}");
        assert!(starts.len() > 10, "{starts:?}");
    }
}

#[test]
fn power_that_fails_in_each_boot_of_a_flash_that_checks_comes_to_an_end() {
    for seed in 0..10 {
        cut_each_boot(seed, true);
    }
}

/// Cuts, trouble and changed images, all at once.
fn chaos(seed: u64) -> usize {
    let mut random = Prng::new(seed);
    let length = 1 + usize::try_from(random.below(12_000)).expect("small");
    let right = Site {
        is_chunked: random.chance(20),
        ..Site::new(&image(length, 1), "\"v1\"")
    };
    let wrong = Site::new(&image(length + usize::from(random.chance(50)), 2), "\"v2\"");
    let mut bench = Bench::<4, 1024, 256>::new(right.clone(), seed);
    bench.flash.checks = random.chance(50);
    bench.knows_length = random.chance(50);
    bench.options.record_every = [1, 1024, 4096][usize::try_from(random.below(3)).expect("small")];
    let mut ends = 0;
    for _ in 0..random.below(8) {
        for _ in 0..random.below(6) {
            let trouble = Trouble::draw(&mut random, length);
            bench.troubles().push_back(trouble);
        }
        let site = if random.chance(20) { &wrong } else { &right };
        bench.set_site(site.clone());
        bench.flash.reboot();
        if random.chance(60) {
            let after = usize::try_from(random.below(60)).expect("small");
            bench.flash.cut_at = Some(bench.flash.operations + after);
        }
        if bench.boot().0.is_ok() {
            // Whatever happened: what is called complete is the image.
            bench.assert_image();
            ends += 1;
        }
    }
    bench.flash.reboot();
    bench.troubles().clear();
    bench.set_site(right);
    let (end, _) = bench.boot();
    assert_eq!(
        end.map(|image| image.length as usize),
        Ok(length),
        "seed {seed}"
    );
    bench.assert_image();
    ends
}

#[test]
fn complete_is_what_has_the_right_bytes_and_nothing_else() {
    let seeds = 2000;
    let early: usize = (0..seeds).map(chaos).sum();
    // The trouble is no wall: many updates get through in the midst of it.
    assert!(early > 700, "{early} of {seeds}");
}
