//! `fleet`: eight transfers at once on a device with 64 KiB of RAM.

use std::net::Ipv4Addr;

use super::{Scenario, words};
use crate::embedded::Machine;
use crate::embedded::dns::Dns;
use crate::embedded::http::{Act, File, Server};
use crate::embedded::lab::{Boot, line};
use crate::files::Content;

pub(super) const ALL: &[Scenario] = &[
    Scenario {
        name: "fleet: 8 transfers, 4 connections, 3 hosts by DNS",
        run: || together(0),
    },
    Scenario {
        name: "fleet over a line that loses and doubles frames",
        run: || together(3),
    },
    Scenario {
        name: "fleet: a name that does not exist",
        run: unknown,
    },
];

const HOSTS: &[&str] = &["a.test", "b.test", "c.test"];
const TRANSFERS: u64 = 8;

fn file(number: u64) -> File {
    File {
        bytes: Content::new(100 + number, 20_000 + 1000 * number).into_bytes(),
        etag: format!("\"{number}\""),
    }
}

/// A server of eight files; where they are is in the path.
fn server() -> Result<Server, String> {
    let server = Server::start(Box::new(|request| {
        let number = request
            .target
            .strip_prefix("/")
            .and_then(|path| path.parse().ok());
        match number {
            Some(number) => vec![Act::Send(file(number).answer(request))],
            None => vec![Act::Close],
        }
    }));
    server.map_err(words)
}

fn together(trouble: u8) -> Result<String, String> {
    let dns = Dns::start(HOSTS, Ipv4Addr::new(10, 0, 2, 2)).map_err(words)?;
    let server = server()?;
    let mut boot = Boot::of(Machine::Lm3s6965evb, "fleet").with("dns", "10.0.2.2");
    boot = boot
        .with("lost", trouble)
        .with("doubled", trouble)
        .with("seed", 5);
    let mut wanted = Vec::new();
    for (number, host) in (0..TRANSFERS).zip(HOSTS.iter().cycle()) {
        let url = format!("http://{host}:{}/{number}", server.port());
        wanted.push(line(&url, 0, 200, &file(number).bytes));
        boot = boot.with("url", url);
    }
    let outcome = boot.run()?;
    for line in &wanted {
        outcome.hold(0, line)?;
    }
    let connections = outcome.number("info: fleet:", "connections")?;
    if outcome.number("info: fleet:", "transfers")? != TRANSFERS || connections > 4 {
        return Err(format!("not as it should be: {:?}", outcome.lines));
    }
    if trouble == 0 && dns.answered() != 3 {
        return Err(format!("{} names were looked up", dns.answered()));
    }
    let stack = outcome.number("info: stack:", "used")?;
    Ok(format!(
        "at most {connections} connections at once, {stack} bytes of stack"
    ))
}

fn unknown() -> Result<String, String> {
    let dns = Dns::start(HOSTS, Ipv4Addr::new(10, 0, 2, 2)).map_err(words)?;
    let server = server()?;
    let good = format!("http://a.test:{}/1", server.port());
    let bad = format!("http://d.test:{}/2", server.port());
    let boot = Boot::of(Machine::Lm3s6965evb, "fleet").with("dns", "10.0.2.2");
    let outcome = boot.with("url", &good).with("url", &bad).run()?;
    outcome.hold(6, &line(&good, 0, 200, &file(1).bytes))?;
    outcome.hold(6, &line(&bad, 6, 0, &[]))?;
    if dns.refused() == 0 {
        return Err("the server of names was not asked".to_owned());
    }
    Ok(String::new())
}
