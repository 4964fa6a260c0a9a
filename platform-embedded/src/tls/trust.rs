//! Whom to trust: roots, pinned keys, or both.

use heapless::Vec;
use muxfer_core::net::TlsError;
use pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, TrustAnchor, UnixTime};
use sha2::{Digest, Sha256};
use webpki::{EndEntityCert, KeyUsage, RawPublicKeyEntity};

use super::algorithms::{ALL, SCHEMES};
use super::reader::Reader;

/// The SHA-256 of a certificate's `SubjectPublicKeyInfo`, as `CURLOPT_PINNEDPUBLICKEY` has it.
pub type Pin = [u8; 32];

/// The most certificates between the server's and a root that are looked at. It bounds how many
/// signatures a server can make us check.
pub const MAX_INTERMEDIATES: usize = 3;

/// The longest `SubjectPublicKeyInfo` of the keys that are accepted: P-384, not compressed.
const KEY_BYTES: usize = 120;

/// Whom a secured connection trusts. [`Target::settings`](muxfer_core::platform::Target) says which
/// of several.
///
/// Without roots and without pins nobody is trusted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings<'a> {
    roots: &'a [TrustAnchor<'a>],
    pins: &'a [Pin],
}

impl<'a> Settings<'a> {
    /// Servers for which one of these roots vouches: the chain of signatures, dates, names, purpose
    /// and constraints are checked. It needs the time.
    #[must_use]
    pub const fn roots(roots: &'a [TrustAnchor<'a>]) -> Self {
        Self { roots, pins: &[] }
    }

    /// Servers that have one of these keys, whatever else their certificates say: no name, no date, no
    /// issuer is looked at, and no clock is needed. A server that loses its key is lost, too, so
    /// pin a second key that is kept elsewhere.
    #[must_use]
    pub const fn pins(pins: &'a [Pin]) -> Self {
        Self { roots: &[], pins }
    }

    /// Servers that satisfy both.
    #[must_use]
    pub const fn roots_and_pins(roots: &'a [TrustAnchor<'a>], pins: &'a [Pin]) -> Self {
        Self { roots, pins }
    }
}

/// The key of a server whose certificate was accepted.
pub(super) struct ServerKey(Vec<u8, KEY_BYTES, u8>);

/// Reads a `Certificate` message without its header, and decides.
pub(super) fn check(
    message: &[u8],
    host: &str,
    unix_time: Option<u64>,
    settings: &Settings<'_>,
) -> Result<ServerKey, TlsError> {
    let (leaf, intermediates) = read_certificates(message)?;
    judge(&leaf, &intermediates, host, unix_time, settings)
}

/// Decides about a server's certificate.
pub(super) fn judge(
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    host: &str,
    unix_time: Option<u64>,
    settings: &Settings<'_>,
) -> Result<ServerKey, TlsError> {
    let cert = EndEntityCert::try_from(leaf).map_err(|error| reason(&error))?;
    let key = find_key(leaf).ok_or(TlsError::BadCertificate)?;
    if settings.roots.is_empty() && settings.pins.is_empty() {
        return Err(TlsError::UnknownIssuer);
    }
    if !settings.roots.is_empty() {
        let seconds = unix_time.ok_or(TlsError::Settings)?;
        let time = UnixTime::since_unix_epoch(core::time::Duration::from_secs(seconds));
        let name = ServerName::try_from(host).map_err(|_| TlsError::HostName)?;
        cert.verify_for_usage(
            ALL,
            settings.roots,
            intermediates,
            time,
            KeyUsage::server_auth(),
            None,
            None,
        )
        .map_err(|error| reason(&error))?;
        cert.verify_is_valid_for_subject_name(&name)
            .map_err(|error| reason(&error))?;
    }
    if !settings.pins.is_empty() {
        let pin: Pin = Sha256::digest(key).into();
        if !settings.pins.contains(&pin) {
            return Err(TlsError::PinMismatch);
        }
    }
    // A key that is longer is none that we could use.
    let key = Vec::from_slice(key).map_err(|_| TlsError::WeakSignature)?;
    Ok(ServerKey(key))
}

