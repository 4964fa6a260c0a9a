//! A request, read from a stream.

use std::io::{self, BufRead, Read};
use std::time::Instant;

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case, and values.
    pub fields: Vec<(String, String)>,
    /// The body, without its framing.
    pub body: Vec<u8>,
    /// How many requests for this target have come, this one included.
    pub nth: u32,
    /// When its head had come.
    pub at: Instant,
}

impl Request {
    /// The next one; `None` at the end of the stream.
    ///
    /// # Errors
    /// The stream breaks, or what comes is no request.
    pub fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let Some(first) = line(from)? else {
            return Ok(None);
        };
        let mut words = first.split(' ');
        let (Some(method), Some(target), Some("HTTP/1.1" | "HTTP/1.0"), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(bad(&first));
        };
        let mut request = Self {
            method: method.to_owned(),
            target: target.to_owned(),
            fields: Vec::new(),
            body: Vec::new(),
            nth: 0,
            at: Instant::now(),
        };
        loop {
            let field = line(from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            if field.is_empty() {
                break;
            }
            let (name, value) = field.split_once(':').ok_or_else(|| bad(&field))?;
            request
                .fields
                .push((name.to_lowercase(), value.trim().to_owned()));
        }
        Ok(Some(request))
    }

    /// Reads the body, which comes behind what was answered to `Expect`.
    ///
    /// # Errors
    /// The stream breaks, or the framing is wrong.
    pub fn read_body(&mut self, from: &mut impl BufRead) -> io::Result<()> {
        if let Some(length) = self.field("content-length") {
            let length: usize = length.parse().map_err(|_| bad(length))?;
            self.body = vec![0; length];
            return from.read_exact(&mut self.body);
        }
        if self.field("transfer-encoding") != Some("chunked") {
            return Ok(());
        }
        loop {
            let size = line(from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            let size = usize::from_str_radix(&size, 16).map_err(|_| bad(&size))?;
            let start = self.body.len();
            self.body.resize(start + size, 0);
            from.read_exact(&mut self.body[start..])?;
            if line(from)?.as_deref() != Some("") {
                return Err(bad("a chunk that goes on"));
            }
            if size == 0 {
                return Ok(());
            }
        }
    }

    /// The value of a field by its name in lower case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        fields
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// The first byte that is asked for, if it is all from there on.
    #[must_use]
    pub fn from(&self) -> Option<usize> {
        let range = self.field("range")?.strip_prefix("bytes=")?;
        range.strip_suffix('-')?.parse().ok()
    }
}

/// A line without its end; `None` at the end of the stream.
fn line(from: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    // More than anything that firmware sends, so that nonsense comes to an end.
    if from.take(8192).read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let line = line.strip_suffix("\r\n").ok_or_else(|| bad(&line))?;
    Ok(Some(line.to_owned()))
}

fn bad(what: &str) -> io::Error {
    io::Error::other(format!("this is no request: {what:?}"))
}
