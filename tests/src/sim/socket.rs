//! One simulated connection.

use std::collections::VecDeque;
use std::net::SocketAddr;

use muxfer_core::net::{Interest, IoError, Nb, Ready, Stall};
use muxfer_core::platform::Lent;
use muxfer_core::time::Instant;

use super::{Act, Listen, Peer};

/// How the peer has ended the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Closed,
    Reset,
}

#[derive(Debug)]
pub(super) struct Socket {
    pub(super) address: SocketAddr,
    pub(super) interest: Interest,
    pub(super) reserved: usize,
    /// When the connect ends, and how; `None` is never.
    connect: Option<(Instant, Result<(), IoError>)>,
    up: bool,
    /// What the peer will do.
    agenda: VecDeque<(Instant, Act)>,
    /// When the last of it is.
    busy_until: Instant,
    received: VecDeque<u8>,
    lent: Vec<u8>,
    end: Option<End>,
    /// What the peer has got and not used.
    pub(super) inbox: Vec<u8>,
    served: usize,
}

impl Socket {
    pub(super) fn new(address: SocketAddr, listen: Listen, now: Instant) -> Self {
        let connect = match listen {
            Listen::Accept(delay) => Some((now + delay, Ok(()))),
            Listen::Refuse(delay) => Some((now + delay, Err(IoError::Refused))),
            Listen::Silent | Listen::Fail(_) => None,
        };
        Self {
            address,
            interest: Interest::NONE,
            reserved: 0,
            connect,
            up: false,
            agenda: VecDeque::new(),
            busy_until: now,
            received: VecDeque::new(),
            lent: Vec::new(),
            end: None,
            inbox: Vec::new(),
            served: 0,
        }
    }

    pub(super) fn schedule(&mut self, now: Instant, acts: Vec<Act>) {
        let mut at = self.busy_until.max(now);
        for act in acts {
            match act {
                Act::Wait(delay) => at = at + delay,
                Act::Send(_) | Act::Close | Act::Reset => self.agenda.push_back((at, act)),
            }
        }
        self.busy_until = at;
    }

    /// Lets everything happen that is due.
    pub(super) fn arrive(&mut self, now: Instant) {
        while self.agenda.front().is_some_and(|(at, _)| *at <= now) {
            match self.agenda.pop_front() {
                Some((_, Act::Send(bytes))) => self.received.extend(bytes),
                Some((_, Act::Close)) => self.end = self.end.or(Some(End::Closed)),
                Some((_, Act::Reset)) => self.end = self.end.or(Some(End::Reset)),
                Some((_, Act::Wait(_))) | None => {}
            }
        }
        if let Some((at, Ok(()))) = self.connect {
            self.up |= at <= now;
        }
    }

    fn connect_over(&self, now: Option<Instant>) -> bool {
        self.connect
            .is_some_and(|(at, _)| now.is_none_or(|now| at <= now))
    }

    pub(super) fn ready(&self, window: usize) -> Ready {
        let mut ready = Ready::NONE;
        let failed = matches!(self.connect, Some((_, Err(_))));
        let over = self.up || (failed && self.connect_over(None));
        if self.interest.contains(Interest::WRITE) && over && self.inbox.len() < window {
            ready |= Ready::WRITE;
        }
        let readable = !self.received.is_empty() || self.end.is_some();
        if self.interest.contains(Interest::READ) && self.up && readable {
            ready |= Ready::READ;
        }
        ready
    }

    /// When the next thing happens of itself.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        let connect = self.connect.map(|(at, _)| at).filter(|at| *at > now);
        let act = self.agenda.front().map(|(at, _)| *at);
        [connect, act].into_iter().flatten().min()
    }

    pub(super) fn opened(&self) -> Nb<()> {
        match self.connect {
            Some((_, Err(error))) => Err(Stall::Failed(error)),
            Some((_, Ok(()))) if self.up => Ok(()),
            Some((_, Ok(()))) | None => Err(Stall::WouldBlock),
        }
    }

    /// Bytes that were lent must be lent again, whatever the network does.
    pub(super) fn can_stall(&self) -> bool {
        self.lent.is_empty()
    }

    pub(super) fn fill(&mut self, at_most: usize) -> Nb<Lent<'_>> {
        assert!(self.up, "fill before the connection stands");
        if self.received.is_empty() {
            return match self.end {
                Some(End::Closed) => Ok(Lent {
                    bytes: &[],
                    more: false,
                }),
                Some(End::Reset) => Err(Stall::Failed(IoError::Reset)),
                None => Err(Stall::WouldBlock),
            };
        }
        self.lent = self.received.iter().copied().take(at_most).collect();
        let more = self.lent.len() < self.received.len() || self.lent.len() == at_most;
        Ok(Lent {
            bytes: &self.lent,
            more,
        })
    }

    pub(super) fn consume(&mut self, n: usize) {
        assert!(n <= self.lent.len(), "consumed {n} of {}", self.lent.len());
        self.received.drain(..n);
        self.lent.clear();
    }

    pub(super) fn room(&self, window: usize) -> Nb<usize> {
        assert!(self.up, "reserve before the connection stands");
        match self.end {
            Some(End::Reset) => Err(Stall::Failed(IoError::Reset)),
            Some(End::Closed) | None => Ok(window.saturating_sub(self.inbox.len())),
        }
    }

    pub(super) fn commit(
        &mut self,
        now: Instant,
        bytes: &[u8],
        peer: Option<&mut Peer>,
    ) -> Result<(), IoError> {
        if self.end == Some(End::Reset) {
            return Err(IoError::Reset);
        }
        self.inbox.extend_from_slice(bytes);
        if let Some(peer) = peer {
            let acts = peer(&mut self.inbox, &mut self.served);
            self.schedule(now, acts);
        }
        Ok(())
    }
}
