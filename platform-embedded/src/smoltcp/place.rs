//! A socket that is lent to the engine, and where it stands in its life.
//!
//! ```text
//!   Free ──open──▶ Opening ──opened──▶ Open ──close──▶ Lingering ──at rest──▶ Free
//!    ▲                │                 │                  │ ▲
//!    └─────close──────┴──close, broken──┘           open ──┘ └── reset: Aborted
//! ```

use core::time::Duration;

use ::smoltcp::iface::SocketHandle;
use ::smoltcp::socket::tcp::{Socket, State};
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
            Life::Opening(conn, _) | Life::Open(conn) => Some(conn),
            Life::Free | Life::Lingering(_) | Life::Aborted(_) => None,
        }
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
            Life::Opening(..) | Life::Open(_) => None,
        }
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
            Life::Free | Life::Opening(..) | Life::Open(_) => return,
        }
        if socket.state() == State::Closed && socket.local_endpoint().is_none() {
            self.life = Life::Free;
        }
    }

    /// When [`tend`](Self::tend) has something to do, though nothing comes.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let (since, time) = match self.life {
            Life::Lingering(since) => (since, ticks(LINGER)),
            Life::Aborted(since) => (since, ticks(LAST_WORD)),
            Life::Free | Life::Opening(..) | Life::Open(_) => return None,
        };
        let left = time.saturating_sub(Tick::at(now).since(since));
        let micros = (now.as_micros() >> 10).saturating_add(left.into()) << 10;
        Some(Instant::from_micros(micros))
    }

    /// Has it waited for its peer longer than the application lets its sockets wait?
    pub(super) fn is_overdue(&self, socket: &Socket<'_>, now: Tick) -> bool {
        match (self.life, socket.timeout()) {
            (Life::Opening(_, since), Some(limit)) => {
                u64::from(now.since(since)) + 1 >= limit.total_micros() >> 10
            }
            (Life::Opening(..), None)
            | (Life::Free | Life::Open(_) | Life::Lingering(_) | Life::Aborted(_), _) => false,
        }
    }
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
