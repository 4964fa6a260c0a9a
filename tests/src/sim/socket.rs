//! One simulated connection: a stream each way, in time.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use muxfer_core::ConnId;
use muxfer_core::net::{Interest, IoError, Nb, Ready, Stall};
use muxfer_core::platform::Lent;
use muxfer_core::time::Instant;

use super::{Act, Inbound, Listen, Peer};

/// How the peer has ended the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Closed,
    HungUp,
    Reset,
}

/// What a connection was opened for, as the platform was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The host.
    pub host: String,
    /// The settings.
    pub settings: u32,
    /// The address.
    pub address: SocketAddr,
}

#[derive(Debug)]
pub(super) struct Socket {
    pub(super) target: Target,
    pub(super) interest: Interest,
    pub(super) reserved: usize,
    /// The engine was told that it stands.
    pub(super) stands: bool,
    /// When the connect ends, and how; `None` is never.
    connect: Option<(Instant, Result<(), IoError>)>,
    up: bool,
    /// What the peer will have done, by the time at which it is noticed here.
    agenda: VecDeque<(Instant, Act)>,
    /// When the last of it is.
    busy_until: Instant,
    /// When the peer hangs up if nothing has come.
    patience: Option<Instant>,
    received: VecDeque<u8>,
    lent: Vec<u8>,
    end: Option<End>,
    /// Committed, and not taken by the system.
    unsent: Vec<u8>,
    /// On the way to the peer.
    travelling: VecDeque<(Instant, Vec<u8>)>,
    /// What the peer has got and not used.
    pub(super) inbox: Vec<u8>,
    served: usize,
}

impl Socket {
    pub(super) fn new(target: Target, listen: Listen, now: Instant) -> Self {
        let connect = match listen {
            Listen::Accept(delay) => Some((now + delay, Ok(()))),
            Listen::Refuse(delay) => Some((now + delay, Err(IoError::Refused))),
            Listen::Silent | Listen::Fail(_) => None,
        };
        Self {
            target,
            interest: Interest::NONE,
            reserved: 0,
            stands: false,
            connect,
            up: false,
            agenda: VecDeque::new(),
            busy_until: now,
            patience: None,
            received: VecDeque::new(),
            lent: Vec::new(),
            end: None,
            unsent: Vec::new(),
            travelling: VecDeque::new(),
            inbox: Vec::new(),
            served: 0,
        }
    }

    /// The peer does this from now on, after what it does already; each is noticed `delay` later.
    pub(super) fn schedule(&mut self, now: Instant, delay: Duration, acts: Vec<Act>) {
        let mut at = self.busy_until.max(now + delay);
        for act in acts {
            match act {
                Act::Wait(pause) => at = at + pause,
                Act::IdleHangup(patience) => self.patience = Some(at + patience),
                Act::Send(_) | Act::Close | Act::Hangup | Act::Reset => {
                    self.agenda.push_back((at, act));
                }
            }
        }
        self.busy_until = at;
    }

    /// Lets everything happen that is due.
    pub(super) fn arrive(
        &mut self,
        conn: ConnId,
        now: Instant,
        delay: Duration,
        mut peer: Option<&mut Peer>,
    ) {
        if let Some((at, Ok(()))) = self.connect {
            self.up |= at <= now;
        }
        loop {
            let delivery = self.travelling.front().map(|(at, _)| *at);
            let act = self.agenda.front().map(|(at, _)| *at);
            let next = [delivery, act, self.patience].into_iter().flatten().min();
            let Some(at) = next.filter(|at| *at <= now) else {
                return;
            };
            // What the peer has decided comes before what it then hears.
            if act == Some(at) {
                self.act();
            } else if self.patience == Some(at) {
                self.patience = None;
                self.end = self.end.or(Some(End::HungUp));
            } else {
                self.deliver(conn, delay, peer.as_deref_mut());
            }
        }
    }

    /// The first thing on the agenda happens.
    fn act(&mut self) {
        match self.agenda.pop_front() {
            Some((_, Act::Send(bytes))) => self.received.extend(bytes),
            Some((_, Act::Close)) => self.end = self.end.or(Some(End::Closed)),
            Some((_, Act::Hangup)) => self.end = self.end.or(Some(End::HungUp)),
            Some((_, Act::Reset)) => self.end = Some(End::Reset),
            Some((_, Act::Wait(_) | Act::IdleHangup(_))) | None => {}
        }
    }

