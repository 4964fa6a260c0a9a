//! A platform that the optimiser can't see through: what is behind it is left open when the programs
//! are linked, so nothing of the engine's paths can be known to be unused.
#![no_std]

use core::panic::PanicInfo;

use muxfer_core::net::{Interest, IoError, Nb};
use muxfer_core::platform::{Lent, ResolveError, Resolved, Resolver, Target, Transport, Watch};
use muxfer_core::time::Instant;
use muxfer_core::{ConnId, Event, OriginId};

/// A network stack somewhere else.
pub struct Stack(());

#[expect(unsafe_code, reason = "the names are to stay unknown to the linker")]
mod unknown {
    use super::{
        ConnId, Event, Instant, Interest, IoError, Lent, Nb, OriginId, ResolveError, Resolved,
        Stack, Target,
    };

    // SAFETY: the programs are measured and never run, so no call of these is ever made.
    unsafe extern "Rust" {
        pub(super) safe fn size_open(c: ConnId, target: &Target<'_>) -> Result<(), IoError>;
        pub(super) safe fn size_opened(c: ConnId) -> Nb<()>;
        pub(super) safe fn size_fill(s: &mut Stack, c: ConnId, at_most: usize) -> Nb<Lent<'_>>;
        pub(super) safe fn size_consume(c: ConnId, n: usize);
        pub(super) safe fn size_reserve(s: &mut Stack, c: ConnId) -> Nb<&mut [u8]>;
        pub(super) safe fn size_commit(c: ConnId, n: usize) -> Result<(), IoError>;
        pub(super) safe fn size_flush(c: ConnId) -> Nb<()>;
        pub(super) safe fn size_close(c: ConnId);
        pub(super) safe fn size_socket(c: ConnId, want: Interest);
        pub(super) safe fn size_timer(at: Option<Instant>);
        pub(super) safe fn size_resolve(
            query: OriginId,
            host: &str,
            port: u16,
        ) -> Nb<Resolved, ResolveError>;
        pub(super) safe fn size_cancel(query: OriginId);
        pub(super) safe fn size_now() -> Instant;
        pub(super) safe fn size_event() -> Option<Event>;
        pub(super) safe fn size_body(bytes: &[u8]);
        pub(super) safe fn size_report(status: u16, code: u8) -> !;
        pub(super) safe fn size_used_anyway(number: u64, bytes: &mut [u8], other: &[u8]) -> u64;
    }
}

impl Stack {
    /// There is no other state than that of the open functions.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }

    /// The time.
    #[must_use]
    pub fn now() -> Instant {
        unknown::size_now()
    }

    /// Waits for an event, or for the time that was set.
    #[must_use]
    pub fn event() -> Option<Event> {
        unknown::size_event()
    }
}

impl Default for Stack {
    fn default() -> Self {
        Self::new()
    }
}

/// Where the body goes.
pub fn body(bytes: &[u8]) {
    unknown::size_body(bytes);
}

/// The end.
pub fn report(status: u16, code: u8) -> ! {
    unknown::size_report(status, code)
}

/// What the firmware of any network stack contains, with HTTP or without: copying, filling and
/// comparing bytes, dividing and multiplying 64 bits, panics of slices.
#[must_use]
pub fn used_anyway(seed: u64) -> u64 {
    let (mut one, mut other) = ([0; 64], [0; 64]);
    let number = unknown::size_used_anyway(seed, &mut one, &other);
    let length = usize::try_from(number).unwrap_or(0);
    one[..length].copy_from_slice(&other[..length]);
    other[length..].fill(1);
    one.copy_within(length.., 0);
    let equal = u64::from(one[length..] == other[length..]);
    let bytes = &one[length..length + length];
    let divided = seed / number + seed % number.wrapping_mul(number) + equal;
    unknown::size_used_anyway(divided, &mut other, bytes)
}

impl Transport for Stack {
    fn open(&mut self, conn: ConnId, target: &Target<'_>) -> Result<(), IoError> {
        unknown::size_open(conn, target)
    }

    fn opened(&mut self, conn: ConnId) -> Nb<()> {
        unknown::size_opened(conn)
    }

    fn fill(&mut self, conn: ConnId, at_most: usize) -> Nb<Lent<'_>> {
        unknown::size_fill(self, conn, at_most)
    }

    fn consume(&mut self, conn: ConnId, n: usize) {
        unknown::size_consume(conn, n);
    }

    fn reserve(&mut self, conn: ConnId) -> Nb<&mut [u8]> {
        unknown::size_reserve(self, conn)
    }

    fn commit(&mut self, conn: ConnId, n: usize) -> Result<(), IoError> {
        unknown::size_commit(conn, n)
    }

    fn flush(&mut self, conn: ConnId) -> Nb<()> {
        unknown::size_flush(conn)
    }

    fn close(&mut self, conn: ConnId) {
        unknown::size_close(conn);
    }
}

impl Watch for Stack {
    fn socket(&mut self, conn: ConnId, want: Interest) {
        unknown::size_socket(conn, want);
    }

    fn timer(&mut self, at: Option<Instant>) {
        unknown::size_timer(at);
    }
}

impl Resolver for Stack {
    fn resolve(&mut self, query: OriginId, host: &str, port: u16) -> Nb<Resolved, ResolveError> {
        unknown::size_resolve(query, host, port)
    }

    fn cancel(&mut self, query: OriginId) {
        unknown::size_cancel(query);
    }
}

/// A device would reset.
#[panic_handler]
fn panic(_info: &PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
