//! What is logged, in which order and how gravely; and what never is.

use log::Level;
use muxfer_core::Error;
use muxfer_core::easy::{Options, Redirects};
use muxfer_core::error::ResponseError;
use muxfer_logs::{Line, Session, take};

const HEAD: &str = "HTTP/1.1 200 OK\r\nSet-Cookie: s3cret\r\nContent-Length: 6\r\n\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
/// The end of the stream.
const END: &str = "";

/// The lines of one GET that was answered so, and how it ended. No test may find a secret in them.
fn log_of(answer: &[&str], get: Get, after: Option<&str>) -> (Vec<Line>, Result<(), Error>) {
    let mut session = Session::default();
    session.peer.answer(answer);
    drop(take());
    let transfer = Session::get(get.options).resume(get.resume);
    let result = session.run(vec![transfer], after);
    let lines = take();
    for line in &lines {
        assert_eq!(line.target, "muxfer");
        for secret in ["s3cret", "host.test", "user", "HTTP/", "GET"] {
            assert!(!line.text.contains(secret), "{secret} in {line:?}");
        }
    }
    (lines, result)
}

struct Get {
    options: Options,
    resume: u64,
}

const PLAIN: Get = Get {
    options: Options::DEFAULT,
    resume: 0,
};

/// The lines that are not traces, as text.
fn grave(lines: &[Line]) -> Vec<String> {
    let grave = lines.iter().filter(|line| line.level < Level::Trace);
    grave
        .map(|line| format!("{} {}", line.level, line.text))
        .collect()
}

/// The texts of the warnings.
fn warnings(lines: &[Line]) -> Vec<&str> {
    let warnings = lines.iter().filter(|line| line.level == Level::Warn);
    warnings.map(|line| line.text.as_str()).collect()
}

#[test]
fn each_change_of_a_state_is_a_debug_line_in_its_order() {
    let (lines, result) = log_of(&[HEAD, "s3cret"], PLAIN, None);
    assert_eq!(result, Ok(()));
    let wanted = [
        "DEBUG transfer 0.1: Init -> Resolving",
        "DEBUG transfer 0.1: Resolving -> Connecting",
        "DEBUG conn 0.1: Opening for transfer 0.1",
        "DEBUG conn 0.1: Opening -> Busy",
        "DEBUG transfer 0.1: Connecting -> Sending",
        "DEBUG transfer 0.1: Sending -> Receiving",
        "DEBUG transfer 0.1: Receiving -> Init",
        "DEBUG conn 0.1: Busy -> Idle",
        "DEBUG transfer 0.1: Init -> Done",
        "DEBUG transfer 0.1: complete",
        "DEBUG transfer 0.1: Done -> Reported",
        "DEBUG transfer 0.1: removed",
        "DEBUG conn 0.1: closed",
    ];
    assert_eq!(grave(&lines), wanted);
}

#[test]
fn each_call_is_a_trace_line_in_its_order() {
    let (lines, _) = log_of(&[HEAD, "s3cret"], PLAIN, None);
    let mut traces = lines.iter().filter(|line| line.level == Level::Trace);
    let wanted = [
        "new: 2 transfers",
        "add: Some(0.1)",
        "timer: Some(Instant(0))",
        "result 0.1: None",
        "socket_action",
        "mark Timeout",
        "run at Instant(0)",
        "watch 0.1: Interest(2)",
        "run: 1 transfers, again: false",
        "mark Socket(0.1, Ready(2))",
        "watch 0.1: Interest(1)",
        "mark Socket(0.1, Ready(1))",
        "run: 0 transfers, again: false",
        "result 0.1: Some(Ok(()))",
        "info_read: Some(0.1)",
        "remove 0.1",
        "close_all",
        "watch 0.1: Interest(0)",
    ];
    for text in wanted {
        assert!(traces.any(|line| line.text == text), "no `{text}` behind");
    }
}

