//! The corpus of responses: what is in it, and what the engine makes of it.

use std::collections::BTreeSet;
use std::{fs, io};

use muxfer_core::error::ResponseError;
use muxfer_tests::corpus::{self, Outcome, Response, generate, verdicts};

/// Each class of CHECKLIST C, by how the names of its files begin.
const CLASSES: &[&str] = &[
    "bad-chunk-",
    "bad-coding-",
    "bad-field-",
    "bad-length-",
    "behind-",
    "chunked-extension-",
    "chunked-trailer",
    "close-delimited",
    "empty-",
    "head-",
    "informational-",
    "length-",
    "limit-",
    "line-feeds-",
    "old-",
    "short-",
    "status-",
];

#[test]
fn the_engine_says_of_each_response_what_is_written_down() -> io::Result<()> {
    let written = fs::read_to_string(verdicts::path())?;
    let now = verdicts::text()?;
    let (written, now): (BTreeSet<_>, BTreeSet<_>) =
        (written.lines().collect(), now.lines().collect());
    let changed: Vec<_> = written.symmetric_difference(&now).collect();
    assert!(
        changed.is_empty(),
        "verdicts changed; if on purpose: cargo xtask corpus\n{changed:#?}"
    );
    Ok(())
}

#[test]
fn the_corpus_holds_every_class_of_the_checklist() -> io::Result<()> {
    let responses = corpus::load()?;
    assert!(responses.len() >= 300, "{} files", responses.len());
    for class in CLASSES {
        let count = responses
            .iter()
            .filter(|response| response.name.starts_with(class))
            .count();
        assert!(count >= 2, "{class}: {count} files");
    }
    let mut contents = BTreeSet::new();
    for response in &responses {
        let new = contents.insert((response.to_head, &response.bytes));
        assert!(new, "{}: another file holds the same", response.name);
    }
    Ok(())
}

#[test]
fn no_file_has_lost_its_line_ends() -> io::Result<()> {
    let responses = corpus::load()?;
    let find = |name: &str| -> &Response {
        let found = responses.iter().find(|response| response.name == name);
        found.unwrap_or_else(|| panic!("no {name}"))
    };
    let crlf = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(find("length-zero").bytes, crlf);
    let lf = b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok";
    assert_eq!(find("line-feeds-only").bytes, lf);
    Ok(())
}

#[test]
fn what_is_named_bad_short_or_over_a_limit_is_no_success() -> io::Result<()> {
    for response in corpus::load()? {
        let outcome = corpus::whole(&response).ending.outcome;
        let allowed = response.name.ends_with("-as-allowed");
        let expected = match response.name.split('-').next() {
            Some("bad") => matches!(outcome, Outcome::Refused(_) | Outcome::Short(_)),
            Some("short") => matches!(outcome, Outcome::Short(_)),
            Some("limit") => allowed == outcome.is_whole(),
            Some("length" | "chunked" | "close" | "old" | "empty" | "behind") => {
                outcome.is_whole() || response.name == "length-largest"
            }
            _ => true,
        };
        assert!(expected, "{}: {outcome:?}", response.name);
    }
    Ok(())
}

#[test]
fn a_seed_gives_the_same_response_again_and_both_good_and_broken_ones() {
    let (mut whole, mut refused, mut short) = (0, 0, 0);
    for seed in 0..1000 {
        let response = generate::response(seed);
        assert_eq!(response, generate::response(seed), "seed {seed}");
        match corpus::whole(&response).ending.outcome {
            Outcome::Complete | Outcome::AtClose => whole += 1,
            Outcome::Refused(_) => refused += 1,
            Outcome::Short(_) => short += 1,
        }
    }
    assert!(
        whole > 300 && refused > 200 && short > 50,
        "{whole} whole, {refused} refused, {short} short"
    );
}

/// Is the connection kept behind the response of this name?
fn kept(name: &str) -> io::Result<bool> {
    let responses = corpus::load()?;
    let found = responses.iter().find(|response| response.name == name);
    let ending = corpus::whole(found.unwrap_or_else(|| panic!("no {name}"))).ending;
    assert_eq!(ending.outcome, Outcome::Complete, "{name}");
    Ok(ending.persistent)
}

#[test]
fn checklist_13_a_coding_that_can_not_be_trusted_closes_the_connection_also_without_a_body()
-> io::Result<()> {
    // RFC 9112 §6.1: in HTTP/1.0 the framing is faulty, whatever else the message says.
    assert!(!kept("old-304-keep-alive-with-coding")?);
    assert!(!kept("head-1-0-keep-alive-with-coding")?);
    assert!(!kept("informational-1-0-with-coding")?);
    // Both lengths (§6.3), or a coding where none may be (§6.1): others may see a body there.
    assert!(!kept("head-both")?);
    assert!(!kept("empty-204-with-both-lengths")?);
    assert!(!kept("empty-204-with-coding")?);
    assert!(!kept("informational-with-coding")?);
    assert!(kept("head-chunked")?);
    assert!(kept("empty-304-with-coding")?);
    Ok(())
}

#[test]
fn checklist_15_close_said_in_an_informational_response_holds() -> io::Result<()> {
    // RFC 9112 §9.6: no more requests behind a response that says it.
    assert!(!kept("informational-says-close")?);
    assert!(kept("informational-103-with-fields")?);
    Ok(())
}

#[test]
fn checklist_14_a_bare_line_feed_ends_no_line_of_a_trailer_section() -> io::Result<()> {
    // RFC 9112 §2.2 lets it end start lines and fields; the end of a chunked body is neither (§7.1).
    // A strict reader sees another end of the message, so what follows could become a response.
    let names = [
        "bad-chunk-last-and-end-bare-line-feed",
        "bad-chunk-trailer-bare-line-feeds",
        "bad-chunk-trailer-bare-line-feed",
        "bad-chunk-trailer-end-bare-line-feed-and-a-response",
    ];
    let responses = corpus::load()?;
    for name in names {
        let found = responses.iter().find(|response| response.name == name);
        let outcome = corpus::whole(found.unwrap_or_else(|| panic!("no {name}")))
            .ending
            .outcome;
        let refusal = Outcome::Refused(ResponseError::ChunkEnd.into());
        assert_eq!(outcome, refusal, "{name}");
    }
    Ok(())
}
