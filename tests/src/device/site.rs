//! A site with an image, which knows ranges, and the trouble that servers make.

use crate::sim::{Act, Prng, Request};

/// A site with one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The image.
    pub image: Vec<u8>,
    /// Its entity tag; empty for none.
    pub tag: String,
    /// It is sent chunked, without its length.
    pub is_chunked: bool,
}

/// What a server does wrong, or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    None,
    /// The body ends after so many bytes, with the connection.
    Cut(usize),
    /// The connection is reset after so many bytes of the body.
    Reset(usize),
    /// Nothing more comes after so many bytes of the body.
    Stall(usize),
    /// The connection ends without an answer.
    Silence,
    /// 503, and when to come again.
    Busy(u32),
    /// 404.
    NotFound,
    /// The whole, whatever was asked for.
    Whole,
    /// The rest from another place, whatever was asked for.
    OtherStart(u64),
    /// A rest of something that is so much longer.
    OtherTotal(u64),
    /// A rest with another tag.
    OtherTag,
    /// A rest without a tag.
    NoTag,
    /// Only so many bytes of what was asked for, and said so.
    Less(u64),
    /// More bytes than the head says.
    More(usize),
    /// A bit is wrong at this place of the body.
    Flip(usize),
    /// 416 with this length.
    Unsatisfied(u64),
    /// To the other host, with a body.
    Redirect,
    /// To a URL of more than 64 bytes.
    LongRedirect,
    /// A body in a coding.
    Gzip,
    /// A whole without a length, which ends with the connection after so many bytes.
    Endless(usize),
}

impl Trouble {
    /// Any of them, somewhere in a body of this length.
    pub fn draw(random: &mut Prng, length: usize) -> Self {
        let place = usize::try_from(random.below(length.max(1) as u64)).unwrap_or(0);
        match random.below(20) {
            0 | 1 => Self::Cut(place),
            2 => Self::Reset(place),
            3 => Self::Stall(place),
            4 => Self::Silence,
            5 => Self::Busy(u32::try_from(random.below(100)).unwrap_or(0)),
            6 => Self::Whole,
            7 => Self::OtherStart(place as u64),
            8 => Self::OtherTotal(1 + random.below(9)),
            9 => Self::OtherTag,
            10 => Self::NoTag,
            11 => Self::Less(1 + place as u64),
            12 => Self::More(1 + place),
            13 => Self::Flip(place),
            14 => Self::Unsatisfied(place as u64),
            15 => Self::Redirect,
            16 => Self::Gzip,
            17 => Self::Endless(place),
            _ => Self::None,
        }
    }
}

/// An answer before it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub code: u16,
    /// The fields, without that of the length.
    pub fields: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    fn new(code: u16, body: &[u8]) -> Self {
        Self {
            code,
            fields: Vec::new(),
            body: body.to_vec(),
        }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.retain(|(known, _)| *known != name);
        self.fields.push((name, value.into()));
        self
    }

    /// The head without its end.
    fn head(&self) -> String {
        let mut head = format!("HTTP/1.1 {} X\r\n", self.code);
        for (name, value) in &self.fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head
    }

    /// It, with its length.
    fn send(&self) -> Vec<u8> {
        let length = self.body.len();
        let head = format!("{}Content-Length: {length}\r\n\r\n", self.head());
        [head.as_bytes(), &self.body].concat()
    }

    /// It, in chunks.
    fn send_chunked(&self) -> Vec<u8> {
        let mut bytes = format!("{}Transfer-Encoding: chunked\r\n\r\n", self.head()).into_bytes();
        for chunk in self.body.chunks(1000) {
            bytes.extend(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend(chunk);
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"0\r\n\r\n");
        bytes
    }
}

impl Site {
    /// The site that sends this image with this tag.
    #[must_use]
    pub fn new(image: &[u8], tag: &str) -> Self {
        Self {
            image: image.to_vec(),
            tag: tag.to_owned(),
            is_chunked: false,
        }
    }

    /// A good answer (RFC 9110 §13.2.2, §14.2).
    #[must_use]
    pub fn reply(&self, request: &Request) -> Reply {
        let whole = self.tagged(Reply::new(200, &self.image));
        let is_current = request
            .field("if-range")
            .is_none_or(|tag| tag == self.tag && !tag.starts_with("W/"));
        let from = request.field("range").and_then(start_of);
        match from {
            Some(from) if is_current => self.rest(from),
            Some(_) | None => whole,
        }
    }

