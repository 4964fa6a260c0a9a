//! A reader of whole responses that is simple enough to trust: it sees all bytes at once, copies
//! what it likes, and knows right from wrong but not why.

use muxfer_core::http::{HeadEnd, Limits};
use muxfer_core::wire::list;

use super::listener::{Heard, push_body};

/// What surrounds a response.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// The request was a HEAD.
    pub(super) to_head: bool,
    pub(super) limits: Limits,
    /// The longest line, its end included.
    pub(super) line: usize,
}

/// What a response amounts to.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) heard: Vec<Heard>,
    pub(super) verdict: Verdict,
    /// As far as the response is concerned, the connection may be used again.
    pub(super) keeps: bool,
}

/// Where the bytes lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The message ends after so many bytes.
    Complete(usize),
    /// More must come.
    Cut(Cut),
    /// It breaks a rule or a limit.
    Wrong,
}

/// Where in a response the bytes end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// Before a head.
    BeforeHead,
    /// In a head.
    InHead,
    /// In a body that says where it ends, or behind it in the trailers.
    InBody,
    /// In a body that ends with the connection.
    UntilClose,
}

/// Why reading stopped early.
enum Stop {
    Cut,
    Wrong,
}

/// Reads a response and what came before it.
pub(super) fn response(input: &[u8], rules: &Rules) -> Reply {
    let mut reader = Reader {
        input,
        at: 0,
        rules,
        head_bytes: 0,
        fields: 0,
        heard: Vec::new(),
        keeps: false,
    };
    let verdict = reader.message();
    Reply {
        keeps: reader.keeps && matches!(verdict, Verdict::Complete(_)),
        heard: reader.heard,
        verdict,
    }
}

/// Decodes chunks up to and with the line of the last one; appends the data to `body`, also before
/// an error. Answers how many bytes that takes: `None` if there must be more, an error if they are wrong.
pub(super) fn chunks(input: &[u8], limit: u32, body: &mut Vec<u8>) -> Result<Option<usize>, ()> {
    let mut at = 0;
    let mut extensions = 0;
    loop {
        let rest = &input[at..];
        let (size, line) = match chunk_line(rest, limit, &mut extensions) {
            Ok(found) => found,
            Err(Stop::Cut) => return Ok(None),
            Err(Stop::Wrong) => return Err(()),
        };
        at += line;
        if size == 0 {
            return Ok(Some(at));
        }
        let rest = &input[at..];
        let n = usize::try_from(size).map_or(rest.len(), |n| n.min(rest.len()));
        body.extend_from_slice(&rest[..n]);
        let end = &rest[n..];
        if end.len() < 2 {
            return if b"\r\n".starts_with(end) {
                Ok(None)
            } else {
                Err(())
            };
        }
        if !end.starts_with(b"\r\n") {
            return Err(());
        }
        at += n + 2;
    }
}

/// The size that a chunk's first line names, and the length of that line.
fn chunk_line(rest: &[u8], limit: u32, extensions: &mut u32) -> Result<(u64, usize), Stop> {
    let width = rest.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    if width == 0 {
        return Err(if rest.is_empty() {
            Stop::Cut
        } else {
            Stop::Wrong
        });
    }
    let digits = std::str::from_utf8(&rest[..width]).expect("ASCII");
    let size = u128::from_str_radix(digits, 16).map_err(|_| Stop::Wrong)?;
    let size = i64::try_from(size).map_err(|_| Stop::Wrong)?;
    if width > 32 {
        return Err(Stop::Wrong);
    }
    let behind = &rest[width..];
    let length = behind.iter().position(|b| *b == b'\r');
    let extension = &behind[..length.unwrap_or(behind.len())];
    let blank = extension.iter().take_while(|b| is_blank(**b)).count();
    let begins = matches!(extension.get(blank), None | Some(b';'));
    *extensions = extensions.saturating_add(u32::try_from(extension.len()).expect("short"));
    if !begins || extension.iter().any(|b| is_control(*b)) || *extensions > limit {
        return Err(Stop::Wrong);
    }
    if length.is_some() && blank > 0 && blank == extension.len() {
        return Err(Stop::Wrong);
    }
    match behind[extension.len()..] {
        [] | [b'\r'] => Err(Stop::Cut),
        [b'\r', b'\n', ..] => Ok((size.unsigned_abs(), width + extension.len() + 2)),
        _ => Err(Stop::Wrong),
    }
}

