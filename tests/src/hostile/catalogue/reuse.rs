//! Connections that are kept, and die when they are used again.

use muxfer_core::Error;
use muxfer_core::net::IoError;

use super::{Act, Ask, Entry, Outcome};
use crate::hostile::visitor::Upload;

const TEN: fn(usize) -> Outcome = |_| Outcome::Success(200, 10);

pub(super) const ENTRIES: &[Entry] = &[
    Entry::new(
        "closes-when-reused",
        "R88",
        |ask| first_only(ask, Act::Close),
        TEN,
    )
    .keeps()
    .weight(40),
    Entry::new(
        "resets-when-reused",
        "R88",
        |ask| first_only(ask, Act::Reset),
        TEN,
    )
    .keeps()
    .weight(40),
    Entry::new(
        "put-closes-when-reused",
        "R88",
        |ask| first_only(ask, Act::Close),
        TEN,
    )
    .wish(|visitor| visitor.put(Upload::Sized(3000)))
    .keeps()
    .weight(20),
    Entry::new(
        "closes-always",
        "R88",
        |_| vec![Act::Body, Act::Close],
        |_| Outcome::Failure(Error::EmptyReply),
    )
    .weight(20),
    Entry::new(
        "resets-always",
        "R88",
        |_| vec![Act::Body, Act::Reset],
        |_| Outcome::Failure(Error::Receive(IoError::Reset)),
    )
    .weight(20),
    // CHECKLIST 35: a byte of response forbids another try, also on a connection that served before.
    Entry::new(
        "closes-after-a-byte",
        "CHECKLIST 35",
        |_| vec![Act::text("H"), Act::Close],
        |_| Outcome::Failure(Error::Receive(IoError::Closed)),
    ),
    // The connection says that it is kept, and is not.
    Entry::new(
        "kept-and-closed",
        "R89",
        |ask| vec![Act::Send(ask.sized(10)), Act::Close],
        TEN,
    )
    .weight(40),
    Entry::new("late-surplus", "CHECKLIST 16", late_surplus, TEN).apart(),
    Entry::new(
        "late-close",
        "R87",
        |ask| vec![Act::Send(ask.sized(10)), Act::wait(20), Act::Close],
        TEN,
    )
    .weight(20),
];

/// The first request of a connection is answered; the next finds its end.
fn first_only(ask: &Ask<'_>, end: Act) -> Vec<Act> {
    if ask.nth == 1 {
        return vec![Act::Body, Act::Send(ask.sized(10))];
    }
    vec![Act::Body, end]
}

/// A response that nobody asked for, when the connection is idle.
fn late_surplus(ask: &Ask<'_>) -> Vec<Act> {
    vec![
        Act::Send(ask.sized(10)),
        Act::wait(20),
        Act::text("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON"),
        Act::Stay,
    ]
}
