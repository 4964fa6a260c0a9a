//! SHA-256, with its code at one place.

use sha2::{Digest as _, Sha256};

/// A hash that takes its bytes in pieces.
///
/// The functions stay functions: the crate's are generic, and would stand where each is called.
pub(super) struct Hash(Sha256);

impl Hash {
    #[inline(never)]
    pub(super) fn new() -> Self {
        Self(Sha256::new())
    }

    #[inline(never)]
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all that was put in. It is empty afterwards.
    #[inline(never)]
    pub(super) fn finish(&mut self) -> [u8; 32] {
        self.0.finalize_reset().into()
    }
}
