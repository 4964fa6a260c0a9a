//! The client of this project, without the engine: what it costs over the stream alone.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use muxfer_embedded::tls::{CertificateDer, Settings, anchor_from_trusted_cert};
use muxfer_tls_study::ROOT;
use muxfer_tls_study::own::run;

#[muxfer_board::entry]
fn main() -> ! {
    let root = CertificateDer::from(ROOT);
    let Ok(anchor) = anchor_from_trusted_cert(&root) else {
        muxfer_board::exit(2)
    };
    let roots = [anchor];
    run("muxfer-roots", &[Settings::roots(&roots)])
}
