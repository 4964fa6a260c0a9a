//! A ready-made easy handle: a request held in strings, and a sink.

use core::fmt::{self, Write};

use super::{
    Body, Easy, Field, Fields, Flow, Follow, Given, Head, Options, Progress, Range, Request,
    Status, Taken, Trace,
};

/// Where the body of a response goes. A closure that takes bytes is one.
pub trait Sink {
    /// A piece of the body, not empty.
    fn write(&mut self, bytes: &[u8]) -> Taken;

    /// Empties it: a resumed download is answered with the whole.
    fn restart(&mut self) -> bool {
        false
    }
}

impl<F: FnMut(&[u8]) -> Taken> Sink for F {
    fn write(&mut self, bytes: &[u8]) -> Taken {
        self(bytes)
    }
}

/// Text that can be written anew: `heapless::String<N>`, or `String` on a host.
pub trait Text: AsRef<str> + Write + Default {}

impl<T: AsRef<str> + Write + Default> Text for T {}

/// Why a request can't be put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum FetchError {
    /// The text does not fit into its string.
    TooLong,
    /// A header's name or value holds a line end or another control character, or is malformed.
    Header,
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the text is longer than the string that holds it",
            Self::Header => "a header with characters that can't be sent",
        })
    }
}

impl core::error::Error for FetchError {}

/// Header fields in one string: a line each.
#[derive(Clone, Debug, Default)]
struct FieldLines<T>(T);

impl<T: AsRef<str>> Fields for FieldLines<T> {
    fn field(&self, nth: usize) -> Option<Field<'_>> {
        let line = self.0.as_ref().lines().nth(nth)?;
        let (name, value) = line.split_once(':')?;
        Some(Field { name, value })
    }
}

/// An easy handle for a plain transfer to a sink, in strings of type `T`.
///
/// ```
/// use muxfer_core::easy::{Fetch, Taken};
///
/// let mut count = 0;
/// let sink = |bytes: &[u8]| {
///     count += bytes.len();
///     Taken::All
/// };
/// let fetch: Fetch<heapless::String<128>, _> = Fetch::get("http://a.test/file", sink)?;
/// let fetch = fetch.header("Accept", "*/*")?;
/// # drop(fetch);
/// # Ok::<(), muxfer_core::easy::FetchError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Fetch<T, S> {
    method: &'static str,
    url: T,
    fields: FieldLines<T>,
    body: Option<T>,
    resume: u64,
    options: Options,
    sink: S,
    status: u16,
}

impl<T: Text, S: Sink> Fetch<T, S> {
    /// A GET of this URL.
    ///
    /// # Errors
    /// The URL does not fit.
    pub fn get(url: &str, sink: S) -> Result<Self, FetchError> {
        Self::new("GET", url, sink)
    }

    /// A request with this method.
    ///
    /// # Errors
    /// The URL does not fit.
    pub fn new(method: &'static str, url: &str, sink: S) -> Result<Self, FetchError> {
        Ok(Self {
            method,
            url: text(url)?,
            fields: FieldLines(T::default()),
            body: None,
            resume: 0,
            options: Options::DEFAULT,
            sink,
            status: 0,
        })
    }

    /// With a header field more.
    ///
    /// # Errors
    /// It does not fit, or can't be sent.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, FetchError> {
        let good =
            crate::wire::is_token(name.as_bytes()) && crate::wire::is_field_value(value.as_bytes());
        if !good {
            return Err(FetchError::Header);
        }
        writeln!(self.fields.0, "{name}:{value}").map_err(|_| FetchError::TooLong)?;
        Ok(self)
    }

    /// With a body in memory.
    ///
    /// # Errors
    /// It does not fit.
    pub fn body(mut self, body: &str) -> Result<Self, FetchError> {
        self.body = Some(text(body)?);
        Ok(self)
    }

    /// With limits and switches.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// Asks only for what is behind the first `from` bytes, which the sink has already.
    #[must_use]
    pub fn resume(mut self, from: u64) -> Self {
        self.resume = from;
        self
    }

    /// The status of the last response; 0 before the first.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The URL that was asked for last.
    #[must_use]
    pub fn url(&self) -> &str {
        self.url.as_ref()
    }

    /// The sink.
    pub const fn sink(&mut self) -> &mut S {
        &mut self.sink
    }

    /// The sink.
    #[must_use]
    pub fn into_sink(self) -> S {
        self.sink
    }
}

fn text<T: Text>(content: &str) -> Result<T, FetchError> {
    let mut text = T::default();
    text.write_str(content).map_err(|_| FetchError::TooLong)?;
    Ok(text)
}

impl<T: Text, S: Sink> Easy for Fetch<T, S> {
    fn request(&self) -> Request<'_> {
        let body = self
            .body
            .as_ref()
            .map_or(Body::None, |body| Body::Bytes(body.as_ref().as_bytes()));
        let range = (self.resume > 0).then_some(Range::Resume {
            from: self.resume,
            validator: None,
        });
        Request {
            fields: &self.fields,
            body,
            range,
            ..Request::new(self.method, self.url.as_ref())
        }
    }

    fn options(&self) -> Options {
        self.options
    }

    fn on_status(&mut self, status: &Status<'_>) -> Flow {
        self.status = status.code;
        Flow::Continue
    }

    fn on_body(&mut self, bytes: &[u8]) -> Taken {
        self.sink.write(bytes)
    }

    fn on_redirect(&mut self, url: &str) -> Follow {
        match text(url) {
            Ok(url) => {
                self.url = url;
                Follow::Go
            }
            Err(_) => Follow::TooLong,
        }
    }

    fn restart(&mut self) -> bool {
        self.sink.restart()
    }
}

/// An easy handle by reference is one: for a table of transfers of different kinds.
impl<E: Easy + ?Sized> Easy for &mut E {
    fn request(&self) -> Request<'_> {
        (**self).request()
    }

    fn options(&self) -> Options {
        (**self).options()
    }

    fn on_status(&mut self, status: &Status<'_>) -> Flow {
        (**self).on_status(status)
    }

    fn on_field(&mut self, name: &str, value: &[u8]) -> Flow {
        (**self).on_field(name, value)
    }

    fn on_head(&mut self, head: &Head) -> Flow {
        (**self).on_head(head)
    }

    fn on_body(&mut self, bytes: &[u8]) -> Taken {
        (**self).on_body(bytes)
    }

    fn on_trailer(&mut self, name: &str, value: &[u8]) -> Flow {
        (**self).on_trailer(name, value)
    }

    fn read_body(&mut self, into: &mut [u8]) -> Given {
        (**self).read_body(into)
    }

    fn on_redirect(&mut self, url: &str) -> Follow {
        (**self).on_redirect(url)
    }

    fn rewind(&mut self) -> bool {
        (**self).rewind()
    }

    fn restart(&mut self) -> bool {
        (**self).restart()
    }

    fn on_progress(&mut self, progress: &Progress) -> Flow {
        (**self).on_progress(progress)
    }

    fn on_trace(&mut self, trace: Trace<'_>) {
        (**self).on_trace(trace);
    }
}
