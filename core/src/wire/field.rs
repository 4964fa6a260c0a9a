//! One field line of a head or a trailer (RFC 9112 §5).

use super::line::{Line, clean_line};
use super::token::{is_field_value, is_name, is_same, is_token_byte, text, trim_ows};
use crate::error::ResponseError;
use crate::features::SMALL;

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

/// What a field of a response is to the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// `Content-Length`.
    Length,
    /// `Transfer-Encoding`.
    Coding,
    /// `Connection`.
    Connection,
    /// None of these.
    Other,
}

/// A field line taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// In the peer's case.
    pub name: &'a str,
    /// Without the white space around it.
    pub value: &'a [u8],
    /// What it is to the engine.
    pub meaning: Meaning,
}

/// [`parse_field`] for a line of which something may be known.
///
/// # Errors
/// Those of [`parse_field`].
pub fn parse_field_line<'a>(line: &Line<'a>) -> Result<Field<'a>, ResponseError> {
    if !SMALL && line.is_clean {
        return parse_uncommon(line.bytes);
    }
    let (name, value) = parse_field(line.bytes)?;
    Ok(Field {
        name,
        value,
        meaning: Meaning::of(name),
    })
}

/// The first line of `input` as a field, or as the empty line that ends a head, and what follows it.
/// `None` says nothing: the line is cut, or ends otherwise than with a carriage return and a line
/// feed, or holds a control character.
///
/// # Errors
/// Those of [`parse_field`].
#[must_use]
#[inline(always)]
#[expect(clippy::type_complexity, reason = "the parts have names above")]
pub fn clean_field(input: &[u8]) -> Option<(Result<Option<Field<'_>>, ResponseError>, &[u8])> {
    if SMALL {
        return None;
    }
    // Where the name is known, only the value need be looked at.
    if let Some((name, rest, meaning)) = split_common(input) {
        let (value, behind) = clean_line(rest)?;
        let value = trim_ows(value);
        let field = Field {
            name,
            value,
            meaning,
        };
        return Some((Ok(Some(field)), behind));
    }
    let (line, behind) = clean_line(input)?;
    let field = if line.is_empty() {
        Ok(None)
    } else {
        parse_uncommon(line).map(Some)
    };
    Some((field, behind))
}

fn parse_uncommon(line: &[u8]) -> Result<Field<'_>, ResponseError> {
    let (name, value) = split_field(line)?;
    Ok(Field {
        name,
        value,
        meaning: Meaning::of(name),
    })
}

impl Meaning {
    fn of(name: &str) -> Self {
        match name.len() {
            10 if is_name(name, "connection") => Self::Connection,
            14 if is_name(name, "content-length") => Self::Length,
            17 if is_same(name.as_bytes(), b"transfer-encoding") => Self::Coding,
            _ => Self::Other,
        }
    }
}

/// Name and value; the value is not looked at.
fn split_field(line: &[u8]) -> Result<(&str, &[u8]), ResponseError> {
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
    let name = text(name).ok_or(ResponseError::FieldName)?;
    if name.is_empty() {
        return Err(ResponseError::FieldName);
    }
    Ok((name, trim_ows(value)))
}

/// Fields that nearly all responses have, with names as nearly all servers write them. That they are
/// tokens and text need not be found out again, nor what they mean.
#[inline(always)]
fn split_common(line: &[u8]) -> Option<(&'static str, &[u8], Meaning)> {
    macro_rules! one_of {
        ($($name:literal $meaning:ident),+) => {{
            $(if let Some(value) = line.strip_prefix(concat!($name, ":").as_bytes()) {
                return Some(($name, value, Meaning::$meaning));
            })+
        }};
    }
    match line.first()? {
        b'A' => one_of!("Accept-Ranges" Other, "Age" Other),
        b'C' => one_of!(
            "Content-Type" Other,
            "Content-Length" Length,
            "Connection" Connection,
            "Cache-Control" Other
        ),
        b'D' => one_of!("Date" Other),
        b'E' => one_of!("ETag" Other, "Expires" Other),
        b'K' => one_of!("Keep-Alive" Other),
        b'L' => one_of!("Last-Modified" Other, "Location" Other),
        b'S' => one_of!("Server" Other, "Set-Cookie" Other),
        b'T' => one_of!("Transfer-Encoding" Coding),
        b'V' => one_of!("Vary" Other, "Via" Other),
        _ => {}
    }
    None
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    fn is_odd(line: &[u8]) -> bool {
        line.iter().any(|byte| *byte < b' ' || *byte == 0x7f)
    }

    #[test]
    fn common_names_are_read_like_all_others() {
        for line in [
            &b"Connection: close"[..],
            b"Connections: close",
            b"Transfer-Encoding: chunked",
            b"Accept-Ranges: bytes",
            b"Content-Type: text/html",
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
            let sizes = |field: Field<'_>| (field.name.len(), field.value.len(), field.meaning);
            let read = |bytes| {
                let line = Line {
                    bytes,
                    length: 0,
                    is_clean: !is_odd(bytes),
                };
                parse_field_line(&line).map(sizes)
            };
            assert_eq!(read(line), read(&other), "{line:?}");
            let whole = [line, b"\r\n\r\n"].concat();
            let quick = clean_field(&whole).map(|(field, behind)| {
                assert_eq!(behind, b"\r\n");
                field.map(|field| field.map(sizes))
            });
            let is_quick = !SMALL && !is_odd(line);
            let expected = is_quick.then(|| read(line).map(Some));
            assert_eq!(quick, expected, "{line:?}");
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
