//! What the runner asks of whoever drives the engine. Another platform is run by the same suite
//! once it implements this.

use std::io;
use std::time::Duration;

use muxfer_core::{Counts, Handle, Info, Message};
use muxfer_linux::{Driver, Loop};

use super::visitor::Visitor;

/// An engine and its loop.
pub trait Client {
    /// Adds a transfer; `None` if there is no place.
    fn add(&mut self, visitor: Visitor) -> Option<Handle>;

    /// Waits at most so long for something to happen, and does the work that there is.
    ///
    /// # Errors
    /// Waiting failed.
    fn turn(&mut self, at_most: Duration) -> io::Result<()>;

    /// The next transfer that has ended.
    fn info_read(&mut self) -> Option<Message>;

    /// Takes a transfer out.
    fn remove(&mut self, handle: Handle) -> Option<Visitor>;

    /// What is known of a transfer.
    fn info(&self, handle: Handle) -> Info;

    /// How many transfers and connections there are.
    fn counts(&self) -> Counts;

    /// Bytes that the platform holds for connections.
    fn held_bytes(&self) -> usize;
}

impl<L: Loop> Client for Driver<'_, Visitor, L> {
    fn add(&mut self, visitor: Visitor) -> Option<Handle> {
        self.add(visitor).ok()
    }

    fn turn(&mut self, at_most: Duration) -> io::Result<()> {
        self.turn(Some(at_most)).map(drop)
    }

    fn info_read(&mut self) -> Option<Message> {
        self.info_read()
    }

    fn remove(&mut self, handle: Handle) -> Option<Visitor> {
        self.remove(handle)
    }

    fn info(&self, handle: Handle) -> Info {
        self.multi().info(handle).unwrap_or_default()
    }

    fn counts(&self) -> Counts {
        self.multi().counts()
    }

    fn held_bytes(&self) -> usize {
        self.platform().spilled_bytes()
    }
}
