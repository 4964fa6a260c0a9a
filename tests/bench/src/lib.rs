//! What the benchmark's clients have in common: what they are told to do, and what they report.

pub mod job;
pub mod report;
