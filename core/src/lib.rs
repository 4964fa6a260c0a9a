//! The engine of muxfer.
#![no_std]
#![forbid(unsafe_code)]

pub mod easy;
pub mod error;
pub mod net;
pub mod platform;
pub mod store;
pub mod time;
pub mod wire;

pub use error::Error;
pub use store::{ConnId, Handle, OriginId};

use net::Ready;

/// What a platform saw: handed to `Multi::mark` or `Multi::socket_action`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A socket is ready, or may be.
    Socket(ConnId, Ready),
    /// A look-up of this origin has an answer: the engine will ask for it.
    Resolved(OriginId),
    /// The time given to [`Watch::timer`](platform::Watch::timer) has come: `CURL_SOCKET_TIMEOUT`.
    Timeout,
}
