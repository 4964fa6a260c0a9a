//! One field line of a head or a trailer (RFC 9112 §5).

use super::line::Line;
use super::token::{is_field_value, is_token_byte, trim_ows};
use crate::error::ResponseError;

/// Reads a field line without its end: the name in the peer's case, and the value without the white
/// space around it. The line that ends a head is empty, and is for the caller to see first.
///
/// # Errors
/// [`ResponseError::Folded`] if it begins with white space (RFC 9112 §5.2);
/// [`ResponseError::FieldName`] if there is no colon, or before it anything but a token (RFC 9112
/// §5.1); [`ResponseError::FieldValue`] if the value holds a control character other than a tab.
pub fn parse_field(line: &[u8]) -> Result<(&str, &[u8]), ResponseError> {
    let (name, value) = split_field(line)?;
    if !is_field_value(value) {
        return Err(ResponseError::FieldValue);
    }
    Ok((name, value))
}

/// [`parse_field`] for a line of which something may be known.
///
/// # Errors
/// Those of [`parse_field`].
pub fn parse_field_line<'a>(line: &Line<'a>) -> Result<(&'a str, &'a [u8]), ResponseError> {
    if line.is_clean {
        split_field(line.bytes)
    } else {
        parse_field(line.bytes)
    }
}

/// Name and value; the value is not looked at.
fn split_field(line: &[u8]) -> Result<(&str, &[u8]), ResponseError> {
    if let Some((name, value)) = split_common(line) {
        return Ok((name, trim_ows(value)));
    }
    if let [b' ' | b'\t', ..] = line {
        return Err(ResponseError::Folded);
    }
    // The first byte that is not of a token must be the colon: this finds the end and checks at once.
    let end = line
        .iter()
        .position(|&byte| !is_token_byte(byte))
        .ok_or(ResponseError::FieldName)?;
    let (name, rest) = line.split_at(end);
    let [b':', value @ ..] = rest else {
        return Err(ResponseError::FieldName);
    };
    let name = core::str::from_utf8(name).map_err(|_| ResponseError::FieldName)?;
    if name.is_empty() {
        return Err(ResponseError::FieldName);
    }
    Ok((name, trim_ows(value)))
}

/// Fields that nearly all responses have, with names as nearly all servers write them. That they are
/// tokens and text need not be found out again.
fn split_common(line: &[u8]) -> Option<(&'static str, &[u8])> {
    macro_rules! one_of {
        ($($name:literal),+) => {{
            $(if let Some(value) = line.strip_prefix(concat!($name, ":").as_bytes()) {
                return Some(($name, value));
            })+
        }};
    }
    match line.first()? {
        b'A' => one_of!("Accept-Ranges", "Age"),
        b'C' => one_of!(
            "Content-Type",
            "Content-Length",
            "Connection",
            "Cache-Control"
        ),
        b'D' => one_of!("Date"),
        b'E' => one_of!("ETag", "Expires"),
        b'K' => one_of!("Keep-Alive"),
        b'L' => one_of!("Last-Modified", "Location"),
        b'S' => one_of!("Server", "Set-Cookie"),
        b'T' => one_of!("Transfer-Encoding"),
        b'V' => one_of!("Vary", "Via"),
        _ => {}
    }
    None
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    #[test]
    fn common_names_are_read_like_all_others() {
        for line in [
            &b"Content-Type: text/html"[..],
            b"Content-Length:5",
            b"Content-Length :5",
            b"Content-Lengths: 5",
            b"Date:\t x \t",
            b"Via:",
            b"Via",
            b"Age: \0",
        ] {
            let other = line.to_ascii_lowercase();
            assert_eq!(split_common(&other), None);
            let lower = parse_field(&other).map(|(name, value)| (name.len(), value.len()));
            let given = parse_field(line).map(|(name, value)| (name.len(), value.len()));
            assert_eq!(given, lower, "{line:?}");
        }
    }

    #[test]
    fn a_value_is_trimmed_and_may_be_empty() {
        let check = |line: &[u8], name, value: &[u8]| {
            assert_eq!(parse_field(line), Ok((name, value)));
        };
        check(b"Content-Type: text/html", "Content-Type", b"text/html");
        check(b"a:b", "a", b"b");
        check(b"a: \t b c\t ", "a", b"b c");
        check(b"a:", "a", b"");
        check(b"a: \t", "a", b"");
        check(b"a: b:c", "a", b"b:c");
        check(b"a: b\tc\xff", "a", b"b\tc\xff");
    }

    #[test]
    fn checklist_19_a_folded_line_is_refused() {
        for bad in [&b" a: b"[..], b"\tb", b" ", b"\t"] {
            assert_eq!(parse_field(bad), Err(ResponseError::Folded));
        }
    }

    #[test]
    fn checklist_19_a_name_is_a_token_with_the_colon_right_behind() {
        for bad in [
            &b""[..],
            b":",
            b": b",
            b"a",
            b"a b",
            b"a : b",
            b"a\t: b",
            b"a b: c",
            b"a\0: b",
            b"a\xff: b",
            b"(a): b",
            b"\"a\": b",
            b"a\r: b",
        ] {
            assert_eq!(parse_field(bad), Err(ResponseError::FieldName), "{bad:?}");
        }
    }

    #[test]
    fn checklist_19_a_value_holds_no_control_character() {
        for bad in [
            &b"a: b\0"[..],
            b"a: \0",
            b"a: b\rc",
            b"a: \x7f",
            b"a:\x1b[2J",
            b"a: b\r",
        ] {
            assert_eq!(parse_field(bad), Err(ResponseError::FieldValue), "{bad:?}");
        }
    }
}
