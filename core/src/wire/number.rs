//! Numbers as digits, read and written without an allocator.

use crate::features::SMALL;

/// The number that these decimal digits name. `None` if there are none, if anything else stands
/// among them (a sign, a space), or if it is more than 64 bits hold.
#[must_use]
#[cfg_attr(feature = "small", inline(never))]
pub fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    let mut number = 0_u64;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Nineteen digits always fit.
        number = if !SMALL && digits.len() < 20 {
            number * 10 + u64::from(digit)
        } else {
            let tens = (number <= u64::MAX / 10).then(|| number * 10)?;
            tens.checked_add(digit.into())?
        };
    }
    Some(number)
}

/// What this hexadecimal digit counts; `None` if it is none.
#[must_use]
pub(super) const fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// The digits of a number.
#[derive(Clone, Copy, Debug)]
pub struct Digits {
    bytes: [u8; Self::MAX],
    start: usize,
}

impl Digits {
    /// The most digits that a number of 64 bits has.
    pub const MAX: usize = 20;

    /// In base 10, without leading zeros.
    #[must_use]
    pub fn decimal(number: u64) -> Self {
        Self::in_base(number, 10)
    }

    /// In base 16, lower case, without leading zeros.
    #[must_use]
    pub fn hex(number: u64) -> Self {
        Self::in_base(number, 16)
    }

    /// The digits as text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or(&[])
    }

    fn in_base(mut number: u64, base: u64) -> Self {
        const NAMES: &[u8; 16] = b"0123456789abcdef";
        let mut digits = Self {
            bytes: [0; Self::MAX],
            start: Self::MAX,
        };
        // 20 places hold 2⁶⁴ − 1 in base 10, so `start` ends at 0 at the least.
        for place in digits.bytes.iter_mut().rev() {
            #[expect(clippy::cast_possible_truncation, reason = "below 16")]
            let digit = (number % base) as usize;
            *place = NAMES[digit];
            digits.start -= 1;
            number /= base;
            if number == 0 {
                break;
            }
        }
        digits
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::format;

    #[test]
    fn a_number_is_digits_only() {
        assert_eq!(decimal(b"0"), Some(0));
        assert_eq!(decimal(b"007"), Some(7));
        assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
        for bad in [
            "", " 1", "1 ", "+5", "-1", "0x5", "1.0", "1,1", "5\t", "\u{0661}",
        ] {
            assert_eq!(decimal(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn a_number_that_overflows_is_none() {
        assert_eq!(decimal(b"18446744073709551616"), None);
        assert_eq!(decimal(b"99999999999999999999999999"), None);
    }

    #[test]
    fn digits_are_those_of_the_formatter() {
        let mut number = 1_u64;
        for _ in 0..64 {
            for n in [number - 1, number, u64::MAX - number] {
                assert_eq!(Digits::decimal(n).as_bytes(), format!("{n}").as_bytes());
                assert_eq!(Digits::hex(n).as_bytes(), format!("{n:x}").as_bytes());
                assert_eq!(decimal(Digits::decimal(n).as_bytes()), Some(n));
            }
            number = number.wrapping_mul(2).max(1);
        }
        assert_eq!(
            Digits::decimal(u64::MAX).as_bytes(),
            b"18446744073709551615"
        );
    }

    #[test]
    fn hex_digits_have_two_cases() {
        for byte in 0..=u8::MAX {
            let expected = char::from(byte).to_digit(16);
            assert_eq!(hex_digit(byte).map(u32::from), expected);
        }
    }
}
