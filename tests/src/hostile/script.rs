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

    /// Has it a field of this name (in lower case)?
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        let mut fields = self.head.lines().skip(1);
        fields.any(|line| {
            line.split_once(':')
                .is_some_and(|(found, _)| found.eq_ignore_ascii_case(name))
        })
    }
}