impl ServerKey {
    /// Was this `CertificateVerify`, without its header, made with the key, over a transcript of
    /// this hash (RFC 8446 §4.4.3)?
    pub(super) fn verify(&self, message: &[u8], transcript: &[u8; 32]) -> Result<(), TlsError> {
        const CONTEXT: &[u8] = b"TLS 1.3, server CertificateVerify\0";
        const SPACES: usize = 64;
        let mut message = Reader(message);
        let scheme = message.u16()?;
        let signature = message.vector(2)?;
        message.end()?;
        let known = SCHEMES.iter().find(|(code, _)| *code == scheme);
        let (_, algorithm) = known.ok_or(TlsError::WeakSignature)?;
        let mut signed = [b' '; SPACES + CONTEXT.len() + 32];
        signed[SPACES..SPACES + CONTEXT.len()].copy_from_slice(CONTEXT);
        signed[SPACES + CONTEXT.len()..].copy_from_slice(transcript);
        let key = SubjectPublicKeyInfoDer::from(self.0.as_slice());
        let key = RawPublicKeyEntity::try_from(&key).map_err(|error| reason(&error))?;
        key.verify_signature(*algorithm, &signed, signature.0)
            .map_err(|error| reason(&error))
    }
}

type Chain<'m> = (
    CertificateDer<'m>,
    Vec<CertificateDer<'m>, MAX_INTERMEDIATES>,
);

/// The server's certificate and those that it sends along (§4.4.2).
fn read_certificates(message: &[u8]) -> Result<Chain<'_>, TlsError> {
    let mut message = Reader(message);
    // The context is for certificates of clients.
    message.vector(1)?.end()?;
    let mut entries = message.vector(3)?;
    message.end()?;
    let mut entry = || -> Result<_, TlsError> {
        if entries.is_empty() {
            return Ok(None);
        }
        let der = entries.vector(3)?;
        // No extension of a certificate was offered.
        entries.vector(2)?.end()?;
        Ok(Some(CertificateDer::from(der.0)))
    };
    let leaf = entry()?.ok_or(TlsError::BadCertificate)?;
    let mut intermediates = Vec::new();
    while let Some(der) = entry()? {
        // What is too much may be superfluous; else the chain has a gap, and that is an error.
        let _ = intermediates.push(der);
    }
    Ok((leaf, intermediates))
}

/// The `SubjectPublicKeyInfo` of a certificate (RFC 5280 §4.1), with its header.
pub(super) fn find_key(certificate: &[u8]) -> Option<&[u8]> {
    const SEQUENCE: u8 = 0x30;
    const VERSION: u8 = 0xa0;
    // The certificate, and in it what is signed.
    let (outer, _) = Element::read(certificate)?;
    let (signed, _) = Element::read(outer.content)?;
    if outer.tag != SEQUENCE || signed.tag != SEQUENCE {
        return None;
    }
    let (mut element, mut rest) = Element::read(signed.content)?;
    if element.tag == VERSION {
        (element, rest) = Element::read(rest)?;
    }
    // Serial number, signature, issuer, validity, subject, and then the key.
    for _ in 0..5 {
        (element, rest) = Element::read(rest)?;
    }
    (element.tag == SEQUENCE).then_some(element.whole)
}

/// An element of DER.
struct Element<'d> {
    tag: u8,
    content: &'d [u8],
    whole: &'d [u8],
}

impl<'d> Element<'d> {
    /// The element at the front, and what follows it.
    fn read(der: &'d [u8]) -> Option<(Self, &'d [u8])> {
        let [tag, first, ..] = *der else { return None };
        let more = usize::from(first & 0x7f);
        let (length, start) = match first {
            0..=0x7f => (more, 2),
            0x81..=0x83 => {
                let bytes = der.get(2..2 + more)?;
                let length = bytes
                    .iter()
                    .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
                (length, 2 + more)
            }
            _ => return None,
        };
        let (whole, rest) = der.split_at_checked(start + length)?;
        let content = whole.get(start..)?;
        Some((
            Self {
                tag,
                content,
                whole,
            },
            rest,
        ))
    }
}

/// What an error of webpki comes to.
fn reason(error: &webpki::Error) -> TlsError {
    use webpki::Error as E;
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "an enum of others that may grow"
    )]
    match error {
        E::CertExpired { .. } => TlsError::Expired,
        E::CertNotValidYet { .. } => TlsError::NotYetValid,
        E::CertNotValidForName(_) => TlsError::WrongName,
        E::UnknownIssuer => TlsError::UnknownIssuer,
        E::InvalidSignatureForPublicKey => TlsError::BadSignature,
        E::UnsupportedSignatureAlgorithmContext(_)
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => TlsError::WeakSignature,
        E::RequiredEkuNotFoundContext(_) => TlsError::WrongUsage,
        E::CaUsedAsEndEntity
        | E::EndEntityUsedAsCa
        | E::NameConstraintViolation
        | E::PathLenConstraintViolated
        | E::MaximumPathDepthExceeded
        | E::MaximumPathBuildCallsExceeded
        | E::MaximumSignatureChecksExceeded
        | E::MaximumNameConstraintComparisonsExceeded => TlsError::Constraint,
        _ => TlsError::BadCertificate,
    }
}
