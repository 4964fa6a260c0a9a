//! A server that says anything: it can do TLS 1.3, and leave out, repeat or twist each step of it.

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes128Gcm, KeyInit as _};
use hmac::{Hmac, Mac};
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::{PublicKey, SecretKey};
use rcgen::{KeyPair, SigningKey};
use sha2::{Digest, Sha256};

use super::pki::Credentials;

/// Types of records.
pub const ALERT: u8 = 21;
/// A handshake message.
pub const HANDSHAKE: u8 = 22;
/// Data.
pub const APPLICATION: u8 = 23;

/// A private key of the exchange. It is no secret.
const SCALAR: [u8; 32] = [5; 32];

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length will do");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

fn expand(secret: &[u8], label: &str, context: &[u8], n: u8) -> Vec<u8> {
    let label = format!("tls13 {label}");
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).expect("a short label");
    let lengths = ([0, n, length(label.as_bytes())], [length(context)]);
    let parts: [&[u8]; 5] = [&lengths.0, label.as_bytes(), &lengths.1, context, &[1]];
    mac(secret, &parts)[..n.into()].to_vec()
}

/// The keys of one direction.
struct Keys {
    secret: Vec<u8>,
    cipher: Aes128Gcm,
    iv: Vec<u8>,
    sequence: u64,
}

impl Keys {
    fn new(secret: Vec<u8>) -> Self {
        let key: [u8; 16] = expand(&secret, "key", &[], 16)
            .try_into()
            .expect("16 bytes");
        Self {
            cipher: Aes128Gcm::new(&key.into()),
            iv: expand(&secret, "iv", &[], 12),
            sequence: 0,
            secret,
        }
    }

    fn nonce(&mut self) -> [u8; 12] {
        let mut nonce: [u8; 12] = self.iv.clone().try_into().expect("12 bytes");
        for (byte, n) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *byte ^= n;
        }
        self.sequence += 1;
        nonce
    }
}

/// The server.
pub struct Forger {
    transcript: Sha256,
    write: Keys,
    read: Keys,
    handshake: Vec<u8>,
    /// What goes to the client.
    pub out: Vec<u8>,
}

/// A record that is not sealed.
#[must_use]
pub fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("a short record");
    let mut record = vec![kind, 3, 3];
    record.extend(length.to_be_bytes());
    record.extend(content);
    record
}

/// A handshake message.
#[must_use]
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("a short message");
    let mut message = length.to_be_bytes().to_vec();
    message[0] = kind;
    message.extend(body);
    message
}

/// The body of a sound `ServerHello`.
#[must_use]
pub fn server_hello() -> Vec<u8> {
    let secret = SecretKey::from_slice(&SCALAR).expect("a scalar");
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    // No session; suite; no compression; then the extensions: key share and version.
    body.extend([0, 0x13, 0x01, 0, 0, 79]);
    body.extend([0, 51, 0, 69, 0, 23, 0, 65]);
    body.extend(secret.public_key().to_sec1_point(false).as_bytes());
    body.extend([0, 43, 0, 2, 3, 4]);
    body
}

/// The body of a `Certificate` message.
#[must_use]
pub fn certificates(chain: &[Vec<u8>]) -> Vec<u8> {
    let length = |n: usize| u32::try_from(n).expect("short").to_be_bytes()[1..].to_vec();
    let mut entries = Vec::new();
    for one in chain {
        entries.extend(length(one.len()));
        entries.extend(one);
        entries.extend([0, 0]);
    }
    let mut body = vec![0];
    body.extend(length(entries.len()));
    body.extend(entries);
    body
}

impl Forger {
    /// Answers a `ClientHello` with a sound `ServerHello`.
    #[must_use]
    pub fn new(client: &[u8]) -> Self {
        // The client's share: group, length, and a point that is not compressed.
        let at = client.windows(5).position(|w| w == [0, 23, 0, 65, 4]);
        let at = at.expect("a key share on P-256") + 4;
        let theirs = PublicKey::from_sec1_bytes(&client[at..at + 65]).expect("a point");
        let ours = SecretKey::from_slice(&SCALAR).expect("a scalar");
        let shared = ours.diffie_hellman(&theirs);
        let hello = message(2, &server_hello());
        let mut transcript = Sha256::new();
        transcript.update(&client[5..]);
        transcript.update(&hello);
        let nothing = Sha256::digest([]);
        let early = mac(&[0; 32], &[&[0; 32]]);
        let salt = expand(&early, "derived", &nothing, 32);
        let handshake = mac(&salt, &[shared.raw_secret_bytes()]);
        let hash = transcript.clone().finalize();
        Self {
            write: Keys::new(expand(&handshake, "s hs traffic", &hash, 32)),
            read: Keys::new(expand(&handshake, "c hs traffic", &hash, 32)),
            handshake: handshake.to_vec(),
            transcript,
            out: record(HANDSHAKE, &hello),
        }
    }

