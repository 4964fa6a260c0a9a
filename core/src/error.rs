//! Why a transfer ended, and what libcurl calls it.

use core::fmt;

use crate::features::Feature;
use crate::net::{IoError, TlsError};
use crate::time::Timer;

/// What is wrong with a URL (RFC 3986 §3, RFC 9110 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum UrlError {
    /// It is empty.
    Empty,
    /// It has no `scheme://`, or no host.
    NotAbsolute,
    /// A host of a form that can't be named: bad brackets, bad characters, not ASCII, bad percent.
    Host,
    /// The port is not a number from 1 to 65535.
    Port,
    /// A control character or a space.
    Character,
    /// The user information holds a broken percent escape or a control character.
    UserInfo,
    /// It is longer than the place that there is for it.
    TooLong,
}

/// What is wrong with a request, seen before anything is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RequestError {
    /// The method is not a token.
    Method,
    /// A field's name is not a token.
    FieldName,
    /// A field's value holds a line end, a NUL or another control character.
    FieldValue,
    /// A field that only the engine may set: `Content-Length`, `Transfer-Encoding`, `Expect`.
    FieldReserved,
    /// The range is not of the form that RFC 9110 §14.1.2 allows.
    Range,
    /// Credentials with control characters, or a user name with a colon.
    Auth,
    /// More fields than a request may have (256).
    TooManyFields,
}

/// What is wrong with a response (RFC 9112): the engine never guesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ResponseError {
    /// It does not begin with a status line of HTTP/1.0 or HTTP/1.1; HTTP/0.9 is one such.
    NotHttp,
    /// The status is not three digits, or below 100.
    Status,
    /// A field line without a colon, with an empty or bad name, or with white space before the colon.
    FieldName,
    /// A field value with a control character.
    FieldValue,
    /// A line that begins with white space (RFC 9112 §5.2).
    Folded,
    /// A carriage return that no line feed follows.
    BareCr,
    /// `Content-Length` is not a number, is too large, or has two values (RFC 9112 §6.3).
    ContentLength,
    /// Both `Content-Length` and `Transfer-Encoding` (RFC 9112 §6.3), or the latter in HTTP/1.0.
    ConflictingLengths,
    /// `Location` twice, or of a form that can't be followed.
    Location,
    /// A chunk's size line is broken or too large.
    ChunkSize,
    /// A chunk's data, or a line behind the last chunk, is not followed by CR LF.
    ChunkEnd,
    /// `101 Switching Protocols` that nobody asked for.
    Upgrade,
    /// A 206 that does not hold what was asked for, or a broken `Content-Range`.
    ContentRange,
}

/// A bound of [`Config`](crate::Config) or of the storage that a peer went over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Limit {
    /// A line is longer than a block of the line pool.
    Line,
    /// The heads and trailers of one response hold more bytes than `head_bytes`.
    HeadBytes,
    /// A head holds more fields than `head_fields`.
    HeadFields,
    /// More 1xx responses than `informational`.
    Informational,
    /// The extensions of chunks hold more bytes than `chunk_extension_bytes`.
    ChunkExtension,
}

/// Why a transfer ended without success. [`Error::curl_code`] gives libcurl's number for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The progress callback said so.
    AbortedByCallback,
    /// The request can't be sent as it is.
    BadRequest(RequestError),
    /// The response can't be understood, and is not guessed at.
    BadResponse(ResponseError),
    /// The URL can't be understood.
    BadUrl(UrlError),
    /// The body is longer than [`Options::max_body`](crate::easy::Options).
    BodyTooLarge,
    /// No address could be connected to; this is what the last one said.
    Connect(IoError),
    /// The peer closed the connection without a byte of response.
    EmptyReply,
    /// The status, which is 400 or more, with [`Options::fail_on_error`](crate::easy::Options).
    HttpStatus(u16),
    /// A rule inside the engine was broken. Please report it.
    Internal,
    /// It was left out when the engine was built.
    LeftOut(Feature),
    /// The peer went over a bound.
    Limit(Limit),
    /// The connection ended before the body did.
    PartialBody,
    /// A resumed download was answered with something else.
    RangeIgnored,
    /// The request body could not be read, or ended early.
    Read,
    /// Receiving failed.
    Receive(IoError),
    /// The name was not found.
    Resolve,
    /// The body had to be sent again, and could not be.
    Rewind,
    /// Sending failed.
    Send(IoError),
    /// A time limit was hit.
    Timeout(Timer),
    /// More redirects than [`Redirects::Follow`](crate::easy::Redirects) allows.
    TooManyRedirects,
    /// A transfer coding that is not known (RFC 9112 §7).
    TransferCoding,
    /// The platform can't do this scheme, or nobody can.
    UnsupportedScheme,
    /// The sink refused the bytes.
    Write,
}

impl Error {
    /// Has the peer broken a rule, or gone over a bound? For the log.
    pub(crate) const fn is_of_peer(&self) -> bool {
        matches!(
            self,
            Self::BadResponse(_)
                | Self::BodyTooLarge
                | Self::EmptyReply
                | Self::Limit(_)
                | Self::PartialBody
                | Self::RangeIgnored
                | Self::TooManyRedirects
                | Self::TransferCoding
        )
    }

