//! The user's side of one transfer: the trait, what it asks for, what it is told.

mod fetch;
mod options;
mod request;

pub use crate::wire::Status;
pub use fetch::{Fetch, FetchError, Sink, Text};
pub use options::{Expect, LowSpeed, Options, Redirects};
pub use request::{Auth, Body, Field, Fields, NoFields, Range, Request};

use core::net::SocketAddr;

/// Go on, or end the transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// End it with [`Error::Write`](crate::Error) (`CURLE_WRITE_ERROR`), or from
    /// [`Easy::on_progress`] with [`Error::AbortedByCallback`](crate::Error).
    Abort,
}

/// How much of a piece of body was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// All of it.
    All,
    /// The first so many bytes, and no more until the transfer is unpaused; then the rest is
    /// delivered again (CONTRACT R100). `Pause(0)` is `CURL_WRITEFUNC_PAUSE`.
    Pause(usize),
    /// It can't be stored: the transfer ends with [`Error::Write`](crate::Error).
    Abort,
}

/// What [`Easy::read_body`] gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// So many bytes were written to the front of the slice. 0 means [`Given::Pause`].
    Bytes(usize),
    /// None yet: ask again after the transfer is unpaused.
    Pause,
    /// The body is complete. For a body of known length that is an error if bytes are missing.
    End,
    /// It can't be read: the transfer ends with [`Error::Read`](crate::Error).
    Abort,
}

/// Whether a redirect is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// The new URL is stored: [`Easy::request`] names it from now on.
    Go,
    /// Deliver this response as it is.
    Stop,
    /// The URL does not fit: the transfer ends with an error.
    TooLong,
}

/// A response head that is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The status code. Below 200 another head follows.
    pub code: u16,
    /// How long the body will be, if the head says so. 0 where no body can follow.
    pub length: Option<u64>,
    /// This response is a redirect that is being followed: its body is not delivered.
    pub followed: bool,
}

/// How far a transfer is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Body bytes received.
    pub received: u64,
    /// Body bytes that will have been received at the end, if known.
    pub receive_total: Option<u64>,
    /// Body bytes sent.
    pub sent: u64,
}

/// What happens to a transfer, for a log (`CURLOPT_DEBUGFUNCTION`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trace<'a> {
    /// A connection to this address is being made.
    Connecting(SocketAddr),
    /// The connect to this address failed.
    ConnectFailed(SocketAddr, crate::net::IoError),
    /// It is connected.
    Connected(SocketAddr),
    /// An idle connection to this address is used again.
    Reused(SocketAddr),
    /// A piece of the request head, as it is sent.
    RequestHead(&'a [u8]),
    /// The idle connection was closed by the peer; the request goes over a new one.
    Retry,
    /// The request is done; the connection is kept.
    Kept,
    /// The connection is closed.
    Closed,
}

/// The easy handle: the user's side of one transfer.
///
/// The engine stores no URL, header or body. It asks for the [`Request`] whenever it renders a
/// part of it; the answer must be the same until [`Easy::on_redirect`] changes it. No method is
/// called after the transfer is done or removed.
pub trait Easy {
    /// What to fetch.
    fn request(&self) -> Request<'_>;

    /// Limits and switches. Asked for when the transfer is added; later changes are not seen.
    fn options(&self) -> Options {
        Options::DEFAULT
    }

    /// The status line of a response: of each hop, and of each 1xx.
    fn on_status(&mut self, status: &Status<'_>) -> Flow {
        let _ = status;
        Flow::Continue
    }

    /// A header field. The name has the peer's case; the value has no white space around it and
    /// may hold bytes that are not ASCII.
    fn on_field(&mut self, name: &str, value: &[u8]) -> Flow {
        let _ = (name, value);
        Flow::Continue
    }

    /// A head is complete.
    fn on_head(&mut self, head: &Head) -> Flow {
        let _ = head;
        Flow::Continue
    }

    /// A piece of the body, decoded from its transfer coding; never empty.
    fn on_body(&mut self, bytes: &[u8]) -> Taken;

    /// A trailer field after a chunked body.
    fn on_trailer(&mut self, name: &str, value: &[u8]) -> Flow {
        let _ = (name, value);
        Flow::Continue
    }

    /// Asks for a piece of the request body ([`Body::Stream`]). `into` is never empty, and never
    /// longer than what is missing of a known length.
    fn read_body(&mut self, into: &mut [u8]) -> Given {
        let _ = into;
        Given::End
    }

    /// The response is a redirect to `url`, which is absolute, and [`Options::redirects`] allows to
    /// follow it. Store it and answer [`Follow::Go`]. The engine changes the method where it must
    /// and drops credentials when the origin changes.
    fn on_redirect(&mut self, url: &str) -> Follow {
        let _ = url;
        Follow::Stop
    }

    /// Sets the request body back to its first byte, because it must be sent again. Asked only for
    /// [`Body::Stream`], and only after a part of it was read.
    fn rewind(&mut self) -> bool {
        false
    }

    /// A resumed download ([`Range::Resume`]) is answered with the whole from its first byte: empty
    /// the sink and answer `true`, or `false` to end with [`Error::RangeIgnored`](crate::Error).
    fn restart(&mut self) -> bool {
        false
    }

    /// Called every [`Options::progress`], also when nothing moves (CONTRACT D5).
    fn on_progress(&mut self, progress: &Progress) -> Flow {
        let _ = progress;
        Flow::Continue
    }

    /// Something worth a line in a log. The request head comes in pieces if the room for it is short.
    fn on_trace(&mut self, trace: Trace<'_>) {
        let _ = trace;
    }
}
