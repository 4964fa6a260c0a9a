//! The easy handle of a transfer to the hostile server. It keeps no bytes: it knows what must come.

use std::time::Duration;

use muxfer_core::easy::{
    Body, Easy, Expect, Flow, Follow, Given, LowSpeed, Options, Progress, Range, Redirects,
    Request, Status, Taken, Trace,
};

use super::pattern;

/// What is uploaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Upload {
    /// Nothing.
    #[default]
    None,
    /// So many bytes.
    Sized(u64),
    /// So many bytes, in chunks.
    Chunked(u64),
}

/// One transfer.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The number of the transfer; its bodies follow from it.
    pub number: u64,
    /// Of the request; changed by redirects.
    pub url: String,
    /// Of the request.
    pub method: &'static str,
    /// Of the request: keeps connections apart.
    pub settings: u32,
    /// Limits and switches.
    pub options: Options,
    /// The body of the request.
    pub upload: Upload,
    /// Can the body be sent again?
    pub rewinds: bool,
    /// Resume from here.
    pub resume: Option<u64>,
    /// Pauses when the first piece of body comes, for good.
    pub pauses: bool,
    /// Its body is of no number: what it holds is not looked at.
    pub unchecked: bool,
    /// How long this run lets transfers wait for a peer that is silent.
    pub patience: Duration,
    /// The last status.
    pub status: u16,
    /// Bytes of body that came.
    pub received: u64,
    /// The first byte of body that was not what it should have been.
    pub wrong: Option<u64>,
    /// Did it begin on a connection that had served before?
    pub reused: bool,
    sent: u64,
}

impl Visitor {
    /// A GET without limits.
    #[must_use]
    pub fn new(number: u64, url: String, patience: Duration) -> Self {
        Self {
            number,
            url,
            method: "GET",
            settings: 0,
            options: Options::DEFAULT,
            upload: Upload::None,
            rewinds: true,
            resume: None,
            pauses: false,
            unchecked: false,
            patience,
            status: 0,
            received: 0,
            wrong: None,
            reused: false,
            sent: 0,
        }
    }

    /// Ends when the patience of the run does.
    #[must_use]
    pub fn patient(mut self) -> Self {
        self.options.total = Some(self.patience);
        self
    }

    /// Ends when it is slower than so many bytes a second, for a second.
    #[must_use]
    pub fn no_slower_than(mut self, bytes_per_second: u32) -> Self {
        self.options.low_speed = bytes_per_second.try_into().ok().map(|speed| LowSpeed {
            bytes_per_second: speed,
            time: Duration::from_secs(1),
        });
        self
    }

    /// Follows redirects, at most so many.
    #[must_use]
    pub fn follow(mut self, most: u16) -> Self {
        self.options.redirects = Redirects::Follow(most);
        self
    }

    /// Takes no more than so many bytes of body.
    #[must_use]
    pub fn at_most(mut self, bytes: u64) -> Self {
        self.options.max_body = Some(bytes);
        self
    }

    /// Sends a body at once, without asking first.
    #[must_use]
    pub fn put(mut self, upload: Upload) -> Self {
        self.method = "PUT";
        self.upload = upload;
        self.options.expect = Expect::Never;
        self
    }

    /// Asks before it sends its body, and waits for so long.
    #[must_use]
    pub fn asking(mut self, wait: Duration) -> Self {
        self.options.expect = Expect::Always;
        self.options.expect_wait = wait;
        self
    }

    const fn upload_length(&self) -> u64 {
        match self.upload {
            Upload::None => 0,
            Upload::Sized(length) | Upload::Chunked(length) => length,
        }
    }
}

impl Easy for Visitor {
    fn request(&self) -> Request<'_> {
        Request {
            body: match self.upload {
                Upload::None => Body::None,
                Upload::Sized(length) => Body::Stream {
                    length: Some(length),
                },
                Upload::Chunked(_) => Body::Stream { length: None },
            },
            range: self.resume.map(|from| Range::Resume {
                from,
                validator: None,
            }),
            settings: self.settings,
            ..Request::new(self.method, &self.url)
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
        if self.pauses {
            return Taken::Pause(0);
        }
        let from = self.resume.unwrap_or(0) + self.received;
        if self.wrong.is_none() && !self.unchecked {
            self.wrong = pattern::difference(self.number, from, bytes);
        }
        self.received += bytes.len() as u64;
        Taken::All
    }

    fn read_body(&mut self, into: &mut [u8]) -> Given {
        let left = self.upload_length() - self.sent;
        let n = usize::try_from(left).map_or(into.len(), |left| left.min(into.len()));
        if n == 0 {
            return Given::End;
        }
        pattern::fill(self.number, self.sent, &mut into[..n]);
        self.sent += n as u64;
        Given::Bytes(n)
    }

    fn on_redirect(&mut self, url: &str) -> Follow {
        url.clone_into(&mut self.url);
        Follow::Go
    }

    fn rewind(&mut self) -> bool {
        self.sent = 0;
        self.rewinds
    }

    fn on_progress(&mut self, _progress: &Progress) -> Flow {
        Flow::Continue
    }

    fn on_trace(&mut self, trace: Trace<'_>) {
        self.reused |= matches!(trace, Trace::Reused(_));
    }
}
