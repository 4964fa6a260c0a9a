//! Who the peer is: the chain of its certificate, and pins.

use std::cell::Cell;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};

use super::fault::Asked;
use super::settings::PinnedKey;

thread_local! {
    /// Whether the peer has asked for a certificate of ours since this was cleared. rustls tells it
    /// to the configuration, which does not know of which connection it is told.
    static ASKED: Cell<Asked> = const { Cell::new(Asked::No) };
}

/// The peer asks for a certificate of ours.
pub(super) fn note_question(asked: Asked) {
    ASKED.set(asked);
}

/// What became of the question for a certificate of ours since the last call, in this thread.
pub(super) fn take_question() -> Asked {
    ASKED.replace(Asked::No)
}

/// None of the pins is that of this key.
#[derive(Clone, Debug)]
pub(super) struct NotPinned(pub(super) PinnedKey);

impl std::fmt::Display for NotPinned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "its key is {}", self.0)
    }
}

impl std::error::Error for NotPinned {}

/// A certificate that nobody vouches for but itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct SelfSigned;

impl std::fmt::Display for SelfSigned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("self-signed")
    }
}

impl std::error::Error for SelfSigned {}

/// The check of a peer's certificate.
#[derive(Debug)]
pub(super) struct Verifier {
    /// `None`: anybody will do.
    chain: Option<Arc<WebPkiServerVerifier>>,
    pins: Vec<PinnedKey>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    pub(super) const fn new(
        chain: Option<Arc<WebPkiServerVerifier>>,
        pins: Vec<PinnedKey>,
        algorithms: WebPkiSupportedAlgorithms,
    ) -> Self {
        Self {
            chain,
            pins,
            algorithms,
        }
    }

    /// Does it matter which key the peer holds? Otherwise even a certificate that can't be read
    /// will do.
    fn trusts_anybody(&self) -> bool {
        self.chain.is_none() && self.pins.is_empty()
    }

    fn check_pins(&self, end_entity: &CertificateDer<'_>) -> Result<(), Error> {
        if self.pins.is_empty() {
            return Ok(());
        }
        let parsed = ParsedCertificate::try_from(end_entity)?;
        let key = key_of(parsed.subject_public_key_info().as_ref())?;
        if self.pins.contains(&key) {
            Ok(())
        } else {
            let why = OtherError(Arc::new(NotPinned(key)));
            Err(CertificateError::Other(why).into())
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(chain) = &self.chain {
            chain
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
                .map_err(|error| more_of(error, end_entity))?;
        }
        self.check_pins(end_entity)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.trusts_anybody() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.trusts_anybody() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// A certificate that names itself as its issuer deserves another word than one of an authority that
/// is not known.
fn more_of(error: Error, end_entity: &CertificateDer<'_>) -> Error {
    let Error::InvalidCertificate(why) = &error else {
        return error;
    };
    let unknown = if let CertificateError::Other(OtherError(why)) = why {
        matches!(why.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
    } else {
        *why == CertificateError::UnknownIssuer
    };
    let of_itself = webpki::EndEntityCert::try_from(end_entity)
        .is_ok_and(|parsed| parsed.issuer() == parsed.subject());
    if unknown && of_itself {
        CertificateError::Other(OtherError(Arc::new(SelfSigned))).into()
    } else {
        error
    }
}

/// The pin of this key, by the hash of one of the provider's cipher suites.
fn key_of(public_key_info: &[u8]) -> Result<PinnedKey, Error> {
    let provider = super::provider::provider();
    let digest = provider
        .cipher_suites
        .iter()
        .filter_map(rustls::SupportedCipherSuite::tls13)
        .map(|suite| suite.common.hash_provider.hash(public_key_info))
        .find_map(|digest| digest.as_ref().try_into().ok());
    digest
        .map(PinnedKey)
        .ok_or_else(|| Error::General(String::from("the provider has no SHA-256")))
}
