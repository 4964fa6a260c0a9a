//! The bodies of the fuzz targets: what a fuzzer may feed, and what must hold for it.
//!
//! They are plain functions, so that stable Rust runs the committed cases as tests
//! (`tests/tests/fuzz_corpus.rs`); the targets of `tests/fuzz` only call them. A body panics when
//! something does not hold. It depends on nothing but its bytes.

mod chunked;
mod exchange;
mod head;
mod input;
mod listener;
mod location;
mod reference;
mod request;
mod url;

pub use chunked::chunked;
pub use exchange::exchange;
pub use head::head;
pub use location::location;
pub use url::url;

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// As cargo-fuzz and the folders of the cases know it.
    pub name: &'static str,
    /// Its body.
    pub run: fn(&[u8]),
    /// The most bytes that a case has: enough for every rule, few enough to be fast.
    pub max_len: usize,
}

/// All of them. `tests/fuzz/Cargo.toml` and the folders of the cases agree with it.
pub const TARGETS: &[Target] = &[
    Target {
        name: "head",
        run: head,
        max_len: 1024,
    },
    Target {
        name: "chunked",
        run: chunked,
        max_len: 512,
    },
    Target {
        name: "url",
        run: url,
        max_len: 512,
    },
    Target {
        name: "location",
        run: location,
        max_len: 512,
    },
    Target {
        name: "exchange",
        run: exchange,
        max_len: 1024,
    },
];
