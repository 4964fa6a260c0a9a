//! `get`: one file, from a good server and from bad ones.

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use super::{Scenario, words};
use crate::embedded::Machine;
use crate::embedded::http::{Act, File, Server};
use crate::embedded::lab::{Boot, line};
use crate::files::Content;
use crate::nginx::Nginx;

pub(super) const ALL: &[Scenario] = &[
    Scenario {
        name: "get from nginx, mps2-an386",
        run: || from_nginx("get", Machine::Mps2An386),
    },
    Scenario {
        name: "get from nginx, lm3s6965evb",
        run: || from_nginx("get", Machine::Lm3s6965evb),
    },
    Scenario {
        name: "get from nginx, riscv32 virt",
        run: || from_nginx("get", Machine::Virt),
    },
    Scenario {
        name: "plain get from nginx, mps2-an386",
        run: || from_nginx("plain", Machine::Mps2An386),
    },
    Scenario {
        name: "get over a line that loses and doubles frames, mps2-an386",
        run: || over_a_bad_line(Machine::Mps2An386),
    },
    Scenario {
        name: "get over a line that loses and doubles frames, lm3s6965evb",
        run: || over_a_bad_line(Machine::Lm3s6965evb),
    },
    Scenario {
        name: "get over a line that loses and doubles frames, riscv32 virt",
        run: || over_a_bad_line(Machine::Virt),
    },
    Scenario {
        name: "get: good answers of all kinds",
        run: good_answers,
    },
    Scenario {
        name: "get: redirects to another host",
        run: redirected,
    },
    Scenario {
        name: "get: bad answers",
        run: bad_answers,
    },
    Scenario {
        name: "get: servers that can't be reached",
        run: unreachable,
    },
];

/// So much is fetched where it is about speed and digests.
const LARGE: u64 = 512 * 1024;

fn from_nginx(image: &str, machine: Machine) -> Result<String, String> {
    let nginx = Nginx::start().map_err(words)?;
    let content = Content::new(1, LARGE);
    content
        .clone()
        .write_to(&nginx.site().join("file"))
        .map_err(words)?;
    let url = format!("http://10.0.2.2:{}/file", nginx.address().port());
    let boot = Boot::of(machine, image).with("url", url);
    let outcome = boot.expect(0, &line(image, 0, 200, &content.into_bytes()))?;
    let stack = outcome.number("info: stack:", "used")?;
    Ok(format!("{LARGE} bytes, {stack} bytes of stack"))
}

fn over_a_bad_line(machine: Machine) -> Result<String, String> {
    let bytes = Content::new(2, 100_000).into_bytes();
    let server = whole(&bytes)?;
    let boot = Boot::of(machine, "get").with("url", server.guest_url("/file"));
    let boot = boot.with("lost", 4).with("doubled", 4).with("seed", 7);
    let outcome = boot.expect(0, &line("get", 0, 200, &bytes))?;
    let lost = outcome.number("info: line:", "lost")?;
    let doubled = outcome.number("info: line:", "doubled")?;
    if lost == 0 || doubled == 0 {
        return Err(format!(
            "{lost} frames lost, {doubled} doubled: that was a good line"
        ));
    }
    Ok(format!("{lost} frames lost, {doubled} doubled"))
}

/// A server of one file.
fn whole(bytes: &[u8]) -> Result<Server, String> {
    let file = File {
        bytes: bytes.to_vec(),
        etag: "\"1\"".to_owned(),
    };
    Server::start(Box::new(move |_| vec![Act::Send(file.whole())])).map_err(words)
}

/// Answers that are right though they are not the plainest.
fn good_answers() -> Result<String, String> {
    let body = Content::new(3, 5000).into_bytes();
    let chunks = chunked(&body);
    let sent = body.clone();
    let server = Server::start(Box::new(move |request| match request.target.as_str() {
        "/chunked" => vec![Act::Send(chunks.clone())],
        "/until-the-end" => vec![
            Act::text("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"),
            Act::Send(sent.clone()),
            Act::Close,
        ],
        // The fields come in pieces that end within a word, one of them longer than a segment.
        _ => {
            let long = "y".repeat(200);
            let head = format!("HTTP/1.1 200 OK\r\nX-Long: {long}\r\nContent-Length: 5000\r\n\r\n");
            let pieces = head.as_bytes().chunks(33).map(<[u8]>::to_vec);
            let pause = || Act::Wait(Duration::from_millis(20));
            let mut acts: Vec<Act> = pieces
                .flat_map(|piece| [Act::Send(piece), pause()])
                .collect();
            acts.push(Act::Send(sent.clone()));
            acts
        }
    }));
    let server = server.map_err(words)?;
    for path in ["/chunked", "/until-the-end", "/in-pieces"] {
        let boot = Boot::of(Machine::Mps2An386, "get").with("url", server.guest_url(path));
        boot.expect(0, &line("get", 0, 200, &body))
            .map_err(|why| format!("{path}: {why}"))?;
    }
    Ok(String::new())
}

