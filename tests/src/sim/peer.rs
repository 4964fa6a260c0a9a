//! What peers do with what they are sent.

use std::time::Duration;

use muxfer_core::ConnId;
use muxfer_core::time::Instant;

use super::Target;

/// One thing that a peer does. They happen in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Sends bytes.
    Send(Vec<u8>),
    /// Does nothing for a while.
    Wait(Duration),
    /// Ends its side of the stream, and goes on reading.
    Close,
    /// Ends its side of the stream and is gone: what it is sent from then on is answered by a reset.
    Hangup,
    /// Hangs up if nothing comes within this time, as servers do with idle connections.
    IdleHangup(Duration),
    /// Resets the connection.
    Reset,
}

impl Act {
    /// Sends a text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Send(text.as_bytes().to_vec())
    }

    /// Waits so many milliseconds.
    #[must_use]
    pub const fn wait(millis: u64) -> Self {
        Self::Wait(Duration::from_millis(millis))
    }
}

/// What a peer sees of one of its connections, whenever some bytes came.
pub struct Inbound<'a> {
    /// The connection.
    pub conn: ConnId,
    /// What the engine opened it for.
    pub target: &'a Target,
    /// The time.
    pub now: Instant,
    /// All bytes that were not taken out yet.
    pub bytes: &'a mut Vec<u8>,
    /// How many requests it has brought; the peer counts.
    pub served: &'a mut usize,
}

/// A peer: it is told what came, takes out what it understands, and says what it does.
pub type Peer = Box<dyn FnMut(Inbound<'_>) -> Vec<Act>>;

/// A request, as a peer sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// All lines of the head.
    pub head: String,
    /// The body, without chunk frames.
    pub body: Vec<u8>,
    /// The number of this request on its connection, from 1.
    pub nth: usize,
}

impl Request {
    /// The path of the request line.
    #[must_use]
    pub fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or("")
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &str {
        self.head.split(' ').next().unwrap_or("")
    }

    /// The value of a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// A peer that answers whole requests.
pub fn http(mut answer: impl FnMut(&Request) -> Vec<Act> + 'static) -> Peer {
    Box::new(move |inbound| {
        let mut acts = Vec::new();
        while let Some(mut request) = take_request(inbound.bytes) {
            *inbound.served += 1;
            request.nth = *inbound.served;
            acts.extend(answer(&request));
        }
        acts
    })
}

fn take_request(bytes: &mut Vec<u8>) -> Option<Request> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8(bytes[..end].to_vec()).expect("a head in ASCII");
    let mut request = Request {
        head,
        ..Request::default()
    };
    let (body, length) = if request.field("transfer-encoding").is_some() {
        take_chunks(&bytes[end..])?
    } else {
        let length = request
            .field("content-length")
            .map_or(0, |n| n.parse().expect("a length"));
        (bytes.get(end..end + length)?.to_vec(), length)
    };
    request.body = body;
    bytes.drain(..end + length);
    Some(request)
}

/// A chunked body and the length of its frames and data; strict.
fn take_chunks(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let line = bytes[at..]
            .windows(2)
            .position(|window| window == b"\r\n")?;
        let digits = std::str::from_utf8(&bytes[at..at + line]).expect("a chunk size");
        let size = usize::from_str_radix(digits, 16).expect("a chunk size");
        at += line + 2;
        body.extend_from_slice(bytes.get(at..at + size)?);
        assert_eq!(
            bytes.get(at + size..at + size + 2)?,
            b"\r\n",
            "the end of a chunk"
        );
        at += size + 2;
        if size == 0 {
            return Some((body, at));
        }
    }
}

/// A 200 with this body and its length.
#[must_use]
pub fn ok(body: &str) -> Vec<Act> {
    vec![Act::text(&format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ))]
}
