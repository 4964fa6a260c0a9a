//! Speeds: the low speed limit and the rate limits of one transfer.

use core::num::NonZeroU32;
use core::time::Duration;

use crate::features::PACE;
use crate::time::Instant;

/// How many ticks lie between two marks: the speed is that of the last 3 to 6 seconds (CONTRACT R97).
const MARK_TICKS: u8 = 3;

/// Counts bytes against time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter {
    /// Bytes moved, both ways; wraps.
    moved: u32,
    marks: [u32; 2],
    /// Seconds in a row below the limit.
    slow: u16,
    ticks: u8,
    seasoned: bool,
    receive_tokens: u32,
    send_tokens: u32,
    /// ms after the start of the transfer at which tokens were last given; wraps.
    stamp: u32,
}

/// The two directions of a rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Receive,
    Send,
}

impl Meter {
    pub(crate) const NEW: Self = Self {
        moved: 0,
        marks: [0; 2],
        slow: 0,
        ticks: 0,
        seasoned: false,
        receive_tokens: 0,
        send_tokens: 0,
        stamp: 0,
    };

    /// So many bytes went this way.
    pub(crate) fn count(&mut self, way: Way, bytes: usize) {
        if !PACE {
            return;
        }
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.moved = self.moved.wrapping_add(bytes);
        let tokens = match way {
            Way::Receive => &mut self.receive_tokens,
            Way::Send => &mut self.send_tokens,
        };
        *tokens = tokens.saturating_sub(bytes);
    }

    /// Forgets the speed so far: after a pause (CONTRACT R97).
    pub(crate) fn reset_speed(&mut self) {
        self.marks = [self.moved; 2];
        self.slow = 0;
        self.ticks = 0;
        self.seasoned = false;
    }

    /// A second has passed. Answers for how many seconds in a row the speed has been below the limit.
    pub(crate) fn tick(&mut self, bytes_per_second: NonZeroU32) -> u16 {
        self.ticks += 1;
        let span = u32::from(self.ticks)
            + if self.seasoned {
                u32::from(MARK_TICKS)
            } else {
                0
            };
        let speed = self.moved.wrapping_sub(self.marks[0]) / span;
        self.slow = if speed < bytes_per_second.get() {
            self.slow.saturating_add(1)
        } else {
            0
        };
        if self.ticks == MARK_TICKS {
            if self.seasoned {
                self.marks[0] = self.marks[1];
            }
            self.marks[1] = self.moved;
            self.seasoned = true;
            self.ticks = 0;
        }
        self.slow
    }

    /// Gives tokens for the time since the last call (CONTRACT R101). Both ways share the stamp.
    pub(crate) fn refill(
        &mut self,
        start: Instant,
        now: Instant,
        receive: Option<NonZeroU32>,
        send: Option<NonZeroU32>,
    ) {
        if !PACE || (receive.is_none() && send.is_none()) {
            return;
        }
        let millis = now.since(start).as_millis() % (1 << 32);
        let stamp = u32::try_from(millis).unwrap_or(0);
        let elapsed = u64::from(stamp.wrapping_sub(self.stamp));
        let gain = |rate: Option<NonZeroU32>| {
            rate.map_or(0, |rate| {
                u64::from(rate.get()).saturating_mul(elapsed) / 1000
            })
        };
        let (receive_gain, send_gain) = (gain(receive), gain(send));
        // A slow rate earns less than a byte in a short time: it must not lose that time.
        if receive_gain == 0 && send_gain == 0 {
            return;
        }
        self.stamp = stamp;
        let add = |tokens: u32, gain: u64, rate: Option<NonZeroU32>| {
            let most = rate.map_or(0, |rate| u64::from(rate.get()));
            u32::try_from((u64::from(tokens) + gain).min(most)).unwrap_or(u32::MAX)
        };
        self.receive_tokens = add(self.receive_tokens, receive_gain, receive);
        self.send_tokens = add(self.send_tokens, send_gain, send);
    }

    /// How many bytes may go this way now.
    pub(crate) fn allowance(&self, way: Way, rate: Option<NonZeroU32>) -> usize {
        match (rate, way) {
            (None, _) => usize::MAX,
            (Some(_), _) if !PACE => usize::MAX,
            (Some(_), Way::Receive) => self.receive_tokens as usize,
            (Some(_), Way::Send) => self.send_tokens as usize,
        }
    }

    /// How long to wait for a useful number of tokens: a tenth of a second's worth, at most 16 KiB.
    pub(crate) fn wait(rate: NonZeroU32) -> Duration {
        let rate = u64::from(rate.get());
        let bytes = (rate / 10).clamp(1, 16 * 1024);
        Duration::from_millis((bytes * 1000).div_ceil(rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(bytes: u32) -> Option<NonZeroU32> {
        NonZeroU32::new(bytes)
    }

    #[test]
    fn r97_seconds_below_the_limit_are_counted_in_a_row() {
        let mut meter = Meter::NEW;
        let limit = rate(100).unwrap();
        for _ in 0..6 {
            meter.count(Way::Receive, 1000);
            assert_eq!(meter.tick(limit), 0);
        }
        let slow: [u16; 9] = core::array::from_fn(|_| meter.tick(limit));
        assert!(slow[0] == 0 && slow[8] >= 3, "{slow:?}");
        meter.reset_speed();
        assert_eq!(meter.tick(limit), 1);
    }

    #[test]
    fn r101_tokens_come_at_the_rate_and_at_most_a_second_is_saved_up() {
        let mut meter = Meter::NEW;
        let start = Instant::ZERO;
        let at = |ms: u64| Instant::from_micros(ms * 1000);
        meter.refill(start, at(0), rate(1000), None);
        assert_eq!(meter.allowance(Way::Receive, rate(1000)), 0);
        meter.refill(start, at(100), rate(1000), None);
        assert_eq!(meter.allowance(Way::Receive, rate(1000)), 100);
        assert_eq!(meter.allowance(Way::Send, None), usize::MAX);
        meter.refill(start, at(60_000), rate(1000), None);
        assert_eq!(meter.allowance(Way::Receive, rate(1000)), 1000);
        let mut slow = Meter::NEW;
        for ms in 0..=2000 {
            slow.refill(start, at(ms), rate(1), None);
        }
        assert_eq!(slow.allowance(Way::Receive, rate(1)), 1);
        assert_eq!(Meter::wait(rate(1).unwrap()), Duration::from_secs(1));
    }
}
