//! What is remembered of one secured connection beside its two buffers.

use heapless::String;
use muxfer_core::ConnId;
use muxfer_core::net::{Interest, TlsError};
use p256::SecretKey;
use sha2::Sha256;

use super::record::Keys;
use super::schedule::Schedule;
use super::trust::ServerKey;

/// The longest name of a host that can be secured (RFC 1035 §2.3.4).
pub(super) const HOST: usize = 253;

/// How far a connection is. Each state of the handshake waits for the message of its name, and
/// takes no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// It is not in use.
    Free,
    /// The stream below is being connected.
    Connecting,
    ServerHello,
    Extensions,
    /// `Certificate`, or before it once a `CertificateRequest`.
    Certificate,
    CertificateVerify,
    Finished,
    /// Both sides may send.
    Open,
    /// The peer has said that nothing more comes.
    Ended,
    Failed,
}

/// The state. Free, it is all zeros, so that a `static` with its buffers lies in `.bss`.
pub(super) struct State {
    pub(super) conn: Option<ConnId>,
    pub(super) phase: Phase,
    /// Why, in [`Phase::Failed`]; else without meaning, and of a kind that is zeros.
    pub(super) failure: TlsError,
    /// What the engine waits for.
    pub(super) want: Interest,
    /// What the transport below was told.
    pub(super) told: Interest,
    /// There is work though no event will come.
    pub(super) due: bool,
    pub(super) host: String<HOST, u8>,
    pub(super) settings: u32,
    pub(super) secrets: Secrets,
    /// The server asks who we are.
    pub(super) asked: bool,
    /// The server wants new keys from us, too.
    pub(super) owes_update: bool,
    /// The longest content of a record that the server takes; 0 if it has set no limit.
    pub(super) send_limit: u16,
    /// Bytes of handshake messages at the front of the receive buffer.
    pub(super) messages: u16,
    /// Bytes of a record, not whole yet, behind them.
    pub(super) record: u16,
    /// Where in the receive buffer the plaintext lies that is not consumed yet.
    pub(super) plain: (u16, u16),
    /// Where in the send buffer the bytes lie that the transport below has not taken yet.
    pub(super) out: (u16, u16),
}

/// What ends with the connection, and is wiped then.
pub(super) struct Secrets {
    pub(super) transcript: Option<Sha256>,
    pub(super) exchange: Option<SecretKey>,
    pub(super) schedule: Option<Schedule>,
    pub(super) server: Option<ServerKey>,
    pub(super) read: Option<Keys>,
    pub(super) write: Option<Keys>,
}

impl Secrets {
    pub(super) const NONE: Self = Self {
        transcript: None,
        exchange: None,
        schedule: None,
        server: None,
        read: None,
        write: None,
    };
}

impl State {
    pub(super) const FREE: Self = Self {
        conn: None,
        phase: Phase::Free,
        failure: TlsError::Expired,
        want: Interest::NONE,
        told: Interest::NONE,
        due: false,
        host: String::new(),
        settings: 0,
        secrets: Secrets::NONE,
        asked: false,
        owes_update: false,
        send_limit: 0,
        messages: 0,
        record: 0,
        plain: (0, 0),
        out: (0, 0),
    };

    /// Do committed bytes wait?
    pub(super) const fn is_sending(&self) -> bool {
        self.out.0 < self.out.1
    }

    /// Is plaintext waiting?
    pub(super) const fn has_plain(&self) -> bool {
        self.plain.0 < self.plain.1
    }
}
