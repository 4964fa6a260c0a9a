//! One socket of a link: what is known of it, and reading and writing it.

use std::os::fd::OwnedFd;

use rustix::event::epoll::EventFlags;
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{RecvFlags, SendFlags, recv, send};

use super::buffer::Buffer;

/// A socket that is watched edge-triggered, so readiness is remembered here.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) fd: OwnedFd,
    readable: bool,
    writable: bool,
    /// The peer has ended or broken the stream; what came before can still be read.
    hung_up: bool,
}

/// What a read gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// Bytes came.
    Some,
    /// None yet, or there is no room.
    Nothing,
    /// The stream is over, in whatever way.
    Over,
}

impl Side {
    pub(super) fn new(fd: OwnedFd) -> Self {
        Self {
            fd,
            readable: false,
            writable: false,
            hung_up: false,
        }
    }

    /// Takes note of an event.
    pub(super) fn note(&mut self, flags: EventFlags) {
        let hung_up = EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR;
        self.hung_up |= flags.intersects(hung_up);
        self.readable |= flags.contains(EventFlags::IN) || self.hung_up;
        self.writable |= flags.contains(EventFlags::OUT);
    }

    pub(super) fn has_hung_up(&self) -> bool {
        self.hung_up
    }

    /// One `recv` into the buffer's room.
    pub(super) fn read(&mut self, into: &mut Buffer) -> Read {
        let room = into.room();
        if !self.readable || room.is_empty() {
            return Read::Nothing;
        }
        let size = room.len();
        match retry_on_intr(|| recv(&self.fd, &mut *room, RecvFlags::empty())) {
            Ok((0, _)) => Read::Over,
            Ok((count, _)) => {
                // A short read has emptied it: the next byte makes a new edge. A hang-up does not.
                self.readable = count == size || self.hung_up;
                into.put(count);
                Read::Some
            }
            Err(Errno::AGAIN) => {
                self.readable = false;
                Read::Nothing
            }
            Err(_) => Read::Over,
        }
    }

    /// One `send`; how much was taken.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<usize, Errno> {
        if !self.writable || bytes.is_empty() {
            return Ok(0);
        }
        match retry_on_intr(|| send(&self.fd, bytes, SendFlags::NOSIGNAL)) {
            Ok(count) => {
                self.writable = count == bytes.len();
                Ok(count)
            }
            Err(Errno::AGAIN) => {
                self.writable = false;
                Ok(0)
            }
            Err(errno) => Err(errno),
        }
    }
}
