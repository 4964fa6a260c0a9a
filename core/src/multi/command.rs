//! Commands of the application: add, remove, pause, and what concerns all connections.

use core::fmt;

use crate::Error;
use crate::conn::ConnState;
use crate::easy::Easy;
use crate::origin::Lookup;
use crate::platform::{Platform, Watch};
use crate::store::Handle;
use crate::time::Instant;
use crate::transfer::{Flag, Queue, Transfer};

use super::{Cx, Multi};

/// Why a transfer was not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum AddErrorKind {
    /// All places for transfers are taken: remove those that are done.
    TableFull,
}

impl fmt::Display for AddErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TableFull => f.write_str("the table of transfers is full"),
        }
    }
}

/// A transfer was not added; here it is again (CONTRACT D7).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AddError<E> {
    /// The easy handle.
    pub easy: E,
    /// Why.
    pub why: AddErrorKind,
}

impl<E> fmt::Debug for AddError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddError")
            .field("why", &self.why)
            .finish_non_exhaustive()
    }
}

impl<E> fmt::Display for AddError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)
    }
}

#[cfg(feature = "defmt")]
impl<E> defmt::Format for AddError<E> {
    fn format(&self, to: defmt::Formatter<'_>) {
        defmt::write!(to, "AddError({})", self.why);
    }
}

impl<E> core::error::Error for AddError<E> {}

/// Which directions are paused (`CURLPAUSE_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Pause {
    /// No body is delivered.
    pub receive: bool,
    /// No body is asked for.
    pub send: bool,
}

impl Pause {
    /// Nothing is paused.
    pub const NONE: Self = Self {
        receive: false,
        send: false,
    };
    /// Receiving is paused.
    pub const RECEIVE: Self = Self {
        receive: true,
        send: false,
    };
    /// Sending is paused.
    pub const SEND: Self = Self {
        receive: false,
        send: true,
    };
    /// Both are paused.
    pub const BOTH: Self = Self {
        receive: true,
        send: true,
    };
}

/// Why a transfer can't be paused or unpaused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PauseError {
    /// There is no such transfer, or it is done.
    Gone,
    /// It has no connection (CONTRACT R100).
    NotConnected,
}

impl fmt::Display for PauseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "there is no such transfer, or it is done",
            Self::NotConnected => "the transfer has no connection",
        })
    }
}

impl core::error::Error for PauseError {}

