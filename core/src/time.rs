//! Points in time and the names of the timers.
//!
//! The engine has no clock: each call that needs one takes `now`.

use core::fmt;
use core::ops::Add;
use core::time::Duration;

use crate::features::{PACE, RACES, UPLOADS};

/// A point in time, in microseconds since a start that the platform chooses.
///
/// Only differences mean anything. The clock behind it must not go backwards; if it does, the
/// engine sees a time that stands still.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Instant(u64);

impl Instant {
    /// The start of the clock.
    pub const ZERO: Self = Self(0);

    /// The point `micros` µs after the start of the clock.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the start of the clock.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was; zero if it has not come yet.
    #[must_use]
    #[cfg_attr(feature = "small", inline(never))]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Saturates: a limit of centuries is a limit that never comes.
    #[cfg_attr(feature = "small", inline(never))]
    fn add(self, later: Duration) -> Self {
        let micros = later.as_secs().saturating_mul(1_000_000);
        let micros = micros.saturating_add(later.subsec_micros().into());
        Self(self.0.saturating_add(micros))
    }
}

/// A point in time in two halves, for places where eight bytes of alignment would cost memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp([u32; 2]);

impl From<Instant> for Stamp {
    #[expect(clippy::cast_possible_truncation, reason = "takes the number apart")]
    fn from(at: Instant) -> Self {
        Self([(at.0 >> 32) as u32, at.0 as u32])
    }
}

impl From<Stamp> for Instant {
    fn from(at: Stamp) -> Self {
        Self(u64::from(at.0[0]) << 32 | u64::from(at.0[1]))
    }
}

/// What a deadline is for (CONTRACT R47). Each transfer has at most one of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum Timer {
    /// The whole transfer has taken too long (CONTRACT R95).
    Total,
    /// No connection was made in time, waiting in the queue included (CONTRACT R96).
    Connect,
    /// The next address is tried beside those that have not answered (CONTRACT R99).
    Eyeballs,
    /// The peer did not say `100 Continue`; the body goes anyway (CONTRACT R98).
    Expect,
    /// The speed is measured once a second (CONTRACT R97).
    LowSpeed,
    /// A rate limit lets the transfer go on (CONTRACT R101).
    Rate,
    /// `Easy::on_progress` is due (CONTRACT R48, D5).
    Progress,
}

impl Timer {
    /// Can it ever be set? Not if what sets it was left out.
    #[inline]
    pub(crate) const fn is_possible(self) -> bool {
        match self {
            Self::Eyeballs => RACES,
            Self::Expect => UPLOADS,
            Self::LowSpeed | Self::Rate | Self::Progress => PACE,
            Self::Total | Self::Connect => true,
        }
    }

    /// How many timers there are.
    pub const COUNT: usize = 7;

    /// All of them, in the order of their numbers.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Total,
        Self::Connect,
        Self::Eyeballs,
        Self::Expect,
        Self::LowSpeed,
        Self::Rate,
        Self::Progress,
    ];
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Total => "total time limit",
            Self::Connect => "connect time limit",
            Self::Eyeballs => "next address",
            Self::Expect => "wait for 100 Continue",
            Self::LowSpeed => "low speed limit",
            Self::Rate => "rate limit",
            Self::Progress => "progress",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adding_saturates_and_differences_stop_at_zero() {
        let late = Instant::from_micros(u64::MAX - 1);
        assert_eq!(late + Duration::MAX, Instant::from_micros(u64::MAX));
        assert_eq!(Instant::ZERO.since(late), Duration::ZERO);
        assert_eq!(Instant::from(Stamp::from(late)), late);
    }
}
