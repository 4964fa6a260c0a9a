//! One secured connection: where it stands, and what it keeps.

use std::sync::Arc;

use muxfer_core::ConnId;
use muxfer_core::net::{Interest, IoError, TlsError};
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, InsufficientSizeError,
    UnbufferedStatus, WriteTraffic,
};
use rustls::{ClientConfig, Error};

use super::fault::{Asked, Fault};
use super::verify;

/// How far it is secured.
pub(super) enum Link {
    /// The inner transport connects.
    Connecting(Arc<ClientConfig>, ServerName<'static>),
    /// Handshake.
    Greeting(Box<UnbufferedClientConnection>),
    /// It stands.
    Up(Box<UnbufferedClientConnection>),
    /// It can't be secured.
    Failed,
}

/// What follows what has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// More may come.
    Open,
    /// Nothing: the peer has said so.
    Ended,
    /// Nothing that could be trusted.
    Failed(IoError),
}

/// One secured connection.
pub(super) struct Session {
    pub(super) id: ConnId,
    pub(super) link: Link,
    pub(super) end: End,
    /// The end was lent: it need not be reported again.
    pub(super) end_told: bool,
    /// The inner transport may have more.
    pub(super) more: bool,
    /// It is in the list of those of which something is to be told.
    pub(super) listed: bool,
    /// It has had no turn for its handshake.
    pub(super) deferred: bool,
    pub(super) asked: Asked,
    /// What the engine wants.
    pub(super) want: Interest,
    /// What the inner platform was told.
    pub(super) told: Interest,
    pub(super) port: u16,
    pub(super) host: Box<str>,
    /// What the last `fill` lent and is not yet consumed.
    pub(super) lent: usize,
    /// Records that are not complete.
    pub(super) partial: Vec<u8>,
    /// Plaintext that had to leave the shared buffer; it comes before all else.
    pub(super) held: Vec<u8>,
    pub(super) held_at: usize,
    /// Records that the inner transport did not take.
    pub(super) unsent: Vec<u8>,
    pub(super) unsent_at: usize,
    /// The inner transport has taken records, and may not have handed them on.
    pub(super) unflushed: bool,
}

/// What came of a look at received records.
pub(super) struct Looked {
    /// How many bytes of them are used up.
    pub(super) used: usize,
    pub(super) result: Result<(), Error>,
    /// The peer has said that nothing more comes.
    pub(super) closed: bool,
}

