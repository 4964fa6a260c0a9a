//! From a connect to a secured connection.

use std::sync::Arc;

use muxfer_core::ConnId;
use muxfer_core::net::{IoError, Nb, Stall, TlsError};
use muxfer_core::platform::{Target, Transport, Watch};
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind};

use super::buffers::PULL;
use super::fault::Fault;
use super::session::{End, Link, Session, look};
use super::{Tls, find, verify};

impl<P: Transport + Watch> Tls<P> {
    /// A session for this target, if it can be secured at all.
    pub(super) fn prepare(
        &mut self,
        conn: ConnId,
        target: &Target<'_>,
    ) -> Result<Box<Session>, IoError> {
        let (host, port) = (target.host, target.address.port());
        let client = match self.config(target.settings)?.client() {
            Ok(client) => client,
            Err(error) => {
                let fault = Fault::with(TlsError::Settings, error.why);
                return Err(self.note(host, port, &fault));
            }
        };
        let Ok(name) = ServerName::try_from(host.to_owned()) else {
            return Err(self.note(host, port, &Fault::new(TlsError::HostName)));
        };
        Ok(Box::new(Session::new(conn, host, port, client, name)))
    }

    /// Keeps what is known of a fault, for whoever asks.
    pub(super) fn note(&mut self, host: &str, port: u16, fault: &Fault) -> IoError {
        self.faults.keep(host, port, fault);
        IoError::Tls(fault.error)
    }

    /// Goes on with the handshake.
    pub(super) fn greet(&mut self, conn: ConnId) -> Nb<()> {
        let session = self.session(conn).ok_or(IoError::Closed)?;
        if session.is_up() {
            return Ok(());
        }
        if let End::Failed(error) = session.end {
            return Err(Stall::Failed(error));
        }
        let connecting = matches!(session.link, Link::Connecting(..));
        if connecting {
            self.inner.opened(conn)?;
        }
        if self.steps == 0 {
            return self.defer(conn);
        }
        if connecting {
            self.steps -= 1;
            self.begin(conn);
        } else if self.pull(conn, PULL).is_ok() {
            self.steps -= 1;
        }
        if let Err(Stall::Failed(error)) = self.send_unsent(conn) {
            self.inner_failed(conn, error);
        }
        self.judge(conn)
    }

    /// It goes on after the next wait.
    fn defer(&mut self, conn: ConnId) -> Nb<()> {
        if let Some(session) = self.session(conn) {
            session.deferred = true;
        }
        self.list(conn);
        Err(Stall::WouldBlock)
    }

    /// The first words.
    fn begin(&mut self, conn: ConnId) {
        let mut unsent = self.buffers.block();
        let Some(session) = find(&mut self.sessions, conn) else {
            return;
        };
        let Link::Connecting(config, name) = std::mem::replace(&mut session.link, Link::Failed)
        else {
            return;
        };
        match hello(config, name, &mut unsent) {
            Ok(tls) => session.link = Link::Greeting(tls),
            Err(error) => {
                let fault = Fault::of(&error, session.asked);
                session.fail(IoError::Tls(fault.error));
                self.faults.keep(&session.host, session.port, &fault);
            }
        }
        session.unsent = unsent;
    }

    /// The stream inside broke in the handshake: in curl, too, the fault of the handshake.
    pub(super) fn inner_failed(&mut self, conn: ConnId, error: IoError) {
        let Some(session) = find(&mut self.sessions, conn) else {
            return;
        };
        if session.is_up() {
            return session.fail(error);
        }
        let fault = Fault::with(TlsError::Truncated, format!("in the handshake: {error}"));
        if session.end == End::Open {
            self.faults.keep(&session.host, session.port, &fault);
        }
        session.fail(IoError::Tls(fault.error));
    }

    /// Is the handshake over, and well?
    fn judge(&mut self, conn: ConnId) -> Nb<()> {
        let Some(session) = find(&mut self.sessions, conn) else {
            return Err(Stall::Failed(IoError::Closed));
        };
        if let End::Failed(error) = session.end {
            self.stats.failed += 1;
            return Err(Stall::Failed(error));
        }
        let ended = session.end == End::Ended;
        match std::mem::replace(&mut session.link, Link::Failed) {
            Link::Greeting(tls) if !tls.is_handshaking() => {
                self.stats.count(tls.handshake_kind());
                log::info!("{} is secured by {}", session.host, described(&tls));
                session.link = Link::Up(tls);
                self.list(conn);
                Ok(())
            }
            link @ (Link::Connecting(..) | Link::Greeting(_) | Link::Up(_) | Link::Failed) => {
                session.link = link;
                if ended {
                    self.inner_failed(conn, IoError::Closed);
                    return self.judge(conn);
                }
                if session.more {
                    return self.defer(conn);
                }
                Err(Stall::WouldBlock)
            }
        }
    }
}

impl super::TlsStats {
    fn count(&mut self, kind: Option<HandshakeKind>) {
        match kind {
            Some(HandshakeKind::Resumed) => self.resumed += 1,
            Some(HandshakeKind::Full | HandshakeKind::FullWithHelloRetryRequest) | None => {
                self.full += 1;
            }
        }
    }
}

fn hello(
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    unsent: &mut Vec<u8>,
) -> Result<Box<UnbufferedClientConnection>, rustls::Error> {
    let mut tls = Box::new(UnbufferedClientConnection::new(config, name)?);
    verify::take_question();
    look(&mut tls, &mut [], &mut Vec::new(), unsent).result?;
    Ok(tls)
}

/// For a log.
fn described(tls: &UnbufferedClientConnection) -> String {
    let version = tls.protocol_version().and_then(|version| version.as_str());
    let suite = tls.negotiated_cipher_suite().map(|suite| suite.suite());
    let suite = suite.and_then(|suite| suite.as_str());
    let how = match tls.handshake_kind() {
        Some(HandshakeKind::Resumed) => "resumed",
        Some(HandshakeKind::Full | HandshakeKind::FullWithHelloRetryRequest) | None => "anew",
    };
    format!(
        "{} {}, {how}",
        version.unwrap_or("TLS"),
        suite.unwrap_or("?")
    )
}
