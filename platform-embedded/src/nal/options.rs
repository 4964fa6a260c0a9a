//! What an adapter is told once.

use core::time::Duration;

use embedded_nal::{AddrType, TcpError, TcpErrorKind};
use muxfer_core::net::IoError;

/// How a [`Nal`](super::Nal) behaves.
#[derive(Clone, Debug)]
pub struct Options<E> {
    /// How long to wait before a stack that had nothing is asked again; at least 1 ms. It is the price
    /// of a stack without events: the longest that a byte lies unseen, and how often a processor that
    /// waits for one wakes.
    pub interval: Duration,
    /// Which addresses are asked for.
    pub family: AddrType,
    /// How long an address may be used: these traits don't tell its time to live.
    pub keep: Duration,
    /// What an error of the stack is. [`IoError::Closed`] from a receive means that the peer has ended
    /// the stream.
    pub errors: fn(&E) -> IoError,
}

impl<E: TcpError> Options<E> {
    /// Every 10 ms; either family; a minute; by the error's kind.
    pub const DEFAULT: Self = Self {
        interval: Duration::from_millis(10),
        family: AddrType::Either,
        keep: Duration::from_secs(60),
        errors: by_kind::<E>,
    };
}

impl<E: TcpError> Default for Options<E> {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What every stack can say of an error: [`IoError::Closed`], or [`IoError::Other`] with 0.
pub fn by_kind<E: TcpError>(error: &E) -> IoError {
    if error.kind() == TcpErrorKind::PipeClosed {
        IoError::Closed
    } else {
        IoError::Other(0)
    }
}
