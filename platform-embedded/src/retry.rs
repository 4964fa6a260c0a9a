//! When a failed attempt is worth another, and when that is made.
//!
//! Nothing here reads a clock: `now` is passed in.

use core::time::Duration;

use muxfer_core::Error;
use muxfer_core::error::ResponseError;
use muxfer_core::time::{Instant, Timer};
use muxfer_core::wire::decimal;

/// How long is waited between attempts, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Backoff {
    /// After the first failure; it doubles with each that follows.
    pub first: Duration,
    /// It doubles up to here.
    pub most: Duration,
    /// The longest `Retry-After` that is obeyed; a longer one is taken for this.
    pub most_asked: Duration,
    /// So many attempts in a row without progress, and no more. 0 is taken for 1.
    pub attempts: u16,
}

impl Backoff {
    /// From 2 s up to 5 min, eight attempts; at most an hour when the server asks for it.
    pub const DEFAULT: Self = Self {
        first: Duration::from_secs(2),
        most: Duration::from_secs(300),
        most_asked: Duration::from_secs(3600),
        attempts: 8,
    };
}

impl Default for Backoff {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Counts attempts and says when the next is due.
///
/// The pause doubles from [`Backoff::first`] to [`Backoff::most`]. Half of it is random, so that
/// devices that failed together don't come back together.
///
/// ```
/// use muxfer_embedded::muxfer_core::time::Instant;
/// use muxfer_embedded::retry::{Attempts, Backoff};
/// use core::time::Duration;
///
/// let mut attempts = Attempts::new(Backoff { attempts: 2, ..Backoff::DEFAULT }, 7);
/// let next = attempts.failed(Instant::ZERO, None).expect("one more");
/// assert!(next >= Instant::ZERO + Duration::from_secs(1));
/// assert!(next <= Instant::ZERO + Duration::from_secs(2));
/// assert_eq!(attempts.failed(next, None), None);
/// ```
#[derive(Clone, Debug)]
pub struct Attempts {
    backoff: Backoff,
    failed: u16,
    random: u64,
}

impl Attempts {
    /// No attempt yet. The seed should differ from device to device: a serial number, or noise.
    #[must_use]
    pub const fn new(backoff: Backoff, seed: u64) -> Self {
        Self {
            backoff,
            failed: 0,
            random: seed,
        }
    }

    /// How many attempts have failed since there was progress.
    #[must_use]
    pub const fn count(&self) -> u16 {
        self.failed
    }

    /// The last attempt got further than any before: the count starts anew.
    pub const fn progressed(&mut self) {
        self.failed = 0;
    }

    /// An attempt has failed. When the next one is due; `None` if there is none. It is not before
    /// what the server asked for, up to [`Backoff::most_asked`].
    pub fn failed(&mut self, now: Instant, asked: Option<Duration>) -> Option<Instant> {
        let doublings = self.failed.min(31);
        self.failed = self.failed.saturating_add(1);
        if self.failed >= self.backoff.attempts {
            return None;
        }
        let (first, most) = (micros(self.backoff.first), micros(self.backoff.most));
        let pause = if first > most >> doublings {
            most
        } else {
            first << doublings
        };
        let half = pause / 2;
        let asked = asked.map(|asked| micros(asked).min(micros(self.backoff.most_asked)));
        let sure = asked.unwrap_or(0).max(half);
        let random = self.next() % half.saturating_add(1);
        Some(now + Duration::from_micros(sure.saturating_add(random)))
    }

