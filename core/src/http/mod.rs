//! One HTTP exchange, pure: bytes in, bytes out, no traits but its sinks.

mod connection;
mod exchange;
mod framing;
mod receive;
mod request;
mod send;

pub use exchange::Exchange;
pub use receive::{HeadEnd, Limits, Progress, Received, Sink};
pub use request::Outgoing;
pub use send::{Sending, Sent};