    /// A sealed record.
    pub fn sealed(&mut self, kind: u8, content: &[u8]) {
        let mut inner = content.to_vec();
        inner.push(kind);
        self.raw(&inner);
    }

    /// A sealed record of just these bytes: no type is added.
    pub fn raw(&mut self, inner: &[u8]) {
        let mut inner = inner.to_vec();
        let length = u16::try_from(inner.len() + 16).expect("a short record");
        let mut head = vec![APPLICATION, 3, 3];
        head.extend(length.to_be_bytes());
        let nonce = self.write.nonce();
        let sealed = inner.as_mut_slice().into();
        let sum = self
            .write
            .cipher
            .encrypt_inout_detached(&nonce.into(), &head, sealed);
        self.out.extend(head);
        self.out.extend(inner);
        self.out.extend(sum.expect("a short record"));
    }

    /// A handshake message in a record of its own.
    pub fn message(&mut self, kind: u8, body: &[u8]) {
        let message = message(kind, body);
        self.note(&message);
        self.sealed(HANDSHAKE, &message);
    }

    /// Takes bytes into the transcript that go out in another way.
    pub fn note(&mut self, message: &[u8]) {
        self.transcript.update(message);
    }

    /// Empty `EncryptedExtensions`.
    pub fn extensions(&mut self) {
        self.message(8, &[0, 0]);
    }

    /// The certificates.
    pub fn certificate(&mut self, credentials: &Credentials) {
        self.message(11, &certificates(&credentials.chain));
    }

    /// The body of a `CertificateVerify` for all that was said so far.
    #[must_use]
    pub fn verify_body(&self, credentials: &Credentials, context: &str) -> Vec<u8> {
        let key = rcgen::KeyPair::try_from(credentials.key.as_slice()).expect("a key");
        let mut signed = vec![b' '; 64];
        signed.extend(context.as_bytes());
        signed.push(0);
        signed.extend(self.transcript.clone().finalize());
        let signature = KeyPair::sign(&key, &signed).expect("a signature");
        let mut body = vec![4, 3];
        body.extend(u16::try_from(signature.len()).expect("short").to_be_bytes());
        body.extend(signature);
        body
    }

    /// `CertificateVerify`.
    pub fn verify(&mut self, credentials: &Credentials) {
        let body = self.verify_body(credentials, "TLS 1.3, server CertificateVerify");
        self.message(15, &body);
    }

    /// `Finished`; from here on the keys are those of the application.
    pub fn finished(&mut self) {
        let key = expand(&self.write.secret, "finished", &[], 32);
        let sum = mac(&key, &[&self.transcript.clone().finalize()]);
        self.message(20, &sum);
        self.switch();
    }

    /// The keys of the application from now on, in both directions, for what the client sends behind
    /// its `Finished`.
    fn switch(&mut self) {
        let salt = expand(&self.handshake, "derived", &Sha256::digest([]), 32);
        let master = mac(&salt, &[&[0; 32]]);
        let hash = self.transcript.clone().finalize();
        self.write = Keys::new(expand(&master, "s ap traffic", &hash, 32));
        self.read = Keys::new(expand(&master, "c ap traffic", &hash, 32));
    }

    /// All of a sound handshake behind the `ServerHello`.
    pub fn shake(&mut self, credentials: &Credentials) {
        self.extensions();
        self.certificate(credentials);
        self.verify(credentials);
        self.finished();
    }

    /// New keys for what is sent from now on.
    pub fn update_write(&mut self) {
        self.write = Keys::new(expand(&self.write.secret, "traffic upd", &[], 32));
    }

    /// New keys for what comes from now on.
    pub fn update_read(&mut self) {
        self.read = Keys::new(expand(&self.read.secret, "traffic upd", &[], 32));
    }

    /// Opens the first of the client's records, if it is sealed with the keys of the application.
    pub fn open(&mut self, records: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
        let length = usize::from(u16::from_be_bytes([*records.get(3)?, *records.get(4)?]));
        let one: Vec<u8> = records.drain(..5 + length).collect();
        let (head, body) = one.split_at(5);
        let (content, tag) = body.split_at(body.len() - 16);
        let mut content = content.to_vec();
        let tag: [u8; 16] = tag.try_into().expect("16 bytes");
        let nonce = self.read.nonce();
        let opened = content.as_mut_slice().into();
        let cipher = &self.read.cipher;
        cipher
            .decrypt_inout_detached(&nonce.into(), head, opened, &tag.into())
            .ok()?;
        Some((content.pop()?, content))
    }
}
