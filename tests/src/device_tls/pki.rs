//! Chains of certificates: a root, one authority between or none, and a server's, each of which can be
//! made wrong.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType, SignatureAlgorithm, date_time_ymd,
};

/// The time of all tests: 2026-06-01, in seconds since 1970.
pub const NOW: u64 = 1_780_272_000;

/// What a server shows, and the root that a client trusts.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The server's certificate, and what it sends along.
    pub chain: Vec<Vec<u8>>,
    /// The server's key, in PKCS #8.
    pub key: Vec<u8>,
    /// The certificate of the root.
    pub root: Vec<u8>,
}

/// What is signed with which key, before it is signed.
pub struct Plan {
    /// The root.
    pub root: CertificateParams,
    /// An authority between, if there is one.
    pub middle: Option<CertificateParams>,
    /// The server.
    pub leaf: CertificateParams,
    /// Is the authority between sent along?
    pub send_middle: bool,
    /// The kind of the root's key.
    pub root_key: &'static SignatureAlgorithm,
    /// The kind of the server's key.
    pub leaf_key: &'static SignatureAlgorithm,
}

/// An authority of this name.
#[must_use]
pub fn authority(name: &str) -> CertificateParams {
    let mut params = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// A certificate that is valid at [`NOW`].
fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    params.distinguished_name = distinguished;
    params.not_before = date_time_ymd(2025, 1, 1);
    params.not_after = date_time_ymd(2030, 1, 1);
    params
}

/// A DNS name as it stands in a certificate, sound or not.
#[must_use]
pub fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().expect("ASCII"))
}

/// An address as it stands in a certificate.
#[must_use]
pub fn ip(address: &str) -> SanType {
    SanType::IpAddress(address.parse().expect("an address"))
}

impl Plan {
    /// A sound chain for these names, signed by the root.
    #[must_use]
    pub fn new(names: Vec<SanType>) -> Self {
        let mut leaf = named("a server");
        leaf.subject_alt_names = names;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        Self {
            root: authority("a root"),
            middle: None,
            leaf,
            send_middle: true,
            root_key: &rcgen::PKCS_ECDSA_P256_SHA256,
            leaf_key: &rcgen::PKCS_ECDSA_P256_SHA256,
        }
    }

    /// The same with an authority between.
    #[must_use]
    pub fn with_middle(names: Vec<SanType>) -> Self {
        let mut plan = Self::new(names);
        plan.middle = Some(authority("an authority"));
        plan
    }

    /// Signs it all.
    #[must_use]
    pub fn sign(self) -> Credentials {
        let key = |kind| KeyPair::generate_for(kind).expect("a key");
        let root_key = key(self.root_key);
        let leaf_key = key(self.leaf_key);
        let root = self.root.self_signed(&root_key).expect("a root");
        let root_issuer = Issuer::from_params(&self.root, &root_key);
        let mut chain = Vec::new();
        if let Some(middle) = &self.middle {
            let middle_key = key(self.root_key);
            let issuer = Issuer::from_params(middle, &middle_key);
            let leaf = self.leaf.signed_by(&leaf_key, &issuer).expect("a leaf");
            chain.push(leaf.der().to_vec());
            if self.send_middle {
                let signed = middle.signed_by(&middle_key, &root_issuer);
                chain.push(signed.expect("an authority").der().to_vec());
            }
        } else {
            let leaf = self.leaf.signed_by(&leaf_key, &root_issuer);
            chain.push(leaf.expect("a leaf").der().to_vec());
        }
        Credentials {
            chain,
            key: leaf_key.serialize_der(),
            root: root.der().to_vec(),
        }
    }

    /// Signs the server's certificate with its own key; the root knows nothing of it.
    #[must_use]
    pub fn sign_itself(self) -> Credentials {
        let key = KeyPair::generate_for(self.leaf_key).expect("a key");
        let leaf = self.leaf.self_signed(&key).expect("a leaf");
        let chain = vec![leaf.der().to_vec()];
        let key = key.serialize_der();
        Credentials {
            chain,
            key,
            root: self.sign().root,
        }
    }
}

impl Credentials {
    /// Turns one bit of the signature of a certificate of the chain.
    #[must_use]
    pub fn with_broken_signature(mut self, nth: usize) -> Self {
        let certificate = &mut self.chain[nth];
        let last = certificate.len() - 1;
        certificate[last] ^= 1;
        self
    }

    /// The key of another server.
    #[must_use]
    pub fn with_other_key(mut self) -> Self {
        self.key = KeyPair::generate().expect("a key").serialize_der();
        self
    }
}
