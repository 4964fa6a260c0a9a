//! The engine and none of its features. It is built for each target that it must work on.
#![no_std]

pub use muxfer_core;
