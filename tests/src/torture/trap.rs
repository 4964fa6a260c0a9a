//! Which call fails.

use std::cell::Cell;
use std::rc::Rc;

use muxfer_core::net::IoError;

/// A fallible call of a platform, or one of an easy handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `Transport::open`.
    Open,
    /// `Transport::opened`.
    Opened,
    /// `Transport::fill`.
    Fill,
    /// `Transport::reserve`.
    Reserve,
    /// `Transport::commit`.
    Commit,
    /// `Transport::flush`.
    Flush,
    /// `Resolver::resolve`.
    Resolve,
    /// `Easy::on_status`.
    OnStatus,
    /// `Easy::on_field`.
    OnField,
    /// `Easy::on_head`.
    OnHead,
    /// `Easy::on_body`.
    OnBody,
    /// `Easy::on_trailer`.
    OnTrailer,
    /// `Easy::read_body`.
    ReadBody,
    /// `Easy::rewind`.
    Rewind,
    /// `Easy::on_redirect`.
    OnRedirect,
    /// `Easy::on_progress`.
    OnProgress,
}

/// Springs at the nth call of a kind, once. Clones share the count.
#[derive(Clone, Debug)]
pub struct Trap(Rc<State>);

#[derive(Debug)]
struct State {
    kind: Kind,
    error: IoError,
    /// How many calls are still let through; `None` when it has sprung or is taken away.
    left: Cell<Option<u32>>,
    sprung: Cell<bool>,
    /// The number of the transfer that it caught, if it was a call of an easy handle.
    caught: Cell<Option<u64>>,
}

impl Trap {
    /// A trap for the nth call, from 1. `error` is what a platform's call says.
    #[must_use]
    pub fn new(kind: Kind, nth: u32, error: IoError) -> Self {
        Self(Rc::new(State {
            kind,
            error,
            left: Cell::new(nth.checked_sub(1)),
            sprung: Cell::new(false),
            caught: Cell::new(None),
        }))
    }

    /// A call of a platform: the error that it has to say.
    pub(super) fn spring(&self, kind: Kind) -> Option<IoError> {
        if kind != self.0.kind {
            return None;
        }
        match self.0.left.get()?.checked_sub(1) {
            Some(left) => {
                self.0.left.set(Some(left));
                None
            }
            None => {
                self.0.left.set(None);
                self.0.sprung.set(true);
                Some(self.0.error)
            }
        }
    }

    /// A call of the easy handle of this transfer: does it fail?
    pub(super) fn catch(&self, kind: Kind, number: u64) -> bool {
        let caught = self.spring(kind).is_some();
        if caught {
            self.0.caught.set(Some(number));
        }
        caught
    }

    /// Has it sprung?
    #[must_use]
    pub fn sprung(&self) -> bool {
        self.0.sprung.get()
    }

    /// Which transfer it caught.
    #[must_use]
    pub fn caught(&self) -> Option<u64> {
        self.0.caught.get()
    }

    /// From now on nothing fails.
    pub fn take_away(&self) {
        self.0.left.set(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_springs_at_the_nth_call_of_its_kind_and_once() {
        let trap = Trap::new(Kind::Fill, 2, IoError::Reset);
        let calls = [Kind::Fill, Kind::Open, Kind::Fill, Kind::Fill];
        let answers = calls.map(|kind| trap.clone().spring(kind));
        assert_eq!(answers, [None, None, Some(IoError::Reset), None]);
        assert!(trap.sprung());
    }
}
