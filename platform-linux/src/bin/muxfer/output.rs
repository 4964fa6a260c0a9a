//! Where a body is written, and under which name.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::url::numbered;

/// The target of one transfer. A file is made with the first byte, or at a successful end, so that
/// a transfer that fails early leaves an older file as it was.
#[derive(Debug)]
pub(crate) enum Output {
    /// Standard output.
    Stdout(Arc<File>),
    /// A file.
    File(FileOutput),
}

/// A file that is written, once there is something to write.
#[derive(Debug)]
pub(crate) struct FileOutput {
    path: PathBuf,
    file: Option<File>,
    /// What comes is added to what is already there.
    append: bool,
    manner: Manner,
}

/// How files are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// Make the folders that are missing.
    pub(crate) create_dirs: bool,
    /// Remove the file of a transfer that failed.
    pub(crate) remove_on_error: bool,
}

impl Output {
    pub(crate) fn file(path: PathBuf, manner: Manner) -> Self {
        Self::File(FileOutput {
            path,
            file: None,
            append: false,
            manner,
        })
    }

    /// What comes is added to what a file already holds.
    pub(crate) const fn append(&mut self) {
        if let Self::File(output) = self {
            output.append = true;
        }
    }

    pub(crate) const fn is_stdout(&self) -> bool {
        matches!(self, Self::Stdout(_))
    }

    /// Writes all of it.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout(stdout) => stdout.as_ref().write_all(bytes),
            Self::File(output) => output.opened()?.write_all(bytes),
        }
    }

    /// The transfer was a success: an empty body leaves an empty file.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(_) => Ok(()),
            Self::File(output) => output.opened().map(|_| ()),
        }
    }

    /// The transfer has failed. Only a file that this transfer has opened is removed.
    pub(crate) fn give_up(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(_) => Ok(()),
            Self::File(output) => output.give_up(),
        }
    }

    /// What it is called in messages.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Stdout(_) => "standard output".to_string(),
            Self::File(output) => output.path.display().to_string(),
        }
    }

    /// The length of what is already there.
    pub(crate) fn present_length(&self) -> u64 {
        match self {
            Self::Stdout(_) => 0,
            Self::File(output) => fs::metadata(&output.path).map_or(0, |data| data.len()),
        }
    }
}

impl FileOutput {
    fn opened(&mut self) -> io::Result<&mut File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => self.open()?,
        };
        Ok(self.file.insert(file))
    }

    fn open(&self) -> io::Result<File> {
        if let (true, Some(parent)) = (self.manner.create_dirs, self.path.parent()) {
            fs::create_dir_all(parent)?;
        }
        let mut options = OpenOptions::new();
        options.create(true);
        if self.append {
            options.append(true);
        } else {
            options.write(true).truncate(true);
        }
        options.open(&self.path)
    }

    fn give_up(&mut self) -> io::Result<()> {
        let Some(file) = self.file.take() else {
            return Ok(());
        };
        // Never a device, and never what an earlier run has left to be resumed.
        let removable = file.metadata()?.is_file() && !self.append;
        if self.manner.remove_on_error && removable {
            fs::remove_file(&self.path)?;
        }
        Ok(())
    }
}

/// The files of a run, no two of them the same.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    hasher: RandomState,
    /// Hashes of the paths that were given out, each with the number that comes next: 16 bytes,
    /// whatever the length. Two that share a hash cost no more than a number.
    given: HashMap<u64, u32>,
}

impl Paths {
    /// A path that no transfer of this run has: the second `a` is `a.1`. What is there and no
    /// regular file, such as `/dev/null`, can be shared.
    pub(crate) fn unique(&mut self, folder: &Path, name: &Path) -> PathBuf {
        let path = folder.join(name);
        if fs::metadata(&path).is_ok_and(|data| !data.is_file()) {
            return path;
        }
        let first = self.hasher.hash_one(&path);
        let Some(mut number) = self.given.get(&first).copied() else {
            self.given.insert(first, 1);
            return path;
        };
        loop {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let candidate = path.with_file_name(numbered(&name, number));
            number = number.saturating_add(1);
            let hash = self.hasher.hash_one(&candidate);
            if !self.given.contains_key(&hash) {
                self.given.insert(hash, 1);
                self.given.insert(first, number);
                return candidate;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_given_once() {
        let mut paths = Paths::default();
        let mut unique = |name: &str| {
            let path = paths.unique(Path::new("no-such-folder"), Path::new(name));
            path.file_name().unwrap().to_string_lossy().into_owned()
        };
        assert_eq!(
            ["a", "a", "a.1", "a", "b"].map(&mut unique),
            ["a", "a.1", "a.1.1", "a.2", "b"]
        );
    }

    #[test]
    fn devices_are_shared() {
        let mut paths = Paths::default();
        for _ in 0..2 {
            let path = paths.unique(Path::new("x"), Path::new("/dev/null"));
            assert_eq!(path, Path::new("/dev/null"));
        }
    }
}
