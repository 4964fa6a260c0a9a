//! The states of a transfer.
//!
//! ```text
//!            ┌────────────────────── redirect, retry ──────────────────────┐
//!            v                                                             │
//!  add ──> Init ──> Pending ──> Resolving ──> Connecting ──> Sending ──> Receiving
//!            │         │           ^                          ^ │  ^         │
//!            │         └─ (reuse) ─┼──────────────────────────┘ v  │         │
//!            └── (reuse, or room) ─┘                         Awaiting        │
//!                                                                            v
//!            any of them ──────────────────────────────────────────────>  Done ──> Reported
//! ```

use crate::Error;
use crate::machine::machine;
use crate::net::IoError;
use crate::store::{Attempts, ConnId};
use crate::time::Stamp;

/// Attempts to connect that run side by side (CONTRACT R99).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Race {
    pub attempts: Attempts,
    /// What the last attempt that failed said.
    pub error: IoError,
    /// The next of the origin's addresses, and the edition of them that it counts in.
    pub next: u8,
    pub edition: u8,
    /// No slot was free for another attempt: the present one has been given more time.
    pub patient: bool,
}

/// How and when a transfer has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub result: Result<(), Error>,
    pub at: Stamp,
}

/// What a transfer is doing.
#[derive(Clone, Copy, Debug)]
pub(crate) enum State {
    /// It wants an origin and a connection.
    Init,
    /// It waits for a connection, or for a place for its origin; since this ticket was drawn.
    Pending(u32),
    /// It has a claim to a connection and waits for addresses.
    Resolving,
    /// It is connecting.
    Connecting(Race),
    /// The request is being sent; the response may come already.
    Sending(ConnId),
    /// The head of the request is sent; the body waits for `100 Continue`.
    Awaiting(ConnId),
    /// The request is sent.
    Receiving(ConnId),
    /// It has ended; its message was not read.
    Done(Outcome),
    /// It has ended, and its message was read.
    Reported(Outcome),
}

machine! {
    /// The kinds of [`State`].
    StateKind {
        Init => [Pending, Resolving, Sending, Done],
        Pending => [Pending, Init, Resolving, Sending, Done],
        Resolving => [Connecting, Pending, Done],
        Connecting => [Sending, Pending, Done],
        Sending => [Awaiting, Receiving, Init, Done],
        Awaiting => [Sending, Receiving, Init, Done],
        Receiving => [Init, Done],
        Done => [Reported],
        Reported => [],
    }
}

impl State {
    pub(crate) const fn kind(&self) -> StateKind {
        match self {
            Self::Init => StateKind::Init,
            Self::Pending(_) => StateKind::Pending,
            Self::Resolving => StateKind::Resolving,
            Self::Connecting(_) => StateKind::Connecting,
            Self::Sending(_) => StateKind::Sending,
            Self::Awaiting(_) => StateKind::Awaiting,
            Self::Receiving(_) => StateKind::Receiving,
            Self::Done(_) => StateKind::Done,
            Self::Reported(_) => StateKind::Reported,
        }
    }

    pub(crate) const fn is_over(&self) -> bool {
        matches!(self, Self::Done(_) | Self::Reported(_))
    }
}
