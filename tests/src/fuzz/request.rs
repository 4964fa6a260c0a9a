//! A request of a case: what is asked for, and what must be sent for it.

use muxfer_core::easy::{Auth, Body, Field, Request};
use muxfer_core::http::Outgoing;
use muxfer_core::wire::Url;

use super::input::Input;

const METHODS: [&str; 4] = ["GET", "PUT", "POST", "HEAD"];
/// A URL, and its target, host and credentials as they are sent.
const URLS: [(&str, &str, &str, &str); 4] = [
    ("http://a", "/", "a", ""),
    ("http://u:p@B:81/c?d#e", "/c?d", "b:81", "dTpw"),
    ("https://[::A]:443/\u{e4}", "/%C3%A4", "[::a]", ""),
    ("http://x%40@c/?q=\u{20ac}", "/?q=%E2%82%AC", "c", "eEA6"),
];
const FIELDS: [Field<'_>; 5] = [
    field("X-One", "1"),
    field("Cookie", "secret"),
    field("Content-Type", "text/plain"),
    field("Host", "other"),
    field("Empty", ""),
];

const fn field<'a>(name: &'a str, value: &'a str) -> Field<'a> {
    Field { name, value }
}

/// Where the body comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    None,
    Memory,
    Sized,
    Chunked,
}

/// All that decides what is sent.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    method: &'static str,
    url: usize,
    pub(super) source: Source,
    pub(super) body: Vec<u8>,
    fields: Vec<Field<'static>>,
    bearer: bool,
    foreign: bool,
    rewritten: bool,
    pub(super) expect: bool,
    pub(super) close: bool,
}

impl Plan {
    /// Takes three bytes.
    pub(super) fn new(input: &mut Input<'_>) -> Self {
        let [what, how, length] = input.bytes();
        let is = |bit: u8| how >> bit & 1 != 0;
        let sources = [Source::None, Source::Memory, Source::Sized, Source::Chunked];
        let source = sources[usize::from(what >> 4 & 3)];
        let count = usize::from(what >> 6) * 2;
        let bytes = (0..=u8::MAX).cycle().take(usize::from(length) * 3);
        Self {
            method: METHODS[usize::from(what & 3)],
            url: usize::from(what >> 2 & 3),
            source,
            body: if source == Source::None {
                Vec::new()
            } else {
                bytes.collect()
            },
            fields: FIELDS[..count.min(FIELDS.len())].to_vec(),
            bearer: is(0),
            foreign: is(1),
            rewritten: is(2),
            expect: is(3),
            close: is(4),
        }
    }

    pub(super) fn is_to_head(&self) -> bool {
        self.method == "HEAD"
    }

    /// Is there a body to be sent? A redirect that makes a GET of the request drops it.
    pub(super) fn has_body(&self) -> bool {
        let is_empty = self.body.is_empty() && self.source != Source::Chunked;
        !self.rewritten && !is_empty
    }

    /// As the engine asks for it.
    pub(super) fn with<T>(&self, tell: impl FnOnce(&Outgoing<'_>) -> T) -> T {
        let request = Request {
            method: self.method,
            url: URLS[self.url].0,
            fields: &&self.fields[..],
            body: match self.source {
                Source::None => Body::None,
                Source::Memory => Body::Bytes(&self.body),
                Source::Sized => Body::Stream {
                    length: Some(self.body.len() as u64),
                },
                Source::Chunked => Body::Stream { length: None },
            },
            auth: if self.bearer {
                Auth::Bearer("token")
            } else {
                Auth::None
            },
            ..Request::get("")
        };
        let url = Url::parse(request.url).expect("a good URL");
        let outgoing = Outgoing {
            foreign: self.foreign,
            rewritten: self.rewritten,
            expect: self.expect,
            close: self.close,
            ..Outgoing::new(request, url)
        };
        assert_eq!(outgoing.check(), Ok(()));
        tell(&outgoing)
    }

    /// The head that must be sent (RFC 9112 §3, CHECKLIST 5).
    pub(super) fn head(&self) -> String {
        let (_, target, host, credentials) = URLS[self.url];
        let method = match (self.rewritten, self.method) {
            (true, "GET" | "PUT" | "POST") => "GET",
            (_, method) => method,
        };
        let named = |name: &str| self.fields.iter().find(|field| field.name == name);
        let own = named("Host").filter(|_| !self.foreign);
        let host = own.map_or(host, |field| field.value);
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n");
        if !self.foreign && self.bearer {
            head += "Authorization: Bearer token\r\n";
        } else if !self.foreign && !credentials.is_empty() {
            head += &format!("Authorization: Basic {credentials}\r\n");
        }
        for field in &self.fields {
            let is_sent = match field.name {
                "Host" => false,
                "Cookie" => !self.foreign,
                "Content-Type" => !self.rewritten,
                _ => true,
            };
            if is_sent {
                let text = format!("{}: {}", field.name, field.value);
                head += text.trim_end();
                head += "\r\n";
            }
        }
        let source = if self.rewritten {
            Source::None
        } else {
            self.source
        };
        head += &match source {
            Source::None if matches!(method, "PUT" | "POST") => "Content-Length: 0\r\n".to_owned(),
            Source::None => String::new(),
            Source::Memory | Source::Sized => format!("Content-Length: {}\r\n", self.body.len()),
            Source::Chunked => "Transfer-Encoding: chunked\r\n".to_owned(),
        };
        if self.expect && source != Source::None {
            head += "Expect: 100-continue\r\n";
        }
        if self.close {
            head += "Connection: close\r\n";
        }
        head + "\r\n"
    }
}
