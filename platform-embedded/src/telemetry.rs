//! A telemetry upload: PUT or POST of what a callback gives, over bad networks.
//!
//! [`Upload`] is an easy handle, driven like an [`Update`](crate::update::Update): it goes into the
//! engine when [`Upload::step`] says so, and is handed its result by [`Upload::ended`].
//!
//! ```
//! use muxfer_embedded::muxfer_core::easy::Given;
//! use muxfer_embedded::muxfer_core::time::Instant;
//! use muxfer_embedded::Step;
//! use muxfer_embedded::telemetry::{Method, Report, Upload, UploadOptions};
//!
//! let readings = [17_u8, 18, 21];
//! // Asked for the bytes from `at` on; 0 again when they must be sent again.
//! let source = move |at: u64, into: &mut [u8]| {
//!     let rest = usize::try_from(at).ok().and_then(|at| readings.get(at..)).unwrap_or(&[]);
//!     let n = rest.len().min(into.len());
//!     into[..n].copy_from_slice(&rest[..n]);
//!     if n == 0 { Given::End } else { Given::Bytes(n) }
//! };
//! let report = Report {
//!     length: Some(3),
//!     ..Report::new(Method::Put, "http://collect.test/device/7", "application/octet-stream")
//! };
//! let mut upload: Upload<'_, _> = Upload::new(report, source, UploadOptions::DEFAULT);
//! assert_eq!(upload.step(Instant::ZERO), Step::Start);
//! ```

use core::fmt;
use core::num::NonZeroU32;
use core::time::Duration;

use heapless::Vec;
use muxfer_core::easy::{
    Auth, Body, Field, Fields, Flow, Follow, Given, LowSpeed, Options, Redirects, Request, Status,
    Taken,
};
use muxfer_core::time::Instant;
use muxfer_core::{Easy, Error};

use crate::Step;
use crate::redirect::Location;
use crate::retry::{Attempts, Backoff, is_transient, is_unsent, retry_after};

/// How it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Method {
    /// Idempotent: sent again after any failure that may pass.
    Put,
    /// Not idempotent: sent again only if it certainly did not reach the server, or if
    /// [`UploadOptions::repeat_post`] says so.
    Post,
}

/// What is sent, and where.
#[derive(Clone, Copy)]
pub struct Report<'a> {
    /// How.
    pub method: Method,
    /// An absolute URL.
    pub url: &'a str,
    /// The value of `Content-Type`.
    pub content_type: &'a str,
    /// The length of the body. `None` sends it chunked.
    pub length: Option<u64>,
    /// More header fields.
    pub fields: &'a [Field<'a>],
    /// Credentials. They go to the origin of [`Report::url`] only.
    pub auth: Auth<'a>,
    /// See [`Request::settings`].
    pub settings: u32,
}

impl<'a> Report<'a> {
    /// A body of unknown length.
    #[must_use]
    pub const fn new(method: Method, url: &'a str, content_type: &'a str) -> Self {
        Self {
            method,
            url,
            content_type,
            length: None,
            fields: &[],
            auth: Auth::None,
            settings: 0,
        }
    }
}

impl Fields for Report<'_> {
    fn field(&self, nth: usize) -> Option<Field<'_>> {
        match nth.checked_sub(1) {
            None => Some(Field {
                name: "Content-Type",
                value: self.content_type,
            }),
            Some(nth) => self.fields.get(nth).copied(),
        }
    }
}

/// How an upload is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadOptions {
    /// The limits of one attempt. `fail_on_error`, `keep_post` and `max_body` are the upload's own.
    pub transfer: Options,
    /// Between attempts.
    pub backoff: Backoff,
    /// Send a POST again after any failure that may pass: the server may then get it twice.
    pub repeat_post: bool,
    /// For the random part of the pauses between attempts. It should differ from device to device.
    pub seed: u64,
}

