//! What is fetched, where it is put, and how.

use core::num::NonZeroU32;
use core::time::Duration;

use muxfer_core::easy::{Auth, Field, LowSpeed, Options, Redirects};

use crate::retry::Backoff;

/// A part of a flash, in bytes from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Region {
    /// Where it begins; a multiple of the flash's erase size.
    pub start: u32,
    /// How long it is; a multiple of the flash's erase size.
    pub size: u32,
}

impl Region {
    /// A region.
    #[must_use]
    pub const fn new(start: u32, size: u32) -> Self {
        Self { start, size }
    }

    /// The offset behind it; `None` if no number names that.
    pub(super) const fn end(self) -> Option<u32> {
        self.start.checked_add(self.size)
    }
}

/// Which parts of the flash an update uses. Nothing else is read, written or erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Layout {
    /// For the image.
    pub image: Region,
    /// For the records of how far it is: two erase units or more, of which two are used.
    pub records: Region,
}

/// What is done when a server answers a request for the rest with the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Whole {
    /// Start over: the image is written anew from its first byte.
    Restart,
    /// Fail with [`Fault::Whole`](super::Fault). What is there stays, with its record.
    Fail,
}

/// What is fetched, and what it must be.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// An absolute URL.
    pub url: &'a str,
    /// The SHA-256 of the image. It is what makes the image trusted, so it must come from a place
    /// that is: a signed manifest, or a connection that is verified.
    pub digest: [u8; 32],
    /// The length of the image, if it is known beforehand. Another one is an error.
    pub length: Option<u32>,
    /// Header fields of the request. `Range` and `If-Range` are the update's own.
    pub fields: &'a [Field<'a>],
    /// Credentials. They go to the origin of [`Job::url`] only.
    pub auth: Auth<'a>,
    /// See [`Request::settings`](muxfer_core::easy::Request).
    pub settings: u32,
    /// Sees the digest after it was found to be right, and may refuse the image: the place to
    /// verify a signature.
    pub approve: Option<fn(&[u8; 32]) -> bool>,
}

impl<'a> Job<'a> {
    /// The image at this URL with this SHA-256.
    #[must_use]
    pub const fn new(url: &'a str, digest: [u8; 32]) -> Self {
        Self {
            url,
            digest,
            length: None,
            fields: &[],
            auth: Auth::None,
            settings: 0,
            approve: None,
        }
    }
}

/// How an update is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpdateOptions {
    /// The limits of one attempt. `fail_on_error` and `max_body` are the update's own.
    pub transfer: Options,
    /// Between attempts.
    pub backoff: Backoff,
    /// A record is written after so many bytes, rounded up to whole erase units. A reset costs at
    /// most so many bytes and one erase unit.
    pub record_every: u32,
    /// When a server answers a request for the rest with the whole.
    pub whole: Whole,
    /// For the random part of the pauses between attempts. It should differ from device to device.
    pub seed: u64,
}

impl UpdateOptions {
    /// Five redirects, 30 s to connect, 30 s without a byte, an hour for an attempt, a record each
    /// 64 KiB, and a restart when the whole comes.
    pub const DEFAULT: Self = Self {
        transfer: Options {
            redirects: Redirects::Follow(5),
            connect: Duration::from_secs(30),
            low_speed: Some(LowSpeed {
                bytes_per_second: NonZeroU32::MIN,
                time: Duration::from_secs(30),
            }),
            total: Some(Duration::from_secs(3600)),
            ..Options::DEFAULT
        },
        backoff: Backoff::DEFAULT,
        record_every: 64 * 1024,
        whole: Whole::Restart,
        seed: 0,
    };
}

impl Default for UpdateOptions {
    fn default() -> Self {
        Self::DEFAULT
    }
}
