//! Whose cryptography is used.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

/// The provider that was chosen when this was built.
#[cfg(feature = "tls-ring")]
fn chosen() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

#[cfg(all(feature = "tls-aws-lc", not(feature = "tls-ring")))]
fn chosen() -> CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
}

#[cfg(all(
    feature = "tls-graviola",
    not(any(feature = "tls-ring", feature = "tls-aws-lc"))
))]
fn chosen() -> CryptoProvider {
    rustls_graviola::default_provider()
}

#[cfg(not(any(feature = "tls-ring", feature = "tls-aws-lc", feature = "tls-graviola")))]
compile_error!("HTTPS needs a provider: tls-ring, tls-aws-lc or tls-graviola");

/// The name of the provider that was chosen when this was built.
pub const TLS_PROVIDER: &str = if cfg!(feature = "tls-ring") {
    "ring"
} else if cfg!(feature = "tls-aws-lc") {
    "aws-lc-rs"
} else {
    "graviola"
};

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(chosen())
}
