//! Lengths that are wrong, and chunks that are none.

use muxfer_core::Error;
use muxfer_core::error::{Limit, ResponseError};

use super::{Act, Ask, Entry, Outcome, bad, say};

/// A 200 with these fields and ten bytes of body, and then the end of the stream.
fn ten(ask: &Ask<'_>, fields: &str) -> Vec<Act> {
    let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n");
    vec![ask.headed(&head, 10), Act::Close]
}

/// A chunked 200 that goes on with this.
fn chunks(text: &str) -> Vec<Act> {
    say(&format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{text}"
    ))
}

const LENGTH: fn(usize) -> Outcome = |_| bad(ResponseError::ContentLength);
const CONFLICT: fn(usize) -> Outcome = |_| bad(ResponseError::ConflictingLengths);
const SIZE: fn(usize) -> Outcome = |_| bad(ResponseError::ChunkSize);
const SHORT: fn(usize) -> Outcome = |_| Outcome::Failure(Error::PartialBody);

pub(super) const ENTRIES: &[Entry] = &[
    Entry::new(
        "length-too-long",
        "CHECKLIST 18",
        |ask| ten(ask, "Content-Length: 11"),
        SHORT,
    ),
    // The surplus taints the connection; the message itself is whole.
    Entry::new(
        "length-too-short",
        "CHECKLIST 16",
        |ask| ten(ask, "Content-Length: 9"),
        |_| Outcome::Success(200, 9),
    )
    .apart(),
    Entry::new(
        "length-twice",
        "CHECKLIST 13",
        |ask| ten(ask, "Content-Length: 10\r\nContent-Length: 11"),
        LENGTH,
    ),
    Entry::new(
        "length-list",
        "CHECKLIST 13",
        |ask| ten(ask, "Content-Length: 10, 11"),
        LENGTH,
    ),
    Entry::new(
        "length-list-equal",
        "CHECKLIST 13",
        |ask| ten(ask, "Content-Length: 10, 10"),
        |_| Outcome::Success(200, 10),
    ),
    Entry::new(
        "length-negative",
        "CHECKLIST 13",
        |ask| ten(ask, "Content-Length: -10"),
        LENGTH,
    ),
    Entry::new(
        "length-plus",
        "CHECKLIST 13",
        |ask| ten(ask, "Content-Length: +10"),
        LENGTH,
    ),
    Entry::new(
        "length-hex",
        "CHECKLIST 13",
        |ask| ten(ask, "Content-Length: 0xa"),
        LENGTH,
    ),
    Entry::new(
        "length-spaced",
        "CHECKLIST 13",
        |ask| ten(ask, "Content-Length: 1 0"),
        LENGTH,
    ),
    Entry::new(
        "length-empty",
        "CHECKLIST 13",
        |ask| ten(ask, "Content-Length:"),
        LENGTH,
    ),
    Entry::new(
        "length-2-63",
        "CHECKLIST 13",
        |ask| ten(ask, "Content-Length: 9223372036854775808"),
        LENGTH,
    ),
    Entry::new(
        "length-2-64",
        "CHECKLIST 13",
        |ask| ten(ask, "Content-Length: 18446744073709551626"),
        LENGTH,
    ),
    Entry::new(
        "length-huge",
        "CHECKLIST 18",
        |ask| ten(ask, "Content-Length: 9223372036854775807"),
        SHORT,
    ),
    Entry::new(
        "both-lengths",
        "CHECKLIST 13",
        |ask| ten(ask, "Content-Length: 10\r\nTransfer-Encoding: chunked"),
        CONFLICT,
    ),
    Entry::new(
        "chunked-not-last",
        "CHECKLIST 13",
        |ask| ten(ask, "Transfer-Encoding: chunked, identity"),
        CONFLICT,
    ),
    Entry::new(
        "chunked-twice",
        "CHECKLIST 13",
        |ask| {
            ten(
                ask,
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            )
        },
        CONFLICT,
    ),
    Entry::new(
        "chunked-in-1.0",
        "CHECKLIST 13",
        |_| say("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        CONFLICT,
    ),
    Entry::new(
        "coding-unknown",
        "CHECKLIST 13",
        |ask| ten(ask, "Transfer-Encoding: gzip"),
        |_| Outcome::Failure(Error::TransferCoding),
    ),
    Entry::new(
        "no-content-with-body",
        "CHECKLIST 15",
        |ask| bodiless(ask, 204),
        |_| Outcome::Success(204, 0),
    )
    .apart(),
    Entry::new(
        "not-modified-with-body",
        "CHECKLIST 15",
        |ask| bodiless(ask, 304),
        |_| Outcome::Success(304, 0),
    )
    .apart(),
    Entry::new(
        "head-with-body",
        "CHECKLIST 15",
        |ask| bodiless(ask, 200),
        |_| Outcome::Success(200, 0),
    )
    .wish(|mut visitor| {
        visitor.method = "HEAD";
        visitor
    })
    .apart(),
    Entry::new(
        "two-responses",
        "CHECKLIST 16",
        |ask| {
            vec![Act::Send(
                [
                    ask.sized(10),
                    b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON".to_vec(),
                ]
                .concat(),
            )]
        },
        |_| Outcome::Success(200, 10),
    )
    .apart(),
    Entry::new(
        "chunk-17-digits",
        "CHECKLIST 14",
        |_| chunks("10000000000000000\r\n"),
        SIZE,
    ),
    Entry::new(
        "chunk-16-digits",
        "CHECKLIST 14",
        |_| chunks("ffffffffffffffff\r\n"),
        SIZE,
    ),
    Entry::new(
        "chunk-2-63",
        "CHECKLIST 14",
        |_| chunks("8000000000000000\r\n"),
        SIZE,
    ),
    Entry::new("chunk-huge", "CHECKLIST 14", huge_chunk, SHORT),
    Entry::new("chunk-some-zeros", "CHECKLIST 14", some_zeros, |_| {
        Outcome::Success(200, 10)
    })
    .keeps(),
    Entry::new(
        "chunk-many-zeros",
        "CHECKLIST 14",
        |_| chunks(&format!("{:033}\r\n", 0)),
        SIZE,
    ),
    Entry::new(
        "chunk-endless-zeros",
        "CHECKLIST 14",
        |_| endless("0", "0"),
        SIZE,
    ),
    Entry::new("chunk-0x", "CHECKLIST 14", |_| chunks("0x5\r\n"), SIZE),
    Entry::new("chunk-negative", "CHECKLIST 14", |_| chunks("-5\r\n"), SIZE),
    Entry::new("chunk-empty-size", "CHECKLIST 14", |_| chunks("\r\n"), SIZE),
    Entry::new(
        "chunk-bare-lf",
        "CHECKLIST 14",
        |_| chunks("5\nabcde"),
        SIZE,
    ),
    Entry::new(
        "chunk-space-in-size",
        "CHECKLIST 14",
        |_| chunks("5 5\r\n"),
        SIZE,
    ),
    Entry::new("chunk-without-end", "CHECKLIST 14", unended, |_| {
        bad(ResponseError::ChunkEnd)
    }),
    Entry::new(
        "chunk-endless-extension",
        "CHECKLIST 14",
        |_| endless("5", ";x=y"),
        |_| Outcome::Failure(Error::Limit(Limit::ChunkExtension)),
    ),
    Entry::new("chunk-extensions", "CHECKLIST 14", extended_chunks, |_| {
        Outcome::Failure(Error::Limit(Limit::ChunkExtension))
    }),
    Entry::new(
        "trailer-malformed",
        "CHECKLIST 14",
        |_| chunks("0\r\nA b\r\n\r\n"),
        |_| bad(ResponseError::FieldName),
    ),
    Entry::new(
        "trailer-length",
        "CHECKLIST 14",
        |ask| {
            let chunk = [
                b"a\r\n",
                &ask.body(10)[..],
                b"\r\n0\r\nContent-Length: 3\r\n\r\n",
            ]
            .concat();
            let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            vec![Act::Send([head, chunk].concat())]
        },
        |_| Outcome::Success(200, 10),
    )
    .keeps(),
    Entry::new(
        "endless-body",
        "CHECKLIST 26",
        |_| {
            vec![
                Act::text("HTTP/1.1 200 OK\r\n\r\n"),
                Act::Flood(vec![b'x'; 1000]),
            ]
        },
        |_| Outcome::Failure(Error::BodyTooLarge),
    )
    .wish(|visitor| visitor.at_most(0)),
    Entry::new(
        "endless-chunks",
        "CHECKLIST 26",
        |ask| {
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2710\r\n";
            vec![ask.headed(head, 10_000), Act::Flood(b"\r\n1\r\nx".to_vec())]
        },
        |_| Outcome::Failure(Error::BodyTooLarge),
    )
    .wish(|visitor| visitor.at_most(10_000)),
];

/// A response that has no body, and ten bytes behind it.
fn bodiless(ask: &Ask<'_>, code: u16) -> Vec<Act> {
    let head = format!("HTTP/1.1 {code} Hm\r\nContent-Length: 10\r\n\r\n");
    vec![ask.headed(&head, 10)]
}

fn huge_chunk(ask: &Ask<'_>) -> Vec<Act> {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n";
    vec![ask.headed(head, 10), Act::Close]
}

fn some_zeros(ask: &Ask<'_>) -> Vec<Act> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}a\r\n",
        "0".repeat(31)
    );
    let end = b"\r\n00\r\n\r\n".to_vec();
    vec![Act::Send([head.into_bytes(), ask.body(10), end].concat())]
}

fn unended(ask: &Ask<'_>) -> Vec<Act> {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n";
    vec![ask.headed(head, 10), Act::Stay]
}

/// A size line that has no end.
fn endless(start: &str, text: &str) -> Vec<Act> {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    vec![
        Act::text(&format!("{head}{start}")),
        Act::Flood(text.as_bytes().to_vec()),
    ]
}

/// Each chunk has an extension of 100 bytes: together they are too many.
fn extended_chunks(ask: &Ask<'_>) -> Vec<Act> {
    let mut sent = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for byte in ask.body(1000) {
        sent.extend_from_slice(format!("1;{}\r\n", "x".repeat(99)).as_bytes());
        sent.extend_from_slice(&[byte, b'\r', b'\n']);
    }
    vec![Act::Send(sent), Act::Stay]
}
