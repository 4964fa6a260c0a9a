//! Redirects that lead nowhere.

use muxfer_core::Error;
use muxfer_core::error::{Limit, ResponseError, UrlError};

use super::{Act, Ask, Entry, Outcome, Visitor, bad};
use crate::hostile::visitor::Upload;

/// A redirect to there; the fields end with a body of no bytes.
fn to(location: &str) -> Vec<Act> {
    status_to("302 Found", location)
}

fn status_to(status: &str, location: &str) -> Vec<Act> {
    vec![Act::text(&format!(
        "HTTP/1.1 {status}\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
    ))]
}

fn without_limit(visitor: Visitor) -> Visitor {
    visitor.follow(u16::MAX)
}

const TOO_MANY: fn(usize) -> Outcome = |_| Outcome::Failure(Error::TooManyRedirects);
const LOCATION: fn(usize) -> Outcome = |_| bad(ResponseError::Location);

pub(super) const ENTRIES: &[Entry] = &[
    Entry::new("loop", "CHECKLIST 22", |ask| to(ask.target()), TOO_MANY)
        .wish(|visitor| visitor.follow(20)),
    Entry::new(
        "loop-empty-reference",
        "CHECKLIST 22",
        |_| to("?"),
        TOO_MANY,
    )
    .wish(|visitor| visitor.follow(20)),
    Entry::new(
        "loop-new-connections",
        "CHECKLIST 22",
        |ask| [to(ask.target()), vec![Act::Close]].concat(),
        TOO_MANY,
    )
    .wish(|visitor| visitor.follow(10)),
    Entry::new("growing", "CHECKLIST 22", growing, |_| {
        Outcome::Failure(Error::Limit(Limit::Line))
    })
    .wish(without_limit),
    Entry::new("growing-relative", "CHECKLIST 22", growing_relative, |_| {
        Outcome::Failure(Error::BadUrl(UrlError::TooLong))
    })
    .wish(without_limit),
    Entry::new("endless-moved", "CHECKLIST 22", endless_body, |_| {
        Outcome::Success(200, 100)
    })
    .wish(|visitor| visitor.follow(3))
    .keeps(),
    Entry::new(
        "two-locations",
        "CHECKLIST 22",
        |ask| to(&format!("/sized\r\nLocation: {}", ask.target())),
        LOCATION,
    )
    .wish(|visitor| visitor.follow(3)),
    Entry::new(
        "to-a-file",
        "CHECKLIST 22",
        |_| to("file:///etc/passwd"),
        |_| Outcome::Failure(Error::UnsupportedScheme),
    )
    .wish(|visitor| visitor.follow(3)),
    Entry::new(
        "to-tls",
        "CHECKLIST 22",
        |_| to("https://127.0.0.1/"),
        |_| Outcome::Failure(Error::UnsupportedScheme),
    )
    // The redirect was whole; what it led to was refused after it.
    .wish(|visitor| visitor.follow(3))
    .keeps(),
    Entry::new(
        "to-port-0",
        "CHECKLIST 21",
        |_| to("http://127.0.0.1:0/"),
        LOCATION,
    )
    .wish(|visitor| visitor.follow(3)),
    Entry::new("to-a-control", "CHECKLIST 22", |_| to("/a\tb"), LOCATION)
        .wish(|visitor| visitor.follow(3)),
    Entry::new(
        "not-followed",
        "CHECKLIST 22",
        |ask| to(ask.target()),
        |_| Outcome::Success(302, 0),
    )
    .keeps(),
    Entry::new(
        "kept-method-no-rewind",
        "CHECKLIST 22",
        |ask| {
            [
                vec![Act::Body],
                status_to("307 Temporary Redirect", ask.target()),
            ]
            .concat()
        },
        |_| Outcome::Failure(Error::Rewind),
    )
    .wish(|visitor| {
        let mut visitor = visitor.put(Upload::Sized(3000)).follow(3);
        visitor.rewinds = false;
        visitor
    })
    // The response was whole.
    .keeps(),
];

/// Each hop has a longer URL than the one before, written out.
fn growing(ask: &Ask<'_>) -> Vec<Act> {
    to(&format!("{}{}", ask.target(), "x".repeat(1000)))
}

/// Each hop leads a folder further down.
fn growing_relative(ask: &Ask<'_>) -> Vec<Act> {
    let (number, patience) = (ask.number, ask.patience);
    to(&format!("{}/?n={number}&p={patience}", "x".repeat(1000)))
}

/// The body of the redirect has no end. It is left behind, and the connection with it.
fn endless_body(ask: &Ask<'_>) -> Vec<Act> {
    let (number, patience) = (ask.number, ask.patience);
    let head = format!(
        "HTTP/1.1 302 Found\r\nLocation: /sized/2?n={number}&p={patience}\r\n\
         Transfer-Encoding: chunked\r\n\r\n"
    );
    vec![Act::text(&head), Act::Flood(b"5\r\nmoved\r\n".to_vec())]
}
