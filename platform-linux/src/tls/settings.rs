//! What a program may ask of secured connections.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Where certificates of authorities come from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RootSource {
    /// The system's: what `SSL_CERT_FILE` and `SSL_CERT_DIR` name, else where distributions keep
    /// them. With the feature `webpki-roots` Mozilla's, if the system has none.
    System,
    /// All certificates of a file in PEM.
    File(PathBuf),
    /// All certificates of all files in PEM of a folder. It need not be hashed.
    Folder(PathBuf),
    /// Certificates in PEM.
    Pem(Vec<u8>),
}

/// A version of the protocol. Older ones are not spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

/// The SHA-256 of the `SubjectPublicKeyInfo` of a certificate, as `CURLOPT_PINNEDPUBLICKEY` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PinnedKey(pub [u8; 32]);

/// The text is no pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAPin;

impl fmt::Display for NotAPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a pin is sha256// and the base64 of a SHA-256")
    }
}

impl std::error::Error for NotAPin {}

impl FromStr for PinnedKey {
    type Err = NotAPin;

    /// `sha256//` and 44 letters of base64.
    fn from_str(text: &str) -> Result<Self, NotAPin> {
        let code = text.strip_prefix("sha256//").ok_or(NotAPin)?;
        let bytes = STANDARD.decode(code).map_err(|_| NotAPin)?;
        bytes.try_into().map(Self).map_err(|_| NotAPin)
    }
}

impl fmt::Display for PinnedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256//{}", STANDARD.encode(self.0))
    }
}

/// A certificate of ours and its key, both in PEM. The chain of the certificate may follow it.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// What the messages call it, such as the name of its file.
    pub name: String,
    /// The certificate, and those that vouch for it.
    pub certificate: Vec<u8>,
    /// PKCS #8, PKCS #1 or SEC 1, not encrypted.
    pub key: Vec<u8>,
}

impl fmt::Debug for Identity {
    /// The key is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// How connections are secured. Transfers with different settings never share a connection or a
/// ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// Who may vouch for a peer: all of these together.
    pub roots: Vec<RootSource>,
    /// Revoked certificates: lists in PEM. With a list, each certificate of a chain must be covered
    /// by one.
    pub revoked: Vec<Vec<u8>>,
    /// What we show if we are asked who we are.
    pub identity: Option<Identity>,
    /// If there are any: the peer's key must be one of these, whoever vouches for it.
    pub pins: Vec<PinnedKey>,
    /// Whether the peer is told which host is meant: yes. Many serve nothing without it.
    pub sni: bool,
    /// The protocols that are offered (ALPN): `http/1.1`. Empty: none is asked for.
    pub alpn: Vec<Vec<u8>>,
    /// The oldest version: 1.2.
    pub min: TlsVersion,
    /// The newest version: 1.3.
    pub max: TlsVersion,
    /// Whether a later connection resumes the session of an earlier one: yes.
    pub resume: bool,
    /// **Dangerous.** Any certificate of any peer will do, so whoever is in between can read and
    /// change all. Pins hold nevertheless.
    pub insecure: bool,
}

impl Default for TlsSettings {
    fn default() -> Self {
        Self {
            roots: vec![RootSource::System],
            revoked: Vec::new(),
            identity: None,
            pins: Vec::new(),
            sni: true,
            alpn: vec![b"http/1.1".to_vec()],
            min: TlsVersion::Tls12,
            max: TlsVersion::Tls13,
            resume: true,
            insecure: false,
        }
    }
}

/// Which part of the settings can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsPart {
    /// Certificates of authorities.
    Roots,
    /// Lists of revoked certificates.
    Revoked,
    /// Our certificate or its key.
    Identity,
    /// The versions.
    Versions,
}

/// Settings that can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadTlsSettings {
    /// Which part.
    pub part: TlsPart,
    /// What is wrong with it.
    pub why: String,
}

impl BadTlsSettings {
    pub(super) fn new(part: TlsPart, why: impl Into<String>) -> Self {
        let why = why.into();
        Self { part, why }
    }

    /// The `CURLcode` that libcurl gives for the same trouble.
    #[must_use]
    pub const fn curl_code(&self) -> u8 {
        match self.part {
            TlsPart::Roots => 77,
            TlsPart::Revoked => 82,
            TlsPart::Identity => 58,
            TlsPart::Versions => 35,
        }
    }
}

impl fmt::Display for BadTlsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for BadTlsSettings {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_are_written_as_curl_writes_them() {
        let text = "sha256//AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let pin: PinnedKey = text.parse().unwrap();
        assert_eq!(pin.0[31], 31);
        assert_eq!(pin.to_string(), text);
        for bad in ["", "sha256//", "sha256//AAEC", "sha1//AAEC", &text[8..]] {
            assert_eq!(bad.parse::<PinnedKey>(), Err(NotAPin), "{bad}");
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        let identity = Identity {
            name: "me.pem".into(),
            certificate: b"public".to_vec(),
            key: b"secret".to_vec(),
        };
        assert_eq!(format!("{identity:?}"), "Identity { name: \"me.pem\", .. }");
    }
}
