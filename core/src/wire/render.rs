//! A writer that can go on where it stopped.

use super::number::Digits;
use crate::features::SMALL;

/// Writes the part of a text that fits, from an offset on.
///
/// A text that is too long for the room there is gets rendered again, with the offset that was
/// reached, and is never stored. All bytes before the offset are dropped, then the room is filled,
/// then bytes are only counted. The text is complete when the offset and [`Render::written`] add up
/// to [`Render::total`].
#[derive(Debug)]
pub struct Render<'o> {
    out: &'o mut [u8],
    skip: usize,
    total: usize,
    /// How many bytes of the room are filled.
    written: usize,
}

impl<'o> Render<'o> {
    /// Renders into `out` what stands behind the first `skip` bytes.
    #[must_use]
    pub const fn new(out: &'o mut [u8], skip: usize) -> Self {
        Self {
            out,
            skip,
            total: 0,
            written: 0,
        }
    }

    /// How many bytes of the room are filled.
    #[must_use]
    pub const fn written(&self) -> usize {
        self.written
    }

    /// How long the whole text is so far, with what was dropped and what did not fit.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.total
    }

    /// Has everything up to here been written, now or in former calls?
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.skip.saturating_add(self.written) >= self.total
    }

    /// Appends these bytes.
    #[cfg_attr(feature = "small", inline(never))]
    #[cfg_attr(not(feature = "small"), inline)]
    pub fn put(&mut self, bytes: &[u8]) {
        if SMALL {
            for byte in bytes {
                self.put_byte(*byte);
            }
            return;
        }
        let room = self.out.get_mut(self.written..).unwrap_or_default();
        // The common case: the text is rendered for the first time, and there is room for it.
        if self.skip <= self.total
            && let Some(room) = room.get_mut(..bytes.len())
        {
            room.copy_from_slice(bytes);
            self.written += bytes.len();
            self.total += bytes.len();
        } else {
            self.put_part(bytes);
        }
    }

    #[inline]
    fn put_byte(&mut self, byte: u8) {
        if self.total >= self.skip
            && let Some(place) = self.out.get_mut(self.written)
        {
            *place = byte;
            self.written += 1;
        }
        self.total = self.total.saturating_add(1);
    }

    /// Drops what is to be skipped and what does not fit.
    #[cold]
    fn put_part(&mut self, bytes: &[u8]) {
        let dropped = self.skip.saturating_sub(self.total);
        let kept = bytes.get(dropped..).unwrap_or(&[]);
        let room = self.out.get_mut(self.written..).unwrap_or_default();
        let n = kept.len().min(room.len());
        for (place, byte) in room.iter_mut().zip(kept) {
            *place = *byte;
        }
        self.written += n;
        self.total = self.total.saturating_add(bytes.len());
    }

    /// Appends these bytes with ASCII letters in lower case.
    pub fn put_lower(&mut self, bytes: &[u8]) {
        if SMALL {
            for byte in bytes {
                self.put(&[byte.to_ascii_lowercase()]);
            }
            return;
        }
        let start = self.written;
        self.put(bytes);
        if bytes
            .iter()
            .fold(false, |any, byte| any | byte.is_ascii_uppercase())
        {
            let new = self.out.get_mut(start..self.written).unwrap_or_default();
            new.make_ascii_lowercase();
        }
    }

    /// Appends the number in base 10.
    pub fn put_decimal(&mut self, number: u64) {
        self.put(Digits::decimal(number).as_bytes());
    }

    /// Appends the number in base 16, lower case.
    pub fn put_hex(&mut self, number: u64) {
        self.put(Digits::hex(number).as_bytes());
    }

    /// Appends the bytes in base 64 with padding (RFC 4648 §4).
    pub fn put_base64(&mut self, mut bytes: impl Iterator<Item = u8>) {
        while let Some(first) = bytes.next() {
            let second = bytes.next();
            let third = second.and_then(|_| bytes.next());
            self.put(&base64_group(first, second, third));
        }
    }

    /// Appends the bytes; those from 0x80 on as `%XX` (RFC 3986 §2.1), all others as they are.
    pub fn put_percent(&mut self, bytes: &[u8]) {
        if SMALL {
            for byte in bytes {
                match byte {
                    0x80.. => self.put(&percent_escape(*byte)),
                    _ => self.put(&[*byte]),
                }
            }
        } else if bytes.is_ascii() {
            self.put(bytes);
        } else {
            self.put_escaped(bytes, |byte| byte >= 0x80);
        }
    }

    /// Appends the bytes; those that `escape` names as `%XX` (RFC 3986 §2.1).
    pub fn put_escaped(&mut self, bytes: &[u8], escape: impl Fn(u8) -> bool) {
        let mut rest = bytes;
        while let Some(at) = rest.iter().position(|&byte| escape(byte)) {
            self.put(&rest[..at]);
            self.put(&percent_escape(rest[at]));
            rest = &rest[at + 1..];
        }
        self.put(rest);
    }
}

