//! The messages that begin a handshake: what we offer, and what may come back.

use muxfer_core::net::TlsError;

use super::algorithms::SCHEMES;
use super::reader::{Reader, Writer};
use super::schedule::Block;

/// A point on P-256, not compressed.
pub(super) const SHARE: usize = 65;

/// Types of handshake messages (RFC 8446 §4).
pub(super) mod message {
    pub(crate) const CLIENT_HELLO: u8 = 1;
    pub(crate) const SERVER_HELLO: u8 = 2;
    pub(crate) const NEW_SESSION_TICKET: u8 = 4;
    pub(crate) const ENCRYPTED_EXTENSIONS: u8 = 8;
    pub(crate) const CERTIFICATE: u8 = 11;
    pub(crate) const CERTIFICATE_REQUEST: u8 = 13;
    pub(crate) const CERTIFICATE_VERIFY: u8 = 15;
    pub(crate) const FINISHED: u8 = 20;
    pub(crate) const KEY_UPDATE: u8 = 24;
}

/// Types of extensions (RFC 8446 §4.2, RFC 8449).
mod extension {
    pub(super) const SERVER_NAME: u16 = 0;
    pub(super) const MAX_FRAGMENT_LENGTH: u16 = 1;
    pub(super) const SUPPORTED_GROUPS: u16 = 10;
    pub(super) const SIGNATURE_ALGORITHMS: u16 = 13;
    pub(super) const ALPN: u16 = 16;
    pub(super) const RECORD_SIZE_LIMIT: u16 = 28;
    pub(super) const SUPPORTED_VERSIONS: u16 = 43;
    pub(super) const KEY_SHARE: u16 = 51;
}

const TLS_1_2: u16 = 0x0303;
const TLS_1_3: u16 = 0x0304;
const AES_128_GCM_SHA256: u16 = 0x1301;
const SECP256R1: u16 = 23;
const HTTP_1_1: &[u8] = b"http/1.1";

/// The random of a `HelloRetryRequest` (§4.1.3).
const RETRY: Block = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// What we offer.
pub(super) struct Offer<'o> {
    pub(super) random: &'o Block,
    /// Our public key of the exchange.
    pub(super) share: &'o [u8; SHARE],
    /// The host, if it has a name: addresses are not sent (RFC 6066 §3).
    pub(super) name: Option<&'o str>,
    /// The longest content of a record that we have room for, if it is not the longest there is.
    pub(super) limit: Option<u16>,
}

/// The code of RFC 6066 §4 for the longest fragment of at most `limit` bytes.
fn fragment_code(limit: u16) -> Option<u8> {
    match limit {
        4096.. => Some(4),
        2048..4096 => Some(3),
        1024..2048 => Some(2),
        512..1024 => Some(1),
        0..512 => None,
    }
}

/// The fragment length of such a code.
fn fragment_length(code: u8) -> usize {
    256 << code.min(4)
}

/// Writes a `ClientHello`, its header included; its length, if there was room.
pub(super) fn write_client_hello(room: &mut [u8], offer: &Offer<'_>) -> Option<usize> {
    let mut out = Writer::new(room);
    out.put(&[message::CLIENT_HELLO]);
    out.vector(3, |out| {
        out.u16(TLS_1_2);
        out.put(offer.random);
        // No session identifier, and no compression.
        out.put(&[0]);
        out.vector(2, |out| out.u16(AES_128_GCM_SHA256));
        out.put(&[1, 0]);
        out.vector(2, |out| write_extensions(out, offer));
    });
    out.finish()
}

