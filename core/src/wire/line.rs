//! Lines of a message head (RFC 9112 §2.2).

use super::scan::{find, first_control};
use crate::error::ResponseError;
use crate::features::SMALL;

/// The first line of `input`, without its end, and how many bytes it takes with its end. `None` if
/// the end is not there yet.
///
/// A line ends with a line feed; a carriage return right before it is dropped (RFC 9112 §2.2 lets a
/// recipient take a line feed alone).
#[must_use]
pub fn find_line(input: &[u8]) -> Option<(&[u8], usize)> {
    let end = find(b'\n', input)?;
    let line = input.get(..end)?;
    Some((line.strip_suffix(b"\r").unwrap_or(line), end + 1))
}

/// A line of a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Without its end.
    pub bytes: &'a [u8],
    /// How many bytes it takes with its end.
    pub length: usize,
    /// It is known to hold no control character, not even a tab.
    pub is_clean: bool,
}

/// The first line of `input` without its end, and what follows its end, if the line ends with a
/// carriage return and a line feed and holds no control character. `None` says nothing.
#[must_use]
#[inline(always)]
pub(super) fn clean_line(input: &[u8]) -> Option<(&[u8], &[u8])> {
    // In nearly all lines the first control character is that of the end.
    let at = first_control(input, b' ')?;
    match input.split_at_checked(at)? {
        (line, [b'\r', b'\n', behind @ ..]) => Some((line, behind)),
        _ => None,
    }
}

/// What [`find_line`] finds, with what can be told of it without another look.
#[must_use]
pub fn next_line(input: &[u8]) -> Option<Line<'_>> {
    if !SMALL && let Some((bytes, _)) = clean_line(input) {
        return Some(Line {
            bytes,
            length: bytes.len() + 2,
            is_clean: true,
        });
    }
    let (bytes, length) = find_line(input)?;
    Some(Line {
        bytes,
        length,
        is_clean: false,
    })
}

/// Refuses a line with a carriage return inside: recipients differ in what it means, and messages
/// have been split by it (RFC 9112 §2.2).
///
/// # Errors
/// [`ResponseError::BareCr`].
pub fn check_line(line: &[u8]) -> Result<(), ResponseError> {
    match find(b'\r', line) {
        Some(_) => Err(ResponseError::BareCr),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_with_a_line_feed_and_loses_one_carriage_return() {
        assert_eq!(find_line(b"a\r\nb\r\n"), Some((&b"a"[..], 3)));
        assert_eq!(find_line(b"a\nb"), Some((&b"a"[..], 2)));
        assert_eq!(find_line(b"\r\n"), Some((&b""[..], 2)));
        assert_eq!(find_line(b"\n"), Some((&b""[..], 1)));
        assert_eq!(find_line(b"a\r\r\n"), Some((&b"a\r"[..], 4)));
    }

    #[test]
    fn the_next_line_is_the_one_that_is_found() {
        for input in [
            &b"a: b\r\nc"[..],
            b"a: b\nc\r\n",
            b"a:\tb\r\n",
            b"a\rb\r\n",
            b"a\r\r\n",
            b"\r\n",
            b"\n",
            b"\xff: \x80\r\n",
            b"a: b\r",
            b"a: b",
            b"",
        ] {
            let next = next_line(input);
            let found = next.map(|line| (line.bytes, line.length));
            assert_eq!(found, find_line(input), "{input:?}");
            let is_clean = next.is_some_and(|line| line.is_clean);
            let is_plain = |(line, end): (&[u8], usize)| {
                end == line.len() + 2 && line.iter().all(|byte| *byte >= b' ' && *byte != 0x7f)
            };
            let expected = !SMALL && found.is_some_and(is_plain);
            assert_eq!(is_clean, expected, "{input:?}");
        }
    }

    #[test]
    fn a_line_without_its_end_is_not_there_yet() {
        assert_eq!(find_line(b""), None);
        assert_eq!(find_line(b"a\r"), None);
    }

    #[test]
    fn a_carriage_return_inside_a_line_is_refused() {
        assert_eq!(check_line(b"a: b"), Ok(()));
        assert_eq!(check_line(b""), Ok(()));
        for bad in [&b"a\rb"[..], b"\r", b"a: b\r"] {
            assert_eq!(check_line(bad), Err(ResponseError::BareCr));
        }
    }
}
