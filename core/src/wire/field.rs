//! One field line of a head or a trailer (RFC 9112 §5).

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
    let value = trim_ows(value);
    if !is_field_value(value) {
        return Err(ResponseError::FieldValue);
    }
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

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
