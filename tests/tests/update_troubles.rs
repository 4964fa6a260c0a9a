//! Updates from servers that change, lie, break off and redirect.

use std::time::Duration;

use muxfer_core::Error;
use muxfer_core::easy::Field;
use muxfer_core::error::UrlError;
use muxfer_core::time::Timer;
use muxfer_embedded::update::{Fault, LayoutError, Region, Verified, Whole};
use muxfer_tests::device::{Bench, Site, Trouble, image};

type Device = Bench<4, 1024, 256>;

const LENGTH: usize = 10_000;

fn site(seed: u64, tag: &str) -> Site {
    Site::new(&image(LENGTH, seed), tag)
}

fn device() -> Device {
    Device::new(site(1, "\"v1\""), 1)
}

/// The update must succeed; answers where each request began.
fn starts(device: &mut Device) -> Vec<usize> {
    device.requests().clear();
    let digest = device.digest;
    let length = u32::try_from(LENGTH).expect("small");
    assert_eq!(device.boot().0, Ok(Verified { length, digest }));
    device.assert_image();
    device.requests().iter().map(|asked| asked.from).collect()
}

/// The update must fail; answers why, and how many requests there were.
fn failure(device: &mut Device) -> (Fault, usize) {
    device.requests().clear();
    let why = device.boot().0.expect_err("a failure");
    let requests = device.requests().len();
    (why, requests)
}

/// A device that has 8192 bytes of the image and a record of them.
fn interrupted() -> Device {
    let mut device = device().with(&[Trouble::Cut(8200)]);
    device.options.backoff.attempts = 1;
    assert_eq!(
        failure(&mut device),
        (Fault::Transfer(Error::PartialBody), 1)
    );
    device.options.backoff.attempts = 4;
    device
}

#[test]
fn an_image_comes_in_one_request_and_each_unit_is_erased_once() {
    let mut device = device();
    assert_eq!(starts(&mut device), [0]);
    assert_eq!(device.requests()[0].if_range, None);
    let image = device.layout.image;
    let (first, end) = (image.start / 1024, (image.start + image.size) / 1024);
    let erases = device.flash.erases.iter().zip(0..);
    for (erases, unit) in erases {
        let wanted = match unit {
            // What was in the sectors of the records was no record, and was cleared.
            1 => 2..=2,
            2 => 1..=1,
            unit if unit >= first && unit < end => 1..=1,
            _ => 0..=0,
        };
        assert!(wanted.contains(erases), "unit {unit}: {erases}");
    }
}

#[test]
fn what_is_complete_is_known_after_a_reset_without_a_request() {
    let mut device = device();
    assert_eq!(starts(&mut device), [0]);
    let operations = device.flash.operations;
    assert!(starts(&mut device).is_empty());
    assert_eq!(device.flash.operations, operations);
    // What the flash has lost meanwhile is noticed, and fetched again.
    device.flash.cells[device.layout.image.start as usize + 5000] ^= 4;
    assert_eq!(starts(&mut device), [0]);
}

#[test]
fn a_reset_goes_on_from_the_last_record() {
    let mut device = interrupted();
    assert_eq!(starts(&mut device), [8192]);
    assert_eq!(device.requests()[0].if_range.as_deref(), Some("\"v1\""));
}

#[test]
fn the_same_server_may_break_off_twice() {
    let mut device = interrupted().with(&[Trouble::Reset(900), Trouble::Cut(30)]);
    let starts = starts(&mut device);
    assert_eq!(starts[0], 8192);
    assert_eq!(starts.len(), 3);
    assert!(
        starts.is_sorted() && starts[2] == starts[1] + 30,
        "{starts:?}"
    );
}

#[test]
fn an_attempt_goes_on_at_the_very_byte_where_the_last_has_ended() {
    for trouble in [Trouble::Cut(4321), Trouble::Stall(4321)] {
        let mut device = device().with(&[trouble]);
        assert_eq!(starts(&mut device), [0, 4321], "{trouble:?}");
    }
    let mut device = device().with(&[Trouble::Stall(100)]);
    let (ran, _) = device.run();
    assert_eq!(ran.attempts, [Err(Error::Timeout(Timer::LowSpeed)), Ok(())]);
    // Less than what was asked for, and said so, is as good.
    let mut device = interrupted().with(&[Trouble::Less(7), Trouble::Less(1000)]);
    assert_eq!(starts(&mut device), [8192, 8199, 9199]);
}