/// The body in chunks of growing size, with an extension and a trailer field.
fn chunked(body: &[u8]) -> Vec<u8> {
    let mut sent = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    let (mut rest, mut size) = (body, 1);
    while !rest.is_empty() {
        let (chunk, behind) = rest.split_at(size.min(rest.len()));
        sent.extend(format!("{:x};name=value\r\n", chunk.len()).into_bytes());
        sent.extend(chunk);
        sent.extend(b"\r\n");
        (rest, size) = (behind, size * 2);
    }
    sent.extend(b"0\r\nX-Trailer: end\r\n\r\n");
    sent
}

fn redirected() -> Result<String, String> {
    let body = Content::new(4, 3000).into_bytes();
    let other = whole(&body)?;
    let port = other.port();
    let server = Server::start(Box::new(move |request| {
        let to = match request.target.as_str() {
            "/once" => format!("http://other.test:{port}/file"),
            path => path.to_owned(),
        };
        let head =
            format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 4\r\n\r\nno\r\n");
        vec![Act::text(&head)]
    }));
    let server = server.map_err(words)?;
    let get = |path| Boot::of(Machine::Mps2An386, "get").with("url", server.guest_url(path));
    get("/once").expect(0, &line("get", 0, 200, &body))?;
    let asked = other.requests();
    let host = asked.first().and_then(|request| request.field("host"));
    if host != Some(format!("other.test:{port}").as_str()) {
        return Err(format!("the other host was asked as {host:?}"));
    }
    get("/for-ever").expect(47, "info: get: code=47 status=302 bytes=0")?;
    Ok(String::new())
}

/// What a bad server does, and the end that must come of it.
struct Bad {
    path: &'static str,
    acts: fn() -> Vec<Act>,
    code: u8,
    status: u16,
}

const BAD: &[Bad] = &[
    Bad {
        path: "/reset",
        acts: || vec![cut(), Act::Wait(Duration::from_millis(100)), Act::Reset],
        code: 56,
        status: 200,
    },
    Bad {
        path: "/truncated",
        acts: || vec![cut(), Act::Close],
        code: 18,
        status: 200,
    },
    Bad {
        path: "/stalled",
        acts: || vec![cut(), Act::Stay],
        code: 28,
        status: 200,
    },
    Bad {
        path: "/mute",
        acts: || vec![Act::Stay],
        code: 28,
        status: 0,
    },
    Bad {
        path: "/503",
        acts: || {
            let head = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n";
            vec![Act::text(&format!("{head}Content-Length: 0\r\n\r\n"))]
        },
        code: 22,
        status: 503,
    },
    Bad {
        path: "/cut-chunk",
        acts: || {
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            vec![Act::text(&format!("{head}100\r\nabc")), Act::Close]
        },
        code: 18,
        status: 200,
    },
    Bad {
        path: "/empty",
        acts: || vec![Act::Close],
        code: 52,
        status: 0,
    },
];

/// A head that promises more than follows.
fn cut() -> Act {
    Act::text("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\nonly a part")
}

fn bad_answers() -> Result<String, String> {
    let server = Server::start(Box::new(|request| {
        let bad = BAD.iter().find(|bad| bad.path == request.target);
        bad.map_or(vec![Act::Close], |bad| (bad.acts)())
    }));
    let server = server.map_err(words)?;
    for bad in BAD {
        let boot = Boot::of(Machine::Mps2An386, "get").with("url", server.guest_url(bad.path));
        let boot = boot.with("idle", 2000);
        let line = format!("info: get: code={} status={} bytes=", bad.code, bad.status);
        let ended = boot.expect(bad.code.into(), &line);
        ended.map_err(|why| format!("{}: {why}", bad.path))?;
    }
    Ok(format!("{} of them", BAD.len()))
}

fn unreachable() -> Result<String, String> {
    // A port that was free a moment ago.
    let free =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    let port = free.map_err(words)?.port();
    let cases = [
        (format!("http://10.0.2.2:{port}/"), 7),
        // Nobody in the emulator's network answers for this address.
        ("http://10.0.2.77/".to_owned(), 28),
        ("http://unknown.test/".to_owned(), 6),
        ("https://10.0.2.2/".to_owned(), 1),
    ];
    for (url, code) in cases {
        let boot = Boot::of(Machine::Mps2An386, "get")
            .with("url", &url)
            .with("connect", 1500);
        let line = format!("info: get: code={code} status=0 bytes=0");
        boot.expect(code, &line)
            .map_err(|why| format!("{url}: {why}"))?;
    }
    Ok(String::new())
}
