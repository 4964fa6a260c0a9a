//! One connection of the hostile server: what came, what is to be done, what is to be sent.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::epoll::EventFlags;
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown, sockopt};

use super::catalogue;
use super::intake::Intake;
use super::script::{Act, Wish};
use super::server::Tally;

/// How much one turn reads or floods at most, so that every connection has its turn.
const TURN_BYTES: usize = 256 * 1024;

/// What is left to do for the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Wait for events.
    Events,
    /// Wait for events, and call again at this time.
    At(Instant),
    /// The connection is over.
    Over,
}

/// Why the present act can't be finished now.
enum Held {
    Writable,
    Until(Instant),
    ForPeer,
    Over,
}

pub(super) struct Conn {
    pub(super) fd: OwnedFd,
    pub(super) told: EventFlags,
    number: u64,
    nth: u32,
    script: VecDeque<Act>,
    /// How much of the first act has been sent.
    sent: usize,
    /// When the first act goes on.
    until: Option<Instant>,
    intake: Intake,
    deaf: bool,
    writable_wanted: bool,
}

impl Conn {
    /// `script` is what is done at once, without having heard anything.
    pub(super) fn new(fd: OwnedFd, number: u64, script: Vec<Act>) -> Self {
        Self {
            fd,
            told: EventFlags::empty(),
            number,
            nth: 0,
            script: script.into(),
            sent: 0,
            until: None,
            intake: Intake::default(),
            deaf: false,
            writable_wanted: false,
        }
    }

    /// Does it read nothing any more?
    pub(super) const fn is_deaf(&self) -> bool {
        self.deaf
    }

    /// What the loop should watch.
    pub(super) fn wanted(&self) -> EventFlags {
        let mut want = EventFlags::RDHUP;
        want.set(EventFlags::IN, !self.deaf);
        want.set(EventFlags::OUT, self.writable_wanted);
        want
    }

    /// Something happened, or the time has come: does what can be done now.
    pub(super) fn go_on(
        &mut self,
        flags: EventFlags,
        tally: &Tally,
        buffer: &mut [u8],
        now: Instant,
    ) -> Next {
        if flags.intersects(EventFlags::ERR | EventFlags::HUP) {
            return Next::Over;
        }
        if self.deaf && flags.contains(EventFlags::RDHUP) {
            return Next::Over;
        }
        if flags.intersects(EventFlags::IN | EventFlags::RDHUP) {
            if !self.read(buffer) {
                return Next::Over;
            }
            self.take_body(tally);
        }
        loop {
            match self.act(tally, now) {
                Ok(()) => {}
                Err(Held::Over) => return Next::Over,
                Err(Held::Until(at)) => return Next::At(at),
                Err(Held::ForPeer) if self.script.is_empty() && self.next_request(tally) => {}
                Err(Held::ForPeer | Held::Writable) => return Next::Events,
            }
        }
    }

    /// Reads what there is. False: the peer has gone.
    fn read(&mut self, buffer: &mut [u8]) -> bool {
        let mut budget = TURN_BYTES;
        while budget > 0 {
            match retry_on_intr(|| recv(&self.fd, &mut *buffer, RecvFlags::empty())) {
                Ok((0, _)) => return false,
                Ok((n, _)) => {
                    self.intake.push(&buffer[..n]);
                    budget = budget.saturating_sub(n);
                }
                Err(Errno::AGAIN) => return true,
                Err(_) => return false,
            }
        }
        true
    }

    /// Uses up what has come of a body.
    fn take_body(&mut self, tally: &Tally) {
        if let Err(why) = self.intake.take_body() {
            tally.fault(format!("connection {}: {why}", self.number));
        }
    }

    /// Begins with the next request, if it is there.
    fn next_request(&mut self, tally: &Tally) -> bool {
        let Some(head) = self.intake.take_head() else {
            return false;
        };
        self.nth += 1;
        let wish = Wish::of(&head);
        self.intake.expect_body(&head, wish.number);
        self.take_body(tally);
        tally.asked(wish.number);
        self.script = catalogue::answer(&head, self.nth, self.number).into();
        true
    }

    /// Does the first act of the script, or says what holds it up.
    fn act(&mut self, tally: &Tally, now: Instant) -> Result<(), Held> {
        self.writable_wanted = false;
        let Some(act) = self.script.pop_front() else {
            return Err(Held::ForPeer);
        };
        let done = match &act {
            Act::Send(bytes) => self.send(bytes),
            Act::Flood(bytes) => self.flood(bytes),
            Act::Drip(bytes, pause) => self.drip(bytes, *pause, now),
            Act::Urgent(byte) => self.urgent(*byte),
            Act::Wait(time) => self.wait(*time, now),
            Act::Body if self.intake.body_is_whole() => Ok(()),
            Act::Body | Act::Stay => Err(Held::ForPeer),
            Act::Deaf => {
                self.deaf = true;
                tally.deafened();
                Ok(())
            }
            Act::HalfClose => shutdown(&self.fd, Shutdown::Write).map_err(|_| Held::Over),
            Act::Close => Err(Held::Over),
            Act::Reset => {
                // The close that follows then sends RST.
                let _ = sockopt::set_socket_linger(&self.fd, Some(Duration::ZERO));
                Err(Held::Over)
            }
        };
        if done.is_err() {
            self.script.push_front(act);
        } else {
            self.sent = 0;
            self.until = None;
        }
        done
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Held> {
        while self.sent < bytes.len() {
            self.sent += self.send_once(&bytes[self.sent..], SendFlags::NOSIGNAL)?;
        }
        Ok(())
    }

    fn flood(&mut self, bytes: &[u8]) -> Result<(), Held> {
        let many = bytes.repeat((16 * 1024_usize).div_ceil(bytes.len()));
        let mut budget = TURN_BYTES;
        while budget > 0 {
            // What was cut goes on where it was cut.
            let from = self.sent % bytes.len();
            let sent = self.send_once(&many[from..], SendFlags::NOSIGNAL)?;
            self.sent = from + sent;
            budget = budget.saturating_sub(sent);
        }
        self.writable_wanted = true;
        Err(Held::Writable)
    }

    fn drip(&mut self, bytes: &[u8], pause: Duration, now: Instant) -> Result<(), Held> {
        if let Some(at) = self.until.filter(|at| *at > now) {
            return Err(Held::Until(at));
        }
        let at = self.sent % bytes.len();
        self.send_once(&bytes[at..=at], SendFlags::NOSIGNAL)?;
        self.sent = at + 1;
        self.until = Some(now + pause);
        Err(Held::Until(now + pause))
    }

    fn urgent(&mut self, byte: u8) -> Result<(), Held> {
        self.send_once(&[byte], SendFlags::NOSIGNAL | SendFlags::OOB)
            .map(drop)
    }

    fn wait(&mut self, time: Duration, now: Instant) -> Result<(), Held> {
        let at = *self.until.get_or_insert(now + time);
        if at > now {
            return Err(Held::Until(at));
        }
        Ok(())
    }

    fn send_once(&mut self, bytes: &[u8], flags: SendFlags) -> Result<usize, Held> {
        match retry_on_intr(|| send(&self.fd, bytes, flags)) {
            Ok(n) => Ok(n),
            Err(Errno::AGAIN) => {
                self.writable_wanted = true;
                Err(Held::Writable)
            }
            Err(_) => Err(Held::Over),
        }
    }
}
