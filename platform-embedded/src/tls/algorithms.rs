//! The kinds of signatures that are accepted: ECDSA on P-256, with the feature `tls-p384` on P-384, too.
//!
//! RSA is not among them: there is no implementation of it without an allocator. A server needs a
//! certificate on one of these curves, and so do all that vouch for it.

use pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};

/// For `CertificateVerify`: the number of RFC 8446 §4.2.3, and what it stands for.
pub(super) const SCHEMES: &[(u16, &dyn SignatureVerificationAlgorithm)] = &[
    (0x0403, &P256Sha256),
    #[cfg(feature = "tls-p384")]
    (0x0503, &P384Sha384),
];

/// For signatures of certificates.
pub(super) const ALL: &[&dyn SignatureVerificationAlgorithm] = &[
    &P256Sha256,
    #[cfg(feature = "tls-p384")]
    &P384Sha384,
    #[cfg(feature = "tls-p384")]
    &P384Sha256,
    #[cfg(feature = "tls-p384")]
    &P256Sha384,
];

/// Declares one kind: curve, hash, and the two identifiers.
macro_rules! algorithm {
    ($name:ident, $curve:ident, $hash:ident, $key:ident, $signature:ident) => {
        #[derive(Debug)]
        struct $name;

        impl SignatureVerificationAlgorithm for $name {
            fn verify_signature(
                &self,
                public_key: &[u8],
                message: &[u8],
                signature: &[u8],
            ) -> Result<(), InvalidSignature> {
                use sha2::Digest;
                use $curve::ecdsa::signature::hazmat::PrehashVerifier;
                use $curve::ecdsa::{Signature, VerifyingKey};

                let key =
                    VerifyingKey::from_sec1_bytes(public_key).map_err(|_| InvalidSignature)?;
                let signature = Signature::from_der(signature).map_err(|_| InvalidSignature)?;
                key.verify_prehash(&sha2::$hash::digest(message), &signature)
                    .map_err(|_| InvalidSignature)
            }

            fn public_key_alg_id(&self) -> AlgorithmIdentifier {
                alg_id::$key
            }

            fn signature_alg_id(&self) -> AlgorithmIdentifier {
                alg_id::$signature
            }
        }
    };
}

algorithm!(P256Sha256, p256, Sha256, ECDSA_P256, ECDSA_SHA256);
#[cfg(feature = "tls-p384")]
algorithm!(P256Sha384, p256, Sha384, ECDSA_P256, ECDSA_SHA384);
#[cfg(feature = "tls-p384")]
algorithm!(P384Sha384, p384, Sha384, ECDSA_P384, ECDSA_SHA384);
#[cfg(feature = "tls-p384")]
algorithm!(P384Sha256, p384, Sha256, ECDSA_P384, ECDSA_SHA256);
