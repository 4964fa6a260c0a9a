//! `Range` and `Content-Range` (RFC 9110 §14).

use super::number::decimal;
use super::token::trim_ows;
use crate::error::ResponseError;

/// Is it a list of byte ranges, as it stands behind `bytes=` (RFC 9110 §14.1.2): `0-499`, `500-`,
/// `-500`, joined by commas?
#[must_use]
pub fn is_range_spec(text: &str) -> bool {
    text.split(',')
        .all(|range| is_range(trim_ows(range.as_bytes())))
}

/// The part that a response holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentRange {
    /// The offset of its first byte.
    pub first: u64,
    /// The offset of its last byte; not below `first`.
    pub last: u64,
    /// The length of the whole, if it is known; above `last`.
    pub complete: Option<u64>,
}

/// What a `Content-Range` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentRangeValue {
    /// `bytes 0-499/1234`, `bytes 0-499/*`: this part.
    Satisfied(ContentRange),
    /// `bytes */1234`: no such part in a whole of this length.
    Unsatisfied(u64),
}

impl ContentRange {
    /// Reads a field value (RFC 9110 §14.4).
    ///
    /// # Errors
    /// [`ResponseError::ContentRange`] if it is not of that form, has another unit than bytes, or
    /// contradicts itself.
    pub fn parse(value: &[u8]) -> Result<ContentRangeValue, ResponseError> {
        parse(value).ok_or(ResponseError::ContentRange)
    }
}

fn parse(value: &[u8]) -> Option<ContentRangeValue> {
    let (unit, rest) = value.split_first_chunk::<6>()?;
    if !unit.eq_ignore_ascii_case(b"bytes ") {
        return None;
    }
    let (range, complete) = split(rest, b'/')?;
    if range == b"*" {
        return decimal(complete).map(ContentRangeValue::Unsatisfied);
    }
    let (first, last) = split(range, b'-')?;
    let range = ContentRange {
        first: decimal(first)?,
        last: decimal(last)?,
        complete: match complete {
            b"*" => None,
            digits => Some(decimal(digits)?),
        },
    };
    let is_sound = range.first <= range.last && range.complete.is_none_or(|n| n > range.last);
    is_sound.then_some(ContentRangeValue::Satisfied(range))
}

fn is_range(range: &[u8]) -> bool {
    match split(range, b'-') {
        Some(([], suffix)) => decimal(suffix).is_some(),
        Some((first, [])) => decimal(first).is_some(),
        Some((first, last)) => match (decimal(first), decimal(last)) {
            (Some(first), Some(last)) => first <= last,
            _ => false,
        },
        None => false,
    }
}

/// What stands before and behind the first `mark`.
fn split(bytes: &[u8], mark: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|&byte| byte == mark)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_spec_is_a_list_of_ranges_that_go_forward() {
        for good in [
            "0-0",
            "0-499",
            "500-",
            "-500",
            "0-0,-1",
            "0-0, 5-9 ,\t20-",
            "18446744073709551615-",
        ] {
            assert!(is_range_spec(good), "{good:?}");
        }
        for bad in [
            "",
            "-",
            "5",
            "5-4",
            "a-b",
            "0-1,",
            ",0-1",
            "0-1,,2-3",
            "0 - 1",
            "--1",
            "1--2",
            "1-2-3",
            "+1-2",
            "bytes=0-1",
            "0-1\r\nX: y",
            "18446744073709551616-",
        ] {
            assert!(!is_range_spec(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_content_range_names_a_part_or_the_length_of_the_whole() {
        let part = |first, last, complete| {
            Ok(ContentRangeValue::Satisfied(ContentRange {
                first,
                last,
                complete,
            }))
        };
        assert_eq!(ContentRange::parse(b"bytes 0-0/1"), part(0, 0, Some(1)));
        assert_eq!(ContentRange::parse(b"BYTES 5-9/10"), part(5, 9, Some(10)));
        assert_eq!(ContentRange::parse(b"bytes 5-9/*"), part(5, 9, None));
        assert_eq!(
            ContentRange::parse(b"bytes */10"),
            Ok(ContentRangeValue::Unsatisfied(10))
        );
    }

    #[test]
    fn checklist_20_a_content_range_that_contradicts_itself_is_refused() {
        for bad in [
            &b""[..],
            b"bytes",
            b"bytes ",
            b"bytes=0-1/2",
            b"bytes  0-1/2",
            b"bytes\t0-1/2",
            b"items 0-1/2",
            b"bytes 0-1",
            b"bytes 0-1/",
            b"bytes 1-0/2",
            b"bytes 0-2/2",
            b"bytes */*",
            b"bytes *",
            b"bytes -1/2",
            b"bytes 0-/2",
            b"bytes 0-1/2/3",
            b"bytes 0-1/+2",
            b"bytes 0-1/2 ",
            b"bytes 0-18446744073709551616/*",
        ] {
            assert_eq!(
                ContentRange::parse(bad),
                Err(ResponseError::ContentRange),
                "{bad:?}"
            );
        }
    }
}
