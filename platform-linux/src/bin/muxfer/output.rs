//! Where a body is written, and under which name.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The longest file name that common file systems take.
const MAX_NAME: usize = 255;

/// The target of one transfer. A file is made with the first byte, or at a successful end, so that
/// a transfer that fails early leaves an older file as it was.
#[derive(Debug)]
pub(crate) enum Output {
    /// Standard output.
    Stdout,
    /// A file.
    File {
        path: PathBuf,
        file: Option<File>,
        append: bool,
        create_dirs: bool,
    },
}

impl Output {
    pub(crate) fn file(path: PathBuf, create_dirs: bool) -> Self {
        Self::File {
            path,
            file: None,
            append: false,
            create_dirs,
        }
    }

    /// What comes is added to what a file already holds.
    pub(crate) const fn append(&mut self) {
        if let Self::File { append, .. } = self {
            *append = true;
        }
    }

    /// Writes all of it.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout => io::stdout().lock().write_all(bytes),
            Self::File {
                file: Some(file), ..
            } => file.write_all(bytes),
            Self::File { file: None, .. } => {
                self.open()?;
                self.write(bytes)
            }
        }
    }

    fn open(&mut self) -> io::Result<()> {
        let Self::File {
            path,
            file,
            append,
            create_dirs,
        } = self
        else {
            return Ok(());
        };
        if let (true, Some(parent)) = (*create_dirs, path.parent()) {
            fs::create_dir_all(parent)?;
        }
        let mut options = OpenOptions::new();
        options.create(true);
        if *append {
            options.append(true)
        } else {
            options.write(true).truncate(true)
        };
        *file = Some(options.open(&*path)?);
        Ok(())
    }

    /// The transfer was a success: an empty body leaves an empty file.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout => io::stdout().lock().flush(),
            Self::File { file: Some(_), .. } => Ok(()),
            Self::File { file: None, .. } => self.open(),
        }
    }

    /// What it is called in messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Stdout => "standard output".to_string(),
            Self::File { path, .. } => path.display().to_string(),
        }
    }
}

/// Names from URLs, no two of one run the same.
#[derive(Debug, Default)]
pub(crate) struct Names {
    hasher: RandomState,
    /// Hashes of the names that were given out: 8 bytes each, whatever their length.
    given: HashSet<u64>,
}

impl Names {
    /// A name that no transfer of this run has: the second `a` is `a.1`.
    pub(crate) fn unique(&mut self, name: &str) -> String {
        let mut candidate = name.to_string();
        let mut number = 0_u32;
        while !self.given.insert(self.hasher.hash_one(&candidate)) {
            number += 1;
            candidate = format!("{name}.{number}");
        }
        candidate
    }
}

/// The file name that a URL ends with. Never a path, never a name with a meaning of its own.
pub(crate) fn remote_name(url: &str) -> Option<String> {
    let behind = url.split_once("://").map_or(url, |(_, behind)| behind);
    let end = behind.find(['?', '#']).unwrap_or(behind.len());
    let (_, path) = behind.get(..end)?.split_once('/')?;
    let name = path.rsplit(['/', '\\']).next()?;
    let plain = !matches!(name, "" | "." | "..") && !name.contains('\0');
    (plain && name.len() <= MAX_NAME).then(|| name.to_string())
}

/// The length of what is already there.
pub(crate) fn present_length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d23_names_are_never_paths() {
        for (url, name) in [
            ("http://a/b/c.txt?q#f", Some("c.txt")),
            ("http://a/b/..%2f..%2fetc", Some("..%2f..%2fetc")),
            ("http://a/b\\c", Some("c")),
            ("http://a/", None),
            ("http://a", None),
            ("http://a?x=/y", None),
            ("http://a/b/..", None),
            ("http://a/b/.", None),
        ] {
            assert_eq!(remote_name(url).as_deref(), name, "{url}");
        }
        assert_eq!(remote_name(&format!("http://a/{}", "x".repeat(256))), None);
    }

    #[test]
    fn a_name_is_given_once() {
        let mut names = Names::default();
        assert_eq!(
            ["a", "a", "a.1", "a"].map(|name| names.unique(name)),
            ["a", "a.1", "a.1.1", "a.2"]
        );
    }
}
