//! Reading and writing the fields of TLS messages (RFC 8446 §3).

use muxfer_core::net::TlsError;

/// Takes fields from the front of a message.
pub(super) struct Reader<'m>(pub(super) &'m [u8]);

impl<'m> Reader<'m> {
    /// The next `n` bytes.
    pub(super) fn take(&mut self, n: usize) -> Result<&'m [u8], TlsError> {
        let (taken, rest) = self.0.split_at_checked(n).ok_or(TlsError::Protocol)?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next byte.
    pub(super) fn u8(&mut self) -> Result<u8, TlsError> {
        let taken = self.take(1)?;
        taken.first().copied().ok_or(TlsError::Protocol)
    }

    /// The next two bytes as a number.
    pub(super) fn u16(&mut self) -> Result<u16, TlsError> {
        Ok(u16::from_be_bytes([self.u8()?, self.u8()?]))
    }

    /// What a length of `bytes` bytes stands in front of.
    pub(super) fn vector(&mut self, bytes: usize) -> Result<Reader<'m>, TlsError> {
        let length = self
            .take(bytes)?
            .iter()
            .fold(0, |length, byte| length << 8 | usize::from(*byte));
        Ok(Reader(self.take(length)?))
    }

    /// Is nothing left?
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Nothing may be left.
    pub(super) fn end(&self) -> Result<(), TlsError> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(TlsError::Protocol)
        }
    }
}

/// Puts fields into room; nothing is written beyond it, and `finish` says that it was too short.
pub(super) struct Writer<'r> {
    room: &'r mut [u8],
    at: usize,
}

impl<'r> Writer<'r> {
    pub(super) fn new(room: &'r mut [u8]) -> Self {
        Self { room, at: 0 }
    }

    /// Appends bytes.
    pub(super) fn put(&mut self, bytes: &[u8]) {
        let end = self.at.saturating_add(bytes.len());
        if let Some(place) = self.room.get_mut(self.at..end) {
            place.copy_from_slice(bytes);
        }
        self.at = end;
    }

    /// Appends a number of two bytes.
    pub(super) fn u16(&mut self, number: u16) {
        self.put(&number.to_be_bytes());
    }

    /// Appends what `write` does, with its length in `bytes` bytes in front.
    pub(super) fn vector(&mut self, bytes: usize, write: impl FnOnce(&mut Self)) {
        let start = self.at;
        for _ in 0..bytes {
            self.put(&[0]);
        }
        write(self);
        let length = self.at - start - bytes;
        for (nth, place) in (start..start + bytes).rev().enumerate() {
            if let Some(place) = self.room.get_mut(place) {
                *place = u8::try_from(length >> (8 * nth) & 0xff).unwrap_or(u8::MAX);
            }
        }
    }

    /// How much was written, if all of it found room.
    pub(super) fn finish(self) -> Option<usize> {
        (self.at <= self.room.len()).then_some(self.at)
    }
}
