//! What firmware is put through, and what must come of it.

mod fleet;
mod get;
mod ota;
mod telemetry;

/// One of them.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// What it is called.
    pub name: &'static str,
    /// Runs it. What is worth a word, or what went wrong.
    pub run: fn() -> Result<String, String>,
}

/// All of them, quick and telling ones first.
#[must_use]
pub fn all() -> Vec<Scenario> {
    [get::ALL, ota::ALL, fleet::ALL, telemetry::ALL].concat()
}

/// What went wrong, in words.
fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}
