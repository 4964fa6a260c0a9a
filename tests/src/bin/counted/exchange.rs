//! What is asked and answered: a small file, with more or fewer fields.

use std::time::Duration;

use muxfer_core::Easy;
use muxfer_core::easy::{Field, Flow, NoFields, Options, Request, Status, Taken};

const FIELDS: &[Field<'static>] = &[
    Field {
        name: "User-Agent",
        value: "counted/1.0",
    },
    Field {
        name: "Accept",
        value: "*/*",
    },
];

/// How much stands around the bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The fields that clients and nginx send, a long path, a time limit.
    Usual,
    /// No field more than is needed, either way.
    Plain,
    /// What the benchmark asks of nginx: a short path and `Host`; nginx answers with all its fields.
    Benchmark,
}

/// The path of [`Shape::Benchmark`], by which the server knows it.
pub(crate) const BENCHMARK_PATH: &str = "/1k";

/// The head of the answer to a plain request.
pub(crate) const PLAIN_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n";

/// The head of each other answer.
pub(crate) const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Server: nginx/1.22.1\r\n\
    Date: Wed, 25 Nov 2026 12:00:00 GMT\r\n\
    Content-Type: application/octet-stream\r\n\
    Content-Length: 1024\r\n\
    Last-Modified: Tue, 24 Nov 2026 12:00:00 GMT\r\n\
    Connection: keep-alive\r\n\
    ETag: \"6924484c-400\"\r\n\
    Accept-Ranges: bytes\r\n\r\n";

/// The length of each body.
pub(crate) const BODY_BYTES: usize = 1024;

/// A head that promises more than will ever come.
pub(crate) const ENDLESS_HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000000\r\n\r\n";

/// Asks for one file and counts what comes.
pub(crate) struct Get<'u> {
    pub(crate) url: &'u str,
    pub(crate) shape: Shape,
    pub(crate) progress: Option<Duration>,
    pub(crate) code: u16,
    pub(crate) received: usize,
    pub(crate) ticks: u32,
}

impl<'u> Get<'u> {
    pub(crate) const fn new(url: &'u str) -> Self {
        Self {
            url,
            shape: Shape::Usual,
            progress: None,
            code: 0,
            received: 0,
            ticks: 0,
        }
    }

    /// Was the answer the one that is always given?
    pub(crate) const fn is_right(&self) -> bool {
        self.code == 200 && self.received == BODY_BYTES
    }
}

impl Easy for Get<'_> {
    fn request(&self) -> Request<'_> {
        Request {
            fields: match self.shape {
                Shape::Usual => &FIELDS,
                Shape::Plain | Shape::Benchmark => &NoFields,
            },
            ..Request::get(self.url)
        }
    }

    fn options(&self) -> Options {
        Options {
            // Each transfer has a deadline, as most programs want it; the benchmark's have none.
            total: (self.shape != Shape::Benchmark).then_some(Duration::from_secs(3600)),
            progress: self.progress,
            ..Options::DEFAULT
        }
    }

    fn on_status(&mut self, status: &Status<'_>) -> Flow {
        self.code = status.code;
        Flow::Continue
    }

    fn on_body(&mut self, bytes: &[u8]) -> Taken {
        self.received += bytes.len();
        Taken::All
    }

    fn on_progress(&mut self, _progress: &muxfer_core::easy::Progress) -> Flow {
        self.ticks += 1;
        Flow::Continue
    }
}
