//! The records in the flash: a log over two sectors, of which one is always whole.
//!
//! A record is written behind the last one of its sector. When the sector is full, and after each
//! start of the device, the other sector is erased and takes the next. So
//! * the newest record stays until a newer one is written, whenever the power fails: what is erased
//!   never holds it, and what is written was erased in the same run;
//! * nothing is ever written where an earlier run may have begun to write. A word that the power
//!   left half written may look erased and is not.

use embedded_storage::nor_flash::NorFlash;

use super::Region;
use super::fault::{Fault, flash};
use super::geometry::Geometry;
use super::record::{LENGTH, Record};

/// Where the log stands.
pub(super) struct Log {
    region: Region,
    /// Of the newest record; 0 if there is none.
    sequence: u32,
    /// Where the next record goes, from the start of the region. At the start of a sector that is
    /// erased first.
    next: u32,
    /// There may be records.
    is_used: bool,
}

impl Log {
    pub(super) const fn new(region: Region) -> Self {
        Self {
            region,
            sequence: 0,
            next: 0,
            is_used: true,
        }
    }

    /// Finds the newest record. The buffer holds a slot.
    pub(super) fn open<F: NorFlash>(&mut self, chip: &mut F, buffer: &mut [u8]) -> Option<Record> {
        let geometry = Geometry::of::<F>();
        let mut newest: Option<Record> = None;
        (self.sequence, self.next, self.is_used) = (0, 0, false);
        for sector in [0, geometry.erase] {
            for slot in 0..geometry.slots() {
                let at = self.region.start + sector + slot * geometry.slot;
                let slot = buffer.get_mut(..geometry.slot_bytes()).unwrap_or(&mut []);
                // What the power left half written may not even be readable.
                let is_read = chip.read(at, slot).is_ok();
                self.is_used |= !is_read || slot.iter().any(|byte| *byte != 0xff);
                // Records stand one behind the other: the first gap is the end.
                let Some(record) = Record::decode(slot).filter(|_| is_read) else {
                    break;
                };
                if record.sequence > self.sequence {
                    self.sequence = record.sequence;
                    self.next = geometry.erase - sector;
                    newest = Some(record);
                }
            }
        }
        newest
    }

    /// Writes a record, with the next number in place of its own.
    pub(super) fn append<F: NorFlash>(
        &mut self,
        chip: &mut F,
        buffer: &mut [u8],
        mut record: Record,
    ) -> Result<(), Fault> {
        let geometry = Geometry::of::<F>();
        let at = self.region.start + self.next;
        self.is_used = true;
        if self.next.is_multiple_of(geometry.erase) {
            chip.erase(at, at + geometry.erase).map_err(flash::<F>)?;
        }
        record.sequence = self.sequence.saturating_add(1);
        let slot = buffer.get_mut(..geometry.slot_bytes()).unwrap_or(&mut []);
        let (front, padding) = slot.split_at_mut(LENGTH);
        front.copy_from_slice(&record.encode());
        padding.fill(0xff);
        chip.write(at, slot).map_err(flash::<F>)?;
        self.sequence = record.sequence;
        self.next = geometry.behind(self.next);
        Ok(())
    }

    /// Erases all records, if there are any.
    pub(super) fn clear<F: NorFlash>(&mut self, chip: &mut F) -> Result<(), Fault> {
        if self.is_used {
            let geometry = Geometry::of::<F>();
            let start = self.region.start;
            chip.erase(start, start + 2 * geometry.erase)
                .map_err(flash::<F>)?;
            (self.sequence, self.next, self.is_used) = (0, 0, false);
        }
        Ok(())
    }
}
