//! muxfer on microcontrollers: the engine over embedded network stacks, without std, without an
//! allocator and without `unsafe`.
//!
//! # What is here
//! * The engine, exported again, so that firmware names one crate.
//! * `smoltcp` (feature `smoltcp`): the platform over smoltcp, which lends the sockets' own rings.
//! * `tls` (feature `tls`): `https` origins over any of the platforms.
//! * `nal` (feature `nal`): the platform over any stack that implements the traits of embedded-nal.
//! * Ready-made transfers, over any platform: [`update`] brings an image into a flash over resets and
//!   bad networks, [`telemetry`] sends what a callback gives; [`retry`] says when to try again. They
//!   are easy handles, and the application drives them step by step ([`Step`]).
//!
//! Beside this crate the package `proof` links the engine into a static library without std and without
//! an allocator, and the workspace `firmware` has examples that run under QEMU. `cargo xtask test` builds
//! both.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod either;
#[cfg(feature = "nal")]
pub mod nal;
mod redirect;
pub mod retry;
#[cfg(feature = "smoltcp")]
pub mod smoltcp;
mod step;
pub mod telemetry;
#[cfg(feature = "tls")]
pub mod tls;
pub mod update;

pub use either::Either;
pub use muxfer_core;
pub use step::Step;
