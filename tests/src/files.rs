//! Temporary folders, and files whose contents follow from a number.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// How much is written or compared at once, in bytes: a multiple of eight.
const PIECE: usize = 64 * 1024;

/// A folder of its own below the system's folder for such, removed when dropped.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A new, empty one with `purpose` in its name.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(purpose: &str) -> io::Result<Self> {
        Self::new_below(&std::env::temp_dir(), purpose)
    }

    /// The same below a folder of one's choice.
    ///
    /// # Errors
    /// What the system says.
    pub fn new_below(parent: &Path, purpose: &str) -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("muxfer-{purpose}-{}-{count}", std::process::id());
        let path = parent.join(name);
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What can't be removed stays in the folder for temporary files; a test is no worse for it.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Endless bytes that follow from a seed; no two seeds give the same (xorshift64*).
#[derive(Clone, Debug)]
pub struct Content {
    state: u64,
    left: u64,
}

impl Content {
    /// `length` bytes from `seed`.
    #[must_use]
    pub fn new(seed: u64, length: u64) -> Self {
        // The state may not be zero; an odd factor keeps different seeds apart.
        let state = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self {
            state: if state == 0 { 1 } else { state },
            left: length,
        }
    }

    /// Writes it all to a new file.
    ///
    /// # Errors
    /// What the system says.
    pub fn write_to(mut self, file: &Path) -> io::Result<()> {
        let mut into = BufWriter::new(File::create_new(file)?);
        let mut piece = vec![0; PIECE];
        loop {
            let count = self.fill(&mut piece);
            if count == 0 {
                return into.flush();
            }
            into.write_all(&piece[..count])?;
        }
    }

    /// All of it, in memory.
    ///
    /// # Panics
    /// It is more than memory can hold.
    #[must_use]
    pub fn into_bytes(mut self) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(self.left).expect("more than memory can hold")];
        self.fill(&mut bytes);
        bytes
    }

    /// Compares the file with it, byte for byte, to the end of both.
    ///
    /// # Errors
    /// The file can't be read, or differs: the message says where.
    pub fn compare(mut self, file: &Path) -> io::Result<()> {
        let length = self.left;
        let named = |error: io::Error| io::Error::other(format!("{}: {error}", file.display()));
        let found = fs::metadata(file).map_err(named)?.len();
        if found != length {
            return Err(io::Error::other(format!(
                "{}: {found} bytes instead of {length}",
                file.display()
            )));
        }
        let mut from = BufReader::new(File::open(file)?);
        let (mut want, mut have) = (vec![0; PIECE], vec![0; PIECE]);
        let mut offset = 0;
        loop {
            let count = self.fill(&mut want);
            if count == 0 {
                return Ok(());
            }
            from.read_exact(&mut have[..count])?;
            if let Some(place) = (0..count).find(|&place| want[place] != have[place]) {
                return Err(io::Error::other(format!(
                    "{}: byte {} differs",
                    file.display(),
                    offset + place
                )));
            }
            offset += count;
        }
    }

    /// Gives the next bytes, and how many they are; 0 at the end. The length of `into` is a
    /// multiple of eight, or all that is left: only the last word may be cut.
    fn fill(&mut self, into: &mut [u8]) -> usize {
        let room = usize::try_from(self.left).map_or(into.len(), |left| left.min(into.len()));
        for word in into[..room].chunks_mut(8) {
            self.state ^= self.state >> 12;
            self.state ^= self.state << 25;
            self.state ^= self.state >> 27;
            let bytes = self.state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes();
            word.copy_from_slice(&bytes[..word.len()]);
        }
        self.left -= room as u64;
        room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_compare_equal_to_themselves_and_to_nothing_else() -> io::Result<()> {
        let folder = Folder::new("content")?;
        let file = folder.path().join("file");
        let length = PIECE as u64 + 13;
        Content::new(1, length).write_to(&file)?;
        Content::new(1, length).compare(&file)?;
        assert!(Content::new(2, length).compare(&file).is_err());
        assert!(Content::new(1, length - 1).compare(&file).is_err());
        Ok(())
    }
}