impl UploadOptions {
    /// Five redirects, 30 s to connect, 30 s without a byte, five minutes for an attempt.
    pub const DEFAULT: Self = Self {
        transfer: Options {
            redirects: Redirects::Follow(5),
            connect: Duration::from_secs(30),
            low_speed: Some(LowSpeed {
                bytes_per_second: NonZeroU32::MIN,
                time: Duration::from_secs(30),
            }),
            total: Some(Duration::from_secs(300)),
            ..Options::DEFAULT
        },
        backoff: Backoff::DEFAULT,
        repeat_post: false,
        seed: 0,
    };
}

impl Default for UploadOptions {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Where the body comes from. A closure of the same form is one.
pub trait Source {
    /// Writes bytes of the body to the front of `into`, those from offset `at` on. It is asked from
    /// front to back, and from 0 again when the body is sent once more; who can't give it again
    /// answers [`Given::Abort`]. After [`Given::Pause`] the transfer must be unpaused.
    fn read(&mut self, at: u64, into: &mut [u8]) -> Given;
}

impl<F: FnMut(u64, &mut [u8]) -> Given> Source for F {
    fn read(&mut self, at: u64, into: &mut [u8]) -> Given {
        self(at, into)
    }
}

/// Bytes in memory.
impl Source for &[u8] {
    fn read(&mut self, at: u64, into: &mut [u8]) -> Given {
        let rest = usize::try_from(at).ok().and_then(|at| self.get(at..));
        let copied = rest.unwrap_or(&[]).iter().zip(into);
        match copied.map(|(byte, place)| *place = *byte).count() {
            0 => Given::End,
            n => Given::Bytes(n),
        }
    }
}

/// A body that has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Delivered {
    /// The server's status: 200 to 299.
    pub status: u16,
    /// The body of the answer is longer than what [`Upload::answer`] has of it.
    pub is_cut: bool,
}

/// Why an upload failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Fault {
    /// The transfer failed, in the last attempt.
    Transfer(Error),
    /// The answer has this status: a redirect that is not followed, such as 303.
    Status(u16),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transfer(why) => write!(f, "the transfer failed: {why}"),
            Self::Status(code) => write!(f, "the server answered {code}"),
        }
    }
}

impl core::error::Error for Fault {}

/// Where an upload stands.
#[derive(Clone, Copy)]
enum State {
    /// An attempt may start, or is under way in the engine.
    Ready,
    /// The next attempt is due then.
    Waiting(Instant),
    Complete(Delivered),
    Failed(Fault),
}

/// A telemetry upload. See the [module](self).
///
/// `ANSWER` bytes of the answer's body are kept. `URL` is the longest URL that a redirect may lead to.
pub struct Upload<'a, S, const ANSWER: usize = 0, const URL: usize = 256> {
    report: Report<'a>,
    source: S,
    options: UploadOptions,
    location: Location<URL>,
    state: State,
    attempts: Attempts,
    /// So many bytes of the body were read.
    position: u64,
    code: u16,
    retry_after: Option<Duration>,
    answer: Vec<u8, ANSWER>,
    is_cut: bool,
}

impl<'a, S: Source, const ANSWER: usize, const URL: usize> Upload<'a, S, ANSWER, URL> {
    /// An upload.
    #[must_use]
    pub const fn new(report: Report<'a>, source: S, options: UploadOptions) -> Self {
        Self {
            report,
            source,
            options,
            location: Location::new(),
            state: State::Ready,
            attempts: Attempts::new(options.backoff, options.seed),
            position: 0,
            code: 0,
            retry_after: None,
            answer: Vec::new(),
            is_cut: false,
        }
    }

    /// What to do next. To be asked only while it is not in the engine.
    pub fn step(&mut self, now: Instant) -> Step<Delivered, Fault> {
        match self.state {
            State::Waiting(at) if at > now => Step::Wait(at),
            State::Waiting(_) | State::Ready => {
                self.state = State::Ready;
                self.location.clear();
                self.position = 0;
                self.begin(0);
                Step::Start
            }
            State::Complete(delivered) => Step::Complete(delivered),
            State::Failed(why) => Step::Failed(why),
        }
    }