struct Reader<'a> {
    input: &'a [u8],
    at: usize,
    rules: &'a Rules,
    head_bytes: usize,
    fields: usize,
    heard: Vec<Heard>,
    keeps: bool,
}

/// What the fields of one head say.
#[derive(Default)]
struct Says {
    lengths: Vec<Vec<u8>>,
    codings: Vec<Vec<u8>>,
    /// Is there a `Transfer-Encoding` at all?
    coded: bool,
    options: Vec<Vec<u8>>,
}

impl<'a> Reader<'a> {
    fn message(&mut self) -> Verdict {
        let mut informational = 0;
        loop {
            if self.at == self.input.len() {
                return Verdict::Cut(Cut::BeforeHead);
            }
            let (code, minor, says) = match self.head() {
                Ok(head) => head,
                Err(Stop::Cut) => return Verdict::Cut(Cut::InHead),
                Err(Stop::Wrong) => return Verdict::Wrong,
            };
            let Ok(framing) = self.framing(code, minor, &says) else {
                return Verdict::Wrong;
            };
            if code < 200 {
                informational += 1;
                let allowed = usize::from(self.rules.limits.informational);
                if code == 101 || informational > allowed {
                    return Verdict::Wrong;
                }
                self.heard.push(Heard::Head(HeadEnd { code, length: None }));
                continue;
            }
            let length = match framing {
                Framing::Sized(n) => Some(n),
                Framing::Chunked | Framing::UntilClose => None,
            };
            self.heard.push(Heard::Head(HeadEnd { code, length }));
            self.keeps = says.keeps(minor) && framing != Framing::UntilClose;
            return self.body(framing);
        }
    }

    fn head(&mut self) -> Result<(u16, u8, Says), Stop> {
        let line = self.line()?;
        let (code, minor, reason) = status_line(line).ok_or(Stop::Wrong)?;
        let reason = reason.to_vec();
        self.heard.push(Heard::Status {
            code,
            minor,
            reason,
        });
        let mut says = Says::default();
        while let Some((name, value)) = self.field()? {
            says.hear(&name, &value)?;
            self.heard.push(Heard::Field(name, value));
        }
        Ok((code, minor, says))
    }

