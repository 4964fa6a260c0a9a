//! Split invariance: what comes of a response does not depend on where its bytes are cut, on pauses
//! of the sink, or on a line pool that runs dry.

use std::io;

use muxfer_core::Error;
use muxfer_core::easy::Taken;
use muxfer_core::http::{HeadEnd, Sink};
use muxfer_core::store::{Block, Lines};
use muxfer_core::wire::Status;
use muxfer_tests::corpus::{
    self, Account, BLOCK_BYTES, Ending, Response, Seen, Turn, feed, generate, whole,
};
use muxfer_tests::sim::Prng;

/// All pairs of cuts are tried up to this length, which keeps the test at a few seconds.
const PAIRS_UP_TO: usize = 160;
/// Every single cut is tried up to this length; beyond, those near line ends and a sample.
const CUTS_UP_TO: usize = 2048;
const GENERATED: u64 = 300;

/// A sink that knows what it must be told.
struct Expecting<'a> {
    seen: &'a [Seen],
    /// Bytes of the body that have come, if a body is next.
    body: usize,
    wrong: bool,
    /// Takes part of each piece only, at random, and pauses.
    pauses: Option<Prng>,
}

impl<'a> Expecting<'a> {
    const fn new(account: &'a Account) -> Self {
        Self {
            seen: account.seen.as_slice(),
            body: 0,
            wrong: false,
            pauses: None,
        }
    }

    fn next(&mut self, is_it: impl FnOnce(&Seen) -> bool) -> Result<(), Error> {
        self.end_body();
        match self.seen.split_first() {
            Some((next, rest)) if is_it(next) => {
                self.seen = rest;
                Ok(())
            }
            Some(_) | None => self.fail(),
        }
    }

    fn end_body(&mut self) {
        if let [Seen::Body(body), rest @ ..] = self.seen
            && body.len() == self.body
        {
            self.seen = rest;
            self.body = 0;
        }
    }

    const fn fail<T>(&mut self) -> Result<T, Error> {
        self.wrong = true;
        Err(Error::Internal)
    }

    fn heard_all(mut self) -> bool {
        self.end_body();
        self.seen.is_empty() && !self.wrong
    }
}

impl Sink for Expecting<'_> {
    fn on_status(&mut self, status: &Status<'_>) -> Result<(), Error> {
        self.next(|seen| {
            matches!(seen, Seen::Status(code, minor, reason)
            if (*code, *minor, reason.as_slice()) == (status.code, status.minor, status.reason))
        })
    }

    fn on_field(&mut self, name: &str, value: &[u8]) -> Result<(), Error> {
        self.next(|seen| matches!(seen, Seen::Field(n, v) if n == name && v == value))
    }

    fn on_head(&mut self, head: &HeadEnd) -> Result<(), Error> {
        self.next(|seen| *seen == Seen::Head(head.code, head.length))
    }

    fn on_body(&mut self, bytes: &[u8]) -> Result<Taken, Error> {
        let (taken, answer) = match &mut self.pauses {
            Some(random) => {
                // One more than was offered is as good as all of it.
                let n = below(random, bytes.len() + 2);
                (n.min(bytes.len()), Taken::Pause(n))
            }
            None => (bytes.len(), Taken::All),
        };
        let Some(Seen::Body(body)) = self.seen.first() else {
            return self.fail();
        };
        if !body[self.body..].starts_with(bytes) {
            return self.fail();
        }
        self.body += taken;
        Ok(answer)
    }

    fn on_trailer(&mut self, name: &str, value: &[u8]) -> Result<(), Error> {
        self.next(|seen| matches!(seen, Seen::Trailer(n, v) if n == name && v == value))
    }
}

fn below(random: &mut Prng, limit: usize) -> usize {
    usize::try_from(random.below(limit as u64)).expect("a small number")
}

/// The corpus, and responses from seeds.
fn responses() -> io::Result<Vec<Response>> {
    let mut responses = corpus::load()?;
    responses.extend((0..GENERATED).map(generate::response));
    Ok(responses)
}

/// Feeds it with these cuts and holds what comes of it against what came of it whole.
fn check(response: &Response, account: &Account, lines: &mut Lines<'_>, cuts: &[usize]) {
    let mut sink = Expecting::new(account);
    let ending = feed(response, cuts, lines, &mut sink, |_, turn| {
        assert!(turn != Turn::NoBlock, "no block, though none was taken");
        true
    });
    compare(response, account, cuts, sink, ending);
}

fn compare(
    response: &Response,
    account: &Account,
    cuts: &[usize],
    sink: Expecting<'_>,
    ending: Ending,
) {
    let same = ending == account.ending && sink.heard_all();
    assert!(
        same,
        "{} cut at {cuts:?}: {ending:?}\nwhole: {account:?}\n{}",
        response.name,
        response.shown()
    );
}

/// The places where a cut is tried in a long response: all near line ends and near the length of a
/// block, and every 61st.
fn places(bytes: &[u8]) -> Vec<usize> {
    let near_line_end = |at: usize| {
        let around = at.saturating_sub(2)..(at + 2).min(bytes.len());
        bytes[around].contains(&b'\n')
    };
    let near_block = |at: usize| (at + 2) % BLOCK_BYTES < 4;
    let all = 0..=bytes.len();
    all.filter(|at| {
        bytes.len() <= CUTS_UP_TO || at % 61 == 0 || near_line_end(*at) || near_block(*at)
    })
    .collect()
}

