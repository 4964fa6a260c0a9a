//! embedded-tls over a stream in memory.

use std::collections::VecDeque;

use embedded_io::{ErrorKind, ErrorType, Read, Write};
use embedded_tls::blocking::TlsConnection;
use embedded_tls::{
    Aes128GcmSha256, CertificateRef, CertificateVerifyRef, CryptoProvider, CryptoRngCore, TlsClock,
    TlsConfig, TlsContext, TlsError, TlsVerifier,
};
use muxfer_tests::device_tls::forger::Forger;
use muxfer_tests::device_tls::pki::NOW;
use muxfer_tests::device_tls::server::Server;
use sha2::Sha256;

use crate::verifier;

/// The time of the tests.
pub struct Clock;

impl TlsClock for Clock {
    fn now() -> Option<u64> {
        Some(NOW)
    }
}

/// A stream, and who answers at its other end.
pub struct Pipe<'p> {
    peer: Box<dyn FnMut(&[u8]) -> Vec<u8> + 'p>,
    to_server: Vec<u8>,
    to_client: VecDeque<u8>,
}

impl<'p> Pipe<'p> {
    /// To a server of rustls. It sends four bytes and the end.
    pub fn new(mut server: Server) -> Self {
        let mut sent_all = false;
        Self::to(Box::new(move |sent| {
            let mut answer = server.turn(sent);
            if !server.tls.is_handshaking() && !std::mem::replace(&mut sent_all, true) {
                server.send(b"data");
                server.tls.send_close_notify();
                answer.extend(server.turn(&[]));
            }
            answer
        }))
    }

    /// To a server that follows a script.
    pub fn forged(script: impl Fn(&mut Forger) + 'p) -> Self {
        let mut met = false;
        Self::to(Box::new(move |sent| {
            if std::mem::replace(&mut met, true) {
                return Vec::new();
            }
            let mut forger = Forger::new(sent);
            script(&mut forger);
            forger.out
        }))
    }

    fn to(peer: Box<dyn FnMut(&[u8]) -> Vec<u8> + 'p>) -> Self {
        Self {
            peer,
            to_server: Vec::new(),
            to_client: VecDeque::new(),
        }
    }
}

impl ErrorType for Pipe<'_> {
    type Error = ErrorKind;
}

impl Read for Pipe<'_> {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize, ErrorKind> {
        if self.to_client.is_empty() {
            let sent = std::mem::take(&mut self.to_server);
            self.to_client.extend((self.peer)(&sent));
        }
        let n = self.to_client.len().min(buf.len());
        for (place, byte) in buf.iter_mut().zip(self.to_client.drain(..n)) {
            *place = byte;
        }
        Ok(n)
    }
}

impl Write for Pipe<'_> {
    fn write(&mut self, buf: &[u8]) -> Result<usize, ErrorKind> {
        self.to_server.extend(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

/// Numbers that anybody can guess.
struct Guessable(u64);

impl rand_core_06::RngCore for Guessable {
    fn next_u32(&mut self) -> u32 {
        u32::try_from(self.next_u64() >> 32).expect("32 bits")
    }

    fn next_u64(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.next_u64().to_le_bytes()[3];
        }
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core_06::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl rand_core_06::CryptoRng for Guessable {}

struct Provider<V>(Guessable, V);

impl<V: TlsVerifier<Aes128GcmSha256>> CryptoProvider for Provider<V> {
    type CipherSuite = Aes128GcmSha256;
    type Signature = &'static [u8];

    fn rng(&mut self) -> impl CryptoRngCore {
        &mut self.0
    }

    fn verifier(&mut self) -> Result<&mut impl TlsVerifier<Aes128GcmSha256>, TlsError> {
        Ok(&mut self.1)
    }
}

/// A handshake, and all that comes behind it until the end is said: how much that is.
pub fn fetch<V: TlsVerifier<Aes128GcmSha256>>(
    pipe: Pipe<'_>,
    host: &str,
    verifier: V,
    verified: impl FnOnce(&V) -> bool,
) -> Result<usize, TlsError> {
    let (mut rx, mut tx) = (vec![0; 16_640], vec![0; 16_640]);
    let config = TlsConfig::new().with_server_name(host);
    let mut provider = Provider(Guessable(7), verifier);
    let mut tls = TlsConnection::new(pipe, &mut rx, &mut tx);
    tls.open(TlsContext::new(&config, &mut provider))?;
    if !verified(&provider.1) {
        return Err(TlsError::InvalidCertificate);
    }
    let mut all = 0;
    let mut room = [0; 64];
    loop {
        match tls.read(&mut room) {
            Ok(n) => all += n,
            Err(TlsError::ConnectionClosed) => return Ok(all),
            Err(error) => return Err(error),
        }
    }
}

/// The check of this project as a verifier.
pub struct Own<'a>(verifier::Verifier<'a>);

impl<'a> Own<'a> {
    /// For this host.
    pub fn new(host: &'a str, settings: verifier::Settings<'a>) -> Self {
        Self(verifier::Verifier::new(host, NOW, settings))
    }

    /// Has it seen a certificate and a signature?
    pub fn verified(&self) -> bool {
        self.0.verified
    }
}

impl TlsVerifier<Aes128GcmSha256> for Own<'_> {
    fn set_hostname_verification(&mut self, _host: &str) -> Result<(), TlsError> {
        Ok(())
    }

    fn verify_certificate(
        &mut self,
        transcript: &Sha256,
        shown: CertificateRef<'_>,
    ) -> Result<(), TlsError> {
        TlsVerifier::<Aes128GcmSha256>::verify_certificate(&mut self.0, transcript, shown)
    }

    fn verify_signature(&mut self, shown: CertificateVerifyRef<'_>) -> Result<(), TlsError> {
        TlsVerifier::<Aes128GcmSha256>::verify_signature(&mut self.0, shown)
    }
}
