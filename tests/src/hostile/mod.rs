//! Peers that do all that a peer should not, on real sockets.
//!
//! [`Server`] is one thread with a scripted TCP server; the path of a request names the [`Entry`] of
//! the [`catalogue`] that says what it does. [`runner`] drives a [`Client`] against it, each entry
//! alone and thousands together, and holds each transfer against what its entry says must come of it.

pub mod catalogue;
mod client;
mod conn;
mod intake;
pub mod pattern;
pub mod runner;
mod script;
mod server;
mod system;
mod visitor;

pub use catalogue::{Entry, Outcome};
pub use client::Client;
pub use script::{Act, Ask};
pub use server::{Gate, Server, Tally};
pub use system::{descriptors, raise_descriptor_limit, resident_bytes};
pub use visitor::{Upload, Visitor};
