//! Percent escapes (RFC 3986 §2.1).

use super::number::hex_digit;

/// Is every `%` followed by two hexadecimal digits?
#[must_use]
pub(super) fn is_well_formed(mut text: &[u8]) -> bool {
    while let Some(at) = text.iter().position(|&byte| byte == b'%') {
        let [_, high, low, rest @ ..] = &text[at..] else {
            return false;
        };
        if hex_digit(*high).is_none() || hex_digit(*low).is_none() {
            return false;
        }
        text = rest;
    }
    true
}

/// The bytes that a text stands for. A broken escape stands for itself.
#[derive(Clone)]
pub struct Decoded<'a> {
    rest: &'a [u8],
}

/// Decodes the percent escapes of a text.
#[must_use]
pub(super) const fn decode(text: &[u8]) -> Decoded<'_> {
    Decoded { rest: text }
}

impl core::fmt::Debug for Decoded<'_> {
    /// Keeps the bytes to itself: they are mostly credentials.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Decoded(…)")
    }
}

impl Iterator for Decoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if let [b'%', high, low, rest @ ..] = self.rest
            && let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low))
        {
            self.rest = rest;
            return Some(high << 4 | low);
        }
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_bytes() {
        assert!(decode(b"a%41%2f%fF%00z").eq(*b"aA/\xff\0z"));
        assert!(decode(b"").next().is_none());
    }

    #[test]
    fn a_broken_escape_is_seen_and_stands_for_itself() {
        for bad in [&b"%"[..], b"a%4", b"%4", b"%4g", b"%g4", b"%%41", b"%41%"] {
            assert!(!is_well_formed(bad), "{bad:?}");
        }
        assert!(is_well_formed(b"a%41b%ff"));
        assert!(is_well_formed(b""));
        assert!(decode(b"%4g%").eq(*b"%4g%"));
        assert!(decode(b"%%41").eq(*b"%A"));
    }
}
