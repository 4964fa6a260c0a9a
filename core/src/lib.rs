//! The engine of muxfer.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

// The first, as its macros are known to what follows.
#[macro_use]
mod log;

mod conn;
pub mod easy;
pub mod error;
mod features;
pub mod http;
mod machine;
mod multi;
pub mod net;
mod origin;
pub mod platform;
pub mod store;
pub mod time;
mod transfer;
pub mod wire;

pub use conn::Conn;
pub use easy::Easy;
pub use error::Error;
pub use features::Feature;
pub use multi::{
    AddError, AddErrorKind, Config, ConfigError, Counts, Deadline, Info, Message, Multi, Pause,
    PauseError, Resources, Running, Sizes, Storage,
};
pub use origin::{Origin, OriginKey};
pub use store::{ConnId, Handle, OriginId};
pub use transfer::Transfer;

use net::Ready;

/// What a platform saw: handed to `Multi::mark` or `Multi::socket_action`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Event {
    /// A socket is ready, or may be.
    Socket(ConnId, Ready),
    /// A look-up of this origin has an answer: the engine will ask for it.
    Resolved(OriginId),
    /// The time given to [`Watch::timer`](platform::Watch::timer) has come: `CURL_SOCKET_TIMEOUT`.
    Timeout,
}
