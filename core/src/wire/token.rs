//! Tokens, field values and comma lists (RFC 9110 §5.5, §5.6).

use super::scan::first_control;
use crate::features::SMALL;

/// Is it a token: one or more of the characters that names and methods are made of (RFC 9110 §5.6.2)?
#[must_use]
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_token_byte(byte))
}

/// The bytes as text. They are known to be ASCII if they are text at all.
#[must_use]
#[cfg(not(feature = "small"))]
pub(crate) fn text(bytes: &[u8]) -> Option<&str> {
    core::str::from_utf8(bytes).ok()
}

/// The bytes as text. They are known to be ASCII if they are text at all: to see that takes far less
/// code than to check text of any kind.
#[must_use]
#[cfg(feature = "small")]
#[inline(never)]
pub(crate) fn text(bytes: &[u8]) -> Option<&str> {
    let text = ascii::AsciiStr::from_ascii(bytes);
    text.ok().map(ascii::AsciiStr::as_str)
}

/// Are they the same but for the case of letters?
#[must_use]
#[cfg_attr(feature = "small", inline(never))]
#[cfg_attr(not(feature = "small"), inline)]
pub(crate) fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// May this byte stand in a token (RFC 9110 §5.6.2)?
#[must_use]
#[cfg_attr(feature = "small", inline(never))]
pub(super) const fn is_token_byte(byte: u8) -> bool {
    if SMALL {
        return byte.is_ascii_alphanumeric() || is_token_mark(byte);
    }
    CLASS[byte as usize] & TOKEN != 0
}

/// May it be a field's value: no control character but the tab (RFC 9110 §5.5)? Bytes from 0x80 on
/// are taken as they are. The empty value is one.
#[must_use]
pub fn is_field_value(bytes: &[u8]) -> bool {
    if SMALL {
        return bytes.iter().all(|&byte| is_value_byte(byte));
    }
    // A tab is rare: what holds none is looked at eight bytes at a time.
    !has_control(bytes, b' ') || bytes.iter().all(|&byte| is_value_byte(byte))
}

/// Is there a byte below `least`, which is at most 0x80, or a delete (0x7f)?
#[must_use]
pub(super) fn has_control(bytes: &[u8], least: u8) -> bool {
    first_control(bytes, least).is_some()
}

/// Is it this name, which is given in lower case and has 8 to 16 bytes? For tokens only.
#[must_use]
#[inline]
pub fn is_name(name: &str, lower: &str) -> bool {
    if SMALL {
        return is_same(name.as_bytes(), lower.as_bytes());
    }
    const SPACES: u64 = u64::MAX / 255 * 0x20;
    let ends = |text: &str| {
        let (first, last) = (
            text.as_bytes().first_chunk()?,
            text.as_bytes().last_chunk()?,
        );
        Some((u64::from_le_bytes(*first), u64::from_le_bytes(*last)))
    };
    debug_assert!(lower.len() <= 16);
    name.len() == lower.len()
        && match (ends(name), ends(lower)) {
            // The bit makes letters small. The characters of tokens that it changes else become
            // others that stand in no name of ours.
            (Some(one), Some(other)) => one.0 | SPACES == other.0 && one.1 | SPACES == other.1,
            _ => name.eq_ignore_ascii_case(lower),
        }
}

/// May this byte stand in a field's value (RFC 9110 §5.5)?
#[must_use]
#[cfg_attr(feature = "small", inline(never))]
pub(super) const fn is_value_byte(byte: u8) -> bool {
    if SMALL {
        return byte == b'\t' || !byte.is_ascii_control();
    }
    CLASS[byte as usize] & VALUE != 0
}

/// The bytes without the spaces and tabs around them (RFC 9110 §5.6.3).
#[must_use]
#[cfg_attr(feature = "small", inline(never))]
#[cfg_attr(not(feature = "small"), inline)]
pub(crate) fn trim_ows(bytes: &[u8]) -> &[u8] {
    if SMALL {
        return trim_all_ows(bytes);
    }
    // The common case: one space before it, and none behind.
    match bytes {
        [b' ', value @ ..] if has_black_ends(value) => value,
        _ => trim_all_ows(bytes),
    }
}

fn has_black_ends(value: &[u8]) -> bool {
    let is_black = |byte: &u8| *byte > b' ';
    value.first().is_some_and(is_black) && value.last().is_some_and(is_black)
}

fn trim_all_ows(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// The elements of a comma list, trimmed; empty ones are left out (RFC 9110 §5.6.1). A comma inside
/// a quoted string does not part elements; a string that is not closed reaches to the end.
pub fn list(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    List { rest: bytes }
}

struct List<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for List<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let end = element_length(self.rest);
            let (element, rest) = self.rest.split_at(end);
            self.rest = rest.get(1..).unwrap_or(&[]);
            let element = trim_ows(element);
            if !element.is_empty() {
                return Some(element);
            }
        }
        None
    }
}

