//! What the io_uring platform knows of one connection.

use muxfer_core::ConnId;
use muxfer_core::net::{Interest, IoError, Ready};

use super::pieces::Queue;
use super::shapes::Span;

/// Is it connected?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Connecting,
    Up,
    Failed(IoError),
}

/// The receive operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Receive {
    /// There is none: what comes stays with the system.
    Idle,
    /// What comes goes into provided buffers.
    Armed,
    /// It is to end; something may come until it has.
    Cancelling,
}

/// What follows what has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// More may come.
    Open,
    /// Nothing: the peer has said so.
    Ended,
    /// An error, which is told once.
    Failed(IoError),
    /// Nothing that could be trusted.
    Broken,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Flow {
    /// `None` where there is no connection.
    pub(super) conn: Option<ConnId>,
    pub(super) want: Interest,
    /// What is to be told of it.
    pub(super) ready: Ready,
    pub(super) link: Link,
    pub(super) receive: Receive,
    /// Is a poll under way?
    pub(super) poll_in: bool,
    pub(super) poll_out: bool,
    pub(super) poll_end: bool,
    /// The stream has ended, or will have when what is in the system is read.
    pub(super) hung_up: bool,
    /// Is it in the list of those that need something of the ring?
    pub(super) listed: bool,
    pub(super) end: End,
    /// The end was lent: it need not be reported again.
    pub(super) end_told: bool,
    pub(super) pieces: Queue,
    /// How much of what the last `fill` lent out of `pieces` is not yet consumed.
    pub(super) lent: u32,
    /// What the kernel was told to send.
    pub(super) sending: Option<Span>,
    /// Sending has failed.
    pub(super) send_error: Option<IoError>,
}

impl Flow {
    pub(super) const NONE: Self = Self {
        conn: None,
        want: Interest::NONE,
        ready: Ready::NONE,
        link: Link::Connecting,
        receive: Receive::Idle,
        poll_in: false,
        poll_out: false,
        poll_end: false,
        hung_up: false,
        listed: false,
        end: End::Open,
        end_told: false,
        pieces: Queue::EMPTY,
        lent: 0,
        sending: None,
        send_error: None,
    };

    /// A connection on its way. An entry in the list of changes outlives its connection.
    pub(super) fn begin(&mut self, conn: ConnId) {
        *self = Self {
            conn: Some(conn),
            listed: self.listed,
            ..Self::NONE
        };
    }

    /// Is there something that `fill` would lend, or an end that it would tell, without a system
    /// call?
    pub(super) fn has_news(&self) -> bool {
        !self.pieces.is_empty() || (self.end != End::Open && !self.end_told)
    }

    /// The failure of sending, once all that the peer had sent before has come: it may be the
    /// answer that explains it.
    pub(super) fn send_failure(&self) -> Option<IoError> {
        self.send_error.filter(|_| self.receive == Receive::Idle)
    }
}

const _: () = assert!(size_of::<Flow>() <= 72);