#[test]
fn a_malformed_response_is_one_warning_that_names_the_rule() {
    let (lines, result) = log_of(&[CHUNKED, "s3cret\r\n"], PLAIN, None);
    assert_eq!(result, Err(ResponseError::ChunkSize.into()));
    let wanted = [
        "DEBUG transfer 0.1: Sending -> Receiving",
        "DEBUG transfer 0.1: Receiving -> Init",
        "DEBUG conn 0.1: closed",
        "DEBUG transfer 0.1: Init -> Done",
        "WARN transfer 0.1: the peer broke a rule: BadResponse(ChunkSize)",
        "DEBUG transfer 0.1: Done -> Reported",
        "DEBUG transfer 0.1: removed",
    ];
    let grave = grave(&lines);
    assert_eq!(grave[grave.len() - wanted.len()..], wanted);
}

#[test]
fn peers_that_break_rules_are_warned_of() {
    let long = format!("HTTP/1.1 200 OK\r\nA: {}\r\n\r\n", "s3cret".repeat(40));
    let (before, behind) = long.split_at(100);
    let small = Get {
        options: Options {
            max_body: Some(5),
            ..Options::DEFAULT
        },
        ..PLAIN
    };
    let resumed = Get { resume: 5, ..PLAIN };
    let followed = Get {
        options: Options {
            redirects: Redirects::Follow(0),
            ..Options::DEFAULT
        },
        ..PLAIN
    };
    let moved = "HTTP/1.1 302 Found\r\nLocation: /s3cret\r\nContent-Length: 0\r\n\r\n";
    let coding = "HTTP/1.1 200 OK\r\nTransfer-Encoding: s3cret\r\n\r\n";
    let cases: [(&[&str], Get, &str); 8] = [
        (&["s3cret\r\n"], PLAIN, "BadResponse(NotHttp)"),
        (&[END], PLAIN, "EmptyReply"),
        (&[HEAD, "s3", END], PLAIN, "PartialBody"),
        (&[before, behind], PLAIN, "Limit(Line)"),
        (&[HEAD], small, "BodyTooLarge"),
        (&[HEAD], resumed, "RangeIgnored"),
        (&[moved], followed, "TooManyRedirects"),
        (&[coding], PLAIN, "TransferCoding"),
    ];
    for (answer, get, rule) in cases {
        let (lines, result) = log_of(answer, get, None);
        assert!(result.is_err(), "{rule}");
        let wanted = format!("transfer 0.1: the peer broke a rule: {rule}");
        assert_eq!(warnings(&lines), [wanted]);
    }
}

#[test]
fn bytes_that_nobody_asked_for_are_warned_of() {
    let behind = "conn 0.1: bytes behind the response";
    let unasked = "conn 0.1: the peer sent what nobody asked for";
    let cases: [(&[&str], Option<&str>, &str); 3] = [
        (&[HEAD, "s3crets3cret"], None, behind),
        (&[HEAD, "s3cret", "s3cret"], None, behind),
        (&[HEAD, "s3cret"], Some("s3cret"), unasked),
    ];
    for (answer, after, warning) in cases {
        let (lines, result) = log_of(answer, PLAIN, after);
        assert_eq!(result, Ok(()));
        assert_eq!(warnings(&lines), [warning]);
    }
}

#[test]
fn what_is_no_fault_of_the_peer_is_no_warning() {
    // The peer ends a kept connection; nobody listens.
    let (lines, _) = log_of(&[HEAD, "s3cret"], PLAIN, Some(END));
    assert_eq!(warnings(&lines), Vec::<&str>::new());
    drop(take());
    let result = Session::default().run(vec![Session::get(Options::DEFAULT)], None);
    assert!(matches!(result, Err(Error::Connect(_))));
    let lines = take();
    assert_eq!(warnings(&lines), Vec::<&str>::new());
    let failed = "DEBUG transfer 0.1: failed: Connect(Refused)".to_owned();
    assert!(grave(&lines).contains(&failed));
}
