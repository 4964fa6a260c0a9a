//! The network device of virtio, on one of the eight slots of the machine.

use core::ptr::NonNull;

use smoltcp::wire::EthernetAddress;
use virtio_drivers::device::net::VirtIONetRaw;
use virtio_drivers::transport::mmio::{MmioTransport, VirtIOHeader};
use virtio_drivers::transport::{DeviceType, Transport};

use super::pages::Shared;
use crate::ethernet::{FRAME, Faults, Mac};
use crate::once::Once;

/// Slots of the machine, and how far they lie apart.
const SLOTS: usize = 8;
const FIRST_SLOT: usize = 0x1000_1000;
const SLOT: usize = 0x1000;

/// Frames that can be received before the firmware looks, a power of two.
const QUEUE: usize = 4;
/// A header and a frame.
const BUFFER: usize = 1536;
/// How many bad frames one call drops.
const BAD_AT_ONCE: u32 = 8;

/// Where frames lie.
struct Buffers {
    received: [[u8; BUFFER]; QUEUE],
    sent: [u8; BUFFER],
}

static BUFFERS: Once<Buffers> = Once::new(Buffers {
    received: [[0; BUFFER]; QUEUE],
    sent: [0; BUFFER],
});

/// The device.
pub struct Virtio {
    device: VirtIONetRaw<Shared, MmioTransport<'static>, QUEUE>,
    buffers: &'static mut Buffers,
    /// Which buffer a token of the device stands for.
    tokens: [u16; QUEUE],
    /// What is being sent: the token, and how much of the buffer.
    sending: Option<(u16, usize)>,
    slot: usize,
    faults: Faults,
}

impl Virtio {
    /// Looks for it and lets it receive.
    ///
    /// # Errors
    /// There is none, or it wants something else.
    pub(super) fn start() -> Result<Self, &'static str> {
        let (slot, transport) = (0..SLOTS).find_map(open).ok_or("no network device")?;
        let device = VirtIONetRaw::new(transport).map_err(|_| "the network device won't start")?;
        let mut mac = Self {
            device,
            buffers: BUFFERS.take().ok_or("the network device was taken")?,
            tokens: [0; QUEUE],
            sending: None,
            slot,
            faults: Faults::default(),
        };
        for index in 0..QUEUE {
            mac.lend(index)
                .ok_or("the network device takes no buffers")?;
        }
        Ok(mac)
    }

    /// The number of its interrupt.
    pub(super) fn line(&self) -> usize {
        self.slot + 1
    }

    /// Lowers the interrupt line.
    pub(super) fn acknowledge(&mut self) {
        self.device.ack_interrupt();
    }

    /// Is a frame there?
    pub(super) fn waiting(&self) -> bool {
        self.device.poll_receive().is_some()
    }

    /// Lends a buffer to the device.
    fn lend(&mut self, index: usize) -> Option<()> {
        let buffer = self.buffers.received.get_mut(index)?;
        // SAFETY: the buffer is in a static and nobody touches it before `receive_complete`, which
        // is given the same one: `tokens` says which.
        let token = unsafe { self.device.receive_begin(buffer) }.ok()?;
        *self.tokens.get_mut(index)? = token;
        Some(())
    }

    /// Puts a header and the frame into the buffer for sending; gives the length of both.
    fn fill(&mut self, frame: &[u8]) -> Option<usize> {
        let header = self
            .device
            .fill_buffer_header(&mut self.buffers.sent)
            .ok()?;
        let end = header + frame.len();
        self.buffers
            .sent
            .get_mut(header..end)?
            .copy_from_slice(frame);
        Some(end)
    }

    /// Takes the next frame out of its buffer, which is lent again.
    fn take(&mut self, into: &mut [u8; FRAME]) -> Option<Result<usize, ()>> {
        let token = self.device.poll_receive()?;
        let index = self.tokens.iter().position(|&lent| lent == token)?;
        let buffer = self.buffers.received.get_mut(index)?;
        // SAFETY: this is the buffer that was lent with this token.
        let done = unsafe { self.device.receive_complete(token, buffer) };
        let frame = done.ok().and_then(|(header, length)| {
            let frame = buffer.get(header..header + length)?;
            into.get_mut(..length)?.copy_from_slice(frame);
            Some(length)
        });
        self.lend(index)?;
        Some(frame.ok_or(()))
    }
}

/// The device of a slot, if it is for networks.
fn open(slot: usize) -> Option<(usize, MmioTransport<'static>)> {
    let header = NonNull::new((FIRST_SLOT + slot * SLOT) as *mut VirtIOHeader)?;
    // SAFETY: the machine has slots at these addresses, and only this function opens one.
    let transport = unsafe { MmioTransport::new(header, SLOT) }.ok()?;
    (transport.device_type() == DeviceType::Network).then_some((slot, transport))
}

impl Mac for Virtio {
    fn address(&self) -> EthernetAddress {
        EthernetAddress(self.device.mac_address())
    }

    fn link(&mut self) -> bool {
        // The emulator's line is never unplugged; the driver does not ask for the bit.
        true
    }

    fn receive(&mut self, into: &mut [u8; FRAME]) -> Option<usize> {
        for _ in 0..BAD_AT_ONCE {
            match self.take(into)? {
                Ok(length) => return Some(length),
                Err(()) => self.faults.bad += 1,
            }
        }
        None
    }

    fn can_send(&mut self) -> bool {
        let Some((token, end)) = self.sending else {
            return true;
        };
        if self.device.poll_transmit() != Some(token) {
            return false;
        }
        // SAFETY: this is the part of the buffer that was given with this token.
        let done = unsafe {
            self.device
                .transmit_complete(token, &self.buffers.sent[..end])
        };
        self.faults.unsent += u32::from(done.is_err());
        self.sending = None;
        true
    }

    fn send(&mut self, frame: &[u8]) {
        let end = self.fill(frame).unwrap_or(0);
        // SAFETY: the buffer is in a static, and nobody touches it before `transmit_complete`, which is
        // given the same part: until then `can_send` says no. An empty part is refused.
        match unsafe { self.device.transmit_begin(&self.buffers.sent[..end]) } {
            Ok(token) => self.sending = Some((token, end)),
            Err(_) => self.faults.unsent += 1,
        }
    }

    fn faults(&self) -> Faults {
        self.faults
    }
}
