//! The limits of a transfer, as the host wants them.

use core::num::NonZeroU32;
use core::time::Duration;

use muxfer_board::settings::Settings;
use muxfer_core::easy::{LowSpeed, Options, Redirects};

/// `connect`, `idle` and `total` in milliseconds, of which 0 is no limit; `redirects`.
#[must_use]
pub fn options(settings: &Settings) -> Options {
    let idle = Duration::from_millis(settings.parsed("idle", 0));
    Options {
        redirects: Redirects::Follow(settings.parsed("redirects", 5)),
        connect: Duration::from_millis(settings.parsed("connect", 10_000)),
        total: Some(Duration::from_millis(settings.parsed("total", 0))),
        low_speed: (!idle.is_zero()).then_some(LowSpeed {
            bytes_per_second: NonZeroU32::MIN,
            time: idle,
        }),
        fail_on_error: true,
        ..Options::DEFAULT
    }
}
