//! Waking a loop from another thread.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{EventfdFlags, eventfd};
use rustix::io;

/// Makes a waiting loop return, from any thread: `curl_multi_wakeup` (CONTRACT R73).
///
/// A wake-up stays until one wait has consumed it, and any number of them before that count as one.
/// Calls into the engine do not consume it.
#[derive(Clone, Debug)]
pub struct Waker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    fd: OwnedFd,
    pending: AtomicBool,
}

impl Waker {
    /// # Errors
    /// No descriptor is left.
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self(Arc::new(Inner {
            fd: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            pending: AtomicBool::new(false),
        })))
    }

    /// Makes the wait that goes on, or else the next one, return at once.
    ///
    /// Safe in any thread; one system call at most, none if a wake-up is pending already.
    pub fn wake(&self) {
        if !self.0.pending.swap(true, Ordering::AcqRel) {
            // It could fail only with a counter of 2⁶⁴ − 2, and then the wake-up is there anyway.
            let _ = io::retry_on_intr(|| io::write(&self.0.fd, &1_u64.to_ne_bytes()));
        }
    }

    /// Was it woken since the last call? For a loop whose watch on the descriptor is
    /// edge-triggered: the counter stays as it is.
    pub(crate) fn take(&self) -> bool {
        // The store comes after the wait: a wake-up that it hides was made before this wait ends.
        self.is_pending() && self.0.pending.swap(false, Ordering::AcqRel)
    }

    /// Would [`Waker::take`] say yes?
    pub(crate) fn is_pending(&self) -> bool {
        self.0.pending.load(Ordering::Acquire)
    }

    /// The same for a level-triggered watch: empties the counter, too.
    pub(crate) fn drain(&self) -> bool {
        // First the counter: a wake-up between the two steps would otherwise be lost.
        let _ = io::read(&self.0.fd, &mut [0_u8; 8]);
        self.take()
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.fd.as_fd()
    }
}
