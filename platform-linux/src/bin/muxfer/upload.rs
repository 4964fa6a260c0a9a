//! Where the body of an upload comes from.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use muxfer_core::easy::Given;

/// A file, or standard input. Reading standard input waits for it: other transfers wait, too.
#[derive(Debug)]
pub(crate) enum Upload {
    /// A file of known length.
    File(File, u64),
    /// Standard input, until its end.
    Stdin,
}

impl Upload {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self::Stdin);
        }
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(Self::File(file, metadata.len()))
    }

    pub(crate) fn length(&self) -> Option<u64> {
        match self {
            Self::File(_, length) => Some(*length),
            Self::Stdin => None,
        }
    }

    pub(crate) fn read(&mut self, into: &mut [u8]) -> Given {
        let result = match self {
            Self::File(file, _) => file.read(into),
            Self::Stdin => io::stdin().lock().read(into),
        };
        match result {
            Ok(0) => Given::End,
            Ok(n) => Given::Bytes(n),
            Err(_) => Given::Abort,
        }
    }

    pub(crate) fn rewind(&mut self) -> bool {
        match self {
            Self::File(file, _) => file.rewind().is_ok(),
            Self::Stdin => false,
        }
    }
}