/// How many bytes stand before the first comma that is not quoted.
fn element_length(bytes: &[u8]) -> usize {
    let mut quoted = false;
    let mut escaped = false;
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return at,
            _ => {}
        }
    }
    bytes.len()
}

const TOKEN: u8 = 1;
const VALUE: u8 = 2;
const CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut class = [0; 256];
    let mut byte = 0_u8;
    loop {
        let is_control = byte.is_ascii_control() && byte != b'\t';
        if !is_control {
            class[byte as usize] |= VALUE;
        }
        if byte.is_ascii_alphanumeric() || is_token_mark(byte) {
            class[byte as usize] |= TOKEN;
        }
        if byte == u8::MAX {
            return class;
        }
        byte += 1;
    }
}

const fn is_token_mark(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'#'
            | b'$'
            | b'%'
            | b'&'
            | b'\''
            | b'*'
            | b'+'
            | b'-'
            | b'.'
            | b'^'
            | b'_'
            | b'`'
            | b'|'
            | b'~'
    )
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::string::String;

    #[test]
    fn a_token_is_not_empty_and_holds_no_separator() {
        assert!(is_token(b"Content-Type"));
        assert!(is_token(b"!#$%&'*+-.^_`|~09azAZ"));
        assert!(!is_token(b""));
        for byte in 0..=u8::MAX {
            let expected = byte.is_ascii_graphic() && !br#""(),/:;<=>?@[\]{}"#.contains(&byte);
            assert_eq!(is_token(&[byte]), expected, "{byte:#x}");
        }
    }

    #[test]
    fn a_field_value_holds_no_control_character_but_the_tab() {
        assert!(is_field_value(b""));
        for byte in 0..=u8::MAX {
            let expected = byte == b'\t' || (byte >= 0x20 && byte != 0x7f);
            assert_eq!(is_field_value(&[b'a', byte]), expected, "{byte:#x}");
        }
    }

    #[test]
    fn a_control_character_is_found_wherever_it_stands() {
        for length in 0..=20 {
            for at in 0..length {
                for byte in 0..=u8::MAX {
                    let mut text = [b'a'; 20];
                    text[at] = byte;
                    let text = &text[..length];
                    let control = byte < b' ' || byte == 0x7f;
                    assert_eq!(has_control(text, b' '), control, "{text:?}");
                    assert_eq!(has_control(text, b'!'), control || byte == b' ');
                    assert_eq!(first_control(text, b' '), control.then_some(at));
                    assert_eq!(is_field_value(text), !control || byte == b'\t');
                }
            }
        }
        assert!(!has_control(
            &[0xff, b' ', 0x80, 0x7e, 0xfe, b'!', b'~', 0xff],
            b' '
        ));
    }

    #[test]
    fn of_two_control_characters_the_first_is_found() {
        for first in 0..20 {
            for second in first + 1..21 {
                let mut text = [b' '; 21];
                (text[first], text[second]) = (0x7f, b'\t');
                assert_eq!(first_control(&text, b' '), Some(first));
                (text[first], text[second]) = (b'\r', 0x7f);
                assert_eq!(first_control(&text, b' '), Some(first));
            }
        }
    }

    #[test]
    fn a_name_has_two_cases_and_one_length() {
        for lower in ["connection", "content-length", "location"] {
            assert!(is_name(lower, lower));
            assert!(is_name(&lower.to_ascii_uppercase(), lower));
            assert!(!is_name(&lower[1..], lower));
            for at in 0..lower.len() {
                for byte in (0..128_u8).filter(|byte| is_token_byte(*byte)) {
                    let mut bytes = lower.as_bytes().to_vec();
                    bytes[at] = byte;
                    let name = String::from_utf8(bytes).expect("ASCII");
                    assert_eq!(is_name(&name, lower), name.eq_ignore_ascii_case(lower));
                }
            }
        }
    }

    #[test]
    fn only_spaces_and_tabs_are_trimmed_and_only_outside() {
        assert_eq!(trim_ows(b" \t a b\t "), b"a b");
        assert_eq!(trim_ows(b" \t "), b"");
        assert_eq!(trim_ows(b"\ra\n"), b"\ra\n");
    }

    #[test]
    fn a_list_skips_empty_elements_and_minds_quotes() {
        let check = |text: &[u8], expected: &[&[u8]]| {
            assert!(list(text).eq(expected.iter().copied()), "{text:?}");
        };
        check(b"", &[]);
        check(b" , ,\t,", &[]);
        check(b"a", &[b"a"]);
        check(b",a , b,,c,", &[b"a", b"b", b"c"]);
        check(br#"a="x,y", b"#, &[br#"a="x,y""#, b"b"]);
        check(br#""\",", b"#, &[br#""\",""#, b"b"]);
        check(br#"a, "b, c"#, &[b"a", br#""b, c"#]);
        check(br"a\,b", &[br"a\", b"b"]);
    }
}