#[test]
fn without_a_strong_tag_each_attempt_starts_at_the_first_byte() {
    let long = format!("\"{}\"", "x".repeat(80));
    for tag in ["", "W/\"v1\"", "v1", &long] {
        let mut device = Device::new(site(1, tag), 1).with(&[Trouble::Cut(9000)]);
        assert_eq!(starts(&mut device), [0, 0], "{tag}");
        // Only what is complete is recorded.
        assert!(starts(&mut device).is_empty(), "{tag}");
    }
}

#[test]
fn a_whole_in_answer_to_a_range_starts_over() {
    let mut device = interrupted().with(&[Trouble::Whole]);
    assert_eq!(starts(&mut device), [8192]);
    let mut device = device_that_fails_at_a_whole();
    assert_eq!(failure(&mut device), (Fault::Whole, 1));
    // What is there is as it was.
    assert_eq!(starts(&mut device), [8192]);
}

fn device_that_fails_at_a_whole() -> Device {
    let mut device = interrupted().with(&[Trouble::Whole]);
    device.options.whole = Whole::Fail;
    device
}

#[test]
fn an_image_that_changed_midway_starts_over_and_is_not_mixed() {
    // To the one that is wanted.
    let mut device = Device::new(site(2, "\"v2\""), 1);
    device.set_site(site(1, "\"v1\""));
    device.troubles().push_back(Trouble::Cut(8200));
    device.options.backoff.attempts = 1;
    assert_eq!(failure(&mut device).1, 1);
    device.set_site(site(2, "\"v2\""));
    device.options.backoff.attempts = 4;
    assert_eq!(starts(&mut device), [8192]);
    // To another: it came whole from one server, so nothing is gained by fetching it again.
    let mut device = interrupted();
    device.set_site(site(2, "\"v2\""));
    assert_eq!(failure(&mut device), (Fault::Digest, 1));
    device.set_site(site(1, "\"v1\""));
    assert_eq!(starts(&mut device), [0], "the record is erased");
}

#[test]
fn a_part_of_another_image_is_refused_and_the_next_attempt_starts_over() {
    for trouble in [
        Trouble::OtherStart(8191),
        Trouble::OtherStart(8193),
        Trouble::OtherTotal(1),
        Trouble::OtherTag,
        Trouble::NoTag,
    ] {
        let mut device = interrupted().with(&[trouble]);
        assert_eq!(starts(&mut device), [8192, 0], "{trouble:?}");
    }
}

#[test]
fn a_part_that_no_server_can_give_starts_over() {
    for length in [0, 8192, 9000, 10_000] {
        let mut device = interrupted().with(&[Trouble::Unsatisfied(length)]);
        assert_eq!(starts(&mut device), [8192, 0], "{length}");
    }
}

#[test]
fn what_has_all_but_its_end_is_complete_when_there_is_no_more() {
    let mut site = site(1, "\"v1\"");
    site.is_chunked = true;
    // All but the last chunk, which says that it is the last.
    let mut device = Device::new(site, 1).with(&[Trouble::Cut(LENGTH - 5)]);
    assert_eq!(starts(&mut device), [0, LENGTH]);
    let mut device = device_that_knows_the_length(&[Trouble::Cut(LENGTH - 5)]);
    assert_eq!(starts(&mut device), [0]);
}

fn device_that_knows_the_length(troubles: &[Trouble]) -> Device {
    let mut site = site(1, "\"v1\"");
    site.is_chunked = true;
    let mut device = Device::new(site, 1).with(troubles);
    device.knows_length = true;
    device
}

#[test]
fn an_image_may_come_without_its_length() {
    let mut device = device_that_knows_the_length(&[]);
    device.knows_length = false;
    assert_eq!(starts(&mut device), [0]);
    // The end of the connection is no sure end: once, the whole is fetched again.
    let mut device = self::device().with(&[Trouble::Endless(5000)]);
    assert_eq!(starts(&mut device), [0, 0]);
    let mut device = self::device().with(&[Trouble::Endless(5000); 2]);
    assert_eq!(failure(&mut device), (Fault::Digest, 2));
    // Who knows the length goes on.
    let mut device = device_that_knows_the_length(&[Trouble::Endless(5000)]);
    assert_eq!(starts(&mut device), [0, 5000]);
}

#[test]
fn bytes_behind_the_end_are_not_of_the_image() {
    let mut device = interrupted().with(&[Trouble::More(3000)]);
    assert_eq!(starts(&mut device), [8192]);
    let mut device = self::device().with(&[Trouble::More(3000)]);
    assert_eq!(starts(&mut device), [0]);
}

