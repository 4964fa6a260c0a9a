//! What the log of the engine is tested with: a peer whose answer is written beforehand, and a logger
//! that keeps the lines.

mod lines;
mod peer;

pub use lines::{Line, take};
pub use peer::{Peer, Session};
