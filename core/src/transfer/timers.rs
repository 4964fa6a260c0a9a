//! The named deadlines of one transfer.

use core::time::Duration;

use crate::time::{Instant, Timer};

/// How far an offset reaches before the base moves: half of what fits, 24 days.
const REACH_MS: u64 = 1 << 31;
/// Microseconds of a millisecond.
const MICROS: u64 = 1000;

/// At most one deadline of each name, in whole milliseconds after the transfer's start. Deadlines
/// are rounded up, never down (CONTRACT R42). One that is more than 24 days off is kept as that and
/// set again by its owner when it fires.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timers {
    /// Milliseconds after the base, counted from 1; 0 is not set.
    offsets: [u32; Timer::COUNT],
    /// By how many reaches the base lies behind the start.
    reaches: u16,
}

impl Timers {
    pub(crate) const NONE: Self = Self {
        offsets: [0; Timer::COUNT],
        reaches: 0,
    };

    /// In µs, as [`Instant`] counts them.
    const fn base(&self, start: Instant) -> u64 {
        let reaches = self.reaches as u64 * (REACH_MS * MICROS);
        start.as_micros().saturating_add(reaches)
    }

    /// Sets or replaces a deadline.
    #[inline]
    pub(crate) fn set(&mut self, start: Instant, now: Instant, timer: Timer, after: Duration) {
        if timer.is_possible() {
            self.set_possible(start, now, timer, after);
        }
    }

    #[cfg_attr(feature = "small", inline(never))]
    fn set_possible(&mut self, start: Instant, now: Instant, timer: Timer, after: Duration) {
        while now.as_micros().saturating_sub(self.base(start)) >= REACH_MS * MICROS {
            self.move_base();
        }
        let after = after.min(Duration::from_millis(REACH_MS - 2));
        let at = now + after;
        let offset = (at.as_micros().saturating_sub(self.base(start))).div_ceil(MICROS);
        if let Some(place) = self.offsets.get_mut(timer as usize) {
            *place = u32::try_from(offset)
                .unwrap_or(u32::MAX - 1)
                .saturating_add(1);
        }
    }

    fn move_base(&mut self) {
        self.reaches = self.reaches.saturating_add(1);
        for offset in self.offsets.iter_mut().filter(|offset| **offset != 0) {
            *offset = offset.saturating_sub(1 << 31).max(1);
        }
    }

    /// Clears a deadline.
    #[inline]
    pub(crate) fn clear(&mut self, timer: Timer) {
        if timer.is_possible()
            && let Some(place) = self.offsets.get_mut(timer as usize)
        {
            *place = 0;
        }
    }

    /// Clears all.
    pub(crate) fn clear_all(&mut self) {
        *self = Self::NONE;
    }

    /// When a deadline is.
    #[inline]
    pub(crate) fn at(&self, start: Instant, timer: Timer) -> Option<Instant> {
        if timer.is_possible() {
            self.at_possible(start, timer)
        } else {
            None
        }
    }

    #[cfg_attr(feature = "small", inline(never))]
    fn at_possible(&self, start: Instant, timer: Timer) -> Option<Instant> {
        let offset = self.offsets.get(timer as usize)?.checked_sub(1)?;
        Some(self.after(start, offset))
    }

    /// So many milliseconds after the base.
    #[cfg_attr(feature = "small", inline(never))]
    const fn after(&self, start: Instant, offset: u32) -> Instant {
        let micros = offset as u64 * MICROS;
        Instant::from_micros(self.base(start).saturating_add(micros))
    }

    /// Is it due? Then it is cleared.
    #[inline]
    pub(crate) fn take_due(&mut self, start: Instant, now: Instant, timer: Timer) -> bool {
        timer.is_possible() && self.take_due_possible(start, now, timer)
    }

    #[cfg_attr(feature = "small", inline(never))]
    fn take_due_possible(&mut self, start: Instant, now: Instant, timer: Timer) -> bool {
        let due = self.at(start, timer).is_some_and(|at| at <= now);
        if due {
            self.clear(timer);
        }
        due
    }

    /// The earliest.
    pub(crate) fn first(&self, start: Instant) -> Option<Instant> {
        let offsets = self.offsets.iter().map(|offset| offset.wrapping_sub(1));
        let offset = offsets.min().filter(|offset| *offset != u32::MAX)?;
        Some(self.after(start, offset))
    }

    /// The earliest, and which it is.
    pub(crate) fn earliest(&self, start: Instant) -> Option<(Instant, Timer)> {
        // One that is not set wraps to the greatest number, and is the least only among its like.
        let offsets = self.offsets.iter().map(|offset| offset.wrapping_sub(1));
        let (offset, timer) = offsets.zip(Timer::ALL).min_by_key(|(offset, _)| *offset)?;
        (offset != u32::MAX).then(|| (self.after(start, offset), timer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Instant = Instant::from_micros(123_456);

    #[test]
    fn r42_deadlines_are_rounded_up_to_milliseconds() {
        let mut timers = Timers::NONE;
        timers.set(
            START,
            START + Duration::from_micros(1),
            Timer::Rate,
            Duration::from_millis(3),
        );
        assert_eq!(
            timers.at(START, Timer::Rate),
            Some(START + Duration::from_millis(4))
        );
    }

    #[test]
    fn deadlines_outlive_the_reach_of_their_offsets() {
        let mut timers = Timers::NONE;
        let mut now = START;
        for _ in 0..20 {
            timers.set(START, now, Timer::LowSpeed, Duration::from_secs(1));
            timers.set(
                START,
                now,
                Timer::Total,
                Duration::from_secs(20 * 24 * 3600),
            );
            let (at, timer) = timers.earliest(START).unwrap();
            assert_eq!(timer, Timer::LowSpeed);
            assert_eq!(at.since(now), Duration::from_secs(1));
            now = now + Duration::from_secs(20 * 24 * 3600);
            assert!(timers.take_due(START, now, Timer::LowSpeed));
            assert!(timers.take_due(START, now, Timer::Total));
        }
    }
}
