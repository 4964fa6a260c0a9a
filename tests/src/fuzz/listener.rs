//! A sink of an exchange that remembers, and what comes out of a whole response.

use muxfer_core::Error;
use muxfer_core::easy::{Request, Status, Taken};
use muxfer_core::http::{Exchange, HeadEnd, Limits, Outgoing, Progress, Sink};
use muxfer_core::store::Lines;
use muxfer_core::wire::{Url, is_field_value, is_token};

/// Something that a sink was told. Pieces of body that follow each other are one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Status {
        code: u16,
        minor: u8,
        reason: Vec<u8>,
    },
    Field(String, Vec<u8>),
    Head(HeadEnd),
    Body(Vec<u8>),
    Trailer(String, Vec<u8>),
}

/// Adds a piece of body to the one before.
pub(super) fn push_body(heard: &mut Vec<Heard>, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    match heard.last_mut() {
        Some(Heard::Body(body)) => body.extend_from_slice(bytes),
        Some(Heard::Status { .. } | Heard::Field(..) | Heard::Head(_) | Heard::Trailer(..))
        | None => heard.push(Heard::Body(bytes.to_vec())),
    }
}

/// It panics when a name or a value could end a line of whoever prints it.
#[derive(Debug, Default)]
pub(super) struct Listener {
    pub(super) heard: Vec<Heard>,
    /// How much of the next piece of body it takes before it pauses; all if that is not said.
    pub(super) appetite: Option<usize>,
}

impl Listener {
    /// All of the body so far.
    pub(super) fn body_len(&self) -> usize {
        let lengths = self.heard.iter().map(|heard| match heard {
            Heard::Body(body) => body.len(),
            Heard::Status { .. } | Heard::Field(..) | Heard::Head(_) | Heard::Trailer(..) => 0,
        });
        lengths.sum()
    }
}

impl Sink for Listener {
    fn on_status(&mut self, status: &Status<'_>) -> Result<(), Error> {
        assert!((100..1000).contains(&status.code), "{status:?}");
        assert!(is_field_value(status.reason), "{status:?}");
        self.heard.push(Heard::Status {
            code: status.code,
            minor: status.minor,
            reason: status.reason.to_vec(),
        });
        Ok(())
    }

    fn on_field(&mut self, name: &str, value: &[u8]) -> Result<(), Error> {
        check_field(name, value);
        self.heard
            .push(Heard::Field(name.to_owned(), value.to_vec()));
        Ok(())
    }

    fn on_head(&mut self, head: &HeadEnd) -> Result<(), Error> {
        self.heard.push(Heard::Head(*head));
        Ok(())
    }

    fn on_body(&mut self, bytes: &[u8]) -> Result<Taken, Error> {
        assert!(!bytes.is_empty(), "an empty piece of body");
        let taken = self.appetite.take();
        let n = taken.map_or(bytes.len(), |n| n.min(bytes.len()));
        push_body(&mut self.heard, &bytes[..n]);
        Ok(taken.map_or(Taken::All, Taken::Pause))
    }

    fn on_trailer(&mut self, name: &str, value: &[u8]) -> Result<(), Error> {
        check_field(name, value);
        self.heard
            .push(Heard::Trailer(name.to_owned(), value.to_vec()));
        Ok(())
    }
}

/// CR, LF and NUL have split messages (CHECKLIST 12, 19); other controls have no place there.
fn check_field(name: &str, value: &[u8]) {
    assert!(is_token(name.as_bytes()), "name {name:?}");
    let sound = |byte: &u8| *byte == b'\t' || !byte.is_ascii_control();
    assert!(value.iter().all(sound), "value {value:?} of {name}");
    assert_eq!(value.trim_ascii(), value, "of {name}");
}

/// What became of a response.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) heard: Vec<Heard>,
    /// How far it came and how many bytes it used, or what is wrong.
    pub(super) result: Result<(Progress, usize), Error>,
    /// What the end of the stream there means; not asked after an error.
    pub(super) end: Option<Result<(), Error>>,
    /// May the connection be used again?
    pub(super) keeps: bool,
}

/// Feeds the pieces to an exchange, in blocks of `line` bytes for lines that are cut.
pub(super) fn receive(pieces: &[&[u8]], to_head: bool, limits: &Limits, line: usize) -> Outcome {
    let mut memory = vec![0; line];
    let mut lines = Lines::new(&mut memory, line);
    let mut exchange = Exchange::new(to_head, false);
    send_request(&mut exchange);
    let mut listener = Listener::default();
    let result = feed(&mut exchange, pieces, &mut lines, limits, &mut listener);
    let keeps = exchange.persistent();
    let end = result.is_ok().then(|| exchange.end());
    assert_eq!(exchange.body_received(), listener.body_len() as u64);
    exchange.release(&mut lines);
    assert_eq!(free_blocks(&mut lines), 1, "a block was not given back");
    Outcome {
        heard: listener.heard,
        result,
        end,
        keeps,
    }
}

/// A request without a body, in one piece.
fn send_request(exchange: &mut Exchange) {
    let request = Request::get("http://a/");
    let url = Url::parse(request.url).expect("a good URL");
    let outgoing = Outgoing::new(request, url);
    let sent = exchange.send_head(&outgoing, &mut [0; 64]);
    assert!(sent.expect("it fits").is_complete());
}

fn feed(
    exchange: &mut Exchange,
    pieces: &[&[u8]],
    lines: &mut Lines<'_>,
    limits: &Limits,
    listener: &mut Listener,
) -> Result<(Progress, usize), Error> {
    let mut consumed = 0;
    for piece in pieces {
        let received = exchange.receive(piece, lines, limits, listener)?;
        consumed += received.consumed;
        match received.progress {
            Progress::NeedMore => assert_eq!(received.consumed, piece.len(), "bytes were left"),
            Progress::Complete => {
                assert!(received.consumed <= piece.len(), "more than was given");
                return Ok((Progress::Complete, consumed));
            }
            Progress::Paused | Progress::NoBlock => panic!("{:?}", received.progress),
        }
    }
    Ok((Progress::NeedMore, consumed))
}

/// How many blocks can be had now.
pub(super) fn free_blocks(lines: &mut Lines<'_>) -> u32 {
    let mut blocks = Vec::new();
    while let Some(block) = lines.acquire() {
        blocks.push(block);
    }
    let count = u32::try_from(blocks.len()).expect("few");
    for block in blocks {
        lines.release(block);
    }
    count
}
