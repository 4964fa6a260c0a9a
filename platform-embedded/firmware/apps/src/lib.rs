//! What all examples share: the device with its interface, the loop, the digest, the report.
#![no_std]
#![forbid(unsafe_code)]

pub mod digest;
pub mod limits;
pub mod node;
pub mod report;
pub mod sockets;
pub mod turn;

pub use muxfer_board::once::{Once, Place};
pub use node::Node;
