//! What a transfer asks for, borrowed from the easy handle.

/// One header field of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// A token (RFC 9110 §5.1).
    pub name: &'a str,
    /// Without line ends or NUL; may be empty.
    pub value: &'a str,
}

/// A list of header fields that can be read again and again.
pub trait Fields {
    /// The field number `nth`; `None` behind the last.
    fn field(&self, nth: usize) -> Option<Field<'_>>;
}

/// No header fields.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFields;

impl Fields for NoFields {
    fn field(&self, _nth: usize) -> Option<Field<'_>> {
        None
    }
}

impl<const N: usize> Fields for [Field<'_>; N] {
    fn field(&self, nth: usize) -> Option<Field<'_>> {
        self.get(nth).copied()
    }
}

impl Fields for &[Field<'_>] {
    fn field(&self, nth: usize) -> Option<Field<'_>> {
        self.get(nth).copied()
    }
}

/// The body of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Body<'a> {
    /// None at all.
    #[default]
    None,
    /// Bytes in memory. They are sent with their length, and again if need be.
    Bytes(&'a [u8]),
    /// Asked for piece by piece through [`Easy::read_body`](super::Easy::read_body).
    Stream {
        /// How many bytes; `None` sends it chunked.
        length: Option<u64>,
    },
}

impl Body<'_> {
    /// The length, if it is known.
    #[must_use]
    pub const fn length(&self) -> Option<u64> {
        match self {
            Self::None => Some(0),
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::Stream { length } => *length,
        }
    }
}

/// Credentials for the origin of the first URL. They go nowhere else.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Auth<'a> {
    /// Those in the URL, if there are any.
    #[default]
    None,
    /// RFC 7617.
    Basic {
        /// May not hold a colon.
        user: &'a str,
        /// May hold anything but control characters.
        password: &'a str,
    },
    /// RFC 6750.
    Bearer(&'a str),
}

impl core::fmt::Debug for Auth<'_> {
    /// Names the kind and keeps the secret.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Basic { .. } => "Basic(…)",
            Self::Bearer(_) => "Bearer(…)",
        })
    }
}

/// Which part is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range<'a> {
    /// The text behind `bytes=` (RFC 9110 §14.1.2): `0-499`, `500-`, `-500`, `0-0,-1`. A peer that
    /// ignores it and answers with the whole is fine.
    Spec(&'a str),
    /// All from this byte on, to be appended to what is already there. An answer that does not
    /// start just there is an error, or a restart ([`Easy::restart`](super::Easy::restart)).
    Resume {
        /// How many bytes are already there. 0 asks for the whole.
        from: u64,
        /// A strong entity tag with its quotes, or a date: sent as `If-Range`, so that a file that
        /// changed is sent whole.
        validator: Option<&'a str>,
    },
}

/// What a transfer asks for.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// `GET`, `HEAD`, `POST`, or any other token.
    pub method: &'a str,
    /// Absolute: `http://[user[:password]@]host[:port][/path][?query][#fragment]`.
    pub url: &'a str,
    /// Sent in their order. A `Host` replaces the engine's; an `Authorization` replaces that of
    /// [`Request::auth`]. `Content-Length`, `Transfer-Encoding` and `Expect` are the engine's and
    /// are refused. `Authorization`, `Cookie`, `Cookie2`, `Proxy-Authorization` and `Host` are for
    /// the origin of the first URL alone; all others go along with a redirect, wherever it leads.
    pub fields: &'a dyn Fields,
    /// What is sent.
    pub body: Body<'a>,
    /// Who asks.
    pub auth: Auth<'a>,
    /// Which part is asked for.
    pub range: Option<Range<'a>>,
    /// A number that stands for all that the platform must know of a connection besides scheme,
    /// host and port: TLS settings, local address, and so on. Transfers with different numbers
    /// never share a connection or an address.
    pub settings: u32,
}

impl<'a> Request<'a> {
    /// A request with this method and URL, and nothing else.
    #[must_use]
    pub const fn new(method: &'a str, url: &'a str) -> Self {
        Self {
            method,
            url,
            fields: &NoFields,
            body: Body::None,
            auth: Auth::None,
            range: None,
            settings: 0,
        }
    }

    /// A plain `GET`.
    #[must_use]
    pub const fn get(url: &'a str) -> Self {
        Self::new("GET", url)
    }
}
