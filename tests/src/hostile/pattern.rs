//! Bodies that follow from the number of a transfer.
//!
//! No two transfers have the same body, and none repeats itself soon, so bytes that are lost,
//! doubled or of another transfer are seen. All bytes are visible ones: bodies may stand where heads
//! are looked for.

use std::sync::LazyLock;

use crate::sim::Prng;

/// A prime, so that each number below it has a place of its own to start at.
const PERIOD: usize = 65_521;
/// Far apart for neighbours.
const STEP: u64 = 7919;

static TABLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut random = Prng::new(1);
    let visible = |word: u64| b'!' + u8::try_from(word % 90).unwrap_or(0);
    (0..PERIOD).map(|_| visible(random.next())).collect()
});

/// The place in the table of a byte of a body.
fn place(number: u64, at: u64) -> usize {
    let period = PERIOD as u64;
    let place = (number % period * STEP + at % period) % period;
    usize::try_from(place).unwrap_or(0)
}

/// Writes the bytes of a transfer's body from a place on.
pub fn fill(number: u64, at: u64, into: &mut [u8]) {
    let (mut start, mut into) = (place(number, at), into);
    while !into.is_empty() {
        let n = into.len().min(PERIOD - start);
        let (head, tail) = into.split_at_mut(n);
        head.copy_from_slice(&TABLE[start..start + n]);
        (start, into) = (0, tail);
    }
}

/// The first byte that is not what a transfer's body has from a place on.
#[must_use]
pub fn difference(number: u64, at: u64, bytes: &[u8]) -> Option<u64> {
    let (mut start, mut bytes, mut at) = (place(number, at), bytes, at);
    while !bytes.is_empty() {
        let n = bytes.len().min(PERIOD - start);
        let (head, tail) = bytes.split_at(n);
        let wanted = &TABLE[start..start + n];
        if head != wanted {
            let same = head.iter().zip(wanted).take_while(|(a, b)| a == b).count();
            return Some(at + same as u64);
        }
        (start, bytes, at) = (0, tail, at + n as u64);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(number: u64, from: u64) -> Vec<u8> {
        let mut bytes = vec![0; 100];
        fill(number, from, &mut bytes);
        bytes
    }

    #[test]
    fn bodies_differ_from_each_other_and_from_themselves_shifted() {
        assert_ne!(body(1, 0), body(2, 0));
        assert_ne!(body(1, 0), body(1, 1));
        assert!(body(7, 0).iter().all(u8::is_ascii_graphic));
        assert_eq!(body(3, 65_500)[50..], body(3, 65_550)[..50]);
    }

    #[test]
    fn the_first_wrong_byte_is_found() {
        let mut bytes = body(9, 65_480);
        assert_eq!(difference(9, 65_480, &bytes), None);
        bytes[60] ^= 1;
        assert_eq!(difference(9, 65_480, &bytes), Some(65_540));
        assert_eq!(difference(8, 65_480, &bytes), Some(65_480));
    }
}