    /// Hands to the peer what comes next to it.
    fn deliver(&mut self, conn: ConnId, delay: Duration, peer: Option<&mut Peer>) {
        let Some((at, bytes)) = self.travelling.pop_front() else {
            return;
        };
        self.patience = None;
        match self.end {
            Some(End::HungUp) => return self.schedule(at, delay, vec![Act::Reset]),
            Some(End::Reset) => return,
            Some(End::Closed) | None => {}
        }
        self.inbox.extend(bytes);
        if let Some(peer) = peer {
            let acts = peer(Inbound {
                conn,
                target: &self.target,
                now: at,
                bytes: &mut self.inbox,
                served: &mut self.served,
            });
            self.schedule(at, delay, acts);
        }
    }

    /// How many bytes the system still takes.
    fn space(&self, window: usize) -> usize {
        let travelling: usize = self.travelling.iter().map(|(_, bytes)| bytes.len()).sum();
        window.saturating_sub(travelling + self.inbox.len())
    }

    pub(super) fn ready(&self, now: Instant, window: usize) -> Ready {
        let mut ready = Ready::NONE;
        let failed = matches!(self.connect, Some((at, Err(_))) if at <= now);
        let over = self.up || failed;
        let writable = self.space(window) > 0 || self.end == Some(End::Reset);
        if self.interest.contains(Interest::WRITE) && over && writable {
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
        let delivery = self.travelling.front().map(|(at, _)| *at);
        [connect, act, delivery, self.patience]
            .into_iter()
            .flatten()
            .min()
    }

    pub(super) fn opened(&mut self, now: Instant) -> Nb<()> {
        match self.connect {
            Some((at, Err(error))) if at <= now => Err(Stall::Failed(error)),
            Some((_, Ok(()))) if self.up => {
                self.stands = true;
                Ok(())
            }
            Some((_, Ok(()) | Err(_))) | None => Err(Stall::WouldBlock),
        }
    }

    /// Bytes that were lent must be lent again, whatever the network does.
    pub(super) fn can_stall(&self) -> bool {
        self.lent.is_empty()
    }

    pub(super) fn fill(&mut self, at_most: usize, eager: bool) -> Nb<Lent<'_>> {
        assert!(self.up, "fill before the connection stands");
        if self.received.is_empty() {
            return match self.end {
                Some(End::Closed | End::HungUp) => Ok(Lent {
                    bytes: &[],
                    more: false,
                }),
                Some(End::Reset) => Err(Stall::Failed(IoError::Reset)),
                None => Err(Stall::WouldBlock),
            };
        }
        self.lent = self.received.iter().copied().take(at_most).collect();
        let more = eager || self.lent.len() < self.received.len() || self.lent.len() == at_most;
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
            Some(End::Closed | End::HungUp) | None if self.unsent.is_empty() => {
                Ok(self.space(window))
            }
            Some(End::Closed | End::HungUp) | None => Ok(0),
        }
    }

    /// The system takes at most `at_most` of the bytes; the rest is kept (law 6).
    pub(super) fn commit(
        &mut self,
        now: Instant,
        bytes: &[u8],
        at_most: usize,
        delay: Duration,
    ) -> Result<(), IoError> {
        if self.end == Some(End::Reset) {
            return Err(IoError::Reset);
        }
        let (taken, kept) = bytes.split_at(at_most.min(bytes.len()));
        self.unsent.extend_from_slice(kept);
        self.send(now, taken, delay);
        Ok(())
    }

    fn send(&mut self, now: Instant, bytes: &[u8], delay: Duration) {
        if bytes.is_empty() {
            return;
        }
        let before = self.travelling.back().map_or(now, |(at, _)| *at);
        let at = before.max(now + delay);
        self.travelling.push_back((at, bytes.to_vec()));
    }

    /// The system takes as much of the kept bytes as it has room for.
    pub(super) fn flush(&mut self, now: Instant, window: usize, delay: Duration) -> Nb<()> {
        if self.unsent.is_empty() {
            return Ok(());
        }
        if self.end == Some(End::Reset) {
            return Err(Stall::Failed(IoError::Reset));
        }
        let n = self.space(window).min(self.unsent.len());
        let taken: Vec<u8> = self.unsent.drain(..n).collect();
        self.send(now, &taken, delay);
        if self.unsent.is_empty() {
            Ok(())
        } else {
            Err(Stall::WouldBlock)
        }
    }
}
