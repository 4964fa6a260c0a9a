//! An easy handle for tests: built in a line, and it remembers everything.

use muxfer_core::Easy;
use muxfer_core::easy::{
    Auth, Body, Field, Fields, Flow, Follow, Given, Head, Options, Progress, Range, Redirects,
    Request, Status, Taken, Trace,
};

/// Header fields that own their text.
#[derive(Clone, Debug, Default)]
pub struct OwnedFields(Vec<(String, String)>);

impl Fields for OwnedFields {
    fn field(&self, nth: usize) -> Option<Field<'_>> {
        self.0.get(nth).map(|(name, value)| Field { name, value })
    }
}

/// Where the request body comes from.
#[derive(Clone, Debug, Default)]
pub enum Source {
    /// There is none.
    #[default]
    None,
    /// Memory.
    Bytes(Vec<u8>),
    /// `read_body`, with its length or chunked.
    Stream(Vec<u8>, Option<u64>),
}

/// What it asks for, how it behaves, and what it was told.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    /// Of the request.
    pub method: String,
    /// Of the request; changed by redirects.
    pub url: String,
    /// Of the request.
    pub fields: OwnedFields,
    /// Of the request.
    pub source: Source,
    /// User name and password.
    pub basic: Option<(String, String)>,
    /// Resume from here, with this validator.
    pub resume: Option<(u64, Option<String>)>,
    /// A number for all other settings of the connection.
    pub settings: u32,
    /// Limits and switches.
    pub options: Options,
    /// Pause at the body call of this number, from 0, taking so many bytes.
    pub pause_at: Option<(usize, usize)>,
    /// Refuse the body.
    pub refuse: bool,
    /// Pause the request body once after so many bytes.
    pub source_pause: Option<usize>,
    /// `read_body` fails.
    pub source_fails: bool,
    /// `rewind` is possible.
    pub can_rewind: bool,
    /// `restart` is possible.
    pub can_restart: bool,
    /// End it from the progress callback.
    pub abort_at_progress: bool,
    /// All statuses, in order.
    pub statuses: Vec<u16>,
    /// All header fields, in order.
    pub got_fields: Vec<(String, String)>,
    /// All heads, in order.
    pub heads: Vec<Head>,
    /// The body.
    pub body: Vec<u8>,
    /// How many pieces of body came.
    pub pieces: usize,
    /// All trailer fields, in order.
    pub trailers: Vec<(String, String)>,
    /// Where redirects led.
    pub redirects: Vec<String>,
    /// How often progress was told.
    pub progress: usize,
    /// What was traced, as text.
    pub trace: Vec<String>,
    /// The request heads that were sent.
    pub sent_head: Vec<u8>,
    /// How many bytes of the request body were read.
    pub read: usize,
}

impl Recorder {
    /// A GET.
    #[must_use]
    pub fn get(url: &str) -> Self {
        Self::new("GET", url)
    }

    /// Any request.
    #[must_use]
    pub fn new(method: &str, url: &str) -> Self {
        Self {
            method: method.to_string(),
            url: url.to_string(),
            ..Self::default()
        }
    }

    /// With a field more.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.0.push((name.to_string(), value.to_string()));
        self
    }

    /// With a body in memory.
    #[must_use]
    pub fn bytes(mut self, body: &[u8]) -> Self {
        self.source = Source::Bytes(body.to_vec());
        self
    }

    /// With a body from `read_body`.
    #[must_use]
    pub fn stream(mut self, body: &[u8], length: Option<u64>) -> Self {
        self.source = Source::Stream(body.to_vec(), length);
        self
    }

    /// With other options.
    #[must_use]
    pub fn options(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(&mut self.options);
        self
    }

    /// Follows redirects, at most so many.
    #[must_use]
    pub fn follow(self, most: u16) -> Self {
        self.options(|options| options.redirects = Redirects::Follow(most))
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a body in UTF-8")
    }
}

impl Easy for Recorder {
    fn request(&self) -> Request<'_> {
        let body = match &self.source {
            Source::None => Body::None,
            Source::Bytes(bytes) => Body::Bytes(bytes),
            Source::Stream(_, length) => Body::Stream { length: *length },
        };
        let auth = self
            .basic
            .as_ref()
            .map_or(Auth::None, |(user, password)| Auth::Basic {
                user,
                password,
            });
        let range = self.resume.as_ref().map(|(from, validator)| Range::Resume {
            from: *from,
            validator: validator.as_deref(),
        });
        Request {
            fields: &self.fields,
            body,
            auth,
            range,
            settings: self.settings,
            ..Request::new(&self.method, &self.url)
        }
    }

    fn options(&self) -> Options {
        self.options
    }

    fn on_status(&mut self, status: &Status<'_>) -> Flow {
        self.statuses.push(status.code);
        Flow::Continue
    }

    fn on_field(&mut self, name: &str, value: &[u8]) -> Flow {
        self.got_fields.push((
            name.to_string(),
            String::from_utf8_lossy(value).into_owned(),
        ));
        Flow::Continue
    }

    fn on_head(&mut self, head: &Head) -> Flow {
        self.heads.push(*head);
        Flow::Continue
    }

    fn on_body(&mut self, bytes: &[u8]) -> Taken {
        assert!(!bytes.is_empty(), "an empty piece of body");
        if self.refuse {
            return Taken::Abort;
        }
        let piece = self.pieces;
        self.pieces += 1;
        match self.pause_at {
            Some((at, taken)) if at == piece => {
                let taken = taken.min(bytes.len());
                self.body.extend_from_slice(&bytes[..taken]);
                Taken::Pause(taken)
            }
            Some(_) | None => {
                self.body.extend_from_slice(bytes);
                Taken::All
            }
        }
    }

    fn on_trailer(&mut self, name: &str, value: &[u8]) -> Flow {
        self.trailers.push((
            name.to_string(),
            String::from_utf8_lossy(value).into_owned(),
        ));
        Flow::Continue
    }

    fn read_body(&mut self, into: &mut [u8]) -> Given {
        let Source::Stream(bytes, _) = &self.source else {
            return Given::Abort;
        };
        if self.source_fails {
            return Given::Abort;
        }
        if self.source_pause.is_some_and(|at| at <= self.read) {
            self.source_pause = None;
            return Given::Pause;
        }
        let rest = &bytes[self.read..];
        let n = rest.len().min(into.len());
        if n == 0 {
            return Given::End;
        }
        into[..n].copy_from_slice(&rest[..n]);
        self.read += n;
        Given::Bytes(n)
    }

    fn on_redirect(&mut self, url: &str) -> Follow {
        self.redirects.push(url.to_string());
        self.url = url.to_string();
        Follow::Go
    }

    fn rewind(&mut self) -> bool {
        self.read = 0;
        self.can_rewind
    }

    fn restart(&mut self) -> bool {
        self.can_restart
    }

    fn on_progress(&mut self, _progress: &Progress) -> Flow {
        self.progress += 1;
        if self.abort_at_progress {
            Flow::Abort
        } else {
            Flow::Continue
        }
    }

    fn on_trace(&mut self, trace: Trace<'_>) {
        if let Trace::RequestHead(bytes) = trace {
            self.sent_head.extend_from_slice(bytes);
        }
        self.trace.push(format!("{trace:?}"));
    }
}
