//! The engine over any stack that implements the traits of `embedded-nal` 0.9: modems with sockets of
//! their own, Wi-Fi and Ethernet chips, network stacks behind a common face.
//!
//! Such a stack copies: it is handed a buffer to fill, and one to send from. So [`Nal`] has one buffer
//! each way for each connection ([`Buffers`], a `static` if you like), lends from them, keeps what the
//! engine has left, and keeps what the stack has not taken.
//!
//! Nor does such a stack say when a socket is ready. [`Nal::events`] asks it, once for each connection
//! that is watched; where nothing has moved, [`Nal::wake_at`] says to look again after
//! [`Options::interval`].
//!
//! # The loop
//! ```
//! use core::time::Duration;
//!
//! use embedded_nal::{Dns, TcpClientStack};
//! use muxfer_core::easy::{Fetch, Taken};
//! use muxfer_core::time::Instant;
//! use muxfer_core::{Config, Error, Multi, Resources};
//! use muxfer_embedded::nal::{Buffers, Nal, Options};
//!
//! type Sink = fn(&[u8]) -> Taken;
//! type Get = Fetch<heapless::String<64>, Sink>;
//!
//! /// Four connections with 1 KiB to receive and 512 bytes to send each; two hosts.
//! fn fetch<S: TcpClientStack + Dns>(
//!     stack: S,
//!     urls: &[&str],
//!     sink: Sink,
//!     clock: impl Fn() -> Instant,
//!     sleep: impl Fn(Duration),
//! ) -> Result<(), Error> {
//!     let mut buffers = Buffers::<4, 1024, 512>::new();
//!     let mut nal = Nal::<S, 4, 2>::new(stack, &mut buffers, Options::DEFAULT);
//!     let mut memory = Resources::<Get, 8, 4, 2, 64, 6, 256>::new();
//!     let mut multi = Multi::new(memory.storage(), Config::DEFAULT).expect("enough of each");
//!     for url in urls {
//!         let get = Get::get(url, sink).expect("a short URL");
//!         multi.add(clock(), &mut nal, get).expect("a free place");
//!     }
//!     let mut result = Ok(());
//!     loop {
//!         let now = clock();
//!         nal.events(now, |event| multi.mark(event));
//!         let running = multi.run(now, &mut nal);
//!         while let Some(done) = multi.info_read() {
//!             result = result.and(done.result);
//!             multi.remove(now, &mut nal, done.handle);
//!         }
//!         if running.transfers == 0 {
//!             multi.close_all(now, &mut nal);
//!             return result;
//!         }
//!         if let Some(at) = nal.wake_at(now) {
//!             sleep(at.since(clock()));
//!         }
//!     }
//! }
//! # let stack = std_embedded_nal::Stack::default();
//! # let start = std::time::Instant::now();
//! # let clock = || Instant::from_micros(start.elapsed().as_micros() as u64);
//! # let nobody = ["http://127.0.0.1:1/"];
//! # let refused = fetch(stack, &nobody, |_| Taken::All, clock, std::thread::sleep);
//! # assert!(matches!(refused, Err(Error::Connect(_))));
//! ```
//! A stack that must itself be driven is reached by [`Nal::stack`], before `events`.
//!
//! # What these traits can't say
//! * Why something failed. There is [`TcpErrorKind`](embedded_nal::TcpErrorKind), which knows a closed
//!   direction and all else; [`Options::errors`] may say more where the stack does.
//! * How a stream ends. Both no bytes and a closed direction are taken for the end. A response of known
//!   length that ends early is an error by its framing; one that ends with its connection is complete.
//! * More than one address of a name, and whose look-up is meant. The first address counts, and names
//!   are looked up one after another. That a look-up is given up can't be said either: the stack is
//!   asked for the next name.
//! * That a call may not block. With a stack whose connect blocks, as that of `std-embedded-nal`
//!   does, all transfers stand still for that time.

mod names;
mod options;
mod place;
mod table;
mod transport;
mod watch;

pub use options::{Options, by_kind};
pub use table::{Buffers, Nal};
