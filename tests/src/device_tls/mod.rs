//! TLS for devices: certificates with all kinds of faults, and servers in memory that show them.

pub mod cases;
pub mod client;
pub mod forger;
pub mod pki;
pub mod server;
pub mod wire;
