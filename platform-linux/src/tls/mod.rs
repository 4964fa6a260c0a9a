//! HTTPS: a transport around a transport, with rustls.
//!
//! All that knows rustls is in this folder. It uses the unbuffered interface of rustls 0.23, which
//! keeps no buffers in a connection. rustls allocates: a handshake, and each record. Plain
//! connections pass straight through.

mod buffers;
mod config;
mod fault;
mod handshake;
mod provider;
mod receive;
mod session;
mod settings;
mod transport;
mod verify;

use std::fmt;
use std::io;
use std::time::Duration;

use muxfer_core::net::{Interest, IoError, Nb, Ready, TlsError};
use muxfer_core::platform::{ResolveError, Resolved, Resolver, Transport, Watch};
use muxfer_core::time::Instant;
use muxfer_core::{ConnId, Event, OriginId};

use crate::event_loop::Loop;
use crate::resolver::Names;
use crate::waker::Waker;

use buffers::Buffers;
use fault::Faults;
use session::{Link, Session};

pub use config::TlsConfig;
pub use provider::TLS_PROVIDER;
pub use settings::{
    BadTlsSettings, Identity, NotAPin, PinnedKey, RootSource, TlsPart, TlsSettings, TlsVersion,
};

/// How many steps of handshakes are made between two waits: 16. Each takes well below a
/// millisecond; those that come too late are made after the next wait, which then does not block.
pub const HANDSHAKE_STEPS: u32 = 16;

/// What secured connections have come to so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TlsStats {
    /// Handshakes with certificates.
    pub full: u64,
    /// Handshakes with a ticket of an earlier one.
    pub resumed: u64,
    /// Handshakes that failed.
    pub failed: u64,
}

/// A platform that can do HTTPS, around one that has plain streams.
///
/// [`Request::settings`](muxfer_core::easy::Request) names how a connection is secured, by the
/// number that [`Tls::register`] has given; 0 is what [`Tls::new`] was given.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use muxfer_linux::{Backend, BackendOptions, Tls, TlsConfig};
///
/// let backend = Backend::new(&BackendOptions::default())?;
/// let platform = Tls::new(backend, TlsConfig::default());
/// // let mut driver = Driver::new(&mut memory, Config::default(), platform)?;
/// # let _ = platform;
/// # Ok(())
/// # }
/// ```
///
/// # In a loop of one's own
/// Around a platform that can't wait, events go through [`Tls::hear`] before they go to the engine,
/// and what [`Tls::tell_news`] tells goes there too, before each wait. If it has told something, that
/// wait must not block.
///
/// # Memory
/// All connections share the buffers for what is received and sent, about 500 KiB. A connection owns
/// the state of rustls, and a block as long as a record is not complete, plaintext is not consumed
/// while another connection receives, or the inner transport does not take what is to be sent.
pub struct Tls<P> {
    inner: P,
    configs: Vec<TlsConfig>,
    /// By the index of the connection's id; plain connections have none.
    sessions: Vec<Option<Box<Session>>>,
    buffers: Buffers,
    /// Connections of which something may have to be told.
    listed: Vec<ConnId>,
    /// Connections that may go on sending.
    writable: Vec<ConnId>,
    /// Steps of handshakes that may still be made before the next wait.
    steps: u32,
    stats: TlsStats,
    faults: Faults,
}

impl<P: fmt::Debug> fmt::Debug for Tls<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("inner", &self.inner)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

impl<P> Tls<P> {
    /// A platform around this one. Nothing is read until the first connection.
    #[must_use]
    pub fn new(inner: P, default: TlsConfig) -> Self {
        Self {
            inner,
            configs: vec![default],
            sessions: Vec::new(),
            buffers: Buffers::new(),
            listed: Vec::new(),
            writable: Vec::new(),
            steps: HANDSHAKE_STEPS,
            stats: TlsStats::default(),
            faults: Faults::default(),
        }
    }

