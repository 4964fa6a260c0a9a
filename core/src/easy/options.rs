//! Limits and switches of one transfer.

use core::num::NonZeroU32;
use core::time::Duration;

/// What is done with a redirect (301, 302, 303, 307, 308).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirects {
    /// It is delivered like any other response.
    Deliver,
    /// It is followed, at most so many times; one more is
    /// [`Error::TooManyRedirects`](crate::Error). `u16::MAX` is no limit.
    Follow(u16),
}

/// Whether `Expect: 100-continue` goes with a request body (CONTRACT R98).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// With bodies of more than 1 MiB or of unknown length.
    Auto,
    /// Never: the body follows at once.
    Never,
    /// With every body.
    Always,
}

/// A transfer that is slower than this for that long ends (CONTRACT R97).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LowSpeed {
    /// Bytes a second, both directions together.
    pub bytes_per_second: NonZeroU32,
    /// Counted in whole seconds; at least one.
    pub time: Duration,
}

/// Limits and switches of one transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// What is done with redirects.
    pub redirects: Redirects,
    /// Keep POST a POST after 301, 302 and 303, as `CURLOPT_POSTREDIR` with all bits does.
    pub keep_post: bool,
    /// The limit for the whole transfer: queue, names, redirects and retries included. `None`
    /// and zero: no limit.
    pub total: Option<Duration>,
    /// The limit for getting a connection: queue, names and connect (CONTRACT R96). Zero is the
    /// default of 300 s.
    pub connect: Duration,
    /// End it when it is too slow.
    pub low_speed: Option<LowSpeed>,
    /// Whether the peer is asked before a body is sent.
    pub expect: Expect,
    /// How long it is waited for `100 Continue`.
    pub expect_wait: Duration,
    /// How often [`Easy::on_progress`](super::Easy::on_progress) is called. `None`: never.
    pub progress: Option<Duration>,
    /// The most bytes of body that are received in a second. `None`: no limit.
    pub receive_rate: Option<NonZeroU32>,
    /// The most bytes of body that are sent in a second. `None`: no limit.
    pub send_rate: Option<NonZeroU32>,
    /// A status of 400 or more ends the transfer with [`Error::HttpStatus`](crate::Error).
    pub fail_on_error: bool,
    /// The first request takes no idle connection (CONTRACT R90).
    pub fresh_connect: bool,
    /// The connection is not kept afterwards, and the peer is told so.
    pub forbid_reuse: bool,
    /// The longest body that is accepted, in bytes. `None`: no limit.
    pub max_body: Option<u64>,
}

impl Options {
    /// What libcurl does if nothing is set: no redirects, 300 s to connect, no other limit.
    pub const DEFAULT: Self = Self {
        redirects: Redirects::Deliver,
        keep_post: false,
        total: None,
        connect: Duration::from_secs(300),
        low_speed: None,
        expect: Expect::Auto,
        expect_wait: Duration::from_secs(1),
        progress: None,
        receive_rate: None,
        send_rate: None,
        fail_on_error: false,
        fresh_connect: false,
        forbid_reuse: false,
        max_body: None,
    };
}

impl Default for Options {
    fn default() -> Self {
        Self::DEFAULT
    }
}
