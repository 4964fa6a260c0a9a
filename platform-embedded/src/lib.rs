//! muxfer on microcontrollers: the engine over embedded network stacks, without std, without an
//! allocator and without `unsafe`.
//!
//! # What is here
//! * The engine, exported again, so that firmware names one crate.
//! * `smoltcp` (feature `smoltcp`): the platform over smoltcp, which lends the sockets' own rings.
//! * `tls` (feature `tls`): `https` origins over any of the platforms.
//!
//! Beside this crate the package `proof` links the engine into a static library without std and without
//! an allocator. It is built by `cargo xtask test`.
#![no_std]
#![forbid(unsafe_code)]

mod either;
mod redirect;
pub mod retry;
mod step;
pub mod telemetry;
pub mod update;

pub use either::Either;
pub use muxfer_core;
pub use step::Step;

#[cfg(feature = "smoltcp")]
pub mod smoltcp;

#[cfg(feature = "tls")]
pub mod tls;
