//! Responses from a seed: well-formed ones, and ones that are slightly broken.

use crate::sim::Prng;

use super::Response;

/// The response of this seed. About half are well-formed; the others have a broken part, or a few
/// bytes changed.
#[must_use]
pub fn response(seed: u64) -> Response {
    let mut make = Maker::new(seed);
    let mut bytes = make.stream();
    if make.random.chance(25) {
        make.mutate(&mut bytes);
    }
    Response {
        name: format!("generated-{seed}"),
        bytes,
        to_head: make.to_head,
    }
}

/// A response of the corpus with a few bytes changed.
#[must_use]
pub fn mutated(of: &Response, seed: u64) -> Response {
    let mut make = Maker::new(seed);
    let mut bytes = of.bytes.clone();
    make.mutate(&mut bytes);
    Response {
        name: format!("{}-mutated-{seed}", of.name),
        bytes,
        to_head: of.to_head,
    }
}

const CODES: &[&str] = &[
    "200", "200", "200", "206", "204", "304", "404", "500", "302",
];
const BAD_LINES: &[&str] = &[
    "HTTP/1.1 99 Low",
    "HTTP/1.1 1000 High",
    "HTTP/2.0 200 OK",
    "HTTP/1.1 200OK",
    "HTTP/1.1  200 OK",
    "HTTP/1.1\t200 OK",
    "HTTP/1.1 200 O\u{1}K",
    "HTTP/1.1 200 O\rK",
    "HTTP/1.1 101 Switching Protocols",
    "HTTP/1.2 200 OK",
    "http/1.1 200 OK",
    "hello",
    "",
];
const FIELDS: &[&str] = &[
    "Content-Type: text/plain",
    "Date: Sun, 06 Nov 1994 08:49:37 GMT",
    "X-Empty:",
    "X-Tab:\ta\tb\t",
    "X-Colons: a:b:c",
    "Set-Cookie: a=b; Path=/",
    "Connection: keep-alive",
    "Connection: close",
    "Connection: x, Close",
    "connection: upgrade, keep-alive",
    "X-Quoted: \"a, b\"",
    "X-Utf8: gr\u{fc}\u{df}e",
];
const BAD_FIELDS: &[&str] = &[
    "X : y",
    "X\t: y",
    ": y",
    "word",
    " X: y",
    "\tX: y",
    "X: a\r\n b",
    "X: a\u{0}b",
    "X: a\rb",
    "X: \u{1b}[0m",
    "X(y): z",
    "X: \u{7f}",
    "\u{e9}: y",
    "Transfer-Encoding : chunked",
];
const BAD_LENGTHS: &[&str] = &[
    "+5",
    "-1",
    "0x5",
    "5 5",
    "",
    "5;",
    "5, 6",
    "5,",
    "9223372036854775808",
    "99999999999999999999",
    "5\u{b2}",
];
const BAD_CODINGS: &[&str] = &[
    "chunked, identity",
    "identity, chunked",
    "gzip, chunked",
    "chunked, chunked",
    "gzip",
    "identity",
    "",
    "\"chunked\"",
    "chunked;q=1",
    "xchunked",
];
const EXTENSIONS: &[&str] = &[";a", ";a=b", " ;a = \"b;c\"", "\t;x", ";", ";a=\"\u{f6}\""];
const BAD_SIZES: &[&str] = &[
    "0x5",
    "+5",
    "-5",
    " 5",
    "5 ",
    "5 5",
    "",
    "g",
    "5;\u{0}",
    "5;a\rb",
    "ffffffffffffffff",
    "8000000000000000",
    "10000000000000000",
];

struct Maker {
    random: Prng,
    to_head: bool,
    /// In so many of 100 places something broken stands.
    broken: u64,
}

impl Maker {
    fn new(seed: u64) -> Self {
        let mut random = Prng::new(seed);
        let to_head = random.chance(8);
        let broken = if random.chance(50) { 0 } else { 6 };
        Self {
            random,
            to_head,
            broken,
        }
    }

