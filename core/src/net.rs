//! Plain values about sockets: schemes, interests, readiness, addresses, what can stop them.

use core::fmt;
use core::net::IpAddr;
use core::ops::{BitOr, BitOrAssign};

/// How a URL is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Scheme {
    /// Plain HTTP over TCP.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// The port that is meant when a URL names none (RFC 9110 §4.2).
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// The name as it stands in a URL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

macro_rules! bit_set {
    ($name:ident) => {
        impl $name {
            /// Nothing.
            pub const NONE: Self = Self(0);

            /// The bits as a number.
            #[must_use]
            pub const fn bits(self) -> u8 {
                self.0
            }

            /// Does it hold all of `other`?
            #[must_use]
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// Does it hold any of `other`?
            #[must_use]
            pub const fn intersects(self, other: Self) -> bool {
                self.0 & other.0 != 0
            }

            /// Is it `NONE`?
            #[must_use]
            pub const fn is_none(self) -> bool {
                self.0 == 0
            }
        }

        impl BitOr for $name {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }
        }

        impl BitOrAssign for $name {
            fn bitor_assign(&mut self, other: Self) {
                self.0 |= other.0;
            }
        }
    };
}

/// What the engine wants to be told of a socket: `CURL_POLL_IN`, `_OUT`, `_INOUT`, `_REMOVE`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Interest(u8);

bit_set!(Interest);

impl Interest {
    /// Tell when it is readable.
    pub const READ: Self = Self(1);
    /// Tell when it is writable.
    pub const WRITE: Self = Self(2);
    /// Tell both.
    pub const BOTH: Self = Self(3);
}

/// What a platform saw of a socket: `CURL_CSELECT_IN`, `_OUT`, `_ERR`.
///
/// It is a hint (CONTRACT R52). `NONE` means "find out yourself".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ready(u8);

bit_set!(Ready);

impl Ready {
    /// Bytes, or the end of the stream, can be read.
    pub const READ: Self = Self(1);
    /// There is room to write, or a connect has ended.
    pub const WRITE: Self = Self(2);
    /// The socket has failed or was hung up: reading or writing will say how.
    pub const ERROR: Self = Self(4);
    /// All bits: every direction is tried.
    pub const ALL: Self = Self(7);
}

/// Why a platform could not do what it was asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum IoError {
    /// The address or the network can't be used from here (`EADDRNOTAVAIL`, `EAFNOSUPPORT`, …).
    AddressUnusable,
    /// The peer has closed the stream, or we have (`EPIPE`, `ENOTCONN`).
    Closed,
    /// Not permitted (`EACCES`, `EPERM`).
    Denied,
    /// No memory for buffers (`ENOBUFS`, `ENOMEM`).
    NoBuffers,
    /// No descriptor or socket is left (`EMFILE`, `ENFILE`).
    NoDescriptors,
    /// The peer refused the connection (`ECONNREFUSED`).
    Refused,
    /// The peer reset the connection (`ECONNRESET`, `ECONNABORTED`).
    Reset,
    /// The stack gave up waiting (`ETIMEDOUT`).
    TimedOut,
    /// No way to the peer (`EHOSTUNREACH`, `ENETUNREACH`, …).
    Unreachable,
    /// The connection can't be secured, or is no longer.
    Tls(TlsError),
    /// The platform can't do it at all.
    Unsupported,
    /// Anything else, with the platform's own number.
    Other(u16),
}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AddressUnusable => "address can't be used from here",
            Self::Closed => "closed",
            Self::Denied => "not permitted",
            Self::NoBuffers => "no memory for buffers",
            Self::NoDescriptors => "no descriptor left",
            Self::Refused => "refused",
            Self::Reset => "reset by peer",
            Self::TimedOut => "timed out",
            Self::Tls(why) => return why.fmt(f),
            Self::Unreachable => "unreachable",
            Self::Unsupported => "not supported by the platform",
            Self::Other(code) => return write!(f, "error {code}"),
        })
    }
}

