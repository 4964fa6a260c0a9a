//! A writer that can be stopped anywhere and resumed by its offset: what it writes is never stored.

use super::number::Digits;

/// Writes a text of any length into a window: bytes before `skip` are dropped, those behind the
/// window only counted.
#[derive(Debug)]
pub struct Render<'o> {
    out: &'o mut [u8],
    skip: usize,
    written: usize,
    total: usize,
}

impl<'o> Render<'o> {
    /// A writer of what follows the first `skip` bytes.
    #[must_use]
    pub const fn new(out: &'o mut [u8], skip: usize) -> Self {
        Self {
            out,
            skip,
            written: 0,
            total: 0,
        }
    }

    /// How many bytes of the window are written.
    #[must_use]
    pub const fn written(&self) -> usize {
        self.written
    }

    /// How long the whole text is. It is written to its end when `skip` and `written` add up to it.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.total
    }

    /// Writes bytes.
    pub fn put(&mut self, bytes: &[u8]) {
        let start = self.skip.saturating_sub(self.total).min(bytes.len());
        self.total += bytes.len();
        let wanted = bytes.get(start..).unwrap_or(&[]);
        let room = self.out.get_mut(self.written..).unwrap_or(&mut []);
        let n = wanted.len().min(room.len());
        if let (Some(target), Some(source)) = (room.get_mut(..n), wanted.get(..n)) {
            target.copy_from_slice(source);
        }
        self.written += n;
    }

    /// Writes a number in decimal.
    pub fn put_decimal(&mut self, number: u64) {
        self.put(Digits::decimal(number).as_bytes());
    }

    /// Writes bytes in base64 with padding (RFC 4648 §4).
    pub fn put_base64(&mut self, mut bytes: impl Iterator<Item = u8>) {
        const ALPHABET: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        while let Some(first) = bytes.next() {
            let (second, third) = (bytes.next(), bytes.next());
            let word = u32::from_be_bytes([0, first, second.unwrap_or(0), third.unwrap_or(0)]);
            let digit = |shift: u32| ALPHABET[(word >> shift) as usize & 63];
            let third_digit = if second.is_some() { digit(6) } else { b'=' };
            let fourth_digit = if third.is_some() { digit(0) } else { b'=' };
            self.put(&[digit(18), digit(12), third_digit, fourth_digit]);
        }
    }

    /// Writes bytes, those outside of ASCII percent-encoded (RFC 3986 §2.1).
    pub fn put_percent(&mut self, bytes: &[u8]) {
        for piece in bytes.chunk_by(|one, other| one.is_ascii() == other.is_ascii()) {
            match piece.first() {
                Some(first) if !first.is_ascii() => piece.iter().for_each(|byte| {
                    self.put(&percent(*byte));
                }),
                Some(_) | None => self.put(piece),
            }
        }
    }
}

/// A byte as a percent escape.
#[must_use]
pub(super) const fn percent(byte: u8) -> [u8; 3] {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    [b'%', HEX[(byte >> 4) as usize], HEX[(byte & 15) as usize]]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(render: &mut Render<'_>) {
        render.put(b"GET ");
        render.put_percent("/h\u{e9}llo".as_bytes());
        for word in [&b"f"[..], b"fo", b"foo", b""] {
            render.put_base64(word.iter().copied());
        }
        render.put_decimal(1234);
    }

    #[test]
    fn any_window_by_offset_gives_the_same_bytes() {
        let whole = b"GET /h%C3%A9lloZg==Zm8=Zm9v1234";
        for size in 1..=whole.len() + 1 {
            let (mut sent, mut offset) = ([0; 64], 0);
            while offset < whole.len() {
                let mut render = Render::new(&mut sent[offset..offset + size], offset);
                text(&mut render);
                assert_eq!(render.total(), whole.len());
                offset += render.written();
            }
            assert_eq!(&sent[..offset], whole, "windows of {size}");
        }
    }
}
