//! Simulator, rule tests and platform laws of the muxfer workspace.

pub mod contract;
pub mod descriptors;
pub mod files;
pub mod laws;
pub mod nginx;
pub mod program;
pub mod proxy;
pub mod recorder;
pub mod sim;
pub mod sizes;
pub mod soak;
pub mod source;
pub mod world;
