//! What the benchmark's clients have in common: what they are told to do, and what they report.

use std::path::{Path, PathBuf};

pub mod job;
pub mod report;

/// The folder of this package, as cargo says when it runs a program of it, else as it was built.
#[must_use]
pub fn folder() -> PathBuf {
    let folder = std::env::var_os("CARGO_MANIFEST_DIR");
    folder.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from)
}

/// The folder of the whole project.
#[must_use]
pub fn root() -> PathBuf {
    let folder = folder();
    let root = folder.ancestors().nth(2).map(Path::to_owned);
    root.unwrap_or(folder)
}
