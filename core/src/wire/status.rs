//! The status line (RFC 9112 §4).

use super::line::Line;
use super::token::is_field_value;
use crate::error::ResponseError;
use crate::features::SMALL;

/// The first line of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status<'a> {
    /// 100 to 999.
    pub code: u16,
    /// The minor version: 0 for HTTP/1.0, 1 for HTTP/1.1.
    pub minor: u8,
    /// The reason phrase; may be empty, may hold bytes that are not ASCII.
    pub reason: &'a [u8],
}

impl<'a> Status<'a> {
    /// Reads a line without its end: `HTTP/1.1 200 OK`. The reason may be missing together with
    /// the space before it, as many servers send it. A minor version above 1 is taken for 1
    /// (RFC 9110 §2.5).
    ///
    /// # Errors
    /// [`ResponseError::NotHttp`] if it does not begin with `HTTP/1.`, a digit and a space;
    /// [`ResponseError::Status`] if no number from 100 to 999 follows; [`ResponseError::FieldValue`]
    /// if the reason holds a control character other than a tab.
    pub fn parse(line: &'a [u8]) -> Result<Self, ResponseError> {
        let status = Self::split(line)?;
        if !is_field_value(status.reason) {
            return Err(ResponseError::FieldValue);
        }
        Ok(status)
    }

    /// [`Status::parse`] for a line of which something may be known.
    ///
    /// # Errors
    /// Those of [`Status::parse`].
    #[inline]
    pub fn parse_line(line: &Line<'a>) -> Result<Self, ResponseError> {
        if !SMALL && line.is_clean {
            Self::split(line.bytes)
        } else {
            Self::parse(line.bytes)
        }
    }

    /// The parts; the reason is not looked at.
    #[inline]
    fn split(line: &'a [u8]) -> Result<Self, ResponseError> {
        let Some([minor @ b'0'..=b'9', b' ', rest @ ..]) = line.strip_prefix(b"HTTP/1.") else {
            return Err(ResponseError::NotHttp);
        };
        let (code, rest) = parse_code(rest).ok_or(ResponseError::Status)?;
        let reason = match rest {
            [] => rest,
            [b' ', reason @ ..] => reason,
            _ => return Err(ResponseError::Status),
        };
        Ok(Self {
            code,
            minor: (minor - b'0').min(1),
            reason,
        })
    }
}

/// The three digits at the start and what follows them.
fn parse_code(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, rest) = bytes.split_first_chunk::<3>()?;
    let mut code = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        code = code * 10 + u16::from(digit - b'0');
    }
    (code >= 100).then_some((code, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<(u16, u8, &[u8]), ResponseError> {
        Status::parse(line.as_bytes()).map(|status| (status.code, status.minor, status.reason))
    }

    #[test]
    fn the_reason_may_be_empty_or_missing() {
        assert_eq!(parse("HTTP/1.1 200 OK"), Ok((200, 1, &b"OK"[..])));
        assert_eq!(parse("HTTP/1.1 200 "), Ok((200, 1, &b""[..])));
        assert_eq!(parse("HTTP/1.1 200"), Ok((200, 1, &b""[..])));
        assert_eq!(
            parse("HTTP/1.0 404 Not\tf\u{f6}und"),
            Ok((404, 0, "Not\tf\u{f6}und".as_bytes()))
        );
        assert_eq!(parse("HTTP/1.1 999  x"), Ok((999, 1, &b" x"[..])));
    }

    #[test]
    fn a_minor_version_above_1_is_taken_for_1() {
        assert_eq!(parse("HTTP/1.2 100").map(|status| status.1), Ok(1));
        assert_eq!(parse("HTTP/1.9 100").map(|status| status.1), Ok(1));
    }

    #[test]
    fn checklist_19_anything_but_http_1_is_not_http() {
        for bad in [
            "",
            "HTTP/1.",
            "HTTP/1.1",
            "HTTP/1.1\t200 OK",
            "HTTP/1.x 200 OK",
            "HTTP/1.10 200 OK",
            "HTTP/2 200 OK",
            "HTTP/2.0 200 OK",
            "HTTP/0.9 200 OK",
            "HTTP/11 200 OK",
            " HTTP/1.1 200 OK",
            "http/1.1 200 OK",
            "ICY 200 OK",
            "<html>",
        ] {
            assert_eq!(parse(bad), Err(ResponseError::NotHttp), "{bad:?}");
        }
    }

    #[test]
    fn checklist_19_a_status_is_three_digits_and_at_least_100() {
        for bad in [
            "HTTP/1.1 ",
            "HTTP/1.1  200 OK",
            "HTTP/1.1 99",
            "HTTP/1.1 099 x",
            "HTTP/1.1 000",
            "HTTP/1.1 1000 x",
            "HTTP/1.1 20x",
            "HTTP/1.1 +20",
            "HTTP/1.1 200OK",
            "HTTP/1.1 200\tOK",
            "HTTP/1.1 -200",
        ] {
            assert_eq!(parse(bad), Err(ResponseError::Status), "{bad:?}");
        }
    }

    #[test]
    fn checklist_19_a_reason_holds_no_control_character() {
        for bad in [
            "HTTP/1.1 200 O\0K",
            "HTTP/1.1 200 OK\r",
            "HTTP/1.1 200 \u{7f}",
        ] {
            assert_eq!(parse(bad), Err(ResponseError::FieldValue), "{bad:?}");
        }
    }
}
