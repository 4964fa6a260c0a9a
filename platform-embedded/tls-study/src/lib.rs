//! What the images share: a blocking stream over smoltcp, numbers, and the certificates.
#![no_std]
#![forbid(unsafe_code)]

pub mod embedded;
pub mod get;
pub mod line;
pub mod numbers;
pub mod own;
pub mod report;
pub mod verifier;

/// The certificate of the root; `run.sh` makes it.
pub const ROOT: &[u8] = include_bytes!("../target/pki/root.der");
/// The SHA-256 of the server's key.
pub const PIN: &[u8; 32] = include_bytes!("../target/pki/pin");
/// What each image asks for; `openssl s_server -www` answers with a page.
pub const REQUEST: &[u8] = b"GET / HTTP/1.0\r\n\r\n";
/// The host that the certificate names.
pub const HOST: &str = "server.test";
