//! One client with its connection to the server.
//!
//! ```text
//!  idle ─ request head ─> reply: awaited ─ response head ─> passing ─ last byte ─> idle
//!                                                             └─ its cut ─> closed
//! ```

use std::time::Instant;

use super::buffer::Buffer;
use super::fault::{Fault, Kind};
use super::head::{self, Shape};
use super::ledger::{Ledger, What};
use super::side::{Read, Side};

/// The longest request head.
const REQUEST_BYTES: usize = 8 * 1024;
/// How much of a response is held.
const RESPONSE_BYTES: usize = 32 * 1024;
/// So often bytes are passed on before other links have their turn.
const TURNS: u32 = 16;
/// The longest slice.
const SLICE: u64 = 200;

/// The buffers of a link; they outlive it and serve the next.
#[derive(Debug)]
pub(super) struct Buffers {
    request: Buffer,
    response: Buffer,
}

impl Buffers {
    pub(super) fn new() -> Self {
        Self {
            request: Buffer::new(REQUEST_BYTES),
            response: Buffer::new(RESPONSE_BYTES),
        }
    }
}

/// What a link wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// An event.
    Event,
    /// To be driven again at this time.
    Time(Instant),
    /// To be driven again after the others.
    Turn,
    /// To be closed.
    Close,
    /// To be closed with a reset to the client.
    Reset,
}

/// A client and the server behind it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) client: Side,
    pub(super) server: Side,
    buffers: Buffers,
    reply: Option<Reply>,
    served: u64,
    /// Is it in the relay's queue?
    pub(super) queued: bool,
}

/// A request that has come, and its response.
#[derive(Debug)]
struct Reply {
    number: u64,
    to_head: bool,
    /// How much of the request is still to be passed on.
    request: usize,
    fault: Option<Fault>,
    /// Where the response ends, once its head has come.
    shape: Option<Shape>,
    /// How many bytes of it pass: all, or up to its cut.
    limit: u64,
    passed: u64,
    /// It does not pass before this time.
    not_before: Option<Instant>,
}

impl Link {
    pub(super) fn new(client: Side, server: Side, buffers: Buffers) -> Self {
        Self {
            client,
            server,
            buffers,
            reply: None,
            served: 0,
            queued: false,
        }
    }

    /// Passes on what can be passed on now.
    pub(super) fn drive(&mut self, ledger: &Ledger) -> Next {
        for _ in 0..TURNS {
            let next = match &mut self.reply {
                None => self.request(ledger),
                Some(_) => self.reply(ledger),
            };
            if let Some(next) = next {
                return next;
            }
        }
        Next::Turn
    }

    /// It is over: gives its buffers back, empty.
    pub(super) fn into_buffers(self) -> Buffers {
        let mut buffers = self.buffers;
        buffers.request.clear();
        buffers.response.clear();
        buffers
    }

    /// Waits for a request head. `None`: go on.
    fn request(&mut self, ledger: &Ledger) -> Option<Next> {
        if self.server.has_hung_up() {
            return Some(Next::Close);
        }
        let buffer = &mut self.buffers.request;
        let read = self.client.read(buffer);
        match head::request(buffer.held()) {
            Ok(Some(head)) => {
                let fault = ledger.pass(head.number, self.served == 0);
                self.reply = Some(Reply {
                    number: head.number,
                    to_head: head.to_head,
                    request: head.length,
                    fault,
                    shape: None,
                    limit: 0,
                    passed: 0,
                    not_before: None,
                });
                None
            }
            Ok(None) if buffer.room().is_empty() => Some(lost(ledger, None)),
            Ok(None) => match read {
                Read::Some => None,
                Read::Nothing => Some(Next::Event),
                Read::Over => Some(Next::Close),
            },
            Err(head::Unclear) => Some(lost(ledger, None)),
        }
    }

