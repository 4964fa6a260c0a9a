//! Look-ups, one after another: these traits can't say whose answer they give.

use core::net::IpAddr;
use core::time::Duration;

use embedded_nal::{Dns, TcpClientStack, nb};
use heapless::Deque;
use muxfer_core::OriginId;
use muxfer_core::net::{Addresses, Nb, Stall};
use muxfer_core::platform::{ResolveError, Resolved, Resolver};
use muxfer_core::time::Instant;

use super::Nal;

/// The look-ups that are wanted. The first is under way, the others wait for it.
pub(super) struct Names<const ORIGINS: usize> {
    wanted: Deque<OriginId, ORIGINS>,
    /// The first is asked for again at this time.
    ask_at: Instant,
}

impl<const ORIGINS: usize> Names<ORIGINS> {
    pub(super) const fn new() -> Self {
        Self {
            wanted: Deque::new(),
            ask_at: Instant::ZERO,
        }
    }

    /// When one is to be asked for; `None` if none is wanted.
    pub(super) fn ask_at(&self) -> Option<Instant> {
        (!self.wanted.is_empty()).then_some(self.ask_at)
    }

    /// The one that is to be asked for now; the next time is so much later.
    pub(super) fn due(&mut self, now: Instant, interval: Duration) -> Option<OriginId> {
        let first = *self.wanted.front()?;
        if now < self.ask_at {
            return None;
        }
        self.ask_at = now + interval;
        Some(first)
    }

    /// Is it the turn of this one? It waits for that from now on.
    fn turn(&mut self, query: OriginId) -> Result<bool, ResolveError> {
        if !self.wanted.iter().any(|wanted| *wanted == query) {
            let queued = self.wanted.push_back(query);
            queued.map_err(|_| ResolveError::Failed)?;
        }
        Ok(self.wanted.front() == Some(&query))
    }

    /// This one is wanted no more; if it was under way, the next is asked for at once.
    fn end(&mut self, query: OriginId) {
        if self.wanted.front() == Some(&query) {
            self.ask_at = Instant::ZERO;
        }
        for _ in 0..self.wanted.len() {
            let Some(wanted) = self.wanted.pop_front() else {
                return;
            };
            if wanted != query {
                // It was in the queue before.
                let _ = self.wanted.push_back(wanted);
            }
        }
    }
}

impl<S, const CONNS: usize, const ORIGINS: usize> Resolver for Nal<'_, S, CONNS, ORIGINS>
where
    S: TcpClientStack + Dns,
{
    fn resolve(&mut self, query: OriginId, host: &str, _: u16) -> Nb<Resolved, ResolveError> {
        if let Ok(address) = host.parse() {
            return Ok(resolved(address, Duration::MAX)?);
        }
        if !self.names.turn(query)? {
            return Err(Stall::WouldBlock);
        }
        let family = self.options.family.clone();
        let answer = match self.stack.get_host_by_name(host, family) {
            Err(nb::Error::WouldBlock) => return Err(Stall::WouldBlock),
            Ok(address) => resolved(address, self.options.keep),
            // These traits don't say more.
            Err(nb::Error::Other(_)) => Err(ResolveError::Failed),
        };
        self.names.end(query);
        Ok(answer?)
    }

    fn cancel(&mut self, query: OriginId) {
        self.names.end(query);
    }
}

fn resolved(address: IpAddr, keep: Duration) -> Result<Resolved, ResolveError> {
    let mut addresses = Addresses::new();
    let pushed = addresses.push(address);
    pushed.map_err(|_| ResolveError::Failed)?;
    Ok(Resolved { addresses, keep })
}