impl Session {
    pub(super) fn new(
        id: ConnId,
        host: &str,
        port: u16,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> Self {
        Self {
            id,
            link: Link::Connecting(config, name),
            end: End::Open,
            end_told: false,
            more: false,
            listed: false,
            deferred: false,
            asked: Asked::No,
            want: Interest::NONE,
            told: Interest::NONE,
            port,
            host: host.into(),
            lent: 0,
            partial: Vec::new(),
            held: Vec::new(),
            held_at: 0,
            unsent: Vec::new(),
            unsent_at: 0,
            unflushed: false,
        }
    }

    pub(super) const fn is_up(&self) -> bool {
        matches!(self.link, Link::Up(_))
    }

    pub(super) fn tls(&mut self) -> Option<&mut UnbufferedClientConnection> {
        match &mut self.link {
            Link::Greeting(tls) | Link::Up(tls) => Some(tls),
            Link::Connecting(..) | Link::Failed => None,
        }
    }

    /// Plaintext that had to leave the shared buffer.
    pub(super) fn held(&self) -> &[u8] {
        self.held.get(self.held_at..).unwrap_or(&[])
    }

    pub(super) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Are there records that have not reached the system?
    pub(super) fn has_pending(&self) -> bool {
        self.has_unsent() || self.unflushed
    }

    /// Is there an end to be told, once all plaintext is consumed?
    pub(super) fn has_end(&self) -> bool {
        self.end != End::Open && !self.end_told
    }

    /// What the inner platform is to watch.
    pub(super) fn wanted(&self) -> Interest {
        if self.want.is_none() {
            return Interest::NONE;
        }
        let unsent = match self.has_pending() {
            true => Interest::WRITE,
            false => Interest::NONE,
        };
        match self.link {
            Link::Connecting(..) => Interest::WRITE,
            Link::Greeting(_) => Interest::READ | unsent,
            Link::Up(_) => self.want | unsent,
            Link::Failed => self.want,
        }
    }

    /// Nothing more comes, and this is why.
    pub(super) fn fail(&mut self, error: IoError) {
        if self.end == End::Open {
            self.end = End::Failed(error);
        }
    }

    /// What rustls has found wrong. What it has to say about it goes to the peer, if it can. `rest` is
    /// what it had not used up.
    pub(super) fn fail_by(&mut self, error: &Error, rest: &mut [u8]) -> Fault {
        let fault = Fault::of(error, self.asked);
        self.fail(IoError::Tls(fault.error));
        let Session { link, unsent, .. } = self;
        if let Link::Greeting(tls) | Link::Up(tls) = link {
            take_alert(tls, rest, unsent);
        }
        fault
    }

    /// Has the peer wanted a certificate of ours, in what was just looked at?
    pub(super) fn note_question(&mut self) {
        match verify::take_question() {
            Asked::No => {}
            asked @ (Asked::InVain | Asked::Shown) => self.asked = asked,
        }
    }

    /// Encrypts into a room of the inner transport, or behind what is unsent if there is any or if
    /// the room is too small. Answers how much of the room was used.
    pub(super) fn encrypt(&mut self, plaintext: &[u8], room: &mut [u8]) -> Result<usize, IoError> {
        let Session {
            link,
            partial,
            unsent,
            ..
        } = self;
        let Link::Up(tls) = link else {
            return Err(IoError::Closed);
        };
        // What came was looked at before, so this can only give something to be sent.
        let mut plain = Vec::new();
        let looked = look(tls, partial, &mut plain, unsent);
        debug_assert!(plain.is_empty(), "plaintext that was not seen before");
        partial.drain(..looked.used.min(partial.len()));
        if let Err(error) = looked.result {
            let mut rest = std::mem::take(partial);
            let fault = self.fail_by(&error, &mut rest);
            return Err(IoError::Tls(fault.error));
        }
        let mut writing = writer(tls, partial).ok_or(IoError::Closed)?;
        if unsent.is_empty() {
            match writing.encrypt(plaintext, room) {
                Ok(n) => return Ok(n),
                Err(EncryptError::InsufficientSize(_)) => {}
                Err(EncryptError::EncryptExhausted) => return Err(IoError::Closed),
            }
        }
        encrypt_behind(&mut writing, plaintext, unsent)?;
        Ok(0)
    }

    /// The alert that says that we send nothing more; how much of the room it takes.
    pub(super) fn farewell(&mut self, room: &mut [u8]) -> usize {
        let Session { link, partial, .. } = self;
        let Link::Up(tls) = link else { return 0 };
        writer(tls, partial)
            .and_then(|mut writing| writing.queue_close_notify(room).ok())
            .unwrap_or(0)
    }
}

/// Lets rustls look at records: plaintext goes behind `plain`, what is to be sent behind `unsent`.
pub(super) fn look(
    tls: &mut UnbufferedClientConnection,
    records: &mut [u8],
    plain: &mut Vec<u8>,
    unsent: &mut Vec<u8>,
) -> Looked {
    let mut looked = Looked {
        used: 0,
        result: Ok(()),
        closed: false,
    };
    loop {
        let rest = records.get_mut(looked.used..).unwrap_or(&mut []);
        let UnbufferedStatus { mut discard, state } = tls.process_tls_records(rest);
        let state = match state {
            Ok(state) => state,
            Err(error) => {
                looked.used += discard;
                looked.result = Err(error);
                return looked;
            }
        };
        let goes_on = match state {
            ConnectionState::ReadTraffic(mut traffic) => {
                while let Some(record) = traffic.next_record() {
                    match record {
                        Ok(record) => {
                            plain.extend_from_slice(record.payload);
                            discard += record.discard;
                        }
                        Err(error) => looked.result = Err(error),
                    }
                }
                looked.result.is_ok()
            }
            ConnectionState::EncodeTlsData(mut data) => {
                encode_behind(&mut data, unsent);
                true
            }
            ConnectionState::TransmitTlsData(data) => {
                // It is in `unsent`, which goes out before anything else.
                data.done();
                true
            }
            ConnectionState::PeerClosed => {
                looked.closed = true;
                true
            }
            ConnectionState::Closed
            | ConnectionState::BlockedHandshake
            | ConnectionState::WriteTraffic(_)
            | ConnectionState::ReadEarlyData(_) => false,
            // rustls may add states; none of them can come without being asked for.
            _ => false,
        };
        looked.used += discard;
        if !goes_on {
            return looked;
        }
    }
}

/// The alert that rustls has ready after it has found an error. It must be shown the bytes that it has
/// not used up: it remembers where in them parts of messages lie.
fn take_alert(tls: &mut UnbufferedClientConnection, rest: &mut [u8], unsent: &mut Vec<u8>) {
    let status = tls.process_tls_records(rest);
    if let Ok(ConnectionState::EncodeTlsData(mut data)) = status.state {
        encode_behind(&mut data, unsent);
    }
}

/// The state in which a connection that stands can send; `None` where it has closed.
fn writer<'c>(
    tls: &'c mut UnbufferedClientConnection,
    partial: &mut [u8],
) -> Option<WriteTraffic<'c, rustls::client::ClientConnectionData>> {
    match tls.process_tls_records(partial).state {
        Ok(ConnectionState::WriteTraffic(writing)) => Some(writing),
        Ok(_) | Err(_) => None,
    }
}

fn encode_behind(
    data: &mut EncodeTlsData<'_, rustls::client::ClientConnectionData>,
    unsent: &mut Vec<u8>,
) {
    let start = unsent.len();
    let mut size = 512;
    loop {
        unsent.resize(start + size, 0);
        match data.encode(&mut unsent[start..]) {
            Ok(n) => return unsent.truncate(start + n),
            Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size }))
                if required_size > size =>
            {
                size = required_size;
            }
            Err(EncodeError::InsufficientSize(_) | EncodeError::AlreadyEncoded) => {
                return unsent.truncate(start);
            }
        }
    }
}

fn encrypt_behind(
    writing: &mut WriteTraffic<'_, rustls::client::ClientConnectionData>,
    plaintext: &[u8],
    unsent: &mut Vec<u8>,
) -> Result<(), IoError> {
    let start = unsent.len();
    let mut size = plaintext.len() + 256;
    loop {
        unsent.resize(start + size, 0);
        match writing.encrypt(plaintext, &mut unsent[start..]) {
            Ok(n) => {
                unsent.truncate(start + n);
                return Ok(());
            }
            Err(EncryptError::InsufficientSize(InsufficientSizeError { required_size }))
                if required_size > size =>
            {
                size = required_size;
            }
            Err(EncryptError::InsufficientSize(_) | EncryptError::EncryptExhausted) => {
                unsent.truncate(start);
                return Err(IoError::Tls(TlsError::Protocol));
            }
        }
    }
}
