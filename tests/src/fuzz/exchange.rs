//! One exchange, driven by a list of operations.

use muxfer_core::Error;
use muxfer_core::easy::Given;
use muxfer_core::http::{Exchange, Limits, Progress, Sending};
use muxfer_core::store::{Block, Lines};

use super::input::Input;
use super::listener::{Heard, Listener, free_blocks};
use super::reference::{self, Cut, Reply, Rules, Verdict};
use super::request::{Plan, Source};

const LINE: usize = 128;
const LIMITS: Limits = Limits {
    head_bytes: 600,
    head_fields: 12,
    informational: 3,
    chunk_extension_bytes: 20,
};

/// A case is 4 bytes, twice as many bytes as the last of these says, then a response. The first
/// three make the request; each pair is an operation and its argument.
///
/// What must hold: what is sent is the head that the request asks for and its body, framed,
/// whatever the windows; what is heard is what the `reference` hears, whatever the pieces and
/// pauses; an error is the last that happens; no more is consumed than was given; all line blocks
/// come back.
pub fn exchange(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let plan = Plan::new(&mut input);
    let count = usize::from(input.byte());
    let operations = input.take(2 * count);
    let response = input.rest();
    let rules = Rules {
        to_head: plan.is_to_head(),
        limits: LIMITS,
        line: LINE,
    };
    let expected = reference::response(response, &rules);
    let mut memory = [0; LINE];
    let mut run = Run::new(&plan, response, Lines::new(&mut memory, LINE));
    for operation in operations.chunks_exact(2) {
        run.step(operation[0], operation[1]);
        run.check(&expected);
    }
    run.drain();
    run.check(&expected);
    run.finish(&expected);
}

