//! The loop: wait, mark, run. For a program that has no other.

use std::io;
use std::time::Duration;

use muxfer_core::{
    AddError, Config, ConfigError, Easy, Handle, Message, Multi, Pause, PauseError, Running,
};

use crate::{Clock, Epoll, Loop, Memory, Waker};

/// An engine with a platform that can wait, and a clock.
pub struct Driver<'s, E, L = Epoll> {
    multi: Multi<'s, E>,
    platform: L,
    clock: Clock,
}

impl<'s, E: Easy, L: Loop> Driver<'s, E, L> {
    /// An engine over this memory.
    ///
    /// # Errors
    /// A capacity that is zero or too small, by its name.
    pub fn new(
        memory: &'s mut Memory<E>,
        config: Config,
        platform: L,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            multi: Multi::new(memory.storage(), config)?,
            platform,
            clock: Clock,
        })
    }

    /// Adds a transfer; it starts with the next [`Driver::turn`].
    ///
    /// # Errors
    /// The table is full: the easy handle comes back.
    pub fn add(&mut self, easy: E) -> Result<Handle, AddError<E>> {
        self.multi.add(self.clock.now(), &mut self.platform, easy)
    }

    /// Takes a transfer out, wherever it is.
    pub fn remove(&mut self, handle: Handle) -> Option<E> {
        self.multi
            .remove(self.clock.now(), &mut self.platform, handle)
    }

    /// Pauses directions of a transfer (CONTRACT R100).
    ///
    /// # Errors
    /// It is gone, or has no connection.
    pub fn pause(&mut self, handle: Handle, what: Pause) -> Result<(), PauseError> {
        self.multi
            .pause(self.clock.now(), &mut self.platform, handle, what)
    }

    /// Lets a paused transfer go on.
    ///
    /// # Errors
    /// It is gone, or has no connection.
    pub fn unpause(&mut self, handle: Handle) -> Result<(), PauseError> {
        self.multi
            .unpause(self.clock.now(), &mut self.platform, handle)
    }

    /// The network has changed: idle connections are closed, those in use after their request, and
    /// cached addresses are forgotten.
    pub fn network_changed(&mut self) {
        self.multi
            .network_changed(self.clock.now(), &mut self.platform);
    }

    /// Ends everything: transfers that are not done end with
    /// [`Error::AbortedByCallback`](muxfer_core::Error), connections are closed. The easy handles
    /// stay until they are removed.
    pub fn close_all(&mut self) {
        self.multi.close_all(self.clock.now(), &mut self.platform);
    }

    /// Waits until something happens, a deadline comes, a [`Waker`] wakes it or `at_most` has
    /// passed, and does the work that there is. Without anything to wait for it waits for ever.
    ///
    /// # Errors
    /// Waiting failed.
    pub fn turn(&mut self, at_most: Option<Duration>) -> io::Result<Running> {
        let deadline = self.multi.timeout().map(|deadline| deadline.at);
        let multi = &mut self.multi;
        self.platform
            .wait_for(deadline, at_most, |event| multi.mark(event))?;
        Ok(self.multi.run(self.clock.now(), &mut self.platform))
    }

    /// The next transfer that has ended.
    pub fn info_read(&mut self) -> Option<Message> {
        self.multi.info_read()
    }

    /// The engine.
    #[must_use]
    pub const fn multi(&self) -> &Multi<'s, E> {
        &self.multi
    }

    /// The engine.
    pub const fn multi_mut(&mut self) -> &mut Multi<'s, E> {
        &mut self.multi
    }

    /// The platform.
    #[must_use]
    pub const fn platform(&self) -> &L {
        &self.platform
    }

    /// The platform, to pin addresses.
    pub const fn platform_mut(&mut self) -> &mut L {
        &mut self.platform
    }

    /// Makes [`Driver::turn`] return, from any thread.
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.platform.waker()
    }
}
