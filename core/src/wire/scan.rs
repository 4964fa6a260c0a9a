//! Looks for single bytes, and for control characters: eight at a time.

use crate::features::SMALL;

/// How many bytes are looked at at once.
const WIDTH: usize = 8;

/// Where the first `byte` stands.
#[must_use]
#[cfg_attr(feature = "small", inline(never))]
#[cfg_attr(not(feature = "small"), inline(always))]
pub(super) fn find(byte: u8, bytes: &[u8]) -> Option<usize> {
    if SMALL {
        bytes.iter().position(|other| *other == byte)
    } else {
        memchr::memchr(byte, bytes)
    }
}

/// What stands before the first `mark`, which is ASCII, and behind it if there is one.
#[must_use]
#[cfg_attr(feature = "small", inline(never))]
pub(super) fn split_off(text: &str, mark: u8) -> (&str, Option<&str>) {
    match find(mark, text.as_bytes()) {
        Some(at) => (split_at(text, at).0, text.get(at + 1..)),
        None => (text, None),
    }
}

/// What stands before a place that was found in the text, and from there on.
#[must_use]
pub(super) fn split_at(text: &str, at: usize) -> (&str, &str) {
    text.split_at_checked(at).unwrap_or((text, ""))
}

/// Where the first byte below `least`, which is at most 0x80, or the first delete (0x7f) stands.
#[must_use]
#[cfg_attr(feature = "small", inline(never))]
#[cfg_attr(not(feature = "small"), inline(always))]
pub(super) fn first_control(bytes: &[u8], least: u8) -> Option<usize> {
    if SMALL {
        return bytes.iter().position(|&byte| byte < least || byte == 0x7f);
    }
    let (words, rest) = bytes.as_chunks::<WIDTH>();
    for (nth, word) in words.iter().enumerate() {
        let found = control_in_word(*word, least);
        if found != 0 {
            return Some(nth * WIDTH + place(found));
        }
    }
    if rest.is_empty() {
        None
    } else {
        control_at_end(bytes, rest, least)
    }
}

/// The same for what is left behind whole words that hold none.
#[inline]
fn control_at_end(bytes: &[u8], rest: &[u8], least: u8) -> Option<usize> {
    match bytes.last_chunk::<WIDTH>() {
        // The last eight, some of which were seen already.
        Some(last) => {
            let found = control_in_word(*last, least);
            (found != 0).then(|| bytes.len() - WIDTH + place(found))
        }
        None => rest.iter().position(|&byte| byte < least || byte == 0x7f),
    }
}

const fn place(found: u64) -> usize {
    found.trailing_zeros() as usize / 8
}

/// All eight bytes at once: where one is below `least`, the subtraction borrows into its highest
/// bit, which was not set before. Below the first such byte nothing borrows, so the lowest bit that
/// is found is right; those above it may not be.
#[inline(always)]
const fn control_in_word(word: [u8; WIDTH], least: u8) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let word = u64::from_le_bytes(word);
    let below = word.wrapping_sub(ONES * least as u64);
    // A delete becomes a zero, which is below one.
    let delete = (word ^ (ONES * 0x7f)).wrapping_sub(ONES);
    (below | delete) & !word & (ONES << 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_found_wherever_it_stands() {
        for least in [b' ', b'!'] {
            for length in 0..50 {
                for at in 0..length {
                    for byte in 0..=u8::MAX {
                        let mut bytes = [b'x'; 50];
                        bytes[at] = byte;
                        bytes[length - 1] = byte;
                        let bytes = &bytes[..length];
                        let is_control = byte < least || byte == 0x7f;
                        let expected = is_control.then_some(at);
                        assert_eq!(first_control(bytes, least), expected, "{bytes:?}");
                    }
                }
            }
        }
    }
}
