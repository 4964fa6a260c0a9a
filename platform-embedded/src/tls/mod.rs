//! `https` origins over any platform of a device: TLS 1.3 (RFC 8446) without an allocator.
//!
//! [`Lines`] is the memory of the secured connections, a `static` if you like; [`Lines::over`] wraps the
//! platform below for one turn of the loop. Plain `http` origins go straight through.
//!
//! # The loop
//! ```
//! # use muxfer_core::{Easy, Event, Multi, platform::Platform, time::Instant};
//! # use muxfer_embedded::tls::{Context, Lines, MAX_RECORD, Settings};
//! # use rand_core::CryptoRng;
//! /// The turn of a platform below, with what it has seen. True: do not sleep.
//! fn turn<E: Easy, P: Platform>(
//!     now: Instant,
//!     multi: &mut Multi<'_, E>,
//!     net: &mut P,
//!     seen: &[Event],
//!     lines: &mut Lines<2, MAX_RECORD, 2048>,
//!     settings: &[Settings<'_>],
//!     unix_time: Option<u64>,
//!     rng: &mut dyn CryptoRng,
//! ) -> bool {
//!     for event in seen.iter().filter_map(|event| lines.heard(*event)) {
//!         multi.mark(event);
//!     }
//!     lines.due(|event| multi.mark(event));
//!     let mut secured = lines.over(net, Context { settings, unix_time, rng });
//!     multi.run(now, &mut secured);
//!     while let Some(done) = multi.info_read() {
//!         multi.remove(now, &mut secured, done.handle);
//!     }
//!     lines.is_due()
//! }
//! ```
//! Each call that takes a platform must be given the wrapped one, `add` and `remove` too.
//!
//! # What is spoken
//! TLS 1.3 with `TLS_AES_128_GCM_SHA256`, the group `secp256r1` and signatures by ECDSA on P-256; with
//! the feature `tls-p384` certificates on P-384, too. That is what RFC 8446 §9.1 makes every server
//! know, but for RSA: **a server with an RSA certificate, or one that an RSA key vouches for, is
//! refused.** Handshakes are full ones; nothing is resumed, nothing is sent early. ALPN offers
//! `http/1.1`. A server that asks for a certificate of ours is told that there is none.
//!
//! # Who is trusted
//! [`Settings`] hold roots, pinned keys, or both; a transfer's settings say which. Certificates are
//! checked by `webpki`: signatures, dates, basic constraints, path length, extended key usage, name
//! constraints, and the name or the address of the host. What is *not* checked: revocation, the bits
//! of `keyUsage`, and the dates of the roots themselves. The time comes from the application; who has
//! none can pin keys.
//!
//! # What it takes
//! A record of up to 16 KiB must be whole before it can be opened, so each line has room for one, or
//! for fewer bytes if the server keeps to a limit (see [`Lines`]). What came is opened in place and lent
//! from there. A handshake takes its time: about three operations on the curve for the server's
//! signature and the keys, and one for each certificate. Each call of the engine does at most one
//! message of it, so a loop with other work gets its turn between them.
//! `docs/tls-on-device.md` has the figures.
//!
//! # What it is not
//! The cryptography and the check of certificates are those of crates that many use; the protocol
//! between them is this module's own and has been read by nobody but its authors. Its tests hold it
//! against rustls and OpenSSL, against each fault that a certificate can have, and against servers
//! that leave out, repeat or change each step. No defence against who measures power or radiation is
//! made.

mod alert;
mod algorithms;
mod hello;
mod line;
mod reader;
mod record;
mod schedule;
mod secured;
mod session;
mod state;
mod trust;

pub use line::{Context, Lines};
pub use pki_types::{CertificateDer, TrustAnchor};
pub use rand_core::CryptoRng;
pub use record::MAX_RECORD;
pub use secured::Secured;
pub use trust::{MAX_INTERMEDIATES, Pin, Settings};
pub use webpki::anchor_from_trusted_cert;
