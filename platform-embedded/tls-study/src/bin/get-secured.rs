//! A GET with the engine over the TLS of this project.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use muxfer_embedded::tls::{CertificateDer, Settings, anchor_from_trusted_cert};
use muxfer_tls_study::{ROOT, get};

#[muxfer_board::entry]
fn main() -> ! {
    let root = CertificateDer::from(ROOT);
    let Ok(anchor) = anchor_from_trusted_cert(&root) else {
        muxfer_board::exit(2)
    };
    let roots = [anchor];
    get::run("get-secured", Some(&[Settings::roots(&roots)]))
}
