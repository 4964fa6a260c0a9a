//! One request over embedded-tls, with any verifier.

use embedded_io::ErrorKind;
use embedded_tls::blocking::TlsConnection;
use embedded_tls::{
    Aes128GcmSha256, CryptoProvider, CryptoRngCore, TlsConfig, TlsContext, TlsError, TlsVerifier,
};
use muxfer_firmware::{Node, Once};

use crate::line::Line;
use crate::numbers::Guessable;
use crate::{HOST, REQUEST};

static RECEIVED: Once<[u8; 16_640]> = Once::new([0; 16_640]);
static SENT: Once<[u8; 2_048]> = Once::new([0; 2_048]);

/// Random numbers and a verifier.
pub struct Provider<V> {
    rng: Guessable,
    /// The verifier.
    pub verifier: V,
}

impl<V: TlsVerifier<Aes128GcmSha256>> CryptoProvider for Provider<V> {
    type CipherSuite = Aes128GcmSha256;
    type Signature = &'static [u8];

    fn rng(&mut self) -> impl CryptoRngCore {
        &mut self.rng
    }

    fn verifier(&mut self) -> Result<&mut impl TlsVerifier<Aes128GcmSha256>, TlsError> {
        Ok(&mut self.verifier)
    }
}

/// Connects, shakes hands, asks for a page, reads it; `verified` has the last word on the
/// handshake. `make` is given the time.
pub fn run<V: TlsVerifier<Aes128GcmSha256>>(
    name: &str,
    make: impl FnOnce(u64) -> V,
    verified: impl FnOnce(&V) -> bool,
) -> ! {
    let node = Node::start();
    let verifier = make(node.settings.parsed("time", 0));
    let rng = Guessable(u64::from(node.seed()) << 32 | 7);
    let provider = Provider { rng, verifier };
    let Some(mut line) = Line::connect(node) else {
        muxfer_board::exit(2)
    };
    let start = line.node.now_us();
    let bytes = fetch(&mut line, provider, verified).unwrap_or(0);
    let handshake = line.sent_us.saturating_sub(start);
    line.end(name, handshake, bytes)
}

fn fetch<V: TlsVerifier<Aes128GcmSha256>>(
    line: &mut Line,
    mut provider: Provider<V>,
    verified: impl FnOnce(&V) -> bool,
) -> Result<usize, TlsError> {
    let full = || TlsError::Io(ErrorKind::OutOfMemory);
    let (rx, tx) = (RECEIVED.take().ok_or_else(full)?, SENT.take().ok_or_else(full)?);
    let config = TlsConfig::new().with_server_name(HOST);
    let mut tls = TlsConnection::new(line, &mut rx[..], &mut tx[..]);
    tls.open(TlsContext::new(&config, &mut provider))?;
    if !verified(&provider.verifier) {
        return Err(TlsError::InvalidCertificate);
    }
    tls.write(REQUEST)?;
    tls.flush()?;
    let mut bytes = 0;
    let mut room = [0; 256];
    while let Ok(n @ 1..) = tls.read(&mut room) {
        bytes += n;
    }
    Ok(bytes)
}
