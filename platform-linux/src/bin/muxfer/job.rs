//! One transfer: the easy handle of this program.

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;

use muxfer_core::Easy;
use muxfer_core::easy::{
    Auth, Body, Flow, Follow, Given, Head, Options, Range, Request, Status, Taken, Trace,
};

use crate::output::Output;
use crate::settings::Settings;
use crate::upload::Upload;
use crate::verbose;

/// Where headers go that `-D` asks for; shared by all transfers.
pub(crate) type HeaderDump = Rc<RefCell<dyn Write>>;

/// One transfer.
pub(crate) struct Job {
    pub(crate) settings: Rc<Settings>,
    /// The present URL.
    pub(crate) url: String,
    /// The URL as it was given, for messages.
    pub(crate) given: String,
    pub(crate) output: Output,
    pub(crate) upload: Option<Upload>,
    pub(crate) resume: u64,
    /// The status of the present response.
    pub(crate) code: u16,
    pub(crate) dump: Option<HeaderDump>,
    /// The part of a request's line that `-v` has not printed yet.
    pub(crate) unprinted: Vec<u8>,
    /// What the system said when something could not be written.
    pub(crate) trouble: Option<String>,
}

impl Job {
    /// Writes a piece of a head to wherever heads are wanted.
    fn head_text(&mut self, text: &[u8]) -> Flow {
        if let Some(dump) = &self.dump
            && let Err(error) = dump.borrow_mut().write_all(text)
        {
            self.trouble = Some(format!("headers: {error}"));
            return Flow::Abort;
        }
        if self.settings.include && !self.store(text) {
            return Flow::Abort;
        }
        Flow::Continue
    }

    fn store(&mut self, bytes: &[u8]) -> bool {
        match self.output.write(bytes) {
            Ok(()) => true,
            Err(error) => {
                self.trouble = Some(format!("{}: {error}", self.output.name()));
                false
            }
        }
    }

    fn wants_heads(&self) -> bool {
        self.dump.is_some() || self.settings.include
    }
}

impl Easy for Job {
    fn request(&self) -> Request<'_> {
        let settings = &*self.settings;
        let body = match (&self.upload, &settings.data) {
            (Some(upload), _) => Body::Stream {
                length: upload.length(),
            },
            (None, Some(data)) => Body::Bytes(data),
            (None, None) => Body::None,
        };
        let auth = match (&settings.user, &settings.bearer) {
            (_, Some(token)) => Auth::Bearer(token),
            (Some((user, password)), None) => Auth::Basic { user, password },
            (None, None) => Auth::None,
        };
        let range = match (&settings.range, self.resume) {
            (Some(spec), _) => Some(Range::Spec(spec)),
            (None, 0) => None,
            (None, from) => Some(Range::Resume {
                from,
                validator: None,
            }),
        };
        Request {
            fields: &settings.headers,
            body,
            auth,
            range,
            ..Request::new(&settings.method, &self.url)
        }
    }

    fn options(&self) -> Options {
        self.settings.options
    }

    fn on_status(&mut self, status: &Status<'_>) -> Flow {
        self.code = status.code;
        if self.settings.verbose {
            verbose::status(status);
        }
        if !self.wants_heads() {
            return Flow::Continue;
        }
        let mut line = format!("HTTP/1.{} {} ", status.minor, status.code).into_bytes();
        line.extend_from_slice(status.reason);
        line.extend_from_slice(b"\r\n");
        self.head_text(&line)
    }

    fn on_field(&mut self, name: &str, value: &[u8]) -> Flow {
        if self.settings.verbose {
            verbose::field(name, value);
        }
        if !self.wants_heads() {
            return Flow::Continue;
        }
        let mut line = format!("{name}: ").into_bytes();
        line.extend_from_slice(value);
        line.extend_from_slice(b"\r\n");
        self.head_text(&line)
    }

    fn on_head(&mut self, _head: &Head) -> Flow {
        if self.wants_heads() {
            self.head_text(b"\r\n")
        } else {
            Flow::Continue
        }
    }

    fn on_body(&mut self, bytes: &[u8]) -> Taken {
        if self.store(bytes) {
            Taken::All
        } else {
            Taken::Abort
        }
    }

    fn read_body(&mut self, into: &mut [u8]) -> Given {
        self.upload
            .as_mut()
            .map_or(Given::End, |upload| upload.read(into))
    }

    fn on_redirect(&mut self, url: &str) -> Follow {
        url.clone_into(&mut self.url);
        Follow::Go
    }

    fn rewind(&mut self) -> bool {
        self.upload.as_mut().is_some_and(Upload::rewind)
    }

    fn on_trace(&mut self, trace: Trace<'_>) {
        if self.settings.verbose {
            verbose::trace(&trace, &mut self.unprinted);
        }
    }
}
