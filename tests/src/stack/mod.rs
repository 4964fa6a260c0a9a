//! smoltcp on the host, in virtual time: the platform of `muxfer-embedded`, what it is tested with,
//! and trouble between the two.

mod lab;

pub use lab::LoopbackLab;