/// Why a connection can't be secured, in a word; a platform may know more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TlsError {
    /// The certificate has expired.
    Expired,
    /// The certificate is not valid yet.
    NotYetValid,
    /// The certificate is for other names.
    WrongName,
    /// The certificate comes from nobody who is trusted.
    UnknownIssuer,
    /// The certificate vouches for itself, and is not trusted.
    SelfSigned,
    /// A signature in the chain of certificates, or that of the handshake, is wrong.
    BadSignature,
    /// A signature was made by a method that is not accepted.
    WeakSignature,
    /// The certificate was revoked.
    Revoked,
    /// Whether the certificate was revoked can't be known.
    RevocationUnknown,
    /// A certificate of the chain is for another purpose.
    WrongUsage,
    /// An authority of the chain may not vouch for this name, or not over so many others.
    Constraint,
    /// The certificate can't be understood, or there is none.
    BadCertificate,
    /// None of the keys that were pinned.
    PinMismatch,
    /// The peer wants a certificate of ours, and has none or another.
    ClientCertificate,
    /// No common version of the protocol.
    Version,
    /// No common protocol above it.
    Alpn,
    /// The peer has refused, with this alert (RFC 8446 §6).
    Alert(u8),
    /// What the peer sends is not TLS, or breaks its rules.
    Protocol,
    /// The stream has ended without the peer's word for it: it may have been cut off.
    Truncated,
    /// The host can't be named in a certificate.
    HostName,
    /// The settings asked for can't be used.
    Settings,
}

impl TlsError {
    /// Is it the peer's certificate that is refused?
    #[must_use]
    pub const fn is_certificate(self) -> bool {
        match self {
            Self::Expired
            | Self::NotYetValid
            | Self::WrongName
            | Self::UnknownIssuer
            | Self::SelfSigned
            | Self::BadSignature
            | Self::WeakSignature
            | Self::Revoked
            | Self::RevocationUnknown
            | Self::WrongUsage
            | Self::Constraint
            | Self::BadCertificate => true,
            Self::PinMismatch
            | Self::ClientCertificate
            | Self::Version
            | Self::Alpn
            | Self::Alert(_)
            | Self::Protocol
            | Self::Truncated
            | Self::HostName
            | Self::Settings => false,
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "the certificate has expired",
            Self::NotYetValid => "the certificate is not valid yet",
            Self::WrongName => "the certificate is for another host",
            Self::UnknownIssuer => "the certificate's issuer is not known",
            Self::SelfSigned => "the certificate is self-signed",
            Self::BadSignature => "a signature is wrong",
            Self::WeakSignature => "a signature of a kind that is not accepted",
            Self::Revoked => "the certificate was revoked",
            Self::RevocationUnknown => "whether the certificate was revoked is not known",
            Self::WrongUsage => "a certificate is for another purpose",
            Self::Constraint => "an authority may not vouch for this host",
            Self::BadCertificate => "the certificate is malformed",
            Self::PinMismatch => "the public key is not one that is pinned",
            Self::ClientCertificate => "the peer wants a client certificate",
            Self::Version => "no common version of TLS",
            Self::Alpn => "no common protocol above TLS",
            Self::Alert(code) => return write!(f, "refused by the peer with alert {code}"),
            Self::Protocol => "the peer does not speak TLS as it should",
            Self::Truncated => "the connection was cut off without TLS's word for its end",
            Self::HostName => "the host can't be named in a certificate",
            Self::Settings => "the TLS settings can't be used",
        })
    }
}

/// Why a non-blocking call gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Stall<E> {
    /// Not now: an event will follow.
    WouldBlock,
    /// Not at all.
    Failed(E),
}

impl<E> From<E> for Stall<E> {
    fn from(error: E) -> Self {
        Self::Failed(error)
    }
}

/// The result of a call that never blocks.
pub type Nb<T, E = IoError> = Result<T, Stall<E>>;

/// The most addresses that are kept for one name.
pub const MAX_ADDRESSES: usize = 6;

/// The addresses of one name, in the order in which they are to be tried.
pub type Addresses = heapless::Vec<IpAddr, MAX_ADDRESSES, u8>;