fn write_extensions(out: &mut Writer<'_>, offer: &Offer<'_>) {
    let mut extension = |kind: u16, write: &dyn Fn(&mut Writer<'_>)| {
        out.u16(kind);
        out.vector(2, write);
    };
    if let Some(name) = offer.name {
        extension(extension::SERVER_NAME, &|out| {
            out.vector(2, |out| {
                out.put(&[0]);
                out.vector(2, |out| out.put(name.as_bytes()));
            });
        });
    }
    extension(extension::SUPPORTED_VERSIONS, &|out| {
        out.vector(1, |out| out.u16(TLS_1_3));
    });
    extension(extension::SUPPORTED_GROUPS, &|out| {
        out.vector(2, |out| out.u16(SECP256R1));
    });
    extension(extension::SIGNATURE_ALGORITHMS, &|out| {
        out.vector(2, |out| SCHEMES.iter().for_each(|(code, _)| out.u16(*code)));
    });
    extension(extension::KEY_SHARE, &|out| {
        out.vector(2, |out| {
            out.u16(SECP256R1);
            out.vector(2, |out| out.put(offer.share));
        });
    });
    extension(extension::ALPN, &|out| {
        out.vector(2, |out| out.vector(1, |out| out.put(HTTP_1_1)));
    });
    if let Some(limit) = offer.limit {
        // RFC 8449 §4: in TLS 1.3 the type of the content counts, too.
        extension(extension::RECORD_SIZE_LIMIT, &|out| {
            out.u16(limit.saturating_add(1));
        });
        if let Some(code) = fragment_code(limit) {
            extension(extension::MAX_FRAGMENT_LENGTH, &|out| out.put(&[code]));
        }
    }
}

/// Reads a `ServerHello`, without its header: the server's public key of the exchange.
pub(super) fn read_server_hello(body: &[u8]) -> Result<[u8; SHARE], TlsError> {
    let mut body = Reader(body);
    let version = body.u16()?;
    let random = body.take(32)?;
    let session = body.vector(1)?;
    let suite = body.u16()?;
    let compression = body.u8()?;
    let mut extensions = if body.is_empty() {
        Reader(&[])
    } else {
        body.vector(2)?
    };
    body.end()?;
    let (mut chosen, mut share) = (None, None);
    while !extensions.is_empty() {
        let kind = extensions.u16()?;
        let data = extensions.vector(2)?;
        let known = match kind {
            extension::SUPPORTED_VERSIONS => chosen.replace(data).is_some(),
            extension::KEY_SHARE => share.replace(data).is_some(),
            // §4.2: nothing that was not offered, and nothing twice.
            _ => true,
        };
        if known {
            return Err(TlsError::Protocol);
        }
    }
    // An older server answers without this extension.
    let mut chosen = chosen.ok_or(TlsError::Version)?;
    if chosen.u16()? != TLS_1_3 {
        return Err(TlsError::Version);
    }
    chosen.end()?;
    // We offer one group, so there is nothing to be tried again with.
    let sound = version == TLS_1_2
        && random != RETRY
        && session.is_empty()
        && suite == AES_128_GCM_SHA256
        && compression == 0;
    let mut share = share.ok_or(TlsError::Protocol)?;
    if !sound || share.u16()? != SECP256R1 {
        return Err(TlsError::Protocol);
    }
    let point = share.vector(2)?;
    share.end()?;
    point.0.try_into().map_err(|_| TlsError::Protocol)
}

/// Reads `EncryptedExtensions`, without their header: the longest content of a record that we may
/// send, if the server sets a limit. `limit` is what we have offered.
pub(super) fn read_extensions(body: &[u8], limit: Option<u16>) -> Result<Option<usize>, TlsError> {
    let mut body = Reader(body);
    let mut extensions = body.vector(2)?;
    body.end()?;
    let mut bound = None;
    let mut seen = heapless::Vec::<u16, 8>::new();
    while !extensions.is_empty() {
        let kind = extensions.u16()?;
        let mut data = extensions.vector(2)?;
        if seen.contains(&kind) || seen.push(kind).is_err() {
            return Err(TlsError::Protocol);
        }
        match kind {
            extension::SERVER_NAME => data.end()?,
            // §4.2.7: for the next time. There is one group, always.
            extension::SUPPORTED_GROUPS => {}
            extension::ALPN => {
                let mut list = data.vector(2)?;
                let chosen = list.vector(1)?;
                list.end()?;
                data.end()?;
                if chosen.0 != HTTP_1_1 {
                    return Err(TlsError::Alpn);
                }
            }
            extension::MAX_FRAGMENT_LENGTH if limit.is_some() => {
                let code = data.u8()?;
                if limit.and_then(fragment_code) != Some(code) {
                    return Err(TlsError::Protocol);
                }
                bound = Some(fragment_length(code));
            }
            extension::RECORD_SIZE_LIMIT if limit.is_some() => {
                let most = usize::from(data.u16()?);
                if most < 64 {
                    return Err(TlsError::Protocol);
                }
                bound = Some(most - 1);
            }
            _ => return Err(TlsError::Protocol),
        }
    }
    Ok(bound)
}
