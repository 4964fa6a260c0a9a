//! One transfer: the easy handle of this program.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use muxfer_core::Easy;
use muxfer_core::easy::{
    Auth, Body, Flow, Follow, Given, Head, Options, Range, Request, Status, Taken, Trace,
};

use crate::failure::Failure;
use crate::output::Output;
use crate::settings::Settings;
use crate::upload::Upload;
use crate::verbose::Verbose;

/// Where headers go that `-D` asks for; shared by all transfers.
#[derive(Debug)]
pub(crate) struct HeaderDump {
    pub(crate) name: String,
    pub(crate) file: File,
}

/// One transfer.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) settings: Arc<Settings>,
    /// The present URL.
    pub(crate) url: String,
    /// The URL as it was given, for messages.
    pub(crate) given: String,
    pub(crate) output: Output,
    pub(crate) upload: Option<Upload>,
    pub(crate) resume: u64,
    /// The status of the present response.
    pub(crate) code: u16,
    pub(crate) dump: Option<Arc<HeaderDump>>,
    pub(crate) verbose: Verbose,
    /// The response head as far as it has come, if somebody wants it. It is written as one piece,
    /// so that the heads of several transfers do not mix.
    pub(crate) head: Vec<u8>,
    /// What the system said when something could not be read or written.
    pub(crate) trouble: Option<Failure>,
}

impl Job {
    fn wants_heads(&self) -> bool {
        self.dump.is_some() || self.settings.include
    }

    /// Writes the lines of a head to wherever heads are wanted.
    fn write_head(&mut self) -> Flow {
        let head = std::mem::take(&mut self.head);
        if let Some(dump) = &self.dump
            && let Err(error) = (&dump.file).write_all(&head)
        {
            self.trouble = Some(Failure::writing(&dump.name, &error));
            return Flow::Abort;
        }
        if self.settings.include && !self.store(&head) {
            return Flow::Abort;
        }
        Flow::Continue
    }

    fn push_field(&mut self, name: &str, value: &[u8]) {
        self.head.extend_from_slice(name.as_bytes());
        self.head.extend_from_slice(b": ");
        self.head.extend_from_slice(value);
        self.head.extend_from_slice(b"\r\n");
    }

    fn store(&mut self, bytes: &[u8]) -> bool {
        match self.output.write(bytes) {
            Ok(()) => true,
            Err(error) => {
                self.trouble = Some(Failure::writing(&self.output.name(), &error));
                false
            }
        }
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
            Verbose::status(status);
        }
        if self.wants_heads() {
            let start = format!("HTTP/1.{} {} ", status.minor, status.code);
            self.head.extend_from_slice(start.as_bytes());
            self.head.extend_from_slice(status.reason);
            self.head.extend_from_slice(b"\r\n");
        }
        Flow::Continue
    }

    fn on_field(&mut self, name: &str, value: &[u8]) -> Flow {
        if self.settings.verbose {
            Verbose::field(name, value);
        }
        if self.wants_heads() {
            self.push_field(name, value);
        }
        Flow::Continue
    }

    fn on_head(&mut self, _head: &Head) -> Flow {
        if self.settings.verbose {
            Verbose::head();
        }
        if !self.wants_heads() {
            return Flow::Continue;
        }
        self.head.extend_from_slice(b"\r\n");
        self.write_head()
    }

    fn on_body(&mut self, bytes: &[u8]) -> Taken {
        if self.store(bytes) {
            Taken::All
        } else {
            Taken::Abort
        }
    }

    /// As in curl a trailer follows the body wherever the head went before it.
    fn on_trailer(&mut self, name: &str, value: &[u8]) -> Flow {
        if self.settings.verbose {
            Verbose::field(name, value);
        }
        if !self.wants_heads() {
            return Flow::Continue;
        }
        self.push_field(name, value);
        self.write_head()
    }

    fn read_body(&mut self, into: &mut [u8]) -> Given {
        let Some(upload) = &mut self.upload else {
            return Given::End;
        };
        upload.read(into).unwrap_or_else(|error| {
            let why = format!("can't read what is to be uploaded: {error}");
            self.trouble = Some(Failure::new(Failure::READ, why));
            Given::Abort
        })
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
            self.verbose.trace(&trace);
        }
    }
}