    /// The number for these settings. Equal ones have the same number, so that their transfers share
    /// connections and tickets.
    pub fn register(&mut self, config: &TlsConfig) -> u32 {
        let known = self.configs.iter().position(|known| known.equals(config));
        let index = known.unwrap_or_else(|| {
            self.configs.push(config.clone());
            self.configs.len() - 1
        });
        // Nobody registers 2³² of them.
        u32::try_from(index).unwrap_or(u32::MAX)
    }

    /// How many handshakes there were.
    #[must_use]
    pub const fn stats(&self) -> TlsStats {
        self.stats
    }

    /// What more is known of an error, such as the names that a certificate does hold. Of the last
    /// time that it happened with this host, in lower case, and port.
    #[must_use]
    pub fn explain(&self, host: &str, port: u16, error: TlsError) -> Option<&str> {
        self.faults.explain(host, port, error)
    }

    /// The platform inside.
    #[must_use]
    pub const fn inner(&self) -> &P {
        &self.inner
    }

    /// The platform inside. Its secured connections must be left alone.
    pub const fn inner_mut(&mut self) -> &mut P {
        &mut self.inner
    }

    fn session(&mut self, conn: ConnId) -> Option<&mut Session> {
        find(&mut self.sessions, conn)
    }

    /// Puts a connection on the list of those of which something may have to be told.
    fn list(&mut self, conn: ConnId) {
        if let Some(session) = find(&mut self.sessions, conn)
            && !std::mem::replace(&mut session.listed, true)
        {
            self.listed.push(conn);
        }
    }
}

/// The secured connection of exactly this id.
fn find(sessions: &mut [Option<Box<Session>>], conn: ConnId) -> Option<&mut Session> {
    match sessions.get_mut(conn.index()) {
        Some(Some(session)) if session.id == conn => Some(session),
        Some(_) | None => None,
    }
}

impl<P: Transport + Watch> Tls<P> {
    /// Tells what the inner platform can't know: plaintext that waits in memory, and handshakes that
    /// had no turn. Answers whether there was something. A new round of handshakes begins.
    pub fn tell_news(&mut self, mut tell: impl FnMut(Event)) -> bool {
        self.steps = HANDSHAKE_STEPS;
        let mut listed = std::mem::take(&mut self.listed);
        let mut told = false;
        listed.retain(|&conn| {
            let Some(session) = find(&mut self.sessions, conn) else {
                return false;
            };
            let waits = !session.held().is_empty()
                || !self.buffers.plain_of(conn).is_empty()
                || session.has_end();
            let deferred = std::mem::take(&mut session.deferred) && !session.want.is_none();
            let stays = session.is_up() && waits && session.want.contains(Interest::READ);
            if stays {
                tell(Event::Socket(conn, Ready::READ));
            } else if deferred {
                tell(Event::Socket(conn, Ready::WRITE));
            }
            told |= stays || deferred;
            // As long as it waits it is told with each wait, as level-triggered readiness is.
            session.listed = stays;
            stays
        });
        self.listed = listed;
        told
    }

    /// What an event of the inner platform means to the engine, if anything.
    pub fn hear(&mut self, event: Event) -> Option<Event> {
        let heard = translate(&mut self.sessions, &mut self.writable, event);
        self.go_on_sending();
        heard
    }

    /// Connections that became writable go on with records that did not find room.
    fn go_on_sending(&mut self) {
        while let Some(conn) = self.writable.pop() {
            // A failure is told to whoever sends next, or comes when something is received.
            let _ = self.send_unsent(conn);
            self.rewatch(conn);
        }
    }

    /// Sends records that found no room before.
    fn send_unsent(&mut self, conn: ConnId) -> Nb<()> {
        let Some(session) = find(&mut self.sessions, conn) else {
            return Ok(());
        };
        while session.has_unsent() {
            let rest = session.unsent.get(session.unsent_at..).unwrap_or(&[]);
            let room = self.inner.reserve(conn)?;
            let n = room.len().min(rest.len());
            room[..n].copy_from_slice(&rest[..n]);
            self.inner.commit(conn, n)?;
            session.unflushed = true;
            session.unsent_at += n;
            if session.unsent_at >= session.unsent.len() {
                session.unsent_at = 0;
                self.buffers.take_back(&mut session.unsent);
            }
        }
        if session.unflushed {
            self.inner.flush(conn)?;
            session.unflushed = false;
        }
        Ok(())
    }