#[test]
fn an_image_that_is_too_large_is_refused_before_anything_is_erased() {
    let mut device = device();
    device.layout.image.size = 9 * 1024;
    assert_eq!(failure(&mut device), (Fault::TooLarge, 1));
    device.knows_length = true;
    assert_eq!(failure(&mut device), (Fault::TooLarge, 0));
    assert_eq!(device.flash.operations, 0);
    // Without its length it is noticed when the region is full.
    let mut device = device_that_knows_the_length(&[]);
    device.layout.image.size = 9 * 1024;
    device.knows_length = false;
    assert_eq!(failure(&mut device), (Fault::TooLarge, 1));
}

#[test]
fn an_image_of_another_length_than_it_must_have_is_refused() {
    for surplus in [0, 2] {
        let mut other = site(1, "\"v1\"");
        other.image.resize(LENGTH - 1 + surplus, 7);
        let mut device = device();
        device.knows_length = true;
        device.set_site(other.clone());
        assert_eq!(failure(&mut device), (Fault::Length, 1));
        assert_eq!(device.flash.operations, 0);
        other.is_chunked = true;
        device.set_site(other);
        let why = failure(&mut device).0;
        assert!(matches!(why, Fault::Length | Fault::Changed), "{why}");
    }
}

#[test]
fn a_wrong_image_is_an_error_and_leaves_no_record() {
    let mut device = device();
    device.set_site(site(2, "\"v1\""));
    assert_eq!(failure(&mut device), (Fault::Digest, 1));
    device.set_site(site(1, "\"v1\""));
    assert_eq!(starts(&mut device), [0]);
    // One that was put together from two answers is fetched once more, as a whole.
    let mut device = interrupted().with(&[Trouble::Flip(100)]);
    assert_eq!(starts(&mut device), [8192, 0]);
    let mut device = interrupted().with(&[Trouble::Flip(100), Trouble::Flip(1)]);
    assert_eq!(failure(&mut device), (Fault::Digest, 2));
}

#[test]
fn an_encoded_body_is_no_image() {
    let mut device = device().with(&[Trouble::Gzip]);
    assert_eq!(failure(&mut device), (Fault::Encoded, 1));
    assert_eq!(device.flash.operations, 0);
    let mut device = interrupted().with(&[Trouble::Gzip]);
    assert_eq!(starts(&mut device), [8192, 0]);
}

#[test]
fn a_busy_server_is_asked_again_when_it_says() {
    let mut device = device().with(&[Trouble::Busy(40), Trouble::Busy(100_000)]);
    let (ran, _) = device.run();
    assert!(ran.end.is_ok());
    let bounds = [40, 3600].map(Duration::from_secs);
    assert_eq!(ran.pauses.len(), 2);
    for (pause, least) in ran.pauses.iter().zip(bounds) {
        assert!(
            *pause >= least && *pause < least + Duration::from_secs(4),
            "{pause:?}"
        );
    }
    assert_eq!(ran.attempts[0], Err(Error::HttpStatus(503)));
}

#[test]
fn a_redirect_is_followed_while_streaming_and_takes_no_credentials_along() {
    let mut device = interrupted().with(&[Trouble::Redirect]);
    device.fields = vec![
        Field {
            name: "Authorization",
            value: "Bearer secret",
        },
        Field {
            name: "X-Device",
            value: "7",
        },
    ];
    assert_eq!(starts(&mut device), [8192, 8192]);
    let requests = device.requests();
    assert_eq!(
        [&*requests[0].host, &*requests[1].host],
        ["10.0.0.1:80", "10.0.0.2:80"]
    );
    assert!(requests[0].head.contains("Bearer secret"));
    assert!(!requests[1].head.contains("secret"), "{}", requests[1].head);
    assert!(requests[1].head.contains("X-Device: 7"));
    assert_eq!(requests[1].if_range.as_deref(), Some("\"v1\""));
}

