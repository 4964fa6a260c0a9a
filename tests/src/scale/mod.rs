//! Scale: what a transfer costs when there are very many of them.
//!
//! [`load`] runs an engine in a lean network of memory ([`net`]); [`compare`] and [`count`] say what
//! a transfer costs with ten thousand in the tables and with a million, in time and in instructions.
//! [`crowd`] holds very many real connections to a [`server`] in another process; [`growth`] compares
//! crowds by the memory that each transfer takes. [`threads`] says what several threads gain.

pub mod compare;
pub mod cost;
pub mod count;
pub mod crowd;
pub mod growth;
pub mod load;
pub mod net;
pub mod server;
pub mod threads;

pub(crate) use crowd::backend_word;

/// The most memory for the tables of an engine with a million transfers on 100,000 connections.
pub const MOST_ENGINE_BYTES: usize = 350 * 1024 * 1024;

fn mib(bytes: usize) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}
