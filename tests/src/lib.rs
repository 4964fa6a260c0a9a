//! Simulator, rule tests and platform laws of the muxfer workspace.

pub mod contract;
pub mod files;
pub mod fuzz;
pub mod laws;
pub mod nginx;
pub mod program;
pub mod recorder;
pub mod sim;
pub mod sizes;
pub mod source;
pub mod world;
