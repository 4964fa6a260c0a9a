//! How long is this body? RFC 9112 §6.3, as one function.

use crate::Error;
use crate::error::ResponseError;
use crate::features::SMALL;
use crate::wire::{Chunks, decimal, is_same, list, trim_ows};

/// How the end of a body is found.
#[derive(Clone, Copy, Debug)]
pub(super) enum Framing {
    /// There is none.
    Empty,
    /// So many bytes are missing.
    Sized(u64),
    /// It comes in chunks.
    Chunked(Chunks),
    /// It ends with the connection.
    UntilClose,
}

/// What the `Transfer-Encoding` fields of a head amount to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Coding {
    /// No such field.
    #[default]
    Absent,
    /// `chunked`, once and last.
    Chunked,
    /// A coding that nobody here can undo.
    Unknown,
}

impl Coding {
    /// Adds one `Transfer-Encoding` field. `chunked` must come last and once (RFC 9112 §6.1).
    pub(super) fn add(self, value: &[u8]) -> Result<Self, ResponseError> {
        let mut coding = self;
        for name in list(value) {
            coding = match coding {
                Self::Chunked => return Err(ResponseError::ConflictingLengths),
                Self::Absent if is_same(name, b"chunked") => Self::Chunked,
                Self::Absent | Self::Unknown => Self::Unknown,
            };
        }
        // A field without any coding says nothing that could be relied on.
        if coding == Self::Absent {
            Ok(Self::Unknown)
        } else {
            Ok(coding)
        }
    }
}

/// Adds one `Content-Length` field to what the others said. The same number may come again, also
/// as a list (RFC 9110 §8.6); anything else is refused.
#[inline]
pub(super) fn add_length(known: Option<u64>, value: &[u8]) -> Result<u64, ResponseError> {
    // The common case is one number.
    if !SMALL
        && known.is_none()
        && let Some(length) = decimal(value).filter(|length| *length <= i64::MAX as u64)
    {
        return Ok(length);
    }
    add_lengths(known, value)
}

#[cold]
fn add_lengths(mut known: Option<u64>, value: &[u8]) -> Result<u64, ResponseError> {
    for part in value.split(|byte| *byte == b',') {
        let length = decimal(trim_ows(part)).ok_or(ResponseError::ContentLength)?;
        if length > i64::MAX as u64 || known.is_some_and(|known| known != length) {
            return Err(ResponseError::ContentLength);
        }
        known = Some(length);
    }
    // A split has one part at the least.
    known.ok_or(ResponseError::ContentLength)
}

/// The framing of a response (RFC 9112 §6.3), from all that its head said about it.
pub(super) fn of_response(
    to_head: bool,
    code: u16,
    minor: u8,
    coding: Coding,
    length: Option<u64>,
) -> Result<Framing, Error> {
    if to_head || code < 200 || code == 204 || code == 304 {
        return Ok(Framing::Empty);
    }
    match (coding, length) {
        (Coding::Absent, Some(length)) => Ok(Framing::Sized(length)),
        (Coding::Absent, None) => Ok(Framing::UntilClose),
        // Two lengths, or a coding that HTTP/1.0 does not have: somebody on the way may see the
        // end of this message elsewhere (RFC 9112 §6.1, §11.2).
        (_, Some(_)) => Err(ResponseError::ConflictingLengths.into()),
        (_, None) if minor == 0 => Err(ResponseError::ConflictingLengths.into()),
        (Coding::Chunked, None) => Ok(Framing::Chunked(Chunks::new())),
        (Coding::Unknown, None) => Err(Error::TransferCoding),
    }
}

/// May somebody on the way see the end of this message elsewhere, though it has no body? Then the
/// connection must not be used again: a coding in HTTP/1.0, beside a length, or in a response that
/// can't have one (RFC 9112 §6.1, §6.3).
pub(super) fn is_suspect(code: u16, minor: u8, coding: Coding, length: Option<u64>) -> bool {
    let misplaced = minor == 0 || length.is_some() || code < 200 || code == 204;
    coding != Coding::Absent && misplaced
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing(coding: Coding, length: Option<u64>) -> Result<Framing, Error> {
        of_response(false, 200, 1, coding, length)
    }

    #[test]
    fn equal_lengths_agree_and_others_are_refused() {
        assert_eq!(add_length(None, b"42, 42"), Ok(42));
        assert_eq!(add_length(Some(42), b"42"), Ok(42));
        for bad in [
            &b"43"[..],
            b"+42",
            b"-1",
            b"4 2",
            b"0x2a",
            b"",
            b"42,",
            b"42;",
            b"42, 41",
        ] {
            assert_eq!(add_length(Some(42), bad), Err(ResponseError::ContentLength));
        }
        assert_eq!(
            add_length(None, b"9223372036854775808"),
            Err(ResponseError::ContentLength)
        );
        assert_eq!(
            add_length(None, b"99999999999999999999"),
            Err(ResponseError::ContentLength)
        );
    }

    #[test]
    fn chunked_must_come_once_and_last() {
        let add = |value: &[u8]| Coding::Absent.add(value);
        assert_eq!(add(b"Chunked"), Ok(Coding::Chunked));
        assert_eq!(add(b"gzip, chunked"), Ok(Coding::Unknown));
        assert_eq!(add(b""), Ok(Coding::Unknown));
        for bad in [
            &b"chunked, chunked"[..],
            b"chunked, identity",
            b"chunked, gzip",
        ] {
            assert_eq!(add(bad), Err(ResponseError::ConflictingLengths));
        }
    }

    #[test]
    fn a_length_beside_a_coding_is_refused() {
        let conflict = Error::BadResponse(ResponseError::ConflictingLengths);
        assert_eq!(framing(Coding::Chunked, Some(1)).unwrap_err(), conflict);
        assert_eq!(framing(Coding::Unknown, Some(1)).unwrap_err(), conflict);
        let old = of_response(false, 200, 0, Coding::Chunked, None);
        assert_eq!(old.unwrap_err(), conflict);
        assert_eq!(
            framing(Coding::Unknown, None).unwrap_err(),
            Error::TransferCoding
        );
    }

    #[test]
    fn head_1xx_204_and_304_have_no_body_whatever_they_say() {
        for (to_head, code) in [(true, 200), (false, 100), (false, 204), (false, 304)] {
            let framing = of_response(to_head, code, 1, Coding::Absent, Some(9)).unwrap();
            assert!(matches!(framing, Framing::Empty));
        }
    }
}
