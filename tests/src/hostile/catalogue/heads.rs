//! Heads that have no end, or are none.

use muxfer_core::Error;
use muxfer_core::error::{Limit, ResponseError};
use muxfer_core::net::IoError;

use super::{Act, Entry, Outcome, bad, say, say_and_close};

const OK: &str = "HTTP/1.1 200 OK\r\n";

fn over(limit: Limit) -> Outcome {
    Outcome::Failure(Error::Limit(limit))
}

fn flood(start: &str, bytes: &[u8]) -> Vec<Act> {
    vec![Act::text(start), Act::Flood(bytes.to_vec())]
}

/// A head with this line in it, and a body of a byte.
fn line(line: &str) -> Vec<Act> {
    say(&format!("{OK}Content-Length: 0\r\n{line}\r\n\r\n"))
}

pub(super) const ENTRIES: &[Entry] = &[
    Entry::new("endless-fields", "CHECKLIST 26", |_| flood(OK, b"A: b\r\n"), |_| {
        over(Limit::HeadFields)
    }),
    Entry::new(
        "endless-large-fields",
        "CHECKLIST 26",
        |_| flood(OK, &[b"Large: ", &[b'x'; 4000][..], b"\r\n"].concat()),
        |_| over(Limit::HeadBytes),
    ),
    Entry::new("endless-field", "CHECKLIST 26", |_| flood(&format!("{OK}Long: "), b"x"), |_| {
        over(Limit::Line)
    }),
    Entry::new("endless-status-line", "CHECKLIST 19", |_| flood("HTTP/1.1 200 ", b"OK"), |_| {
        over(Limit::Line)
    }),
    Entry::new("endless-name", "CHECKLIST 26", |_| flood(OK, b"name"), |_| over(Limit::Line)),
    Entry::new(
        "endless-1xx",
        "CHECKLIST 15",
        |_| flood("", b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"),
        |_| over(Limit::Informational),
    ),
    Entry::new("endless-empty-lines", "CHECKLIST 19", |_| flood("", b"\r\n"), |_| {
        bad(ResponseError::NotHttp)
    }),
    Entry::new(
        "endless-trailers",
        "CHECKLIST 14",
        |_| {
            flood(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
                b"A: b\r\n",
            )
        },
        |_| over(Limit::HeadFields),
    ),
    Entry::new("garbage", "CHECKLIST 19", |_| flood("", &garbage()), |_| {
        bad(ResponseError::NotHttp)
    }),
    Entry::new("http-0.9", "CHECKLIST 19", |_| say_and_close("<html>\n<p>hello\n"), |_| {
        bad(ResponseError::NotHttp)
    }),
    // Without a line end it is cut short, whatever it is.
    Entry::new("half-a-word", "CHECKLIST 19", |_| say_and_close("hello"), |_| {
        Outcome::Failure(Error::Receive(IoError::Closed))
    }),
    Entry::new("http-2", "CHECKLIST 19", |_| say("HTTP/2 200\r\n\r\n"), |_| {
        bad(ResponseError::NotHttp)
    }),
    Entry::new("http-1.9", "CHECKLIST 19", |_| say("HTTP/9.1 200 OK\r\n\r\n"), |_| {
        bad(ResponseError::NotHttp)
    }),
    Entry::new("status-99", "CHECKLIST 19", |_| say("HTTP/1.1 099 Low\r\n\r\n"), |_| {
        bad(ResponseError::Status)
    }),
    Entry::new("status-1000", "CHECKLIST 19", |_| say("HTTP/1.1 1000 High\r\n\r\n"), |_| {
        bad(ResponseError::Status)
    }),
    Entry::new("folded", "CHECKLIST 19", |_| line("A: b\r\n c"), |_| bad(ResponseError::Folded)),
    Entry::new("space-before-colon", "CHECKLIST 19", |_| line("A : b"), |_| {
        bad(ResponseError::FieldName)
    }),
    Entry::new("no-name", "CHECKLIST 19", |_| line(": b"), |_| bad(ResponseError::FieldName)),
    Entry::new("no-colon", "CHECKLIST 19", |_| line("A b"), |_| bad(ResponseError::FieldName)),
    Entry::new("nul-in-field", "CHECKLIST 19", |_| line("A: b\0c"), |_| {
        bad(ResponseError::FieldValue)
    }),
    Entry::new("bare-cr", "CHECKLIST 19", |_| line("A: b\rContent-Length: 5"), |_| {
        bad(ResponseError::BareCr)
    }),
    Entry::new(
        "switch",
        "CHECKLIST 15",
        |_| say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"),
        |_| bad(ResponseError::Upgrade),
    ),
    Entry::new(
        "part-unasked",
        "CHECKLIST 20",
        |_| {
            say("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-0/5\r\nContent-Length: 1\r\n\r\nx")
        },
        |_| bad(ResponseError::ContentRange),
    ),
    Entry::new(
        "part-from-elsewhere",
        "CHECKLIST 20",
        |_| {
            say("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 9-9/50\r\nContent-Length: 1\r\n\r\nx")
        },
        |_| bad(ResponseError::ContentRange),
    )
    .wish(resumed),
    Entry::new(
        "part-ignored",
        "CHECKLIST 20",
        |ask| vec![Act::Send(ask.sized(50)), Act::Stay],
        |_| Outcome::Failure(Error::RangeIgnored),
    )
    .wish(resumed),
    Entry::new(
        "part-complete",
        "CHECKLIST 20",
        |_| {
            vec![Act::text(
                "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */10\r\n\
                 Content-Length: 4\r\n\r\nnone",
            )]
        },
        |_| Outcome::Success(416, 0),
    )
    .wish(resumed)
    .keeps(),
];

fn resumed(mut visitor: super::Visitor) -> super::Visitor {
    visitor.resume = Some(10);
    visitor
}

/// All bytes there are, but for the one that is an error of its own.
fn garbage() -> Vec<u8> {
    (0..=u8::MAX).rev().filter(|byte| *byte != b'\r').collect()
}