    /// SplitMix64.
    const fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.random;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}

/// Whole microseconds: arithmetic of durations takes more room, and so does this at each place.
#[inline(never)]
fn micros(time: Duration) -> u64 {
    let micros = time.as_secs().saturating_mul(1_000_000);
    micros.saturating_add(time.subsec_micros().into())
}

/// May the same request succeed later? Yes for trouble with names and connections, for time limits,
/// for a body that was cut, and for the statuses 408, 425, 429, 500, 502, 503 and 504. No for what
/// will be the same next time, such as 404 or a URL that can't be understood.
#[must_use]
pub const fn is_transient(error: &Error) -> bool {
    matches!(
        error,
        Error::Connect(_)
            | Error::EmptyReply
            | Error::HttpStatus(408 | 425 | 429 | 500 | 502 | 503 | 504)
            | Error::PartialBody
            | Error::Receive(_)
            | Error::Resolve
            | Error::Send(_)
            | Error::Timeout(_)
    )
}

/// Was the request certainly not acted upon, since no connection was made for it?
#[must_use]
pub const fn is_unsent(error: &Error) -> bool {
    matches!(
        error,
        Error::Connect(_) | Error::Resolve | Error::Timeout(Timer::Connect)
    )
}

/// Does it say that a resumed download can't be continued, while a whole one may work?
#[must_use]
pub(crate) const fn spoils_resume(error: &Error) -> bool {
    matches!(
        error,
        Error::RangeIgnored
            | Error::HttpStatus(416)
            | Error::BadResponse(ResponseError::ContentRange)
    )
}

/// A `Retry-After` in seconds. A date is ignored (`None`): a device often has no clock to hold it
/// against, and backs off anyway.
#[must_use]
pub(crate) fn retry_after(value: &[u8]) -> Option<Duration> {
    decimal(value).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use muxfer_core::net::IoError;

    const SECOND: Duration = Duration::from_secs(1);

    fn pauses(backoff: Backoff, seed: u64) -> std::vec::Vec<Duration> {
        let mut attempts = Attempts::new(backoff, seed);
        let next = || attempts.failed(Instant::ZERO, None);
        core::iter::from_fn(next)
            .map(|at| at.since(Instant::ZERO))
            .collect()
    }

    #[test]
    fn the_pause_doubles_to_its_bound_and_half_of_it_is_random() {
        let backoff = Backoff {
            first: SECOND,
            most: 20 * SECOND,
            attempts: 9,
            ..Backoff::DEFAULT
        };
        for seed in 0..500 {
            let pauses = pauses(backoff, seed);
            let bounds = [1, 2, 4, 8, 16, 20, 20, 20].map(|n| n * SECOND);
            assert_eq!(pauses.len(), bounds.len());
            for (pause, bound) in pauses.iter().zip(bounds) {
                assert!(
                    *pause >= bound / 2 && *pause <= bound,
                    "{pause:?} {bound:?}"
                );
            }
        }
        assert_ne!(pauses(backoff, 1), pauses(backoff, 2));
        assert_eq!(pauses(backoff, 3), pauses(backoff, 3));
    }

    #[test]
    fn what_the_server_asks_for_is_obeyed_up_to_a_bound() {
        let backoff = Backoff {
            first: SECOND,
            most_asked: 60 * SECOND,
            ..Backoff::DEFAULT
        };
        for (asked, least) in [(0, 0), (30, 30), (60, 60), (86_400, 60), (u64::MAX, 60)] {
            let mut attempts = Attempts::new(backoff, 5);
            let at = attempts.failed(Instant::ZERO, Some(Duration::from_secs(asked)));
            let pause = at.expect("one more").since(Instant::ZERO);
            let least = Duration::from_secs(least);
            assert!(pause >= least && pause <= least + SECOND, "{pause:?}");
        }
    }

    #[test]
    fn attempts_are_bounded_and_progress_starts_them_anew() {
        let one = Backoff {
            attempts: 0,
            ..Backoff::DEFAULT
        };
        assert_eq!(Attempts::new(one, 1).failed(Instant::ZERO, None), None);
        let mut attempts = Attempts::new(Backoff::DEFAULT, 1);
        for _ in 0..100 {
            assert!(attempts.failed(Instant::ZERO, None).is_some());
            attempts.progressed();
        }
        let endless = Backoff {
            first: Duration::MAX,
            most: Duration::MAX,
            attempts: u16::MAX,
            ..Backoff::DEFAULT
        };
        assert_eq!(pauses(endless, 1).len(), usize::from(u16::MAX) - 1);
    }

    #[test]
    fn what_will_be_the_same_next_time_is_not_tried_again() {
        for error in [
            Error::Connect(IoError::Refused),
            Error::Timeout(Timer::LowSpeed),
            Error::HttpStatus(503),
            Error::PartialBody,
        ] {
            assert!(is_transient(&error), "{error}");
        }
        for error in [
            Error::HttpStatus(404),
            Error::HttpStatus(412),
            Error::HttpStatus(501),
            Error::TooManyRedirects,
            Error::UnsupportedScheme,
            Error::Read,
            Error::Write,
        ] {
            assert!(!is_transient(&error), "{error}");
        }
        assert!(is_unsent(&Error::Timeout(Timer::Connect)));
        assert!(!is_unsent(&Error::Timeout(Timer::Total)));
    }

    #[test]
    fn a_retry_after_is_a_number_of_seconds() {
        assert_eq!(retry_after(b"120"), Some(120 * SECOND));
        for other in ["", "-1", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT"] {
            assert_eq!(retry_after(other.as_bytes()), None);
        }
    }
}
