//! A response fed to an exchange, and the account of all that came of it.

use muxfer_core::Error;
use muxfer_core::easy::{Request, Taken};
use muxfer_core::http::{Exchange, HeadEnd, Outgoing, Progress, Sink};
use muxfer_core::store::Lines;
use muxfer_core::wire::{Status, Url};

use super::{BLOCK_BYTES, LIMITS, Response};

/// Something that a sink was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A status line: code, minor version, reason.
    Status(u16, u8, Vec<u8>),
    /// A field.
    Field(String, Vec<u8>),
    /// The end of a head: code, and length of the body if it is known.
    Head(u16, Option<u64>),
    /// The body, its pieces put together.
    Body(Vec<u8>),
    /// A trailer field.
    Trailer(String, Vec<u8>),
}

/// How a response ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The message is whole; its own framing said so.
    Complete,
    /// The message is whole because the stream has ended.
    AtClose,
    /// It is refused.
    Refused(Error),
    /// The stream has ended too early.
    Short(Error),
}

impl Outcome {
    /// Is the message whole?
    #[must_use]
    pub const fn is_whole(self) -> bool {
        matches!(self, Self::Complete | Self::AtClose)
    }
}

/// The end of a response, without what was told before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// How it ended.
    pub outcome: Outcome,
    /// How many bytes belong to it; 0 if it was refused.
    pub consumed: usize,
    /// May the connection serve another request, as far as the response says?
    pub persistent: bool,
}

/// All that came of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// What the sink was told, in order.
    pub seen: Vec<Seen>,
    /// How it ended.
    pub ending: Ending,
}

/// What comes of a response that arrives at once.
#[must_use]
pub fn whole(response: &Response) -> Account {
    let mut memory = [0; BLOCK_BYTES];
    let mut lines = Lines::new(&mut memory, BLOCK_BYTES);
    let mut log = Log::default();
    let ending = feed(response, &[], &mut lines, &mut log, |_, _| true);
    let seen = log.0;
    Account { seen, ending }
}

/// When [`feed`] asks about the line pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Bytes are about to be offered.
    Offer,
    /// No block is free.
    NoBlock,
    /// The response has ended; all blocks must be back.
    End,
}

/// Feeds a response that is cut at these places, in rising order, and closed behind its last byte.
/// All that has arrived and was not taken is offered again, until nothing more can be done with it.
///
/// `pool` may take blocks and must give one back in the end. At [`Turn::NoBlock`] it answers whether
/// the bytes are offered again at once; if not, more arrive first, if there are more.
///
/// # Panics
/// The exchange breaks a rule of its own: it takes more than there is, asks for more while it holds
/// unread bytes, or keeps a block.
pub fn feed<S: Sink>(
    response: &Response,
    cuts: &[usize],
    lines: &mut Lines<'_>,
    sink: &mut S,
    mut pool: impl FnMut(&mut Lines<'_>, Turn) -> bool,
) -> Ending {
    let mut exchange = asked(response.to_head);
    let mut consumed = 0;
    let mut outcome = None;
    let mut ends = cuts.iter().copied().chain([response.bytes.len()]);
    let mut end = ends.next().unwrap_or(0);
    loop {
        pool(lines, Turn::Offer);
        let offered = &response.bytes[consumed..end];
        let more = match exchange.receive(offered, lines, &LIMITS, sink) {
            Err(error) => {
                outcome = Some(Outcome::Refused(error));
                break;
            }
            Ok(received) => {
                consumed += received.consumed;
                assert!(consumed <= end, "more taken than offered");
                match received.progress {
                    Progress::Complete => {
                        outcome = Some(Outcome::Complete);
                        break;
                    }
                    Progress::Paused => {
                        assert!(!exchange.is_complete(), "a pause with nothing left");
                        false
                    }
                    Progress::NoBlock => !pool(lines, Turn::NoBlock),
                    Progress::NeedMore => {
                        assert_eq!(consumed, end, "unread bytes");
                        true
                    }
                }
            }
        };
        if more {
            match ends.next() {
                Some(next) => end = next,
                None if consumed == end => break,
                None => {}
            }
        }
    }
    pool(lines, Turn::End);
    let outcome = outcome.unwrap_or_else(|| match exchange.end() {
        Ok(()) => Outcome::AtClose,
        Err(error) => Outcome::Short(error),
    });
    exchange.release(lines);
    assert!(lines.has_free(), "a block was kept");
    let refused = matches!(outcome, Outcome::Refused(_));
    Ending {
        outcome,
        consumed: if refused { 0 } else { consumed },
        persistent: outcome.is_whole() && exchange.persistent(),
    }
}

/// An exchange whose request has been sent.
fn asked(to_head: bool) -> Exchange {
    let method = if to_head { "HEAD" } else { "GET" };
    let request = Request::new(method, "http://a/");
    let url = Url::parse(request.url).expect("a sound URL");
    let mut exchange = Exchange::new(to_head, false);
    let sent = exchange.send_head(&Outgoing::new(request, url), &mut [0; 256]);
    assert!(sent.is_ok_and(|sent| sent.is_complete()), "a short request");
    exchange
}

/// A sink that writes everything down.
#[derive(Debug, Default)]
struct Log(Vec<Seen>);

impl Sink for Log {
    fn on_status(&mut self, status: &Status<'_>) -> Result<(), Error> {
        let reason = status.reason.to_vec();
        self.0.push(Seen::Status(status.code, status.minor, reason));
        Ok(())
    }

    fn on_field(&mut self, name: &str, value: &[u8]) -> Result<(), Error> {
        self.0.push(Seen::Field(name.to_owned(), value.to_vec()));
        Ok(())
    }

    fn on_head(&mut self, head: &HeadEnd) -> Result<(), Error> {
        self.0.push(Seen::Head(head.code, head.length));
        Ok(())
    }

    fn on_body(&mut self, bytes: &[u8]) -> Result<Taken, Error> {
        if let Some(Seen::Body(body)) = self.0.last_mut() {
            body.extend_from_slice(bytes);
        } else {
            self.0.push(Seen::Body(bytes.to_vec()));
        }
        Ok(Taken::All)
    }

    fn on_trailer(&mut self, name: &str, value: &[u8]) -> Result<(), Error> {
        self.0.push(Seen::Trailer(name.to_owned(), value.to_vec()));
        Ok(())
    }
}