    /// Passes the request on, and its response back. `None`: go on.
    fn reply(&mut self, ledger: &Ledger) -> Option<Next> {
        let reply = self.reply.as_mut()?;
        if self.client.has_hung_up() {
            // Clients close both directions at once: nobody waits for the response any more.
            return Some(Next::Close);
        }
        if reply.request > 0 {
            let bytes = &self.buffers.request.held()[..reply.request];
            let Ok(count) = self.server.write(bytes) else {
                return Some(lost(ledger, Some(reply)));
            };
            self.buffers.request.take(count);
            reply.request -= count;
            return (reply.request > 0).then_some(Next::Event);
        }
        let read = self.server.read(&mut self.buffers.response);
        if reply.shape.is_none() {
            match head::response(self.buffers.response.held(), reply.to_head) {
                Ok(Some(shape)) => reply.begin(shape, ledger),
                Ok(None) if read == Read::Some && !self.buffers.response.room().is_empty() => {
                    return None;
                }
                Ok(None) if read == Read::Nothing => return Some(Next::Event),
                Ok(None) | Err(head::Unclear) => return Some(lost(ledger, Some(reply))),
            }
        }
        self.pass(read, ledger)
    }

    /// Passes a piece of the response on. `None`: go on.
    fn pass(&mut self, read: Read, ledger: &Ledger) -> Option<Next> {
        let reply = self.reply.as_mut()?;
        if let Some(at) = reply.not_before {
            if Instant::now() < at {
                return Some(Next::Time(at));
            }
            reply.not_before = None;
        }
        let left = reply.limit - reply.passed;
        let held = self.buffers.response.held();
        let most = reply.slice().map_or(left, |slice| slice.min(left));
        let piece = &held[..usize::try_from(most).map_or(held.len(), |most| held.len().min(most))];
        let Ok(count) = self.client.write(piece) else {
            return Some(Next::Close);
        };
        self.buffers.response.take(count);
        reply.passed += count as u64;
        ledger.count(|counts| {
            counts.bytes += count as u64;
            counts.pieces += u64::from(count > 0);
        });
        if reply.passed == reply.limit {
            return self.end(ledger);
        }
        match (count, read) {
            (0, Read::Nothing) => Some(Next::Event),
            (0, Read::Over) if self.buffers.response.held().is_empty() => {
                Some(lost(ledger, Some(reply)))
            }
            (0, Read::Some | Read::Over) => Some(Next::Event),
            _ if matches!(reply.fault, Some(Fault::Slicing(_))) => Some(Next::Turn),
            _ => None,
        }
    }

    /// All of the response that passes has passed. `None`: go on.
    fn end(&mut self, ledger: &Ledger) -> Option<Next> {
        let reply = self.reply.take()?;
        if let Some(fault) = &reply.fault {
            ledger.injected(fault.kind());
        }
        match reply.fault.as_ref().map(Fault::kind) {
            Some(Kind::Reset) => Some(Next::Reset),
            Some(Kind::Truncation) => Some(Next::Close),
            Some(Kind::Latency | Kind::Slicing) | None => {
                self.served += 1;
                ledger.count(|counts| counts.responses += 1);
                if self.buffers.response.held().is_empty() {
                    None
                } else {
                    Some(lost(ledger, Some(&reply)))
                }
            }
        }
    }
}

impl Reply {
    /// The head of the response has come: what happens to it is known from here on, and entered
    /// before its first byte passes.
    fn begin(&mut self, shape: Shape, ledger: &Ledger) {
        self.shape = Some(shape);
        self.limit = shape.total;
        let what = match &self.fault {
            None => What::Whole(None),
            Some(Fault::Latency(delay)) => {
                self.not_before = Instant::now().checked_add(*delay);
                What::Whole(Some(Kind::Latency))
            }
            Some(Fault::Slicing(_)) => What::Whole(Some(Kind::Slicing)),
            Some(fault @ (Fault::Reset(cut) | Fault::Truncation(cut))) => {
                self.limit = cut.offset(shape.head, shape.total);
                What::Cut {
                    how: fault.kind(),
                    at: self.limit,
                    head: shape.head,
                }
            }
        };
        ledger.enter(self.number, what);
    }

    /// The length of the next slice, if it is sliced.
    fn slice(&mut self) -> Option<u64> {
        match &mut self.fault {
            Some(Fault::Slicing(prng)) => Some(1 + prng.below(SLICE)),
            Some(Fault::Latency(_) | Fault::Reset(_) | Fault::Truncation(_)) | None => None,
        }
    }
}

/// Something is not as this proxy expects: neither side can be served any more.
fn lost(ledger: &Ledger, reply: Option<&Reply>) -> Next {
    ledger.count(|counts| counts.lost += 1);
    if let Some(reply) = reply {
        ledger.enter(reply.number, What::Lost);
    }
    Next::Close
}
