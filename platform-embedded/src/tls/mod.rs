//! HTTPS: TLS 1.3 over any transport, without an allocator.

mod alert;
mod algorithms;
mod hello;
mod line;
mod reader;
mod record;
mod schedule;
mod secured;
mod session;
mod state;
mod trust;

pub use line::{Context, Lines};
pub use pki_types::{CertificateDer, TrustAnchor};
pub use record::MAX_RECORD;
pub use secured::Secured;
pub use trust::{MAX_INTERMEDIATES, Pin, Settings};
pub use webpki::anchor_from_trusted_cert;
