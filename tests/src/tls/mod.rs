//! The far ends of secured connections: authorities, servers, and a client to try them with.

mod authority;
mod client;
mod cutter;
mod server;

pub use authority::{Authority, Issued};
pub use client::{Client, Got};
pub use cutter::{Cutter, records};
pub use server::{Answer, Ending, Server, Shape};
