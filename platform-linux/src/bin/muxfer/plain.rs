//! In the place of `secure.rs` where the program is built without HTTPS.

use clap::Args;
use muxfer_core::Error;
use muxfer_linux::Backend;

use crate::failure::Failure;

/// The platform of this program.
pub(crate) type Platform = Backend;

/// No options.
#[derive(Args, Debug, Clone)]
pub(crate) struct SecureArgs {}

/// Nothing is secured.
#[derive(Debug)]
pub(crate) struct Security;

impl Security {
    #[expect(clippy::unnecessary_wraps, reason = "with HTTPS it can fail")]
    pub(crate) const fn new(_args: &SecureArgs) -> Result<Self, Failure> {
        Ok(Self)
    }

    pub(crate) const fn warning(&self) -> Option<&'static str> {
        None
    }

    pub(crate) fn around(&self, backend: Backend) -> Platform {
        backend
    }

    pub(crate) const fn count(&self, _platform: &Platform) {}

    pub(crate) const fn summary(&self) -> String {
        String::new()
    }
}

/// Nothing more is known.
pub(crate) const fn explain(_platform: &Platform, _url: &str, _error: Error) -> Option<String> {
    None
}