#[test]
fn each_attempt_starts_at_the_first_url() {
    let troubles = [Trouble::Redirect, Trouble::Cut(1000)];
    let mut device = device().with(&troubles);
    assert_eq!(starts(&mut device), [0, 0, 1000]);
    let hosts: Vec<_> = device
        .requests()
        .iter()
        .map(|asked| asked.host.clone())
        .collect();
    assert_eq!(hosts, ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.1:80"]);
    let mut device = self::device().with(&[Trouble::Redirect; 6]);
    assert_eq!(
        failure(&mut device),
        (Fault::Transfer(Error::TooManyRedirects), 6)
    );
}

#[test]
fn redirects_that_are_not_followed_bring_no_image() {
    let mut device = device().with(&[Trouble::Redirect]);
    device.options.transfer.redirects = muxfer_core::easy::Redirects::Deliver;
    assert_eq!(failure(&mut device), (Fault::Status(302), 1));
    assert_eq!(device.flash.operations, 0);
}

#[test]
fn attempts_end_when_there_is_no_progress() {
    let mut device = device().with(&[Trouble::Silence; 9]);
    let (ran, _) = device.run();
    assert_eq!(ran.end, Err(Fault::Transfer(Error::EmptyReply)));
    assert_eq!((ran.attempts.len(), ran.pauses.len()), (4, 3));
    // What is not there will not be there.
    let mut device = self::device().with(&[Trouble::NotFound]);
    assert_eq!(
        failure(&mut device),
        (Fault::Transfer(Error::HttpStatus(404)), 1)
    );
}

#[test]
fn progress_gives_attempts_and_a_byte_at_a_time_does_not() {
    let mut device = device().with(&[Trouble::Cut(1100); 20]);
    assert_eq!(starts(&mut device).len(), 10);
    let mut device = self::device().with(&[Trouble::Cut(10); 100]);
    let (why, requests) = failure(&mut device);
    assert_eq!(why, Fault::Transfer(Error::PartialBody));
    assert_eq!(requests, 4);
    // Starting over is no progress, however often.
    let again = [Trouble::Cut(5000), Trouble::OtherTag];
    let mut device = self::device().with(&again.repeat(20));
    let (_, requests) = failure(&mut device);
    assert!(requests <= 8, "{requests}");
}

#[test]
fn whoever_sees_the_digest_may_refuse_the_image() {
    let mut device = device();
    device.approve = Some(|digest| digest[0] == 0 && digest[0] == 1);
    assert_eq!(failure(&mut device), (Fault::Refused, 1));
    device.approve = Some(|digest| digest.len() == 32);
    assert_eq!(starts(&mut device), [0], "the record is erased");
}

#[test]
fn another_job_does_not_go_on_with_what_is_there() {
    let mut device = interrupted();
    let other = Device::new(site(2, "\"v1\""), 1);
    device.digest = other.digest;
    // Even the tag is the same.
    device.set_site(site(2, "\"v1\""));
    assert_eq!(starts(&mut device), [0]);
}

#[test]
fn a_flash_that_fails_ends_it_and_the_next_boot_goes_on() {
    let mut count = 0;
    for nth in 0.. {
        let mut device = device();
        device.flash.fail_at = Some(nth);
        let (end, _) = device.boot();
        if end.is_ok() {
            break;
        }
        assert!(matches!(end, Err(Fault::Flash(_))), "{nth}: {end:?}");
        device.flash.reboot();
        let starts = starts(&mut device);
        assert!(starts.len() <= 1, "{nth}: {starts:?}");
        count += 1;
    }
    assert!(count > 40, "{count} operations");
}

#[test]
fn a_layout_that_does_not_fit_is_refused_before_anything_is_done() {
    for (image, records, why) in [
        (
            Region::new(4096, 12_288),
            Region::new(0, 1024),
            LayoutError::TooSmall,
        ),
        (
            Region::new(4095, 12_288),
            Region::new(0, 2048),
            LayoutError::NotAligned,
        ),
        (
            Region::new(4096, 1 << 20),
            Region::new(0, 2048),
            LayoutError::OutOfBounds,
        ),
        (
            Region::new(1024, 12_288),
            Region::new(0, 2048),
            LayoutError::Overlap,
        ),
    ] {
        let mut device = device();
        (device.layout.image, device.layout.records) = (image, records);
        assert_eq!(failure(&mut device), (Fault::Layout(why), 0));
        assert_eq!(device.flash.operations, 0);
    }
}

#[test]
fn a_url_that_does_not_fit_ends_it() {
    let mut device = device().with(&[Trouble::LongRedirect]);
    let too_long = Fault::Transfer(Error::BadUrl(UrlError::TooLong));
    assert_eq!(failure(&mut device), (too_long, 1));
}

#[test]
fn an_empty_image_is_an_image() {
    let mut device = Device::new(Site::new(&[], "\"v1\""), 1);
    let (end, _) = device.boot();
    assert_eq!(end.map(|image| image.length), Ok(0));
}
