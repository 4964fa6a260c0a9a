//! Records (RFC 8446 §5), sealed and opened in place.

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes128Gcm, KeyInit};
use muxfer_core::net::TlsError;
use zeroize::Zeroize;

use super::schedule::{Block, expand};

/// Bytes in front of each record.
pub(super) const HEADER: usize = 5;
/// Bytes that sealing adds behind the content: its type and the tag.
pub(super) const TRAILER: usize = 1 + TAG;
const TAG: usize = 16;

/// The longest record that a peer may send, with its header (§5.2).
pub const MAX_RECORD: usize = HEADER + 16384 + 256;

/// So many records are sealed with one key at most (§5.5 has 2^24.5 for AES-GCM).
const SEALED_MAX: u64 = 1 << 24;

/// What a record holds (§5.1).
pub(super) mod kind {
    pub(crate) const CHANGE_CIPHER_SPEC: u8 = 20;
    pub(crate) const ALERT: u8 = 21;
    pub(crate) const HANDSHAKE: u8 = 22;
    pub(crate) const APPLICATION: u8 = 23;
}

/// The type and the length that a record's header tells.
pub(super) fn header(bytes: [u8; HEADER]) -> Result<(u8, usize), TlsError> {
    let [kind, major, _, high, low] = bytes;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let known = (kind::CHANGE_CIPHER_SPEC..=kind::APPLICATION).contains(&kind);
    if known && major == 3 && (1..=MAX_RECORD - HEADER).contains(&length) {
        Ok((kind, length))
    } else {
        Err(TlsError::Protocol)
    }
}

/// The keys of one direction.
pub(super) struct Keys {
    secret: Block,
    key: [u8; 16],
    iv: [u8; 12],
    sequence: u64,
}

impl Keys {
    /// From a traffic secret (§7.3).
    pub(super) fn new(secret: Block) -> Self {
        Self {
            key: expand(&secret, "key", &[]),
            iv: expand(&secret, "iv", &[]),
            sequence: 0,
            secret,
        }
    }

    /// The next generation (§7.2).
    pub(super) fn update(&mut self) {
        *self = Self::new(expand(&self.secret, "traffic upd", &[]));
    }

    /// The nonce of the next record (§5.3).
    fn nonce(&mut self) -> Option<[u8; 12]> {
        let mut nonce = self.iv;
        for (byte, counted) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *byte ^= counted;
        }
        self.sequence = self.sequence.checked_add(1)?;
        Some(nonce)
    }

    /// Seals `n` bytes that stand in `room` behind the place of the header; the length of the record.
    pub(super) fn seal(&mut self, room: &mut [u8], n: usize, kind: u8) -> Result<usize, TlsError> {
        let length = n + TRAILER;
        let (head, body) = room
            .split_at_mut_checked(HEADER)
            .ok_or(TlsError::Protocol)?;
        let body = body.get_mut(..length).ok_or(TlsError::Protocol)?;
        if self.sequence >= SEALED_MAX {
            return Err(TlsError::Protocol);
        }
        let [high, low] = u16::try_from(length)
            .map_err(|_| TlsError::Protocol)?
            .to_be_bytes();
        head.copy_from_slice(&[kind::APPLICATION, 3, 3, high, low]);
        let (content, tag) = body.split_at_mut(n + 1);
        content[n] = kind;
        let nonce = self.nonce().ok_or(TlsError::Protocol)?;
        let sum = Aes128Gcm::new(&self.key.into())
            .encrypt_inout_detached(&nonce.into(), head, content.into())
            .map_err(|_| TlsError::Protocol)?;
        tag.copy_from_slice(&sum);
        Ok(HEADER + length)
    }

    /// Opens a record in place, its header included; the type of what it holds, and its length. It
    /// begins where the header ends.
    pub(super) fn open(&mut self, record: &mut [u8]) -> Result<(u8, usize), TlsError> {
        let (head, body) = record
            .split_at_mut_checked(HEADER)
            .ok_or(TlsError::Protocol)?;
        let length = body.len().checked_sub(TAG).ok_or(TlsError::Protocol)?;
        let (content, tag) = body.split_at_mut(length);
        let tag: [u8; TAG] = (&*tag).try_into().map_err(|_| TlsError::Protocol)?;
        let nonce = self.nonce().ok_or(TlsError::Protocol)?;
        Aes128Gcm::new(&self.key.into())
            .decrypt_inout_detached(&nonce.into(), head, content.into(), &tag.into())
            .map_err(|_| TlsError::Protocol)?;
        // §5.4: zeros behind the type are padding; a record without a type is an error.
        let last = content.iter().rposition(|byte| *byte != 0);
        // §5.1: not more than 16 KiB of content.
        let last = last.filter(|last| *last <= 16384);
        let last = last.ok_or(TlsError::Protocol)?;
        Ok((content[last], last))
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.secret.zeroize();
        self.key.zeroize();
        self.iv.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_can_be_opened_once_and_unchanged() {
        let mut room = [0_u8; 64];
        room[HEADER..HEADER + 5].copy_from_slice(b"hello");
        let length = Keys::new([3; 32])
            .seal(&mut room, 5, kind::APPLICATION)
            .expect("there is room");
        assert_eq!(length, HEADER + 5 + TRAILER);
        for changed in 0..length {
            let mut copy = room;
            copy[changed] ^= 1;
            assert!(Keys::new([3; 32]).open(&mut copy[..length]).is_err());
        }
        let mut keys = Keys::new([3; 32]);
        let mut again = room;
        assert_eq!(keys.open(&mut room[..length]), Ok((kind::APPLICATION, 5)));
        assert_eq!(&room[HEADER..HEADER + 5], b"hello");
        // The number of the record is part of what is sealed.
        assert!(keys.open(&mut again[..length]).is_err());
    }

    #[test]
    fn an_empty_record_and_one_of_zeros_are_errors() {
        let mut keys = Keys::new([1; 32]);
        assert!(keys.open(&mut [23, 3, 3, 0, 0]).is_err());
        assert!(keys.open(&mut [0; HEADER + TAG]).is_err());
        // Content type 0 and no content: only padding.
        let mut room = [0; HEADER + TRAILER];
        let length = Keys::new([1; 32]).seal(&mut room, 0, 0).expect("room");
        assert!(Keys::new([1; 32]).open(&mut room[..length]).is_err());
    }

    #[test]
    fn headers_are_checked() {
        assert_eq!(header([22, 3, 1, 0, 9]), Ok((22, 9)));
        assert!(header([22, 2, 1, 0, 9]).is_err());
        assert!(header([24, 3, 3, 0, 9]).is_err());
        assert!(header([23, 3, 3, 0, 0]).is_err());
        assert!(header([23, 3, 3, 0x41, 0x01]).is_err());
        assert!(header([23, 3, 3, 0x41, 0x00]).is_ok());
        assert!(header(*b"HTTP/").is_err());
    }
}
