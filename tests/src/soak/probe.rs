//! The easy handle of the soak: it compares its body as it comes, and stores none of it.

use std::cell::RefCell;
use std::fmt::Write;
use std::time::Duration;

use muxfer_core::Easy;
use muxfer_core::easy::{Flow, Options, Range, Request, Status, Taken, Trace};

use super::script::{Ask, Remove, Script};
use super::site::Site;

/// No transfer may take longer, the queue included: then something hangs.
const TOTAL: Duration = Duration::from_secs(60);

/// What a callback wants to be done after the run, as it can't call the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// It has paused: unpause it after so many turns.
    Unpause(u64),
    /// Remove it.
    Remove,
}

/// The signals of this run, each with the number of its request.
pub(super) type Signals = RefCell<Vec<(u64, Signal)>>;

/// One request, what must come of it, and what came.
#[derive(Debug)]
pub(super) struct Probe<'a> {
    pub(super) number: u64,
    script: Script,
    url: heapless::String<64>,
    range: heapless::String<32>,
    /// The length of the file.
    whole: usize,
    signals: &'a Signals,
    pub(super) want: Want<'a>,
    pub(super) got: Got,
}

/// What must come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Want<'a> {
    pub(super) status: u16,
    pub(super) body: &'a [u8],
    /// What `Content-Length` must say; of an error page it is not known.
    length: Option<usize>,
}

/// What came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Got {
    pub(super) status: u16,
    /// So many bytes of body, each as it must be unless `wrong`.
    pub(super) bytes: usize,
    /// Something was not as it must be.
    pub(super) wrong: Option<Wrong>,
}

/// What was not as it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// A piece of body, behind so many right bytes.
    Body(usize),
    /// `Content-Length`.
    Length,
    /// It was sent again after the response had begun.
    LateRetry,
    /// A second response came.
    SecondStatus,
}

impl<'a> Probe<'a> {
    pub(super) fn new(
        number: u64,
        script: Script,
        base: &str,
        site: &'a Site,
        signals: &'a Signals,
    ) -> Self {
        let content = site.content(script.file);
        let mut url = heapless::String::new();
        let mut range = heapless::String::new();
        write!(url, "{base}/{}?n={number}", script.file).expect("room for a URL");
        if let Ask::Range(first, last) = script.ask {
            write!(range, "{first}-{last}").expect("room for two numbers");
        }
        Self {
            number,
            script,
            url,
            range,
            whole: content.len(),
            signals,
            want: Want::new(script.ask, content),
            got: Got::default(),
        }
    }

    fn wrong(&mut self, what: Wrong) {
        self.got.wrong.get_or_insert(what);
    }

    fn signal(&self, signal: Signal) {
        self.signals.borrow_mut().push((self.number, signal));
    }
}

impl<'a> Want<'a> {
    fn new(ask: Ask, content: &'a [u8]) -> Self {
        let (status, body) = match ask {
            Ask::Get => (200, content),
            Ask::Head => (200, &[][..]),
            Ask::Range(first, last) => (206, &content[first..=last]),
            Ask::Resume(from) => (206, &content[from..]),
            Ask::Complete => (416, &[][..]),
        };
        let length = match ask {
            Ask::Get | Ask::Range(..) | Ask::Resume(_) => Some(body.len()),
            Ask::Head => Some(content.len()),
            Ask::Complete => None,
        };
        Self {
            status,
            body,
            length,
        }
    }
}

#[cfg(test)]
impl<'a> Want<'a> {
    /// A plain response with this body.
    pub(super) fn of_body(body: &'a [u8]) -> Self {
        Self::new(Ask::Get, body)
    }
}

impl Easy for Probe<'_> {
    fn request(&self) -> Request<'_> {
        let method = if self.script.ask == Ask::Head {
            "HEAD"
        } else {
            "GET"
        };
        let resume = |from: usize| Range::Resume {
            from: from as u64,
            validator: None,
        };
        let range = match self.script.ask {
            Ask::Get | Ask::Head => None,
            Ask::Range(..) => Some(Range::Spec(&self.range)),
            Ask::Resume(from) => Some(resume(from)),
            Ask::Complete => Some(resume(self.whole)),
        };
        Request {
            range,
            ..Request::new(method, &self.url)
        }
    }

    fn options(&self) -> Options {
        Options {
            total: Some(TOTAL),
            forbid_reuse: self.script.close,
            ..Options::DEFAULT
        }
    }

    fn on_status(&mut self, status: &Status<'_>) -> Flow {
        if self.got.status != 0 {
            self.wrong(Wrong::SecondStatus);
        }
        self.got.status = status.code;
        Flow::Continue
    }

    fn on_field(&mut self, name: &str, value: &[u8]) -> Flow {
        if name.eq_ignore_ascii_case("content-length")
            && let Some(length) = self.want.length
            && value != length.to_string().as_bytes()
        {
            self.wrong(Wrong::Length);
        }
        Flow::Continue
    }

    fn on_body(&mut self, bytes: &[u8]) -> Taken {
        let first = self.got.bytes == 0;
        let taken = match self.script.pause {
            Some((part, _)) if first => bytes.len() * usize::from(part) / 256,
            Some(_) | None => bytes.len(),
        };
        let want = &self.want.body[self.got.bytes..];
        if !want.starts_with(&bytes[..taken]) {
            self.wrong(Wrong::Body(self.got.bytes));
            return Taken::Abort;
        }
        self.got.bytes += taken;
        if first && self.script.remove == Some(Remove::AtBody) {
            self.signal(Signal::Remove);
        }
        if taken == bytes.len() {
            return Taken::All;
        }
        // Once only, even if it has taken nothing.
        if let Some((_, turns)) = self.script.pause.take() {
            self.signal(Signal::Unpause(turns));
        }
        Taken::Pause(taken)
    }

    fn on_trace(&mut self, trace: Trace<'_>) {
        if trace == Trace::Retry && self.got.status != 0 {
            self.wrong(Wrong::LateRetry);
        }
    }
}