    /// What goes over the connection, with this trouble.
    #[must_use]
    pub fn answer(&self, request: &Request, trouble: Trouble) -> Vec<Act> {
        let reply = self.reply(request);
        let is_rest = reply.code == 206;
        let range = |first: u64, last: u64, total: u64| format!("bytes {first}-{last}/{total}");
        let total = self.image.len() as u64;
        let from = request.field("range").and_then(start_of).unwrap_or(0);
        let reply = match trouble {
            Trouble::Silence => return vec![Act::Close],
            Trouble::Busy(seconds) => {
                Reply::new(503, b"later").with("Retry-After", seconds.to_string())
            }
            Trouble::NotFound => Reply::new(404, b"nothing here"),
            Trouble::Whole => self.tagged(Reply::new(200, &self.image)),
            Trouble::OtherStart(first) if is_rest && first < total => self.rest(first),
            Trouble::OtherTotal(more) if is_rest => {
                reply.with("Content-Range", range(from, total - 1, total + more))
            }
            Trouble::OtherTag if is_rest => reply.with("ETag", "\"other\""),
            Trouble::NoTag => {
                let mut reply = reply;
                reply.fields.retain(|(name, _)| *name != "ETag");
                reply
            }
            Trouble::Less(bytes) if is_rest && from + bytes < total => {
                let mut reply = reply.with("Content-Range", range(from, from + bytes - 1, total));
                reply.body.truncate(usize::try_from(bytes).unwrap_or(0));
                reply
            }
            Trouble::Flip(place) if place < reply.body.len() => {
                let mut reply = reply;
                reply.body[place] ^= 1;
                reply
            }
            Trouble::Unsatisfied(length) if from > 0 => {
                Reply::new(416, b"no").with("Content-Range", format!("bytes */{length}"))
            }
            Trouble::Redirect => {
                let url = "http://10.0.0.2/elsewhere";
                Reply::new(302, b"this is no image").with("Location", url)
            }
            Trouble::LongRedirect => {
                let url = format!("http://10.0.0.2/{}", "x".repeat(60));
                Reply::new(302, b"").with("Location", url)
            }
            Trouble::Gzip => reply.with("Content-Encoding", "gzip"),
            Trouble::None
            | Trouble::Cut(_)
            | Trouble::Reset(_)
            | Trouble::Stall(_)
            | Trouble::OtherStart(_)
            | Trouble::OtherTotal(_)
            | Trouble::OtherTag
            | Trouble::Less(_)
            | Trouble::More(_)
            | Trouble::Flip(_)
            | Trouble::Unsatisfied(_)
            | Trouble::Endless(_) => reply,
        };
        self.acts(&reply, trouble)
    }

    fn acts(&self, reply: &Reply, trouble: Trouble) -> Vec<Act> {
        let mut bytes = if self.is_chunked && reply.code == 200 {
            reply.send_chunked()
        } else {
            reply.send()
        };
        let head = bytes.len() - reply.body.len().min(bytes.len());
        match trouble {
            Trouble::Cut(body) => {
                bytes.truncate(head + body);
                vec![Act::Send(bytes), Act::Close]
            }
            Trouble::Reset(body) => {
                bytes.truncate(head + body);
                vec![Act::Send(bytes), Act::wait(1), Act::Reset]
            }
            Trouble::Stall(body) => {
                bytes.truncate(head + body);
                vec![Act::Send(bytes)]
            }
            Trouble::More(surplus) => {
                bytes.extend(vec![0x55; surplus]);
                vec![Act::Send(bytes), Act::Close]
            }
            Trouble::Endless(body) => {
                let head = format!("{}\r\n", reply.head());
                let body = &reply.body[..body.min(reply.body.len())];
                vec![Act::Send([head.as_bytes(), body].concat()), Act::Close]
            }
            Trouble::None
            | Trouble::Silence
            | Trouble::Busy(_)
            | Trouble::NotFound
            | Trouble::Whole
            | Trouble::OtherStart(_)
            | Trouble::OtherTotal(_)
            | Trouble::OtherTag
            | Trouble::NoTag
            | Trouble::Less(_)
            | Trouble::Flip(_)
            | Trouble::Unsatisfied(_)
            | Trouble::Redirect
            | Trouble::LongRedirect
            | Trouble::Gzip => vec![Act::Send(bytes)],
        }
    }

    fn rest(&self, from: u64) -> Reply {
        let total = self.image.len();
        let rest = usize::try_from(from)
            .ok()
            .and_then(|from| self.image.get(from..));
        match rest {
            Some(rest) if !rest.is_empty() => {
                let range = format!("bytes {from}-{}/{total}", total - 1);
                self.tagged(Reply::new(206, rest).with("Content-Range", range))
            }
            Some(_) | None => {
                let range = format!("bytes */{total}");
                Reply::new(416, b"no such part").with("Content-Range", range)
            }
        }
    }

    fn tagged(&self, reply: Reply) -> Reply {
        if self.tag.is_empty() {
            reply
        } else {
            reply.with("ETag", &*self.tag)
        }
    }
}

/// Where the rest begins that a `Range` asks for.
fn start_of(range: &str) -> Option<u64> {
    let from = range.strip_prefix("bytes=")?.strip_suffix('-')?;
    from.parse().ok()
}
