//! What an image takes on a device.

use std::fs;
use std::io;
use std::path::Path;

use object::{Object, ObjectSection};

/// An image.
pub struct Image(Vec<u8>);

impl Image {
    /// Reads it.
    ///
    /// # Errors
    /// What the system says.
    pub fn read(path: &Path) -> io::Result<Self> {
        let named = |error| io::Error::other(format!("{}: {error}", path.display()));
        Ok(Self(fs::read(path).map_err(named)?))
    }

    /// Bytes of code and constants: what an image of the same vectors adds to flash.
    ///
    /// # Errors
    /// It is no image, or has no such section.
    pub fn flash(&self) -> io::Result<u64> {
        Ok(self.section(".text")? + self.section(".rodata")?)
    }

    fn section(&self, name: &str) -> io::Result<u64> {
        let file = object::File::parse(&self.0[..]).map_err(io::Error::other)?;
        let section = file.section_by_name(name);
        let section = section.ok_or_else(|| io::Error::other(format!("no {name}")))?;
        Ok(section.size())
    }
}
