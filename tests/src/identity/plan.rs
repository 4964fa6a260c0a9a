//! What a seed makes: origins that differ in one part of the key, and transfers over them.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use muxfer_core::easy::{Expect, Options, Redirects};

use crate::sim::Prng;

use super::links::{self, Link};

/// One origin. Two of one list always differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// `https`, which the simulated platform treats as another kind of plain stream.
    pub(super) secure: bool,
    /// In lower case, without brackets.
    pub(super) host: &'static str,
    /// It stands in brackets.
    pub(super) bracketed: bool,
    pub(super) port: u16,
    /// The one address that it has, which others have too. `None`: each look-up has its own.
    pub(super) pinned: Option<IpAddr>,
}

impl Origin {
    pub(super) const fn default_port(&self) -> u16 {
        if self.secure { 443 } else { 80 }
    }

    /// What the `Host` field must say of it.
    pub(super) fn host_field(&self) -> String {
        let host = if self.bracketed {
            format!("[{}]", self.host)
        } else {
            self.host.to_string()
        };
        if self.port == self.default_port() {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }
}

/// Scheme, host, port, address if it is always the same. Each differs from some other in one part.
const ORIGINS: &[(&str, &str, u16, Option<&str>)] = &[
    ("http", "a.test", 80, None),
    ("http", "a.test", 81, None),
    ("http", "a.test", 443, None),
    ("https", "a.test", 443, None),
    ("https", "a.test", 80, None),
    ("http", "a.test.", 80, None),
    ("http", "b.test", 80, None),
    ("http", "a.a.test", 80, None),
    ("http", "pin.test", 80, Some("10.9.0.1")),
    ("http", "10.9.0.1", 80, Some("10.9.0.1")),
    ("http", "10.9.0.1", 81, Some("10.9.0.1")),
    ("http", "pin6.test", 80, Some("2001:db8::1")),
    ("http", "2001:db8::1", 80, Some("2001:db8::1")),
    ("http", "2001:db8:0::1", 80, Some("2001:db8::1")),
    ("https", "2001:db8::1", 443, Some("2001:db8::1")),
];

fn origins(random: &mut Prng) -> Vec<Origin> {
    let mut all: Vec<_> = ORIGINS
        .iter()
        .map(|(scheme, host, port, pinned)| Origin {
            secure: *scheme == "https",
            host,
            bracketed: host.contains(':'),
            port: *port,
            pinned: pinned.map(|address| address.parse().expect("an address")),
        })
        .collect();
    random.shuffle(&mut all);
    all.truncate(2 + index(random, 5));
    all
}

/// How a peer frames an answer, and what it does with the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Length,
    Chunked,
    /// HTTP/1.1 without a length.
    UntilClose,
    /// HTTP/1.0 with a length.
    Old,
    /// `Connection: close`, and the peer leaves it open.
    SaysClose,
    /// The bytes of a whole further response follow at once.
    Smuggles,
    /// The connection is closed so many milliseconds later, without a word before.
    ClosesLater(u64),
}

