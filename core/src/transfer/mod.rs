//! A transfer: its state, its timers, what is counted of it.

mod flags;
mod meter;
mod state;
mod timers;

pub(crate) use flags::{Flag, Flags};
pub(crate) use meter::{Meter, Way};
pub(crate) use state::{Outcome, Race, State, StateKind};
pub(crate) use timers::Timers;

use crate::features::PACE;
use crate::http::Exchange;
use crate::net::IoError;
use crate::store::{ConnId, Handle, Link, Linked, OriginId};
use crate::time::Instant;

/// In which list a transfer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queue {
    /// None: it waits for an event or a deadline.
    Nowhere,
    /// Must be run at the next opportunity.
    Ready,
    /// Of its origin: waits for a connection.
    Waiting,
    /// Of its origin: waits for the addresses.
    Resolving,
    /// Waits for a block of the line pool.
    Starved,
    /// Waits for a place in the table of origins.
    Unplaced,
    /// Done, and its message was not read.
    Done,
}

/// Times of a transfer, in µs since it was first run, added up over redirects; 0 is not yet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    pub resolved: u32,
    pub connected: u32,
    pub sent: u32,
    pub first_byte: u32,
}

/// One place of the table of transfers. Small fields that are often looked at come first: small
/// processors reach them with shorter instructions.
#[derive(Debug)]
#[repr(C)]
pub struct Transfer<E> {
    pub(crate) queue: Queue,
    pub(crate) connects: u8,
    pub(crate) retries: u8,
    pub(crate) redirects: u16,
    /// What sending has failed with, while the response is still being heard out.
    pub(crate) send_failed: Option<IoError>,
    pub(crate) state: State,
    pub(crate) flags: Flags,
    pub(crate) origin: Option<OriginId>,
    pub(crate) link: Link,
    pub(crate) timers: Timers,
    pub(crate) meter: Meter,
    pub(crate) started: Instant,
    pub(crate) exchange: Exchange,
    pub(crate) times: Times,
    pub(crate) easy: E,
}

impl<E> Transfer<E> {
    pub(crate) const fn new(easy: E) -> Self {
        Self {
            easy,
            state: State::Init,
            origin: None,
            exchange: Exchange::new(false, false),
            started: Instant::ZERO,
            timers: Timers::NONE,
            meter: Meter::NEW,
            times: Times {
                resolved: 0,
                connected: 0,
                sent: 0,
                first_byte: 0,
            },
            link: Link::NONE,
            redirects: 0,
            connects: 0,
            retries: 0,
            queue: Queue::Nowhere,
            flags: Flags::NONE,
            send_failed: None,
        }
    }

    /// Moves to another state, which the table of the machine must allow.
    /// Its own id is for the log.
    pub(crate) fn set_state(&mut self, id: Handle, next: State) {
        debug_assert!(
            self.state.kind().allows(next.kind()),
            "{:?} -> {next:?}",
            self.state
        );
        say_debug!(
            "transfer {}: {:?} -> {:?}",
            id,
            self.state.kind(),
            next.kind()
        );
        self.state = next;
    }

    /// The connection that serves it.
    pub(crate) const fn conn(&self) -> Option<ConnId> {
        match self.state {
            State::Sending(conn) | State::Awaiting(conn) | State::Receiving(conn) => Some(conn),
            State::Init
            | State::Pending(_)
            | State::Resolving
            | State::Connecting(_)
            | State::Done(_)
            | State::Reported(_) => None,
        }
    }

    /// µs since the first run, as it is kept in [`Times`]: never 0, at most 71 minutes. Without the
    /// feature for it nothing is measured, and it is always 0.
    #[inline]
    pub(crate) fn elapsed(&self, now: Instant) -> u32 {
        if PACE { self.measure(now) } else { 0 }
    }

    #[cfg_attr(feature = "small", inline(never))]
    fn measure(&self, now: Instant) -> u32 {
        let micros = now.as_micros().saturating_sub(self.started.as_micros());
        u32::try_from(micros).unwrap_or(u32::MAX).max(1)
    }
}

impl<E> Linked<0> for Transfer<E> {
    fn link(&mut self) -> &mut Link {
        &mut self.link
    }
}
