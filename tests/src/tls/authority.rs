//! Authorities, and the certificates that they issue, good and bad.

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CertificateRevocationListParams,
    DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair,
    KeyUsagePurpose, RevocationReason, RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// Who issues certificates.
#[derive(Debug)]
pub struct Authority {
    params: CertificateParams,
    key: KeyPair,
    certificate: Certificate,
    /// The certificates between it and a root, itself first; empty for a root.
    above: Vec<CertificateDer<'static>>,
}

/// A certificate with its key.
#[derive(Debug)]
pub struct Issued {
    /// It, and those above it but for the root.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its key.
    pub key: KeyPair,
    /// It in PEM, with those above it.
    pub pem: String,
}

impl Issued {
    /// Its key, as rustls takes it.
    #[must_use]
    pub fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.serialize_der()).into()
    }
}

/// A name of this text.
fn named(name: &str) -> DistinguishedName {
    let mut named = DistinguishedName::new();
    named.push(DnType::CommonName, name);
    named
}

fn new_key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

/// How an authority looks before it is changed.
fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    params
}

impl Authority {
    /// A root.
    ///
    /// # Panics
    /// The system has no random numbers.
    #[must_use]
    pub fn root(name: &str) -> Self {
        Self::root_with(name, |_| {})
    }

    /// A root that is changed by this before it signs itself.
    ///
    /// # Panics
    /// The change can't be encoded.
    #[must_use]
    pub fn root_with(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = authority(name);
        change(&mut params);
        let key = new_key();
        let certificate = params.self_signed(&key).expect("a root");
        Self {
            params,
            key,
            certificate,
            above: Vec::new(),
        }
    }

    /// An authority below this one.
    ///
    /// # Panics
    /// The change can't be encoded.
    #[must_use]
    pub fn below(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = authority(name);
        change(&mut params);
        let key = new_key();
        let issuer = Issuer::from_params(&self.params, &self.key);
        let certificate = params.signed_by(&key, &issuer).expect("an authority");
        let mut above = vec![certificate.der().clone()];
        above.extend(self.above.iter().cloned());
        Self {
            params,
            key,
            certificate,
            above,
        }
    }

    /// One that claims to be this one, with a key of its own.
    #[must_use]
    pub fn impostor(&self) -> Self {
        let key = new_key();
        let mut params = self.params.clone();
        // The same in all that a chain is built by.
        params.key_identifier_method =
            KeyIdMethod::PreSpecified(self.params.key_identifier(&self.key));
        let certificate = params.self_signed(&key).expect("a root");
        Self {
            params,
            key,
            certificate,
            above: Vec::new(),
        }
    }

    /// A certificate of a server, changed by this before it is signed.
    ///
    /// # Panics
    /// The change can't be encoded.
    pub fn issue(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Issued {
        let mut params = server(names);
        change(&mut params);
        let key = new_key();
        let issuer = Issuer::from_params(&self.params, &self.key);
        let certificate = params.signed_by(&key, &issuer).expect("a certificate");
        let mut pem = certificate.pem();
        let mut chain = vec![certificate.der().clone()];
        chain.extend(self.above.iter().cloned());
        if !self.above.is_empty() {
            pem.push_str(&self.certificate.pem());
        }
        Issued { chain, key, pem }
    }

    /// A certificate that nobody vouches for.
    ///
    /// # Panics
    /// The change can't be encoded.
    pub fn nobody(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Issued {
        let mut params = server(names);
        change(&mut params);
        let key = new_key();
        let certificate = params.self_signed(&key).expect("a certificate");
        Issued {
            chain: vec![certificate.der().clone()],
            pem: certificate.pem(),
            key,
        }
    }

    /// Its own certificate and key, as one that a server shows.
    ///
    /// # Panics
    /// The key can't be copied.
    #[must_use]
    pub fn as_server(&self) -> Issued {
        Issued {
            chain: vec![self.certificate.der().clone()],
            key: KeyPair::try_from(self.key.serialize_der()).expect("its own key"),
            pem: self.certificate.pem(),
        }
    }

    /// Its certificate in PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// Its certificate.
    #[must_use]
    pub fn der(&self) -> CertificateDer<'static> {
        self.certificate.der().clone()
    }

    /// A list in PEM of the certificates that it has revoked, by their serial numbers.
    ///
    /// # Panics
    /// The list can't be encoded.
    #[must_use]
    pub fn revokes(&self, serials: &[u64], expired: bool) -> String {
        let revoked = serials.iter().map(|&serial| RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(if expired { 2021 } else { 2100 }, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let issuer = Issuer::from_params(&self.params, &self.key);
        let list = list.signed_by(&issuer).expect("a list");
        list.pem().expect("PEM")
    }
}

/// How a server's certificate looks before it is changed.
fn server(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names");
    params.distinguished_name = named("a server");
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

impl Issued {
    /// Names that `CertificateParams::new` would refuse, or take for addresses.
    ///
    /// # Panics
    /// They are not ASCII.
    #[must_use]
    pub fn raw_names(names: &[&str]) -> Vec<SanType> {
        names
            .iter()
            .map(|&name| SanType::DnsName(name.try_into().expect("ASCII")))
            .collect()
    }
}
