//! Looks for control characters, sixteen bytes at a time.

/// How many bytes are looked at at once.
const WIDTH: usize = 16;

/// Where the first byte below `least`, which is at most 0x80, or the first delete (0x7f) stands.
#[must_use]
#[inline(always)]
pub(super) fn first_control(bytes: &[u8], least: u8) -> Option<usize> {
    let (chunks, rest) = bytes.as_chunks::<WIDTH>();
    for (nth, chunk) in chunks.iter().enumerate() {
        if !is_plain(chunk, least) {
            return control_in_chunk(chunk, least).map(|at| nth * WIDTH + at);
        }
    }
    if rest.is_empty() {
        None
    } else {
        control_at_end(bytes, rest, least)
    }
}

/// The same for what is left behind whole chunks that hold none.
#[inline]
fn control_at_end(bytes: &[u8], rest: &[u8], least: u8) -> Option<usize> {
    match bytes.last_chunk::<WIDTH>() {
        // The last sixteen, some of which were seen already.
        Some(last) if is_plain(last, least) => None,
        Some(last) => control_in_chunk(last, least).map(|at| bytes.len() - WIDTH + at),
        None => rest.iter().position(|&byte| byte < least || byte == 0x7f),
    }
}

/// Without an early end the compiler compares all sixteen at once.
#[inline(always)]
fn is_plain(chunk: &[u8; WIDTH], least: u8) -> bool {
    let is_plain = |plain: bool, byte: &u8| plain & (*byte >= least) & (*byte != 0x7f);
    chunk.iter().fold(true, is_plain)
}

#[inline(always)]
fn control_in_chunk(chunk: &[u8; WIDTH], least: u8) -> Option<usize> {
    let (words, _) = chunk.as_chunks::<8>();
    for (nth, word) in words.iter().enumerate() {
        let found = control_in_word(*word, least);
        if found != 0 {
            return Some(nth * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    None
}

/// All eight bytes at once: where one is below `least`, the subtraction borrows into its highest
/// bit, which was not set before. Below the first such byte nothing borrows, so the lowest bit that
/// is found is right; those above it may not be.
#[inline]
const fn control_in_word(word: [u8; 8], least: u8) -> u64 {
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
