//! embedded-tls with the verifier of this project: webpki, roots.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use muxfer_tls_study::embedded::run;
use muxfer_tls_study::verifier::{Settings, Verifier};
use muxfer_tls_study::{HOST, ROOT};
use pki_types::CertificateDer;

#[muxfer_board::entry]
fn main() -> ! {
    let root = CertificateDer::from(ROOT);
    let Ok(anchor) = webpki::anchor_from_trusted_cert(&root) else {
        muxfer_board::exit(2)
    };
    let roots = [anchor];
    let make = |time| Verifier::new(HOST, time, Settings::roots(&roots));
    run("embedded-webpki", make, |verifier| verifier.verified)
}
