//! HTTP/1.1 as a client: the rows of CONTRACT §9, in order of their numbers.

use muxfer_core::error::{Limit, RequestError, ResponseError, UrlError};
use muxfer_core::{Config, Error};
use muxfer_tests::recorder::Recorder;
use muxfer_tests::sim::{Act, http, ok};
use muxfer_tests::world::World;

const HEAD: &str = "HTTP/1.1 200 OK\r\n";

/// A world whose server answers each request with its head and body, as text.
fn echo() -> World {
    World::serving(http(|request| {
        let body = String::from_utf8_lossy(&request.body).into_owned();
        ok(&format!("{}{body}", request.head))
    }))
}

/// What becomes of a GET that is answered so, and closed behind it.
fn answered(response: &[u8]) -> (Result<(), Error>, Recorder) {
    let bytes = response.to_vec();
    let mut world = World::serving(http(move |_| vec![Act::Send(bytes.clone()), Act::Close]));
    let handle = world.get("/");
    let end = world.finish(handle);
    world.assert_clean();
    end
}

fn text(response: &str) -> (Result<(), Error>, Recorder) {
    answered(response.as_bytes())
}

fn sent(easy: Recorder) -> String {
    let mut world = echo();
    world
        .sim
        .serve("10.0.0.2:80", http(|request| ok(&request.head)));
    let handle = world.add(easy);
    world.done(handle).text().to_string()
}

#[test]
fn h1_the_url_is_checked_when_the_transfer_starts() {
    let mut world = echo();
    for (url, why) in [
        ("", UrlError::Empty),
        ("10.0.0.1/x", UrlError::NotAbsolute),
        ("http://10.0.0.1/a b", UrlError::Character),
        ("http://10.0.0.1:0/", UrlError::Port),
        ("http://[::1/", UrlError::Host),
    ] {
        let handle = world.add(Recorder::get(url));
        assert_eq!(world.finish(handle).0, Err(why.into()), "{url}");
    }
    let head = sent(Recorder::get("http://u:p@10.0.0.1/path?query#fragment"));
    assert!(
        head.starts_with("GET /path?query HTTP/1.1\r\nHost: 10.0.0.1\r\n"),
        "{head}"
    );
    assert!(head.contains("Authorization: Basic dTpw\r\n"));
}

#[test]
fn h2_the_sink_can_refuse() {
    let mut world = echo();
    let mut easy = Recorder::get("http://10.0.0.1/");
    easy.refuse = true;
    let handle = world.add(easy);
    assert_eq!(world.finish(handle).0, Err(Error::Write));
}

#[test]
fn h3_fields_of_the_user_replace_the_engines() {
    let head = sent(
        Recorder::get("http://10.0.0.1/")
            .field("Host", "other")
            .field("X", ""),
    );
    assert_eq!(head, "GET / HTTP/1.1\r\nHost: other\r\nX:\r\n\r\n");
    let mut world = echo();
    for (name, value, why) in [
        ("A", "b\r\nC: d", RequestError::FieldValue),
        ("A\n", "b", RequestError::FieldName),
        ("Content-Length", "7", RequestError::FieldReserved),
    ] {
        let handle = world.add(Recorder::get("http://10.0.0.1/").field(name, value));
        assert_eq!(world.finish(handle).0, Err(why.into()));
    }
    assert_eq!(world.opens(), 0, "nothing was sent");
}

