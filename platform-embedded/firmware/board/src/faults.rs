//! Frames that are lost or doubled on purpose, each way, by a seed.

use smoltcp::wire::EthernetAddress;

use crate::ethernet::{FRAME, Faults, Mac};

/// How often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Of 100 frames so many are lost.
    pub lost: u8,
    /// Of 100 frames so many come twice.
    pub doubled: u8,
}

/// A MAC with a bad line behind it. With rates of 0 it changes nothing.
pub struct Troubled<M> {
    mac: M,
    rates: Rates,
    state: u32,
    /// The length of a received frame that comes again. The frame itself is still in the room that it
    /// was copied to: nobody writes there between.
    again: Option<usize>,
    lost: u32,
    doubled: u32,
}

impl<M: Mac> Troubled<M> {
    /// A bad line; the seed says which frames it strikes.
    pub fn new(mac: M, rates: Rates, seed: u32) -> Self {
        Self {
            mac,
            rates,
            state: seed | 1,
            again: None,
            lost: 0,
            doubled: 0,
        }
    }

    /// The machine's MAC.
    pub fn mac(&mut self) -> &mut M {
        &mut self.mac
    }

    /// How many frames were lost and doubled so far.
    pub fn count(&self) -> (u32, u32) {
        (self.lost, self.doubled)
    }

    /// Does it happen this time? (xorshift32)
    fn strikes(&mut self, percent: u8) -> bool {
        if percent == 0 {
            return false;
        }
        self.state ^= self.state << 13;
        self.state ^= self.state >> 17;
        self.state ^= self.state << 5;
        (self.state >> 8) % 100 < percent.into()
    }
}

impl<M: Mac> Mac for Troubled<M> {
    fn address(&self) -> EthernetAddress {
        self.mac.address()
    }

    fn link(&mut self) -> bool {
        self.mac.link()
    }

    fn receive(&mut self, into: &mut [u8; FRAME]) -> Option<usize> {
        if let Some(length) = self.again.take() {
            return Some(length);
        }
        // A bound on the work of one call: after so many lost frames the rest waits.
        for _ in 0..4 {
            let length = self.mac.receive(into)?;
            if self.strikes(self.rates.lost) {
                self.lost += 1;
                continue;
            }
            if self.strikes(self.rates.doubled) {
                self.doubled += 1;
                self.again = Some(length);
            }
            return Some(length);
        }
        None
    }

    fn can_send(&mut self) -> bool {
        self.mac.can_send()
    }

    fn send(&mut self, frame: &[u8]) {
        if self.strikes(self.rates.lost) {
            self.lost += 1;
            return;
        }
        self.mac.send(frame);
        if self.strikes(self.rates.doubled) && self.mac.can_send() {
            self.doubled += 1;
            self.mac.send(frame);
        }
    }

    fn faults(&self) -> Faults {
        self.mac.faults()
    }
}
