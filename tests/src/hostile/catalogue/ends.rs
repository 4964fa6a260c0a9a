//! Connections that end at each place where one can end.

use muxfer_core::Error;
use muxfer_core::net::IoError;

use super::{Act, Ask, Entry, Gate, Outcome, nothing};

/// Bytes of body in the responses that are cut.
const BODY: usize = 40;

const SIZED_HEAD: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-A: b\r\nContent-Length: 40\r\n\r\n";
const CHUNKED_HEAD: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
/// Frames around two chunks of half the body each, and a trailer.
const CHUNK_START: &str = "14\r\n";
const CHUNK_MIDDLE: &str = "\r\n14;x=y\r\n";
const CHUNK_END: &str = "\r\n0\r\nX-T: t\r\n\r\n";

const SIZED_LENGTH: usize = SIZED_HEAD.len() + BODY;
const CHUNKED_LENGTH: usize =
    CHUNKED_HEAD.len() + CHUNK_START.len() + CHUNK_MIDDLE.len() + CHUNK_END.len() + BODY;

fn sized(ask: &Ask<'_>) -> Vec<u8> {
    [SIZED_HEAD.as_bytes(), &ask.body(BODY)].concat()
}

fn chunked(ask: &Ask<'_>) -> Vec<u8> {
    let body = ask.body(BODY);
    let (first, second) = body.split_at(BODY / 2);
    [
        CHUNKED_HEAD.as_bytes(),
        CHUNK_START.as_bytes(),
        first,
        CHUNK_MIDDLE.as_bytes(),
        second,
        CHUNK_END.as_bytes(),
    ]
    .concat()
}

/// So many bytes of a response, and then this.
fn cut(response: &[u8], ask: &Ask<'_>, end: Act) -> Vec<Act> {
    let sent = response[..ask.variant].to_vec();
    // The request must have been read: unread bytes would make a close a reset.
    vec![Act::Body, Act::Send(sent), end]
}

/// What a close after so many bytes must come to.
fn closed(at: usize, head: usize, whole: usize) -> Outcome {
    match at {
        0 => Outcome::Failure(Error::EmptyReply),
        at if at < head => Outcome::Failure(Error::Receive(IoError::Closed)),
        at if at < whole => Outcome::Failure(Error::PartialBody),
        _ => Outcome::Success(200, BODY as u64),
    }
}

/// What a reset after so many bytes must come to. What came before it is read first.
fn reset(at: usize, whole: usize) -> Outcome {
    if at < whole {
        Outcome::Failure(Error::Receive(IoError::Reset))
    } else {
        Outcome::Success(200, BODY as u64)
    }
}

/// The reset may be seen by the connect, by the first send, or behind it: that is a race of the two
/// ends inside the system.
const RESET_EARLY: &[Error] = &[
    Error::Connect(IoError::Reset),
    Error::Send(IoError::Reset),
    Error::Send(IoError::Closed),
    Error::Receive(IoError::Reset),
];

/// The end may be read before the request goes out, or the request meets a closed socket, which
/// answers with a reset.
const CLOSED_EARLY: &[Error] = &[
    Error::EmptyReply,
    Error::Send(IoError::Reset),
    Error::Send(IoError::Closed),
    Error::Receive(IoError::Reset),
];

pub(super) const ENTRIES: &[Entry] = &[
    Entry::new(
        "reset-sized",
        "CHECKLIST 17",
        |ask| cut(&sized(ask), ask, Act::Reset),
        |at| reset(at, SIZED_LENGTH),
    )
    .variants(SIZED_LENGTH + 1)
    .weight(60),
    Entry::new(
        "reset-chunked",
        "CHECKLIST 17",
        |ask| cut(&chunked(ask), ask, Act::Reset),
        |at| reset(at, CHUNKED_LENGTH),
    )
    .variants(CHUNKED_LENGTH + 1)
    .weight(60),
    Entry::new(
        "close-sized",
        "CHECKLIST 18",
        |ask| cut(&sized(ask), ask, Act::Close),
        |at| closed(at, SIZED_HEAD.len(), SIZED_LENGTH),
    )
    .variants(SIZED_LENGTH + 1)
    .weight(60),
    Entry::new(
        "close-chunked",
        "CHECKLIST 18",
        |ask| cut(&chunked(ask), ask, Act::Close),
        |at| closed(at, CHUNKED_HEAD.len(), CHUNKED_LENGTH),
    )
    .variants(CHUNKED_LENGTH + 1)
    .weight(60),
    Entry::new("half-close-sized", "CHECKLIST 18", half_closed, |at| {
        closed(at, SIZED_HEAD.len(), SIZED_LENGTH)
    })
    .variants(SIZED_LENGTH + 1)
    .weight(30),
    Entry::new("response-first", "CHECKLIST 17", nothing, |_| {
        Outcome::Success(200, 0)
    })
    .gate(Gate::Eager),
    Entry::new("response-first-and-close", "CHECKLIST 17", nothing, |_| {
        Outcome::Success(200, 0)
    })
    .gate(Gate::EagerClose),
    Entry::new("reset-at-once", "CHECKLIST 17", nothing, |_| {
        Outcome::OneOf(RESET_EARLY)
    })
    .gate(Gate::Reset),
    Entry::new("close-at-once", "CHECKLIST 17", nothing, |_| {
        Outcome::OneOf(CLOSED_EARLY)
    })
    .gate(Gate::Close),
    Entry::new("nobody-there", "R64", nothing, |_| {
        Outcome::Failure(Error::Connect(IoError::Refused))
    })
    .gate(Gate::Shut),
    // The end is seen, and the connection is not kept, though the message would let it.
    Entry::new(
        "slow-close",
        "CHECKLIST 17",
        |ask| {
            let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 40\r\n\r\n";
            vec![ask.headed(head, BODY), Act::Stay]
        },
        |_| Outcome::Success(200, BODY as u64),
    ),
    Entry::new(
        "urgent-byte",
        "CHECKLIST 27",
        |ask| {
            let head = "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n";
            vec![ask.headed(head, BODY - 1), Act::Urgent(b'!'), Act::Close]
        },
        // What is out of band is not part of the stream.
        |_| Outcome::Failure(Error::PartialBody),
    ),
];

/// The server has nothing more to say, but goes on listening.
fn half_closed(ask: &Ask<'_>) -> Vec<Act> {
    let mut acts = cut(&sized(ask), ask, Act::HalfClose);
    acts.push(Act::Stay);
    acts
}
