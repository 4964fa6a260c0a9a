//! A cable between two interfaces that loses, doubles, reorders, corrupts and delays frames, as a seed
//! says. What is corrupted lies behind the header of the link: that one has a checksum of its own, so
//! that real hardware drops the frame.

use std::cell::{RefCell, RefMut};
use std::rc::Rc;
use std::time::Duration;

use muxfer_core::time::Instant;
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};

use crate::sim::Prng;

const ETHERNET_HEADER: usize = 14;
const MTU: usize = ETHERNET_HEADER + 1500;
/// As many frames as a driver holds: more are lost.
const QUEUE: usize = 16;

/// How the cable treats a frame, in percent of all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// It never comes.
    pub lose: u64,
    /// It comes twice.
    pub double: u64,
    /// It comes later than those behind it.
    pub reorder: u64,
    /// One bit is another.
    pub corrupt: u64,
    /// It takes up to so much longer.
    pub delay: Duration,
}

/// The cable.
#[derive(Clone)]
pub struct Wire(Rc<RefCell<Inner>>);

struct Inner {
    prng: Prng,
    faults: Faults,
    /// Cut: nothing comes any more.
    cut: bool,
    now: Instant,
    /// By the end to which it goes.
    frames: [Vec<Frame>; 2],
    sent: u64,
}

struct Frame {
    at: Instant,
    nth: u64,
    bytes: Vec<u8>,
}

/// One end of a cable: a device of smoltcp.
pub struct End {
    wire: Wire,
    side: usize,
}

impl Wire {
    /// A cable and its two ends.
    #[must_use]
    pub fn new(seed: u64, faults: Faults) -> (Self, End, End) {
        let wire = Self(Rc::new(RefCell::new(Inner {
            prng: Prng::new(seed),
            faults,
            cut: false,
            now: Instant::ZERO,
            frames: [Vec::new(), Vec::new()],
            sent: 0,
        })));
        let end = |side| End {
            wire: wire.clone(),
            side,
        };
        (wire.clone(), end(0), end(1))
    }

    /// It is so late now.
    pub fn at(&self, now: Instant) {
        self.inner().now = now;
    }

    /// From now on nothing comes, or all again.
    pub fn cut(&self, cut: bool) {
        self.inner().cut = cut;
    }

    /// How many frames were sent.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.inner().sent
    }

    /// When the next frame comes.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        let inner = self.inner();
        let frames = inner.frames.iter().flatten();
        frames.map(|frame| frame.at).min()
    }

    fn inner(&self) -> RefMut<'_, Inner> {
        self.0.borrow_mut()
    }
}

impl Inner {
    fn send(&mut self, to: usize, bytes: Vec<u8>) {
        self.sent += 1;
        let copies = 1 + u64::from(self.prng.chance(self.faults.double));
        for _ in 0..copies {
            if self.cut || self.prng.chance(self.faults.lose) || self.frames[to].len() >= QUEUE {
                continue;
            }
            let mut bytes = bytes.clone();
            if self.prng.chance(self.faults.corrupt) {
                self.corrupt(&mut bytes);
            }
            let at = self.now + self.delay();
            let nth = self.sent;
            self.frames[to].push(Frame { at, nth, bytes });
        }
    }

    fn corrupt(&mut self, bytes: &mut [u8]) {
        let is_ip = bytes.get(12..ETHERNET_HEADER) == Some(&[8, 0]);
        if is_ip {
            let most = (bytes.len() - ETHERNET_HEADER) as u64;
            let place = ETHERNET_HEADER + usize::try_from(self.prng.below(most)).unwrap_or(0);
            bytes[place] ^= 1 << self.prng.below(8);
        }
    }

    fn delay(&mut self) -> Duration {
        let mut delay = Duration::from_micros(200);
        let most = u64::try_from(self.faults.delay.as_micros()).unwrap_or(u64::MAX);
        if most > 0 {
            delay += Duration::from_micros(self.prng.below(most));
        }
        if self.prng.chance(self.faults.reorder) {
            delay += Duration::from_millis(1 + self.prng.below(20));
        }
        delay
    }

    fn receive(&mut self, side: usize) -> Option<Vec<u8>> {
        let now = self.now;
        let frames = self.frames[side].iter().enumerate();
        let (index, _) = frames
            .filter(|(_, frame)| frame.at <= now)
            .min_by_key(|(_, frame)| (frame.at, frame.nth))?;
        Some(self.frames[side].remove(index).bytes)
    }
}

/// A frame that has come.
pub struct Received(Vec<u8>);

/// Room for a frame.
pub struct Sending {
    wire: Wire,
    to: usize,
}

impl Device for End {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sending;

    fn receive(&mut self, now: smoltcp::time::Instant) -> Option<(Received, Sending)> {
        let received = self.wire.inner().receive(self.side)?;
        Some((Received(received), self.transmit(now)?))
    }

    fn transmit(&mut self, _now: smoltcp::time::Instant) -> Option<Sending> {
        Some(Sending {
            wire: self.wire.clone(),
            to: 1 - self.side,
        })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = MTU;
        capabilities
    }
}

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, work: F) -> R {
        work(&self.0)
    }
}

impl TxToken for Sending {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, work: F) -> R {
        let mut bytes = vec![0; length];
        let result = work(&mut bytes);
        self.wire.inner().send(self.to, bytes);
        result
    }
}
