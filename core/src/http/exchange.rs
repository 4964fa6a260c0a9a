//! One request and its response, both ways at once.
//!
//! ```text
//!  sending:    head ─┬─> (await 100) ─> body ─> complete
//!                    └───────────────────────────^      `stop` ends it early, for good
//!  receiving:  status line ─> fields ─┬─> body ─> (trailers) ─> complete
//!                  ^────── 1xx ───────┘
//! ```

use crate::Error;
use crate::easy::Given;
use crate::features::UPLOADS;
use crate::store::Lines;

use super::receive::{Limits, Progress, Received, Receiver, Sink};
use super::request::Outgoing;
use super::send::{Sender, Sending, Sent};

/// The state of one HTTP/1.1 exchange. It holds no bytes of body and no header: what it needs of
/// them it is given again.
#[derive(Debug)]
pub struct Exchange {
    receiver: Receiver,
    sender: Sender,
}

impl Exchange {
    /// A new exchange. `to_head`: the request is a HEAD, so no body follows the response.
    /// `awaits`: the body waits for `100 Continue`.
    #[must_use]
    #[cfg_attr(feature = "small", inline(never))]
    pub const fn new(to_head: bool, awaits: bool) -> Self {
        Self {
            receiver: Receiver::new(to_head),
            sender: Sender::new(awaits),
        }
    }

    /// Is there something to send, now or once the source or the peer says so?
    #[must_use]
    pub const fn is_sending(&self) -> bool {
        !self.sender.is_stopped() && !self.sender.is_complete()
    }

    /// Is the head not yet sent whole?
    #[must_use]
    pub const fn in_head(&self) -> bool {
        self.sender.in_head()
    }

    /// Does the body wait for `100 Continue`?
    #[must_use]
    pub const fn is_awaiting(&self) -> bool {
        UPLOADS && !self.sender.is_stopped() && self.sender.is_awaiting()
    }

    /// Has all of the request been sent?
    #[must_use]
    pub const fn is_sent(&self) -> bool {
        self.sender.is_complete()
    }

    /// Is the response complete?
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.receiver.is_complete()
    }

    /// Is the head of the final response complete?
    #[must_use]
    pub const fn head_complete(&self) -> bool {
        self.receiver.head_complete()
    }

    /// Has any byte of a response come?
    #[must_use]
    pub const fn response_started(&self) -> bool {
        self.receiver.started()
    }

    /// The code of the last status line; 0 before the first.
    #[must_use]
    pub const fn code(&self) -> u16 {
        self.receiver.code()
    }

    /// Bytes of body received and taken.
    #[must_use]
    pub const fn body_received(&self) -> u64 {
        self.receiver.body_bytes()
    }

    /// The length of the response's body, once its head has named it.
    #[must_use]
    pub fn body_length(&self) -> Option<u64> {
        self.receiver.body_length()
    }

    /// Bytes of body sent.
    #[must_use]
    pub const fn body_sent(&self) -> u64 {
        self.sender.body_sent()
    }

    /// Bytes of heads and trailers received.
    #[must_use]
    pub const fn head_received(&self) -> u32 {
        self.receiver.head_bytes()
    }

    /// Bytes of request head sent.
    #[must_use]
    pub const fn head_sent(&self) -> u32 {
        self.sender.head_sent()
    }

    /// May the connection serve another request? Both sides must have come to their
    /// end, and neither have asked to close it.
    #[must_use]
    pub const fn persistent(&self) -> bool {
        self.receiver.persistent() && self.sender.is_complete() && !self.sender.asks_close()
    }

    /// Sends nothing more: the peer has given its answer (CONTRACT R98).
    pub const fn stop(&mut self) {
        self.sender.stop();
    }

    /// The body goes now.
    pub fn go_on(&mut self) {
        self.sender.go_on();
    }

    /// Renders a part of the head into the room.
    ///
    /// # Errors
    /// [`Error::Internal`] if the request has changed since the last part.
    pub fn send_head(&mut self, outgoing: &Outgoing<'_>, out: &mut [u8]) -> Result<Sent, Error> {
        self.sender.head(outgoing, out)
    }

    /// Copies a part of a body in memory to the room.
    pub fn send_bytes(&mut self, body: &[u8], out: &mut [u8]) -> Sent {
        self.sender.bytes(body, out)
    }

    /// Reads a part of the body into the room, with chunk frames if the length is not known.
    ///
    /// # Errors
    /// [`Error::Read`] if the source fails, ends early, or gives more than fits.
    pub fn send_stream(
        &mut self,
        length: Option<u64>,
        out: &mut [u8],
        read: impl FnMut(&mut [u8]) -> Given,
    ) -> Result<Sent, Error> {
        match length {
            Some(length) => self.sender.sized(length, out, read),
            None => self.sender.chunked(out, read),
        }
    }

    /// Takes bytes of the response.
    ///
    /// # Errors
    /// What is wrong with the response, or what the sink says. The exchange is over then.
    pub fn receive<S: Sink>(
        &mut self,
        input: &[u8],
        lines: &mut Lines<'_>,
        limits: &Limits,
        sink: &mut S,
    ) -> Result<Received, Error> {
        let received = self.receiver.receive(input, lines, limits, sink)?;
        if self.receiver.head_complete() {
            // CONTRACT R98: a refusal ends the upload; anything else lets it go on.
            if self.receiver.code() >= 300 && self.is_sending() {
                self.stop();
            }
            self.sender.go_on();
        } else if self.receiver.continued() {
            self.sender.go_on();
        }
        Ok(received)
    }

    /// The stream has ended.
    ///
    /// # Errors
    /// [`Error::EmptyReply`] before the first byte, [`Error::PartialBody`] in a body of known
    /// length, [`Error::Receive`] in a head.
    pub fn end(&mut self) -> Result<(), Error> {
        self.receiver.end()
    }

    /// Gives back what it holds of the line pool. To be called before it is dropped.
    pub fn release(&mut self, lines: &mut Lines<'_>) {
        self.receiver.release(lines);
    }
}

impl Received {
    /// Is the message complete?
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.progress == Progress::Complete
    }
}

impl Sent {
    /// Is the whole request sent?
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.sending == Sending::Complete
    }
}
