//! The Ethernet controller of the Stellaris chips (LM3S6965 data sheet, chapter 15).

use smoltcp::wire::EthernetAddress;

use crate::ethernet::{FRAME, Faults, Mac};
use crate::mmio::Register;

/// A register by its offset.
const fn register(offset: usize) -> Register {
    // SAFETY: the chip has its controller at this address, and all offsets below are registers of
    // it. It has memory of its own and touches no other.
    unsafe { Register::at(0x4004_8000 + offset) }
}

const STATUS: Register = register(0x00);
const MASK: Register = register(0x04);
const RX_CONTROL: Register = register(0x08);
const TX_CONTROL: Register = register(0x0C);
const DATA: Register = register(0x10);
const ADDRESS_LOW: Register = register(0x14);
const ADDRESS_HIGH: Register = register(0x18);
const PHY_CONTROL: Register = register(0x20);
const PHY_READ: Register = register(0x30);
const COUNT: Register = register(0x34);
const SEND: Register = register(0x38);

const RECEIVED: u32 = 1;
const SEND_FAILED: u32 = 1 << 1;
const OVERRUN: u32 = 1 << 3;
const RECEIVE_FAILED: u32 = 1 << 4;

const RX_ENABLE: u32 = 1;
const RX_REJECT_BAD: u32 = 1 << 3;
const RX_EMPTY: u32 = 1 << 4;
/// On, padded, with a checksum, full duplex.
const TX_ON: u32 = 1 | 1 << 1 | 1 << 2 | 1 << 4;

/// How often a bit that should change soon is looked at.
const TRIES: u32 = 100_000;
/// In a record: the length itself and the checksum.
const AROUND: usize = 6;
/// The header of a frame, which the length of one to send does not count.
const HEADER: usize = 14;

/// The controller.
pub struct Stellaris {
    address: EthernetAddress,
    faults: Faults,
}

impl Stellaris {
    /// Lets it send and receive. Its clocks are on.
    ///
    /// # Errors
    /// It has no address.
    pub(super) fn start() -> Result<Self, &'static str> {
        let [a, b, c, d] = ADDRESS_LOW.read().to_le_bytes();
        let [e, f, _, _] = ADDRESS_HIGH.read().to_le_bytes();
        let address = EthernetAddress([a, b, c, d, e, f]);
        if !address.is_unicast() {
            return Err("the MAC has no address");
        }
        RX_CONTROL.write(RX_EMPTY);
        TX_CONTROL.write(TX_ON);
        RX_CONTROL.write(RX_ENABLE | RX_REJECT_BAD);
        STATUS.write(0x7F);
        MASK.write(RECEIVED);
        Ok(Self {
            address,
            faults: Faults::default(),
        })
    }

    /// Lowers the interrupt line.
    pub(super) fn acknowledge(&mut self) {
        STATUS.write(RECEIVED);
    }

    /// Is a frame there?
    pub(super) fn waiting(&self) -> bool {
        COUNT.read() & 0x3F != 0
    }

    /// Counts what the controller says has gone wrong.
    fn note_faults(&mut self) {
        let status = STATUS.read() & (SEND_FAILED | OVERRUN | RECEIVE_FAILED);
        if status == 0 {
            return;
        }
        STATUS.write(status);
        self.faults.unsent += u32::from(status & SEND_FAILED != 0);
        self.faults.overruns += u32::from(status & OVERRUN != 0);
        self.faults.bad += u32::from(status & RECEIVE_FAILED != 0);
    }

    /// Drops all that was received: how a record that makes no sense is left behind.
    fn empty(&mut self) {
        self.faults.bad += 1;
        RX_CONTROL.set(RX_EMPTY);
        RX_CONTROL.write(RX_ENABLE | RX_REJECT_BAD);
    }
}

impl Mac for Stellaris {
    fn address(&self) -> EthernetAddress {
        self.address
    }

    fn link(&mut self) -> bool {
        // The status of the PHY remembers a lost link until it is read once.
        let status = || {
            PHY_CONTROL.write(1 << 3 | 1);
            PHY_CONTROL.wait_clear(1, TRIES).then(|| PHY_READ.read())
        };
        status();
        // The emulator has no PHY: there the answer is always no.
        status().is_some_and(|status| status & 1 << 2 != 0)
    }

    fn receive(&mut self, into: &mut [u8; FRAME]) -> Option<usize> {
        self.note_faults();
        if !self.waiting() {
            return None;
        }
        let first = DATA.read().to_le_bytes();
        let whole = usize::from(u16::from_le_bytes([first[0], first[1]]));
        let Some(frame) = whole
            .checked_sub(AROUND)
            .and_then(|length| into.get_mut(..length))
        else {
            self.empty();
            return None;
        };
        if frame.len() < HEADER {
            self.empty();
            return None;
        }
        let (begin, words) = frame.split_at_mut(2);
        begin.copy_from_slice(&first[2..]);
        for word in words.chunks_mut(4) {
            let bytes = DATA.read().to_le_bytes();
            word.copy_from_slice(&bytes[..word.len()]);
        }
        // The checksum's own bytes; part of them may have been in the last word.
        for _ in (2 + frame.len()).div_ceil(4)..whole.div_ceil(4) {
            DATA.read();
        }
        Some(whole - AROUND)
    }

    fn can_send(&mut self) -> bool {
        // There is room for one frame; what was sent before must be gone.
        SEND.read() & 1 == 0
    }

    fn send(&mut self, frame: &[u8]) {
        let Some(length) = frame.len().checked_sub(HEADER) else {
            return;
        };
        let Ok(length) = u16::try_from(length) else {
            return;
        };
        let (begin, words) = frame.split_at(2);
        let [low, high] = length.to_le_bytes();
        DATA.write(u32::from_le_bytes([low, high, begin[0], begin[1]]));
        for word in words.chunks(4) {
            let mut bytes = [0; 4];
            bytes[..word.len()].copy_from_slice(word);
            DATA.write(u32::from_le_bytes(bytes));
        }
        SEND.write(1);
    }

    fn faults(&self) -> Faults {
        self.faults
    }
}
