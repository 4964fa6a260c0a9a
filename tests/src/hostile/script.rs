//! What a hostile server does with a request, step by step.

use std::time::Duration;

use super::pattern;

/// One thing that the server does with a connection. They happen in order; after the last one it
/// waits for the next request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Sends bytes, in one call if the system takes them.
    Send(Vec<u8>),
    /// Sends the same bytes for ever, as fast as they are taken.
    Flood(Vec<u8>),
    /// Sends the same bytes for ever, one at a time, with a pause after each.
    Drip(Vec<u8>, Duration),
    /// Sends one byte out of band (`MSG_OOB`).
    Urgent(u8),
    /// Does nothing for a while.
    Wait(Duration),
    /// Goes on when the body of the request has come.
    Body,
    /// Reads nothing any more.
    Deaf,
    /// Ends its side of the stream and goes on reading.
    HalfClose,
    /// Closes: a FIN, or a reset by the system if there are bytes that it has not read.
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

    /// Waits so many milliseconds.
    #[must_use]
    pub const fn wait(millis: u64) -> Self {
        Self::Wait(Duration::from_millis(millis))
    }
}

/// A request, as scripts see it.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Which variant of its entry it wants: the second segment of the path.
    pub variant: usize,
    /// The number of the transfer: `n` of the query. Bodies follow from it.
    pub number: u64,
    /// How many requests the connection has brought, this one included.
    pub nth: u32,
    /// The number of the connection.
    pub connection: u64,
    /// Request line and fields.
    pub head: &'a str,
    /// How long this run lets its transfers wait, in milliseconds: `p` of the query.
    pub patience: u64,
}

impl Ask<'_> {
    /// The first `length` bytes of this transfer's body.
    #[must_use]
    pub fn body(&self, length: usize) -> Vec<u8> {
        let mut body = vec![0; length];
        pattern::fill(self.number, 0, &mut body);
        body
    }

    /// A 200 with a body of so many bytes, framed by its length.
    #[must_use]
    pub fn sized(&self, length: usize) -> Vec<u8> {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        [head.as_bytes(), &self.body(length)].concat()
    }

    /// A head, and behind it so many bytes of body.
    #[must_use]
    pub fn headed(&self, head: &str, length: usize) -> Act {
        Act::Send([head.as_bytes(), &self.body(length)].concat())
    }

    /// What the request line asks for.
    #[must_use]
    pub fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or("")
    }

    /// The value of the first field of this name (in lower case).
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self
            .head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'));
        let found = fields.find(|(found, _)| found.eq_ignore_ascii_case(name))?;
        Some(found.1.trim())
    }
}

/// What a request wants: `/name/variant?n=number&p=patience`.
pub(super) struct Wish<'a> {
    pub(super) name: &'a str,
    pub(super) variant: usize,
    pub(super) number: u64,
    pub(super) patience: u64,
}

impl<'a> Wish<'a> {
    pub(super) fn of(head: &'a str) -> Self {
        let target = head.split(' ').nth(1).unwrap_or("");
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut segments = path.split('/').skip(1);
        let name = segments.next().unwrap_or("");
        let variant = segments.next().and_then(|text| text.parse().ok());
        let value = |key: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(found, _)| *found == key)?.1.parse().ok()
        };
        Self {
            name,
            variant: variant.unwrap_or(0),
            number: value("n").unwrap_or(0),
            patience: value("p").unwrap_or(0),
        }
    }
}
