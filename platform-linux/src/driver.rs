//! The loop: wait, mark, run. For a program that has no other.

use std::io;
use std::time::Duration;

use muxfer_core::{
    AddError, Config, ConfigError, Easy, Handle, Message, Multi, PauseError, Running,
};

use crate::{Clock, Epoll, Memory, Waker};

/// An engine with the epoll platform and a clock.
pub struct Driver<'s, E> {
    multi: Multi<'s, E>,
    epoll: Epoll,
    clock: Clock,
}

impl<'s, E: Easy> Driver<'s, E> {
    /// An engine over this memory.
    ///
    /// # Errors
    /// A capacity that is zero or too small, by its name.
    pub fn new(
        memory: &'s mut Memory<E>,
        config: Config,
        epoll: Epoll,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            multi: Multi::new(memory.storage(), config)?,
            epoll,
            clock: Clock,
        })
    }

    /// Adds a transfer; it starts with the next [`Driver::turn`].
    ///
    /// # Errors
    /// The table is full: the easy handle comes back.
    pub fn add(&mut self, easy: E) -> Result<Handle, AddError<E>> {
        self.multi.add(self.clock.now(), &mut self.epoll, easy)
    }

    /// Takes a transfer out, wherever it is.
    pub fn remove(&mut self, handle: Handle) -> Option<E> {
        self.multi.remove(self.clock.now(), &mut self.epoll, handle)
    }

    /// Lets a paused transfer go on.
    ///
    /// # Errors
    /// It is gone, or has no connection.
    pub fn unpause(&mut self, handle: Handle) -> Result<(), PauseError> {
        self.multi
            .unpause(self.clock.now(), &mut self.epoll, handle)
    }

    /// Waits until something happens, a deadline comes, a [`Waker`] wakes it or `at_most` has
    /// passed, and does the work that there is. Without anything to wait for it waits for ever.
    ///
    /// # Errors
    /// Waiting failed.
    pub fn turn(&mut self, at_most: Option<Duration>) -> io::Result<Running> {
        let deadline = self.multi.timeout().map(|deadline| deadline.at);
        for event in self.epoll.wait(deadline, at_most)? {
            self.multi.mark(event);
        }
        Ok(self.multi.run(self.clock.now(), &mut self.epoll))
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
    pub const fn epoll(&self) -> &Epoll {
        &self.epoll
    }

    /// Makes [`Driver::turn`] return, from any thread.
    #[must_use]
    pub fn waker(&self) -> Waker {
        self.epoll.waker()
    }
}