/// One request of a transfer, and how it is answered.
#[derive(Clone, Debug)]
pub(super) struct Hop {
    /// Which of the origins.
    pub(super) origin: usize,
    /// Path and query of the request line.
    pub(super) target: String,
    pub(super) style: Style,
    /// Milliseconds before the answer.
    pub(super) delay: u64,
    /// The status and the `Location` that lead to the next hop; `None` at the last.
    pub(super) redirect: Option<(u16, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Auth {
    None,
    Basic(String, String),
    Bearer(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    None,
    Memory,
    Sized,
    Chunked,
}

/// One transfer.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) url: String,
    pub(super) method: &'static str,
    pub(super) settings: u32,
    /// User and password of the URL, decoded.
    pub(super) userinfo: Option<(String, String)>,
    pub(super) auth: Auth,
    pub(super) fields: Vec<(String, String)>,
    pub(super) range: Option<&'static str>,
    pub(super) body: Body,
    pub(super) payload: Vec<u8>,
    pub(super) can_rewind: bool,
    pub(super) options: Options,
    pub(super) hops: Vec<Hop>,
    /// It is added at this time after the start.
    pub(super) starts: Duration,
    /// It is removed after so many steps.
    pub(super) removed: Option<u64>,
}

impl Plan {
    /// Hops that its limit on redirects allows.
    pub(super) fn allowed_hops(&self) -> usize {
        match self.options.redirects {
            Redirects::Deliver => 1,
            Redirects::Follow(most) => usize::from(most).saturating_add(1).min(self.hops.len()),
        }
    }

    /// The value of a field of the user.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let mut found = self.fields.iter();
        found
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// All that one seed stands for, but the choices of the peers.
#[derive(Clone, Debug)]
pub(super) struct Script {
    pub(super) origins: Vec<Origin>,
    pub(super) plans: Vec<Plan>,
}

impl Script {
    pub(super) fn new(random: &mut Prng) -> Self {
        let origins = origins(random);
        let count = 4 + index(random, 12);
        let mood = Mood {
            calm: random.chance(60),
            spread: [0, 30, 1_500][index(random, 3)],
        };
        let plans = (0..count)
            .map(|id| plan(random, &origins, id, mood))
            .collect();
        Self { origins, plans }
    }
}

/// What the transfers of a script have in common.
#[derive(Clone, Copy, Debug)]
struct Mood {
    /// Most connections are kept, and most transfers may share them.
    calm: bool,
    /// About so many milliseconds lie between two of them.
    spread: u64,
}

/// A text that belongs to one transfer and must not be seen elsewhere.
pub(super) fn secret(id: usize, what: &str) -> String {
    format!("secret{id}x{what}")
}

/// An index below `count`.
pub(super) fn index(random: &mut Prng, count: usize) -> usize {
    usize::try_from(random.below(count as u64)).unwrap_or(0)
}

fn plan(random: &mut Prng, origins: &[Origin], id: usize, mood: Mood) -> Plan {
    let method = ["GET", "GET", "GET", "HEAD", "POST", "POST", "PUT", "DELETE"][index(random, 8)];
    let body = match method {
        "POST" | "PUT" => [Body::Memory, Body::Sized, Body::Chunked, Body::None][index(random, 4)],
        _ => Body::None,
    };
    let payload = match body {
        Body::None => Vec::new(),
        Body::Memory | Body::Sized | Body::Chunked => {
            let length = 1 + index(random, 60);
            format!("body{id} ").into_bytes().repeat(length)
        }
    };
    let userinfo = random
        .chance(30)
        .then(|| (secret(id, "urluser"), secret(id, "url:pass")));
    let (url, hops) = chain(random, origins, userinfo.as_ref(), mood);
    let auth = match index(random, 5) {
        0 => Auth::Basic(secret(id, "user"), secret(id, "pass")),
        1 => Auth::Bearer(secret(id, "bearer")),
        _ => Auth::None,
    };
    Plan {
        url,
        method,
        settings: [0, 7, 1, 0, 0][index(random, if mood.calm { 2 } else { 5 })],
        userinfo,
        auth,
        fields: fields(random, id),
        range: random.chance(15).then_some("0-99999"),
        body,
        payload,
        can_rewind: random.chance(90),
        options: options(random, hops.len()),
        hops,
        starts: Duration::from_millis(random.below(mood.spread * (id as u64 + 1) + 1)),
        removed: random.chance(8).then(|| random.below(60)),
    }
}

fn fields(random: &mut Prng, id: usize) -> Vec<(String, String)> {
    let mut fields = vec![("X-Id".to_string(), id.to_string())];
    for (name, what) in [
        ("Authorization", "field"),
        ("Cookie", "cookie"),
        ("cookie2", "cookie2"),
        ("PROXY-authorization", "proxy"),
    ] {
        if random.chance(20) {
            fields.push((name.to_string(), secret(id, what)));
        }
    }
    for (name, value, percent) in [
        ("Host", format!("own{id}.test"), 10),
        ("Content-Type", "text/plain".to_string(), 30),
        ("content-language", "en".to_string(), 10),
        ("Connection", "close".to_string(), 5),
        ("Accept", format!("a{id}"), 30),
    ] {
        if random.chance(percent) {
            fields.push((name.to_string(), value));
        }
    }
    random.shuffle(&mut fields);
    fields
}

fn options(random: &mut Prng, hops: usize) -> Options {
    let redirects = match index(random, 12) {
        0 => Redirects::Deliver,
        1 => Redirects::Follow(u16::try_from(index(random, hops)).unwrap_or(0)),
        _ => Redirects::Follow(u16::MAX),
    };
    Options {
        redirects,
        keep_post: random.chance(15),
        total: random
            .chance(10)
            .then(|| Duration::from_millis(1 + random.below(400))),
        expect: [Expect::Auto, Expect::Never, Expect::Always][index(random, 3)],
        expect_wait: Duration::from_millis(5),
        fresh_connect: random.chance(15),
        forbid_reuse: random.chance(10),
        send_rate: random
            .chance(5)
            .then(|| NonZeroU32::MIN.saturating_add(3_000)),
        ..Options::DEFAULT
    }
}

/// The first URL and all hops behind it.
fn chain(
    random: &mut Prng,
    origins: &[Origin],
    userinfo: Option<&(String, String)>,
    mood: Mood,
) -> (String, Vec<Hop>) {
    let first = index(random, origins.len());
    let mut at = links::first(random, first, &origins[first], userinfo);
    let url = at.text.clone();
    let mut hops = Vec::new();
    for _ in 0..[0, 0, 1, 1, 2, 3, 4, 6][index(random, 8)] {
        let next = match index(random, 10) {
            0..=3 => at.origin,
            4 | 5 => first,
            _ => index(random, origins.len()),
        };
        let link = links::next(random, &at, next, &origins[next]);
        let code = [301, 302, 303, 307, 308][index(random, 5)];
        hops.push(hop(random, &at, mood, Some((code, link.text.clone()))));
        at = link;
    }
    hops.push(hop(random, &at, mood, None));
    (url, hops)
}

fn hop(random: &mut Prng, at: &Link, mood: Mood, redirect: Option<(u16, String)>) -> Hop {
    let style = match index(random, if mood.calm { 50 } else { 14 }) {
        0 => Style::UntilClose,
        1 => Style::Old,
        2 => Style::SaysClose,
        3 => Style::Smuggles,
        4 | 5 => Style::ClosesLater(random.below(40)),
        6 | 7 => Style::Chunked,
        _ => Style::Length,
    };
    Hop {
        origin: at.origin,
        target: at.target(),
        style,
        delay: [0, 0, 1, 7, 60][index(random, 5)],
        redirect,
    }
}
