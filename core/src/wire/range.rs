//! Byte ranges (RFC 9110 §14).

use crate::error::ResponseError;

use super::number::decimal;

/// Is this text fit to stand behind `bytes=`? A list of `a-b`, `a-` and `-n`.
#[must_use]
pub fn is_range_spec(text: &str) -> bool {
    let number = |digits: &str| decimal(digits.as_bytes());
    text.split(',')
        .map(str::trim)
        .all(|range| match range.split_once('-') {
            Some(("", suffix)) => number(suffix).is_some(),
            Some((first, "")) => number(first).is_some(),
            Some((first, last)) => {
                matches!((number(first), number(last)), (Some(first), Some(last)) if first <= last)
            }
            None => false,
        })
}

/// The part of a resource that a 206 holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentRange {
    /// Its first byte.
    pub first: u64,
    /// Its last byte.
    pub last: u64,
    /// The length of the whole, if the peer knows it.
    pub complete: Option<u64>,
}

/// What a `Content-Range` field says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentRangeValue {
    /// This part is in the message.
    Satisfied(ContentRange),
    /// No part; the whole has this length (in a 416).
    Unsatisfied(u64),
}

impl ContentRange {
    /// Reads a `Content-Range` value (RFC 9110 §14.4).
    ///
    /// # Errors
    /// It is malformed, or its numbers contradict each other.
    pub fn parse(value: &[u8]) -> Result<ContentRangeValue, ResponseError> {
        Self::read(value).ok_or(ResponseError::ContentRange)
    }

    fn read(value: &[u8]) -> Option<ContentRangeValue> {
        let text = core::str::from_utf8(value).ok()?;
        let (unit, rest) = text.split_once(' ')?;
        let (range, complete) = rest.trim().split_once('/')?;
        if !unit.eq_ignore_ascii_case("bytes") {
            return None;
        }
        if range == "*" {
            return decimal(complete.as_bytes()).map(ContentRangeValue::Unsatisfied);
        }
        let (first, last) = range.split_once('-')?;
        let (first, last) = (decimal(first.as_bytes())?, decimal(last.as_bytes())?);
        let complete = match complete {
            "*" => None,
            digits => Some(decimal(digits.as_bytes())?),
        };
        let sound = first <= last && complete.is_none_or(|complete| last < complete);
        sound.then_some(ContentRangeValue::Satisfied(Self {
            first,
            last,
            complete,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_specs_are_those_of_rfc_9110() {
        for good in ["0-499", "500-", "-500", "0-0,-1", "1-2, 4-5"] {
            assert!(is_range_spec(good), "{good}");
        }
        for bad in ["", "-", "5-4", "a-b", "1", "1-2,", "0-499\r\nX: y", "+1-2"] {
            assert!(!is_range_spec(bad), "{bad}");
        }
    }

    #[test]
    fn content_ranges_that_contradict_themselves_are_refused() {
        let range = ContentRange {
            first: 5,
            last: 9,
            complete: Some(10),
        };
        assert_eq!(
            ContentRange::parse(b"bytes 5-9/10"),
            Ok(ContentRangeValue::Satisfied(range))
        );
        assert_eq!(
            ContentRange::parse(b"bytes */10"),
            Ok(ContentRangeValue::Unsatisfied(10))
        );
        for bad in [
            &b"bytes 9-5/10"[..],
            b"bytes 5-9/9",
            b"bytes 5-9",
            b"lines 5-9/10",
            b"bytes=5-9/10",
        ] {
            assert_eq!(ContentRange::parse(bad), Err(ResponseError::ContentRange));
        }
    }
}
