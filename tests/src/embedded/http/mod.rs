//! A server whose answers are scripted, for firmware to fetch from and to send to: a thread for each
//! connection, so that what an answer does can be written down as it happens.

mod request;
mod server;
mod site;

pub use request::Request;
pub use server::Server;
pub use site::{Act, File, Site};
