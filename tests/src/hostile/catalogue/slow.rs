//! Peers that take all the time in the world.

use std::time::Duration;

use muxfer_core::Error;
use muxfer_core::time::Timer;

use super::{Act, Entry, Gate, Outcome, Visitor, nothing, say};
use crate::hostile::visitor::Upload;

const TOTAL: fn(usize) -> Outcome = |_| Outcome::Failure(Error::Timeout(Timer::Total));
const TOO_SLOW: fn(usize) -> Outcome = |_| Outcome::Failure(Error::Timeout(Timer::LowSpeed));

/// More than the buffers of both systems take.
const LARGE: u64 = 64 * 1024 * 1024;

fn drip(start: &str, bytes: &str) -> Vec<Act> {
    let pause = Duration::from_millis(100);
    vec![
        Act::text(start),
        Act::Drip(bytes.as_bytes().to_vec(), pause),
    ]
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

pub(super) const ENTRIES: &[Entry] = &[
    Entry::new("silent", "CHECKLIST 28", nothing, TOTAL)
        .until_patience(Visitor::patient)
        .weight(150),
    Entry::new("silent-too-slow", "CHECKLIST 28", nothing, TOO_SLOW)
        .until_too_slow()
        .weight(50),
    Entry::new(
        "silent-in-head",
        "CHECKLIST 28",
        |_| say("HTTP/1.1 200 OK\r\nA: "),
        TOTAL,
    )
    .until_patience(Visitor::patient)
    .weight(50),
    Entry::new(
        "silent-in-chunk-size",
        "CHECKLIST 28",
        |_| say(&format!("{CHUNKED}5")),
        TOTAL,
    )
    .until_patience(Visitor::patient)
    .weight(30),
    Entry::new(
        "silent-in-body",
        "CHECKLIST 28",
        |ask| {
            vec![
                ask.headed("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n", 49),
                Act::Stay,
            ]
        },
        TOTAL,
    )
    .until_patience(Visitor::patient)
    .weight(50),
    Entry::new(
        "never-ending",
        "CHECKLIST 28",
        |ask| vec![ask.headed("HTTP/1.1 200 OK\r\n\r\n", 49), Act::Stay],
        TOTAL,
    )
    .until_patience(Visitor::patient)
    .weight(30),
    Entry::new("mute", "CHECKLIST 28", nothing, TOTAL)
        .gate(Gate::Mute)
        .until_patience(Visitor::patient)
        .weight(30),
    Entry::new("never-accepted", "CHECKLIST 28", nothing, |_| {
        Outcome::Failure(Error::Timeout(Timer::Connect))
    })
    .gate(Gate::Full)
    .until_patience(|mut visitor| {
        visitor.options.connect = visitor.patience;
        visitor
    })
    .weight(20),
    Entry::new(
        "dripping-head",
        "CHECKLIST 28",
        |_| drip("HTTP/1.1 200 OK\r\n", "A: b\r\n"),
        TOO_SLOW,
    )
    .until_too_slow()
    .weight(30),
    Entry::new(
        "dripping-head-total",
        "CHECKLIST 28",
        |_| drip("HTTP/1.1 200 OK\r\n", "A: b\r\n"),
        TOTAL,
    )
    .until_patience(Visitor::patient)
    .weight(30),
    Entry::new("dripping-body", "CHECKLIST 28", dripping_body, TOO_SLOW)
        .until_too_slow()
        .weight(30),
    Entry::new(
        "dripping-extension",
        "CHECKLIST 28",
        |_| drip(&format!("{CHUNKED}0;"), "x"),
        TOO_SLOW,
    )
    .until_too_slow(),
    // One early hint after the other is no answer.
    Entry::new(
        "dripping-1xx",
        "CHECKLIST 15",
        |_| drip("", "HTTP/1.1 102 Processing\r\n\r\n"),
        TOTAL,
    )
    .until_patience(Visitor::patient),
    Entry::new(
        "flood-at-a-rate",
        "R101",
        |_| {
            vec![
                Act::text("HTTP/1.1 200 OK\r\n\r\n"),
                Act::Flood(vec![b'x'; 1000]),
            ]
        },
        TOTAL,
    )
    .until_patience(|visitor| {
        let mut visitor = visitor.patient();
        visitor.options.receive_rate = 20_000.try_into().ok();
        // Its bytes are nobody's body.
        visitor.unchecked = true;
        visitor
    })
    .weight(5),
    // What it has sent already is held back, by the system and the platform: both must have bounds.
    Entry::new(
        "paused",
        "R100",
        |_| {
            vec![
                Act::text("HTTP/1.1 200 OK\r\n\r\n"),
                Act::Flood(vec![b'x'; 1000]),
            ]
        },
        TOTAL,
    )
    .until_patience(|visitor| {
        let mut visitor = visitor.patient();
        visitor.pauses = true;
        visitor
    })
    .weight(40),
    Entry::new(
        "reads-nothing",
        "CHECKLIST 28",
        |_| vec![Act::Deaf, Act::Stay],
        TOTAL,
    )
    .until_patience(|visitor| visitor.patient().put(Upload::Sized(LARGE)))
    .weight(15),
    Entry::new(
        "reads-no-chunks",
        "CHECKLIST 28",
        |_| vec![Act::Deaf, Act::Stay],
        TOTAL,
    )
    .until_patience(|visitor| visitor.patient().put(Upload::Chunked(LARGE)))
    .weight(5),
    Entry::new(
        "reads-nothing-too-slow",
        "CHECKLIST 28",
        |_| vec![Act::Deaf, Act::Stay],
        TOO_SLOW,
    )
    .until_too_slow()
    .wish(|visitor| {
        visitor
            .no_slower_than(1_000_000_000)
            .put(Upload::Sized(LARGE))
    })
    .weight(5),
];

/// The body that it should be, a byte at a time: it would take four minutes.
fn dripping_body(ask: &super::Ask<'_>) -> Vec<Act> {
    let pause = Duration::from_millis(100);
    vec![
        Act::text("HTTP/1.1 200 OK\r\nContent-Length: 2400\r\n\r\n"),
        Act::Drip(ask.body(2400), pause),
    ]
}
