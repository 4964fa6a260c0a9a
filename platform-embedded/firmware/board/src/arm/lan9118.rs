//! The Ethernet controller SMSC LAN9118 (its data sheet's section numbers stand at the code).

use smoltcp::wire::EthernetAddress;

use crate::ethernet::{FRAME, Faults, Mac};
use crate::mmio::Register;

/// A register by its offset (5.3).
const fn register(offset: usize) -> Register {
    // SAFETY: the board has the chip at this address, and all offsets below are registers of it.
    // It has memory of its own and touches no other.
    unsafe { Register::at(0x4020_0000 + offset) }
}

const RX_DATA: Register = register(0x00);
const TX_DATA: Register = register(0x20);
const RX_STATUS: Register = register(0x40);
const TX_STATUS: Register = register(0x48);
const IRQ_CFG: Register = register(0x54);
const INT_STS: Register = register(0x58);
const INT_EN: Register = register(0x5C);
const BYTE_TEST: Register = register(0x64);
const FIFO_INT: Register = register(0x68);
const RX_CFG: Register = register(0x6C);
const TX_CFG: Register = register(0x70);
const HW_CFG: Register = register(0x74);
const RX_DP_CTRL: Register = register(0x78);
const RX_FIFO_INF: Register = register(0x7C);
const TX_FIFO_INF: Register = register(0x80);
const FREE_RUN: Register = register(0x9C);
const RX_DROP: Register = register(0xA0);
const MAC_CMD: Register = register(0xA4);
const MAC_DATA: Register = register(0xA8);

/// A received frame that is there (`RSFL_INT`), and one that was lost for want of room.
const RECEIVED: u32 = 1 << 3 | 1 << 20 | 1 << 23;
/// How often a bit that should change soon is looked at.
const TRIES: u32 = 100_000;
/// How many bad frames one call drops.
const BAD_AT_ONCE: u32 = 8;
/// Room in the FIFO for the longest frame with its two commands and padding.
const ROOM: usize = FRAME + 16;

/// The controller.
pub struct Lan9118 {
    address: EthernetAddress,
    faults: Faults,
}

impl Lan9118 {
    /// Resets it and lets it send and receive.
    ///
    /// # Errors
    /// It does not answer as such a chip does.
    pub(super) fn start() -> Result<Self, &'static str> {
        if BYTE_TEST.read() != 0x8765_4321 {
            return Err("no LAN9118");
        }
        // The reset clears the address, which the emulator sets and on a board the EEPROM.
        let [low, high] = [mac_read(3)?, mac_read(2)?];
        HW_CFG.write(1);
        if !HW_CFG.wait_clear(1, TRIES) {
            return Err("the LAN9118 stays in reset");
        }
        mac_write(3, low)?;
        mac_write(2, high)?;
        // 5 KiB for what is sent (5.3.9); the line is raised high, by a driver of its own (5.3.2).
        HW_CFG.write(1 << 20 | 5 << 16);
        IRQ_CFG.write(1 << 8 | 1 << 4 | 1);
        FIFO_INT.write(0x4800_0000);
        RX_CFG.write(0);
        INT_STS.write(u32::MAX);
        INT_EN.write(RECEIVED);
        TX_CFG.write(1 << 1);
        // Full duplex, receiver and transmitter on (5.4.1).
        mac_write(1, 1 << 20 | 1 << 3 | 1 << 2)?;
        let [a, b, c, d] = low.to_le_bytes();
        let [e, f, _, _] = high.to_le_bytes();
        Ok(Self {
            address: EthernetAddress([a, b, c, d, e, f]),
            faults: Faults::default(),
        })
    }

    /// A counter at 25 MHz.
    pub(super) fn free_run() -> u32 {
        FREE_RUN.read()
    }

    /// Lowers the interrupt line.
    pub(super) fn acknowledge(&mut self) {
        INT_STS.write(RECEIVED);
    }

    /// Is a frame there?
    pub(super) fn waiting(&self) -> bool {
        RX_FIFO_INF.read() >> 16 & 0xFF != 0
    }

    /// Forgets how the frames that were sent have fared: the FIFO of that stops the sender when full.
    fn drain_sent(&mut self) {
        for _ in 0..TX_FIFO_INF.read() >> 16 & 0xFF {
            if TX_STATUS.read() & 1 << 15 != 0 {
                self.faults.unsent += 1;
            }
        }
    }
}

