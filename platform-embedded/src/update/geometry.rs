//! The units of a flash, as plain numbers.

use embedded_storage::nor_flash::NorFlash;

use super::fault::LayoutError;
use super::record::LENGTH;
use super::{Layout, Region};

/// The units of a flash, as plain numbers.
#[derive(Clone, Copy)]
pub(super) struct Geometry {
    /// What is erased at once.
    pub(super) erase: u32,
    /// What a record takes: whole write units and read units.
    pub(super) slot: u32,
    read: u32,
    write: u32,
}

impl Geometry {
    /// That of a type of flash.
    pub(super) const fn of<F: NorFlash>() -> Self {
        let (read, write) = (narrow(F::READ_SIZE), narrow(F::WRITE_SIZE));
        let unit = if read > write { read } else { write };
        Self {
            erase: narrow(F::ERASE_SIZE),
            slot: narrow(LENGTH).next_multiple_of(unit),
            read,
            write,
        }
    }

    /// Can a buffer of so many bytes serve it? It must be made of whole units, hold a record, and
    /// fill an erase unit evenly.
    pub(super) const fn suits(&self, buffer: usize) -> bool {
        let buffer = narrow(buffer);
        buffer >= self.slot
            && self.slot.is_multiple_of(self.write)
            && self.slot.is_multiple_of(self.read)
            && buffer.is_multiple_of(self.write)
            && buffer.is_multiple_of(self.read)
            && self.erase.is_multiple_of(buffer)
    }

    /// How many records an erase unit holds; at least one.
    pub(super) const fn slots(&self) -> u32 {
        self.erase / self.slot
    }

    pub(super) const fn slot_bytes(&self) -> usize {
        self.slot as usize
    }

    /// So many bytes, and what is missing of the last write unit.
    pub(super) const fn whole_writes(&self, bytes: usize) -> usize {
        bytes.next_multiple_of(self.write as usize)
    }

    /// So many bytes, and what is missing of the last read unit.
    pub(super) const fn whole_reads(&self, bytes: usize) -> usize {
        bytes.next_multiple_of(self.read as usize)
    }

    /// The place of the record behind the one at `at`, in a log over two erase units.
    pub(super) const fn behind(&self, at: u32) -> u32 {
        let next = at + self.slot;
        if next % self.erase + self.slot <= self.erase && !next.is_multiple_of(self.erase) {
            next
        } else if at < self.erase {
            self.erase
        } else {
            0
        }
    }

    /// Can a layout be used with a flash of this capacity?
    pub(super) fn check(&self, layout: &Layout, capacity: usize) -> Result<(), LayoutError> {
        let (image, records) = (layout.image, layout.records);
        for region in [image, records] {
            if !region.start.is_multiple_of(self.erase) || !region.size.is_multiple_of(self.erase) {
                return Err(LayoutError::NotAligned);
            }
            if region.end().is_none_or(|end| end as usize > capacity) {
                return Err(LayoutError::OutOfBounds);
            }
        }
        if image.size < self.erase || records.size / self.erase < 2 {
            return Err(LayoutError::TooSmall);
        }
        if overlap(image, records) {
            return Err(LayoutError::Overlap);
        }
        Ok(())
    }
}

const fn overlap(one: Region, other: Region) -> bool {
    let (start, end) = if one.start <= other.start {
        (other.start, one.start + one.size)
    } else {
        (one.start, other.start + other.size)
    };
    start < end
}

/// No unit of a flash takes more than 32 bits. Its constants are evaluated when the program is built.
#[expect(clippy::cast_possible_truncation, reason = "checked right before")]
const fn narrow(bytes: usize) -> u32 {
    assert!(bytes > 0 && bytes <= u32::MAX as usize >> 1);
    bytes as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const GEOMETRY: Geometry = Geometry {
        erase: 1024,
        slot: 384,
        read: 1,
        write: 128,
    };

    #[test]
    fn records_take_turns_over_two_sectors() {
        assert_eq!(GEOMETRY.slots(), 2);
        let places = [0, 384, 1024, 1408, 0];
        for pair in places.windows(2) {
            assert_eq!(GEOMETRY.behind(pair[0]), pair[1]);
        }
        let even = Geometry {
            slot: 512,
            ..GEOMETRY
        };
        assert_eq!(
            [0, 512, 1024, 1536].map(|at| even.behind(at)),
            [512, 1024, 1536, 0]
        );
    }

    #[test]
    fn a_layout_must_fit() {
        let check = |image: (u32, u32), records: (u32, u32)| {
            let layout = Layout {
                image: Region::new(image.0, image.1),
                records: Region::new(records.0, records.1),
            };
            GEOMETRY.check(&layout, 8192)
        };
        assert_eq!(check((0, 6144), (6144, 2048)), Ok(()));
        assert_eq!(check((2048, 1024), (0, 2048)), Ok(()));
        let cases = [
            ((1, 1024), (2048, 2048), LayoutError::NotAligned),
            ((0, 1000), (2048, 2048), LayoutError::NotAligned),
            ((0, 9216), (2048, 2048), LayoutError::OutOfBounds),
            ((0, 1024), (0xffff_fc00, 2048), LayoutError::OutOfBounds),
            ((0, 0), (2048, 2048), LayoutError::TooSmall),
            ((0, 1024), (2048, 1024), LayoutError::TooSmall),
            ((0, 3072), (2048, 2048), LayoutError::Overlap),
            ((4096, 1024), (3072, 2048), LayoutError::Overlap),
            ((0, 1024), (0, 2048), LayoutError::Overlap),
        ];
        for (image, records, why) in cases {
            assert_eq!(check(image, records), Err(why), "{image:?} {records:?}");
        }
    }
}
