//! `telemetry`: a PUT of known length and a POST in chunks.

use super::{Scenario, words};
use crate::embedded::Machine;
use crate::embedded::http::{Act, Request, Server};
use crate::embedded::lab::Boot;

pub(super) const ALL: &[Scenario] = &[
    Scenario {
        name: "telemetry: of known length and in chunks, mps2-an386",
        run: || delivered(Machine::Mps2An386),
    },
    Scenario {
        name: "telemetry: of known length and in chunks, riscv32 virt",
        run: || delivered(Machine::Virt),
    },
    Scenario {
        name: "telemetry: 503, then fine; redirected to another host",
        run: once_more,
    },
    Scenario {
        name: "telemetry: a POST is not repeated",
        run: not_twice,
    },
];

const BYTES: usize = 20_000;

/// The bytes that the firmware makes up.
fn readings() -> Vec<u8> {
    (0..BYTES)
        .map(|place| (place ^ place >> 8).to_le_bytes()[0])
        .collect()
}

const OK: &str = "HTTP/1.1 204 No Content\r\n\r\n";

fn boot(machine: Machine, put: &str, post: &str) -> Boot {
    let boot = Boot::of(machine, "telemetry")
        .with("put", put)
        .with("post", post);
    boot.with("bytes", BYTES).with("idle", 5000)
}

/// Holds a request against what should have come.
fn hold(request: &Request, method: &str) -> Result<(), String> {
    let framing = match method {
        "PUT" => request.field("content-length") == Some(BYTES.to_string().as_str()),
        _ => request.field("transfer-encoding") == Some("chunked"),
    };
    let kind = request.field("content-type") == Some("application/octet-stream");
    if request.method == method && framing && kind && request.body == readings() {
        return Ok(());
    }
    let (got, fields, bytes) = (&request.method, &request.fields, request.body.len());
    Err(format!(
        "a {method} came as {got} {fields:?} with {bytes} bytes, or with wrong ones"
    ))
}

fn delivered(machine: Machine) -> Result<String, String> {
    let server = Server::start(Box::new(|_| vec![Act::text(OK)])).map_err(words)?;
    let boot = boot(
        machine,
        &server.guest_url("/put"),
        &server.guest_url("/post"),
    );
    let outcome = boot.expect(0, "info: telemetry: put status=204 code=0")?;
    outcome.hold(0, "info: telemetry: post status=204 code=0")?;
    match &server.requests()[..] {
        [put, post] => hold(put, "PUT").and(hold(post, "POST"))?,
        requests => return Err(format!("{} requests came", requests.len())),
    }
    Ok(format!("{BYTES} bytes each"))
}

fn once_more() -> Result<String, String> {
    let other = Server::start(Box::new(|_| vec![Act::text(OK)])).map_err(words)?;
    let to = other.guest_url("/there");
    let server = Server::start(Box::new(move |request| {
        let (status, field) = match (request.target.as_str(), request.nth) {
            ("/put", 1) => ("503 Service Unavailable", "Retry-After: 1\r\n".to_owned()),
            ("/post", _) => ("307 Temporary Redirect", format!("Location: {to}\r\n")),
            _ => return vec![Act::text(OK)],
        };
        let head = format!("HTTP/1.1 {status}\r\n{field}Content-Length: 0\r\n\r\n");
        vec![Act::text(&head)]
    }));
    let server = server.map_err(words)?;
    let boot = boot(
        Machine::Mps2An386,
        &server.guest_url("/put"),
        &server.guest_url("/post"),
    );
    let outcome = boot.expect(0, "info: telemetry: put status=204 code=0")?;
    outcome.hold(0, "info: telemetry: post status=204 code=0")?;
    match (&server.requests()[..], &other.requests()[..]) {
        ([first, second, _], [third]) => {
            hold(first, "PUT")
                .and(hold(second, "PUT"))
                .and(hold(third, "POST"))?;
        }
        (here, there) => return Err(format!("{} and {} requests came", here.len(), there.len())),
    }
    Ok(String::new())
}

fn not_twice() -> Result<String, String> {
    let server = Server::start(Box::new(|request| match request.target.as_str() {
        "/put" => vec![Act::text(OK)],
        _ => vec![Act::Close],
    }));
    let server = server.map_err(words)?;
    let boot = boot(
        Machine::Mps2An386,
        &server.guest_url("/put"),
        &server.guest_url("/post"),
    );
    let outcome = boot.run()?;
    let posts = server
        .requests()
        .iter()
        .filter(|request| request.method == "POST")
        .count();
    let failed = outcome.status.is_some_and(|status| status != 0);
    if failed && posts == 1 {
        return Ok(String::new());
    }
    Err(format!("{posts} POSTs came, and {outcome:?}"))
}
