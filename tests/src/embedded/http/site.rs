//! What a server answers.

use std::time::Duration;

use super::request::Request;

/// One thing that the server does. They happen in order; then the next request is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Sends bytes.
    Send(Vec<u8>),
    /// Does nothing for a while.
    Wait(Duration),
    /// Ends the stream.
    Close,
    /// Resets the connection.
    Reset,
    /// Does nothing more until the peer closes.
    Stay,
}

impl Act {
    /// Sends a text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Send(text.as_bytes().to_vec())
    }
}

/// What a server answers to each request.
pub type Site = Box<dyn Fn(&Request) -> Vec<Act> + Send + Sync>;

/// A file as a good server has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// All of it.
    pub bytes: Vec<u8>,
    /// Its entity tag, with its quotes.
    pub etag: String,
}

impl File {
    /// The answer to this request: a part where a part is asked for and the tag still holds, else
    /// the whole.
    #[must_use]
    pub fn answer(&self, request: &Request) -> Vec<u8> {
        let holds = request.field("if-range").is_none_or(|tag| tag == self.etag);
        match request.from().filter(|_| holds) {
            Some(from) if from < self.bytes.len() => self.part(from),
            Some(_) => self.headed("416 Range Not Satisfiable", &self.range("*"), &[]),
            None => self.whole(),
        }
    }

    /// All of it, whatever was asked for.
    #[must_use]
    pub fn whole(&self) -> Vec<u8> {
        self.headed("200 OK", "", &self.bytes)
    }

    fn part(&self, from: usize) -> Vec<u8> {
        let last = self.bytes.len() - 1;
        let range = self.range(&format!("{from}-{last}"));
        self.headed("206 Partial Content", &range, &self.bytes[from..])
    }

    fn range(&self, which: &str) -> String {
        format!("Content-Range: bytes {which}/{}\r\n", self.bytes.len())
    }

    fn headed(&self, status: &str, more: &str, body: &[u8]) -> Vec<u8> {
        let head = format!(
            "HTTP/1.1 {status}\r\nETag: {}\r\n{more}Content-Length: {}\r\n\r\n",
            self.etag,
            body.len()
        );
        [head.as_bytes(), body].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(fields: &[(&str, &str)]) -> String {
        let fields = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let request = Request {
            method: "GET".to_owned(),
            target: "/".to_owned(),
            fields: fields.collect(),
            body: Vec::new(),
            nth: 1,
            at: std::time::Instant::now(),
        };
        let file = File {
            bytes: b"abcdef".to_vec(),
            etag: "\"1\"".to_owned(),
        };
        String::from_utf8(file.answer(&request)).unwrap_or_default()
    }

    #[test]
    fn a_part_is_answered_where_the_tag_holds() {
        let part = asked(&[("range", "bytes=4-"), ("if-range", "\"1\"")]);
        assert!(part.starts_with("HTTP/1.1 206 "));
        assert!(part.contains("bytes 4-5/6") && part.ends_with("\r\n\r\nef"));
        let whole = asked(&[("range", "bytes=4-"), ("if-range", "\"2\"")]);
        assert!(whole.starts_with("HTTP/1.1 200 ") && whole.ends_with("\r\n\r\nabcdef"));
        assert!(asked(&[("range", "bytes=6-")]).starts_with("HTTP/1.1 416 "));
    }
}