    /// The `CURLcode` that libcurl gives for the same trouble (CONTRACT R64).
    #[must_use]
    pub const fn curl_code(&self) -> u8 {
        match self {
            Self::UnsupportedScheme | Self::BadResponse(ResponseError::NotHttp) => 1,
            Self::Internal => 2,
            Self::BadUrl(_) => 3,
            Self::LeftOut(_) => 4,
            Self::Resolve => 6,
            Self::Connect(IoError::Tls(why)) => secured(*why),
            Self::Connect(_) => 7,
            Self::BadResponse(ResponseError::ContentRange) | Self::RangeIgnored => 33,
            Self::BadResponse(_) => 8,
            Self::PartialBody => 18,
            Self::HttpStatus(_) => 22,
            Self::Write => 23,
            Self::Read => 26,
            Self::Timeout(_) => 28,
            Self::AbortedByCallback => 42,
            Self::BadRequest(_) => 43,
            Self::TooManyRedirects => 47,
            Self::EmptyReply => 52,
            Self::Send(_) => 55,
            Self::Receive(_) => 56,
            Self::TransferCoding => 61,
            Self::BodyTooLarge => 63,
            Self::Rewind => 65,
            Self::Limit(_) => 100,
        }
    }
}

/// `CURLE_SSL_*` of a handshake that failed.
const fn secured(why: TlsError) -> u8 {
    if why.is_certificate() {
        60
    } else if matches!(why, TlsError::Settings) {
        77
    } else if matches!(why, TlsError::PinMismatch) {
        90
    } else {
        35
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it is empty",
            Self::NotAbsolute => "it is not of the form http://host/path",
            Self::Host => "its host is malformed",
            Self::Port => "its port is not a number from 1 to 65535",
            Self::Character => "it holds a space or a control character",
            Self::UserInfo => "its user information is malformed",
            Self::TooLong => "it is too long",
        })
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Method => "the method is not a token",
            Self::FieldName => "a header's name is not a token",
            Self::FieldValue => "a header's value holds a line end or another control character",
            Self::FieldReserved => {
                "Content-Length, Transfer-Encoding and Expect can't be set by hand"
            }
            Self::Range => "the range is malformed",
            Self::Auth => "the credentials hold characters that can't be sent",
            Self::TooManyFields => "too many headers",
        })
    }
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotHttp => "no HTTP/1.x status line",
            Self::Status => "the status is not a number from 100 to 999",
            Self::FieldName => "a malformed header line",
            Self::FieldValue => "a control character in a header",
            Self::Folded => "a folded header line",
            Self::BareCr => "a carriage return without a line feed",
            Self::ContentLength => "a malformed or contradictory Content-Length",
            Self::ConflictingLengths => "Transfer-Encoding where it can't be trusted",
            Self::Location => "a Location that can't be followed",
            Self::ChunkSize => "a malformed chunk size",
            Self::ChunkEnd => "a chunk without its line end",
            Self::Upgrade => "a switch of protocols that nobody asked for",
            Self::ContentRange => "a range other than the one asked for",
        })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Line => "a header line is too long",
            Self::HeadBytes => "the headers are too large",
            Self::HeadFields => "too many headers",
            Self::Informational => "too many 1xx responses",
            Self::ChunkExtension => "chunk extensions are too large",
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AbortedByCallback => f.write_str("aborted by the progress callback"),
            Self::BadRequest(why) => write!(f, "bad request: {why}"),
            Self::BadResponse(why) => write!(f, "bad response: {why}"),
            Self::BadUrl(why) => write!(f, "bad URL: {why}"),
            Self::BodyTooLarge => f.write_str("the body is longer than allowed"),
            Self::Connect(why) => write!(f, "could not connect: {why}"),
            Self::EmptyReply => f.write_str("the server closed the connection without a reply"),
            Self::HttpStatus(code) => write!(f, "the server answered {code}"),
            Self::Internal => f.write_str("internal error"),
            Self::LeftOut(what) => write!(f, "left out of this build: {what}"),
            Self::Limit(which) => write!(f, "limit exceeded: {which}"),
            Self::PartialBody => f.write_str("the connection ended before the body did"),
            Self::RangeIgnored => f.write_str("the server can't resume this download"),
            Self::Read => f.write_str("the request body could not be read"),
            Self::Receive(why) => write!(f, "could not receive: {why}"),
            Self::Resolve => f.write_str("could not resolve the host name"),
            Self::Rewind => f.write_str("the request body could not be rewound"),
            Self::Send(why) => write!(f, "could not send: {why}"),
            Self::Timeout(timer) => write!(f, "timed out: {timer}"),
            Self::TooManyRedirects => f.write_str("too many redirects"),
            Self::TransferCoding => f.write_str("unknown transfer coding"),
            Self::UnsupportedScheme => f.write_str("unsupported scheme"),
            Self::Write => f.write_str("the body could not be written"),
        }
    }
}

impl core::error::Error for Error {}

impl From<UrlError> for Error {
    fn from(why: UrlError) -> Self {
        Self::BadUrl(why)
    }
}

impl From<RequestError> for Error {
    fn from(why: RequestError) -> Self {
        Self::BadRequest(why)
    }
}

impl From<ResponseError> for Error {
    fn from(why: ResponseError) -> Self {
        Self::BadResponse(why)
    }
}

impl From<Limit> for Error {
    fn from(which: Limit) -> Self {
        Self::Limit(which)
    }
}

const _: () = assert!(size_of::<Error>() <= 8);