    /// The next line without its end.
    fn line(&mut self) -> Result<&'a [u8], Stop> {
        let rest = &self.input[self.at..];
        let Some(end) = rest.iter().position(|b| *b == b'\n') else {
            let long = rest.len() > self.rules.line;
            return Err(if long { Stop::Wrong } else { Stop::Cut });
        };
        self.at += end + 1;
        self.head_bytes += end + 1;
        let allowed = usize::try_from(self.rules.limits.head_bytes).expect("small");
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        if end + 1 > self.rules.line || self.head_bytes > allowed || line.contains(&b'\r') {
            return Err(Stop::Wrong);
        }
        Ok(line)
    }

    /// The next field; none at the empty line.
    fn field(&mut self) -> Result<Option<(String, Vec<u8>)>, Stop> {
        let line = self.line()?;
        if line.is_empty() {
            return Ok(None);
        }
        self.fields += 1;
        let mut parts = line.splitn(2, |b| *b == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else {
            return Err(Stop::Wrong);
        };
        let value = value.trim_ascii();
        let is_mark = |b: &u8| b"!#$%&'*+-.^_`|~".contains(b);
        let is_name = |b: &u8| b.is_ascii_alphanumeric() || is_mark(b);
        let sound = !name.is_empty() && name.iter().all(is_name);
        let allowed = usize::from(self.rules.limits.head_fields);
        if !sound || line.iter().any(|b| is_control(*b)) || self.fields > allowed {
            return Err(Stop::Wrong);
        }
        let name = String::from_utf8(name.to_vec()).expect("ASCII");
        Ok(Some((name, value.to_vec())))
    }

    fn framing(&self, code: u16, minor: u8, says: &Says) -> Result<Framing, ()> {
        if self.rules.to_head || code < 200 || code == 204 || code == 304 {
            return Ok(Framing::Sized(0));
        }
        match (says.coded, says.length()) {
            (false, None) => Ok(Framing::UntilClose),
            (false, Some(n)) => Ok(Framing::Sized(n)),
            (true, Some(_)) => Err(()),
            (true, None) if minor == 0 || !says.is_chunked() => Err(()),
            (true, None) => Ok(Framing::Chunked),
        }
    }

    fn body(&mut self, framing: Framing) -> Verdict {
        let rest = &self.input[self.at..];
        match framing {
            Framing::Sized(length) => {
                let n = usize::try_from(length).map_or(rest.len(), |n| n.min(rest.len()));
                push_body(&mut self.heard, &rest[..n]);
                if n as u64 == length {
                    return Verdict::Complete(self.at + n);
                }
                Verdict::Cut(Cut::InBody)
            }
            Framing::UntilClose => {
                push_body(&mut self.heard, rest);
                Verdict::Cut(Cut::UntilClose)
            }
            Framing::Chunked => {
                let mut body = Vec::new();
                let limit = self.rules.limits.chunk_extension_bytes;
                let decoded = chunks(rest, limit, &mut body);
                push_body(&mut self.heard, &body);
                match decoded {
                    Ok(Some(n)) => self.at += n,
                    Ok(None) => return Verdict::Cut(Cut::InBody),
                    Err(()) => return Verdict::Wrong,
                }
                self.trailers()
            }
        }
    }

    fn trailers(&mut self) -> Verdict {
        loop {
            match self.field() {
                Ok(Some((name, value))) => self.heard.push(Heard::Trailer(name, value)),
                Ok(None) => return Verdict::Complete(self.at),
                Err(Stop::Cut) => return Verdict::Cut(Cut::InBody),
                Err(Stop::Wrong) => return Verdict::Wrong,
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Framing {
    Sized(u64),
    Chunked,
    UntilClose,
}

impl Says {
    /// Lengths that differ or are none are wrong, and so is anything behind `chunked`.
    fn hear(&mut self, name: &str, value: &[u8]) -> Result<(), Stop> {
        match name.to_ascii_lowercase().as_str() {
            "content-length" => {
                self.lengths
                    .extend(value.split(|b| *b == b',').map(|n| n.trim_ascii().to_vec()));
                let first = number(&self.lengths[0]);
                if first.is_none() || self.lengths.iter().any(|n| number(n) != first) {
                    return Err(Stop::Wrong);
                }
            }
            "transfer-encoding" => {
                self.coded = true;
                self.codings
                    .extend(list(value).map(<[u8]>::to_ascii_lowercase));
                // A field without a coding is one that is not known.
                if list(value).next().is_none() && self.codings.is_empty() {
                    self.codings.push(Vec::new());
                }
                let chunked = self.codings.iter().position(|name| name == b"chunked");
                let first_only = self.codings.first().is_some_and(|name| name == b"chunked");
                if first_only && chunked.is_some_and(|at| at + 1 < self.codings.len()) {
                    return Err(Stop::Wrong);
                }
            }
            "connection" => self
                .options
                .extend(list(value).map(<[u8]>::to_ascii_lowercase)),
            _ => {}
        }
        Ok(())
    }

    fn length(&self) -> Option<u64> {
        self.lengths.first().and_then(|first| number(first))
    }

    fn is_chunked(&self) -> bool {
        self.codings == [b"chunked"]
    }

    fn keeps(&self, minor: u8) -> bool {
        let says = |name: &[u8]| self.options.iter().any(|option| option == name);
        !says(b"close") && (minor > 0 || says(b"keep-alive"))
    }
}

/// Code, minor version and reason.
fn status_line(line: &[u8]) -> Option<(u16, u8, &[u8])> {
    let text = line.strip_prefix(b"HTTP/1.")?;
    let (version, text) = text.split_at_checked(2)?;
    let (digits, text) = text.split_at_checked(3)?;
    let sound = version[0].is_ascii_digit() && version[1] == b' ';
    let code: u16 = number(digits)?.try_into().ok()?;
    let reason = if text.is_empty() {
        text
    } else {
        text.strip_prefix(b" ")?
    };
    if !sound || code < 100 || reason.iter().any(|b| is_control(*b)) {
        return None;
    }
    Some((code, u8::from(version[0] != b'0'), reason))
}

/// Digits and nothing else, up to what a signed number holds.
fn number(digits: &[u8]) -> Option<u64> {
    let all = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(digits).ok().filter(|_| all)?;
    let number: i64 = text.parse().ok()?;
    u64::try_from(number).ok()
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

const fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}
