//! What a peer sends for one hop of a job, as bytes.

use super::script::{Bad, Fault, Framing, Hop, Job, Location, Setup};

/// The longest header line that the engine takes; malformed answers hold a longer one.
pub const LINE_BYTES: usize = 128;

/// An answer, whole and unharmed.
pub struct Answer {
    /// All of it.
    pub bytes: Vec<u8>,
    /// Where its body begins.
    pub head: usize,
    /// The connection ends behind it.
    pub closes: bool,
}

/// The byte at this place of the body that a hop of a job is answered with.
#[must_use]
pub fn body_byte(job: usize, hop: usize, at: usize) -> u8 {
    let word = job * 131 + hop * 31 + at * 7 + at / 251;
    u8::try_from(word % 251).unwrap_or(0)
}

/// The byte at this place of the body that a job sends.
#[must_use]
pub fn upload_byte(job: usize, at: usize) -> u8 {
    body_byte(job, 77, at)
}

/// Has the answer a body?
#[must_use]
pub fn has_body(job: &Job, hop: &Hop) -> bool {
    job.method != "HEAD" && !matches!(hop.status, 204 | 304)
}

/// How long its body is, if it comes whole.
#[must_use]
pub fn body_len(job: &Job, hop: &Hop) -> usize {
    if has_body(job, hop) { hop.body } else { 0 }
}

/// The answer to hop `nth` of a job.
#[must_use]
pub fn render(setup: &Setup, number: usize, job: &Job, nth: usize) -> Answer {
    let hop = &job.hops[nth];
    let bad = match hop.fault {
        Some(Fault::Bad(bad)) => Some(bad),
        Some(_) | None => None,
    };
    let mut bytes = Vec::new();
    let interim = if bad == Some(Bad::Interim) {
        200
    } else {
        hop.interim
    };
    for _ in 0..interim {
        bytes.extend_from_slice(b"HTTP/1.1 103 Early\r\nX-Hint: 1\r\n\r\n");
    }
    head(setup, number, job, nth, bad, &mut bytes);
    let head = bytes.len();
    if has_body(job, hop) {
        body(number, nth, hop, bad, &mut bytes);
    }
    let until_close = has_body(job, hop) && hop.framing == Framing::Close;
    Answer {
        bytes,
        head,
        closes: hop.close || until_close,
    }
}

fn head(
    setup: &Setup,
    number: usize,
    job: &Job,
    nth: usize,
    bad: Option<Bad>,
    bytes: &mut Vec<u8>,
) {
    let hop = &job.hops[nth];
    let mut line = |text: &str| {
        bytes.extend_from_slice(text.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    };
    match bad {
        Some(Bad::NotHttp) => line("SSH-2.0-OpenSSH_9.2"),
        Some(Bad::Upgrade) => line("HTTP/1.1 101 Switching"),
        Some(_) | None => line(&format!("HTTP/1.1 {} Reason", hop.status)),
    }
    match bad {
        Some(Bad::Lengths) => {
            line("Content-Length: 3");
            line("Content-Length: 4");
        }
        Some(Bad::Conflict) => {
            line("Transfer-Encoding: chunked");
            line("Content-Length: 4");
        }
        Some(Bad::Folded) => line(" folded: line"),
        Some(Bad::Coding) => line("Transfer-Encoding: gzip"),
        Some(Bad::Line) => line(&format!("X-Long: {}", "y".repeat(2 * LINE_BYTES))),
        Some(Bad::ChunkSize | Bad::ChunkEnd) => line("Transfer-Encoding: chunked"),
        Some(Bad::NotHttp | Bad::Upgrade | Bad::Interim) | None => match hop.framing {
            Framing::Sized => line(&format!("Content-Length: {}", hop.body)),
            Framing::Chunked(_) => line("Transfer-Encoding: chunked"),
            Framing::Close => {}
        },
    }
    if hop.close {
        line("Connection: close");
    }
    if let Some(next) = job.hops.get(nth + 1) {
        let authority = setup.authority(next.host);
        let path = format!("/{number}/{}", nth + 1);
        line(&match hop.location {
            Location::Path if next.host == hop.host => format!("Location: {path}"),
            Location::SchemeRelative => format!("location: //{authority}{path}"),
            Location::Absolute | Location::Path => format!("Location: http://{authority}{path}"),
        });
    }
    line("");
}

fn body(number: usize, nth: usize, hop: &Hop, bad: Option<Bad>, bytes: &mut Vec<u8>) {
    let body: Vec<u8> = (0..hop.body).map(|at| body_byte(number, nth, at)).collect();
    match (bad, hop.framing) {
        (Some(Bad::ChunkSize), _) => bytes.extend_from_slice(b"0x4\r\nabcd\r\n0\r\n\r\n"),
        (Some(Bad::ChunkEnd), _) => match body.first() {
            Some(first) => bytes.extend_from_slice(&[b'1', b'\r', b'\n', *first, b'X', b'\n']),
            // Behind the last chunk a bare line feed is none either.
            None => bytes.extend_from_slice(b"0\r\n\n"),
        },
        (_, Framing::Sized | Framing::Close) => bytes.extend_from_slice(&body),
        (_, Framing::Chunked(size)) => {
            for chunk in body.chunks(size.max(1)) {
                bytes.extend_from_slice(format!("{:x};x=y\r\n", chunk.len()).as_bytes());
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"0\r\nX-Trailer: t\r\n\r\n");
        }
    }
}
