//! muxfer's own check of certificates (its very files) as a verifier of embedded-tls.

#![allow(dead_code, reason = "each image uses its own part of these files")]

#[path = "../../src/tls/algorithms.rs"]
mod algorithms;
#[path = "../../src/tls/reader.rs"]
mod reader;
#[path = "../../src/tls/trust.rs"]
mod trust;

use embedded_tls::{
    CertificateEntryRef, CertificateRef, CertificateVerifyRef, SignatureScheme, TlsCipherSuite,
    TlsError, TlsVerifier,
};
use heapless::Vec;
use pki_types::CertificateDer;
use sha2::{Digest, Sha256};
#[allow(unused_imports, reason = "the fault tables of `host` take the file without these")]
pub use trust::{Pin, Settings};

/// The `SubjectPublicKeyInfo` of a certificate.
#[must_use]
pub fn find_key(certificate: &[u8]) -> Option<&[u8]> {
    trust::find_key(certificate)
}

/// The verifier.
pub struct Verifier<'a> {
    host: &'a str,
    unix_time: u64,
    settings: Settings<'a>,
    key: Option<(trust::ServerKey, [u8; 32])>,
    /// Has the server shown that it has the key of an accepted certificate? embedded-tls itself
    /// does not insist on it, so whoever uses it must ask.
    pub verified: bool,
}

impl<'a> Verifier<'a> {
    /// A verifier for one connection.
    #[must_use]
    pub fn new(host: &'a str, unix_time: u64, settings: Settings<'a>) -> Self {
        Self {
            host,
            unix_time,
            settings,
            key: None,
            verified: false,
        }
    }
}

impl<S: TlsCipherSuite<Hash = Sha256>> TlsVerifier<S> for Verifier<'_> {
    fn set_hostname_verification(&mut self, _host: &str) -> Result<(), TlsError> {
        Ok(())
    }

    fn verify_certificate(
        &mut self,
        transcript: &Sha256,
        shown: CertificateRef<'_>,
    ) -> Result<(), TlsError> {
        if self.verified || self.key.is_some() {
            return Err(TlsError::InvalidHandshake);
        }
        let mut chain: Vec<CertificateDer<'_>, { trust::MAX_INTERMEDIATES + 1 }> = Vec::new();
        for entry in &shown.entries {
            if let CertificateEntryRef::X509(der) = entry {
                let _ = chain.push(CertificateDer::from(*der));
            }
        }
        let (leaf, between) = chain.split_first().ok_or(TlsError::InvalidCertificate)?;
        let time = Some(self.unix_time);
        let key = trust::judge(leaf, between, self.host, time, &self.settings)
            .map_err(|_| TlsError::InvalidCertificate)?;
        self.key = Some((key, transcript.clone().finalize().into()));
        Ok(())
    }

    fn verify_signature(&mut self, shown: CertificateVerifyRef<'_>) -> Result<(), TlsError> {
        let (key, transcript) = self.key.take().ok_or(TlsError::InvalidHandshake)?;
        let scheme = match shown.signature_scheme {
            SignatureScheme::EcdsaSecp256r1Sha256 => 0x0403_u16,
            _ => return Err(TlsError::InvalidSignatureScheme),
        };
        let mut message: Vec<u8, 160> = Vec::new();
        let length = u16::try_from(shown.signature.len()).unwrap_or(u16::MAX);
        let parts: [&[u8]; 3] = [&scheme.to_be_bytes(), &length.to_be_bytes(), shown.signature];
        for part in parts {
            message.extend_from_slice(part).map_err(|_| TlsError::InvalidSignature)?;
        }
        key.verify(&message, &transcript).map_err(|_| TlsError::InvalidSignature)?;
        self.verified = true;
        Ok(())
    }
}