#[test]
fn h3_credentials_do_not_follow_to_another_origin() {
    for target in ["http://10.0.0.2/", "http://10.0.0.1:81/", "//10.0.0.2/x"] {
        let mut world = World::serving(http(move |request| match request.path() {
            "/start" => vec![Act::text(&format!(
                "HTTP/1.1 302 F\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n"
            ))],
            _ => ok(&request.head),
        }));
        // The other origin leads back: what was left behind stays behind.
        let back = "HTTP/1.1 302 F\r\nLocation: http://10.0.0.1/end\r\nContent-Length: 0\r\n\r\n";
        for address in ["10.0.0.2:80", "10.0.0.1:81"] {
            world.sim.serve(
                address,
                http(move |request| {
                    assert_eq!(request.field("authorization"), None);
                    assert_eq!(request.field("cookie"), None);
                    vec![Act::text(back)]
                }),
            );
        }
        let mut easy = Recorder::get("http://10.0.0.1/start")
            .field("Cookie", "a=b")
            .follow(9);
        easy.basic = Some(("u".into(), "p".into()));
        let handle = world.add(easy);
        let easy = world.done(handle);
        assert!(!easy.text().contains("Authorization") && !easy.text().contains("Cookie"));
        assert_eq!(easy.redirects.len(), 2);
    }
}

#[test]
fn h4_a_body_in_memory_is_sent_with_its_length() {
    let head = sent(Recorder::new("POST", "http://10.0.0.1/").bytes(b"body"));
    assert!(head.ends_with("Content-Length: 4\r\n\r\nbody"), "{head}");
    let empty = sent(Recorder::new("POST", "http://10.0.0.1/"));
    assert!(empty.ends_with("Content-Length: 0\r\n\r\n"), "{empty}");
    let large = "x".repeat(300_000);
    let head = sent(Recorder::new("POST", "http://10.0.0.1/").bytes(large.as_bytes()));
    assert!(head.ends_with(&large));
}

#[test]
fn h5_any_method_and_no_body_after_head() {
    for method in ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"] {
        assert!(
            sent(Recorder::new(method, "http://10.0.0.1/")).starts_with(&format!("{method} / "))
        );
    }
    let mut world = World::serving(http(|_| {
        vec![Act::text("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")]
    }));
    for _ in 0..2 {
        let handle = world.add(Recorder::new("HEAD", "http://10.0.0.1/"));
        let easy = world.done(handle);
        assert!(easy.body.is_empty());
    }
    assert_eq!(world.opens(), 1);
    let handle = world.add(Recorder::new("BAD METHOD", "http://10.0.0.1/"));
    assert_eq!(world.finish(handle).0, Err(RequestError::Method.into()));
}

#[test]
fn h6_status_fields_and_trailers_are_told_one_by_one() {
    let (result, easy) = text(concat!(
        "HTTP/1.1 103 Early\r\nLink: a\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Two:  b c \r\n\r\n",
        "5;ext=\"q\"\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"
    ));
    assert_eq!((result, easy.text()), (Ok(()), "hello"));
    assert_eq!(easy.statuses, [103, 200]);
    assert_eq!(easy.got_fields[2], ("X-Two".to_string(), "b c".to_string()));
    assert_eq!(easy.trailers, [("X-Sum".to_string(), "1".to_string())]);
    assert_eq!(easy.heads.len(), 2);
}

fn redirects(code: u16, location: &'static str) -> World {
    World::serving(http(move |request| match request.path() {
        "/a/start" => vec![Act::text(&format!(
            "HTTP/1.1 {code} R\r\nLocation: {location}\r\nContent-Length: 4\r\n\r\ngone"
        ))],
        _ => ok(&format!(
            "{}{}",
            request.head,
            String::from_utf8_lossy(&request.body)
        )),
    }))
}

#[test]
fn h8_relative_locations_are_followed_on_the_same_connection() {
    for (location, path) in [
        ("end", "/a/end"),
        ("/end", "/end"),
        ("../end?q", "/end?q"),
        ("//10.0.0.1/x y", "/x%20y"),
    ] {
        let mut world = redirects(302, location);
        let handle = world.add(Recorder::get("http://10.0.0.1/a/start").follow(1));
        let easy = world.done(handle);
        assert!(
            easy.text().starts_with(&format!("GET {path} ")),
            "{location}"
        );
        assert_eq!(world.opens(), 1);
    }
}

