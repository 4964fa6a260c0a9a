//! Peers that answer uploads too early, too late, or not at all.

use std::time::Duration;

use muxfer_core::Error;
use muxfer_core::error::Limit;

use super::{Act, Entry, Outcome};
use crate::hostile::visitor::Upload;

/// More than the buffers of both systems take: the answer comes in the midst of it.
const LARGE: u64 = 32 * 1024 * 1024;
const SMALL: u64 = 3000;

const REFUSAL: &str = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n";
const EARLY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

const REFUSED: fn(usize) -> Outcome = |_| Outcome::Success(413, 0);

pub(super) const ENTRIES: &[Entry] = &[
    Entry::new(
        "refused",
        "CHECKLIST 17",
        |_| vec![Act::text(REFUSAL), Act::Stay],
        REFUSED,
    )
    .wish(|visitor| visitor.put(Upload::Sized(LARGE)))
    .weight(5),
    Entry::new(
        "refused-chunked",
        "CHECKLIST 17",
        |_| vec![Act::text(REFUSAL), Act::Stay],
        REFUSED,
    )
    .wish(|visitor| visitor.put(Upload::Chunked(LARGE)))
    .weight(5),
    // The bytes that nobody read make the close a reset; the answer before it counts.
    Entry::new(
        "refused-and-closed",
        "CHECKLIST 17",
        |_| vec![Act::Deaf, Act::text(REFUSAL), Act::Close],
        REFUSED,
    )
    .wish(|visitor| visitor.put(Upload::Sized(LARGE)))
    .weight(10),
    Entry::new(
        "refused-and-half-closed",
        "CHECKLIST 17",
        |_| vec![Act::text(REFUSAL), Act::HalfClose, Act::Stay],
        REFUSED,
    )
    .wish(|visitor| visitor.put(Upload::Sized(LARGE)))
    .weight(5),
    Entry::new(
        "refused-late",
        "CHECKLIST 17",
        |_| vec![Act::Deaf, Act::wait(50), Act::text(REFUSAL), Act::Close],
        REFUSED,
    )
    .wish(|visitor| visitor.put(Upload::Sized(LARGE)))
    .weight(5),
    Entry::new(
        "answered-early",
        "CHECKLIST 17",
        |_| vec![Act::text(EARLY), Act::Stay],
        |_| Outcome::Success(200, 0),
    )
    .wish(|visitor| visitor.put(Upload::Sized(LARGE)))
    .weight(5),
    Entry::new(
        "half-closed-in-upload",
        "CHECKLIST 17",
        |_| vec![Act::HalfClose, Act::Stay],
        |_| Outcome::Failure(Error::EmptyReply),
    )
    .wish(|visitor| visitor.put(Upload::Sized(LARGE)))
    .weight(5),
    Entry::new(
        "never-continue",
        "CHECKLIST 15",
        |ask| vec![Act::Body, Act::Send(ask.sized(10))],
        |_| Outcome::Success(200, 10),
    )
    .wish(|visitor| {
        visitor
            .put(Upload::Sized(SMALL))
            .asking(Duration::from_millis(100))
    })
    .keeps(),
    Entry::new("417-always", "CHECKLIST 15", never_met, |_| {
        Outcome::Success(417, 0)
    })
    .wish(|visitor| visitor.put(Upload::Sized(SMALL)).asking(PATIENT))
    .keeps(),
    Entry::new("417-once", "CHECKLIST 15", not_with_expect, |_| {
        Outcome::Success(200, 10)
    })
    .wish(|visitor| visitor.put(Upload::Sized(SMALL)).asking(PATIENT))
    .keeps(),
    Entry::new(
        "continue-and-close",
        "CHECKLIST 15",
        |_| {
            vec![
                Act::text("HTTP/1.1 100 Continue\r\n\r\n"),
                Act::Body,
                Act::Close,
            ]
        },
        |_| Outcome::Failure(Error::EmptyReply),
    )
    .wish(|visitor| visitor.put(Upload::Sized(SMALL)).asking(PATIENT)),
    Entry::new(
        "continue-for-ever",
        "CHECKLIST 15",
        |_| vec![Act::Flood(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec())],
        |_| Outcome::Failure(Error::Limit(Limit::Informational)),
    )
    .wish(|visitor| visitor.put(Upload::Sized(SMALL)).asking(PATIENT)),
    Entry::new(
        "continue-unasked",
        "CHECKLIST 15",
        |ask| {
            let ten = ask.sized(10);
            vec![Act::Send(
                [&b"HTTP/1.1 100 Continue\r\n\r\n"[..], &ten].concat(),
            )]
        },
        |_| Outcome::Success(200, 10),
    )
    .keeps(),
];

/// Longer than any test waits: the peer must be the one that lets the body go.
const PATIENT: Duration = Duration::from_secs(600);
const EXPECTATION: &str = "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n";

/// The second time it is asked without; then the refusal is the answer.
fn never_met(ask: &super::Ask<'_>) -> Vec<Act> {
    if ask.field("expect").is_some() {
        return vec![Act::text(EXPECTATION), Act::Stay];
    }
    vec![Act::Body, Act::text(EXPECTATION)]
}

/// RFC 9110 §10.1.1: a client may ask again without.
fn not_with_expect(ask: &super::Ask<'_>) -> Vec<Act> {
    if ask.field("expect").is_some() {
        return vec![Act::text(EXPECTATION), Act::Close];
    }
    vec![Act::Body, Act::Send(ask.sized(10))]
}
