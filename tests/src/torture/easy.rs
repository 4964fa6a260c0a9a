//! An easy handle with a trap around it.

use muxfer_core::Easy;
use muxfer_core::easy::{
    Flow, Follow, Given, Head, Options, Progress, Request, Status, Taken, Trace,
};

use super::trap::{Kind, Trap};
use crate::hostile::Visitor;

/// A transfer of which one callback fails.
pub struct Flaky {
    /// The transfer.
    pub visitor: Visitor,
    /// Calls of it after one that ended the transfer: there must be none.
    pub called_after_end: u32,
    trap: Trap,
    over: bool,
}

impl Flaky {
    /// A transfer with this trap around it.
    #[must_use]
    pub const fn new(visitor: Visitor, trap: Trap) -> Self {
        Self {
            visitor,
            called_after_end: 0,
            trap,
            over: false,
        }
    }

    /// Does this call fail?
    fn fails(&mut self, kind: Kind) -> bool {
        self.called_after_end += u32::from(self.over);
        let fails = self.trap.catch(kind, self.visitor.number);
        self.over |= fails;
        fails
    }

    fn flow(&mut self, kind: Kind, go_on: impl FnOnce(&mut Visitor) -> Flow) -> Flow {
        if self.fails(kind) {
            Flow::Abort
        } else {
            go_on(&mut self.visitor)
        }
    }
}

impl Easy for Flaky {
    fn request(&self) -> Request<'_> {
        self.visitor.request()
    }

    fn options(&self) -> Options {
        self.visitor.options()
    }

    fn on_status(&mut self, status: &Status<'_>) -> Flow {
        self.flow(Kind::OnStatus, |visitor| visitor.on_status(status))
    }

    fn on_field(&mut self, name: &str, value: &[u8]) -> Flow {
        self.flow(Kind::OnField, |visitor| visitor.on_field(name, value))
    }

    fn on_head(&mut self, head: &Head) -> Flow {
        self.flow(Kind::OnHead, |visitor| visitor.on_head(head))
    }

    fn on_body(&mut self, bytes: &[u8]) -> Taken {
        if self.fails(Kind::OnBody) {
            return Taken::Abort;
        }
        self.visitor.on_body(bytes)
    }

    fn on_trailer(&mut self, name: &str, value: &[u8]) -> Flow {
        self.flow(Kind::OnTrailer, |visitor| visitor.on_trailer(name, value))
    }

    fn read_body(&mut self, into: &mut [u8]) -> Given {
        if self.fails(Kind::ReadBody) {
            return Given::Abort;
        }
        self.visitor.read_body(into)
    }

    fn on_redirect(&mut self, url: &str) -> Follow {
        if self.fails(Kind::OnRedirect) {
            return Follow::TooLong;
        }
        self.visitor.on_redirect(url)
    }

    fn rewind(&mut self) -> bool {
        !self.fails(Kind::Rewind) && self.visitor.rewind()
    }

    fn on_progress(&mut self, progress: &Progress) -> Flow {
        self.flow(Kind::OnProgress, |visitor| visitor.on_progress(progress))
    }

    fn on_trace(&mut self, trace: Trace<'_>) {
        self.visitor.on_trace(trace);
    }
}