#[test]
fn h8_methods_change_as_browsers_and_libcurl_do() {
    for (code, method, then) in [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (301, "PUT", "PUT"),
        (302, "PUT", "PUT"),
        (303, "PUT", "GET"),
        (303, "HEAD", "HEAD"),
    ] {
        let mut world = redirects(code, "/end");
        let easy = Recorder::new(method, "http://10.0.0.1/a/start")
            .bytes(b"body")
            .follow(1);
        let mut easy = easy;
        easy.can_rewind = true;
        let handle = world.add(easy);
        let easy = world.done(handle);
        let head = String::from_utf8(easy.sent_head.clone()).unwrap();
        assert!(
            head.contains(&format!("{then} /end ")),
            "{code} {method}: {head}"
        );
        if method != "HEAD" {
            assert_eq!(
                easy.text().ends_with("body"),
                then == method,
                "{code} {method}"
            );
        }
    }
}

#[test]
fn h8_redirects_are_bounded_and_need_leave() {
    let mut world = World::serving(http(|_| {
        vec![Act::text(
            "HTTP/1.1 301 R\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n",
        )]
    }));
    let handle = world.add(Recorder::get("http://10.0.0.1/").follow(5));
    let (result, easy) = world.finish(handle);
    assert_eq!(
        (result, easy.redirects.len()),
        (Err(Error::TooManyRedirects), 5)
    );
    let plain = world.get("/");
    assert_eq!(world.done(plain).statuses, [301]);
    for (location, error) in [
        ("ftp://10.0.0.1/", Error::UnsupportedScheme),
        ("http://", ResponseError::Location.into()),
    ] {
        let mut world = redirects(302, location);
        let handle = world.add(Recorder::get("http://10.0.0.1/a/start").follow(5));
        assert_eq!(world.finish(handle).0, Err(error));
    }
}

#[test]
fn h8_a_large_body_of_a_redirect_is_not_read() {
    let mut world = World::serving(http(|request| match request.path() {
        "/" => vec![
            Act::text(
                "HTTP/1.1 302 R\r\nLocation: /end\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n",
            ),
            Act::Send(vec![b'x'; 1 << 20]),
        ],
        _ => ok("end"),
    }));
    let handle = world.add(Recorder::get("http://10.0.0.1/").follow(5));
    assert_eq!(world.done(handle).text(), "end");
    assert_eq!(world.opens(), 2);
}

#[test]
fn h11_what_happens_can_be_traced() {
    let mut world = echo();
    let handle = world.get("/");
    let easy = world.done(handle);
    assert!(easy.trace[0].starts_with("Connecting"), "{:?}", easy.trace);
    assert!(easy.trace[1].starts_with("Connected"));
    assert_eq!(easy.trace.last().map(String::as_str), Some("Kept"));
}

#[test]
fn h12_sizes_and_connects_can_be_asked_for() {
    let mut world = redirects(302, "/end");
    let handle = world.add(Recorder::get("http://10.0.0.1/a/start").follow(5));
    world.run();
    let info = world.multi.info(handle).unwrap();
    assert_eq!((info.status, info.redirects, info.connects), (200, 1, 1));
    assert_eq!(
        info.received,
        world.multi.get(handle).unwrap().body.len() as u64
    );
    assert!(info.head_received > 0 && info.head_sent > 0);
}

#[test]
fn h13_a_body_from_a_callback_arrives_whole_through_any_window() {
    let body: Vec<u8> = (0..2000_u32).map(|n| b'a' + (n % 26) as u8).collect();
    for window in [1, 2, 5, 23, 24, 25, 100, 0] {
        for length in [Some(2000), None] {
            let mut world = echo();
            world.sim.faults.window = window;
            let easy = Recorder::new("PUT", "http://10.0.0.1/").stream(&body, length);
            let handle = world.add(easy.options(|o| o.expect = muxfer_core::easy::Expect::Never));
            let easy = world.done(handle);
            assert!(
                easy.body.ends_with(&body),
                "window {window}, length {length:?}"
            );
            assert_eq!(easy.text().contains("chunked"), length.is_none());
        }
    }
}

