//! What an image takes on a device.

use std::fs;
use std::io;
use std::path::Path;

use object::{Object, ObjectSection, ObjectSymbol};

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
    /// It is no image.
    pub fn flash(&self) -> io::Result<u64> {
        Ok(self.section(".text")? + self.section(".rodata")?)
    }

    /// Bytes of a section.
    ///
    /// # Errors
    /// It is no image, or has no such section.
    pub fn section(&self, name: &str) -> io::Result<u64> {
        let file = self.parse()?;
        let section = file.section_by_name(name);
        let section = section.ok_or_else(|| io::Error::other(format!("no {name}")))?;
        Ok(section.size())
    }

    /// Bytes of the static whose mangled name ends with the path `end`, such as `get::MEMORY`.
    ///
    /// # Errors
    /// It is no image, or has none or several.
    pub fn variable(&self, end: &[&str]) -> io::Result<u64> {
        let file = self.parse()?;
        let sizes: Vec<u64> = file
            .symbols()
            .filter(|symbol| symbol.name().is_ok_and(|name| is_path(name, end)))
            .map(|symbol| symbol.size())
            .collect();
        match sizes[..] {
            [size] => Ok(size),
            [] | [_, _, ..] => Err(io::Error::other(format!("{end:?} is there {} times", sizes.len()))),
        }
    }

    fn parse(&self) -> io::Result<object::File<'_>> {
        object::File::parse(&self.0[..]).map_err(io::Error::other)
    }
}

/// Is this the mangled name of this path? In it each part has its length before it.
fn is_path(name: &str, path: &[&str]) -> bool {
    let parts = path.iter().map(|part| format!("{}{part}", part.len()));
    name.contains(&parts.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_found_in_a_mangled_name() {
        let name = "_ZN3get6MEMORY17h0123456789abcdefE";
        assert!(is_path(name, &["get", "MEMORY"]));
        assert!(!is_path(name, &["get", "ROOM"]));
    }
}
