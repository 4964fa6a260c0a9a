//! Why an update failed.

use core::fmt;

use embedded_storage::nor_flash::{NorFlash, NorFlashError, NorFlashErrorKind};
use muxfer_core::Error;

use crate::retry::{is_transient, spoils_resume};

/// What is wrong with a [`Layout`](super::Layout).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum LayoutError {
    /// A region does not begin or end at an erase unit.
    NotAligned,
    /// A region reaches behind the end of the flash.
    OutOfBounds,
    /// The regions overlap.
    Overlap,
    /// Less than one erase unit for the image, or less than two for the records.
    TooSmall,
}

/// Why an update failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Fault {
    /// The regions can't be used.
    Layout(LayoutError),
    /// The flash reported an error.
    Flash(NorFlashErrorKind),
    /// The transfer failed, in the last attempt.
    Transfer(Error),
    /// The answer has this status, which brings no image: a redirect that is not followed, 204.
    Status(u16),
    /// The image is larger than its region. Told before anything is erased if the length is known.
    TooLarge,
    /// The image has another length than [`Job::length`](super::Job).
    Length,
    /// The server answered with a part of another image, or of none.
    Changed,
    /// The server answered a request for the rest with the whole ([`Whole::Fail`](super::Whole)).
    Whole,
    /// The image has a content coding, such as gzip.
    Encoded,
    /// The answer ended before the image did.
    Short,
    /// What is in the flash has another SHA-256 than it must have. Its record is erased.
    Digest,
    /// [`Job::approve`](super::Job) said no. Its record is erased.
    Refused,
}

/// What helps against a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Another attempt, which goes on where this one ended.
    GoOn,
    /// Another attempt, from the first byte.
    Anew,
    /// Nothing.
    None,
}

impl Fault {
    pub(super) const fn remedy(&self) -> Remedy {
        match self {
            Self::Transfer(error) if spoils_resume(error) => Remedy::Anew,
            Self::Transfer(error) if is_transient(error) => Remedy::GoOn,
            Self::Short => Remedy::GoOn,
            Self::Changed => Remedy::Anew,
            Self::Transfer(_)
            | Self::Layout(_)
            | Self::Flash(_)
            | Self::Status(_)
            | Self::TooLarge
            | Self::Length
            | Self::Whole
            | Self::Encoded
            | Self::Digest
            | Self::Refused => Remedy::None,
        }
    }
}

/// What the flash said, without its type.
pub(super) fn flash<F: NorFlash>(error: F::Error) -> Fault {
    Fault::Flash(error.kind())
}

impl fmt::Display for LayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAligned => "a region does not begin and end at an erase unit",
            Self::OutOfBounds => "a region reaches behind the end of the flash",
            Self::Overlap => "the regions overlap",
            Self::TooSmall => "a region is too small",
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layout(why) => write!(f, "bad layout: {why}"),
            Self::Flash(why) => write!(f, "the flash failed: {why}"),
            Self::Transfer(why) => write!(f, "the transfer failed: {why}"),
            Self::Status(code) => write!(f, "the server answered {code}"),
            Self::TooLarge => f.write_str("the image is larger than its region"),
            Self::Length => f.write_str("the image has another length than it must have"),
            Self::Changed => f.write_str("the server sent a part of another image"),
            Self::Whole => f.write_str("the server sent the whole instead of the rest"),
            Self::Encoded => f.write_str("the image has a content coding"),
            Self::Short => f.write_str("the answer ended before the image did"),
            Self::Digest => f.write_str("the image has another digest than it must have"),
            Self::Refused => f.write_str("the image was not approved"),
        }
    }
}

impl core::error::Error for Fault {}
