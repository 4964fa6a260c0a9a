//! From settings to what rustls works with: certificates are read, a store of tickets is made.

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::{
    ClientSessionMemoryCache, ResolvesClientCert, Resumption, VerifierBuilderError,
    WebPkiServerVerifier,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme, SupportedProtocolVersion, version};

use super::fault::Asked;
use super::provider::provider;
use super::settings::{BadTlsSettings, Identity, RootSource, TlsPart, TlsSettings, TlsVersion};
use super::verify::{self, Verifier};

/// How many tickets a configuration keeps, in all: those of 256 hosts.
const TICKETS: usize = 256 * 8;

/// Settings, and what was made of them. Copies share the certificates and the tickets, in any
/// thread.
#[derive(Clone)]
pub struct TlsConfig(Arc<Shared>);

struct Shared {
    settings: TlsSettings,
    made: OnceLock<Result<Arc<ClientConfig>, BadTlsSettings>>,
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TlsConfig").field(&self.0.settings).finish()
    }
}

impl TlsConfig {
    /// Nothing is read yet: that is for the first connection, or [`TlsConfig::load`].
    #[must_use]
    pub fn new(settings: TlsSettings) -> Self {
        Self(Arc::new(Shared {
            settings,
            made: OnceLock::new(),
        }))
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &TlsSettings {
        &self.0.settings
    }

    /// Reads what the settings name, if that was not done before.
    ///
    /// # Errors
    /// What can't be used.
    pub fn load(&self) -> Result<(), BadTlsSettings> {
        self.client().map(drop)
    }

    /// Do both stand for the same? Then they may share connections and tickets.
    pub(super) fn equals(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.settings == other.0.settings
    }

    pub(super) fn client(&self) -> Result<Arc<ClientConfig>, BadTlsSettings> {
        self.0.made.get_or_init(|| make(&self.0.settings)).clone()
    }
}

impl Default for TlsConfig {
    fn default() -> Self {
        Self::new(TlsSettings::default())
    }
}

fn make(settings: &TlsSettings) -> Result<Arc<ClientConfig>, BadTlsSettings> {
    let provider = provider();
    let versions = versions(settings)?;
    let algorithms = provider.signature_verification_algorithms;
    let chain = match settings.insecure {
        true => None,
        false => Some(chain_verifier(settings)?),
    };
    let verifier = Verifier::new(chain, settings.pins.clone(), algorithms);
    let identity = settings
        .identity
        .as_ref()
        .map(|identity| read_identity(identity, &provider))
        .transpose()?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|error| BadTlsSettings::new(TlsPart::Versions, error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut client = builder.with_client_cert_resolver(Arc::new(Ours(identity)));
    client.enable_sni = settings.sni;
    client.alpn_protocols = settings.alpn.clone();
    // rustls asks its store by the server's name alone, so each configuration has its own.
    client.resumption = match settings.resume {
        true => Resumption::store(Arc::new(ClientSessionMemoryCache::new(TICKETS))),
        false => Resumption::disabled(),
    };
    Ok(Arc::new(client))
}

static BOTH: &[&SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];
static ONLY_12: &[&SupportedProtocolVersion] = &[&version::TLS12];
static ONLY_13: &[&SupportedProtocolVersion] = &[&version::TLS13];

fn versions(
    settings: &TlsSettings,
) -> Result<&'static [&'static SupportedProtocolVersion], BadTlsSettings> {
    match (settings.min, settings.max) {
        (TlsVersion::Tls12, TlsVersion::Tls13) => Ok(BOTH),
        (TlsVersion::Tls12, TlsVersion::Tls12) => Ok(ONLY_12),
        (TlsVersion::Tls13, TlsVersion::Tls13) => Ok(ONLY_13),
        (TlsVersion::Tls13, TlsVersion::Tls12) => Err(BadTlsSettings::new(
            TlsPart::Versions,
            "the oldest version of TLS is newer than the newest",
        )),
    }
}

fn chain_verifier(settings: &TlsSettings) -> Result<Arc<WebPkiServerVerifier>, BadTlsSettings> {
    let mut roots = RootCertStore::empty();
    for source in &settings.roots {
        add_roots(&mut roots, source)?;
    }
    let mut lists = Vec::new();
    for pem in &settings.revoked {
        for list in CertificateRevocationListDer::pem_slice_iter(pem) {
            lists.push(list.map_err(|error| {
                BadTlsSettings::new(TlsPart::Revoked, format!("revoked certificates: {error}"))
            })?);
        }
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .with_crls(lists)
        .build()
        .map_err(|error| {
            let part = match error {
                VerifierBuilderError::InvalidCrl(_) => TlsPart::Revoked,
                VerifierBuilderError::NoRootAnchors | _ => TlsPart::Roots,
            };
            BadTlsSettings::new(part, format!("certificates of authorities: {error}"))
        })
}

fn add_roots(roots: &mut RootCertStore, source: &RootSource) -> Result<(), BadTlsSettings> {
    match source {
        RootSource::System => add_system_roots(roots),
        RootSource::File(path) => add_file(roots, path),
        RootSource::Folder(path) => add_folder(roots, path),
        RootSource::Pem(pem) => add_pem(roots, pem, "the given text"),
    }
}

fn add_system_roots(roots: &mut RootCertStore) -> Result<(), BadTlsSettings> {
    let found = rustls_native_certs::load_native_certs();
    // A system may hold some that nobody can read; the others count.
    let (added, _) = roots.add_parsable_certificates(found.certs);
    #[cfg(feature = "webpki-roots")]
    if added == 0 {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        return Ok(());
    }
    if added > 0 {
        return Ok(());
    }
    let first = found.errors.first().map(ToString::to_string);
    let why = first.unwrap_or_else(|| String::from("none are installed (ca-certificates)"));
    let why = format!("the system's certificates of authorities: {why}");
    Err(BadTlsSettings::new(TlsPart::Roots, why))
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), BadTlsSettings> {
    let name = path.display();
    let pem = fs::read(path).map_err(|error| {
        BadTlsSettings::new(TlsPart::Roots, format!("can't read {name}: {error}"))
    })?;
    add_pem(roots, &pem, &name.to_string())
}

/// All files of the folder that hold certificates; the others don't matter, as to OpenSSL.
fn add_folder(roots: &mut RootCertStore, path: &Path) -> Result<(), BadTlsSettings> {
    let name = path.display();
    let wrong = |why: String| BadTlsSettings::new(TlsPart::Roots, why);
    let entries =
        fs::read_dir(path).map_err(|error| wrong(format!("can't read {name}: {error}")))?;
    let before = roots.len();
    for entry in entries {
        let entry = entry.map_err(|error| wrong(format!("can't read {name}: {error}")))?;
        if entry.path().is_file() {
            // What is no certificate is skipped.
            let _ = add_file(roots, &entry.path());
        }
    }
    if roots.len() > before {
        Ok(())
    } else {
        Err(wrong(format!("{name} holds no certificate in PEM")))
    }
}

fn add_pem(roots: &mut RootCertStore, pem: &[u8], name: &str) -> Result<(), BadTlsSettings> {
    let wrong = |why: String| BadTlsSettings::new(TlsPart::Roots, format!("{name}: {why}"));
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| wrong(error.to_string()))?;
        count += 1;
    }
    if count == 0 {
        return Err(wrong(String::from("it holds no certificate in PEM")));
    }
    Ok(())
}

fn read_identity(
    identity: &Identity,
    provider: &rustls::crypto::CryptoProvider,
) -> Result<Arc<CertifiedKey>, BadTlsSettings> {
    let wrong =
        |why: String| BadTlsSettings::new(TlsPart::Identity, format!("{}: {why}", identity.name));
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&identity.certificate)
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(error.to_string()))?;
    if chain.is_empty() {
        return Err(wrong(String::from("it holds no certificate in PEM")));
    }
    let key = PrivateKeyDer::from_pem_slice(&identity.key)
        .map_err(|error| wrong(format!("the private key: {error}")))?;
    let certified =
        CertifiedKey::from_der(chain, key, provider).map_err(|error| wrong(error.to_string()))?;
    Ok(Arc::new(certified))
}

/// Our certificate, if we have one. It notes that we were asked.
#[derive(Debug)]
struct Ours(Option<Arc<CertifiedKey>>);

impl ResolvesClientCert for Ours {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        _sigschemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        verify::note_question(match self.0 {
            Some(_) => Asked::Shown,
            None => Asked::InVain,
        });
        self.0.clone()
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}
