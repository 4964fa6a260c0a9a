//! The providers of cryptography that were built in.

#![cfg(feature = "tls")]

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore};

/// The provider of this name, if it was built in.
#[must_use]
pub fn provider(name: &str) -> Option<CryptoProvider> {
    match name {
        #[cfg(feature = "aws-lc-rs")]
        "aws-lc-rs" => Some(rustls::crypto::aws_lc_rs::default_provider()),
        #[cfg(feature = "ring")]
        "ring" => Some(rustls::crypto::ring::default_provider()),
        #[cfg(feature = "graviola")]
        "graviola" => Some(rustls_graviola::default_provider()),
        _ => None,
    }
}

/// Whichever was built in.
#[must_use]
pub fn any() -> Option<CryptoProvider> {
    ["aws-lc-rs", "ring", "graviola"]
        .into_iter()
        .find_map(provider)
}

/// A client that speaks the versions which muxfer speaks and trusts these roots.
///
/// # Errors
/// The provider can do neither TLS 1.2 nor 1.3.
pub fn client(
    provider: CryptoProvider,
    roots: RootCertStore,
) -> Result<ClientConfig, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(provider));
    let builder = builder.with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