    fn pick(&mut self, list: &[&'static str]) -> &'static str {
        list[self.below(list.len())]
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.random.below(limit as u64)).expect("a small number")
    }

    fn is_broken(&mut self) -> bool {
        self.random.chance(self.broken)
    }

    fn stream(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.random.chance(12) {
            let code = self.pick(&["100 Continue", "103 Early Hints", "102"]);
            push(&mut bytes, "HTTP/1.1 ");
            self.line(&mut bytes, code);
            self.fields(&mut bytes, 1);
            self.line(&mut bytes, "");
        }
        self.status_line(&mut bytes);
        self.fields(&mut bytes, 4);
        self.framed(&mut bytes);
        if self.random.chance(10) {
            let behind = self.pick(&["!", "\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]);
            push(&mut bytes, behind);
        }
        if self.random.chance(8) {
            bytes.truncate(self.below(bytes.len() + 1));
        }
        bytes
    }

    fn status_line(&mut self, bytes: &mut Vec<u8>) {
        if self.is_broken() {
            let line = self.pick(BAD_LINES);
            return self.line(bytes, line);
        }
        let version = if self.random.chance(15) { "1.0" } else { "1.1" };
        let code = self.pick(CODES);
        let reason = self.pick(&[" OK", " Not\tquite", " ", "", " gr\u{fc}n"]);
        self.line(bytes, &format!("HTTP/{version} {code}{reason}"));
    }

    fn fields(&mut self, bytes: &mut Vec<u8>, most: usize) {
        for _ in 0..self.below(most + 1) {
            let bad = self.is_broken();
            let field = self.pick(if bad { BAD_FIELDS } else { FIELDS });
            self.line(bytes, field);
        }
    }

    /// The fields that say how long the body is, the end of the head, and the body.
    fn framed(&mut self, bytes: &mut Vec<u8>) {
        let body = self.body();
        let chunked = self.random.chance(45);
        let sized = !chunked && self.random.chance(85);
        if sized || (chunked && self.is_broken()) {
            self.length(bytes, body.len());
        }
        if chunked {
            let name = self.pick(&[
                "Transfer-Encoding: ",
                "transfer-encoding:",
                "TRANSFER-ENCODING:\t",
            ]);
            let value = if self.is_broken() {
                self.pick(BAD_CODINGS)
            } else {
                self.pick(&["chunked", "chunked", "Chunked", ", chunked,"])
            };
            self.line(bytes, &format!("{name}{value}"));
        }
        self.fields(bytes, 1);
        self.line(bytes, "");
        match chunked {
            true => self.chunks(bytes, &body),
            false => bytes.extend_from_slice(&body),
        }
    }

    fn length(&mut self, bytes: &mut Vec<u8>, length: usize) {
        let value = if self.is_broken() {
            self.pick(BAD_LENGTHS).to_owned()
        } else {
            match self.below(12) {
                0 => format!("{length}, {length}"),
                1 => format!("00{length}"),
                2 => (length + 1).to_string(),
                _ => length.to_string(),
            }
        };
        self.line(bytes, &format!("Content-Length: {value}"));
        if self.random.chance(5) {
            self.line(bytes, &format!("content-length:{value}"));
        }
    }

    fn body(&mut self) -> Vec<u8> {
        let length = self.below(40);
        (0..length)
            .map(|_| b"abc\r\n0;:\0\xff"[self.below(10)])
            .collect()
    }

    fn chunks(&mut self, bytes: &mut Vec<u8>, body: &[u8]) {
        let mut rest = body;
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(1 + self.below(rest.len()));
            self.size(bytes, chunk.len());
            bytes.extend_from_slice(chunk);
            let end = if self.is_broken() {
                self.pick(&["\n", "", "\r", "x\r\n"])
            } else {
                "\r\n"
            };
            push(bytes, end);
            rest = after;
        }
        self.size(bytes, 0);
        if self.random.chance(20) {
            self.fields(bytes, 2);
        }
        self.line(bytes, "");
    }

    fn size(&mut self, bytes: &mut Vec<u8>, size: usize) {
        let digits = if self.is_broken() {
            self.pick(BAD_SIZES).to_owned()
        } else {
            match self.below(6) {
                0 => format!("{size:X}"),
                1 => format!("{size:04x}"),
                2 => format!("{size:x}{}", self.pick(EXTENSIONS)),
                _ => format!("{size:x}"),
            }
        };
        push(bytes, &digits);
        let end = if self.is_broken() { "\n" } else { "\r\n" };
        push(bytes, end);
    }

    fn line(&mut self, bytes: &mut Vec<u8>, line: &str) {
        push(bytes, line);
        let end = match self.is_broken() {
            true => self.pick(&["\n", "\r", "\r\r\n", " \r\n"]),
            false => "\r\n",
        };
        push(bytes, end);
    }

    /// Changes, removes, adds or repeats bytes in one to three places.
    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            if bytes.is_empty() {
                return;
            }
            let at = self.below(bytes.len());
            match self.below(5) {
                0 => bytes[at] = b"\r\n\0 \t:;,0159afHc-+\x7f\xff"[self.below(20)],
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, b"\r\n\0 \t:;,0159afHc-+\x7f\xff"[self.below(20)]),
                3 => bytes[at] ^= 1 << self.below(8),
                _ => {
                    let end = (at + 1 + self.below(30)).min(bytes.len());
                    let piece = bytes[at..end].to_vec();
                    let place = self.below(bytes.len());
                    bytes.splice(place..place, piece);
                }
            }
        }
    }
}

/// Adds a text whose characters are bytes.
fn push(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend(
        text.chars()
            .map(|c| u8::try_from(u32::from(c)).expect("a byte")),
    );
}