#[test]
fn h13_a_source_that_fails_or_ends_early_is_an_error() {
    let mut world = echo();
    let mut fails = Recorder::new("PUT", "http://10.0.0.1/").stream(b"body", Some(4));
    fails.source_fails = true;
    let short = Recorder::new("PUT", "http://10.0.0.1/").stream(b"body", Some(5));
    for easy in [fails, short] {
        let handle = world.add(easy);
        assert_eq!(world.finish(handle).0, Err(Error::Read));
    }
}

#[test]
fn h14_basic_credentials_are_sent() {
    let mut easy = Recorder::get("http://10.0.0.1/");
    easy.basic = Some(("Aladdin".into(), "open sesame".into()));
    assert!(sent(easy).contains("Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"));
    let mut bad = Recorder::get("http://10.0.0.1/");
    bad.basic = Some(("a:b".into(), "c".into()));
    let mut world = echo();
    let handle = world.add(bad);
    assert_eq!(world.finish(handle).0, Err(RequestError::Auth.into()));
}

fn resumed(answer: &'static str) -> (Result<(), Error>, Recorder) {
    let mut world = World::serving(http(move |request| {
        assert_eq!(request.field("range"), Some("bytes=5-"));
        assert_eq!(request.field("if-range"), Some("\"tag\""));
        vec![Act::text(answer)]
    }));
    let mut easy = Recorder::get("http://10.0.0.1/");
    easy.resume = Some((5, Some("\"tag\"".into())));
    let handle = world.add(easy);
    world.finish(handle)
}

#[test]
fn h17_a_resume_that_is_answered_with_something_else_is_an_error() {
    let right =
        resumed("HTTP/1.1 206 P\r\nContent-Range: bytes 5-9/10\r\nContent-Length: 5\r\n\r\n56789");
    assert_eq!((right.0, right.1.text()), (Ok(()), "56789"));
    let complete =
        resumed("HTTP/1.1 416 R\r\nContent-Range: bytes */5\r\nContent-Length: 3\r\n\r\nerr");
    assert_eq!((complete.0, complete.1.text()), (Ok(()), ""));
    let range = Err(ResponseError::ContentRange.into());
    for (answer, result) in [
        (
            "HTTP/1.1 206 P\r\nContent-Range: bytes 4-9/10\r\nContent-Length: 6\r\n\r\n456789",
            range,
        ),
        ("HTTP/1.1 206 P\r\nContent-Length: 5\r\n\r\n56789", range),
        (
            "HTTP/1.1 206 P\r\nContent-Range: bytes x\r\nContent-Length: 5\r\n\r\n56789",
            range,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789",
            Err(Error::RangeIgnored),
        ),
        (
            "HTTP/1.1 404 N\r\nContent-Length: 4\r\n\r\ngone",
            Err(Error::RangeIgnored),
        ),
        (
            "HTTP/1.1 416 R\r\nContent-Range: bytes */4\r\nContent-Length: 0\r\n\r\n",
            Err(Error::RangeIgnored),
        ),
    ] {
        let (got, easy) = resumed(answer);
        assert_eq!((got, easy.text()), (result, ""), "{answer}");
    }
}

#[test]
fn h17_a_sink_that_can_restart_takes_the_whole() {
    let mut world = World::serving(http(|_| ok("0123456789")));
    let mut easy = Recorder::get("http://10.0.0.1/");
    easy.resume = Some((5, None));
    easy.can_restart = true;
    let handle = world.add(easy);
    assert_eq!(world.done(handle).text(), "0123456789");
}

#[test]
fn h20_a_status_of_400_or_more_can_be_an_error() {
    let mut world = World::serving(http(|_| {
        vec![Act::text("HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno")]
    }));
    let handle = world.add(Recorder::get("http://10.0.0.1/").options(|o| o.fail_on_error = true));
    let (result, easy) = world.finish(handle);
    assert_eq!((result, easy.text()), (Err(Error::HttpStatus(404)), ""));
    let plain = world.get("/");
    assert_eq!(world.done(plain).text(), "no");
}

