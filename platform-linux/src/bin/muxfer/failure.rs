//! Why something was not fetched, with libcurl's number for it.

use std::io;
use std::path::Path;

/// What could not be done. The code is the exit status if it is the first failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// libcurl's `CURLcode`.
    pub(crate) code: u8,
    /// One line for people, without the URL.
    pub(crate) why: String,
}

impl Failure {
    /// Wrong usage, or no engine: `CURLE_FAILED_INIT`.
    pub(crate) const USAGE: u8 = 2;
    /// A URL that is none: `CURLE_URL_MALFORMAT`.
    pub(crate) const BAD_URL: u8 = 3;
    /// A target that can't be written: `CURLE_WRITE_ERROR`.
    pub(crate) const WRITE: u8 = 23;
    /// A file that can't be read: `CURLE_READ_ERROR`.
    pub(crate) const READ: u8 = 26;

    pub(crate) fn new(code: u8, why: impl Into<String>) -> Self {
        Self {
            code,
            why: why.into(),
        }
    }

    pub(crate) fn usage(why: impl Into<String>) -> Self {
        Self::new(Self::USAGE, why)
    }

    /// The system could not read this file.
    pub(crate) fn reading(path: &Path, error: &io::Error) -> Self {
        Self::new(
            Self::READ,
            format!("can't read {}: {error}", path.display()),
        )
    }

    /// The system could not write what is called so.
    pub(crate) fn writing(name: &str, error: &io::Error) -> Self {
        Self::new(Self::WRITE, format!("can't write {name}: {error}"))
    }
}
