//! A TLS server in memory: rustls, with whatever certificates it is given.

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, ServerConnection, SupportedProtocolVersion};

use super::pki::Credentials;

/// Shows the same to everybody, and does not look at it.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// A server's settings for these certificates and versions.
#[must_use]
pub fn config(
    credentials: &Credentials,
    versions: &[&'static SupportedProtocolVersion],
) -> ServerConfig {
    let provider = default_provider();
    let key = PrivateKeyDer::Pkcs8(credentials.key.clone().into());
    let key = provider.key_provider.load_private_key(key);
    let chain = credentials.chain.iter().cloned().map(CertificateDer::from);
    let shown = CertifiedKey::new(chain.collect(), key.expect("a key that rustls knows"));
    ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(versions)
        .expect("versions that rustls knows")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Always(Arc::new(shown))))
}

/// One connection of a server: bytes in, bytes out.
pub struct Server {
    /// The connection, for tests that do odd things with it.
    pub tls: ServerConnection,
    /// What it has decrypted.
    pub received: Vec<u8>,
    /// What it has called an error, such as an alert of the client.
    pub error: Option<rustls::Error>,
    /// Has the client said that nothing more comes?
    pub ended: bool,
}

impl Server {
    /// A connection with these settings.
    #[must_use]
    pub fn new(config: ServerConfig) -> Self {
        let tls = ServerConnection::new(Arc::new(config)).expect("sound settings");
        Self {
            tls,
            received: Vec::new(),
            error: None,
            ended: false,
        }
    }

    /// Takes what the client has sent, and gives what it answers.
    pub fn turn(&mut self, mut input: &[u8]) -> Vec<u8> {
        while !input.is_empty() && self.error.is_none() {
            self.tls.read_tls(&mut input).expect("memory");
            match self.tls.process_new_packets() {
                Ok(state) => self.ended |= state.peer_has_closed(),
                Err(error) => self.error = Some(error),
            }
            // It ends with "would block".
            let _ = self.tls.reader().read_to_end(&mut self.received);
        }
        let mut output = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut output).expect("memory");
        }
        output
    }

    /// Sends this as soon as the handshake allows it.
    pub fn send(&mut self, bytes: &[u8]) {
        self.tls.writer().write_all(bytes).expect("a large buffer");
    }
}