impl<E: Easy> Multi<'_, E> {
    /// Adds a transfer. Nothing happens yet but that the watch is told to call at once (CONTRACT R3).
    ///
    /// # Errors
    /// The table is full: the easy handle comes back.
    pub fn add<W: Watch>(
        &mut self,
        now: Instant,
        watch: &mut W,
        easy: E,
    ) -> Result<Handle, AddError<E>> {
        self.now = self.now.max(now);
        let inserted = self.transfers.insert_with(easy, Transfer::new);
        say_trace!("add: {:?}", inserted.as_ref().ok());
        let handle = inserted.map_err(|easy| AddError {
            easy,
            why: AddErrorKind::TableFull,
        })?;
        self.running += 1;
        self.ever += 1;
        self.enqueue(handle, Queue::Ready);
        self.settle_timer(&mut Cx { platform: watch });
        Ok(handle)
    }

    /// Takes a transfer out, wherever it is, and gives its easy handle back. One that was not done
    /// ends without a message, and the connection that it used is closed; an unread message is
    /// dropped (CONTRACT R6, R7). A stale handle is `None` (CONTRACT R5).
    pub fn remove<P: Platform>(
        &mut self,
        now: Instant,
        platform: &mut P,
        handle: Handle,
    ) -> Option<E> {
        say_trace!("remove {}", handle);
        self.now = self.now.max(now);
        let mut cx = Cx { platform };
        if self.transfers.get(handle)?.state.is_over() {
            self.dequeue(handle);
        } else {
            self.detach(&mut cx, handle);
            self.running -= 1;
            self.deadlines.set(handle.raw_index(), None);
        }
        let removed = self.transfers.remove_with(handle, |transfer| transfer.easy);
        say_debug!("transfer {}: removed", handle);
        self.promote(&mut cx);
        self.settle_timer(&mut cx);
        removed
    }

    /// Pauses directions of a transfer: they are no longer watched. Time limits go on (CONTRACT R100).
    ///
    /// # Errors
    /// It is gone, or has no connection yet.
    pub fn pause<P: Platform>(
        &mut self,
        now: Instant,
        platform: &mut P,
        handle: Handle,
        which: Pause,
    ) -> Result<(), PauseError> {
        self.set_pause(now, platform, handle, |old| Pause {
            receive: old.receive || which.receive,
            send: old.send || which.send,
        })
    }

    /// Lets both directions go on. What was held back is delivered from inside this call
    /// (CONTRACT R100).
    ///
    /// # Errors
    /// It is gone, or has no connection.
    pub fn unpause<P: Platform>(
        &mut self,
        now: Instant,
        platform: &mut P,
        handle: Handle,
    ) -> Result<(), PauseError> {
        self.set_pause(now, platform, handle, |_| Pause::NONE)
    }

    fn set_pause<P: Platform>(
        &mut self,
        now: Instant,
        platform: &mut P,
        handle: Handle,
        change: impl FnOnce(Pause) -> Pause,
    ) -> Result<(), PauseError> {
        self.now = self.now.max(now);
        let mut cx = Cx { platform };
        let transfer = self.transfers.get_mut(handle).ok_or(PauseError::Gone)?;
        if transfer.state.is_over() {
            return Err(PauseError::Gone);
        }
        transfer.conn().ok_or(PauseError::NotConnected)?;
        let old = Pause {
            receive: transfer.flags.has(Flag::ReceivePaused),
            send: transfer.flags.has(Flag::SendPaused),
        };
        let new = change(old);
        say_trace!("pause {}: {:?}", handle, new);
        transfer.flags.set(Flag::ReceivePaused, new.receive);
        transfer.flags.set(Flag::SendPaused, new.send);
        if old != new {
            transfer.meter.reset_speed();
        }
        if (old.receive && !new.receive) || (old.send && !new.send) {
            transfer
                .flags
                .set_if(Flag::Hurry, old.receive && !new.receive);
            if matches!(transfer.queue, Queue::Nowhere | Queue::Ready) {
                self.dequeue(handle);
                self.step(&mut cx, handle);
            }
        } else {
            self.settle(&mut cx, handle);
        }
        self.settle_timer(&mut cx);
        Ok(())
    }

    /// The network has changed: idle connections are closed, those in use are closed after their
    /// request, and cached addresses are forgotten (`CURLMOPT_NETWORK_CHANGED`, CONTRACT R78).
    pub fn network_changed<P: Platform>(&mut self, now: Instant, platform: &mut P) {
        say_trace!("network_changed");
        self.now = self.now.max(now);
        let mut cx = Cx { platform };
        self.close_all_idle(&mut cx, None);
        for index in 0..self.conns.used() {
            let id = self.conns.id_at(index);
            let Some(conn) = id.and_then(|id| self.conns.get_mut(id)) else {
                continue;
            };
            if let ConnState::Busy(_) | ConnState::Opening(_) = conn.state {
                conn.no_reuse = true;
            }
        }
        for index in 0..self.origins.slots().used() {
            let id = self.origins.slots().id_at(index);
            let Some(origin) = id.and_then(|id| self.origins.get_mut(id)) else {
                continue;
            };
            if let Lookup::Known(_) = origin.lookup {
                origin.lookup = Lookup::Unknown;
            }
        }
        self.promote(&mut cx);
        self.settle_timer(&mut cx);
    }

    /// Ends everything: transfers that are not done end with [`Error::AbortedByCallback`], idle
    /// connections are closed, nothing is watched any more. What `curl_multi_cleanup` does to
    /// connections (CONTRACT R11); the easy handles stay until they are removed.
    pub fn close_all<P: Platform>(&mut self, now: Instant, platform: &mut P) {
        say_trace!("close_all");
        self.now = self.now.max(now);
        let mut cx = Cx { platform };
        for index in 0..self.transfers.used() {
            let Some(handle) = self.transfers.id_at(index) else {
                continue;
            };
            if self
                .transfers
                .get(handle)
                .is_some_and(|transfer| !transfer.state.is_over())
            {
                self.complete(&mut cx, handle, Err(Error::AbortedByCallback));
            }
        }
        self.close_all_idle(&mut cx, None);
        self.settle_timer(&mut cx);
    }
}
