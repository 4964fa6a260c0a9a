//! Simulator, rule tests and platform laws of the muxfer workspace.

pub mod contract;
pub mod corpus;
pub mod descriptors;
pub mod device_tls;
pub mod differential;
pub mod files;
pub mod fuzz;
pub mod hostile;
pub mod identity;
pub mod instructions;
pub mod laws;
pub mod mutants;
pub mod nginx;
pub mod program;
pub mod proxy;
pub mod recorder;
pub mod scale;
pub mod sim;
pub mod sizes;
pub mod soak;
pub mod source;
pub mod stack;
pub mod swarm;
pub mod torture;
pub mod world;
