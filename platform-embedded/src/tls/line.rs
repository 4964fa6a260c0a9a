//! The memory of secured connections, and what is told of them.

use muxfer_core::net::{Interest, Ready};
use muxfer_core::platform::{Transport, Watch};
use muxfer_core::{ConnId, Event};
use rand_core::CryptoRng;

use super::secured::Secured;
use super::session::{Known, Session};
use super::state::{Phase, State};
use super::trust::Settings;

/// Room for one secured connection.
struct Line<const RX: usize, const TX: usize> {
    state: State,
    rx: [u8; RX],
    tx: [u8; TX],
}

/// Room for `N` secured connections, a `static` if you like: it needs no code to start.
///
/// `RX` holds the longest record that may come, or the longest handshake message with the start of
/// a record behind it: [`MAX_RECORD`](super::MAX_RECORD) for any server. With less a limit is asked
/// for (RFC 8449, RFC 6066), which not every server heeds; a record that is too long ends the
/// connection. At least 2 KiB are needed for the certificates. `TX` is the longest record that is
/// sent: at least 512.
///
/// Connections that find no room fail with
/// [`NoDescriptors`](muxfer_core::net::IoError::NoDescriptors), so that the engine lets transfers
/// wait while others have some.
pub struct Lines<const N: usize, const RX: usize, const TX: usize> {
    lines: [Line<RX, TX>; N],
}

/// What only the application knows.
pub struct Context<'c> {
    /// Whom to trust; a transfer's [`settings`](muxfer_core::platform::Target::settings) say which.
    pub settings: &'c [Settings<'c>],
    /// Seconds since 1970, if they are known. Without them only pinned keys can be checked.
    pub unix_time: Option<u64>,
    /// Where secrets come from. It must not be guessed: whoever can has all that is sent.
    pub rng: &'c mut dyn CryptoRng,
}

impl<const N: usize, const RX: usize, const TX: usize> Default for Lines<N, RX, TX> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize, const RX: usize, const TX: usize> Lines<N, RX, TX> {
    /// No connection.
    #[must_use]
    pub const fn new() -> Self {
        const {
            assert!(RX >= 2048 && TX >= 512, "too little room for a handshake");
            assert!(RX <= 0x8000 && TX <= 0x8000, "more than any record takes");
        }
        Self {
            lines: [const {
                Line {
                    state: State::FREE,
                    rx: [0; RX],
                    tx: [0; TX],
                }
            }; N],
        }
    }

    /// What an event of the transport below means to the engine; to be handed to
    /// [`Multi::mark`](muxfer_core::Multi::mark) in its place.
    #[must_use]
    pub fn heard(&self, event: Event) -> Option<Event> {
        let Event::Socket(conn, ready) = event else {
            return Some(event);
        };
        let Some(state) = self.state(conn) else {
            return Some(event);
        };
        let mut told = ready_for(state, ready);
        if ready.contains(Ready::ERROR) {
            told |= Ready::ERROR;
        }
        (!told.is_none() && !state.want.is_none()).then_some(Event::Socket(conn, told))
    }

    /// Tells of the connections that have work though nothing has happened below. O(`N`).
    pub fn due(&self, mut tell: impl FnMut(Event)) {
        for line in &self.lines {
            if let Some(conn) = line.state.conn
                && is_due(&line.state)
            {
                tell(Event::Socket(conn, wanted(&line.state)));
            }
        }
    }

    /// Is there such a connection? Then the loop must not sleep.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.lines.iter().any(|line| is_due(&line.state))
    }

    /// The platform for the engine: `inner`, with its `https` origins secured. Nothing is lost when
    /// it goes. To be made once in each turn of the loop, as it sends what waits; O(`N`).
    pub fn over<'t, T: Transport + Watch>(
        &'t mut self,
        inner: &'t mut T,
        context: Context<'t>,
    ) -> Secured<'t, T, N, RX, TX> {
        for line in &mut self.lines {
            line.session().tend(inner);
        }
        Secured {
            lines: self,
            inner,
            known: Known {
                settings: context.settings,
                unix_time: context.unix_time,
            },
            rng: context.rng,
        }
    }

    fn state(&self, conn: ConnId) -> Option<&State> {
        let mut states = self.lines.iter().map(|line| &line.state);
        states.find(|state| state.conn == Some(conn))
    }

    /// The connection of this id.
    pub(super) fn find(&mut self, conn: ConnId) -> Option<Session<'_>> {
        self.session(|state| state.conn == Some(conn))
    }

    /// Room that is not in use.
    pub(super) fn vacant(&mut self) -> Option<Session<'_>> {
        self.session(|state| state.conn.is_none())
    }

    fn session(&mut self, is_it: impl Fn(&State) -> bool) -> Option<Session<'_>> {
        let line = self.lines.iter_mut().find(|line| is_it(&line.state))?;
        Some(line.session())
    }
}

impl<const RX: usize, const TX: usize> Line<RX, TX> {
    fn session(&mut self) -> Session<'_> {
        Session {
            state: &mut self.state,
            rx: &mut self.rx,
            tx: &mut self.tx,
        }
    }
}

/// All that the engine waits for, as readiness.
fn wanted(state: &State) -> Ready {
    let mut ready = Ready::NONE;
    if state.want.contains(Interest::READ) {
        ready |= Ready::READ;
    }
    if state.want.contains(Interest::WRITE) {
        ready |= Ready::WRITE;
    }
    ready
}

/// What the engine is told if this is ready below.
fn ready_for(state: &State, ready: Ready) -> Ready {
    match state.phase {
        // Whatever moves the handshake is what the engine waits for.
        Phase::Free
        | Phase::Connecting
        | Phase::ServerHello
        | Phase::Extensions
        | Phase::Certificate
        | Phase::CertificateVerify
        | Phase::Finished => wanted(state),
        Phase::Failed => wanted(state),
        Phase::Open | Phase::Ended => {
            let mut told = Ready::NONE;
            for (bit, interest) in [
                (Ready::READ, Interest::READ),
                (Ready::WRITE, Interest::WRITE),
            ] {
                if ready.contains(bit) && state.want.contains(interest) {
                    told |= bit;
                }
            }
            told
        }
    }
}

/// Is there work though nothing has happened below?
fn is_due(state: &State) -> bool {
    let readable = state.has_plain() && state.want.contains(Interest::READ);
    !state.want.is_none() && (state.due || readable)
}
