//! The far ends of secured connections: authorities, servers, and a client to try them with.

mod authority;
mod client;
mod cutter;
mod server;
mod simulated;

pub use authority::{Authority, Issued};
pub use client::{Client, Got};
pub use cutter::Cutter;
pub use server::{Answer, Ending, Server, Shape};
pub use simulated::peer;
