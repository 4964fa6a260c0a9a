//! What a platform with a loop of its own can do besides: wait.

use std::io;
use std::time::Duration;

use muxfer_core::Event;
use muxfer_core::platform::Platform;
use muxfer_core::time::Instant;

use crate::{Clock, Names, Waker};

/// A platform that waits for its own events: [`Epoll`](crate::Epoll) and others. A
/// [`Driver`](crate::Driver) is an engine over one.
pub trait Loop: Platform {
    /// Waits until something happens, `deadline` comes, `at_most` has passed or a [`Waker`] wakes
    /// it, whichever is first; then tells each event to `tell`, which hands it to
    /// [`Multi::mark`](muxfer_core::Multi::mark). Without a deadline and `at_most` it waits for ever.
    ///
    /// A deadline is met at most 1 ms late and never early; [`Event::Timeout`] is told when it has
    /// come. A signal ends the wait without events.
    ///
    /// # Errors
    /// The system can't wait or can't watch a socket.
    fn wait_for(
        &mut self,
        deadline: Option<Instant>,
        at_most: Option<Duration>,
        tell: impl FnMut(Event),
    ) -> io::Result<()>;

    /// What makes [`Loop::wait_for`] return from another thread.
    fn waker(&self) -> Waker;

    /// The look-ups, to pin addresses.
    fn names(&mut self) -> &mut Names;

    /// How much memory is taken by bytes that were received and not consumed, or committed and not
    /// taken by the system ([`SocketOptions::spill_bytes`](crate::SocketOptions)).
    fn spilled_bytes(&self) -> usize;
}

/// How long a wait may last; `None` is for ever.
pub(crate) fn wait_time(deadline: Option<Instant>, at_most: Option<Duration>) -> Option<Duration> {
    let until = deadline.map(|at| at.since(Clock.now()));
    let wait = match (until, at_most) {
        (Some(until), Some(at_most)) => until.min(at_most),
        (Some(wait), None) | (None, Some(wait)) => wait,
        (None, None) => return None,
    };
    // epoll takes 2³¹ ms at most; a wait that ends early after a day does no harm.
    Some(wait.min(Duration::from_secs(86_400)))
}