#[test]
fn one_cut_anywhere_changes_nothing() -> io::Result<()> {
    let mut memory = [0; BLOCK_BYTES];
    let mut lines = Lines::new(&mut memory, BLOCK_BYTES);
    for response in responses()? {
        let account = whole(&response);
        for cut in places(&response.bytes) {
            check(&response, &account, &mut lines, &[cut]);
        }
    }
    Ok(())
}

#[test]
fn two_cuts_anywhere_change_nothing_in_a_short_response() -> io::Result<()> {
    let mut memory = [0; BLOCK_BYTES];
    let mut lines = Lines::new(&mut memory, BLOCK_BYTES);
    let mut tried = 0;
    for response in corpus::load()? {
        let length = response.bytes.len();
        if length > PAIRS_UP_TO {
            continue;
        }
        tried += 1;
        let account = whole(&response);
        for first in 1..length {
            for second in first + 1..length {
                check(&response, &account, &mut lines, &[first, second]);
            }
        }
    }
    assert!(tried > 200, "only {tried} short responses");
    Ok(())
}

#[test]
fn one_byte_at_a_time_changes_nothing() -> io::Result<()> {
    let mut memory = [0; BLOCK_BYTES];
    let mut lines = Lines::new(&mut memory, BLOCK_BYTES);
    for response in responses()? {
        let account = whole(&response);
        let cuts: Vec<_> = (0..response.bytes.len()).collect();
        check(&response, &account, &mut lines, &cuts);
    }
    Ok(())
}

/// Up to six cuts at random.
fn random_cuts(random: &mut Prng, length: usize) -> Vec<usize> {
    let count = below(random, 7);
    let mut cuts: Vec<_> = (0..count).map(|_| below(random, length + 1)).collect();
    cuts.sort_unstable();
    cuts
}

#[test]
fn a_sink_that_pauses_anywhere_changes_nothing() -> io::Result<()> {
    let mut memory = [0; BLOCK_BYTES];
    let mut lines = Lines::new(&mut memory, BLOCK_BYTES);
    for response in responses()? {
        let account = whole(&response);
        for seed in 0..8 {
            let mut random = Prng::new(seed);
            let cuts = random_cuts(&mut random, response.bytes.len());
            let mut sink = Expecting::new(&account);
            sink.pauses = Some(random);
            let ending = feed(&response, &cuts, &mut lines, &mut sink, |_, _| true);
            compare(&response, &account, &cuts, sink, ending);
        }
    }
    Ok(())
}

#[test]
fn a_line_pool_that_runs_dry_changes_nothing() -> io::Result<()> {
    let mut memory = [0; BLOCK_BYTES];
    let mut lines = Lines::new(&mut memory, BLOCK_BYTES);
    let mut dry = 0;
    for response in responses()? {
        let account = whole(&response);
        for seed in 0..8 {
            let mut random = Prng::new(seed);
            let cuts = random_cuts(&mut random, response.bytes.len());
            let mut sink = Expecting::new(&account);
            // Another connection takes the only block and gives it back at random.
            let mut taken: Option<Block> = None;
            let ending = feed(&response, &cuts, &mut lines, &mut sink, |lines, turn| {
                dry += usize::from(turn == Turn::NoBlock);
                if turn == Turn::Offer {
                    if taken.is_none() && random.chance(70) {
                        taken = lines.acquire();
                    }
                } else if (turn == Turn::End || random.chance(50))
                    && let Some(block) = taken.take()
                {
                    lines.release(block);
                }
                random.chance(50)
            });
            compare(&response, &account, &cuts, sink, ending);
        }
    }
    assert!(dry > 1000, "the pool ran dry {dry} times only");
    Ok(())
}

#[test]
fn a_line_of_about_the_length_of_a_block_is_judged_alike_wherever_it_is_cut() {
    let mut memory = [0; BLOCK_BYTES];
    let mut lines = Lines::new(&mut memory, BLOCK_BYTES);
    let status = "HTTP/1.1 200 OK\r\n";
    for length in BLOCK_BYTES - 3..BLOCK_BYTES + 4 {
        for (kind, end) in ["\r\n", "\n", ""].into_iter().enumerate() {
            let line = "x".repeat(length - end.len() - 2);
            let field = format!("A:{line}{end}");
            assert_eq!(field.len(), length);
            let texts = [
                format!("HTTP/1.1 200 {}{end}\r\n", &line[11..]),
                format!("{status}{field}Content-Length: 0\r\n\r\n"),
                format!("{status}Transfer-Encoding: chunked\r\n\r\n0\r\n{field}\r\n"),
            ];
            for (place, text) in texts.into_iter().enumerate() {
                let response = Response::to_get("a long line", text.as_bytes());
                let account = whole(&response);
                let fits = account.ending.outcome.is_whole();
                // A bare line feed ends no line of a trailer section.
                let sound = (kind, place) != (1, 2) && length <= BLOCK_BYTES;
                assert!(kind == 2 || fits == sound, "{text}");
                for cut in 0..=text.len() {
                    check(&response, &account, &mut lines, &[cut]);
                }
            }
        }
    }
}