    /// It was taken out of the engine: how the transfer ended there.
    pub fn ended(&mut self, now: Instant, result: Result<(), Error>) {
        if !matches!(self.state, State::Ready) {
            return;
        }
        self.state = match result {
            Ok(()) if self.code / 100 == 2 => State::Complete(Delivered {
                status: self.code,
                is_cut: self.is_cut,
            }),
            Ok(()) => State::Failed(Fault::Status(self.code)),
            Err(error) => self
                .next_attempt(now, &error)
                .map_or(State::Failed(Fault::Transfer(error)), State::Waiting),
        };
    }

    /// The first bytes of the answer's body.
    #[must_use]
    pub fn answer(&self) -> &[u8] {
        &self.answer
    }

    /// The source.
    pub const fn source(&mut self) -> &mut S {
        &mut self.source
    }

    /// The source.
    #[must_use]
    pub fn into_source(self) -> S {
        self.source
    }

    fn next_attempt(&mut self, now: Instant, error: &Error) -> Option<Instant> {
        if is_transient(error) && (self.may_repeat() || is_unsent(error)) {
            self.attempts.failed(now, self.retry_after)
        } else {
            None
        }
    }

    const fn may_repeat(&self) -> bool {
        match self.report.method {
            Method::Put => true,
            Method::Post => self.options.repeat_post,
        }
    }

    /// What was seen of an earlier answer is forgotten.
    fn begin(&mut self, code: u16) {
        self.code = code;
        self.retry_after = None;
        self.answer.clear();
        self.is_cut = false;
    }
}

impl<S: Source, const ANSWER: usize, const URL: usize> Easy for Upload<'_, S, ANSWER, URL> {
    fn request(&self) -> Request<'_> {
        Request {
            fields: &self.report,
            body: Body::Stream {
                length: self.report.length,
            },
            auth: self.report.auth,
            settings: self.report.settings,
            ..Request::new(
                match self.report.method {
                    Method::Put => "PUT",
                    Method::Post => "POST",
                },
                self.location.or(self.report.url),
            )
        }
    }

    fn options(&self) -> Options {
        let transfer = self.options.transfer;
        Options {
            fail_on_error: true,
            // What was moved must arrive there: turned into a GET it would be lost in silence.
            keep_post: true,
            max_body: None,
            // On an idle connection that turns out to be dead the engine would send it once more.
            fresh_connect: transfer.fresh_connect || !self.may_repeat(),
            ..transfer
        }
    }

    fn on_status(&mut self, status: &Status<'_>) -> Flow {
        self.begin(status.code);
        Flow::Continue
    }

    fn on_field(&mut self, name: &str, value: &[u8]) -> Flow {
        if name.eq_ignore_ascii_case("retry-after") {
            self.retry_after = retry_after(value);
        }
        Flow::Continue
    }

    fn on_body(&mut self, bytes: &[u8]) -> Taken {
        let free = ANSWER - self.answer.len();
        let kept = bytes.get(..free).unwrap_or(bytes);
        self.is_cut |= self.answer.extend_from_slice(kept).is_err() || kept.len() < bytes.len();
        Taken::All
    }

    fn read_body(&mut self, into: &mut [u8]) -> Given {
        let given = self.source.read(self.position, into);
        if let Given::Bytes(n) = given {
            self.position += n as u64;
        }
        given
    }

    /// 303 says that the body was taken and that something else is to be seen elsewhere: it is not
    /// sent there.
    fn on_redirect(&mut self, url: &str) -> Follow {
        if self.code == 303 {
            return Follow::Stop;
        }
        self.location.follow(self.report.url, url)
    }

    fn rewind(&mut self) -> bool {
        self.position = 0;
        true
    }
}