    /// Tells the inner platform what to watch, if that has changed.
    fn rewatch(&mut self, conn: ConnId) {
        let Some(session) = find(&mut self.sessions, conn) else {
            return;
        };
        let wanted = session.wanted();
        if session.told != wanted {
            session.told = wanted;
            self.inner.socket(conn, wanted);
        }
    }

    /// The configuration of this number.
    fn config(&self, settings: u32) -> Result<&TlsConfig, IoError> {
        let index = usize::try_from(settings).ok();
        index
            .and_then(|index| self.configs.get(index))
            .ok_or(IoError::Tls(TlsError::Settings))
    }
}

/// What an event of the inner platform means to the engine.
fn translate(
    sessions: &mut [Option<Box<Session>>],
    writable: &mut Vec<ConnId>,
    event: Event,
) -> Option<Event> {
    let Event::Socket(conn, ready) = event else {
        return Some(event);
    };
    let Some(session) = find(sessions, conn) else {
        return Some(event);
    };
    if session.has_pending() && ready.contains(Ready::WRITE) {
        writable.push(conn);
    }
    if session.want.is_none() {
        return None;
    }
    if ready.is_none() {
        return Some(event);
    }
    if !matches!(session.link, Link::Up(_)) {
        // Whatever it was, the handshake may go on.
        return Some(Event::Socket(conn, ready | Ready::WRITE));
    }
    let mut heard = Ready::NONE;
    for (bit, interest) in [
        (Ready::READ, Interest::READ),
        (Ready::WRITE, Interest::WRITE),
    ] {
        if ready.contains(bit) && session.want.contains(interest) {
            heard |= bit;
        }
    }
    if ready.contains(Ready::ERROR) {
        heard |= Ready::ERROR;
    }
    // Masks are hints. Only what was asked for in secret is kept secret.
    let own = ready == Ready::WRITE && session.told.contains(Interest::WRITE);
    match heard.is_none() {
        true if own => None,
        true => Some(event),
        false => Some(Event::Socket(conn, heard)),
    }
}

impl<P: Loop> Loop for Tls<P> {
    fn wait_for(
        &mut self,
        deadline: Option<Instant>,
        at_most: Option<Duration>,
        mut tell: impl FnMut(Event),
    ) -> io::Result<()> {
        let told = self.tell_news(&mut tell);
        let at_most = if told { Some(Duration::ZERO) } else { at_most };
        let Self {
            inner,
            sessions,
            writable,
            ..
        } = self;
        inner.wait_for(deadline, at_most, |event| {
            if let Some(heard) = translate(sessions, writable, event) {
                tell(heard);
            }
        })?;
        self.go_on_sending();
        Ok(())
    }

    fn waker(&self) -> Waker {
        self.inner.waker()
    }

    fn names(&mut self) -> &mut Names {
        self.inner.names()
    }

    fn spilled_bytes(&self) -> usize {
        let blocks = self.sessions.iter().flatten();
        let kept = blocks.map(|session| {
            session.partial.capacity() + session.held.capacity() + session.unsent.capacity()
        });
        self.inner.spilled_bytes() + kept.sum::<usize>()
    }
}

impl<P: Transport + Watch> Watch for Tls<P> {
    fn socket(&mut self, conn: ConnId, want: Interest) {
        let Some(session) = self.session(conn) else {
            return self.inner.socket(conn, want);
        };
        session.want = want;
        self.list(conn);
        self.rewatch(conn);
    }

    fn timer(&mut self, at: Option<Instant>) {
        self.inner.timer(at);
    }
}

impl<P: Resolver> Resolver for Tls<P> {
    fn resolve(&mut self, query: OriginId, host: &str, port: u16) -> Nb<Resolved, ResolveError> {
        self.inner.resolve(query, host, port)
    }

    fn cancel(&mut self, query: OriginId) {
        self.inner.cancel(query);
    }
}
