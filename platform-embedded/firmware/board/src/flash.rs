//! A NOR flash in a file of the host: it outlives the emulator, as a flash outlives a reset.
//!
//! It is as strict as a chip: erasing sets all bits of whole sectors, programming only clears bits,
//! offsets and lengths must be aligned. The host's file is read and written in place by semihosting
//! calls, so that what was written before the emulator was killed is there afterwards.

use core::ffi::CStr;

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_erase, check_read,
    check_write,
};
use semihosting::fs::{File, OpenOptions};
use semihosting::io::{Read, Seek, SeekFrom, Write};

/// How much is read before it is programmed, in bytes.
const PIECE: u32 = 64;

/// The longest path of the file, with a zero behind it.
const LONGEST_PATH: usize = 192;

/// What a flash can fail with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, defmt::Format)]
pub enum FlashError {
    /// An offset or a length is not a multiple of what it must be.
    NotAligned,
    /// It lies outside.
    OutOfBounds,
    /// A bit would have to be set that only an erase can set.
    NotErased,
    /// The host can't read or write its file.
    Host,
}

impl NorFlashError for FlashError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::NotAligned => NorFlashErrorKind::NotAligned,
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
            Self::NotErased | Self::Host => NorFlashErrorKind::Other,
        }
    }
}

impl From<NorFlashErrorKind> for FlashError {
    fn from(kind: NorFlashErrorKind) -> Self {
        if kind == NorFlashErrorKind::NotAligned {
            Self::NotAligned
        } else {
            Self::OutOfBounds
        }
    }
}

/// The flash.
pub struct HostFlash {
    file: File,
    size: usize,
}

impl HostFlash {
    /// The flash in this file, which exists and has the size of the flash.
    ///
    /// # Errors
    /// The host can't open it, or its length is no multiple of a sector.
    pub fn open(path: &str) -> Result<Self, FlashError> {
        let mut room = [0; LONGEST_PATH];
        let bytes = room.get_mut(..path.len()).ok_or(FlashError::Host)?;
        bytes.copy_from_slice(path.as_bytes());
        let path = CStr::from_bytes_until_nul(&room).map_err(|_| FlashError::Host)?;
        let file = OpenOptions::new().read(true).write(true).open(path);
        let file = file.map_err(|_| FlashError::Host)?;
        let length = file.metadata().map_err(|_| FlashError::Host)?.len();
        let size = usize::try_from(length).map_err(|_| FlashError::OutOfBounds)?;
        if size == 0 || !size.is_multiple_of(Self::ERASE_SIZE) {
            return Err(FlashError::NotAligned);
        }
        Ok(Self { file, size })
    }

    fn read_at(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        let file = &mut self.file;
        let done = file
            .seek(SeekFrom::Start(offset.into()))
            .and_then(|_| file.read_exact(bytes));
        done.map_err(|_| FlashError::Host)
    }

    fn write_at(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        let file = &mut self.file;
        let done = file
            .seek(SeekFrom::Start(offset.into()))
            .and_then(|_| file.write_all(bytes));
        done.map_err(|_| FlashError::Host)
    }
}

impl ErrorType for HostFlash {
    type Error = FlashError;
}

impl ReadNorFlash for HostFlash {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        check_read(self, offset, bytes.len())?;
        self.read_at(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.size
    }
}

impl NorFlash for HostFlash {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        check_erase(self, from, to)?;
        let mut offset = from;
        while offset < to {
            self.write_at(offset, &[0xFF; PIECE as usize])?;
            offset += PIECE;
        }
        Ok(())
    }

    fn write(&mut self, mut offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        check_write(self, offset, bytes.len())?;
        for piece in bytes.chunks(PIECE as usize) {
            let mut there = [0; PIECE as usize];
            let there = &mut there[..piece.len()];
            self.read_at(offset, there)?;
            if there.iter().zip(piece).any(|(old, new)| !old & new != 0) {
                return Err(FlashError::NotErased);
            }
            self.write_at(offset, piece)?;
            offset += PIECE;
        }
        Ok(())
    }
}
