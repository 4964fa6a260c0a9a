//! Length and SHA-256 of what comes.

use defmt::Format;
use muxfer_core::easy::{Sink, Taken};
use sha2::{Digest as _, Sha256};

/// What came so far.
#[derive(Clone, Default)]
pub struct Digest {
    length: u32,
    hash: Sha256,
}

impl Digest {
    /// A piece more.
    pub fn update(&mut self, bytes: &[u8]) {
        self.length = self
            .length
            .wrapping_add(u32::try_from(bytes.len()).unwrap_or(0));
        self.hash.update(bytes);
    }

    /// How much came, and the digest of it.
    #[must_use]
    pub fn finish(self) -> (u32, Sum) {
        (self.length, Sum(self.hash.finalize().into()))
    }
}

impl Sink for Digest {
    fn write(&mut self, bytes: &[u8]) -> Taken {
        self.update(bytes);
        Taken::All
    }
}

/// A digest, in hexadecimal digits when printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sum(pub [u8; 32]);

impl Format for Sum {
    fn format(&self, f: defmt::Formatter<'_>) {
        for byte in self.0 {
            defmt::write!(f, "{=u8:02x}", byte);
        }
    }
}