#[test]
fn h26_http_0_9_is_refused_and_bodies_can_be_limited() {
    assert_eq!(text("<html>\n").0, Err(ResponseError::NotHttp.into()));
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    for response in ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", chunked] {
        let mut world = World::serving(http(move |_| vec![Act::text(response)]));
        let limit = |most| Recorder::get("http://10.0.0.1/").options(|o| o.max_body = Some(most));
        let right = world.add(limit(5));
        assert_eq!(world.done(right).text(), "hello");
        let short = world.add(limit(4));
        assert_eq!(world.finish(short).0, Err(Error::BodyTooLarge));
    }
}

#[test]
fn h27_what_is_malformed_or_contradictory_is_refused() {
    let bad = |head: &str| text(&format!("{head}\r\nhello")).0.unwrap_err();
    for (head, why) in [
        ("HTTP/2 200 OK\r\n", ResponseError::NotHttp),
        ("\r\nHTTP/1.1 200 OK\r\n", ResponseError::NotHttp),
        ("HTTP/1.1 99 OK\r\n", ResponseError::Status),
        ("HTTP/1.1 2000 OK\r\n", ResponseError::Status),
        ("HTTP/1.1 101 S\r\n", ResponseError::Upgrade),
        ("HTTP/1.1 200 OK\r\nA : b\r\n", ResponseError::FieldName),
        ("HTTP/1.1 200 OK\r\n: b\r\n", ResponseError::FieldName),
        ("HTTP/1.1 200 OK\r\nnonsense\r\n", ResponseError::FieldName),
        ("HTTP/1.1 200 OK\r\nA: b\0\r\n", ResponseError::FieldValue),
        ("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n", ResponseError::Folded),
        ("HTTP/1.1 200 OK\r\nA: b\rc\r\n", ResponseError::BareCr),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n",
            ResponseError::ContentLength,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n",
            ResponseError::ContentLength,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n",
            ResponseError::ContentLength,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n",
            ResponseError::ContentLength,
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            ResponseError::ConflictingLengths,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n",
            ResponseError::ConflictingLengths,
        ),
        (
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n",
            ResponseError::ConflictingLengths,
        ),
    ] {
        assert_eq!(bad(head), Error::BadResponse(why), "{head:?}");
    }
    assert_eq!(
        bad("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n"),
        Error::TransferCoding
    );
}

