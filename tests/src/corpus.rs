//! Responses as servers send them, well-formed and hostile, and what the engine makes of them.
//!
//! `tests/corpus/responses` holds one stream of bytes to a file: all that a server sends before it
//! closes, so also what may stand behind the message. The name says what it shows; one that begins
//! with `head-` answers a HEAD, all others a GET.

mod account;
pub mod generate;
pub mod verdicts;

pub use account::{Account, Ending, Outcome, Seen, Turn, feed, whole};

use std::path::PathBuf;
use std::{fs, io};

use muxfer_core::http::Limits;

use crate::source;

/// The bounds that the corpus is judged with: narrow, so that the files can be small.
pub const LIMITS: Limits = Limits {
    head_bytes: 8 * 1024,
    head_fields: 64,
    informational: 8,
    chunk_extension_bytes: 256,
};

/// A block of the line pool that the corpus is judged with.
pub const BLOCK_BYTES: usize = 1024;

/// All that a server sends on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// What it shows, or the seed that it came from.
    pub name: String,
    /// The bytes; the server closes behind them.
    pub bytes: Vec<u8>,
    /// Was the request a HEAD?
    pub to_head: bool,
}

impl Response {
    /// The answer to a GET.
    #[must_use]
    pub fn to_get(name: &str, bytes: &[u8]) -> Self {
        Self {
            name: name.to_owned(),
            bytes: bytes.to_vec(),
            to_head: false,
        }
    }

    /// The bytes as text for a message; what is not printable is escaped.
    #[must_use]
    pub fn shown(&self) -> String {
        self.bytes.escape_ascii().to_string()
    }
}

/// Where the files are.
#[must_use]
pub fn folder() -> PathBuf {
    source::root().join("tests/corpus")
}

/// All responses of the corpus, in the order of their names.
///
/// # Errors
/// A file can't be read.
pub fn load() -> io::Result<Vec<Response>> {
    let mut responses = Vec::new();
    for entry in fs::read_dir(folder().join("responses"))? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        responses.push(Response {
            bytes: fs::read(&path)?,
            to_head: name.starts_with("head-"),
            name: name.into_owned(),
        });
    }
    responses.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(responses)
}
