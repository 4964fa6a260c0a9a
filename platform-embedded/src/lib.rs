//! muxfer on microcontrollers.
#![no_std]
#![forbid(unsafe_code)]

pub use muxfer_core as core_engine;