#[test]
fn h27_chunks_are_read_strictly() {
    let bad = |body: &str| text(&format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n{body}")).0;
    for (body, why) in [
        ("5\nhello\r\n0\r\n\r\n", ResponseError::ChunkSize),
        ("0x5\r\nhello\r\n0\r\n\r\n", ResponseError::ChunkSize),
        ("fffffffffffffffff\r\n", ResponseError::ChunkSize),
        ("\r\n", ResponseError::ChunkSize),
        ("5\r\nhelloX\r\n", ResponseError::ChunkEnd),
    ] {
        assert_eq!(bad(body), Err(why.into()), "{body:?}");
    }
    assert_eq!(
        bad("5\r\nhello\r\n0\r\n A: b\r\n\r\n"),
        Err(ResponseError::Folded.into())
    );
}

#[test]
fn h27_an_early_end_is_never_a_success() {
    for response in [
        "Content-Length: 6\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhell",
        "Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n",
    ] {
        assert_eq!(
            text(&format!("{HEAD}{response}")).0,
            Err(Error::PartialBody),
            "{response:?}"
        );
    }
    assert_eq!(text("").0, Err(Error::EmptyReply));
    assert_eq!(text("HTTP/1.1 100 C\r\n\r\n").0, Err(Error::EmptyReply));
    assert!(text("HTTP/1.1 200 OK\r\nA: b\r\n").0.is_err());
    let close = text("HTTP/1.1 200 OK\r\n\r\nhello");
    assert_eq!((close.0, close.1.text()), (Ok(()), "hello"));
    let mut world = World::serving(http(|_| {
        vec![Act::text("HTTP/1.1 200 OK\r\n\r\nhello"), Act::Reset]
    }));
    let handle = world.get("/");
    assert!(world.finish(handle).0.is_err(), "a reset is no proper end");
}

#[test]
fn h27_responses_without_a_body_end_with_their_head() {
    for code in ["204 N", "304 N"] {
        let mut world = World::serving(http(move |_| {
            vec![Act::text(&format!(
                "HTTP/1.1 {code}\r\nContent-Length: 5\r\n\r\n"
            ))]
        }));
        for _ in 0..2 {
            let handle = world.get("/");
            assert_eq!(world.done(handle).text(), "");
        }
        assert_eq!(world.opens(), 1);
    }
}

#[test]
fn h27_heads_are_bounded_each_bound_by_its_name() {
    let mut config = Config::DEFAULT;
    config.limits.head_bytes = 2000;
    config.limits.head_fields = 10;
    config.limits.informational = 3;
    config.limits.chunk_extension_bytes = 50;
    let cases: [(Limit, String); 5] = [
        (
            Limit::Line,
            format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(3000)),
        ),
        (
            Limit::HeadBytes,
            format!(
                "HTTP/1.1 200 OK\r\n{}",
                format!("A: {}\r\n", "x".repeat(600)).repeat(4)
            ),
        ),
        (
            Limit::HeadFields,
            format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(11)),
        ),
        (Limit::Informational, "HTTP/1.1 102 P\r\n\r\n".repeat(9)),
        (
            Limit::ChunkExtension,
            format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;{}\r\n",
                "x".repeat(60)
            ),
        ),
    ];
    for (limit, response) in cases {
        for split in [0, 1, 100] {
            let response = response.clone();
            let mut world = World::new(config);
            world.sim.faults.split = split;
            world
                .sim
                .serve("10.0.0.1:80", http(move |_| vec![Act::text(&response)]));
            let handle = world.get("/");
            assert_eq!(
                world.finish(handle).0,
                Err(Error::Limit(limit)),
                "split {split}"
            );
        }
    }
}

#[test]
fn h27_the_outcome_is_the_same_however_the_bytes_are_split() {
    let corpus = [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 200 OK\nA:b\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nT: u\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhelX\r\n",
    ];
    for response in corpus {
        let whole = text(response);
        for split in 1..response.len() {
            let mut world = World::serving(http(move |_| {
                let (one, other) = response.split_at(split);
                vec![Act::text(one), Act::wait(1), Act::text(other), Act::Close]
            }));
            let handle = world.get("/");
            let (result, easy) = world.finish(handle);
            assert_eq!(result, whole.0, "{response:?} at {split}");
            assert_eq!(easy.got_fields, whole.1.got_fields);
            if result.is_ok() {
                assert_eq!(easy.body, whole.1.body);
                assert_eq!(easy.trailers, whole.1.trailers);
            }
        }
    }
}

#[test]
fn faults_of_all_kinds_change_nothing_but_the_time() {
    for seed in 0..200_usize {
        let mut world = World::new(Config {
            max_total_connections: 3,
            ..Config::DEFAULT
        });
        world.sim = muxfer_tests::sim::Sim::new(seed as u64);
        world.sim.faults = muxfer_tests::sim::Faults {
            split: seed % 13 + 1,
            window: seed % 7 * 5,
            would_block: 30,
            spurious: 20,
            shuffle: true,
            ..muxfer_tests::sim::Faults::default()
        };
        for host in 1..=3 {
            world.sim.serve(
                &format!("10.0.0.{host}:80"),
                http(|request| ok(&request.head)),
            );
        }
        let handles: Vec<_> = (0..12)
            .map(|n| world.add(Recorder::get(&format!("http://10.0.0.{}/{n}", n % 3 + 1))))
            .collect();
        for (n, handle) in handles.into_iter().enumerate() {
            assert!(
                world.done(handle).text().starts_with(&format!("GET /{n} ")),
                "seed {seed}"
            );
        }
        world.assert_clean();
    }
}
