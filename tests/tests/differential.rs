//! The engine's verdicts against those of httparse, hyper and h11.

use std::io;

use muxfer_tests::corpus::Response;
use muxfer_tests::differential::{self, faults_of_the_list};

/// More run with `cargo xtask differential`.
const CASES: u64 = 3000;
const SEED: u64 = 1;

#[test]
fn every_disagreement_with_others_is_listed_and_every_class_is_seen() -> io::Result<()> {
    let report = differential::compare(differential::responses(SEED, CASES)?)?;
    assert!(
        report.unexplained.is_empty(),
        "{} disagreements fit no class; the first:\n{}",
        report.unexplained.len(),
        report.unexplained[0]
    );
    let unseen = report.unseen();
    assert!(
        unseen.is_empty(),
        "nothing shows these any more: {unseen:?}"
    );
    Ok(())
}

#[test]
fn every_class_shows_in_the_corpus_alone() -> io::Result<()> {
    let report = differential::compare(differential::responses(SEED, 0)?)?;
    let unseen = report.unseen();
    assert!(unseen.is_empty(), "the corpus lacks a file for: {unseen:?}");
    Ok(())
}

#[test]
fn the_list_of_disagreements_is_that_of_the_code() -> io::Result<()> {
    assert_eq!(faults_of_the_list()?, Vec::<String>::new());
    Ok(())
}

#[test]
fn the_judges_agree_on_a_plain_response() -> io::Result<()> {
    let plain = Response::to_get("plain", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let report = differential::compare([plain])?;
    assert_eq!((report.agreed, report.explained.len()), (3, 0));
    assert!(report.unexplained.is_empty());
    Ok(())
}
