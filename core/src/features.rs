//! What can be left out of the engine, as Cargo features say: one place that names it all.
//!
//! The rest of the code is written as if everything were there. It asks these constants where a way
//! begins that only such a feature takes, mostly by a flag or a timer that can't be set then, and the
//! compiler drops what nobody can reach.

use core::fmt;

/// Redirects are followed.
pub(crate) const REDIRECTS: bool = cfg!(feature = "redirects");
/// Requests have bodies.
pub(crate) const UPLOADS: bool = cfg!(feature = "uploads");
/// Requests have credentials.
pub(crate) const AUTH: bool = cfg!(feature = "auth");
/// Parts of a whole are asked for.
pub(crate) const RANGES: bool = cfg!(feature = "ranges");
/// Hosts may be addresses of IPv6, and the families of addresses take turns.
pub(crate) const IPV6: bool = cfg!(feature = "ipv6");
/// Requests have header fields of the user's own.
pub(crate) const FIELDS: bool = cfg!(feature = "fields");
/// Transfers wait for a connection, and for a place for their origin.
pub(crate) const QUEUE: bool = cfg!(feature = "queue");
/// Several addresses are tried side by side.
pub(crate) const RACES: bool = cfg!(feature = "races");
/// Speeds are limited, times are measured, and progress is told.
pub(crate) const PACE: bool = cfg!(feature = "pace");
/// Connections are kept for the next request.
pub(crate) const REUSE: bool = cfg!(feature = "reuse");
/// Less code is worth more than fewer instructions. What is done is the same.
pub(crate) const SMALL: bool = cfg!(feature = "small");

/// Origins that nobody uses are in a list, the longest unused first. Else any of them makes room.
pub(crate) const RANKS_UNUSED: bool = REUSE || QUEUE;

/// Something that a transfer asked for and that was left out when the engine was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Feature {
    /// Credentials: [`Auth`](crate::easy::Auth).
    Auth,
    /// Header fields of the user's own: [`Request::fields`](crate::easy::Request).
    Fields,
    /// Low speed and rate limits, and calls that tell the progress.
    Pace,
    /// [`Range`](crate::easy::Range).
    Ranges,
    /// [`Redirects::Follow`](crate::easy::Redirects).
    Redirects,
    /// Request bodies: [`Body`](crate::easy::Body).
    Uploads,
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auth => "credentials",
            Self::Fields => "header fields",
            Self::Pace => "limits of speed and progress",
            Self::Ranges => "ranges",
            Self::Redirects => "redirects",
            Self::Uploads => "request bodies",
        })
    }
}
