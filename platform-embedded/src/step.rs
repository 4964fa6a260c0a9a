//! What the application does next with a ready-made transfer.

use muxfer_core::time::Instant;

/// What the application does next with a transfer that is not in the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Step<T, E> {
    /// Add it to the engine. When its message comes, take it out and hand it the result (`ended`).
    /// It says so again as long as no result was handed to it.
    Start,
    /// Nothing before this time.
    Wait(Instant),
    /// It has work left that needs no network, such as reading back what it wrote. Call again when
    /// nothing else is due; each call does a bounded part.
    Again,
    /// It is done, for good.
    Complete(T),
    /// It has failed, for good.
    Failed(E),
}
