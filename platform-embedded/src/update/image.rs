//! The image in the flash: written from front to back, read back from front to back.

use embedded_storage::nor_flash::NorFlash;

use super::Region;
use super::fault::{Fault, flash};
use super::geometry::Geometry;
use super::hash::Hash;

/// Where an image is, and how much of it has come.
///
/// Bytes are gathered in a buffer and written when it is full. An erase unit is erased right before
/// its first byte is written. What has come and is not written is the rest of `position` by the
/// length of the buffer.
pub(super) struct Image {
    region: Region,
    /// So many bytes have come.
    position: u32,
}

impl Image {
    pub(super) const fn new(region: Region) -> Self {
        Self {
            region,
            position: 0,
        }
    }

    pub(super) const fn position(&self) -> u32 {
        self.position
    }

    /// How many bytes there is place for.
    pub(super) const fn size(&self) -> u32 {
        self.region.size
    }

    /// So many bytes are in the flash: the start of an erase unit, or the end of the image.
    pub(super) const fn set_position(&mut self, position: u32) {
        self.position = position;
    }

    /// Takes what fits into the buffer, and writes it if it is full. Answers with the rest.
    pub(super) fn put<'a, F: NorFlash>(
        &mut self,
        chip: &mut F,
        buffer: &mut [u8],
        bytes: &'a [u8],
    ) -> Result<&'a [u8], Fault> {
        let staged = self.position as usize % buffer.len();
        let free = buffer.get_mut(staged..).unwrap_or(&mut []);
        let (now, later) = bytes.split_at(free.len().min(bytes.len()));
        if let Some(place) = free.get_mut(..now.len()) {
            place.copy_from_slice(now);
        }
        let is_full = now.len() == free.len();
        // Not more than the buffer, which fits into an erase unit.
        self.position += u32::try_from(now.len()).unwrap_or(0);
        if is_full {
            self.write(chip, buffer, buffer.len())?;
        }
        Ok(later)
    }

    /// Writes what has come and is not written. Nothing can be put behind it afterwards.
    pub(super) fn close<F: NorFlash>(
        &mut self,
        chip: &mut F,
        buffer: &mut [u8],
    ) -> Result<(), Fault> {
        match self.position as usize % buffer.len() {
            0 => Ok(()),
            staged => self.write(chip, buffer, staged),
        }
    }

    /// Writes the first bytes of the buffer, which are the last that have come.
    fn write<F: NorFlash>(
        &self,
        chip: &mut F,
        buffer: &mut [u8],
        bytes: usize,
    ) -> Result<(), Fault> {
        let geometry = Geometry::of::<F>();
        let place = self.position - u32::try_from(bytes).unwrap_or(0);
        let at = self.region.start + place;
        if place.is_multiple_of(geometry.erase) {
            chip.erase(at, at + geometry.erase).map_err(flash::<F>)?;
        }
        let padded = geometry.whole_writes(bytes);
        let block = buffer.get_mut(..padded).unwrap_or(&mut []);
        if let Some(padding) = block.get_mut(bytes..) {
            padding.fill(0xff);
        }
        chip.write(at, block).map_err(flash::<F>)
    }

    /// Reads what is behind the first `from` bytes, as much as the buffer holds, into the hash.
    /// Answers how much that was; 0 at the end.
    pub(super) fn read_back<F: NorFlash>(
        &self,
        chip: &mut F,
        buffer: &mut [u8],
        from: u32,
        hash: &mut Hash,
    ) -> Result<u32, Fault> {
        let geometry = Geometry::of::<F>();
        let bytes = (self.position.saturating_sub(from) as usize).min(buffer.len());
        if bytes > 0 {
            let padded = geometry.whole_reads(bytes);
            let block = buffer.get_mut(..padded).unwrap_or(&mut []);
            chip.read(self.region.start + from, block)
                .map_err(flash::<F>)?;
            hash.update(block.get(..bytes).unwrap_or(&[]));
        }
        Ok(u32::try_from(bytes).unwrap_or(0))
    }
}
