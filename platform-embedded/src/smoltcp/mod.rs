//! The engine over smoltcp 0.14.
//!
//! The application keeps its interface, its device and its sockets, and lends some TCP sockets with
//! their own rings to the engine. [`Sockets`] is what must be remembered of them, a `static` if you like;
//! [`Net`] is the platform that the engine is given for one turn of the loop.
//!
//! # The loop
//! ```
//! # use muxfer_core::{Easy, Multi, time::Instant};
//! # use muxfer_embedded::smoltcp::{Names, Sockets};
//! # use smoltcp::{iface::{Interface, SocketSet}, phy::Device};
//! # fn now() -> Instant { Instant::ZERO }
//! # fn sleep_until(_: Option<Instant>) {}
//! fn fetch_all<E: Easy, const N: usize>(
//!     multi: &mut Multi<'_, E>,
//!     sockets: &mut Sockets<N>,
//!     names: &mut impl Names,
//!     iface: &mut Interface,
//!     device: &mut impl Device,
//!     set: &mut SocketSet<'_>,
//! ) {
//!     let mut net = sockets.net(now(), iface, set, names);
//!     while multi.counts().current > 0 {
//!         let now = now();
//!         net.poll(now, device);
//!         net.events(|event| multi.mark(event));
//!         multi.run(now, &mut net);
//!         while let Some(done) = multi.info_read() {
//!             multi.remove(now, &mut net, done.handle);
//!         }
//!         match net.wake_at() {
//!             Some(at) if at <= now => {} // there is more to do
//!             at => sleep_until(at), // until then, or until the network has something
//!         }
//!     }
//! }
//! ```
//! The platform may be made anew for each turn as well, and the application may poll the interface itself.
//! Interrupts must be off from before `Interface::poll` until the processor sleeps, or the sleep must
//! end at once if one came meanwhile, as WFI does with pending interrupts: else a frame could
//! come unseen.
//!
//! # What becomes of a connection
//! A refused connect is [`IoError::Refused`](muxfer_core::net::IoError); after the socket's own time
//! limit, if the application has set one, it is `TimedOut`. smoltcp keeps silent about hosts without a
//! route or an answer: the engine's limit on connecting ends those. A broken connection is `Reset`,
//! behind what came before; smoltcp does not tell a reset by the peer from its own time limit.
//!
//! A connection that the engine closes gets a FIN behind all that was sent, and keeps its socket until
//! the peer has closed, too, at most for [`LINGER`]. It is reset if it holds data that
//! nobody will read, or if its socket is needed.
//!
//! From the first byte of a request to the first of its answer the peer is probed every 10 s (TCP
//! keep-alive), unless the application has set a keep-alive of its own: smoltcp 0.14 may otherwise forget
//! that it has bytes to send. A stalled peer is still the engine's to end: set `total` or `low_speed`.
//!
//! # Features
//! `smoltcp` brings IPv4. `ipv6`, `medium-ethernet`, `medium-ip` turn on the same in smoltcp, of whose
//! media one must be on. `dns` brings `Dns`.

#[cfg(feature = "dns")]
mod dns;
mod names;
mod net;
mod place;
mod sockets;
mod transport;
mod watch;

#[cfg(feature = "dns")]
pub use dns::{DNS_KEEP, Dns};
pub use names::{Custom, FIXED_KEEP, Fixed, Names};
pub use net::{Net, Stack};
pub use place::{LAST_WORD, LINGER};
pub use sockets::Sockets;

use muxfer_core::time::Instant;

/// The same time for smoltcp.
#[must_use]
pub const fn to_smoltcp(now: Instant) -> smoltcp::time::Instant {
    smoltcp::time::Instant::from_micros_const(now.as_micros().cast_signed())
}
