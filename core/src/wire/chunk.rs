//! The chunked transfer coding, decoded as the bytes come (RFC 9112 §7.1).

use super::number::hex_digit;
use super::token::is_value_byte;
use crate::error::{Error, Limit, ResponseError};

/// What [`Chunks::decode`] found behind the framing bytes that it consumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunk {
    /// Nothing: all input was framing, and more must come.
    Need,
    /// The next so many bytes of the input are body; at least one, and all of them are there. Say
    /// with [`Chunks::taken`] how many were handed on.
    Data(usize),
    /// The line of the chunk of size 0 is over. What follows are the trailer's lines, up to an
    /// empty one; they are for the caller to read.
    Last,
}

/// Where a chunked body stands. It holds no bytes, so a body may be cut anywhere.
///
/// Strict where lenience has been used to smuggle messages: lines end with CR LF, sizes are
/// hexadecimal digits only, and white space stands at most before a `;`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chunks {
    /// The size while it is read, then what is left of the data.
    left: u64,
    /// Bytes of extensions so far, over the whole message.
    extensions: u32,
    /// Bytes of the size field that is being read, leading zeros included.
    width: u8,
    state: State,
}

const _: () = assert!(size_of::<Chunks>() <= 16);

/// The longest size field in bytes, leading zeros included.
const MAX_WIDTH: u8 = 32;
/// The largest chunk in bytes: sizes are signed numbers elsewhere.
const MAX_SIZE: u64 = i64::MAX as u64;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// In the digits of a size.
    #[default]
    Size,
    /// In white space, which only a `;` may end.
    Blank,
    /// Behind a `;`.
    Extension,
    /// Behind the CR of a size line.
    SizeEnd,
    /// In data.
    Data,
    /// Behind data: the CR must come.
    DataCr,
    /// Behind that CR.
    DataLf,
    /// Behind the line of the last chunk.
    Last,
}

