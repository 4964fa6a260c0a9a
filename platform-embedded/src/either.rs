//! Two kinds of easy handle in one engine.

use muxfer_core::Easy;
use muxfer_core::easy::{
    Flow, Follow, Given, Head, Options, Progress, Request, Status, Taken, Trace,
};

/// An engine holds easy handles of one type: this makes one type of two, such as an update and a
/// telemetry upload. It nests.
#[derive(Clone, Copy, Debug)]
pub enum Either<A, B> {
    /// The one.
    Left(A),
    /// The other.
    Right(B),
}

macro_rules! both {
    ($either:expr, $easy:ident => $call:expr) => {
        match $either {
            Either::Left($easy) => $call,
            Either::Right($easy) => $call,
        }
    };
}

impl<A: Easy, B: Easy> Easy for Either<A, B> {
    fn request(&self) -> Request<'_> {
        both!(self, easy => easy.request())
    }

    fn options(&self) -> Options {
        both!(self, easy => easy.options())
    }

    fn on_status(&mut self, status: &Status<'_>) -> Flow {
        both!(self, easy => easy.on_status(status))
    }

    fn on_field(&mut self, name: &str, value: &[u8]) -> Flow {
        both!(self, easy => easy.on_field(name, value))
    }

    fn on_head(&mut self, head: &Head) -> Flow {
        both!(self, easy => easy.on_head(head))
    }

    fn on_body(&mut self, bytes: &[u8]) -> Taken {
        both!(self, easy => easy.on_body(bytes))
    }

    fn on_trailer(&mut self, name: &str, value: &[u8]) -> Flow {
        both!(self, easy => easy.on_trailer(name, value))
    }

    fn read_body(&mut self, into: &mut [u8]) -> Given {
        both!(self, easy => easy.read_body(into))
    }

    fn on_redirect(&mut self, url: &str) -> Follow {
        both!(self, easy => easy.on_redirect(url))
    }

    fn rewind(&mut self) -> bool {
        both!(self, easy => easy.rewind())
    }

    fn restart(&mut self) -> bool {
        both!(self, easy => easy.restart())
    }

    fn on_progress(&mut self, progress: &Progress) -> Flow {
        both!(self, easy => easy.on_progress(progress))
    }

    fn on_trace(&mut self, trace: Trace<'_>) {
        both!(self, easy => easy.on_trace(trace));
    }
}
