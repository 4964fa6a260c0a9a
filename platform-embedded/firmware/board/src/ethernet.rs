//! A network device for smoltcp over anything that sends and receives whole frames.

use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::time::Instant;
use smoltcp::wire::EthernetAddress;

/// The longest frame without its checksum.
pub const FRAME: usize = 1514;

/// What sends and receives whole frames, without their checksums.
pub trait Mac {
    /// The address of the interface.
    fn address(&self) -> EthernetAddress;

    /// Is there a link?
    fn link(&mut self) -> bool;

    /// Copies the next good frame and gives its length. Bad frames are dropped and counted, a
    /// bounded number of them in one call.
    fn receive(&mut self, into: &mut [u8; FRAME]) -> Option<usize>;

    /// Is there room for a frame of any length?
    fn can_send(&mut self) -> bool;

    /// Sends a frame. Called only after `can_send` has said yes.
    fn send(&mut self, frame: &[u8]);

    /// What has gone wrong so far.
    fn faults(&self) -> Faults;
}

/// Frames that were lost in the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, defmt::Format)]
pub struct Faults {
    /// Received with a wrong checksum or length.
    pub bad: u32,
    /// Dropped because there was no room.
    pub overruns: u32,
    /// Not sent.
    pub unsent: u32,
}

/// Room for one frame in each direction. All zeros, so that it takes no flash.
pub struct Frames {
    received: [u8; FRAME],
    sent: [u8; FRAME],
}

impl Frames {
    /// Empty room.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            received: [0; FRAME],
            sent: [0; FRAME],
        }
    }
}

impl Default for Frames {
    fn default() -> Self {
        Self::new()
    }
}

/// The device.
pub struct Ethernet<'a, M> {
    mac: M,
    frames: &'a mut Frames,
}

impl<'a, M: Mac> Ethernet<'a, M> {
    /// A device over this MAC and this room.
    pub fn new(mac: M, frames: &'a mut Frames) -> Self {
        Self { mac, frames }
    }

    /// What is below.
    pub fn mac(&mut self) -> &mut M {
        &mut self.mac
    }
}

impl<M: Mac> Device for Ethernet<'_, M> {
    type RxToken<'t>
        = Received<'t>
    where
        Self: 't;
    type TxToken<'t>
        = Sending<'t, M>
    where
        Self: 't;

    fn receive(&mut self, _now: Instant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        // What comes may have to be answered.
        if !self.mac.can_send() {
            return None;
        }
        let length = self.mac.receive(&mut self.frames.received)?;
        let received = Received(self.frames.received.get(..length)?);
        Some((received, Sending(&mut self.mac, &mut self.frames.sent)))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Self::TxToken<'_>> {
        let room = self.mac.can_send();
        room.then_some(Sending(&mut self.mac, &mut self.frames.sent))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = FRAME;
        capabilities
    }
}

/// A frame that has come.
pub struct Received<'t>(&'t [u8]);

impl phy::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

/// The leave to send a frame.
pub struct Sending<'t, M>(&'t mut M, &'t mut [u8; FRAME]);

impl<M: Mac> phy::TxToken for Sending<'_, M> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        let frame = &mut self.1[..length];
        let result = write(frame);
        self.0.send(frame);
        result
    }
}