impl Chunks {
    /// Before the first byte of a body.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            left: 0,
            extensions: 0,
            width: 0,
            state: State::Size,
        }
    }

    /// Consumes framing bytes up to the next data; answers how many, and what follows them. With
    /// [`Chunk::Need`] that is the whole input. The work is linear in the framing bytes.
    ///
    /// `extension_limit` bounds the bytes between a size and the end of its line, over the whole
    /// message.
    ///
    /// # Errors
    /// [`ResponseError::ChunkSize`], [`ResponseError::ChunkEnd`] and [`Limit::ChunkExtension`]. The
    /// decoder must not be used again afterwards.
    pub fn decode(&mut self, input: &[u8], extension_limit: u32) -> Result<(usize, Chunk), Error> {
        for (at, &byte) in input.iter().enumerate() {
            match self.state {
                State::Data => return Ok((at, self.data_in(input.len() - at))),
                State::Last => return Ok((at, Chunk::Last)),
                State::Size
                | State::Blank
                | State::Extension
                | State::SizeEnd
                | State::DataCr
                | State::DataLf => self.step(byte, extension_limit)?,
            }
        }
        let found = match self.state {
            State::Last => Chunk::Last,
            State::Size
            | State::Blank
            | State::Extension
            | State::SizeEnd
            | State::Data
            | State::DataCr
            | State::DataLf => Chunk::Need,
        };
        Ok((input.len(), found))
    }

    /// The first `n` of the data bytes that were found have been handed on. Fewer than were found
    /// is fine: the next call of [`Chunks::decode`] finds the rest.
    pub fn taken(&mut self, n: usize) {
        if self.state != State::Data {
            debug_assert!(n == 0, "no data was found");
            return;
        }
        debug_assert!(n as u64 <= self.left, "more than was found");
        self.left = self.left.saturating_sub(n as u64);
        if self.left == 0 {
            self.state = State::DataCr;
        }
    }

    /// Has the line of the last chunk been consumed?
    #[must_use]
    pub const fn is_last(&self) -> bool {
        matches!(self.state, State::Last)
    }

    fn data_in(&self, input: usize) -> Chunk {
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        Chunk::Data(left.min(input))
    }

    /// One byte of framing.
    fn step(&mut self, byte: u8, extension_limit: u32) -> Result<(), Error> {
        match self.state {
            State::Size => match hex_digit(byte) {
                Some(value) => self.push_digit(value)?,
                None if self.width == 0 => return Err(ResponseError::ChunkSize.into()),
                None => self.behind_size(byte, extension_limit)?,
            },
            State::Blank => self.behind_size(byte, extension_limit)?,
            State::Extension if byte == b'\r' => self.state = State::SizeEnd,
            State::Extension if is_value_byte(byte) => self.extend(extension_limit)?,
            State::SizeEnd if byte == b'\n' => self.begin_data(),
            State::Extension | State::SizeEnd => return Err(ResponseError::ChunkSize.into()),
            State::DataCr if byte == b'\r' => self.state = State::DataLf,
            State::DataLf if byte == b'\n' => self.state = State::Size,
            State::DataCr | State::DataLf => return Err(ResponseError::ChunkEnd.into()),
            // `decode` returns before it steps in these.
            State::Data | State::Last => {}
        }
        Ok(())
    }

    /// What may follow the digits of a size; behind white space only a `;`.
    fn behind_size(&mut self, byte: u8, extension_limit: u32) -> Result<(), Error> {
        self.state = match byte {
            b'\r' if self.state == State::Size => {
                self.state = State::SizeEnd;
                return Ok(());
            }
            b';' => State::Extension,
            b' ' | b'\t' => State::Blank,
            _ => return Err(ResponseError::ChunkSize.into()),
        };
        Ok(self.extend(extension_limit)?)
    }

    fn push_digit(&mut self, value: u8) -> Result<(), ResponseError> {
        if self.width >= MAX_WIDTH || self.left > MAX_SIZE >> 4 {
            return Err(ResponseError::ChunkSize);
        }
        self.width += 1;
        self.left = self.left << 4 | u64::from(value);
        Ok(())
    }

    /// Counts one byte of an extension.
    fn extend(&mut self, limit: u32) -> Result<(), Limit> {
        if self.extensions >= limit {
            return Err(Limit::ChunkExtension);
        }
        self.extensions += 1;
        Ok(())
    }

    /// The size line is over.
    fn begin_data(&mut self) {
        self.width = 0;
        self.state = match self.left {
            0 => State::Last,
            _ => State::Data,
        };
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::format;
    use std::vec::Vec;

    const LIMIT: u32 = 64;

    /// The body and how many bytes it took, or the error; `None` if it is cut short. `pieces` are
    /// fed one after the other; at most `at_most` bytes of data are taken at a time.
    fn decode_all(pieces: &[&[u8]], at_most: usize) -> Result<Option<(Vec<u8>, usize)>, Error> {
        let mut chunks = Chunks::new();
        let mut body = Vec::new();
        let mut total = 0;
        for piece in pieces {
            let mut rest = *piece;
            loop {
                let (consumed, found) = chunks.decode(rest, LIMIT)?;
                total += consumed;
                rest = &rest[consumed..];
                match found {
                    Chunk::Need => {
                        assert!(rest.is_empty());
                        break;
                    }
                    Chunk::Data(n) => {
                        assert!(n > 0 && n <= rest.len());
                        let n = n.min(at_most);
                        body.extend_from_slice(&rest[..n]);
                        chunks.taken(n);
                        total += n;
                        rest = &rest[n..];
                    }
                    Chunk::Last => {
                        assert!(chunks.is_last());
                        return Ok(Some((body, total)));
                    }
                }
            }
        }
        Ok(None)
    }

    fn decode(text: &str) -> Result<Option<(Vec<u8>, usize)>, Error> {
        decode_all(&[text.as_bytes()], usize::MAX)
    }

    fn body(text: &str) -> Vec<u8> {
        let decoded = decode(text).expect("well-formed").expect("whole");
        decoded.0
    }

    const SIZE: Error = Error::BadResponse(ResponseError::ChunkSize);
    const END: Error = Error::BadResponse(ResponseError::ChunkEnd);
    const EXTENSION: Error = Error::Limit(Limit::ChunkExtension);

    #[test]
    fn data_comes_without_its_framing_and_the_trailer_is_left() {
        let text = "5\r\nhello\r\nA\r\n, world\r\n!\r\n0\r\nx: y\r\n\r\n";
        let (body, consumed) = decode(text).expect("well-formed").expect("whole");
        assert_eq!(body, b"hello, world\r\n!");
        assert_eq!(&text[consumed..], "x: y\r\n\r\n");
        assert_eq!(decode("0\r\n"), Ok(Some((Vec::new(), 3))));
    }

    #[test]
    fn sizes_have_two_cases_and_may_lead_with_zeros() {
        assert_eq!(body("a\r\n0123456789\r\n0\r\n"), b"0123456789");
        assert_eq!(body("000A\r\n0123456789\r\n000\r\n"), b"0123456789");
        assert_eq!(body(&format!("{}2\r\nab\r\n0\r\n", "0".repeat(31))), b"ab");
    }

    #[test]
    fn checklist_14_a_size_field_is_at_most_32_bytes() {
        assert_eq!(decode(&format!("{}2\r\n", "0".repeat(32))), Err(SIZE));
        assert_eq!(decode(&"0".repeat(33)), Err(SIZE));
    }

    #[test]
    fn checklist_14_a_size_that_overflows_is_refused() {
        for bad in [
            "8000000000000000\r\n",
            "ffffffffffffffff\r\n",
            "10000000000000000\r\n",
            "fffffffffffffffff",
        ] {
            assert_eq!(decode(bad), Err(SIZE), "{bad:?}");
        }
        assert_eq!(decode("7fffffffffffffff\r\nab"), Ok(None));
    }

    #[test]
    fn checklist_14_a_size_is_hexadecimal_digits_and_its_line_ends_with_cr_lf() {
        for bad in [
            "\r\n",
            ";a\r\n",
            " 5\r\n",
            "\t5\r\n",
            "+5\r\n",
            "-5\r\n",
            "0x5\r\n",
            "5g\r\n",
            "5\nhello\r\n",
            "5\rhello",
            "5\r\r\nhello",
            "5 \r\nhello",
            "5 5\r\n",
            "5,\r\n",
            "\0\r\n",
            "5;a\nhello",
            "5;a\rb\r\n",
            "5;a\0\r\n",
            "5;a=\"\x1b\"\r\n",
        ] {
            assert_eq!(decode(bad), Err(SIZE), "{bad:?}");
        }
    }

    #[test]
    fn checklist_14_data_is_followed_by_cr_lf_and_nothing_else() {
        for bad in [
            "2\r\nabc",
            "2\r\nab\n",
            "2\r\nab0\r\n",
            "2\r\nab\r0",
            "2\r\nab\r\r",
        ] {
            assert_eq!(decode(bad), Err(END), "{bad:?}");
        }
    }

    #[test]
    fn extensions_are_skipped() {
        assert_eq!(body("2;a\r\nab\r\n0;b=c\r\n"), b"ab");
        assert_eq!(body("2 \t;a\r\nab\r\n0\r\n"), b"ab");
        assert_eq!(body("2; a = \"x;\\\"y \t\u{f6}\" \r\nab\r\n0;\r\n"), b"ab");
    }

    #[test]
    fn checklist_14_extensions_are_bounded_over_the_whole_message() {
        let extension = format!(";{}", "x".repeat(31));
        let chunk = format!("1{extension}\r\na\r\n");
        assert_eq!(body(&format!("{chunk}{chunk}0\r\n")), b"aa");
        assert_eq!(decode(&format!("{chunk}{chunk}0;\r\n")), Err(EXTENSION));
        assert_eq!(decode(&format!("1{}", " ".repeat(65))), Err(EXTENSION));
    }

    #[test]
    fn a_body_that_is_cut_short_is_never_whole() {
        let text = b"5;x\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\n";
        for end in 0..text.len() {
            assert_eq!(decode_all(&[&text[..end]], usize::MAX), Ok(None));
        }
    }

    #[test]
    fn the_outcome_is_the_same_wherever_the_bytes_are_cut() {
        let corpus = [
            "0\r\n\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
            "3 ;a=\"b\"\r\nabc\r\n000b;x\r\nhello world\r\n0;z\r\nt: u\r\n\r\n",
            "5\r\nhello\n0\r\n",
            "5\r\nhello\r\n5\nhello",
            "ffffffffffffffff\r\n",
            "2\r\nab\r\n2\r\nabc",
            "1;\x01",
        ];
        for text in corpus {
            let bytes = text.as_bytes();
            let whole = decode_all(&[bytes], usize::MAX);
            for first in 0..=bytes.len() {
                for second in first..=bytes.len() {
                    let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                    assert_eq!(decode_all(&pieces, usize::MAX), whole, "{text:?}");
                }
            }
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(decode_all(&single, usize::MAX), whole);
            for at_most in 1..4 {
                assert_eq!(decode_all(&[bytes], at_most), whole, "paused: {text:?}");
            }
        }
    }

    #[test]
    fn what_was_not_taken_is_found_again() {
        let mut chunks = Chunks::new();
        assert_eq!(chunks.decode(b"4\r\nabcd", LIMIT), Ok((3, Chunk::Data(4))));
        chunks.taken(0);
        assert_eq!(chunks.decode(b"abcd\r\n", LIMIT), Ok((0, Chunk::Data(4))));
        chunks.taken(3);
        assert_eq!(chunks.decode(b"", LIMIT), Ok((0, Chunk::Need)));
        assert_eq!(chunks.decode(b"d", LIMIT), Ok((0, Chunk::Data(1))));
        chunks.taken(1);
        assert_eq!(chunks.decode(b"\r\n0\r\nx", LIMIT), Ok((5, Chunk::Last)));
        assert_eq!(chunks.decode(b"x", LIMIT), Ok((0, Chunk::Last)));
    }

    #[test]
    fn any_body_cut_into_any_chunks_comes_back() {
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = move |below: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            usize::try_from(seed >> 33).expect("31 bits") % below
        };
        for _ in 0..200 {
            let body: Vec<u8> = (0..random(300)).map(|n| b"\r\n0;a"[n % 5]).collect();
            let mut text = Vec::new();
            let mut rest = &body[..];
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(1 + random(rest.len()));
                text.extend_from_slice(format!("{:X}\r\n", piece.len()).as_bytes());
                text.extend_from_slice(piece);
                text.extend_from_slice(b"\r\n");
                rest = after;
            }
            text.extend_from_slice(b"0\r\n");
            let pieces: Vec<&[u8]> = text.chunks(1 + random(40)).collect();
            let decoded = decode_all(&pieces, 1 + random(50));
            assert_eq!(decoded, Ok(Some((body, text.len()))));
        }
    }
}
