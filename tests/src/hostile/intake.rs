//! What a client sends, taken apart: heads, and bodies that are held against what they should be.

use super::pattern;

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Framing {
    /// It is over, or there is none.
    #[default]
    Over,
    Sized(u64),
    /// So many bytes of the present chunk are missing; 0: a size line comes.
    Chunked(u64),
    /// Behind the data of a chunk.
    ChunkEnd,
    /// Behind the last chunk.
    LastEnd,
    /// It can't be understood: the rest is thrown away.
    Lost,
}

/// The bytes of one connection that nobody has used yet.
#[derive(Debug, Default)]
pub(super) struct Intake {
    bytes: Vec<u8>,
    framing: Framing,
    number: u64,
    /// Bytes of body so far.
    at: u64,
}

impl Intake {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next head, once it is whole and the body before it is over.
    pub(super) fn take_head(&mut self) -> Option<String> {
        if self.framing != Framing::Over {
            return None;
        }
        let end = self.bytes.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
        let head = self.bytes.drain(..end).collect();
        // What is not ASCII is no head of ours; it finds no entry.
        Some(String::from_utf8(head).unwrap_or_default())
    }

    /// A head has come: its body follows.
    pub(super) fn expect_body(&mut self, head: &str, number: u64) {
        let field = |name: &str| {
            let mut fields = head.lines().filter_map(|line| line.split_once(':'));
            let found = fields.find(|(found, _)| found.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.trim())
        };
        self.number = number;
        self.at = 0;
        self.framing = match (field("transfer-encoding"), field("content-length")) {
            (Some(_), _) => Framing::Chunked(0),
            (None, Some(length)) => length.parse().map_or(Framing::Lost, Framing::Sized),
            (None, None) => Framing::Over,
        };
        if self.framing == Framing::Sized(0) {
            self.framing = Framing::Over;
        }
    }

    pub(super) fn body_is_whole(&self) -> bool {
        self.framing == Framing::Over
    }

    /// Uses up what has come of the body, and says what is wrong with it.
    pub(super) fn take_body(&mut self) -> Result<(), String> {
        let mut used = 0;
        let wrong = loop {
            let rest = &self.bytes[used..];
            match self.framing {
                Framing::Over => break None,
                Framing::Lost => {
                    used = self.bytes.len();
                    break None;
                }
                Framing::Sized(left) | Framing::Chunked(left) if left > 0 => {
                    let n = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
                    if n == 0 {
                        break None;
                    }
                    let wrong = wrong_byte(self.number, self.at, &rest[..n]);
                    used += n;
                    self.at += n as u64;
                    self.framing = self.framing.after(n as u64);
                    if wrong.is_some() {
                        break wrong;
                    }
                }
                Framing::Sized(_) => self.framing = Framing::Over,
                Framing::Chunked(_) | Framing::ChunkEnd | Framing::LastEnd => {
                    let Some(end) = rest.windows(2).position(|end| end == b"\r\n") else {
                        break None;
                    };
                    let line = String::from_utf8_lossy(&rest[..end]).into_owned();
                    used += end + 2;
                    match self.framing.after_line(&line) {
                        Some(next) => self.framing = next,
                        None => break Some(format!("a chunk line {line:?}")),
                    }
                }
            }
        };
        self.bytes.drain(..used);
        match wrong {
            Some(why) => {
                self.framing = Framing::Lost;
                Err(why)
            }
            None => Ok(()),
        }
    }
}

impl Framing {
    /// So many bytes of data have been taken.
    fn after(self, n: u64) -> Self {
        match self {
            Self::Sized(left) if left == n => Self::Over,
            Self::Sized(left) => Self::Sized(left - n),
            Self::Chunked(left) if left == n => Self::ChunkEnd,
            Self::Chunked(left) => Self::Chunked(left - n),
            Self::Over | Self::ChunkEnd | Self::LastEnd | Self::Lost => self,
        }
    }

    /// A line between chunks has been taken.
    fn after_line(self, line: &str) -> Option<Self> {
        match self {
            Self::Chunked(_) => match u64::from_str_radix(line, 16).ok()? {
                0 => Some(Self::LastEnd),
                size => Some(Self::Chunked(size)),
            },
            Self::ChunkEnd => line.is_empty().then_some(Self::Chunked(0)),
            Self::LastEnd => line.is_empty().then_some(Self::Over),
            Self::Over | Self::Sized(_) | Self::Lost => None,
        }
    }
}

fn wrong_byte(number: u64, from: u64, bytes: &[u8]) -> Option<String> {
    let at = pattern::difference(number, from, bytes)?;
    Some(format!("byte {at} of the body of {number} is wrong"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(number: u64, length: usize) -> Vec<u8> {
        let mut body = vec![0; length];
        pattern::fill(number, 0, &mut body);
        body
    }

    #[test]
    fn sized_and_chunked_bodies_end_where_they_should() {
        let mut intake = Intake::default();
        intake.push(b"PUT / HTTP/1.1\r\nContent-Length: 10\r\n\r\n");
        let head = intake.take_head().unwrap();
        intake.expect_body(&head, 3);
        intake.push(&body(3, 10)[..4]);
        assert_eq!(
            (intake.take_body(), intake.body_is_whole()),
            (Ok(()), false)
        );
        intake.push(&body(3, 10)[4..]);
        intake.push(b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!((intake.take_body(), intake.body_is_whole()), (Ok(()), true));
        let head = intake.take_head().unwrap();
        intake.expect_body(&head, 4);
        let chunks = [b"a\r\n", &body(4, 10)[..], b"\r\n0\r\n\r"].concat();
        intake.push(&chunks);
        assert_eq!(
            (intake.take_body(), intake.body_is_whole()),
            (Ok(()), false)
        );
        intake.push(b"\n");
        assert_eq!((intake.take_body(), intake.body_is_whole()), (Ok(()), true));
    }

    #[test]
    fn a_wrong_byte_and_a_wrong_frame_are_seen() {
        for sent in [&b"5\r\nwrong"[..], b"x\r\n"] {
            let mut intake = Intake::default();
            intake.expect_body("Transfer-Encoding: chunked\r\n", 1);
            intake.push(sent);
            assert!(intake.take_body().is_err());
        }
    }
}
