//! The states of a connection.
//!
//! ```text
//! Opening ──> Busy <──> Idle <──> Stray        any of them is closed by leaving the table
//! ```

use crate::machine::machine;
use crate::store::Handle;
use crate::time::Stamp;

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnState {
    /// One of the attempts to connect of this transfer.
    Opening(Handle),
    /// It serves this transfer.
    Busy(Handle),
    /// It waits in the pool since then.
    Idle(Stamp),
    /// It waits in the pool and something was heard of it: it must be looked at before use
    /// (CONTRACT D3).
    Stray(Stamp),
}

machine! {
    /// The kinds of [`ConnState`].
    ConnKindOfState {
        Opening => [Busy],
        Busy => [Idle, Busy],
        Idle => [Busy, Stray],
        Stray => [Busy, Idle],
    }
}

impl ConnState {
    pub(crate) const fn kind(&self) -> ConnKindOfState {
        match self {
            Self::Opening(_) => ConnKindOfState::Opening,
            Self::Busy(_) => ConnKindOfState::Busy,
            Self::Idle(_) => ConnKindOfState::Idle,
            Self::Stray(_) => ConnKindOfState::Stray,
        }
    }
}