impl Mac for Lan9118 {
    fn address(&self) -> EthernetAddress {
        self.address
    }

    fn link(&mut self) -> bool {
        // The status of the PHY remembers a lost link until it is read once (5.5.2).
        let status = || phy_read(1).unwrap_or(0);
        status();
        status() & 1 << 2 != 0
    }

    fn receive(&mut self, into: &mut [u8; FRAME]) -> Option<usize> {
        self.faults.overruns += RX_DROP.read();
        for _ in 0..BAD_AT_ONCE {
            if !self.waiting() {
                return None;
            }
            let status = RX_STATUS.read();
            let whole = (status >> 16 & 0x3FFF) as usize;
            // The length counts the checksum (3.13.3).
            match whole
                .checked_sub(4)
                .and_then(|length| into.get_mut(..length))
            {
                Some(frame) if status & 1 << 15 == 0 => {
                    read_words(frame);
                    // The checksum's own bytes; part of them may have been in the last word.
                    for _ in frame.len().div_ceil(4)..whole.div_ceil(4) {
                        RX_DATA.read();
                    }
                    return Some(frame.len());
                }
                Some(_) | None => {
                    self.faults.bad += 1;
                    skip(whole);
                }
            }
        }
        None
    }

    fn can_send(&mut self) -> bool {
        self.drain_sent();
        (TX_FIFO_INF.read() & 0xFFFF) as usize >= ROOM
    }

    fn send(&mut self, frame: &[u8]) {
        let Ok(length) = u32::try_from(frame.len()) else {
            return;
        };
        // The first and last piece of a frame, and how long it is (3.12.2).
        TX_DATA.write(1 << 13 | 1 << 12 | length);
        TX_DATA.write(length);
        for word in frame.chunks(4) {
            let mut bytes = [0; 4];
            bytes[..word.len()].copy_from_slice(word);
            TX_DATA.write(u32::from_le_bytes(bytes));
        }
    }

    fn faults(&self) -> Faults {
        self.faults
    }
}

fn read_words(frame: &mut [u8]) {
    for word in frame.chunks_mut(4) {
        let bytes = RX_DATA.read().to_le_bytes();
        word.copy_from_slice(&bytes[..word.len()]);
    }
}

/// Drops the data of a frame. The chip does it itself for frames of four words or more (3.13.1.1).
fn skip(length: usize) {
    if length < 16 {
        for _ in 0..length.div_ceil(4) {
            RX_DATA.read();
        }
    } else {
        RX_DP_CTRL.write(1 << 31);
        RX_DP_CTRL.wait_clear(1 << 31, TRIES);
    }
}

/// A register behind the MAC (5.4).
fn mac_read(index: u32) -> Result<u32, &'static str> {
    mac_command(index, 1 << 30)?;
    Ok(MAC_DATA.read())
}

fn mac_write(index: u32, value: u32) -> Result<(), &'static str> {
    MAC_DATA.write(value);
    mac_command(index, 0)
}

fn mac_command(index: u32, read: u32) -> Result<(), &'static str> {
    MAC_CMD.write(1 << 31 | read | index);
    let done = MAC_CMD.wait_clear(1 << 31, TRIES);
    done.then_some(()).ok_or("the MAC does not answer")
}

/// A register of the PHY, whose address is 1 (5.4.7).
fn phy_read(index: u32) -> Result<u32, &'static str> {
    mac_write(6, 1 << 11 | index << 6 | 1)?;
    for _ in 0..TRIES {
        if mac_read(6)? & 1 == 0 {
            return mac_read(7);
        }
    }
    Err("the PHY does not answer")
}
