//! muxfer on microcontrollers: the place of the transport for embedded network stacks.
//!
//! The engine needs three things of a platform, all of them in
//! [`platform`](muxfer_core::platform): byte streams that lend their buffers
//! ([`Transport`](muxfer_core::platform::Transport)), a watch on sockets and time
//! ([`Watch`](muxfer_core::platform::Watch)), and names
//! ([`Resolver`](muxfer_core::platform::Resolver)). This crate is where they will be implemented over
//! an embedded stack, whose ring buffers can be lent as they are.
//!
//! # What is here
//! The engine, exported again, so that firmware names one crate; and beside this crate the package
//! `proof`, which links the engine into a static library without std and without an allocator. It is
//! built by `cargo xtask test`.
//!
//! # What is not here yet
//! A transport, a resolver, TLS and examples of firmware. Until then a program for a device writes
//! the three traits itself; `proof/src/nothing.rs` shows which methods there are.
#![no_std]
#![forbid(unsafe_code)]

pub use muxfer_core;

#[cfg(feature = "tls")]
pub mod tls;
