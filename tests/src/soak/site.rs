//! What nginx serves.

use std::io;
use std::path::Path;

use crate::files::Content;

/// How many files there are of which length. Most are small.
const FILES: &[(usize, u64)] = &[(48, 1024), (6, 0), (8, 16 * 1024), (2, 256 * 1024)];

/// Files whose contents are known.
#[derive(Debug)]
pub(super) struct Site {
    contents: Vec<Vec<u8>>,
}

impl Site {
    /// Writes them.
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        let lengths = FILES
            .iter()
            .flat_map(|(count, length)| std::iter::repeat_n(*length, *count));
        let mut contents = Vec::new();
        for (number, length) in (0..).zip(lengths) {
            let content = Content::new(number, length);
            content.clone().write_to(&folder.join(number.to_string()))?;
            contents.push(content.into_bytes());
        }
        Ok(Self { contents })
    }

    /// How many there are; their names are the numbers below.
    pub(super) fn count(&self) -> usize {
        self.contents.len()
    }

    /// What a file holds.
    pub(super) fn content(&self, file: usize) -> &[u8] {
        &self.contents[file]
    }
}
