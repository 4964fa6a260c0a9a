//! Lines of a message head (RFC 9112 §2.2).

use crate::error::ResponseError;

/// The first line of `input`, without its end, and how many bytes it takes with its end. `None` if
/// the end is not there yet.
///
/// A line ends with a line feed; a carriage return right before it is dropped (RFC 9112 §2.2 lets a
/// recipient take a line feed alone).
#[must_use]
pub fn find_line(input: &[u8]) -> Option<(&[u8], usize)> {
    let end = memchr::memchr(b'\n', input)?;
    let line = &input[..end];
    Some((line.strip_suffix(b"\r").unwrap_or(line), end + 1))
}

/// Refuses a line with a carriage return inside: recipients differ in what it means, and messages
/// have been split by it (RFC 9112 §2.2).
///
/// # Errors
/// [`ResponseError::BareCr`].
pub fn check_line(line: &[u8]) -> Result<(), ResponseError> {
    match memchr::memchr(b'\r', line) {
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
