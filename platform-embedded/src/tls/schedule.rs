//! The key schedule of TLS 1.3 (RFC 8446 §7.1) with SHA-256.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

/// The length of all hashes and secrets here.
pub(super) const HASH: usize = 32;

/// A secret, or a hash.
pub(super) type Block = [u8; HASH];

/// The hash of no messages at all.
fn nothing() -> Block {
    Sha256::digest([]).into()
}

/// HMAC begun with a key of at most 64 bytes; all keys here are of 32.
fn begin(key: &Block) -> Hmac<Sha256> {
    // RFC 2104 §2: shorter keys are filled up with zeros.
    let mut block = [0; 64];
    block[..HASH].copy_from_slice(key);
    let mac = Hmac::new(&block.into());
    block.zeroize();
    mac
}

/// `HKDF-Extract` (RFC 5869 §2.2).
fn extract(salt: &Block, input: &Block) -> Block {
    let mut mac = begin(salt);
    mac.update(input);
    mac.finalize().into_bytes().into()
}

/// `HKDF-Expand-Label` (RFC 8446 §7.1) for at most one block, which is all that is needed.
pub(super) fn expand<const N: usize>(secret: &Block, label: &str, context: &[u8]) -> [u8; N] {
    const { assert!(N <= HASH) };
    const PREFIX: &[u8] = b"tls13 ";
    let byte = |n: usize| u8::try_from(n).unwrap_or(u8::MAX);
    let mut mac = begin(secret);
    mac.update(&[0, byte(N), byte(PREFIX.len() + label.len())]);
    mac.update(PREFIX);
    mac.update(label.as_bytes());
    mac.update(&[byte(context.len())]);
    mac.update(context);
    mac.update(&[1]);
    let mut block: Block = mac.finalize().into_bytes().into();
    let mut out = [0; N];
    out.copy_from_slice(&block[..N]);
    block.zeroize();
    out
}

/// The MAC of a `Finished` message (RFC 8446 §4.4.4).
fn finished(secret: &Block, transcript: &Block) -> Hmac<Sha256> {
    let mut key: Block = expand(secret, "finished", &[]);
    let mut mac = begin(&key);
    key.zeroize();
    mac.update(transcript);
    mac
}

/// What `Finished` holds if it comes from whoever has this traffic secret.
pub(super) fn finished_by(secret: &Block, transcript: &Block) -> Block {
    finished(secret, transcript).finalize().into_bytes().into()
}

/// Does this `Finished` come from whoever has this traffic secret? In constant time.
pub(super) fn is_finished_by(secret: &Block, transcript: &Block, data: &[u8]) -> bool {
    finished(secret, transcript).verify_slice(data).is_ok()
}

/// The secrets of one handshake.
pub(super) struct Schedule {
    /// The Handshake Secret.
    secret: Block,
    /// `client_handshake_traffic_secret`.
    pub(super) client: Block,
    /// `server_handshake_traffic_secret`.
    pub(super) server: Block,
}

impl Schedule {
    /// After the `ServerHello`: `shared` is what both computed, `transcript` the hash up to there.
    pub(super) fn new(shared: &Block, transcript: &Block) -> Self {
        let early = extract(&[0; HASH], &[0; HASH]);
        let salt = expand(&early, "derived", &nothing());
        let secret = extract(&salt, shared);
        Self {
            client: expand(&secret, "c hs traffic", transcript),
            server: expand(&secret, "s hs traffic", transcript),
            secret,
        }
    }

    /// The traffic secrets of client and server for all that follows; `transcript` is the hash up to
    /// the server's `Finished`.
    pub(super) fn application(&self, transcript: &Block) -> (Block, Block) {
        let mut salt = expand(&self.secret, "derived", &nothing());
        let mut master = extract(&salt, &[0; HASH]);
        let client = expand(&master, "c ap traffic", transcript);
        let server = expand(&master, "s ap traffic", transcript);
        salt.zeroize();
        master.zeroize();
        (client, server)
    }
}

impl Drop for Schedule {
    fn drop(&mut self) {
        self.secret.zeroize();
        self.client.zeroize();
        self.server.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        core::array::from_fn(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).expect("hex"))
    }

    /// RFC 8448 §3: the secrets that do not depend on the exchange of keys.
    #[test]
    fn the_early_secrets_are_those_of_rfc_8448() {
        let early = extract(&[0; HASH], &[0; HASH]);
        let known = "33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a";
        assert_eq!(early, hex(known));
        let derived: Block = expand(&early, "derived", &nothing());
        let known = "6f2615a108c702c5678f54fc9dbab69716c076189c48250cebeac3576c3611ba";
        assert_eq!(derived, hex(known));
    }

    #[test]
    fn finished_is_checked_whole() {
        let (secret, transcript) = ([7; HASH], [9; HASH]);
        let good = finished_by(&secret, &transcript);
        assert!(is_finished_by(&secret, &transcript, &good));
        let mut bad = good;
        bad[31] ^= 1;
        assert!(!is_finished_by(&secret, &transcript, &bad));
        assert!(!is_finished_by(&secret, &transcript, &good[..31]));
        assert!(!is_finished_by(&secret, &transcript, &[]));
    }
}
