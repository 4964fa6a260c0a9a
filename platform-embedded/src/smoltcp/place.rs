//! A socket that is lent to the engine, and where it stands in its life.
//!
//! ```text
//!   Free ───open──▶ Opening ──opened──▶ Open ──close──▶ Lingering ──at rest──▶ Free
//!    ▲                ▲                                     │
//!    │                └───sent── Waiting ◀──open── Aborted ◀┘ too long, or needed
//!    └─────────────────────────sent──────────────────┘
//! ```
//! A reset is sent by the next `Interface::poll`; only then smoltcp lets the socket connect again without
//! losing it.

use core::time::Duration;

use ::smoltcp::iface::SocketHandle;
use ::smoltcp::socket::tcp::{Socket, State};
use ::smoltcp::wire::IpEndpoint;
use muxfer_core::ConnId;
use muxfer_core::net::Interest;
use muxfer_core::time::Instant;

/// How long a closed connection may wait for its peer's end. Then it is reset.
pub const LINGER: Duration = Duration::from_secs(10);
/// How long a reset may wait to be sent, as for a neighbour that has gone. Then it is forgotten.
pub const LAST_WORD: Duration = Duration::from_secs(1);

/// A point in time in units of 1,024 µs: half the size of an [`Instant`], and no division.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tick(u32);

impl Tick {
    #[expect(clippy::cast_possible_truncation, reason = "only differences are used")]
    pub(super) const fn at(now: Instant) -> Self {
        Self((now.as_micros() >> 10) as u32)
    }

    /// How many units ago `earlier` was.
    const fn since(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }
}

/// This time in ticks.
#[expect(clippy::cast_possible_truncation, reason = "seconds")]
const fn ticks(time: Duration) -> u32 {
    (time.as_micros() >> 10) as u32
}

/// Where a socket stands. `Free` is first, so that a new one is all zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// Nobody's.
    Free,
    /// A connection has it, but first the reset of the one before must be sent.
    Waiting(ConnId, IpEndpoint, Tick),
    /// It connects.
    Opening(ConnId, Tick),
    /// It is connected, or was.
    Open(ConnId),
    /// The engine has closed it; it says goodbye since then.
    Lingering(Tick),
    /// It has a reset to send since then.
    Aborted(Tick),
}

/// One socket of the set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) handle: Option<SocketHandle>,
    pub(super) life: Life,
    pub(super) want: Interest,
}

impl Place {
    pub(super) const EMPTY: Self = Self {
        handle: None,
        life: Life::Free,
        want: Interest::NONE,
    };

    /// The connection that it carries.
    pub(super) const fn conn(&self) -> Option<ConnId> {
        match self.life {
            Life::Waiting(conn, ..) | Life::Opening(conn, _) | Life::Open(conn) => Some(conn),
            Life::Free | Life::Lingering(_) | Life::Aborted(_) => None,
        }
    }

    /// Does its connection wait for a reset to be sent?
    pub(super) const fn is_waiting(&self) -> bool {
        matches!(self.life, Life::Waiting(..))
    }

    /// Is its connection closed, but not at its end?
    pub(super) const fn is_lingering(&self) -> bool {
        matches!(self.life, Life::Lingering(_) | Life::Aborted(_))
    }

    /// How willingly it is given to the next connection; `None` if it is in use. Of those that say
    /// goodbye, the oldest is the first.
    pub(super) fn vacancy(&self, socket: &Socket<'_>, now: Tick) -> Option<u32> {
        match self.life {
            Life::Free => Some(u32::MAX),
            // Both sides have ended it: nothing is lost.
            Life::Lingering(_) if socket.state() == State::TimeWait => Some(u32::MAX - 1),
            Life::Lingering(since) | Life::Aborted(since) => {
                Some(now.since(since).min(u32::MAX - 2))
            }
            Life::Waiting(..) | Life::Opening(..) | Life::Open(_) => None,
        }
    }