fn percent_escape(byte: u8) -> [u8; 3] {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    [
        b'%',
        HEX[usize::from(byte >> 4)],
        HEX[usize::from(byte & 15)],
    ]
}

fn base64_group(first: u8, second: Option<u8>, third: Option<u8>) -> [u8; 4] {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letter = |value: u8| ALPHABET[usize::from(value & 63)];
    let (b, c) = (second.unwrap_or(0), third.unwrap_or(0));
    [
        letter(first >> 2),
        letter(first << 4 | b >> 4),
        second.map_or(b'=', |_| letter(b << 2 | c >> 6)),
        third.map_or(b'=', |_| letter(c)),
    ]
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::vec;
    use std::vec::Vec;

    fn whole(write: impl Fn(&mut Render<'_>)) -> Vec<u8> {
        let mut out = vec![0; 1000];
        let mut render = Render::new(&mut out, 0);
        write(&mut render);
        assert!(render.is_complete());
        assert_eq!(render.total(), render.written());
        let n = render.written();
        out.truncate(n);
        out
    }

    fn base64(text: &str) -> Vec<u8> {
        whole(|render| render.put_base64(text.bytes()))
    }

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (text, expected) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
            ("Aladdin:open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ] {
            assert_eq!(base64(text), expected.as_bytes(), "{text:?}");
        }
        let high = whole(|render| render.put_base64([0xfb, 0xff, 0xfe].into_iter()));
        assert_eq!(high, b"+//+");
    }

    #[test]
    fn only_bytes_that_are_not_ascii_become_percent_escapes() {
        let text = whole(|render| render.put_percent("/\u{f6}%zz {}\u{20ac}".as_bytes()));
        assert_eq!(text, b"/%C3%B6%zz {}%E2%82%AC");
    }

    #[test]
    fn letters_become_lower_case_and_numbers_digits() {
        let text = whole(|render| {
            render.put_lower(b"A-z0\xc4");
            render.put_decimal(1024);
            render.put_hex(1023);
        });
        assert_eq!(text, b"a-z0\xc410243ff");
    }

    #[test]
    fn windows_of_any_size_give_the_same_bytes_as_the_whole() {
        let write = |render: &mut Render<'_>| {
            render.put(b"GET /");
            render.put_percent("a\u{e4}b\u{20ac}".as_bytes());
            render.put(b"");
            render.put_decimal(1_234_567);
            render.put_base64(b"Aladdin:open sesame".iter().copied());
            render.put_lower(b"HOST");
        };
        let expected = whole(write);
        for window in 1..=expected.len() + 1 {
            let mut text = Vec::new();
            loop {
                let mut out = vec![b'?'; window];
                let mut render = Render::new(&mut out, text.len());
                write(&mut render);
                assert_eq!(render.total(), expected.len());
                let (n, complete) = (render.written(), render.is_complete());
                text.extend_from_slice(&out[..n]);
                assert!(out[n..].iter().all(|&byte| byte == b'?'));
                assert_eq!(complete, text.len() == expected.len());
                if complete {
                    break;
                }
                assert_eq!(n, window);
            }
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn an_offset_behind_the_end_writes_nothing() {
        let mut out = [b'?'; 4];
        let mut render = Render::new(&mut out, 100);
        render.put(b"abc");
        assert_eq!((render.written(), render.total()), (0, 3));
        let mut render = Render::new(&mut [], 0);
        render.put(b"abc");
        assert_eq!((render.written(), render.total()), (0, 3));
        assert!(!render.is_complete());
    }
}
