//! smoltcp on the host, in virtual time: the platform of `muxfer-embedded`, what it is tested with,
//! and trouble between the two.

mod host;
mod lab;
mod scene;
mod server;
mod wire;

pub use lab::LoopbackLab;
pub use scene::{Scene, Setting};
pub use server::{ADDRESS, NOWHERE, Server, body};
pub use wire::{End, Faults, Wire};