    /// Gives it to a connection, which is opened now or as soon as a reset is sent.
    pub(super) fn take(
        &mut self,
        socket: &mut Socket<'_>,
        conn: ConnId,
        to: IpEndpoint,
        now: Tick,
    ) {
        if socket.state() != State::TimeWait {
            socket.abort();
        }
        self.want = Interest::NONE;
        self.life = Life::Waiting(conn, to, now);
    }

    /// Law 4: final for the engine, yet the peer gets what was sent and a proper end.
    pub(super) fn close(&mut self, socket: &mut Socket<'_>, now: Tick) {
        self.want = Interest::NONE;
        self.life = match socket.state() {
            // Whoever answers is told by smoltcp that nobody is here.
            State::SynSent | State::Listen => {
                forget(socket);
                Life::Free
            }
            State::Closed => Life::Aborted(now),
            State::SynReceived
            | State::Established
            | State::FinWait1
            | State::FinWait2
            | State::CloseWait
            | State::Closing
            | State::LastAck
            | State::TimeWait => {
                socket.close();
                Life::Lingering(now)
            }
        };
        self.tend(socket, now);
    }

    /// Moves a closed connection on.
    pub(super) fn tend(&mut self, socket: &mut Socket<'_>, now: Tick) {
        match self.life {
            Life::Lingering(since) => {
                // RFC 9293 §3.6.1: data that nobody will read is answered with a reset.
                if socket.recv_queue() > 0 || now.since(since) >= ticks(LINGER) {
                    abort(socket);
                    self.life = Life::Aborted(now);
                }
            }
            Life::Aborted(since) => {
                if now.since(since) >= ticks(LAST_WORD) {
                    forget(socket);
                }
            }
            Life::Free | Life::Waiting(..) | Life::Opening(..) | Life::Open(_) => return,
        }
        if is_at_rest(socket) {
            self.life = Life::Free;
        }
    }

    /// When [`tend`](Self::tend) has something to do, though nothing comes.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let (since, time) = match self.life {
            Life::Lingering(since) => (since, ticks(LINGER)),
            Life::Aborted(since) | Life::Waiting(_, _, since) => (since, ticks(LAST_WORD)),
            Life::Free | Life::Opening(..) | Life::Open(_) => return None,
        };
        let left = time.saturating_sub(Tick::at(now).since(since));
        let micros = (now.as_micros() >> 10).saturating_add(left.into()) << 10;
        Some(Instant::from_micros(micros))
    }

    /// Has a connect taken as long as the application lets its sockets wait?
    pub(super) fn is_overdue(&self, socket: &Socket<'_>, now: Tick) -> bool {
        match (self.life, socket.timeout()) {
            (Life::Opening(_, since), Some(limit)) => {
                u64::from(now.since(since)) + 1 >= limit.total_micros() >> 10
            }
            (Life::Opening(..), None)
            | (
                Life::Free
                | Life::Waiting(..)
                | Life::Open(_)
                | Life::Lingering(_)
                | Life::Aborted(_),
                _,
            ) => false,
        }
    }
}

/// May a connection that waits for this socket since then be opened?
pub(super) fn can_connect(socket: &Socket<'_>, since: Tick, now: Tick) -> bool {
    let is_free = is_at_rest(socket) || socket.state() == State::TimeWait;
    is_free || now.since(since) >= ticks(LAST_WORD)
}

/// Has it no connection, and nothing to send?
fn is_at_rest(socket: &Socket<'_>) -> bool {
    socket.state() == State::Closed && socket.local_endpoint().is_none()
}

/// Resets the connection; if both sides have ended it there is nothing to be said.
fn abort(socket: &mut Socket<'_>) {
    if socket.state() == State::TimeWait {
        forget(socket);
    } else {
        socket.abort();
    }
}

/// Forgets the connection without a word. smoltcp has no call for it, but who listens has no peer.
pub(super) fn forget(socket: &mut Socket<'_>) {
    socket.abort();
    if socket.listen(1).is_ok() {
        socket.close();
    }
}
