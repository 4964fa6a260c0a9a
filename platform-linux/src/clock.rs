//! The clock that the Linux platform hands to the engine.

use muxfer_core::time::Instant;
use rustix::time::{ClockId, clock_gettime};

/// `CLOCK_MONOTONIC`: it never goes backwards and takes no notice of the wall clock.
///
/// Reading it takes some tens of nanoseconds and no system call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock;

impl Clock {
    /// The time now, in whole microseconds since the system was started.
    #[must_use]
    pub fn now(self) -> Instant {
        let time = clock_gettime(ClockId::Monotonic);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
        Instant::from_micros(
            seconds
                .saturating_mul(1_000_000)
                .saturating_add(nanos / 1_000),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_forwards() {
        let first = Clock.now();
        assert!(first > Instant::ZERO);
        assert!(Clock.now() >= first);
    }
}