struct Run<'a> {
    plan: &'a Plan,
    exchange: Exchange,
    lines: Lines<'a>,
    /// A block that somebody else has: the pool is dry.
    held: Option<Block>,
    listener: Listener,
    /// What is still to be received.
    rest: &'a [u8],
    consumed: usize,
    sent: Vec<u8>,
    /// How long the head is, once it is sent.
    head: Option<usize>,
    /// How much of the body the source has given.
    given: usize,
    /// What the source does the next time, if not what it should.
    whim: Option<Given>,
    /// The source has failed, or ended too early.
    source_fails: bool,
    /// The chunked body was ended by the source, maybe early.
    source_ended: bool,
    stopped: bool,
    /// Nothing holds back the body: told so, or heard so.
    let_go: bool,
    complete: bool,
    failed: Option<Error>,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan, response: &'a [u8], lines: Lines<'a>) -> Self {
        Self {
            plan,
            exchange: Exchange::new(plan.is_to_head(), plan.expect),
            lines,
            held: None,
            listener: Listener::default(),
            rest: response,
            consumed: 0,
            sent: Vec::new(),
            head: None,
            given: 0,
            whim: None,
            source_fails: false,
            source_ended: false,
            stopped: false,
            let_go: !plan.expect,
            complete: false,
            failed: None,
        }
    }

    fn step(&mut self, operation: u8, argument: u8) {
        let n = usize::from(argument);
        match operation % 8 {
            0 => self.send(n),
            1 => self.send(n * 16),
            2 => self.receive(n),
            3 => self.receive(n * 16),
            4 => self.listener.appetite = (argument < 0xff).then_some(n),
            5 => {
                self.whim = Some(match argument % 4 {
                    0 => Given::Pause,
                    1 => Given::Bytes(n / 4),
                    2 => Given::End,
                    _ if argument > 0xf0 => Given::Bytes(usize::MAX),
                    _ => Given::Abort,
                });
            }
            6 => match self.held.take() {
                Some(block) => self.lines.release(block),
                None => self.held = self.lines.acquire(),
            },
            _ if argument > 0xf0 => {
                self.exchange.stop();
                self.stopped = true;
            }
            _ if self.failed.is_none() => {
                self.exchange.go_on();
                self.let_go = true;
            }
            _ => {}
        }
    }

    /// As the engine does: while there is something to send, and nothing holds it back.
    fn send(&mut self, window: usize) {
        let exchange = &self.exchange;
        if self.failed.is_some() || !exchange.is_sending() || exchange.is_awaiting() {
            return;
        }
        let mut room = vec![0; window];
        let result = if self.exchange.in_head() {
            self.plan
                .with(|outgoing| self.exchange.send_head(outgoing, &mut room))
        } else {
            assert!(self.let_go, "the body goes before it may");
            self.send_body(&mut room)
        };
        let in_head = self.head.is_none();
        match result {
            Err(error) => {
                assert_eq!(error, Error::Read);
                assert!(self.source_fails, "the source did nothing wrong");
                self.failed = Some(error);
            }
            Ok(step) => {
                assert!(!self.source_fails, "a failed source goes unseen");
                self.sent.extend_from_slice(&room[..step.written]);
                if in_head && !self.exchange.in_head() {
                    self.head = Some(self.sent.len());
                }
                assert_eq!(step.is_complete(), self.exchange.is_sent());
                let awaits = step.sending == Sending::AwaitContinue;
                assert_eq!(awaits, self.exchange.is_awaiting());
            }
        }
    }

    fn send_body(&mut self, room: &mut [u8]) -> Result<muxfer_core::http::Sent, Error> {
        let body = &self.plan.body;
        let length = match self.plan.source {
            Source::None => panic!("there is no body"),
            Source::Memory => {
                let sent = self.exchange.send_bytes(body, room);
                assert!(sent.written > 0 || room.is_empty());
                self.given += sent.written;
                return Ok(sent);
            }
            Source::Sized => Some(body.len() as u64),
            Source::Chunked => None,
        };
        let window = room.len();
        let mut answer = None;
        let (given, whim) = (&mut self.given, &mut self.whim);
        let result = self.exchange.send_stream(length, room, |into| {
            assert!(answer.is_none(), "asked twice");
            assert!(!into.is_empty() && into.len() <= window.max(1));
            let missing = body.len() - *given;
            assert!(
                length.is_none() || into.len() <= missing,
                "too much is asked for"
            );
            let n = into.len().min(missing);
            let now = match whim.take() {
                Some(Given::Bytes(most)) if most < usize::MAX => Given::Bytes(n.min(most)),
                Some(other) => other,
                None if n == 0 => Given::End,
                None => Given::Bytes(n),
            };
            if let Given::Bytes(n) = now
                && n <= missing
            {
                into[..n].copy_from_slice(&body[*given..*given + n]);
                *given += n;
            }
            answer = Some(now);
            now
        });
        let paused = matches!(answer, Some(Given::Pause | Given::Bytes(0)));
        let says_paused = result.is_ok_and(|sent| sent.sending == Sending::Paused);
        assert_eq!(says_paused, paused, "the source answers {answer:?}");
        self.source_ended |= answer == Some(Given::End);
        self.source_fails = match answer {
            Some(Given::End) => length.is_some(),
            Some(Given::Abort | Given::Bytes(usize::MAX)) => true,
            Some(Given::Bytes(_) | Given::Pause) | None => false,
        };
        result
    }

    fn receive(&mut self, most: usize) {
        if self.failed.is_some() || self.complete {
            return;
        }
        let piece = &self.rest[..most.min(self.rest.len())];
        let was_sending = self.exchange.is_sending();
        let hungry = self.listener.appetite.is_some();
        let result = self
            .exchange
            .receive(piece, &mut self.lines, &LIMITS, &mut self.listener);
        let received = match result {
            Ok(received) => received,
            Err(error) => {
                self.failed = Some(error);
                return;
            }
        };
        assert!(received.consumed <= piece.len(), "more than was given");
        self.rest = &self.rest[received.consumed..];
        self.consumed += received.consumed;
        match received.progress {
            Progress::NeedMore => assert_eq!(received.consumed, piece.len(), "bytes were left"),
            Progress::Paused => assert!(hungry && self.listener.appetite.is_none()),
            Progress::NoBlock => {
                assert!(self.held.is_some(), "a block is free");
                assert!(received.consumed < piece.len(), "nothing to keep");
            }
            Progress::Complete => self.complete = true,
        }
        assert_eq!(received.is_complete(), self.exchange.is_complete());
        self.hear(was_sending);
    }

    /// CONTRACT R98: `100 Continue` and final answers let the body go; refusals end it.
    fn hear(&mut self, was_sending: bool) {
        let mut codes = self.listener.heard.iter().filter_map(|heard| match heard {
            Heard::Head(head) => Some(head.code),
            Heard::Status { .. } | Heard::Field(..) | Heard::Body(_) | Heard::Trailer(..) => None,
        });
        self.let_go |= codes.any(|code| code == 100 || code >= 200);
        if self.exchange.head_complete() && self.exchange.code() >= 300 && was_sending {
            self.stopped = true;
            assert!(!self.exchange.is_sending(), "sends on after a refusal");
        }
    }

    /// What holds after each operation.
    fn check(&self, expected: &Reply) {
        assert!(is_prefix(&self.listener.heard, &expected.heard), "{self:?}");
        let received = self.listener.body_len() as u64;
        assert_eq!(self.exchange.body_received(), received);
        let head = self.head.unwrap_or(self.sent.len());
        assert_eq!(self.exchange.head_sent() as usize, head);
        if !self.source_fails {
            assert_eq!(self.exchange.body_sent(), self.given as u64);
        }
        if self.failed.is_none() && (self.stopped || self.exchange.is_sent()) {
            assert!(!self.exchange.is_sending());
        }
        if self.exchange.is_awaiting() {
            assert!(!self.let_go, "told to go on, and waits");
        }
    }

    /// Everything comes, everything goes, and nobody is in the way.
    fn drain(&mut self) {
        if let Some(block) = self.held.take() {
            self.lines.release(block);
        }
        self.listener.appetite = None;
        self.whim = None;
        // The smallest windows in turn take far less than three rounds for a byte of body.
        let most = 8 * (self.plan.body.len() + 300);
        let mut rounds = [1, 5, 100].into_iter().cycle().take(most);
        while let Some(window) = rounds.next()
            && !self.is_idle()
        {
            self.receive(window);
            self.send(window);
        }
        // Empty responses are heard, too.
        self.receive(0);
    }

    /// Is there nothing that could be done?
    fn is_idle(&self) -> bool {
        let sends = self.exchange.is_sending() && !self.exchange.is_awaiting();
        self.failed.is_some() || (!sends && (self.complete || self.rest.is_empty()))
    }

    fn finish(mut self, expected: &Reply) {
        self.check_sent();
        let source_failed = self.source_fails;
        match (self.failed, expected.verdict) {
            // What comes after that is not read.
            (Some(Error::Read), _) if source_failed => {}
            (Some(_), verdict) => {
                assert_eq!(verdict, Verdict::Wrong, "{:?}", self.failed);
                assert_eq!(self.listener.heard, expected.heard);
            }
            (None, Verdict::Wrong) => panic!("accepted: {self:?}"),
            (None, verdict) => {
                assert_eq!(self.listener.heard, expected.heard);
                // A request that asks for the end of the connection gets it.
                let keeps = expected.keeps && self.exchange.is_sent() && !self.plan.close;
                assert_eq!(self.exchange.persistent(), keeps, "{self:?}");
                self.end(verdict);
            }
        }
        self.exchange.release(&mut self.lines);
        assert_eq!(
            free_blocks(&mut self.lines),
            1,
            "a block was not given back"
        );
    }

    fn end(&mut self, verdict: Verdict) {
        let is_complete = matches!(verdict, Verdict::Complete(_));
        assert_eq!(self.complete, is_complete);
        if let Verdict::Complete(n) = verdict {
            assert_eq!(self.consumed, n, "the rest is not of this message");
        }
        let ends = matches!(
            verdict,
            Verdict::Complete(_) | Verdict::Cut(Cut::UntilClose)
        );
        assert_eq!(self.exchange.end().is_ok(), ends);
        assert_eq!(self.exchange.is_complete(), ends);
    }

    /// The head, and of the body what was given, framed.
    fn check_sent(&self) {
        let head = self.plan.head();
        let (start, rest) = self.sent.split_at(self.head.unwrap_or(self.sent.len()));
        assert!(
            head.as_bytes().starts_with(start),
            "{}",
            start.escape_ascii()
        );
        assert!(self.head.is_none() || start == head.as_bytes(), "{head:?}");
        if self.failed.is_none() && !self.stopped && self.let_go {
            assert!(self.exchange.is_sent(), "left unsent: {self:?}");
        }
        if !self.plan.has_body() {
            assert!(rest.is_empty(), "a body that there is not");
            return;
        }
        let given = &self.plan.body[..self.given];
        if self.plan.source != Source::Chunked {
            assert_eq!(rest, given);
            return;
        }
        let mut body = Vec::new();
        let decoded = reference::chunks(rest, 0, &mut body).expect("sound chunks");
        // A chunk of one byte may still be on its way.
        assert!(given.starts_with(&body) && given.len() <= body.len() + 1);
        if self.exchange.is_sent() {
            assert!(self.source_ended);
            assert_eq!(body, given);
            assert_eq!(decoded, Some(rest.len() - 2));
            assert!(rest.ends_with(b"\r\n\r\n"));
        }
    }
}

impl std::fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run")
            .field("plan", &self.plan)
            .field("exchange", &self.exchange)
            .field("heard", &self.listener.heard)
            .field("rest", &self.rest.escape_ascii().to_string())
            .field("sent", &self.sent.escape_ascii().to_string())
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

/// Is that the start of it? The last may be a body that is not all there.
fn is_prefix(heard: &[Heard], whole: &[Heard]) -> bool {
    let Some((last, before)) = heard.split_last() else {
        return true;
    };
    match (last, whole.get(before.len())) {
        (Heard::Body(some), Some(Heard::Body(all))) if !all.starts_with(some) => return false,
        (Heard::Body(_), Some(Heard::Body(_))) => {}
        (last, other) if other != Some(last) => return false,
        _ => {}
    }
    whole.starts_with(before)
}
